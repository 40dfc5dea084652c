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
from cmgai_fem.errors import ConvergenceError

from .images import CLASSES, Folds

Array = NDArray[np.float64]
# Newton's method for the label of a point: steps, halvings of each, and how near is found.
NEWTON_STEPS, HALVINGS, FOUND = 40, 6, 1e-3
# Of an eigenvalue: its imaginary part that is none.
ROUNDING = 1e-9


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

    def log_density(self, points: Array, classes: NDArray[np.int64]) -> Array:
        """Logarithm (n,) of the class's normal density at points (n, d)."""
        labels = np.linalg.solve(self.roots[classes], (points - self.means[classes])[..., None])[..., 0]
        half = np.linalg.slogdet(self.roots)[1][classes] + 0.5 * points.shape[1] * np.log(2.0 * np.pi)
        return np.asarray(-0.5 * (labels**2).sum(axis=1) - half)


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

    def gradient(self, labels: Tensor, x: Tensor) -> Tensor:
        """Deformation gradient F = dx/dX (M, n, d, d) at s = 1, exact; at s it is (1 - s) I + s F."""
        inputs, dimension = torch.cat([labels, x], dim=-1), labels.shape[-1]
        columns = []
        for axis in range(dimension):
            direction = torch.zeros_like(inputs)
            direction[..., axis] = 1.0
            with torch.no_grad():
                columns.append(self.network.derivatives(inputs, direction)[0])
        return self._roots(x) + torch.stack(columns, dim=-1)

    def folded(self, labels: Tensor, x: Tensor) -> Tensor:
        """Whether J = det((1 - s) I + s F) is not positive at some s in [0, 1], at each label (M, n).

        It is zero at s where F has the eigenvalue (s - 1) / s, and starts at one.
        """
        values = torch.linalg.eigvals(self.gradient(labels, x).double())
        return ((values.imag.abs() <= ROUNDING * values.abs()) & (values.real <= 0.0)).any(dim=-1)

    def log_density(self, points: Tensor, x: Tensor) -> Tensor:
        """Logarithm of the carried density (M, n) at points (M, n, d) in classes x: rho = rho0 / J at their labels.

        Raises:
            ConvergenceError: points whose label is not found, or where the labels have crossed.
        """
        labels = self.labels_of(points, x)
        sign, logarithm = torch.linalg.slogdet(self.gradient(labels, x).double())
        if not bool((sign > 0.0).all()):
            raise ConvergenceError(
                f"J <= 0 at {int((sign <= 0.0).sum())} of {sign.numel()} points: labels have crossed"
            )
        normal = torch.distributions.Normal(0.0, 1.0)
        return normal.log_prob(labels.double()).sum(dim=-1) - logarithm

    def labels_of(self, points: Tensor, x: Tensor) -> Tensor:
        """Labels (M, n, d) that the motion carries to points at s = 1: Newton's method from the affine maps' own."""
        means = torch.as_tensor(np.stack([law.means for law in self.normals]), dtype=points.dtype)
        labels = torch.linalg.solve(self._roots(x), (points - x @ means.to(points.device)).unsqueeze(-1)).squeeze(-1)
        off = self.displaced(labels, x) - points
        for _ in range(NEWTON_STEPS):
            step = torch.linalg.solve(self.gradient(labels, x), off.unsqueeze(-1)).squeeze(-1)
            damping = torch.ones_like(off[..., :1])
            for _ in range(HALVINGS):
                tried = self.displaced(labels - damping * step, x) - points
                worse = tried.norm(dim=-1, keepdim=True) > off.norm(dim=-1, keepdim=True)
                damping = torch.where(worse, 0.5 * damping, damping)
            labels = labels - damping * step
            off = self.displaced(labels, x) - points
            if float(off.norm(dim=-1).max()) < FOUND:
                return labels
        lost = int((off.norm(dim=-1) >= FOUND).sum())
        raise ConvergenceError(f"the labels of {lost} of {off[..., 0].numel()} points are not found")

    def _roots(self, x: Tensor) -> Tensor:
        """(M, n, d, d) gradients of the affine maps."""
        roots = torch.as_tensor(np.stack([law.roots for law in self.normals]), dtype=x.dtype, device=x.device)
        return torch.einsum("mnc,mcij->mnij", x, roots)


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
        The motions with the chosen stiffness; one whose labels cross is none.

    Raises:
        ConvergenceError: labels cross under every law.
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

    def loss(generator: torch.Generator) -> Tensor:
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

    record = train_stacked(network, loss, unseen, seed, budget)
    for chosen in record.validation.view(count, members).mean(dim=1).argsort().tolist():
        part = network.part(slice(chosen * members, (chosen + 1) * members))
        motion = DensityMotion(normals, part, stiffnesses[chosen], record)
        at = check.inputs.expand(members, -1, -1)
        if not bool(motion.folded(at[..., :dimension], at[..., dimension:]).any()):
            return motion
    raise ConvergenceError("every motion folds: J <= 0 under all stiffnesses; try a stiffer law")


def _arrays(points: Tensor, x: Tensor) -> tuple[Array, NDArray[np.int64]]:
    return points.cpu().numpy().astype(np.float64), x.argmax(dim=-1).cpu().numpy()
