"""Normal mixtures at a few known states whose components are bundles of labels, so that they keep their shares.

At unseen states their means lie on the spline of least force, their covariances on McCann's interpolation.

Which sample of one state belongs to which of another, no sample tells; optimal transport does, and expectation
maximisation goes on from there, with the shares of all states one. Shares by conservation of probability are what a
mixture that is fitted state by state, or by a network of the state, gets wrong first.

Source: Dempster, Laird and Rubin, J. R. Stat. Soc. B 39 (1977), for the iteration; that the components share their
probabilities over the states is our choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import stats
from scipy.special import logsumexp
from sklearn.cluster import KMeans

from cmgai_fem.distributions.clouds import resized
from cmgai_fem.distributions.known_states import Clouds, interpolate_normals, normal_law
from cmgai_fem.distributions.optimal_transport import Gaussian, label_clouds
from cmgai_fem.errors import InputError
from cmgai_fem.motions.line import Line
from cmgai_fem.states.labels import Array

# Of the iteration: the least gain of the mean log likelihood that another step is worth.
ITERATIONS, SETTLED = 100, 1e-5
# Of the samples' deviation: no component is narrower.
NARROWEST = 0.01


@dataclass(frozen=True)
class CarriedMixture:
    """Normal mixtures along a state coordinate.

    Args:
        states: (S,) known ones, increasing.
        shares: (K,) of the components, the same at every state.
        normals: K lists of S normal laws.
        order: of the least force that carries their means.
    """

    states: Array
    shares: Array
    normals: Sequence[Sequence[Gaussian]]
    order: int = 0

    @classmethod
    def of(cls, clouds: Clouds, components: int) -> Self:
        """The mixture of so many components that makes samples most likely.

        Args:
            clouds: the samples, in units in which distances count alike.
            components: K.

        Raises:
            InputError: a cloud has fewer samples than two for each component.
            ConvergenceError: a coupling was not solved to its optimum.
        """
        fewest = min(map(len, clouds.values))
        if fewest < 2 * components:
            raise InputError(f"a mixture of {components} needs {2 * components} samples a state, one has {fewest}")
        found = cls._of_bundles(clouds, components)
        before = -np.inf
        for _ in range(ITERATIONS):
            logs = [found._log_parts(row, cloud) for row, cloud in enumerate(clouds.values)]
            totals = [logsumexp(each, axis=1, keepdims=True) for each in logs]
            belongs = [np.exp(each - total) for each, total in zip(logs, totals, strict=True)]
            found = cls._weighted(clouds.states, clouds.values, belongs)
            likelihood = float(np.concatenate(totals).mean())
            if likelihood - before < SETTLED:
                break
            before = likelihood
        return found

    @classmethod
    def _of_bundles(cls, clouds: Clouds, components: int) -> Self:
        """The labels of the motion through the clouds, sorted into bundles that stay together."""
        count, shuffle = max(map(len, clouds.values)), np.random.default_rng(0)
        motion = label_clouds([resized(cloud, count, shuffle) for cloud in clouds.values])
        ways = (motion - motion.mean(axis=1, keepdims=True)).transpose(1, 0, 2).reshape(count, -1)
        bundle = KMeans(components, n_init=10, random_state=0).fit_predict(ways)
        return cls._weighted(clouds.states, list(motion), [np.eye(components)[bundle]] * len(motion))

    @classmethod
    def _weighted(cls, states: Array, clouds: Sequence[Array], belongs: Sequence[Array]) -> Self:
        """Of samples that belong to the components by given parts (N_s, K)."""
        counts = np.sum([each.sum(axis=0) for each in belongs], axis=0)
        floor = (NARROWEST * np.mean([cloud.std() for cloud in clouds])) ** 2
        normals = [
            [normal_law(cloud, each[:, k], floor) for cloud, each in zip(clouds, belongs, strict=True)]
            for k in range(len(counts))
        ]
        return cls(states, counts / counts.sum(), normals)

    def _log_parts(self, row: int, points: Array) -> Array:
        """Logarithms (N, K) of each component's share of the density at points of a known state."""
        laws = [each[row] for each in self.normals]
        return np.log(self.shares) + np.stack([_log_density(law, points) for law in laws], axis=1)

    def at(self, state: float) -> list[Gaussian]:
        """The K normal laws at a state."""
        weights = Line(min(self.order, len(self.states) - 3)).weights(self.states, np.array([state]))[0]
        between = [interpolate_normals(self.states, laws, state) for laws in self.normals]
        means = [weights @ np.array([law.mean for law in laws]) for laws in self.normals]
        return [Gaussian(mean, law.covariance) for mean, law in zip(means, between, strict=True)]

    def sample(self, state: float, count: int, rng: np.random.Generator) -> Array:
        """Samples (count, d), of every component as many as its share is but for rounding."""
        counts = np.diff(np.round(np.cumsum([0.0, *self.shares]) * count)).astype(int)
        drawn = [
            rng.multivariate_normal(law.mean, law.covariance, number, method="cholesky")
            for law, number in zip(self.at(state), counts, strict=True)
        ]
        return rng.permutation(np.concatenate(drawn))

    def log_density(self, state: float, points: Array) -> Array:
        """Log density (N,) at points (N, d)."""
        parts = np.stack([_log_density(law, points) for law in self.at(state)], axis=1)
        return np.asarray(logsumexp(np.log(self.shares) + parts, axis=1))


def _log_density(law: Gaussian, points: Array) -> Array:
    return np.asarray(stats.multivariate_normal(law.mean, law.covariance).logpdf(points)).reshape(-1)
