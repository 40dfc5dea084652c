"""The page of a field study: what was asked, how it came out, and what was chosen on the way."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from cmgai_fem.calibration.calibrate import SHOWN, Calibration
from cmgai_fem.errors import InputError
from cmgai_fem.solve import CHECK, METHODS
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States
from cmgai_fem.study.ablation_rows import AblationRow, ablation_section
from cmgai_fem.study.charts import Curve, draw_errors, draw_places, draw_training, method_colour
from cmgai_fem.study.estimates import estimates, honesty
from cmgai_fem.study.field_file import FieldStudy, state_text
from cmgai_fem.study.file import Split
from cmgai_fem.study.findings import Picture, Row, Section, TextTable
from cmgai_fem.study.generation import Generation
from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import number, percent, words
from cmgai_fem.study.pictures import Panel, draw_fields, scalar_field
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.study.tolerances import point_of, row_text, state_key
from cmgai_fem.study.view import turning_section

CANDIDATES_SHOWN = 8
LEAST = "● "
SHARP = 170
# NRMSE between two discretisations of moving labels from which they have found different motions.
UNDETERMINED = 0.015


def make_sections(
    study: FieldStudy,
    tools: Tools,
    rows: Sequence[Row],
    generation: Generation,
    shown: Mapping[str, States],
    ablated: Sequence[AblationRow],
    figures: Sequence[Row],
) -> list[Section]:
    """All sections of the page; their pictures are drawn into the results folder.

    Args:
        study: the study.
        tools: draw into the folder.
        rows: every figure.
        generation: how the states were generated.
        shown: states to draw by method: the reference, both transports and the best rival.
        ablated: rows of the ablation.
        figures: of admissibility.
    """
    tables = [_error_table(study, name, rows) for name in dict.fromkeys(row["field"] for row in rows)]
    about_errors = (
        "NRMSE: root mean square error over the volume, divided by the range of the reference. Set off are the two "
        "discretisations of the transport; all others are rivals, tuned on the known states alone."
    )
    sections = [
        _asked(study, tools, rows),
        Section("Result", tables=[_summary(study, rows)]),
        Section("Fields at the worst held-out state", pictures=_field_pictures(study, tools, rows, shown)),
        *turning_section(study, tools.folder, rows, shown),
        *([_error_chart(study, tools, rows)] if len(study.axes) == 1 else []),
        Section("NRMSE at every held-out state, in %", [about_errors], tables=tables),
        Section(
            "Calibration",
            ["Chosen by leaving known states out one at a time; the held-out states take no part."],
            tables=[
                _calibration(name, split, generator.calibration)
                for name, split, generator in generation.sides()
                if generator.calibration is not None
            ],
        ),
        Section(
            "Estimated errors",
            [
                "Made from the known states alone: one standard deviation, root mean square over the volume, beside "
                "the true error, both relative to the known range. The 95 % band is twice the deviation. The rivals' "
                "estimates are made by the same rule, from what each gets wrong of the states left out."
            ],
            tables=[
                table
                for name, made in generation.made.items()
                for table in (estimates(name, made, shown["reference"]), honesty(study, made, shown["reference"]))
            ],
        ),
        ablation_section(
            ablated,
            "One part of the theory changed at a time about what calibration chose, all else kept. The left-out error "
            "is what calibration could see, the other two are measured at the held-out states.",
        ),
        Section("Training of the networks", pictures=_training(tools, generation)),
        _check(rows, generation),
        Section("Admissibility", tables=_admissibility(figures)),
    ]
    return [section for section in sections if section.tables or section.pictures or section.view]


def _asked(study: FieldStudy, tools: Tools, rows: Sequence[Row]) -> Section:
    lists: dict[str, Split] = {
        "known": "known", "held out, inside": "interpolation", "held out, outside": "extrapolation"
    }  # fmt: skip
    cells = [(title, ", ".join(map(state_text, study.asked(split)))) for title, split in lists.items()]
    table = TextTable(
        "", ("states", study.axes.label()), [row for row in cells if row[1]], text_columns=2, terminal=False
    )
    text = (
        "From the fields at the known states alone, generate the fields at the held-out states. The held-out "
        "reference solves enter only now, to measure the errors."
    )
    pictures = []
    if len(study.axes) == 2:
        errors = {
            words(name): [(point_of(row["state"]), row["nrmse"]) for row in _held_out(rows, name, "fem")]
            for name in study.headlines
        }
        figure = draw_places(study.known_values, errors, [axis.label() for axis in study.axes])
        caption = "Known states, their hull, and the NRMSE of the finite elements at the generated ones."
        pictures = [tools.picture(figure, "states", caption)]
    return Section("What was asked", [text], pictures, [table])


def _held_out(rows: Sequence[Row], field: str, method: str, split: str = "", against: str = "reference") -> list[Row]:
    """Figures of a method at the held-out states; of one split, if it is named."""
    return [
        row
        for row in rows
        if (row["field"], row["method"], row["against"]) == (field, method, against)
        and row["split"] != "known"
        and split in ("", row["split"])
    ]


def _methods(rows: Sequence[Row]) -> list[str]:
    """All methods, ours first."""
    return list(dict.fromkeys([*METHODS, *(row["method"] for row in rows if row["against"] == "reference")]))


def _marked(cells: Sequence[float | None], count: int | None = None) -> list[str]:
    """Errors as text, the least of the first `count` marked; equal texts are ties."""
    least = percent(min((cell for cell in cells[:count] if cell is not None), default=None))
    return [LEAST + percent(cell) if cell is not None and percent(cell) == least else percent(cell) for cell in cells]


def _summary(study: FieldStudy, rows: Sequence[Row]) -> TextTable:
    """Per field and split: the worst held-out error of ours and of the rival whose worst is least."""
    cells = []
    for field in dict.fromkeys(row["field"] for row in rows):
        for split in study.splits:
            worst = {
                method: max(row["nrmse"] for row in _held_out(rows, field, method, split)) for method in _methods(rows)
            }
            rival = min((method for method in worst if method not in METHODS), key=lambda method: worst[method])
            errors = _marked([worst["fem"], worst["pinn"], worst[rival]])
            cells.append((words(field), split, *errors, method_name(rival)))
    return TextTable(
        "",
        ("field", "held out", "FEM transport", "PINN transport", "best rival", "which is"),
        cells,
        "NRMSE in % at the worst held-out state; the best rival is the simple method whose own worst state is best. "
        f"{LEAST}least error of the row, ties included.",
        text_columns=2,
        terminal=False,
    )


def _error_table(study: FieldStudy, field: str, rows: Sequence[Row]) -> TextTable:
    """Method x held-out state; components are folded, and not for the terminal."""
    outside = len(study.asked("interpolation"))
    columns = [state_text(point) + ("*" if row >= outside else "") for row, point in enumerate(study.held_out)]
    methods, table = _methods(rows), []
    for method, against in [*((method, "reference") for method in methods), ("pinn", "fem")]:
        errors = {row["state"]: row["nrmse"] for row in _held_out(rows, field, method, against=against)}
        cells = [errors[state_key(point)] for point in study.held_out]
        table.append([*cells, float(np.mean(cells[:outside])) if outside else None])
    # The least of each column among the methods; the row that holds the networks against the elements is none.
    texts = list(zip(*(_marked(column, len(methods)) for column in zip(*table, strict=True)), strict=True))
    texts[-1] = tuple(percent(cell) for cell in table[-1])
    ends = [_ends(rows, field, method) for method in methods] + [("", "")]
    names = [*map(method_name, methods), "PINN against FEM"]
    return TextTable(
        words(field),
        ("method", *columns, "mean inside", "known, worst", "time [s]"),
        [(name, *cells, *end) for name, cells, end in zip(names, texts, ends, strict=True)],
        f"NRMSE in %; * outside the known states; {LEAST}least error of the column, ties included",
        frozenset(range(len(METHODS))),
        terminal=field in study.headlines,
        folded=field != rows[0]["field"],
    )


def _ends(rows: Sequence[Row], field: str, method: str) -> tuple[str, str]:
    """The worst error at a known state, and the time."""
    own = [row for row in rows if (row["field"], row["method"], row["against"]) == (field, method, "reference")]
    known = percent(max((row["nrmse"] for row in own if row["split"] == "known"), default=None))
    return known, number(own[0]["seconds"])


def _error_chart(study: FieldStudy, tools: Tools, rows: Sequence[Row]) -> Section:
    curves = {}
    for field in dict.fromkeys(row["field"] for row in rows):
        found = {method: _held_out(rows, field, method) for method in _methods(rows)}
        curves[words(field)] = [
            Curve(method, tuple(float(row["state"]) for row in own), tuple(row["nrmse"] for row in own))
            for method, own in found.items()
        ]
    figure = draw_errors(curves, [point[0] for point in study.states.known], study.axes.label())
    caption = (
        "NRMSE against the reference at the held-out states. Dashed verticals: known states, where every interpolating "
        "method is exact."
    )
    return Section("Error over the state coordinate", pictures=[tools.picture(figure, "errors", caption, SHARP)])


def _field_pictures(study: FieldStudy, tools: Tools, rows: Sequence[Row], shown: Mapping[str, States]) -> list[Picture]:
    """Fields and errors where the finite elements err most: the first field in each split, the others in the first."""
    pictures = []
    names = [table.derived[0] if table.derived else name for name, table in study.fields.items()]
    for index, name in enumerate(names):
        for split in study.splits[: 1 if index else None]:
            worst = max(_held_out(rows, name, "fem", split), key=lambda row: row["nrmse"])
            figure = _draw_state(study, name, worst, rows, shown)
            caption = f"{words(name)} at {study.axes.label(point_of(worst['state']))}, the worst state of the {split}."
            if next(iter(shown.values())).labels.points.shape[1] > 1:
                caption += " One colour scale for all fields, one for all errors."
            pictures.append(tools.picture(figure, f"{name}_{split}", caption, SHARP))
    return pictures


def _draw_state(study: FieldStudy, name: str, worst: Row, rows: Sequence[Row], shown: Mapping[str, States]) -> Figure:
    """The state of a figure: the reference, the generated fields, and their errors."""
    point = point_of(worst["state"])
    truth, unit = scalar_field(shown["reference"], point, name)
    fields, errors = [Panel("Reference", truth, displacement=_shift(study, shown["reference"], point))], []
    for method, states in shown.items():
        if method != "reference":
            values, shift = scalar_field(states, point, name)[0], _shift(study, states, point)
            (own,) = [row for row in _held_out(rows, name, method) if row["state"] == worst["state"]]
            title = f"error of {method_name(method)}\nNRMSE {percent(own['nrmse'])} %"
            fields.append(Panel(method_name(method), values, method_colour(method), shift))
            errors.append(Panel(title, values - truth, method_colour(method), shift))
    return draw_fields(shown["reference"].labels, fields, errors, unit, words(name))


def _shift(study: FieldStudy, states: States, point: Sequence[float]) -> Array | None:
    if not study.deformed:
        return None
    if states.labels.location != "point":
        raise InputError("deformed: the fields live in cells, and the body's nodes have no displacement: leave it out")
    return np.asarray(states.field("displacement").values[states.index(point)])


def _calibration(name: str, split: Split, choice: Calibration) -> TextTable:
    """What was superposed, and the best of the other choices."""
    errors = {other: error for other, error in choice.table if np.isfinite(error)}
    own = sorted(zip(choice.members, choice.weights, strict=True), key=lambda item: -item[1])
    own = [item for item in own if item[1] >= SHOWN]
    rows = [(str(member), f"{weight:.2f}", percent(errors.get(member))) for member, weight in own]
    others = [other for other in errors if other not in choice.members]
    best = others[: max(CANDIDATES_SHOWN - len(rows), 0)]
    rows += [(str(other), "", percent(errors[other])) for other in best]
    left = "; ".join(map(state_text, choice.left_out))
    note = f"Left-out error of the superposition: {percent(choice.error)} %, at {left}"
    more = len(others) - len(best)
    return TextTable(
        f"{words(name)}, {split}",
        ("choice", "weight", "left-out error [%]"),
        rows,
        f"{note}; and {more} more with larger left-out errors, in run.json." if more else f"{note}.",
        frozenset(range(len(own))),
        terminal=False,
    )


def _check(rows: Sequence[Row], generation: Generation) -> Section:
    """The independent network against the finite elements, state by state."""
    lines = generation.check()
    cells = []
    for line in lines:
        (own,) = [
            row for row in _held_out(rows, line["field"], CHECK, line["split"], "fem")
            if point_of(row["state"]) == [line["state"]]
        ]  # fmt: skip
        residuals = (number(line["momentum_residual"]), number(line["untrained"]))
        maps = line["maps"]
        if maps and own["nrmse"] > UNDETERMINED:
            maps += "; the motion is not determined there"
        state = state_text((line["state"],))
        cells.append((words(line["field"]), line["split"], maps, state, percent(own["nrmse"]), *residuals))
    columns = ("field", "held out", "maps", "state", "NRMSE to FEM [%]", "momentum residual", "before training")
    note = "Residuals: root mean square over the volume, in known ranges per pseudo-time squared, of the worst member; "
    text = (
        "The networks of the PINN transport are fed with the powers and kinks of the exact motion. The independent "
        "network is not: tanh units of the pseudo-time alone, one layer for the displacement and one for the force, "
        "trained on the momentum residual and the known states; where labels move, a network of the coordinates finds "
        "their maps. It shares no basis with the finite elements."
    )
    note += "before training relative to the accelerations."
    table = TextTable("", columns, cells, note, text_columns=3, terminal=False)
    return Section("Independent network", [text], tables=[table] if cells else [])


def _training(tools: Tools, generation: Generation) -> list[Picture]:
    runs: dict[str, list[tuple[float, float]]] = {}
    for row in generation.training_history():
        runs.setdefault(f"{words(row['field'])}, {row['split']}", []).append((row["step"], row["loss"]))
    return [tools.picture(draw_training(runs), "training", "Loss over the steps of the training.")] if runs else []


def _admissibility(figures: Sequence[Row]) -> list[TextTable]:
    """Per figure: method x state."""
    tables = []
    for figure in dict.fromkeys(row["figure"] for row in figures):
        values = {(row["method"], row["state"]): row["value"] for row in figures if row["figure"] == figure}
        states, methods = (list(dict.fromkeys(key[part] for key in values)) for part in (1, 0))
        cells = [
            (method_name(method), *(number(values[method, state]) for state in states)) for method in methods
        ]  # fmt: skip
        ours = frozenset(index for index, method in enumerate(methods) if method in METHODS)
        columns = ("method", *(row_text({"state": state}) for state in states))
        tables.append(TextTable(words(figure), columns, cells, marked=ours, terminal=False))
    return tables
