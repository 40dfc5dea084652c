"""The law of a field at one state, by equally weighted fields: what lies below and above at every label."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from cmgai_fem.distributions.clouds import resized
from cmgai_fem.distributions.field_constraints import Held
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.feature_space import Admissible

# Numbers held at a time.
BLOCK = 4_000_000
Quantity = Callable[[Array], Array]
"""From field values (..., n) to one number each (...)."""


@dataclass(frozen=True)
class FieldLaw:
    """Fields `origin + coefficients · shapes`, each as probable as the others.

    Args:
        origin: (L, n).
        shapes: (r, L, n).
        coefficients: (M, r).
        bounds: what every field must keep, label by label.
        held: how the constraints beyond them are kept.
    """

    origin: Array
    shapes: Array
    coefficients: Array
    bounds: Admissible = field(default_factory=Admissible)
    held: tuple[Held, ...] = ()

    def fields(self, count: int, rng: np.random.Generator) -> Array:
        """Draw fields (count, L, n): every one as often as any other, but for a remainder that is drawn."""
        return self._some(resized(self.coefficients, count, rng), slice(None))

    def quantiles(self, levels: Sequence[float], quantity: Quantity | None = None) -> Array:
        """Values below which the next specimen lies with given probabilities, label by label.

        Args:
            levels: (Q,) probabilities.
            quantity: of the field; every component by itself if None.

        Returns:
            (Q, L, n), or (Q, L) of a quantity. Beyond the least and largest of the fields there is nothing: with few of
            them, the outer ones stand for 5 and 95 %.
        """
        # Weibull's: the next draw lies below the i-th of M with probability i / (M + 1), whatever the law.
        each = [
            np.quantile(block if quantity is None else quantity(block), levels, axis=0, method="weibull")
            for _, block in self._blocks()
        ]
        return np.concatenate(each, axis=1)

    def above(self, limit: float, quantity: Quantity) -> tuple[Array, float]:
        """Probability (L,) that a quantity exceeds a limit at each label, and that it does so anywhere."""
        exceeded = [quantity(block) > limit for _, block in self._blocks()]
        anywhere = np.any([block.any(axis=1) for block in exceeded], axis=0)
        return np.concatenate([block.mean(axis=0) for block in exceeded]), float(anywhere.mean())

    def _blocks(self) -> Iterator[tuple[slice, Array]]:
        """All fields at some labels (M, B, n) at a time."""
        size = max(1, BLOCK // (len(self.coefficients) * self.origin.shape[1]))
        for start in range(0, len(self.origin), size):
            labels = slice(start, start + size)
            yield labels, self._some(self.coefficients, labels)

    def _some(self, coefficients: Array, labels: slice) -> Array:
        made = self.origin[labels] + np.tensordot(coefficients, self.shapes[:, labels], axes=1)
        return self.bounds.clip(made)
