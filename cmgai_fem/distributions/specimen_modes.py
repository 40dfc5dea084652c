"""Modes of specimens' fields: proper orthogonal decomposition, as many modes as specimens that are left out ask for."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import linalg

from cmgai_fem.states.labels import Array, IntArray

# Groups in which specimens are left out.
FOLDS = 10
# Of the specimens' scatter: what leaving modes out may add to what the other specimens cannot tell anyway.
LEFT_OUT_OF_MODES = 0.01


@dataclass(frozen=True)
class SpecimenModes:
    """Orthonormal modes about the mean.

    Args:
        origin: (R,) mean.
        axes: (r, R) modes.
        error: root mean square of what these modes lack of a specimen that they were not made of.
        scatter: root mean square deviation of a specimen from the mean.
    """

    origin: Array
    axes: Array
    error: float
    scatter: float

    @classmethod
    def of(cls, specimens: Array, most: int | None = None) -> Self:
        """The modes of specimens (N, R), given by coordinates in which distances are those of their fields.

        As few as keep the left-out error within `LEFT_OUT_OF_MODES` of the scatter, squared, above the least; or so
        many, as far as there are any.
        """
        errors = left_out_errors(specimens)
        enough = errors**2 <= errors.min() ** 2 + (LEFT_OUT_OF_MODES * errors[0]) ** 2
        rank = max(int(np.argmax(enough)), 1) if most is None else min(most, len(errors) - 1)
        origin = specimens.mean(axis=0)
        axes = linalg.svd(specimens - origin, full_matrices=False)[2][:rank]
        return cls(origin, axes, float(errors[min(rank, len(errors) - 1)]), float(errors[0]))

    def encode(self, specimens: Array) -> Array:
        """Coefficients (N, r) of specimens (N, R)."""
        return np.asarray((specimens - self.origin) @ self.axes.T)

    def decode(self, coefficients: Array) -> Array:
        """Specimens (N, R) of coefficients (N, r)."""
        return np.asarray(self.origin + coefficients @ self.axes)


def left_out_errors(specimens: Array) -> Array:
    """Root mean square of what the first r = 0, 1, ... modes of the other specimens lack of those left out.

    Args:
        specimens: (N, R), N at least two.
    """
    rows = np.random.default_rng(0).permutation(len(specimens))
    each = [_lacking(specimens, fold) for fold in np.array_split(rows, min(FOLDS, len(rows)))]
    ranks = max(len(one) for one in each)
    # Beyond the last mode of its others a specimen lacks what it lacked before.
    total = sum(np.pad(one, (0, ranks - len(one)), mode="edge") for one in each)
    return np.sqrt(np.asarray(total) / len(specimens))


def _lacking(specimens: Array, fold: IntArray) -> Array:
    """Sum of squares over the specimens of a fold, by the number of modes."""
    rest = np.delete(specimens, fold, axis=0)
    origin = rest.mean(axis=0)
    _, sizes, axes = linalg.svd(rest - origin, full_matrices=False)
    kept = int(np.sum(sizes > 1e-12 * sizes[0])) if sizes[0] > 0.0 else 0
    away = specimens[fold] - origin
    held = np.cumsum(((away @ axes[:kept].T) ** 2).sum(axis=0))
    return np.maximum((away**2).sum() - np.concatenate([[0.0], held]), 0.0)
