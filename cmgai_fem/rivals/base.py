"""What a rival is: known snapshots in, a predictor of snapshots at other states out."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.states.states import Array

Predictor = Callable[[Array], Array]
"""Takes (T,) targets in the unit of the state coordinate, returns (T, D) snapshots in the unit of the known ones."""


class Baseline(ABC):
    """A simple method that generates a snapshot at an unseen state from the known snapshots alone."""

    name: ClassVar[str]

    def fit(self, values: Array, snapshots: Array, weights: Array | None = None) -> Predictor:
        """Tune the method on the known states.

        Args:
            values: (K,) state coordinates of the known states, strictly increasing, K >= 2.
            snapshots: (K, D) known snapshots; labels and components flattened. Kept by reference, never changed.
            weights: (D,) volume that each entry stands for, for methods that reduce the snapshots; one each if None.

        Returns:
            The predictor.

        Raises:
            InputError: fewer than two states, states out of order, shapes that disagree, or a value not finite.
        """
        values, snapshots = np.asarray(values, dtype=float), np.asarray(snapshots, dtype=float)
        if values.ndim != 1 or len(values) < 2:
            raise InputError(f"{self.name}: needs at least 2 known states, not {values.size}")
        if not np.all(np.diff(values) > 0.0):
            raise InputError(f"{self.name}: known states must increase strictly")
        if snapshots.ndim != 2 or len(snapshots) != len(values):
            raise InputError(
                f"{self.name}: {len(values)} states need ({len(values)}, D) snapshots, not {snapshots.shape}"
            )
        if weights is not None and np.shape(weights) != snapshots.shape[1:]:
            raise InputError(f"{self.name}: snapshots {snapshots.shape} need {snapshots.shape[1]} weights")
        for value, snapshot in zip(values, snapshots, strict=True):
            if not np.all(np.isfinite(snapshot)):
                raise InputError(f"{self.name}: the snapshot at state {value:g} is not finite")
        return self._fit(values, snapshots, weights)

    @abstractmethod
    def _fit(self, values: Array, snapshots: Array, weights: Array | None) -> Predictor:
        """Tune the method on checked input."""
