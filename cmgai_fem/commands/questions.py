"""`cmgai-fem find` and `cmgai-fem suggest`: questions about fields that are generated for them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.commands.provenance import fingerprint, provenance
from cmgai_fem.errors import InputError
from cmgai_fem.files.cheap_states import CLOSE, close_along
from cmgai_fem.files.components import data_at
from cmgai_fem.files.file_states import FileStates
from cmgai_fem.files.outputs import check_replaceable
from cmgai_fem.files.snapshot import as_unstructured, find_location
from cmgai_fem.files.trust import printable
from cmgai_fem.files.writers import check_folder
from cmgai_fem.generate import generate as generate_fields
from cmgai_fem.generated import Generated
from cmgai_fem.limited import Limited, limit_formula, limited
from cmgai_fem.measures import Measure
from cmgai_fem.progress import Report
from cmgai_fem.questions import Along, Crossing, Suggestion, curve, find, suggest
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States
from cmgai_fem.writing import write_json, write_table

# States of a curve, and those that may be suggested.
CURVE, LOOKED = 61, 60


def level_of(text: str | None) -> float | None:
    """A level as the command line writes it.

    Raises:
        InputError: it is no finite number.
    """
    if text is None:
        return None
    try:
        level = float(text)
    except ValueError:
        level = np.nan
    if not np.isfinite(level):
        raise InputError(f"--equals {printable(text)!r}: no finite number; write it in the unit of the field")
    return level


def find_level(
    inputs: Inputs,
    measure: str,
    level: float | None,
    ends: tuple[float | None, float | None] = (None, None),
    table: Path | None = None,
    *,
    limit: str = "",
    force: bool = False,
    report: Report = print,
) -> list[Crossing]:
    """Where a measure of the generated field has a level, and the measure over the state coordinate as a table.

    Args:
        inputs: what is known, along one coordinate.
        measure: see `measures`.
        level: in the field's unit; None for the table alone.
        ends: lowest and highest value to look at; those of the known states by default.
        table: .csv file for the measure with its 95 % band.
        limit: formula of what the measured quantity cannot pass; what the inputs say of bounds and cheap models is of
            the fields in it. None by default.
        force: the table may replace a file that this program did not write.
        report: takes lines of progress and the answer.

    Raises:
        InputError: the files, the measure or the range are not usable, or the measure never has the level.
    """
    if level is None and table is None:
        raise InputError("say what to find: --equals LEVEL, --curve FILE.csv or both")
    if table is not None:
        if table.suffix.lower() != ".csv":
            raise InputError(f"--curve {printable(str(table))}: a table ends in .csv")
        check_folder(table)
        check_replaceable(table, inputs.sources, force=force)
    states = _along_one(inputs, bounded=not limit)
    field = states.field(inputs.field)
    asked = Measure.read(measure, states.labels, field.components, states.part(inputs.field))
    span = _span(states, ends)
    made: Along
    if limit:
        made, asked = _limited(inputs, states, asked, limit, span, report)
    else:
        made = _generated(inputs, states, span, report)
    name, unit = states.coordinates.each[0], field.unit
    if table is not None:
        known = states.scalars
        places = np.unique(np.r_[np.linspace(*span, CURVE), known[(known >= span[0]) & (known <= span[1])]]).tolist()
        rows = [
            {name.name: value, measure: one.value, "low": one.low, "high": one.high}
            for value, one in zip(places, curve(made, asked, places), strict=True)
        ]
        write_json(
            table.with_name(f"{table.stem}.provenance.json"),
            provenance(states, (span[0],), {"measure": measure, "request": fingerprint(inputs, measure, span, limit)}),
        )
        write_table(table, rows, [name.name, measure, "low", "high"])
        report(f"{measure} over {name.label()} with its 95 % band: {printable(str(table))}")
    if level is None:
        return []
    found = find(made, asked, level, span)
    for one in found:
        where = "" if one.place is None else f", at {', '.join(f'{part:.4g}' for part in one.place)}"
        report(
            f"{measure} = {level:g}{f' {unit}' if unit else ''} at {name.label(float(f'{one.value:.6g}'))} "
            f"(95 %: {one.low:.6g} to {one.high:.6g}){where}"
        )
    return found


def suggest_state(
    inputs: Inputs,
    ends: tuple[float | None, float | None] = (None, None),
    count: int = 1,
    cost: Literal["flat", "value"] = "flat",
    *,
    report: Report = print,
) -> list[Suggestion]:
    """The states to solve next, most telling first.

    Args:
        inputs: what is known, along one coordinate.
        ends: lowest and highest value that matters; those of the known states by default.
        count: how many to name, no two of them between the same known states.
        cost: of a solve: the same everywhere, or in proportion to the value (a time to be reached).
        report: takes lines of progress and the answer.

    Raises:
        InputError: the files or the range are not usable, or there is no estimate.
    """
    states = _along_one(inputs)
    span = _span(states, ends)
    made = _generated(inputs, states, span, report)
    ranked = suggest(made, np.linspace(*span, LOOKED).tolist(), None if cost == "flat" else float)
    found: list[Suggestion] = []
    for one in ranked:
        gaps = [int(np.searchsorted(states.scalars, other.value)) for other in found]
        if int(np.searchsorted(states.scalars, one.value)) not in gaps and len(found) < count:
            found.append(one)
    for one in found:
        where = states.coordinates.label(float(f"{one.value:.4g}"))
        report(f"solve next: {where} (estimated error {100.0 * one.size:.2g} % of the known range)")
    return found


def _along_one(inputs: Inputs, bounded: bool = True) -> FileStates:
    if len(inputs.coordinates) > 1:
        raise InputError(f"this is asked along one state coordinate, not over {', '.join(inputs.coordinates)}")
    return inputs.read(bounded=None if bounded else ())


def _span(states: FileStates, ends: tuple[float | None, float | None]) -> tuple[float, float]:
    known = states.scalars
    low, high = (float(own) if own is not None else float(end) for own, end in zip(ends, known[[0, -1]], strict=True))
    if not (np.isfinite([low, high]).all() and low < high):
        raise InputError(f"--from {low:g} --to {high:g}: no range")
    return low, high


def _generated(inputs: Inputs, states: FileStates, span: Sequence[float], report: Report) -> Generated:
    """Fields that reach a range: those between the known states, and beyond them where it goes there."""
    cheap = inputs.read_cheap()
    how: dict[str, Any] = {"field": inputs.field, "bounds": inputs.bounds, "search": inputs.search}
    return generate_fields(states, _asked(states, cheap, span), cheap=cheap, report=report, **how)


def _limited(
    inputs: Inputs, states: FileStates, measure: Measure, limit: str, span: tuple[float, float], report: Report
) -> tuple[Limited, Measure]:
    """The measured quantity under its limit, whose fields have the bounds and the cheap models."""
    assert states.template is not None
    grid = as_unstructured(states.template.grid)
    data = data_at(grid, find_location(states.template, inputs.field))
    known = [name for name in data if name.isidentifier()]
    formula = limit_formula(limit, states, known)
    names = sorted(formula.names & set(known))
    both = inputs.read([inputs.field, *names], bounded=names)
    each = {name: replace(inputs, field=name).read_cheap() for name in names}
    cheap = {name: models for name, models in each.items() if models is not None}
    asked = _asked(states, next(iter(cheap.values()), None), span)
    how: dict[str, Any] = {"bounds": inputs.bounds, "search": inputs.search, "report": report}
    return limited(both, inputs.field, measure, formula, asked, cheap=cheap, **how)


def _asked(states: FileStates, cheap: Sequence[States] | None, span: Sequence[float]) -> list[float]:
    """States to generate for, so that all of a range can be asked: those of the cheap models where there are some."""
    known = states.scalars
    if len(states) < 2:
        raise InputError("one state is known: two at least are needed")
    if cheap is not None:
        return _states_of(cheap, known, span)
    return [float(known[:2].mean()), *(end for end in span if not known[0] <= end <= known[-1])]


def _states_of(cheap: Sequence[States], known: Array, span: Sequence[float]) -> list[float]:
    """States of the cheap models that tell them from one end of a range to the other, but for the known ones."""
    every = reduce(np.intersect1d, [model.scalars for model in cheap])
    low, high = min(span[0], known[0]), max(span[1], known[-1])
    inside = every[(every >= low) & (every <= high)]
    if not len(inside) or inside[0] > low or inside[-1] < high or not close_along(known[:, None], inside[:, None]):
        raise InputError(
            f"cheap model: asked all along from {low:g} to {high:g}, solve it at both ends, at the known states and at "
            f"{CLOSE} at least between each two of them; it is at {', '.join(f'{one:g}' for one in every)}"
        )
    return np.setdiff1d(inside, known).tolist()
