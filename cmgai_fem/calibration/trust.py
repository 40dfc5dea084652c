"""How far a generated state is to be trusted: a word, and why."""

from dataclasses import dataclass

import numpy as np

from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.states.labels import Array

TRUSTED, CARE, NOT = "trusted", "with care", "not trusted"
# Estimated error, of the known range, from which a state is taken with care, and from which it is not trusted.
CAREFUL, USELESS = 0.05, 0.15
# States that an estimate needs, along one coordinate and over several.
ENOUGH, ENOUGH_OF_SEVERAL = 4, 8
# Independent left-out numbers over several coordinates, between the known states and beyond, with fewer of which a high
# order looks better than it is.
ENOUGH_NUMBERS = (6.0, 10.0)
# Known ranges beyond the known states at which nothing is trusted.
FARTHEST = 1.0
# Left-out distance of a law, of the specimens' scatter, likewise: between the known states, where the gaps about a
# state left out are twice as wide as those about the states asked for, so that a little more than the scatter itself is
# still taken with care. Beyond, where the gap is the same, nothing above the first is trusted.
LAW_CAREFUL, LAW_USELESS = 0.5, 1.2
# Specimens at a state that 5 and 95 % can be told from.
ENOUGH_SPECIMENS = 20
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven")


@dataclass(frozen=True)
class Trust:
    """A word and the reason for it.

    Args:
        word: "trusted", "with care" or "not trusted".
        reason: a sentence without its full stop.
    """

    word: str
    reason: str

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}"


def judge(
    known: Array,
    point: Array,
    size: float | None,
    suspects: int = 0,
    telling: int | None = None,
    numbers: float | None = None,
) -> Trust:
    """The word for a generated state.

    Args:
        known: (K, m) values of the known states.
        point: (m,) the state.
        size: root mean square of its estimated error, relative to the known range; None where there is no estimate.
        suspects: known states that do not fit the others.
        telling: states that tell something of their own, see `telling_states`; all of them by default.
        numbers: independent left-out numbers behind the choice, see `Asked.numbers`; enough by default.
    """
    count, dimension = known.shape
    states = f"{_number(count)} states"
    if telling is not None and telling < count:
        states, count = f"{states} that mirror each other and tell as much as {_number(telling)}", telling
    if np.any(np.all(known == point, axis=1)):
        return Trust(TRUSTED, "a known state")
    beyond = distance_beyond(known, point)
    place = f"{100.0 * beyond:.3g} % of the range beyond" if beyond > 0.0 else "between the known states"
    if size is None:
        return Trust(NOT, f"{states}: none can be left out, nothing was tested")
    told = f"error estimate {100.0 * size:.2g} % of the known range"
    if count < (ENOUGH if dimension == 1 else ENOUGH_OF_SEVERAL):
        if beyond > 0.0:
            return Trust(NOT, f"{states}, {place}: nothing was tested that far")
        return Trust(NOT if size >= CAREFUL else CARE, f"{states}: the error estimate rests on one or two numbers")
    if beyond > FARTHEST:
        return Trust(NOT, f"{place}: nothing was tested that far")
    if not size < USELESS:
        return Trust(NOT, f"{place}, {told}")
    if suspects:
        return Trust(CARE, f"{place}, {told}, and a known state does not fit the others")
    if dimension > 1 and numbers is not None and numbers < ENOUGH_NUMBERS[beyond > 0.0]:
        return Trust(CARE, f"{place}, {told}, which rests on {numbers:.0f} independent numbers")
    return Trust(CARE if size >= CAREFUL else TRUSTED, f"{place}, {told}")


def judge_law(known: Array, at: float, size: float, fewest: int) -> Trust:
    """The word for the law of a random field at a state.

    Args:
        known: (K,) known states.
        at: the state.
        size: distance of the laws of left-out states, beyond what as many specimens of the true law would have,
            relative to the specimens' scatter.
        fewest: specimens at the known state that has fewest.
    """
    beyond = distance_beyond(known[:, None], np.array([at]))
    place = f"{100.0 * beyond:.3g} % of the range beyond" if beyond > 0.0 else "between the known states"
    told = f"{place}, laws left out were off by {100.0 * size:.0f} % of the specimens' scatter"
    if beyond > FARTHEST:
        return Trust(NOT, f"{place}: nothing was tested that far")
    if not size < (LAW_CAREFUL if beyond > 0.0 else LAW_USELESS):
        return Trust(NOT, told)
    if len(known) < ENOUGH:
        return Trust(CARE, f"{told}; {NUMBERS[len(known)]} states leave only one out")
    if fewest < ENOUGH_SPECIMENS:
        return Trust(CARE, f"{told}; {fewest} specimens at a state hardly tell 5 and 95 %")
    return Trust(CARE if size >= LAW_CAREFUL or beyond > 0.0 else TRUSTED, told)


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def distance_beyond(known: Array, point: Array) -> float:
    """How far a state lies outside the known ones, in known ranges; over several coordinates the largest."""
    if inside_hull(known, point):
        return 0.0
    low, high = known.min(axis=0), known.max(axis=0)
    each = np.maximum(np.maximum(low - point, point - high), 0.0) / (high - low)
    if each.max() > 0.0:
        return float(each.max())
    # Within the box of the states but beyond their hull: as far as the nearest state is.
    return float(np.min(np.linalg.norm((known - point) / (high - low), axis=1)))
