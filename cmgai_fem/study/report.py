"""A page about generated fields: what to use, how far to trust each state, and all states to turn and slide."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from cmgai_fem.generated import Generated, Generator
from cmgai_fem.measures import deviation, quantity_of
from cmgai_fem.picture import picture
from cmgai_fem.study.ablation import TEXT
from cmgai_fem.study.ablation_rows import AblationRow, ablation_section
from cmgai_fem.study.advice import advise_on, in_unit
from cmgai_fem.study.findings import Picture, Section, TextTable
from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import percent, words
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.study.standalone import write_standalone
from cmgai_fem.study.view import Shown, write_view

# Pictures of bodies without a surface: of more states the first ones.
MOST_PICTURES = 12


def write_report(made: Generated, path: Path, ablated: Sequence[AblationRow] = ()) -> None:
    """Write a page that needs no other file.

    Args:
        made: the generated fields, with the rivals' left-out errors beside them.
        path: the .html file.
        ablated: what each part of the method is worth, where that was asked for.
    """
    coordinates, known = made.states.coordinates, made.states.field(made.field)
    words_of = {coordinates.label(point): made.trust(point).word for point in made.points}
    listed = ", ".join(", ".join(f"{part:g}" for part in values) for values in made.states.values)
    text = (
        f"Generated from {len(made.states)} known states, {coordinates.label()} = {listed}; {made.states.labels.count} "
        f"labels, {len(known.components)} component{'s' if len(known.components) > 1 else ''}."
    )
    facts = {"field": made.field, "unit": known.unit or "none stated"}
    title = f"{words(made.field)} at {', '.join(words_of)}"
    write_standalone(
        path, title, text, words_of, lambda folder: _sections(made, folder, ablated), facts, [*advise_on(made).values()]
    )


def _sections(made: Generated, folder: Path, ablated: Sequence[AblationRow]) -> Iterator[Section]:
    yield Section("How far to trust it", made.warnings(), tables=[_trust(made)])
    for generator in made.generators:
        if generator.calibration is not None:
            yield _left_out(made, generator)
    if ablated:
        yield ablation_section(ablated, TEXT)
    yield from _shown(made, folder)


def _trust(made: Generated) -> TextTable:
    """Estimated error and word of every state asked for."""
    span, unit = float(np.ptp(made.states.field(made.field).values)), made.states.field(made.field).unit
    rows = []
    for point in made.points:
        trust, size = made.trust(point), made.generator(point).size(point)
        cells = ("–", "–") if size is None else (percent(size), in_unit(size * span, unit))
        rows.append((made.states.coordinates.label(point), str(trust), *cells))
    columns = ("state", "to be trusted?", "estimated error [%]", "in the field's unit")
    note = "one standard deviation, in the mean over the volume, % of the known range; twice it is the 95 % band"
    return TextTable("", columns, rows, note, text_columns=2)


def left_out_errors(made: Generated, generator: Generator) -> list[tuple[str, float]]:
    """Readable names of all methods and what each gets wrong of states left out on one side, least first; ours too."""
    assert generator.calibration is not None
    errors = {"transport": generator.calibration.error}
    errors |= {
        method_name(name): found[generator.inside]
        for name, found in made.rivalry.errors.items()
        if generator.inside in found
    }
    return sorted(errors.items(), key=lambda row: row[1])


def _left_out(made: Generated, generator: Generator) -> Section:
    """What was chosen for one side of the known states, and the left-out errors of all methods."""
    ordered = left_out_errors(made, generator)
    own = next(row for row, (name, _) in enumerate(ordered) if name == "transport")
    rows = [(name, percent(error) if np.isfinite(error) else "–") for name, error in ordered]
    side = "between" if generator.inside else "beyond"
    text = [f"Chosen: {generator.calibration}.", *([generator.finding] if generator.finding else [])]
    note = "each known state left out in turn, generated from the others, and compared"
    table = TextTable("", ("method", "left-out error [% of the known range]"), rows, note, frozenset({own}))
    return Section(f"{side.capitalize()} the known states", text, tables=[table])


def _shown(made: Generated, folder: Path) -> list[Section]:
    """All states on the body, to turn; pictures of those asked for where it has no surface."""
    coordinates, known = made.states.coordinates, made.states.field(made.field)
    states = [
        (coordinates.label(point), "known", values, np.zeros_like(values))
        for point, values in zip(made.states.values, known.values, strict=True)
    ]
    for point in made.points:
        error = made.error(point)
        values = made.at(point)
        states.append(
            (coordinates.label(point), "generated", values, np.zeros_like(values) if error is None else error)
        )
    order = np.lexsort(np.vstack([made.states.values, made.points]).T[::-1])
    states = [states[row] for row in order]
    fields = []
    for name, of in quantities(made.field, known.components):
        quantity = quantity_of(made.field, of, known.components)
        estimates = [deviation(quantity, field, error) for *_, field, error in states]
        fields.append(Shown(name, known.unit, [quantity(field) for *_, field, _ in states], [estimates]))
    file = write_view(folder, made.states.labels, [one[:2] for one in states], fields, ())
    if file:
        return [Section("All states, to turn", view=file)]
    return [Section("Generated fields", pictures=_pictures(made, folder))]


def quantities(field: str, components: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What can be looked at of a field, for readers and by name: the scalar, or a norm and each component."""
    if len(components) == 1:
        yield words(field), components[0]
        return
    whole = "von_mises" if len(components) == 6 and field == "stress" else "norm"
    yield words(whole), whole
    for name in components:
        yield f"{words(field)} {name}", name


def _pictures(made: Generated, folder: Path) -> list[Picture]:
    tools, known = Tools(folder, print), made.states.field(made.field)
    found = []
    for row, point in enumerate(made.points[:MOST_PICTURES]):
        label = made.states.coordinates.label(point)
        figure: Figure = picture(made.states.labels, made.at(point), f"{made.field} [{known.unit or '-'}]", label)
        found.append(tools.picture(figure, f"state_{row}", label))
    return found
