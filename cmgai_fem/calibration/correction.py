"""What is generated, corrected by what was measured of it; known states that are left out tell whether that helps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

# A tolerance is read as two standard deviations of a reading.
DEVIATIONS = 2.0


class LeftOutTest(NamedTuple):
    """Errors of what was left out, without and with readings of it such as are there of what is asked for."""

    without: float
    given: float

    @property
    def taken(self) -> bool:
        """Whether such readings help."""
        return self.given < self.without


@dataclass(frozen=True)
class Correction[Made]:
    """What was generated, and what a correction by readings gave.

    Args:
        made: as it is to be used, corrected where the correction is taken.
        before: largest misfit of a reading in tolerances, before the correction.
        after: the same after it; `before` where no correction is taken.
        tested: relative errors of the left-out states; None where fewer than two are left out.
    """

    made: Made
    before: float
    after: float
    tested: LeftOutTest | None = None

    @property
    def taken(self) -> bool:
        """Whether the correction is taken: it is unless left-out states say that it does not help."""
        return self.tested is None or self.tested.taken

    def lines(self, count: int, readings: str, places: str, unit: str, what: str) -> Iterator[str]:
        """What the readings gave, for readers.

        Args:
            count: of the readings.
            readings: what they are called, e.g. "sensors".
            places: where they are, e.g. "at these places".
            unit: of the errors, e.g. "%".
            what: is corrected, e.g. "field".
        """
        yield (
            f"largest misfit of {count} {readings}: {self.before:.3g} tolerances as generated, "
            f"{self.after:.3g} as corrected"
        )
        if self.tested is not None:
            without, given = (100.0 * error for error in self.tested)
            verdict = "taken" if self.taken else f"not taken, the {what} is left as generated"
            yield (
                f"{readings} {places} change the error of left-out states from {without:.3g} to {given:.3g} {unit}: "
                f"{verdict}"
            )
