"""The ways of making digits that the digits study compares, each from the same training images."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from cmgai_fem.distributions.flow_matching import FlowNetwork, fit_flows, integrate
from cmgai_fem.distributions.probability_flow import fit_scores
from cmgai_fem.distributions.training import Budget
from cmgai_fem.study.file import Table
from cmgai_fem.study.pipelines import Tools

from .density_motion import ClassNormals, classwise_energy_distance, fit_motion
from .images import CLASSES, Digits, Folds, ImageSpace, dealt_back, one_hot

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

CMGAI, FLOW, SCORE = "CM-GAI", "flow matching", "probability-flow ODE"
NORMAL, COPIES = "normal per class", "training images"
METHODS = (CMGAI, FLOW, SCORE, NORMAL, COPIES)
# Points that are carried to judge a network by the images left out.
CHECKED = 500
# Steps of the flow that carries points back to noise for their density.
DENSITY_STEPS = 10


class Settings(Table):
    """Sizes of the networks and of their training.

    Args:
        components: principal components kept.
        hidden: units of each hidden layer of every network.
        steps: most optimiser steps.
        batch: samples a step.
        learning_rate: first step size.
        folds: networks of each method; each leaves one fold of the images out.
        stiffnesses: laws that CM-GAI tries.
        sharing: samples that the covariance pooled over the classes counts for, beside a class's own.
    """

    components: int = Field(ge=2)
    hidden: list[int] = Field(min_length=1)
    steps: int = Field(ge=1)
    batch: int = Field(ge=10)
    learning_rate: float = Field(gt=0.0)
    folds: int = Field(ge=2)
    stiffnesses: list[float] = Field(min_length=1)
    sharing: float = Field(ge=0.0)

    def budget(self, trainings: Path) -> Budget:
        """The same for every network; trainings are kept in a folder."""
        return Budget(self.steps, self.batch, self.learning_rate, folder=trainings)


@dataclass(frozen=True)
class Generated:
    """Images of one method.

    Args:
        method: its name.
        images: (n, 64) grey values, not clipped.
        training_seconds: of all its networks [s].
        sampling_seconds: of drawing the n images [s].
        parameters: of one network.
        way: (T, m, 64) the first m images on their way from noise, empty for a method without one.
        note: what was calibrated.
        log_density: logarithm (n,) of the mean density of the networks' laws in the principal components, at images
            (n, 64) of digits (n,); None for a method without one.
        folded: share of the images about which the motion from noise folds somewhere on its way; None where none moves.
    """

    method: str
    images: Array
    training_seconds: float
    sampling_seconds: float
    parameters: int
    way: Array
    note: str = ""
    log_density: Callable[[Array, IntArray], Array] | None = None
    folded: float | None = None


def generate_all(
    digits: Digits, labels: IntArray, settings: Settings, seed: int, tools: Tools, frames: int, shown: int
) -> list[Generated]:
    """Images of the digits `labels` (n,) by every method; n must be a multiple of ten times the folds."""
    device, budget = torch.device(tools.device), settings.budget(tools.folder / "training")
    space = ImageSpace.of(digits.images, settings.components)
    features = space.features(digits.images)
    folds = Folds.of(features, digits.labels, settings.folds, seed, device)
    rng = np.random.default_rng([seed, 31])
    noise = torch.randn(
        folds.members, len(labels) // folds.members, features.shape[1],
        generator=torch.Generator().manual_seed(seed + 101), dtype=folds.u.dtype,
    ).to(device)  # fmt: skip
    x = one_hot(labels, folds.members, device)
    drawn = []
    for name, fit in ((CMGAI, _motion), (FLOW, _flow), (SCORE, _score)):
        start = time.perf_counter()
        fitted = fit(folds, settings, budget, seed)
        trained = time.perf_counter()
        images = space.images(dealt_back(fitted.carry(x, noise, 1.0)))
        seconds = time.perf_counter() - trained
        way = [space.images(dealt_back(fitted.carry(x, noise, s))[:shown]) for s in np.linspace(0.0, 1.0, frames)]
        folded = None if fitted.folded is None else float(fitted.folded(noise, x).double().mean())
        likely = None if fitted.log_density is None else partial(_mean_density, space, fitted.log_density, folds)
        told = (name, images, trained - start, seconds, fitted.parameters, np.stack(way), fitted.note, likely, folded)
        drawn.append(Generated(*told))
    none = np.zeros((0, shown, images.shape[1]))
    start = time.perf_counter()
    laws = ClassNormals.of(features, digits.labels, CLASSES, settings.sharing)
    images = space.images(laws.carry(rng.normal(size=(len(labels), features.shape[1])), labels))
    seconds = time.perf_counter() - start

    def density(at: Array, which: IntArray) -> Array:
        return laws.log_density(space.features(at), which)

    drawn.append(Generated(NORMAL, images, 0.0, seconds, 0, none, log_density=density))
    rows = [rng.choice(np.flatnonzero(digits.labels == label)) for label in labels]
    drawn.append(Generated(COPIES, digits.images[rows], 0.0, 0.0, 0, none))
    return drawn


# Carries unit noise (M, n, d) in classes (M, n, C) to pseudo-time s in [0, 1].
Carry = Callable[[Tensor, Tensor, float], Tensor]


@dataclass(frozen=True)
class Fitted:
    """The networks of one method.

    Args:
        carry: from noise to images.
        parameters: of one network.
        note: what was calibrated.
        log_density: of each network's law (M, n) at points (M, n, d) in classes (M, n, C).
        folded: whether the motion folds about a label (M, n, d) in classes (M, n, C) on its way.
    """

    carry: Carry
    parameters: int
    note: str
    log_density: Callable[[Tensor, Tensor], Tensor] | None = None
    folded: Callable[[Tensor, Tensor], Tensor] | None = None


def _mean_density(
    space: ImageSpace, each: Callable[[Tensor, Tensor], Tensor], folds: Folds, images: Array, labels: IntArray
) -> Array:
    """Logarithm (n,) of the mean over the networks of the density of their laws."""
    points, hot = (
        torch.as_tensor(part, dtype=folds.u.dtype, device=folds.u.device).expand(folds.members, -1, -1)
        for part in (space.features(images), np.eye(CLASSES)[labels])
    )
    found = each(points, hot).double()
    return np.asarray((torch.logsumexp(found, dim=0) - np.log(folds.members)).cpu().numpy())


def _motion(folds: Folds, settings: Settings, budget: Budget, seed: int) -> Fitted:
    motion = fit_motion(folds, settings.hidden, settings.stiffnesses, budget, settings.sharing, seed)

    def carry(x: Tensor, noise: Tensor, s: float) -> Tensor:
        return motion.displaced(noise, x, s)

    parameters, note = motion.network.parameters_per_member(), f"stiffness {motion.stiffness:g}"
    return Fitted(carry, parameters, note, motion.log_density, motion.folded)


def _pairs(folds: Folds) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    return [folds.x, folds.u], [folds.left_x, folds.left_u]


def _left_out_distance(folds: Folds, seed: int) -> Callable[[Carry], Tensor]:
    """Energy distance (M,) of what a method carries to the images left out, by which CM-GAI is stopped, too.

    By its own loss on few images flow matching stops before it has learnt the digit. So does the score network, but
    that comes out far worse in energy distance when stopped by this.
    """
    kinds = torch.eye(CLASSES, dtype=folds.u.dtype).repeat(CHECKED // CLASSES, 1).expand(folds.members, -1, -1)
    generator = torch.Generator().manual_seed(seed + 211)
    noise = torch.randn(folds.members, CHECKED, folds.u.shape[-1], generator=generator, dtype=folds.u.dtype)
    x, start = kinds.to(folds.u.device), noise.to(folds.u.device)

    def distance(carry: Carry) -> Tensor:
        return classwise_energy_distance(carry(x, start, 1.0), x, folds.left_u, folds.left_x)

    return distance


def _flow(folds: Folds, settings: Settings, budget: Budget, seed: int) -> Fitted:
    training, left = _pairs(folds)
    seeds = [seed + member for member in range(folds.members)]
    distance = _left_out_distance(folds, seed)

    def carry(network: FlowNetwork, x: Tensor, noise: Tensor, s: float) -> Tensor:
        condition = network.condition.apply(x)

        def rate(time: Tensor, point: Tensor) -> Tensor:
            return network.velocity(condition, point, time.expand(*point.shape[:-1], 1))

        if s == 0.0:
            return network.value.undo(noise)
        with torch.no_grad():
            return network.value.undo(integrate(rate, noise, 0.0, s, max(1, round(20 * s))))

    network, record = fit_flows(
        settings.hidden, training, left, seeds, budget, lambda trained: distance(partial(carry, trained))
    )
    parameters, note = network.network.parameters_per_member(), f"steps kept {_steps(record.step)}"
    return Fitted(partial(carry, network), parameters, note, lambda u, x: network.log_prob(x, u, DENSITY_STEPS))


def _score(folds: Folds, settings: Settings, budget: Budget, seed: int) -> Fitted:
    training, left = _pairs(folds)
    seeds = [seed + member for member in range(folds.members)]
    network, record = fit_scores(settings.hidden, training, left, seeds, budget)

    def carry(x: Tensor, noise: Tensor, s: float) -> Tensor:
        # Equal steps of s are equal steps in the square root of time.
        return network.value.undo(noise) if s == 0.0 else network.path(x, noise, reached=s)

    return Fitted(carry, network.network.parameters_per_member(), f"steps kept {_steps(record.step)}")


def _steps(kept: Tensor) -> str:
    return f"{int(kept.min())} to {int(kept.max())}"
