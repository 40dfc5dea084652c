"""The ways of making digits that the digits study compares, each from the same training images."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from cmgai_fem.distributions.flow_matching import FlowNetwork, fit_flows, integrate
from cmgai_fem.distributions.probability_flow import fit_scores
from cmgai_fem.distributions.training import Budget
from cmgai_fem.study.file import Table

from .density_motion import ClassNormals, classwise_energy_distance, fit_motion
from .images import CLASSES, Digits, Folds, ImageSpace, dealt_back, one_hot

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

CMGAI, FLOW, SCORE = "CM-GAI", "flow matching", "probability-flow ODE"
NORMAL, COPIES = "normal per class", "training images"
METHODS = (CMGAI, FLOW, SCORE, NORMAL, COPIES)
# Points that are carried to judge a network by the images left out.
CHECKED = 500


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

    @property
    def budget(self) -> Budget:
        """The same for every network."""
        return Budget(self.steps, self.batch, self.learning_rate)


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
    """

    method: str
    images: Array
    training_seconds: float
    sampling_seconds: float
    parameters: int
    way: Array
    note: str = ""


def generate_all(
    digits: Digits, labels: IntArray, settings: Settings, seed: int, device: torch.device, frames: int, shown: int
) -> list[Generated]:
    """Images of the digits `labels` (n,) by every method; n must be a multiple of ten times the folds."""
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
        carry, parameters, note = fit(folds, settings, seed)
        trained = time.perf_counter()
        images = space.images(dealt_back(carry(x, noise, 1.0)))
        seconds = time.perf_counter() - trained
        way = [space.images(dealt_back(carry(x, noise, s))[:shown]) for s in np.linspace(0.0, 1.0, frames)]
        drawn.append(Generated(name, images, trained - start, seconds, parameters, np.stack(way), note))
    none = np.zeros((0, shown, images.shape[1]))
    start = time.perf_counter()
    laws = ClassNormals.of(features, digits.labels, CLASSES, settings.sharing)
    images = space.images(laws.carry(rng.normal(size=(len(labels), features.shape[1])), labels))
    drawn.append(Generated(NORMAL, images, 0.0, time.perf_counter() - start, 0, none))
    rows = [rng.choice(np.flatnonzero(digits.labels == label)) for label in labels]
    drawn.append(Generated(COPIES, digits.images[rows], 0.0, 0.0, 0, none))
    return drawn


# Carries unit noise (M, n, d) in classes (M, n, C) to pseudo-time s in [0, 1].
Carry = Callable[[Tensor, Tensor, float], Tensor]


def _motion(folds: Folds, settings: Settings, seed: int) -> tuple[Carry, int, str]:
    motion = fit_motion(
        folds, settings.hidden, settings.stiffnesses, settings.budget, settings.sharing, seed
    )  # fmt: skip

    def carry(x: Tensor, noise: Tensor, s: float) -> Tensor:
        return motion.displaced(noise, x, s)

    return carry, motion.network.parameters_per_member(), f"stiffness {motion.stiffness:g}"


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


def _flow(folds: Folds, settings: Settings, seed: int) -> tuple[Carry, int, str]:
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
        settings.hidden, training, left, seeds, settings.budget, lambda trained: distance(partial(carry, trained))
    )
    return partial(carry, network), network.network.parameters_per_member(), f"steps kept {_steps(record.step)}"


def _score(folds: Folds, settings: Settings, seed: int) -> tuple[Carry, int, str]:
    training, left = _pairs(folds)
    seeds = [seed + member for member in range(folds.members)]
    network, record = fit_scores(settings.hidden, training, left, seeds, settings.budget)

    def carry(x: Tensor, noise: Tensor, s: float) -> Tensor:
        # Equal steps of s are equal steps in the square root of time.
        return network.value.undo(noise) if s == 0.0 else network.path(x, noise, reached=s)

    return carry, network.network.parameters_per_member(), f"steps kept {_steps(record.step)}"


def _steps(kept: Tensor) -> str:
    return f"{int(kept.min())} to {int(kept.max())}"
