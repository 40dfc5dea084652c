"""What a multimodal problem states: the random law of its values given a condition, and the physics behind it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmgai_fem.distributions.constraints import Constraint
from cmgai_fem.distributions.physics_priors import Prior

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Card:
    """Facts of a problem that do not need code.

    Args:
        name: key in the study file.
        title: heading in the report.
        condition_names: p names with units.
        value_names: d names with units.
        low: (p,) lower ends of the conditions.
        high: (p,) upper ends.
        regimes: names of the regimes; a class-conditioned mixture has one component for each.
        components: components of the plain mixture.
        covariance: "diagonal" or "full".
        residual_name: what `residual` measures, for the table.
        units: (d,) size of each value that counts as one in distances; ones where empty.
        gauge_errors: (d,) deviations of the readings' normal errors about the state; empty where the state itself is
            asked for.
    """

    name: str
    title: str
    condition_names: tuple[str, ...]
    value_names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    regimes: tuple[str, ...]
    components: int
    covariance: str
    residual_name: str
    units: tuple[float, ...] = ()
    gauge_errors: tuple[float, ...] = ()

    @property
    def unit_sizes(self) -> Array:
        """(d,) size of each value that counts as one in distances."""
        return np.array(self.units or (1.0,) * len(self.value_names))


class Problem(ABC):
    """A conditional law p(u | x) that can be sampled, with several modes and known physics."""

    card: Card

    @abstractmethod
    def values(self, x: Array, rng: np.random.Generator) -> tuple[Array, IntArray]:
        """Draw one value at each condition.

        Args:
            x: (n, p) conditions.
            rng: source of chance.

        Returns:
            (n, d) values and the (n,) regime that each came from.
        """

    @abstractmethod
    def modes(self, x: Array, u: Array) -> IntArray:
        """Which regime a value (n, d) at condition (n, p) looks like: -1 where the modes cannot be told apart."""

    @abstractmethod
    def residual(self, x: Array, u: Array) -> Array:
        """Physics residual (n,) of single values, scaled so that one is a large one."""

    @abstractmethod
    def priors(self) -> Sequence[Prior]:
        """Priors for a mixture whose components are free to take any regime."""

    def regime_priors(self) -> Sequence[Prior]:
        """Priors for a mixture whose component k is tied to regime k; the free ones unless a problem knows more."""
        return self.priors()

    def constraint(self) -> Constraint | None:
        """What every single state satisfies, apart from its readings' errors; None where physics ties only the law."""
        return None

    def trapped(self, x: Array, u: Array) -> IntArray | None:
        """Whether values (n, d) sit on an unstable branch: 1, 0, or -1 at conditions (n, p) without one.

        None for a problem that has no such trap at all.
        """
        return None

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Array, Array, IntArray]:
        """`count` conditions (n, p), uniform in their box, with a value (n, d) and regime (n,) at each."""
        low, high = np.array(self.card.low), np.array(self.card.high)
        x = rng.uniform(low, high, (count, len(low)))
        u, regime = self.values(x, rng)
        return x, u, regime

    def conditional(self, condition: Array, count: int, rng: np.random.Generator) -> Array:
        """`count` values (n, d) at one condition (p,)."""
        return self.values(np.tile(condition, (count, 1)), rng)[0]

    def test_conditions(self, count: int) -> Array:
        """(C, p) conditions at which laws are compared: midpoints of equal parts of the first condition's range."""
        low, high = np.array(self.card.low), np.array(self.card.high)
        middle = np.tile(0.5 * (low + high), (count, 1))
        middle[:, 0] = low[0] + (high[0] - low[0]) * (np.arange(count) + 0.5) / count
        return middle
