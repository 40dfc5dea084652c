"""A page about generated laws of a field: what to trust, what clouds left out say, and the fields to turn and slide."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cmgai_fem.distributions.cloud_laws import RIVALS
from cmgai_fem.distributions.random_fields import BAND, JudgedLaws
from cmgai_fem.generate_distribution import GeneratedDistribution
from cmgai_fem.measures import quantity_of
from cmgai_fem.picture import picture
from cmgai_fem.states.labels import Array
from cmgai_fem.study.ablation_rows import AblationRow, ablation_section
from cmgai_fem.study.findings import Picture, Section, TextTable
from cmgai_fem.study.law_ablation import MEASURE, TEXT
from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import number, percent, words
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.study.report import MOST_PICTURES, quantities
from cmgai_fem.study.standalone import write_standalone
from cmgai_fem.study.view import Shown, write_view

LEVELS = {"5 %": BAND[0], "median": 0.5, "95 %": BAND[1]}
SPREAD = "Half the width of the 5 to 95 % band"


def write_law_report(made: GeneratedDistribution, path: Path, ablated: Sequence[AblationRow] = ()) -> None:
    """Write a page that needs no other file.

    Args:
        made: laws of a field at the states asked for.
        path: the .html file.
        ablated: what each part of the method is worth, where that was asked for.
    """
    specimens, coordinate = made.specimens, made.specimens.coordinate
    trust = {coordinate.label(value): made.trust(value).word for value in made.points.tolist()}
    counts = ", ".join(f"{value:g} ({count})" for value, count in specimens.counts.items())
    text = (
        f"The law of the field, from {len(specimens.values)} specimens at {coordinate.label()} = {counts}; "
        f"{specimens.numbered.labels.count} labels."
    )
    facts = {"field": specimens.field, "unit": specimens.data.unit or "none stated", "seed": made.seed}
    title = f"{words(specimens.field)} of specimens at {', '.join(trust)}"
    write_standalone(path, title, text, trust, lambda folder: _sections(made, folder, ablated), facts)


def _sections(made: GeneratedDistribution, folder: Path, ablated: Sequence[AblationRow]) -> Iterator[Section]:
    yield Section("How far to trust it", tables=[_trust(made)])
    for inside, judged in made.judged.items():
        yield _left_out(judged, inside, made.specimens.data.unit)
    if ablated:
        yield ablation_section(ablated, TEXT, MEASURE)
    yield from _shown(made, folder)


def _trust(made: GeneratedDistribution) -> TextTable:
    rows = []
    for value in made.points.tolist():
        judged = made.of(value)
        cells = (percent(judged.size), percent(judged.coverage))
        label = made.specimens.coordinate.label(value)
        rows.append((label, str(made.trust(value)), method_name(judged.chosen), *cells))
    columns = ("state", "to be trusted?", "law", "left-out error [% of the scatter]", "left out in the band [%]")
    note = "error beyond what as many specimens of the true law show; 90 % of the specimens should lie in the band"
    return TextTable("", columns, rows, note, text_columns=3)


def _left_out(judged: JudgedLaws, inside: bool, unit: str) -> Section:
    """Distances of all laws and rivals to clouds left out, least first."""
    ordered = sorted(judged.errors.items(), key=lambda row: row[1])
    rows = [
        (f"{method_name(name)}{' (rival)' if name in RIVALS else ''}", number(error) if np.isfinite(error) else "–")
        for name, error in ordered
    ]
    marked = frozenset(row for row, (name, _) in enumerate(ordered) if name == judged.chosen)
    left = ", ".join(f"{value:g}" for value in judged.left_out)
    note = (
        f"the clouds at {left} left out in turn; the true law with as many specimens is about "
        f"{number(judged.floor)} off, and specimens scatter by {number(judged.scatter)}"
    )
    columns = ("law", f"left-out distance W2 [{unit or '-'}]")
    where = "Between" if inside else "Beyond"
    table = TextTable("", columns, rows, note, marked)
    return Section(f"{where} the known states", [f"Chosen: {method_name(judged.chosen)}."], tables=[table])


def _shown(made: GeneratedDistribution, folder: Path) -> list[Section]:
    """The fields below which 5, 50 and 95 % lie, of the known specimens and of the laws."""
    specimens, label = made.specimens, made.specimens.coordinate.label
    states = sorted(
        [*((value, "known") for value in specimens.counts), *((value, "generated") for value in made.points)]
    )
    fields = []
    for name, of in quantities(specimens.field, specimens.data.components):
        low, middle, high = ([_quantile(made, *state, level, of) for state in states] for level in LEVELS.values())
        spread = [0.5 * (most - least) for least, most in zip(low, high, strict=True)]
        for text, values in zip(LEVELS, (low, middle, high), strict=True):
            fields.append(Shown(f"{name}, {text}", specimens.data.unit, values, [spread]))
    named = [(label(value), kind) for value, kind in states]
    if file := write_view(folder, specimens.numbered.labels, named, fields, (), beside=SPREAD):
        return [Section("All states, to turn", view=file)]
    return [Section("Generated laws", pictures=_pictures(made, Tools(folder, print)))]


def _quantile(made: GeneratedDistribution, value: float, kind: str, level: float, name: str) -> Array:
    """(L,) field of a quantity below which the specimens of a state lie with a probability."""
    if kind == "generated":
        return made.at(value, level, name).reshape(-1)
    data = made.specimens.data
    quantity = quantity_of(made.specimens.field, name, data.components)
    return np.asarray(
        np.quantile([quantity(one) for one in data.values[made.specimens.values == value]], level, axis=0)
    )


def _pictures(made: GeneratedDistribution, tools: Tools) -> list[Picture]:
    """Of bodies without a surface."""
    specimens, pictures = made.specimens, []
    axis, of = next(quantities(specimens.field, specimens.data.components))
    for row, value in enumerate(made.points.tolist()[: MOST_PICTURES // len(LEVELS)]):
        for text, level in LEVELS.items():
            caption = f"{specimens.coordinate.label(value)}, {text}"
            values = _quantile(made, value, "generated", level, of)[:, None]
            figure = picture(specimens.numbered.labels, values, f"{axis} [{specimens.data.unit or '-'}]", caption)
            pictures.append(tools.picture(figure, f"law_{row}_{round(100 * level)}", caption))
    return pictures
