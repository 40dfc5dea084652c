"""The turning view of a study's page: the body's surface and every state's fields on it, packed for a script.

Values are kept in 16 bits over each array's own range: more than colours show, and a quarter of what numbers take.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from scipy import sparse

from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.generated import Generated
from cmgai_fem.metrics import field_error
from cmgai_fem.states.labels import Array, IntArray, Labels, in_space
from cmgai_fem.states.states import States
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.findings import Row, Section
from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import percent, words
from cmgai_fem.study.paraview import unstructured_grid
from cmgai_fem.study.pictures import (
    ERROR_COLOURS,
    FIELD_COLOURS,
    Panel,
    in_readable_unit,
    scalar_field,
    scale_limits,
)
from cmgai_fem.study.tolerances import state_key
from cmgai_fem.writing import write_json

# Bytes of all values; text takes a third more.
ROOM = 900_000
STEPS = 65535
FILE = "view.json"
ESTIMATE = "Estimated error, one standard deviation"
# Cells that are or have faces.
FACES = ("triangle", "quad", "tetra", "hexahedron", "wedge", "pyramid")
# Rivals that give known states back as they are.
KEEPING = ("linear", "pchip", "natural_spline", "not_a_knot", "polynomial", "pod_rbf", "thin_plate_spline")
KINDS = {
    "known": "known",
    "interpolation": "held out, between the known states",
    "extrapolation": "held out, beyond the known states",
}


@dataclass(frozen=True)
class Shown:
    """A scalar field over all states of a view.

    Args:
        name: as readers know it.
        unit: of its values.
        values: (L,) values at each state.
        errors: for each method the (L,) generated minus the values at each state; or one list of (L,) estimated errors.
        nrmse: for each method the text of its NRMSE at each state; empty where there is none.
    """

    name: str
    unit: str
    values: Sequence[Array]
    errors: Sequence[Sequence[Array]]
    nrmse: Sequence[Sequence[str]] = ()


def write_view(
    folder: Path,
    labels: Labels,
    states: Sequence[tuple[str, str]],
    fields: Sequence[Shown],
    methods: Sequence[str],
    shifts: Sequence[Sequence[Array]] = (),
    file: str = FILE,
    room: int = ROOM,
    beside: str = ESTIMATE,
) -> str:
    """Write what a section's view of all states draws.

    Args:
        folder: of the results.
        labels: where the fields live.
        states: name and kind (of `KINDS`) of each state that the slider runs over.
        fields: what can be shown.
        methods: readable names of those that generate; none where estimates stand for errors.
        shifts: (N, g) displacement [m] by which the body is drawn, for the values and each method at each state.
        file: name of the file in the folder.
        room: bytes that it may take, about.
        beside: what stands for the errors where there are no methods.

    Returns:
        The file's name; empty where the body has no surface to look at, and nothing was written.
    """
    if labels.points.shape[1] == 1 or not any(kind.startswith(FACES) for kind in labels.cells):
        return ""
    arrays = sum(len(states) * (1 + len(one.errors)) for one in fields) + 3 * len(states) * len(shifts)
    surface = Surface.of(labels, room // (2 * arrays))
    view = {
        **surface.describe(),
        "colours": COLOURS,
        "states": [{"text": text, "kind": kind} for text, kind in states],
        "methods": list(methods),
        "beside": beside,
        "fields": [_field(surface, one) for one in fields],
    }
    if shifts:
        view["shifts"] = [[_shift(surface, one) for one in each] for each in shifts]
    write_json(folder / file, view)
    return file


def held_out_view(made: Generated, truth: Sequence[Array], folder: Path, case: str, rivals: Sequence[str] = ()) -> str:
    """Write a view of known and held-out states, and of what was made of them; see `write_view`.

    Args:
        made: the generated fields of one component.
        truth: (L, 1) or (L,) held-out field at each state that was asked for.
        folder: of the results.
        case: what is shown; names the file there.
        rivals: whose fields are shown beside ours; those that do not keep known states exactly are left out.
    """
    known, coordinates, labels = made.states.field(made.field), made.states.coordinates, made.states.labels
    shown = [name for name in rivals if name in KEEPING and name in made.rivalry.fields]
    exact = [np.ravel(one) for one in truth]
    ways = [[made.at(point) for point in made.points], *(list(made.rivalry.fields[name]) for name in shown)]
    wrong = [[field[:, 0] - one for field, one in zip(way, exact, strict=True)] for way in ways]
    nrmse = [[percent(_nrmse(each, one, labels)) for each, one in zip(way, exact, strict=True)] for way in wrong]
    kinds = ["interpolation" if inside_hull(made.states.values, point) else "extrapolation" for point in made.points]
    states = [(coordinates.label(point), KINDS["known"]) for point in made.states.values]
    states += [(coordinates.label(point), KINDS[kind]) for point, kind in zip(made.points, kinds, strict=True)]
    order = np.lexsort(np.vstack([made.states.values, made.points]).T[::-1]).tolist()

    def sorted_(known: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        return [[*known, *others][row] for row in order]

    none, count = np.zeros(labels.count), len(made.states)
    field = Shown(
        words(made.field), known.unit, sorted_(list(known.values[:, :, 0]), exact),
        [sorted_([none] * count, each) for each in wrong], [sorted_([""] * count, each) for each in nrmse],
    )  # fmt: skip
    methods = [method_name(name) for name in (next(iter(made.generators[0].solutions)), *shown)]
    file = re.sub(r"\W+", "_", case) + ".json"
    return write_view(folder, labels, [states[row] for row in order], [field], methods, file=file, room=ROOM // 4)


def _nrmse(wrong: Array, truth: Array, labels: Labels) -> float | None:
    if np.ptp(truth) == 0.0:
        return None
    return field_error((truth + wrong)[:, None], truth[:, None], labels.weights).nrmse


def turning_section(study: FieldStudy, folder: Path, rows: Sequence[Row], shown: Mapping[str, States]) -> list[Section]:
    """The view of a field study: its reference and what was generated, at all states.

    Args:
        study: the study; its states are what the slider runs over.
        folder: of the results.
        rows: every figure, for the NRMSE of what is shown.
        shown: states by method, the reference first.
    """
    methods = [method for method in shown if method != "reference"]
    names = [table.derived[0] if table.derived else name for name, table in study.fields.items()]
    states = [(study.axes.label(point), KINDS[study.split(point)]) for point in study.points]
    fields = [_compared(study, name, rows, shown, methods) for name in names]
    shifts = [
        [states.field("displacement").values[states.index(point)] for point in study.points]
        for states in (shown.values() if study.deformed else ())
    ]
    readable = [method_name(method) for method in methods]
    labels = shown["reference"].labels
    file = write_view(folder, labels, states, fields, readable, shifts)
    return [Section("All states, to turn", view=file)] if file else []


def _compared(
    study: FieldStudy, name: str, rows: Sequence[Row], shown: Mapping[str, States], methods: Sequence[str]
) -> Shown:
    """The reference at every state, and what each method makes of it."""
    _, unit = scalar_field(shown["reference"], study.points[0], name)
    truth, *made = (
        [scalar_field(shown[method], point, name)[0] for point in study.points] for method in ("reference", *methods)
    )
    figures = {
        (row["method"], row["state"]): percent(row["nrmse"])
        for row in rows
        if row["field"] == name and row["against"] == "reference"
    }
    wrong = [[one - true for one, true in zip(each, truth, strict=True)] for each in made]
    nrmse = [[figures.get((method, state_key(point)), "") for point in study.points] for method in methods]
    return Shown(words(name), unit, truth, wrong, nrmse)


def _field(surface: "Surface", shown: Shown) -> dict[str, Any]:
    """Values and errors of a field at every state, on one scale each."""
    values, errors, unit = in_readable_unit(
        [Panel("", one) for one in shown.values], [Panel("", one) for each in shown.errors for one in each], shown.unit
    )
    low, high, peak = scale_limits(values)
    _, reach, error_peak = scale_limits([Panel("", np.abs(panel.values)) for panel in errors])
    wrong, count = [packed(surface.nodal(panel.values)) for panel in errors], len(values)
    return {
        "name": shown.name,
        "unit": unit,
        "limits": [low, high],
        "peak": peak.lstrip(",\n"),
        "reach": reach,
        "error_peak": error_peak.lstrip(",\n"),
        "values": [packed(surface.nodal(panel.values)) for panel in values],
        "errors": [wrong[first : first + count] for first in range(0, len(wrong), count)],
        "nrmse": shown.nrmse or [[""] * count for _ in shown.errors],
    }


def _shift(surface: "Surface", displacement: Array) -> dict[str, Any]:
    """Displacement of the points [m], in 3-D."""
    return packed(in_space(surface.nodal(displacement)))


@dataclass(frozen=True, eq=False)
class Surface:
    """The surface of a body as triangles, with fewer of them where it would be too large.

    Args:
        nodes: (P,) node of the label mesh that each point is.
        points: (P, 3) places [m].
        triangles: (T, 3) rows of `points`.
        edges: (T,) bits 1, 2 and 4 for the sides 0-1, 1-2 and 2-0 that are edges of the mesh.
        to_nodes: (N, L) means of cells about nodes where fields live in cells, or None.
        thinned: whether points of the mesh's surface were left out.
    """

    nodes: IntArray
    points: Array
    triangles: IntArray
    edges: NDArray[np.uint8]
    to_nodes: sparse.csr_array | None
    thinned: bool

    @classmethod
    def of(cls, labels: Labels, most: int) -> "Surface":
        """The surface of a label mesh, of about `most` points where it has more."""
        grid = unstructured_grid(labels)
        grid.point_data["node"] = np.arange(grid.n_points)
        faces = grid.extract_surface(algorithm="dataset_surface", nonlinear_subdivision=0)
        drawn = faces.triangulate()
        thinned = drawn.n_points > most
        if thinned:
            drawn = drawn.decimate_pro(1.0 - most / drawn.n_points, preserve_topology=False)
        triangles, nodes = np.asarray(drawn.regular_faces), np.asarray(drawn.point_data["node"], dtype=np.int64)
        sides = np.sort(nodes[np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2)], axis=2)
        edges = faces.extract_all_edges()
        pairs = np.sort(np.asarray(edges.point_data["node"])[edges.lines.reshape(-1, 3)[:, 1:]], axis=1)
        real = np.isin(sides @ [grid.n_points, 1], pairs @ [grid.n_points, 1]) | thinned
        bits = (real @ [1, 2, 4]).astype(np.uint8)
        means = _means(labels) if labels.location == "cell" else None
        return cls(nodes, np.asarray(drawn.points, dtype=float), triangles, bits, means, thinned)

    def nodal(self, values: Array) -> Array:
        """(P, ...) values of a field (L, ...) at the points."""
        return np.asarray((values if self.to_nodes is None else self.to_nodes @ values)[self.nodes])

    def describe(self) -> dict[str, Any]:
        """The surface as plain data."""
        flat = bool(np.ptp(self.points[:, 2]) == 0.0)
        notes = ["Values of cells, as means about the nodes."] if self.to_nodes is not None else []
        notes += [f"The surface is drawn with {len(self.points)} of its nodes."] if self.thinned else []
        return {
            "points": packed(self.points),
            "triangles": _base64(self.triangles.astype("<u4")),
            "edges": _base64(self.edges),
            "flat": flat,
            "note": " ".join(notes),
        }


def _means(labels: Labels) -> sparse.csr_array:
    """(N, L) means of cell values about nodes."""
    rows = np.concatenate([block.ravel() for block in labels.cells.values()])
    counts = np.concatenate([np.full(len(block), block.shape[1]) for block in labels.cells.values()])
    columns = np.repeat(np.arange(labels.count), counts)
    shape = (len(labels.points), labels.count)
    about = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=shape)
    return sparse.csr_array(about.multiply(1.0 / np.maximum(about.sum(axis=1), 1.0)[:, None]))


def packed(values: Array) -> dict[str, Any]:
    """An array in 16 bits over its range: `low + step * data`."""
    low, high = float(values.min()), float(values.max())
    step = (high - low) / STEPS or 1.0
    return {"low": low, "step": step, "data": _base64(np.round((values - low) / step).astype("<u2"))}


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


# 256 colours of each map, three bytes each.
COLOURS = {
    kind: _base64((255.0 * colormaps[name](np.arange(256))[:, :3]).round().astype(np.uint8))
    for kind, name in (("field", FIELD_COLOURS), ("error", ERROR_COLOURS))
}
