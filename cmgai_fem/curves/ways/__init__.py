"""Ways to carry curves: along a line, along both paths over a grid, over both coordinates, one path, arms of a cross.

A way is calibrated from the known states and generates the curve of any state that it leads to. What the ways over two
coordinates get wrong of states that are left out says how much each of them counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cmgai_fem.curves.calibrate import Trial
from cmgai_fem.curves.motion import State
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array


@dataclass(frozen=True)
class Carried:
    """A curve that arrived.

    Args:
        stress: (L,) stress [Pa]; NaN where nothing is known.
        error: (L,) standard error that the known states bring to it, relative to it.
        parting: how far the motions that it is the mean of part (NRMSE).
        growth: the error to be expected here over that of the states left out, which lie nearer to the known ones.
    """

    stress: Array
    error: Array
    parting: float = 0.0
    growth: float = 1.0


class Way(Protocol):
    """A calibrated way to carry curves."""

    @property
    def name(self) -> str:
        """Text for it."""

    def carry(self, state: State, solver: Solver) -> Carried:
        """The curve at a state."""

    def describe(self) -> dict[str, Any]:
        """What was chosen, as plain data by where it was chosen."""


class TriedWay(Way, Protocol):
    """A way that tells what it generates of known states that are left out."""

    def left_out(self, trials: Sequence[Trial]) -> list[Array]:
        """Curves (L,) of the states that are left out, from those that stay; NaN where they do not tell."""
