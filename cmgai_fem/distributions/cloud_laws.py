"""Laws of samples at unseen states, as clouds of equally weighted atoms: CM-GAI, labels fine and coarse, and rivals.

What is a label, a sample or a bundle of them, no cloud tells. With few samples a coupling row by row is that of the
samples that happened to be drawn; bundles, carried as normal laws, forget what is not normal. So the motions of all
grains are superposed: each atom moves to the mean of where it would go, weighted by how near each grain comes to known
clouds that are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cmgai_fem.calibration.trials import sides, trials_for
from cmgai_fem.distributions.carried_mixture import CarriedMixture
from cmgai_fem.distributions.clouds import resized, some
from cmgai_fem.distributions.known_states import (
    Clouds,
    carry_clouds,
    interpolate_normals,
    neighbour,
    normal_law,
)
from cmgai_fem.distributions.measures import wasserstein
from cmgai_fem.distributions.optimal_transport import couple
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array

CloudLaw = Callable[[Clouds, Sequence[float], int], list[Array]]
"""From clouds (K of (N_k, d)), states (T,) and a seed to the atoms (M, d) of each state's law."""
# Atoms that stand for a law.
ATOMS = 500
# Of left-out distances: W2 of random fields is alike from 2 to 8, tails are nearer with a sharper choice.
POWER = 4
CMGAI = "CM-GAI"
BUNDLES = (1, 2, 3)


def row_by_row(clouds: Clouds, targets: Sequence[float], seed: int, order: int | None = None) -> list[Array]:
    """The clouds coupled sample by sample and carried as one motion, every label equally often."""
    return [resized(cloud, ATOMS, np.random.default_rng(seed)) for cloud in carry_clouds(clouds, targets, order)]


def bundled(clouds: Clouds, targets: Sequence[float], seed: int, count: int, order: int = 0) -> list[Array]:
    """Normal laws of so many bundles of labels, which keep their shares and are carried whole.

    Raises:
        InputError: too few samples.
        ConvergenceError: a coupling was not solved to its optimum.
    """
    rng = np.random.default_rng(seed)
    found = replace(CarriedMixture.of(clouds, count), order=order)
    return [found.sample(at, ATOMS, rng) for at in targets]


def grains(order: int | None = None) -> dict[str, CloudLaw]:
    """Labels fine and coarse; carried by a least force of one order where it is given, as far as the clouds bear it."""
    bundles = {f"{count} bundle{'s' * (count > 1)}": count for count in BUNDLES}
    carried = partial(bundled, order=0 if order is None else order)
    each: dict[str, CloudLaw] = {name: partial(carried, count=count) for name, count in bundles.items()}
    return {"row by row": partial(row_by_row, order=order), **each}


GRAINS = grains()


@dataclass(frozen=True)
class WeighedGrains:
    """CM-GAI: the Wasserstein mean of the laws that the grains make.

    Args:
        weights: of the grains; those without weight are not made.
    """

    weights: Mapping[str, float]

    @classmethod
    def weighed(cls, errors: Mapping[str, float], power: float = POWER) -> "WeighedGrains":
        """By a power of the inverse left-out distances, 0 for equal ones; none where they are infinite.

        Source: Bates and Granger, Oper. Res. Q. 20 (1969), who take the second power; the power is ours.
        """
        least = min(errors.values())
        near = {name: 1.0 if error <= least else least / error for name, error in errors.items()}
        each = {name: ratio**power if ratio > 0.0 else 0.0 for name, ratio in near.items()}
        return cls({name: weight / sum(each.values()) for name, weight in each.items()})

    def __call__(self, clouds: Clouds, targets: Sequence[float], seed: int) -> list[Array]:
        """The atoms of each state's law; see `CloudLaw`."""
        made = {name: GRAINS[name](clouds, targets, seed) for name, weight in self.weights.items() if weight > 0.0}
        return [self.mean({name: every[row] for name, every in made.items()}) for row in range(len(targets))]

    def mean(self, atoms: Mapping[str, Array]) -> Array:
        """The mean of the grains' atoms (M, d) at a state, each coupled to those of the heaviest.

        Source: Alvarez-Esteban et al., J. Math. Anal. Appl. 441 (2016), one step of the iteration to the barycentre.
        """
        pivot, *rest = sorted(
            (name for name in atoms if self.weights[name] > 0.0), key=lambda name: -self.weights[name]
        )
        mean = self.weights[pivot] * atoms[pivot]
        for name in rest:
            mean += self.weights[name] * couple(atoms[pivot], atoms[name]).images
        return mean


def superposed(clouds: Clouds, targets: Sequence[float], seed: int) -> list[Array]:
    """CM-GAI of clouds, the grains weighed for states between the known ones and beyond them by clouds left out.

    Raises:
        InputError: fewer than three clouds.
        ConvergenceError: a coupling was not solved to its optimum.
    """
    made: dict[float, Array] = {}
    for group in sides(clouds.known, targets):
        side = [float(point[0]) for point in group]
        rows = trials_for(clouds.known, side).tolist()
        errors = {name: left_out_distance(law, clouds, rows, seed) for name, law in GRAINS.items()}
        made |= dict(zip(side, WeighedGrains.weighed(errors)(clouds, side, seed), strict=True))
    return [made[float(at)] for at in targets]


def left_out_distance(law: CloudLaw, clouds: Clouds, rows: Sequence[int], seed: int) -> float:
    """Root mean square W2 to the clouds in some rows, one left out at a time; infinite where the others make no law."""
    squares = []
    for row in rows:
        made = attempt(law, clouds.without(row), float(clouds.states[row]), seed)
        if made is None:
            return np.inf
        squares.append(wasserstein(some(made), some(clouds.values[row])).second ** 2)
    return float(np.sqrt(np.mean(squares)))


def attempt(law: CloudLaw, clouds: Clouds, at: float, seed: int) -> Array | None:
    """The atoms (M, d) of a law at a state; None where the clouds are too few or too small for it."""
    try:
        return law(clouds, [at], seed)[0]
    except (InputError, np.linalg.LinAlgError):
        return None


def normal_laws(clouds: Clouds, targets: Sequence[float], seed: int) -> list[Array]:
    """One normal law a known state, McCann's interpolation between neighbours."""
    rng = np.random.default_rng(seed)
    normals = [normal_law(cloud) for cloud in clouds.values]
    laws = [interpolate_normals(clouds.states, normals, at) for at in targets]
    return [rng.multivariate_normal(law.mean, law.covariance, ATOMS, method="cholesky") for law in laws]


def nearest(clouds: Clouds, targets: Sequence[float], seed: int) -> list[Array]:
    """The cloud of the nearest known state as it is."""
    return [clouds.values[int(np.argmin(np.abs(clouds.states - at)))] for at in targets]


def straight(clouds: Clouds, targets: Sequence[float], seed: int) -> list[Array]:
    """Wasserstein interpolation: the two neighbours' clouds, coupled, along straight ways and on beyond the ends."""
    made = []
    for at in targets:
        left = neighbour(clouds.states, at)
        pair = Clouds(clouds.states[left : left + 2], clouds.values[left : left + 2])
        made.append(carry_clouds(pair, [at])[0])
    return made


RIVALS: dict[str, CloudLaw] = {
    "nearest state": nearest,
    "Wasserstein interpolation": straight,
    "normal per state": normal_laws,
}
