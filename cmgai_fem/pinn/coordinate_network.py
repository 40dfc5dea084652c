"""A network of the coordinates whose hidden layer is drawn and fixed, and whose outputs are trained.

    psi(X) = X + N(X),    N_o(X) = sum_m c_mo phi_m(X)

phi are tanh units in random directions about random places of a body. They are nearly dependent, so that training is
slow in their own weights; here they are mixed once into units that are orthonormal over the body in values and slopes,
in which a step of Gauss and Newton is as well conditioned as the elastic energy itself.

Source: Huang, Zhu and Siew, Extreme learning machine, Neurocomputing 70 (2006) 489-501; for differential equations
Dwivedi and Srinivasan, Neurocomputing 391 (2020) 96-118; the mixing is our choice.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from cmgai_fem.states.labels import Array

# Hidden units, and how steep they are at most, in changes of their sign over the length of the body.
UNITS, STEEPNESS = 300, 8.0
# Mixed units of less than this part of the largest are rounding.
KEPT = 1e-9


@dataclass(frozen=True)
class Units:
    """The mixed hidden units.

    Args:
        directions: (g, h) of the tanh units.
        shifts: (h,) of the tanh units.
        mixing: (h + 1, m) of a constant and the tanh units into the mixed ones.
    """

    directions: Array
    shifts: Array
    mixing: Array

    @classmethod
    def drawn(cls, points: Array, shares: Array, length: float, generator: np.random.Generator) -> Self:
        """Units about some of the points (P, g) of a body of that length, orthonormal in the mean over all of them."""
        g, h = points.shape[1], UNITS
        directions = STEEPNESS / length * generator.standard_normal((g, h))
        shifts = -np.sum(points[generator.integers(len(points), size=h)].T * directions, axis=0)
        plain = cls(directions, shifts, np.eye(h + 1))
        values, slopes = plain.at(points)
        gram = (shares * values.T) @ values / length**2 + sum((shares * one.T) @ one for one in slopes)
        sizes, vectors = np.linalg.eigh(gram)
        kept = sizes > KEPT * sizes[-1]
        return cls(directions, shifts, vectors[:, kept] / np.sqrt(sizes[kept]))

    def values(self, points: Array) -> Array:
        """(P, m) at points (P, g)."""
        return np.hstack([np.ones((len(points), 1)), self._tanh(points)]) @ self.mixing

    def at(self, points: Array) -> tuple[Array, Array]:
        """(P, m) values and (g, P, m) slopes at points (P, g)."""
        tanh = self._tanh(points)
        steep = 1.0 - tanh**2
        slopes = np.stack([(steep * one) @ self.mixing[1:] for one in self.directions])
        return np.hstack([np.ones((len(points), 1)), tanh]) @ self.mixing, slopes

    def _tanh(self, points: Array) -> Array:
        return np.tanh(points @ self.directions + self.shifts)
