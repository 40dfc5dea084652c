"""Known states that do not fit the others: one that is off, as by a unit, or two whose files were swapped.

A state is suspect where the others fit each other far better without it than with it. Two are where exchanging them
makes the left-out errors fall many times. All of it comes from the precision and the Gram matrix: nothing is refitted.

Source: deleted residuals, R. D. Cook, S. Weisberg, Residuals and Influence in Regression (1982), chapter 2. The bounds
are ours: under one false alarm in a hundred problems of known truth.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cmgai_fem.calibration.evidence import Data
from cmgai_fem.calibration.members import Member, members_over
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States

# States that leave something to compare with.
ENOUGH = 5
# Orders tried, over the coordinate and its logarithm, with this many independent left-out errors.
ORDERS, FREEDOM = 4, 3
# A state is off beyond this many deviations of the others, and by this share of the known range at least.
DEVIATIONS, SHARE = 60.0, 0.01
# Two are swapped if that divides the left-out error by so much.
BETTER = 8.0
# Factors that a wrong unit has, and how near a state must be to one.
UNITS = (1e-9, 1e-6, 1e-3, 1e-2, 1e-1, -1.0, 1e1, 1e2, 1e3, 1e6, 1e9)
UNIT_SLACK = 0.05
ROUNDING = 1e-10
TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Suspect:
    """Known states that do not fit the others.

    Args:
        rows: the one state, or the two that seem swapped.
        factor: what the state seems multiplied by; None where it is no factor, or for two.
    """

    rows: tuple[int, ...]
    factor: float | None = None

    def text(self, labels: Sequence[str]) -> str:
        """The suspicion in one sentence; `labels` names each state."""
        if len(self.rows) == 2:
            first, second = (labels[row] for row in self.rows)
            return f"{first} and {second} fit the other states far better exchanged: check which file is which"
        name = labels[self.rows[0]]
        if self.factor is None:
            return f"{name} does not fit the other states: check its file"
        factor = self.factor
        unit = next((known for known in UNITS if abs(factor / known - 1.0) < UNIT_SLACK), None)
        cause = "file" if unit is None else "sign" if unit == -1.0 else "unit"
        return f"{name} looks like {unit or factor:.4g} times what the other states lead to: check its {cause}"


def find_suspects(data: Data) -> tuple[Suspect, ...]:
    """Known states along one coordinate that do not fit the others; none where these are too few to tell."""
    if data.places.shape[1] > 1 or len(data.places) < ENOUGH:
        return ()
    off, swapped = _find_off(data), _find_swapped(data)
    return tuple(suspect for suspect in (off, swapped) if suspect is not None)


def find_remarks(states: States, field: str) -> tuple[str, ...]:
    """States whose field is that of another to the last bit, or zero everywhere between two that are not.

    Both may be meant (nothing has happened yet, a load that passes zero): they are told, and take no trust away.
    """
    values, labels = states.field(field).values, states.coordinates.label

    def marks(block: slice) -> Array:
        part = values[:, block]
        # Places count, too: the same numbers at other labels are another field.
        ramp = np.linspace(1.0, 2.0, part.shape[1])[:, None]
        return np.stack([each.sum(axis=(1, 2)) for each in (part, np.abs(part), part * ramp)], axis=1)

    found = states.labels.portion.sum(marks)
    there = found[:, 1] > 0.0
    told = []
    for row, mark in enumerate(found):
        twin = next((before for before in range(row) if there[row] and np.array_equal(found[before], mark)), None)
        if twin is not None:
            first, second = labels(states.values[twin]), labels(states.values[row])
            told.append(
                f"{first} and {second} hold the same field to the last digit: if it is not meant, check the files"
            )
        if (
            len(states.coordinates) == 1
            and 0 < row < len(found) - 1
            and not there[row]
            and there[[row - 1, row + 1]].all()
        ):
            told.append(f"{labels(states.values[row])} is zero everywhere: if it is not meant, check its file")
    return tuple(told)


def _tried(data: Data) -> Iterator[Member]:
    for member in members_over(data.places):
        if member.order <= ORDERS and member.freedom >= FREEDOM and member.kinds[0][0] != "power":
            yield member


def _find_off(data: Data) -> Suspect | None:
    """The state without which the others fit best, if it is far off what they say of it."""
    found = []
    for member in _tried(data):
        form, factor, count = member.precision, data.factor, len(data.places)
        diagonal, blows = np.diag(form), form @ factor
        sums = np.sum(blows**2, axis=1)
        rest = np.empty(count)
        for row in range(count):
            others = np.arange(count) != row
            reduced = form - np.outer(form[row], form[row]) / diagonal[row]
            kept = np.maximum(np.diag(reduced)[others], TINY)
            rest[row] = np.sqrt(np.mean(np.sum((reduced @ factor)[others] ** 2, axis=1) / kept**2))
        squares, energy = sums / diagonal, float(np.sum(factor * blows))
        floor = (ROUNDING * data.range) ** 2 * diagonal.mean()
        ratio = np.sqrt(squares / (np.maximum(energy - squares, floor) / (member.freedom - 1)))
        found.append((rest, ratio, np.sqrt(sums) / diagonal / data.range, blows / diagonal[:, None]))
    if not found:
        return None
    rest, ratio, size, errors = (np.array(each) for each in zip(*found, strict=True))
    best = np.argmin(rest, axis=0)
    row = int(np.argmin(rest[best, np.arange(len(best))]))
    member = best[row]
    if ratio[member, row] <= DEVIATIONS or size[member, row] <= SHARE:
        return None
    return Suspect((row,), _factor(data.factor[row], data.factor[row] - errors[member, row]))


def _factor(value: Array, expected: Array) -> float | None:
    """The factor between a state and what is expected of it, if one factor is most of the difference."""
    size = float(expected @ expected)
    factor = float(value @ expected) / size if size > 0.0 else 0.0
    apart = float(np.sum((value - factor * expected) ** 2))
    explained = factor != 0.0 and apart < 0.1 * float(np.sum((value - expected) ** 2))
    return factor if explained else None


def _find_swapped(data: Data) -> Suspect | None:
    """The two states whose exchange makes the left-out error least, if it falls far enough."""
    count, factor = len(data.places), data.factor
    now, swapped = np.inf, np.full((count, count), np.inf)
    apart = np.sum((factor[:, None] - factor[None]) ** 2, axis=2)
    for member in _tried(data):
        if member.order == 1:
            continue
        form = member.precision
        diagonal, blows = np.diag(form), form @ factor
        now = min(now, float(np.sqrt(np.mean(np.sum(blows**2, axis=1) / diagonal**2))))
        # Exchanging i and j adds (B_i - B_j) (y_j - y_i) to the blows.
        change = form[:, :, None] - form[:, None, :]
        products = blows @ factor.T
        moved = products[:, None, :] - products[:, :, None]
        sums = np.sum(blows**2, axis=1)[:, None, None] + 2.0 * change * moved + change**2 * apart
        errors = np.sqrt(np.maximum(np.mean(sums / diagonal[:, None, None] ** 2, axis=0), 0.0))
        swapped = np.minimum(swapped, errors)
    np.fill_diagonal(swapped, np.inf)
    first, second = (int(row) for row in np.unravel_index(np.argmin(swapped), swapped.shape))
    enough = now > BETTER * max(swapped[first, second], 1e-9 * data.range)
    if not np.isfinite(now) or not enough or np.sqrt(apart[first, second]) <= SHARE * data.range:
        return None
    return Suspect((first, second))
