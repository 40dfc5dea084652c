"""States: what is known of a body at a few values of one state coordinate, or at points of several.

A `StateSet` is the package's input: labels `X` (mesh nodes, cell centres or bare points), a state coordinate `s`
(temperature, velocity, time, ...) with its known values, and one array a field. `ScatteredStates` is its sibling for
several coordinates (`scattered_states`). Everything else reads them, nothing changes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cmgai_fem.errors import InputError
from cmgai_fem.writing import whole_file

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Nodes a cell, by meshio's cell names; what the package reads, writes and integrates over.
NODES_PER_CELL = {
    "vertex": 1, "line": 2, "line3": 3, "triangle": 3, "triangle6": 6, "quad": 4, "quad8": 8, "quad9": 9,
    "tetra": 4, "tetra10": 10, "hexahedron": 8, "hexahedron20": 20, "hexahedron27": 27,
    "wedge": 6, "wedge15": 15, "pyramid": 5, "pyramid13": 13,
}  # fmt: skip


@dataclass(frozen=True)
class Labels:
    """The labels of a continuum: where each piece of data sits in the body, once and for all.

    Args:
        points: (N, g) coordinates of the mesh nodes [m], g = 1, 2 or 3.
        cells: connectivity (C, v) of each block, keyed by meshio's cell name; empty for bare points.
        weights: (L,) volume that each label stands for [m^g]: lumped nodal volumes where `location` is "point"
            (L = N), cell volumes where it is "cell" (L = C, in the order of `cells`).
        location: where the fields live, "point" or "cell".
    """

    points: Array
    weights: Array
    cells: Mapping[str, IntArray]
    location: str = "point"

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] not in (1, 2, 3):
            raise InputError(f"label points must be an (N, 1..3) array, not {self.points.shape}")
        if self.location not in ("point", "cell"):
            raise InputError(f"labels live at 'point' or 'cell', not {self.location!r}")
        count = len(self.points) if self.location == "point" else sum(len(block) for block in self.cells.values())
        if self.weights.shape != (count,):
            raise InputError(f"{count} labels need {count} weights, not {self.weights.shape}")
        if not np.all(self.weights > 0.0):
            worst = int(np.argmin(self.weights))
            raise InputError(f"label {worst} stands for a volume of {self.weights[worst]:g}: mend or remove that cell")

    @property
    def count(self) -> int:
        """Number of labels."""
        return len(self.weights)

    @property
    def positions(self) -> Array:
        """(L, g) where the labels are: nodes, or cell centres [m]."""
        if self.location == "point":
            return self.points
        return np.concatenate([self.points[block].mean(axis=1) for block in self.cells.values()])


@dataclass(frozen=True)
class Coordinate:
    """The state coordinate: its name and unit (for messages, axes and files)."""

    name: str
    unit: str = ""

    def label(self, value: float | None = None) -> str:
        """Text for an axis, or for one state if `value` is given, e.g. "temperature = 325 degC"."""
        if value is None:
            return f"{self.name} [{self.unit}]" if self.unit else self.name
        return f"{self.name} = {value:g} {self.unit}".rstrip()


class Axis(Protocol):
    """What a set of states asks of its coordinate or coordinates."""

    @property
    def name(self) -> str:
        """The name or names."""

    def label(self, value: float | None = None) -> str:
        """Text for an axis, or for one state."""


@dataclass(frozen=True)
class Field:
    """Values of one field at every state and label.

    Args:
        values: (K, L, n) values in SI units unless `unit` says otherwise.
        unit: unit of the values.
        components: n component names, e.g. ("xx", "yy", "zz", "xy", "yz", "xz"); ("",) for a scalar.
    """

    values: Array
    unit: str
    components: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[2] != len(self.components):
            raise InputError(f"field values must be (states, labels, {len(self.components)}), not {self.values.shape}")


SYMMETRIC_TENSOR = ("xx", "yy", "zz", "xy", "yz", "xz")


@dataclass(frozen=True)
class States[A: Axis]:
    """Known states of one body, whatever their coordinates.

    Args:
        labels: the labels, shared by all states.
        coordinate: the state coordinate, or the coordinates.
        values: (K,) or (K, m) values of the coordinates.
        fields: fields by name, each (K, L, n).
    """

    labels: Labels
    coordinate: A
    values: Array
    fields: Mapping[str, Field]

    def __post_init__(self) -> None:
        if not np.all(np.isfinite(self.values)):
            raise InputError(f"values of {self.coordinate.name} must be finite numbers")
        for name, field in self.fields.items():
            if field.values.shape[:2] != (len(self.values), self.labels.count):
                raise InputError(
                    f"field {name!r} has {field.values.shape[:2]} states and labels, expected "
                    f"{(len(self.values), self.labels.count)}"
                )

    def __len__(self) -> int:
        return len(self.values)

    def field(self, name: str) -> Field:
        """The field called `name`.

        Raises:
            InputError: there is none; the message lists those there are.
        """
        if name not in self.fields:
            raise InputError(f"no field {name!r}; the states have: {', '.join(sorted(self.fields))}")
        return self.fields[name]

    def without(self, index: int) -> Self:
        """All states but the one at `index`: what leave-one-out calibration works on."""
        return self._rows(np.delete(np.arange(len(self)), index))

    def only(self, *names: str) -> Self:
        """The same states with the named fields alone."""
        return replace(self, fields={name: self.field(name) for name in names})

    def check_finite(self) -> Self:
        """Refuse NaN and infinity, naming the field, state and label."""
        for name, field in self.fields.items():
            bad = np.argwhere(~np.isfinite(field.values))
            if len(bad):
                state, label, component = bad[0]
                raise InputError(
                    f"field {name!r} is not finite at {self.coordinate.label(self.values[state])}, "
                    f"label {label}, component {field.components[component] or 'value'}"
                )
        return self

    def _rows(self, rows: IntArray) -> Self:
        fields = {name: replace(field, values=field.values[rows]) for name, field in self.fields.items()}
        return replace(self, values=self.values[rows], fields=fields)


@dataclass(frozen=True)
class StateSet(States[Coordinate]):
    """Known states along one coordinate: `values` are (K,), strictly increasing."""

    def __post_init__(self) -> None:
        if self.values.ndim != 1:
            raise InputError(f"values of {self.coordinate.name} must be one number a state, not {self.values.shape}")
        super().__post_init__()
        for left, right in pairwise(self.values):
            if not right > left:
                raise InputError(f"{self.coordinate.name}: state {right:g} follows {left:g}; states must increase")

    @classmethod
    def sorted_from(
        cls, labels: Labels, coordinate: Coordinate, values: ArrayLike, fields: Mapping[str, Field]
    ) -> Self:
        """Build a set from states in any order; two states at one value are an error."""
        raw = np.asarray(values, dtype=float)
        order = np.argsort(raw, kind="stable")
        sorted_values = raw[order]
        for left, right in pairwise(sorted_values):
            if left == right:
                raise InputError(f"two states have {coordinate.label(float(left))}: keep one of them")
        return cls(
            labels,
            coordinate,
            sorted_values,
            {name: replace(field, values=field.values[order]) for name, field in fields.items()},
        )

    def index(self, value: float) -> int:
        """Index of the state at `value`."""
        hits = np.flatnonzero(np.isclose(self.values, value, rtol=1e-12, atol=0.0))
        if len(hits) != 1:
            raise InputError(f"no state at {self.coordinate.label(value)}")
        return int(hits[0])

    def at(self, values: Sequence[float]) -> Self:
        """The states at `values` alone, in increasing order."""
        rows = sorted(self.index(value) for value in values)
        return self._rows(np.asarray(rows, dtype=int))

    def save(self, path: Path) -> None:
        """Write the set to one .npz file, complete or not at all."""
        save_states(path, self, [self.coordinate.name, self.coordinate.unit])

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a set that `save` wrote."""
        labels, (name, unit), values, fields = load_states(path)
        return cls(labels, Coordinate(name, unit), values, fields)

    def __iter__(self) -> Iterator[float]:
        return iter(float(value) for value in self.values)


def save_states(path: Path, states: States[Any], names: Sequence[str]) -> None:
    """Write states to one .npz file, complete or not at all; `names` are the coordinates' names and units."""
    arrays: dict[str, NDArray[np.generic]] = {
        "points": states.labels.points,
        "weights": states.labels.weights,
        "values": states.values,
        "meta": np.array([states.labels.location, *names]),
    }
    arrays |= {f"cells/{kind}": block for kind, block in states.labels.cells.items()}
    for name, field in states.fields.items():
        arrays[f"field/{name}"] = field.values
        arrays[f"info/{name}"] = np.array([field.unit, *field.components])
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def load_states(path: Path) -> tuple[Labels, list[str], Array, dict[str, Field]]:
    """Labels, names and units of the coordinates, values and fields of a file that `save_states` wrote."""
    with np.load(path, allow_pickle=False) as data:
        location, *names = (str(item) for item in data["meta"])
        cells = {key.removeprefix("cells/"): data[key] for key in data.files if key.startswith("cells/")}
        labels = Labels(data["points"], data["weights"], cells, location)
        fields = {}
        for key in data.files:
            if key.startswith("field/"):
                info = [str(item) for item in data["info/" + key.removeprefix("field/")]]
                fields[key.removeprefix("field/")] = Field(data[key], info[0], tuple(info[1:]))
        return labels, names, data["values"], fields


def labels_on_points(points: Array, weights: Array | None = None) -> Labels:
    """Labels that are bare points, each standing for a volume of one unless `weights` are given."""
    points = np.atleast_2d(np.asarray(points, dtype=float))
    return Labels(points, np.ones(len(points)) if weights is None else np.asarray(weights, dtype=float), {})


def labels_on_mesh(points: Array, cells: Mapping[str, IntArray], location: str = "point") -> Labels:
    """Labels on a mesh, with volumes integrated by VTK's cell sizes (any cell kind; curves and surfaces in 3-D too).

    Args:
        points: (N, g) node coordinates [m].
        cells: connectivity by meshio cell name, corner nodes first.
        location: "point" (lumped nodal volumes) or "cell".

    Returns:
        The labels. Nodes that belong to no cell are an error, since they would stand for no volume.
    """
    sizes = {kind: cell_sizes(points, kind, block) for kind, block in cells.items()}
    if location == "cell":
        return Labels(points, np.concatenate(list(sizes.values())), dict(cells), location)
    weights = np.zeros(len(points))
    for kind, block in cells.items():
        share = sizes[kind] / block.shape[1]
        np.add.at(weights, block, share[:, None])
    return Labels(points, weights, dict(cells), location)


def cell_sizes(points: Array, kind: str, cells: IntArray) -> Array:
    """Length, area or volume of each cell [m, m^2, m^3]."""
    import pyvista

    embedded = np.zeros((len(points), 3))
    embedded[:, : points.shape[1]] = points
    grid = pyvista.UnstructuredGrid({VTK_CELLS[kind]: cells}, embedded)
    sized = grid.compute_cell_sizes(length=True, area=True, volume=True)
    dimension = VTK_DIMENSION[kind]
    return np.abs(np.asarray(sized.cell_data[("VertexCount", "Length", "Area", "Volume")[dimension]], dtype=float))


VTK_CELLS = {
    "vertex": 1, "line": 3, "line3": 21, "triangle": 5, "triangle6": 22, "quad": 9, "quad8": 23, "quad9": 28,
    "tetra": 10, "tetra10": 24, "hexahedron": 12, "hexahedron20": 25, "hexahedron27": 29,
    "wedge": 13, "wedge15": 26, "pyramid": 14, "pyramid13": 27,
}  # fmt: skip
VTK_DIMENSION = {
    kind: 0 if kind == "vertex" else 1 if kind.startswith("line") else 2 if kind.startswith(("tri", "quad")) else 3
    for kind in VTK_CELLS
}
