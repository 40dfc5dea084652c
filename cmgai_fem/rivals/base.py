"""What a rival is: known states in, a predictor of the snapshots at other states out.

States lie at (K, m) values of m state coordinates; one coordinate is the case m = 1. A rival that is linear in the
snapshots is a matrix, targets x known states, that never sees them: `LinearRival`. The others look at the snapshots to
choose something, by known states that are left out one at a time.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import UNISOLVENT, monomials
from cmgai_fem.states.labels import Array, IntArray

Predictor = Callable[[Array], Array]
"""Takes (T, m) targets in the units of the coordinates, returns (T, D) snapshots in the unit of the known ones."""


@dataclass(frozen=True)
class UnitBox:
    """The map that takes known states to [0, 1] in each coordinate.

    Args:
        low: (m,) least values.
        span: (m,) ranges, positive.
    """

    low: Array
    span: Array

    @classmethod
    def of(cls, values: Array) -> "UnitBox":
        """The map for known states at (K, m) values."""
        return cls(values.min(axis=0), np.ptp(values, axis=0))

    def __call__(self, values: Array) -> Array:
        """(T, m) values, scaled."""
        values = np.asarray(values, dtype=float)
        if values.ndim != 2 or values.shape[1] != len(self.low):
            raise InputError(f"targets in {len(self.low)} coordinates are (T, {len(self.low)}), not {values.shape}")
        return np.asarray((values - self.low) / self.span)


class Rival(ABC):
    """A simple method that generates snapshots at unseen states from the known ones alone."""

    name: str
    dimensions: ClassVar[range] = range(1, 4)
    """Numbers of state coordinates that the method takes."""

    def admits(self, values: Array) -> bool:
        """Whether the method can be used on states at (K, m) values."""
        return not self.objection(values)

    def objection(self, values: Array) -> str:
        """Why the method cannot be used on states at (K, m) values, as text; empty if it can."""
        count, dimension = values.shape
        if dimension not in self.dimensions:
            return f"is not for {dimension} state coordinate{'s' if dimension > 1 else ''}"
        if count <= dimension:
            return f"needs at least {dimension + 1} known states, not {count}"
        if not np.all(np.isfinite(values)):
            return "values of known states must be finite numbers"
        if dimension == 1:
            return "" if np.all(np.diff(values[:, 0]) > 0.0) else "known states must increase strictly"
        if np.any(np.ptp(values, axis=0) == 0.0):
            return "a coordinate has one value alone: leave it out, or add states"
        if np.linalg.matrix_rank(monomials(UnitBox.of(values)(values), 1), rtol=UNISOLVENT) <= dimension:
            return f"the known states all lie on one {'line' if dimension == 2 else 'plane'}: add states off it"
        return ""

    def fit(
        self, values: Array, snapshots: Array, weights: Array | None = None, trials: IntArray | None = None
    ) -> Predictor:
        """Tune the method on the known states.

        Args:
            values: (K, m) values of the known states; strictly increasing for m = 1.
            snapshots: (K, D) known snapshots; labels and components flattened. Kept by reference, never changed.
            weights: (D,) volume that each entry stands for, for methods that reduce the snapshots; one each if None.
            trials: rows of the known states to leave out, one at a time, where something is to be chosen. If None, for
                m = 1 the inner ones for targets inside the known range and both ends for those outside; for m > 1 all.

        Returns:
            The predictor.

        Raises:
            InputError: the method does not admit the states, shapes disagree, or a snapshot is not finite.
        """
        values, snapshots = np.asarray(values, dtype=float), np.asarray(snapshots, dtype=float)
        self._check(values, snapshots, weights, trials)
        box = UnitBox.of(values)
        predict = self.fit_scaled(box(values), snapshots, weights, trials)
        return lambda targets: predict(box(targets))

    @abstractmethod
    def fit_scaled(self, known: Array, snapshots: Array, weights: Array | None, trials: IntArray | None) -> Predictor:
        """`fit` on checked input, for (K, m) known states and targets in coordinates scaled to the known range."""

    def left_out(
        self, values: Array, snapshots: Array, weights: Array | None = None, trials: IntArray | None = None
    ) -> Array:
        """What the method gets wrong of known states that are left out one at a time, tuned anew on the others.

        Args:
            values: see `fit`.
            snapshots: see `fit`.
            weights: see `fit`.
            trials: (T,) rows of the states to leave out. If None, the inner ones for m = 1 and all for m > 1.

        Returns:
            (T, D) errors, generated minus known, in the unit of the snapshots; infinite where the method does not admit
            the other states.
        """
        values, snapshots = np.asarray(values, dtype=float), np.asarray(snapshots, dtype=float)
        self._check(values, snapshots, weights, trials)
        rows, _ = trial_rows(values, trials)
        errors = np.empty((len(rows), snapshots.shape[1]))
        for place, row in enumerate(rows):
            errors[place] = self.leave_out(int(row), values, snapshots, weights, trials)
        return errors

    def leave_out(
        self, row: int, values: Array, snapshots: Array, weights: Array | None, trials: IntArray | None
    ) -> Array:
        """(D,) error of one known state, of those in `trials`, that is left out; see `left_out`."""
        rest = np.delete(np.arange(len(values)), row)
        if not self.admits(values[rest]):
            return np.full(snapshots.shape[1], np.inf)
        predict = self.fit(values[rest], snapshots[rest], weights, _other_trials(row, values, trials))
        return np.asarray(predict(values[[row]])[0] - snapshots[row])

    def _check(self, values: Array, snapshots: Array, weights: Array | None, trials: IntArray | None) -> None:
        if values.ndim != 2:
            raise InputError(f"{self.name}: values of K states in m coordinates are (K, m), not {values.shape}")
        objection = self.objection(values)
        if objection:
            raise InputError(f"{self.name}: {objection}")
        if snapshots.ndim != 2 or len(snapshots) != len(values):
            raise InputError(
                f"{self.name}: {len(values)} states need ({len(values)}, D) snapshots, not {snapshots.shape}"
            )
        if weights is not None and np.shape(weights) != snapshots.shape[1:]:
            raise InputError(f"{self.name}: snapshots {snapshots.shape} need {snapshots.shape[1]} weights")
        for value, snapshot in zip(values, snapshots, strict=True):
            if not np.all(np.isfinite(snapshot)):
                state = ":".join(f"{part:g}" for part in value)
                raise InputError(f"{self.name}: the snapshot at state {state} is not finite")
        if trials is not None and not np.all(np.isin(trials, np.arange(len(values)))):
            raise InputError(f"{self.name}: trials must be rows of the {len(values)} known states, from 0")


class LinearRival(Rival):
    """A method that is linear in the snapshots: the large array is read once."""

    @abstractmethod
    def weights(self, known: Array, targets: Array) -> Array:
        """Weights of the known states at unseen ones, rows adding up to one.

        Args:
            known: (K, m) known states, each coordinate scaled to [0, 1].
            targets: (T, m) unseen states in the same scale.

        Returns:
            (T, K) matrix that takes the known snapshots to those at the targets, dimensionless.
        """

    def fit_scaled(self, known: Array, snapshots: Array, weights: Array | None, trials: IntArray | None) -> Predictor:
        """See `Rival.fit_scaled`; nothing is chosen."""
        return lambda targets: self.weights(known, targets) @ snapshots

    def left_out_weights(self, values: Array, row: int) -> Array:
        """(K,) map from the snapshots to the error of state `row` when it is left out; infinite if it cannot be."""
        rest = np.delete(np.arange(len(values)), row)
        if not self.admits(values[rest]):
            return np.full(len(values), np.inf)
        box, found = UnitBox.of(values[rest]), -np.ones(len(values))
        found[rest] = self.weights(box(values[rest]), box(values[[row]]))[0]
        return found

    def leave_out(
        self, row: int, values: Array, snapshots: Array, weights: Array | None, trials: IntArray | None
    ) -> Array:
        """See `Rival.leave_out`: the matrix alone is made anew."""
        found = self.left_out_weights(values, row)
        return found @ snapshots if np.all(np.isfinite(found)) else np.full(snapshots.shape[1], np.inf)


def trial_rows(values: Array, trials: IntArray | None) -> tuple[IntArray, IntArray]:
    """Rows of known states at (K, m) values to leave out for targets inside, and for those outside; see `Rival.fit`."""
    rows = np.arange(len(values))
    if trials is not None:
        return np.asarray(trials), np.asarray(trials)
    return (rows[1:-1], rows[[0, -1]]) if values.shape[1] == 1 else (rows, rows)


def inside_or_outside(targets: Array, inside: Predictor, outside: Predictor) -> Array:
    """Answers at (T, m) targets: along one coordinate by what was tuned for where each lies, in [0, 1] or outside.

    Over several coordinates both are tuned by the same trials and `inside` answers.
    """
    within = (targets[:, 0] >= 0.0) & (targets[:, 0] <= 1.0)
    if targets.shape[1] > 1 or within.all():
        return inside(targets)
    if not within.any():
        return outside(targets)
    first, second = inside(targets[within]), outside(targets[~within])
    answers = np.empty((len(targets), first.shape[1]))
    answers[within], answers[~within] = first, second
    return answers


def _other_trials(row: int, values: Array, trials: IntArray | None) -> IntArray | None:
    """The trials of the states without `row`, where something is chosen there in turn."""
    if trials is None or values.shape[1] == 1:
        # Along one coordinate the state that was left out lies inside or outside the rest, and that says which.
        return None
    others = np.asarray(trials)[np.asarray(trials) != row]
    return others - (others > row) if len(others) else None
