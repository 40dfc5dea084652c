"""Steps over time or load: as many as asked for, or as many as keep the error of each below a tolerance."""

from dataclasses import dataclass
from typing import Any, Protocol

from cmgai_fem.errors import ConvergenceError

# A step that fails or errs is shortened, but not below this share of the whole interval.
SHORTEST = 1e-9


class Steppable(Protocol):
    """What can be stepped; all methods are collective."""

    order: int
    """Of accuracy."""

    def save(self) -> Any:
        """A copy of the state."""

    def restore(self, saved: Any) -> None:
        """Go back to a saved state."""

    def step(self, time: float, size: float, label: str) -> None:
        """One step from `time` to `time + size`; a ConvergenceError leaves the state to be restored."""

    def difference(self, one: Any, other: Any) -> float:
        """How far two saved states are apart, relative to the range of the field."""


@dataclass
class Stepper:
    """Marches by equal steps or, by step doubling, by steps whose error keeps a tolerance.

    Step doubling takes each step twice, whole and in halves, and keeps the halves; their difference over 2^order - 1
    is the error of the step.

    Args:
        tolerance: largest error of a step, relative to the range of the field.
        count: number of equal steps between two wanted moments instead; their error is then not known.

    Attributes:
        steps: so far.
        error: the largest of an accepted step; None where it is not known.
        size: of the next step.

    Source: Hairer, Norsett, Wanner, Solving Ordinary Differential Equations I (1993), section II.4.
    """

    tolerance: float = 1e-4
    count: int | None = None
    steps: int = 0
    error: float | None = None
    size: float = 0.0

    def advance(self, system: Steppable, start: float, end: float, label: str) -> None:
        """March from `start` to `end`.

        Raises:
            ConvergenceError: no step is short enough.
        """
        if self.count is not None:
            size = (end - start) / self.count
            for number in range(self.count):
                system.step(start + number * size, size, label)
            self.steps += self.count
            return
        time, whole = start, end - start
        self.size = self.size or 0.05 * whole
        while time < end - 1e-12 * whole:
            size = min(self.size, end - time)
            before = system.save()
            try:
                error = self._doubled(system, time, size, before, label)
            except ConvergenceError:
                if size < SHORTEST * whole:
                    raise
                error = float("inf")
            if error <= self.tolerance:
                time, self.steps, self.error = time + size, self.steps + 1, max(self.error or 0.0, error)
            else:
                if size < SHORTEST * whole:
                    raise ConvergenceError(f"state {label}: no step keeps the error below {self.tolerance:g}")
                system.restore(before)
            factor = 0.9 * (self.tolerance / max(error, 1e-300)) ** (1.0 / (system.order + 1))
            wanted = size * min(4.0, max(0.2, factor))
            # A step that was cut to meet a wanted moment says nothing against longer ones.
            self.size = wanted if error > self.tolerance or size == self.size else max(self.size, wanted)

    def _doubled(self, system: Steppable, time: float, size: float, before: Any, label: str) -> float:
        system.step(time, size, label)
        whole = system.save()
        system.restore(before)
        system.step(time, 0.5 * size, label)
        system.step(time + 0.5 * size, 0.5 * size, label)
        return system.difference(whole, system.save()) / (2**system.order - 1)
