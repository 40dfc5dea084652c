"""Feature space: raw fields <-> feature coordinates, and the modes that carry a motion exactly.

The map to features is a shift and one scale a field, the same for all components so that a tensor stays a tensor; its
inverse is exact. A motion that follows K states under a linear law lives in the span of K - 1 displacement modes
(proper orthogonal decomposition, nothing truncated) and of what the law's stiffness makes of them.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array
from cmgai_fem.states.portion import Portion
from cmgai_fem.states.states import Field

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Scaling:
    """Features `z = (value - shift) / scale`.

    Args:
        shift: (n,) mean of each component over the known states [unit of the field].
        scale: one number, the range of the known values [unit of the field].
    """

    shift: Array
    scale: float

    @classmethod
    def of(cls, field: Field) -> Self:
        """Scaling of the known states of `field`; a field that never varies keeps the scale 1."""
        values = field.values
        shift = values.mean(axis=(0, 1))
        spread = float(np.max(np.abs(values - shift)))
        return cls(shift, spread if spread > 0.0 else 1.0)

    def encode(self, values: Array) -> Array:
        """Features of field values, shape (..., n) kept."""
        return (values - self.shift) / self.scale

    def decode(self, features: Array) -> Array:
        """Field values of features, shape (..., n) kept."""
        return features * self.scale + self.shift


@dataclass(frozen=True)
class Modes:
    """Displacement modes of the known states, orthonormal in the label weights.

    Args:
        origin: (L, n) features of the first known state.
        shapes: (m, L, n) mode shapes; m may be 0 when nothing moves.
        amplitudes: (K, m) coordinates of the known displacements, zero for the first state.
    """

    origin: Array
    shapes: Array
    amplitudes: Array

    @classmethod
    def of(cls, features: Array, weights: Array, tolerance: float = 1e-14) -> Self:
        """Proper orthogonal decomposition of the displacements from the first state.

        Args:
            features: (K, L, n) features of the known states.
            weights: (L,) volumes of the labels.
            tolerance: modes below this fraction of the largest are rounding and dropped.

        Returns:
            At most K - 1 modes that reproduce every state to rounding.
        """
        displacement = features[1:] - features[0]
        count, labels, components = displacement.shape
        root = np.sqrt(weights / weights.sum())[:, None]
        weighted = (displacement * root).reshape(count, labels * components)
        # QR first: its rounding is relative to each state, where a Gram matrix would lose half of the digits.
        orthogonal, triangular = linalg.qr(weighted.T, mode="economic", check_finite=False)
        left, singular, right = linalg.svd(triangular)
        kept = int(np.sum(singular > tolerance * singular[0])) if singular[0] > 0.0 else 0
        shapes = (orthogonal @ left[:, :kept]).T.reshape(kept, labels, components) / root
        amplitudes = np.vstack([np.zeros(kept), (singular[:kept, None] * right[:kept]).T])
        return cls(features[0], shapes, amplitudes)

    @property
    def count(self) -> int:
        """Number of modes m."""
        return len(self.shapes)

    def displacement(self, amplitudes: Array) -> Array:
        """Feature displacement (L, n) of amplitudes (m,)."""
        return np.tensordot(amplitudes, self.shapes, axes=1)

    def features(self, amplitudes: Array) -> Array:
        """Features (L, n) of amplitudes (m,)."""
        return self.origin + self.displacement(amplitudes)


@dataclass(frozen=True)
class Admissible:
    """Bounds that a generated field must keep, enforced by projection.

    The admissible fields are a convex set that holds the truth, so the projection on it can only lower the error.

    Args:
        lower: least admissible value, e.g. 0 for a plastic strain; None for no bound.
        monotone: the field never decreases along the state coordinate (a plastic strain in time). A tuple, one each,
            for several coordinates: known states bound those that differ from them in monotone coordinates alone.
        ordered: the field never decreases from one component to the next (a history, a component a time).
        upper: largest admissible value, e.g. 1 for a damage; None for no bound.
    """

    lower: float | None = None
    monotone: bool | tuple[bool, ...] = False
    ordered: bool = False
    upper: float | None = None

    def __post_init__(self) -> None:
        for bound in (self.lower, self.upper):
            if bound is not None and not np.isfinite(bound):
                raise InputError(f"{bound} is no admissible value: bounds are finite numbers, leave out what has none")
        if self.lower is not None and self.upper is not None and not self.lower < self.upper:
            raise InputError(f"the least admissible value, {self.lower:g}, must lie below the largest, {self.upper:g}")

    @property
    def bounds(self) -> bool:
        """Whether there is anything to keep."""
        limits = self.lower is not None or self.upper is not None
        return limits or bool(np.any(self.monotone)) or self.ordered

    def clip(self, values: Array) -> Array:
        """The values within `lower` and `upper` that are nearest."""
        values = values if self.lower is None else np.maximum(values, self.lower)
        return values if self.upper is None else np.minimum(values, self.upper)

    def project(self, value: ArrayLike, generated: Array, known_values: Array, known: Array) -> Array:
        """The admissible field nearest to `generated`.

        Args:
            value: (m,) coordinates of the generated field, or a number where there is one.
            generated: (L, n) field.
            known_values: (K, m) coordinates of the known states, or (K,) where there is one.
            known: (K, L, n) fields of the known states.
        """
        result, known_values = generated, np.reshape(known_values, (len(known), -1))
        if np.any(self.monotone):
            before, after = self._before(known_values, value), self._before(value, known_values)
            result = np.maximum(result, known[before].max(axis=0)) if before.any() else result
            result = np.minimum(result, known[after].min(axis=0)) if after.any() else result
        result = isotonic(result) if self.ordered else result
        return self.clip(result)

    def check_known(self, name: str, known_values: Array, known: Array, dealt: Portion) -> None:
        """Refuse known states that are not admissible themselves.

        Args:
            name: of the field.
            known_values: see `project`.
            known: see `project`.
            dealt: which labels of the body these are.
        """
        if self.lower is None and self.upper is None and not np.any(self.monotone):
            return
        known_values = np.reshape(known_values, (len(known), -1))
        lows = dealt.least(lambda block: known[:, block].min(axis=(1, 2)))
        highs = dealt.greatest(lambda block: known[:, block].max(axis=(1, 2)))
        slack = 1e-9 * float(highs.max() - lows.min())
        if self.lower is not None and lows.min() < self.lower - slack:
            text = ", ".join(f"{part:g}" for part in known_values[int(np.argmin(lows))])
            raise InputError(f"field {name!r} falls to {lows.min():g} at state {text}, below its bound {self.lower:g}")
        if self.upper is not None and highs.max() > self.upper + slack:
            text = ", ".join(f"{part:g}" for part in known_values[int(np.argmax(highs))])
            raise InputError(f"field {name!r} rises to {highs.max():g} at state {text}, above its bound {self.upper:g}")
        if not np.any(self.monotone):
            return
        before = [self._before(known_values, state) for state in known_values]

        def rises(block: slice) -> Array:
            own = known[:, block]
            return np.array([np.min(now - own[rows]) for now, rows in zip(own, before, strict=True)])

        falling = np.flatnonzero(dealt.least(rises) < -slack)
        if len(falling):
            text = ", ".join(f"{part:g}" for part in known_values[falling[0]])
            raise InputError(f"field {name!r} is declared monotone but decreases before state {text}")

    def _before(self, first: ArrayLike, second: ArrayLike) -> BoolArray:
        """Whether states `first` come before `second`, or are the same, along monotone coordinates alone."""
        one, two = (np.atleast_1d(np.asarray(places, dtype=float)) for places in (first, second))
        return np.asarray(np.all(np.where(self.monotone, one <= two, one == two), axis=-1))


def isotonic(values: Array) -> Array:
    """The rows nearest to `values` (L, n) in least squares that never decrease.

    Source: the min-max formula of isotonic regression, Robertson, Wright and Dykstra, Order Restricted Statistical
        Inference (1988), theorem 1.4.4; direct for the few components that a history has.
    """
    count = values.shape[1]
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    nearest = np.full_like(values, -np.inf)
    for left in range(count):
        # Means of the runs that start at `left`; from the right, the least mean of those that reach `index`.
        means = (sums[:, left + 1 :] - sums[:, [left]]) / np.arange(1, count - left + 1)
        least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        nearest[:, left:] = np.maximum(nearest[:, left:], least)
    # Rounding of the running sums must not leave a decrease behind.
    return np.maximum.accumulate(nearest, axis=1)
