"""What to use, in words: the transport held against the best of the rivals, on either side of the known states."""

from collections.abc import Mapping, Sequence

import numpy as np

from cmgai_fem.generated import Generated
from cmgai_fem.states.states import States
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.findings import Row
from cmgai_fem.study.names import method_in_words
from cmgai_fem.study.page import ROUND_OFF, number, percent, words
from cmgai_fem.study.tolerances import point_of, source_of

Error = tuple[float, float]
"""An error relative to a range, and in the field's unit."""
# Errors that differ by less than this are told apart by luck.
EQUAL = 1.1
# Relative to the range, an error that leaves little of a field.
USELESS = 0.1
SIDES = {"interpolation": "between the known states", "extrapolation": "beyond the known states"}


def advise(where: str, what: str, own: Error, rivals: Mapping[str, Error], unit: str = "") -> str:
    """Which method to use, and by how much it is better.

    Args:
        where: of what is spoken, e.g. "stress between the known states".
        what: which errors are compared, e.g. "mean NRMSE".
        own: error of the transport.
        rivals: errors of the rivals by name; those that are not finite are no rivals.
        unit: of the field.
    """
    finite = {name: error for name, error in rivals.items() if np.isfinite(error[0])}
    if not finite:
        return f"{where}: {what} {_size(own, unit)}; no rival can answer there"
    name = min(finite, key=lambda key: finite[key][0])
    best, rival = finite[name], method_in_words(name)
    # Below round-off nothing is better than anything else.
    ours, theirs = max(own[0], ROUND_OFF), max(best[0], ROUND_OFF)
    errors = f"{what[:1].upper()}{what[1:]} {_size(own, unit)} by the transport, {_size(best, unit)} by {rival}"
    if ours * EQUAL < theirs:
        text = f"use the transport: the best rival's error is {_factor(theirs / ours)} times as large"
    elif ours <= theirs * EQUAL:
        text = f"{rival} is as good: use it, the transport adds nothing here"
    else:
        text = f"use {rival}: the transport's error is {_factor(ours / theirs)} times as large"
    useless = "; neither is much to be believed" if min(ours, theirs) > USELESS else ""
    return f"{where}: {text}{useless}. {errors}"


def advise_on(made: Generated) -> dict[bool, str]:
    """What to use at generated states, by left-out errors; True between the known states, False beyond them.

    A side where nothing can be left out has no entry.
    """
    known, found = made.states.field(made.field), {}
    dealt, values = made.states.labels.portion, known.values
    span = float(
        dealt.greatest(lambda block: values[:, block].max()) - dealt.least(lambda block: values[:, block].min())
    )
    for generator in made.generators:
        if generator.calibration is None or not made.rivalry.errors:
            continue
        side = SIDES["interpolation" if generator.inside else "extrapolation"]
        errors = {"": generator.calibration.error}
        errors |= {
            name: each[generator.inside] for name, each in made.rivalry.errors.items() if generator.inside in each
        }
        sized = {name: (error, error * span) for name, error in errors.items()}
        found[generator.inside] = advise(
            f"{words(made.field)} {side}", "left-out error", sized.pop(""), sized, known.unit
        )
    return found


def advise_by_reference(study: FieldStudy, reference: States, rows: Sequence[Row], rivals: Sequence[str]) -> list[str]:
    """What to use for each headline field of a study, by its errors at the held-out states.

    Args:
        study: the study.
        reference: holds the units.
        rows: every figure, as `tolerances.compare` makes them.
        rivals: names of the methods that count as such.
    """
    return [
        _advise_side(study, reference, [row for row in rows if (row["field"], row["split"]) == (field, split)], rivals)
        for field in study.headlines
        for split in study.splits
    ]


def _advise_side(study: FieldStudy, reference: States, rows: Sequence[Row], rivals: Sequence[str]) -> str:
    """What to use for one field on one side, from its figures there."""
    field, side = rows[0]["field"], SIDES[rows[0]["split"]]
    unit = reference.field(source_of(study, field)).unit
    by_method = {
        method: [row for row in rows if (row["method"], row["against"]) == (method, "reference")]
        for method in ("fem", *rivals)
    }
    means = {method: (_mean(each, "nrmse"), _mean(each, "rmse")) for method, each in by_method.items()}
    ours, own = by_method["fem"], means.pop("fem")
    best = by_method[min(means, key=lambda method: means[method][0])]
    line = advise(f"{words(field)} {side}", "mean NRMSE", own, means, unit)
    won = sum(row["nrmse"] * EQUAL < other["nrmse"] for row, other in zip(ours, best, strict=True))
    worst = max(ours, key=lambda row: row["largest"])
    place = ", ".join(f"{float(part):.3g}" for part in worst["place"].split())
    return (
        f"{line}; the transport is clearly better at {won} of {len(ours)} states; its largest error is "
        f"{in_unit(worst['largest'], unit)}, at ({place}) m, {study.axes.label(point_of(worst['state']))}"
    )


def in_unit(value: float, unit: str) -> str:
    """A number with its unit, stresses in Pa, kPa or MPa; of unknown unit it is in that of the files."""
    if unit == "Pa" and abs(value) >= 1e3:
        return f"{number(value / 1e6)} MPa" if abs(value) >= 1e6 else f"{number(value / 1e3)} kPa"
    return f"{number(value)} {unit}" if unit else number(value)


def _size(error: Error, unit: str) -> str:
    return f"{percent(error[0])} %" + (f" or {in_unit(error[1], unit)}" if unit else "")


def _factor(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:.0f}" if ratio < 1000.0 else "more than 1000"


def _mean(rows: Sequence[Row], key: str) -> float:
    return float(np.mean([row[key] for row in rows]))
