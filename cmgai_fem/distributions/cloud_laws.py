"""Laws of samples at unseen states, as clouds of equally weighted atoms: three ways to make them, and two rivals."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from cmgai_fem.distributions.carried_mixture import CarriedMixture
from cmgai_fem.distributions.known_states import (
    Clouds,
    carry_clouds,
    interpolate_normals,
    neighbour,
    normal_law,
)
from cmgai_fem.states.labels import Array

CloudLaw = Callable[[Clouds, Sequence[float], int], list[Array]]
"""From clouds (K of (N_k, d)), states (T,) and a seed to the atoms (M, d) of each state's law."""
# Atoms that stand for a law, and couplings of samples drawn anew that their number is reached by, at most.
ATOMS, COUPLINGS = 1000, 20


def carried(clouds: Clouds, targets: Sequence[float], seed: int) -> list[Array]:
    """CM-GAI: the clouds coupled by optimal transport and carried as one motion; so are bootstrap samples of them.

    One coupling gives as many atoms as the largest cloud has; who is coupled to whom depends on who was drawn, and the
    mean over other draws has as many more (bagging).

    Source: Breiman, Machine Learning 24 (1996), for the mean over bootstrap samples.
    """
    rng = np.random.default_rng(seed)
    more = min(COUPLINGS, ATOMS // max(map(len, clouds.values))) - 1
    every = [clouds, *(_drawn_anew(clouds, rng) for _ in range(more))]
    return list(np.concatenate([carry_clouds(one, targets) for one in every], axis=1))


def _drawn_anew(clouds: Clouds, rng: np.random.Generator) -> Clouds:
    return Clouds(clouds.states, [cloud[rng.integers(len(cloud), size=len(cloud))] for cloud in clouds.values])


def normal_laws(clouds: Clouds, targets: Sequence[float], seed: int) -> list[Array]:
    """One normal law a known state, McCann's interpolation between neighbours."""
    rng = np.random.default_rng(seed)
    normals = [normal_law(cloud) for cloud in clouds.values]
    laws = [interpolate_normals(clouds.states, normals, at) for at in targets]
    return [rng.multivariate_normal(law.mean, law.covariance, ATOMS, method="cholesky") for law in laws]


def mixture(clouds: Clouds, targets: Sequence[float], seed: int, components: int) -> list[Array]:
    """A normal mixture whose components keep their shares and are carried as bundles of labels.

    Raises:
        InputError: too few samples.
        ConvergenceError: a coupling was not solved to its optimum.
    """
    rng = np.random.default_rng(seed)
    found = CarriedMixture.of(clouds, components)
    return [found.sample(at, ATOMS, rng) for at in targets]


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


# In this order the first is taken whose left-out distance is not clearly above the least.
LAWS: dict[str, CloudLaw] = {
    "CM-GAI": carried,
    "mixture of 2": partial(mixture, components=2),
    "normal per state": normal_laws,
    "mixture of 3": partial(mixture, components=3),
}
RIVALS: dict[str, CloudLaw] = {"nearest state": nearest, "Wasserstein interpolation": straight}
