"""The turning view of a study's page: the body's surface and every state's fields on it, packed for a script.

Values are kept in 16 bits over each array's own range: more than colours show, and a quarter of what numbers take.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from scipy import sparse

from cmgai_fem.states.labels import Array, IntArray, Labels
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
# Cells that are or have faces.
FACES = ("triangle", "quad", "tetra", "hexahedron", "wedge", "pyramid")
KINDS = {
    "known": "known",
    "interpolation": "held out, between the known states",
    "extrapolation": "held out, beyond the known states",
}


def turning_section(study: FieldStudy, folder: Path, rows: Sequence[Row], shown: Mapping[str, States]) -> list[Section]:
    """The section of the page with the view; none where there is no surface to look at."""
    labels = shown["reference"].labels
    if labels.points.shape[1] == 1 or not any(kind.startswith(FACES) for kind in labels.cells):
        return []
    write_json(folder / FILE, describe_view(study, rows, shown))
    return [Section("All states, to turn", view=FILE)]


def describe_view(study: FieldStudy, rows: Sequence[Row], shown: Mapping[str, States]) -> dict[str, Any]:
    """What the script of the page draws, as plain data.

    Args:
        study: the study; its states are what the slider runs over.
        rows: every figure, for the NRMSE of what is shown.
        shown: states by method, the reference first.

    Returns:
        The surface, the states, and per field its values and every method's errors.
    """
    methods = [method for method in shown if method != "reference"]
    names = [table.derived[0] if table.derived else name for name, table in study.fields.items()]
    arrays = len(study.points) * (1 + len(methods)) * (len(names) + 3 * study.deformed)
    surface = Surface.of(shown["reference"].labels, ROOM // (2 * arrays))
    view = {
        **surface.describe(),
        "colours": COLOURS,
        "states": [{"text": study.axes.label(point), "kind": KINDS[study.split(point)]} for point in study.points],
        "methods": [method_name(method) for method in methods],
        "fields": [_field(study, surface, name, rows, shown, methods) for name in names],
    }
    if study.deformed:
        view["shifts"] = [
            [_shift(surface, states.field("displacement").values[states.index(point)]) for point in study.points]
            for states in shown.values()
        ]
    return view


def _field(
    study: FieldStudy,
    surface: "Surface",
    name: str,
    rows: Sequence[Row],
    shown: Mapping[str, States],
    methods: Sequence[str],
) -> dict[str, Any]:
    """Values of the reference and errors of each method at every state, on one scale each."""
    _, unit = scalar_field(shown["reference"], study.points[0], name)
    truth, *made = (
        [Panel("", scalar_field(shown[method], point, name)[0]) for point in study.points]
        for method in ("reference", *methods)
    )
    wrong = [
        Panel("", one.values - true.values) for each in made for one, true in zip(each, truth, strict=True)
    ]  # fmt: skip
    truth, wrong, unit = in_readable_unit(truth, wrong, unit)
    low, high, peak = scale_limits(truth)
    _, reach, error_peak = scale_limits([Panel("", np.abs(panel.values)) for panel in wrong])
    figures = {
        (row["method"], row["state"]): percent(row["nrmse"])
        for row in rows
        if row["field"] == name and row["against"] == "reference"
    }
    errors = [packed(surface.nodal(panel.values)) for panel in wrong]
    count = len(study.points)
    return {
        "name": words(name),
        "unit": unit,
        "limits": [low, high],
        "peak": peak.lstrip(",\n"),
        "reach": reach,
        "error_peak": error_peak.lstrip(",\n"),
        "values": [packed(surface.nodal(panel.values)) for panel in truth],
        "errors": [errors[first : first + count] for first in range(0, len(errors), count)],
        "nrmse": [[figures.get((method, state_key(point)), "") for point in study.points] for method in methods],
    }


def _shift(surface: "Surface", displacement: Array) -> dict[str, Any]:
    """Displacement of the points [m], in 3-D."""
    return packed(np.pad(surface.nodal(displacement), ((0, 0), (0, 3 - displacement.shape[1]))))


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
