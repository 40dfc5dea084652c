"""CM-GAI in density mode: a normal cloud of labels is carried to a cloud of data by a continuum's motion.

Two states are known: at s = 0 the normal cloud, at s = 1 the data, of which only the density is known. Between two
states the least force is none: the motion is `x = X + s u(X)`, straight at constant speed. What remains is the
displacement. It is McCann's optimal (affine) map to a normal law of the class, plus a correction by a network: the one
whose push-forward agrees with the data in energy distance while its elastic (membrane) energy is low. A soft law lets
the cloud fall onto the data, image by image; a stiff one leaves the normal law. The stiffness is calibrated on images
left out.

The law acting on the correction alone, its static balance at s = 1, and the energy distance as the misfit of a density
known by samples are our choices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.covariance import oas
from torch import Tensor

from cmgai_fem.distributions.networks import StackedPerceptron
from cmgai_fem.distributions.training import Budget, TrainingRecord, draw_rows, train_stacked

from .images import CLASSES, Folds

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ClassNormals:
    """A normal law for each class, and the affine optimal map to it from the unit normal cloud.

    Args:
        means: (C, d).
        roots: (C, d, d) symmetric square roots of the covariances.
    """

    means: Array
    roots: Array

    @classmethod
    def of(cls, points: Array, classes: NDArray[np.int64], count: int, sharing: float) -> "ClassNormals":
        """Means and shrunk covariances of points (n, d).

        Args:
            points: data.
            classes: (n,) class of each; every class must occur.
            count: number of classes C.
            sharing: prior weight of the covariance pooled over the classes, in samples a class.

        Source: oracle approximating shrinkage, Chen et al., IEEE Trans. Signal Process. 58 (2010).
        """
        means = np.stack([points[classes == k].mean(axis=0) for k in range(count)])
        away = points - means[classes]
        # Deviations from estimated means are too small by (n - C) / n.
        pooled = oas(away, assume_centered=True)[0] * len(points) / max(len(points) - count, 1)
        roots = []
        for k in range(count):
            own = away[classes == k]
            mixed = (own.T @ own + sharing * pooled) / (max(len(own) - 1, 0) + sharing)
            values, vectors = np.linalg.eigh(mixed)
            roots.append((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
        return cls(means, np.stack(roots))

    def carry(self, labels: Array, classes: NDArray[np.int64]) -> Array:
        """Images (n, d) of labels (n, d) under the affine maps."""
        return self.means[classes] + np.einsum("nij,nj->ni", self.roots[classes], labels)


@dataclass(frozen=True)
class DensityMotion:
    """M motions from the normal cloud to data, one for each fold.

    Args:
        normals: M class-wise normal laws.
        network: correction of the displacement, M members.
        stiffness: of the law that holds the correction down, in units of the misfit.
        record: of the training.
    """

    normals: Sequence[ClassNormals]
    network: StackedPerceptron
    stiffness: float
    record: TrainingRecord

    def displaced(self, labels: Tensor, x: Tensor, s: float = 1.0) -> Tensor:
        """Positions (M, n, d) at pseudo-time s of labels (M, n, d) in classes x (M, n, C)."""
        base = affine_images(self.normals, labels, x)
        with torch.no_grad():
            end = base + self.network(torch.cat([labels, x], dim=-1))
        return labels + s * (end - labels)


def affine_images(normals: Sequence[ClassNormals], labels: Tensor, x: Tensor) -> Tensor:
    """Images (M, n, d) of labels under each member's own affine maps."""
    classes = x.argmax(dim=-1).cpu().numpy()
    moved = [
        item.carry(part, which)
        for item, part, which in zip(normals, labels.cpu().numpy().astype(np.float64), classes, strict=True)
    ]
    return torch.as_tensor(np.stack(moved), dtype=labels.dtype, device=labels.device)


@dataclass(frozen=True)
class Cloud:
    """Labels with the images that the affine maps give them.

    Args:
        inputs: (P, d + C) labels and one-hot classes, what the network sees; the same for all members.
        base: (M, P, d) images under each member's own affine maps.
    """

    inputs: Tensor
    base: Tensor

    @classmethod
    def draw(cls, normals: Sequence[ClassNormals], count: int, rng: np.random.Generator, like: Tensor) -> "Cloud":
        """`count` labels, the classes in turn."""
        classes = np.arange(count) % len(normals[0].means)
        labels = rng.normal(size=(count, normals[0].means.shape[1]))
        inputs = np.concatenate([labels, np.eye(len(normals[0].means))[classes]], axis=1)
        base = np.stack([laws.carry(labels, classes) for laws in normals])
        return cls(*(torch.as_tensor(part, dtype=like.dtype, device=like.device) for part in (inputs, base)))


def classwise_energy_distance(points: Tensor, kinds: Tensor, data: Tensor, data_kinds: Tensor) -> Tensor:
    """Energy distance (M,) between points and data of the same class, without the data's own constant term.

    Args:
        points: (M, B, d).
        kinds: (M, B, C) their classes, one-hot.
        data: (M, D, d).
        data_kinds: (M, D, C).
    """
    across = kinds @ data_kinds.mT
    among = kinds @ kinds.mT
    among = among - torch.diag_embed(among.diagonal(dim1=1, dim2=2))
    first = (across * torch.cdist(points, data)).sum(dim=(1, 2)) / across.sum(dim=(1, 2))
    second = (among * torch.cdist(points, points)).sum(dim=(1, 2)) / among.sum(dim=(1, 2))
    return 2.0 * first - second


def fit_motion(
    folds: Folds, hidden: Sequence[int], stiffnesses: Sequence[float], budget: Budget, sharing: float, seed: int
) -> DensityMotion:
    """Fit the motions of all folds for every stiffness side by side, and choose the stiffness.

    The loss is the class-wise energy distance of the carried cloud to the data, plus the stiffness times
    `E |grad g . v|^2 / d`, with g the correction and v random normal directions (the membrane energy).

    Args:
        folds: training points, and those left out: by their energy distance weights are kept and the stiffness, the
            same for all folds, is chosen.
        hidden: units of each hidden layer.
        stiffnesses: laws to try.
        budget: steps and batch.
        sharing: see `ClassNormals.of`.
        seed: of labels, weights and batches.

    Returns:
        The motions with the chosen stiffness.
    """
    rng = np.random.default_rng(seed)
    count, members, dimension = len(stiffnesses), folds.members, folds.u.shape[-1]
    normals = [ClassNormals.of(*_arrays(folds.u[m], folds.x[m]), CLASSES, sharing) for m in range(members)]
    pool, check = Cloud.draw(normals, 40 * budget.batch, rng, folds.u), Cloud.draw(normals, 500, rng, folds.u)
    repeated = [part.repeat(count, 1, 1) for part in (folds.u, folds.x, folds.left_u, folds.left_x)]
    pool_base, check_base = pool.base.repeat(count, 1, 1), check.base.repeat(count, 1, 1)
    stiffness = torch.tensor(stiffnesses, dtype=folds.u.dtype, device=folds.u.device).repeat_interleave(members)
    network = StackedPerceptron(
        [dimension + CLASSES, *hidden, dimension], [seed + m for m in range(members)] * count,
        folds.u.dtype, folds.u.device,
    )  # fmt: skip
    with torch.no_grad():
        network.weights[-1].mul_(0.1)
    generator = torch.Generator().manual_seed(seed)

    def loss() -> Tensor:
        rows = torch.randint(pool.inputs.shape[0], (budget.batch,), generator=generator).to(folds.u.device)
        at = pool.inputs[rows].expand(count * members, -1, -1)
        data, kinds = draw_rows(repeated[:2], 2 * budget.batch, generator)
        misfit = classwise_energy_distance(pool_base[:, rows] + network(at), at[..., dimension:], data, kinds)
        direction = torch.zeros_like(at)
        drawn = torch.randn(budget.batch, dimension, generator=generator, dtype=at.dtype)
        direction[..., :dimension] = drawn.to(at.device)
        return misfit + stiffness * network.derivatives(at, direction)[0].square().mean(dim=(1, 2))

    def unseen() -> Tensor:
        at = check.inputs.expand(count * members, -1, -1)
        return classwise_energy_distance(check_base + network(at), at[..., dimension:], repeated[2], repeated[3])

    record = train_stacked(network, loss, unseen, budget)
    chosen = int(record.validation.view(count, members).mean(dim=1).argmin())
    rows = slice(chosen * members, (chosen + 1) * members)
    return DensityMotion(normals, network.part(rows), stiffnesses[chosen], record)


def _arrays(points: Tensor, x: Tensor) -> tuple[Array, NDArray[np.int64]]:
    return points.cpu().numpy().astype(np.float64), x.argmax(dim=-1).cpu().numpy()
