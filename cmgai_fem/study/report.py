"""A page about generated fields: what to use, how far to trust each state, and all states to turn and slide."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from matplotlib.figure import Figure

from cmgai_fem.errors import InputError
from cmgai_fem.files.outputs import check_replaceable
from cmgai_fem.files.trust import printable
from cmgai_fem.files.writers import check_folder
from cmgai_fem.generated import Generated, Generator
from cmgai_fem.machine import machine_facts
from cmgai_fem.measures import deviation, quantity_of
from cmgai_fem.picture import picture
from cmgai_fem.states.labels import Array
from cmgai_fem.study.advice import advise_on, in_unit
from cmgai_fem.study.findings import Picture, Section, TextTable
from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import percent, words, write_page
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.study.view import Shown, write_view
from cmgai_fem.writing import whole_file, write_json

# Pictures of bodies without a surface: of more states the first ones.
MOST_PICTURES = 12
Quantity = Callable[[Array], Array]


def check_page(path: Path, inputs: Sequence[Path] = (), *, force: bool = False) -> None:
    """Refuse a page that could not be written, or would replace what it must not, before any work is done for it."""
    if path.suffix.lower() != ".html":
        raise InputError(f"{printable(str(path))}: a page must end in .html")
    check_folder(path)
    check_replaceable(path, inputs, force=force)


def write_report(made: Generated, path: Path) -> None:
    """Write a page that needs no other file.

    Args:
        made: the generated fields, with the rivals' left-out errors beside them.
        path: the .html file.
    """
    coordinates, known = made.states.coordinates, made.states.field(made.field)
    asked = ", ".join(coordinates.label(point) for point in made.points)
    listed = ", ".join(", ".join(f"{part:g}" for part in values) for values in made.states.values)
    title = f"{words(made.field)} at {asked}"
    text = (
        f"Generated from {len(made.states)} known states, {coordinates.label()} = {listed}; {made.states.labels.count} "
        f"labels, {len(known.components)} component{'s' if len(known.components) > 1 else ''}"
    )
    facts = {"field": made.field, "unit": known.unit or "none stated", **machine_facts()}
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run = {
            "study": {
                "title": title,
                "description": f"{text}.",
                "words": [_chip(made, point) for point in made.points],
            },
            "advice": list(advise_on(made).values()),
            "tolerances": [],
            "sections": [section.describe() for section in _sections(made, folder)],
            "provenance": facts,
        }
        write_json(folder / "run.json", run)
        page = write_page(folder, alone=True)
        with whole_file(path) as temporary:
            shutil.copyfile(page, temporary)


def _chip(made: Generated, point: Array) -> dict[str, str]:
    word = made.trust(point).word
    kind = {"trusted": "", "with care": "none"}.get(word, "bad")
    return {"text": f"{made.states.coordinates.label(point)}: {word}", "kind": kind}


def _sections(made: Generated, folder: Path) -> Iterator[Section]:
    yield Section("How far to trust it", made.warnings(), tables=[_trust(made)])
    for generator in made.generators:
        if generator.calibration is not None:
            yield _left_out(made, generator)
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
    fields = [
        Shown(
            name,
            known.unit,
            [quantity(field) for *_, field, _ in states],
            [[deviation(quantity, field, error) for *_, field, error in states]],
        )
        for name, quantity in _quantities(made)
    ]
    file = write_view(folder, made.states.labels, [one[:2] for one in states], fields, ())
    if file:
        return [Section("All states, to turn", view=file)]
    return [Section("Generated fields", pictures=_pictures(made, folder))]


def _quantities(made: Generated) -> Iterator[tuple[str, Quantity]]:
    """What can be looked at: the scalar, or a norm and each component."""
    components = made.states.field(made.field).components
    if len(components) == 1:
        yield words(made.field), quantity_of(made.field, components[0], components)
        return
    whole = "von_mises" if len(components) == 6 and made.field == "stress" else "norm"
    yield words(whole), quantity_of(made.field, whole, components)
    for name in components:
        yield f"{words(made.field)} {name}", quantity_of(made.field, name, components)


def _pictures(made: Generated, folder: Path) -> list[Picture]:
    tools, known = Tools(folder, print), made.states.field(made.field)
    found = []
    for row, point in enumerate(made.points[:MOST_PICTURES]):
        label = made.states.coordinates.label(point)
        figure: Figure = picture(made.states.labels, made.at(point), f"{made.field} [{known.unit or '-'}]", label)
        found.append(tools.picture(figure, f"state_{row}", label))
    return found
