"""Rivals that reduce the snapshots to a few coefficients (POD) and regress those on the state coordinates.

Proper orthogonal decomposition of the centred snapshots, weighted by volume. A prediction is again a combination of the
known snapshots, so the modes themselves, each as large as a snapshot, are never formed.

What a regression leaves open (kernel, shape, trend, ...) is chosen by leaving known states out one at a time. That is
what the transport's own calibration is given, so the comparison is fair.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.linalg import LinAlgError

from cmgai_fem.rivals.base import Predictor, Rival, inside_or_outside, trial_rows
from cmgai_fem.states.labels import Array, IntArray

# Modes below this fraction of the first are round-off of the snapshots.
RANK_TOLERANCE = 1e-13
# Entries factorised at a time: bounds the memory, not the result.
CHUNK = 65536


class Regression(Protocol):
    """One fully stated regression of coefficients on the state coordinates."""

    def __call__(self, known: Array, coefficients: Array, targets: Array) -> Array:
        """Predict (T, r) coefficients at (T, m) targets from (K, r) at (K, m) known; coordinates scaled to [0, 1]."""
        ...


@dataclass(frozen=True)
class StraightLine:
    """Straight line through the first and last coefficients: what two known states leave to any regression."""

    def __call__(self, known: Array, coefficients: Array, targets: Array) -> Array:
        """See `Regression`."""
        share = (targets - known[0]) / (known[-1] - known[0])
        return coefficients[0] + share * (coefficients[-1] - coefficients[0])


@dataclass(frozen=True)
class Decomposition:
    """POD of K snapshots: centred snapshots = coefficients @ modes.

    Args:
        coefficients: (K, r) coefficients, in the unit of the field times the square root of the weight's.
        recovery: (r, K) matrix with modes = recovery @ snapshots.
    """

    coefficients: Array
    recovery: Array

    def cardinal(self, coefficients: Array) -> Array:
        """(T, K) factors of the known snapshots that give the snapshots with these (T, r) coefficients."""
        return 1.0 / self.recovery.shape[1] + coefficients @ self.recovery


def decompose(snapshots: Array, weights: Array | None) -> Decomposition:
    """Proper orthogonal decomposition by a QR factorisation that reads the snapshots a chunk at a time.

    Args:
        snapshots: (K, D) snapshots.
        weights: (D,) volumes, or None for one each.

    Returns:
        The decomposition, truncated at round-off: at most K - 1 modes; none if all snapshots are equal.
    """
    count, size = snapshots.shape
    triangle = np.zeros((0, count))
    for start in range(0, size, CHUNK):
        columns = slice(start, start + CHUNK)
        chunk = (snapshots[:, columns] - snapshots[:, columns].mean(axis=0)).T
        if weights is not None:
            chunk *= np.sqrt(weights[columns])[:, None]
        triangle = np.linalg.qr(np.vstack([triangle, chunk]), mode="r")
    _, singular, rows = np.linalg.svd(triangle, full_matrices=False)
    scale = max(float(singular[0]), RANK_TOLERANCE * float(np.max(np.abs(snapshots))))
    kept = singular[: count - 1] > RANK_TOLERANCE * scale
    singular, rows = singular[: count - 1][kept], rows[: count - 1][kept]
    recovery = rows / singular[:, None]
    return Decomposition(rows.T * singular, recovery - recovery.mean(axis=1, keepdims=True))


class ReducedRival(Rival):
    """POD with a regression of its coefficients, chosen among `candidates` on the known states.

    Two states leave nothing to choose by: every such method is then a straight line.
    """

    @abstractmethod
    def candidates(self, known: Array, coefficients: Array) -> Sequence[Regression]:
        """Regressions to choose from, given K >= 3 known states; each must work with one state fewer."""

    def choose(
        self, known: Array, coefficients: Array, trials: IntArray | None = None
    ) -> tuple[Regression, Regression]:
        """Choose the regressions for targets inside and outside the known range, by left-out errors.

        Args:
            known: (K, m) known states scaled to [0, 1].
            coefficients: (K, r) coefficients.
            trials: rows to leave out, see `Rival.fit`.

        Returns:
            The choice for inside and for outside.
        """
        if len(known) < 3:
            return StraightLine(), StraightLine()
        candidates = self.candidates(known, coefficients)
        if len(candidates) == 1:
            return candidates[0], candidates[0]
        inside, outside = trial_rows(known, trials)
        rows = np.union1d(inside, outside)
        errors = np.array([self.left_out_errors(candidate, known, coefficients, rows) for candidate in candidates])
        first, second = (int(np.argmin(errors[:, np.isin(rows, part)].sum(axis=1))) for part in (inside, outside))
        return candidates[first], candidates[second]

    def left_out_errors(self, regression: Regression, known: Array, coefficients: Array, rows: IntArray) -> Array:
        """Squared errors at the known states `rows`, each left out; infinite where there is no regression."""
        errors = np.empty(len(rows))
        for place, index in enumerate(rows):
            rest = np.delete(np.arange(len(known)), index)
            try:
                predicted = regression(known[rest], coefficients[rest], known[[index]])
            except LinAlgError:
                # A singular kernel matrix rules a candidate out; it is not an error of the method.
                errors[place] = np.inf
            else:
                errors[place] = np.sum((predicted[0] - coefficients[index]) ** 2)
        return errors

    def fit_scaled(self, known: Array, snapshots: Array, weights: Array | None, trials: IntArray | None) -> Predictor:
        """See `Rival.fit_scaled`."""
        parts = decompose(snapshots, weights)
        if parts.coefficients.shape[1] == 0:
            return lambda targets: np.repeat(snapshots[:1], len(targets), axis=0)
        inside, outside = self.choose(known, parts.coefficients, trials)

        def predict(targets: Array) -> Array:
            coefficients = inside_or_outside(
                targets,
                lambda places: inside(known, parts.coefficients, places),
                lambda places: outside(known, parts.coefficients, places),
            )
            return parts.cardinal(coefficients) @ snapshots

        return predict
