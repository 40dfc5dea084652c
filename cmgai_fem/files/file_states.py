"""States from files: snapshots of one body, their state values, and the label mesh that they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.files.file_values import state_points, state_values, value_text
from cmgai_fem.files.mapping import MappingReport, map_field
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.snapshot import (
    Grid,
    Snapshot,
    as_unstructured,
    component_names,
    field_values,
    find_location,
    labels_of,
)
from cmgai_fem.files.trust import printable
from cmgai_fem.states.states import Array, Axis, Coordinate, Coordinates, Field, IntArray, Labels, States

# Nodes this close, relative to the size of the body, are the same node: text files keep six digits.
SAME_NODE = 2e-6


@dataclass(frozen=True)
class FromFiles[A: Axis](States[A]):
    """States that remember the files they came from.

    Args:
        template: the snapshot whose mesh carries the labels; generated fields are written on it.
        template_value: state value of that snapshot, or its values.
        files: one file a state, in the order of the states.
        mapped: how the states of other meshes were brought to the label mesh, by file name; empty on one mesh.
        varying: other fields of the template that differ from state to state.
    """

    template: Snapshot | None = None
    template_value: float | tuple[float, ...] = 0.0
    files: tuple[Path, ...] = ()
    mapped: Mapping[str, MappingReport] = field(default_factory=dict)
    varying: frozenset[str] = frozenset()

    def _rows(self, rows: IntArray) -> Self:
        files = tuple(self.files[row] for row in rows) if self.files else ()
        return replace(super()._rows(rows), files=files)

    def grid(self, **fields: Array) -> Grid:
        """The label mesh as a pyvista object that carries generated fields.

        Args:
            fields: (labels, n) arrays by name, e.g. `states.grid(stress=solution.at(325))`.
        """
        if self.template is None:
            raise InputError("these states did not come from files: they have no mesh to show fields on")
        grid = self.template.grid.copy(deep=False)
        location = find_location(self.template, next(iter(self.fields)))
        data = grid.point_data if location == "point" else grid.cell_data
        for name in self.varying:
            for place in (grid.point_data, grid.cell_data):
                if name in place and name not in self.fields:
                    place[f"{name}_at_{value_text(self.template_value)}"] = place.pop(name)
        for name, array in fields.items():
            values = np.asarray(array, dtype=float).reshape(len(array), -1)
            data[name] = values if values.shape[1] > 1 else values[:, 0]
            known = self.fields.get(name)
            if known is not None and len(known.components) > 1:
                for index, component in enumerate(known.components):
                    data[name].VTKObject.SetComponentName(index, component)
        return grid


@dataclass(frozen=True)
class FileStates(FromFiles[Coordinate], States):
    """A `States` from files."""


@dataclass(frozen=True)
class FileStates(FromFiles[Coordinates], States):
    """`States` from files."""


def read_states(
    paths: Sequence[str | Path] | str | Path,
    *,
    field: str | Sequence[str],
    coordinate: str = "state",
    unit: str = "",
    values: Sequence[float] | None = None,
    values_from: str | None = None,
    field_unit: str = "",
) -> FileStates:
    """Read the snapshots of one body as the states of a transport problem.

    Args:
        paths: one file a state in any listed format, or files that hold several states each.
        field: name of the field to read, or several names; all at the nodes or all at the cells.
        coordinate: name of the state coordinate.
        unit: unit of the state coordinate.
        values: state value of each snapshot, in the order of `paths`.
        values_from: regular expression with one group that finds the value in each file's name, e.g. "T=(\\d+)".
            Without this and without `values` the files' own data called `coordinate`, or their time, tells the value.
        field_unit: unit of the field, for messages and axes.

    Returns:
        The states in increasing order, on one label mesh.

    Raises:
        InputError: a file is not readable, a value or field is missing, or the geometries differ.
    """
    read = _gather(paths, field, [coordinate])
    found = state_values(read.snapshots, read.own_values, coordinate, values, values_from)
    return read.states(Coordinate(coordinate, unit), found, field_unit)


def read_scattered_states(
    paths: Sequence[str | Path] | str | Path,
    *,
    field: str | Sequence[str],
    coordinates: Sequence[str],
    units: Sequence[str] = (),
    values: Sequence[Sequence[float]] | None = None,
    values_from: str | None = None,
    field_unit: str = "",
) -> FileStates:
    """Read the snapshots of one body as states at points of several coordinates; see `read_states`.

    Args:
        paths: the files.
        field: name of the field to read, or several names.
        coordinates: names of the m state coordinates.
        units: their units; none by default.
        values: m values of each snapshot, in the order of `paths`.
        values_from: regular expression with m groups that finds the values in each file's name, e.g.
            "T=(\\d+)_F=(\\d+)". Without this and without `values` the files' own data called as the coordinates tell.
        field_unit: unit of the field.

    Raises:
        InputError: a file is not readable, a value or field is missing, or the geometries differ.
    """
    if len(set(coordinates)) < len(coordinates):
        raise InputError(f"state coordinates must differ in name, not {', '.join(map(printable, coordinates))}")
    read = _gather(paths, field, coordinates)
    points = state_points(read.snapshots, read.own_values, coordinates, values, values_from)
    each = tuple(
        Coordinate(name, unit) for name, unit in zip(coordinates, units or [""] * len(coordinates), strict=True)
    )
    return read.scattered(Coordinates(each), points, field_unit)


def _gather(
    paths: Sequence[str | Path] | str | Path, field: str | Sequence[str], coordinates: Sequence[str]
) -> "_Gathered":
    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    names = [field] if isinstance(field, str) else list(field)
    if not names:
        raise InputError("say which field to read")
    read = _Gathered(names)
    for path in files:
        for snapshot in read_snapshots(path):
            read.add(snapshot, coordinates)
    return read


class _Gathered:
    """What is kept of each snapshot while files are read one by one, so that one mesh is held at a time."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.snapshots: list[Snapshot] = []
        self.arrays: list[dict[str, Array]] = []
        self.own_values: list[list[float | None]] = []
        self.varying: set[str] = set()
        self.location = ""

    def add(self, snapshot: Snapshot, coordinates: Sequence[str]) -> None:
        """Keep the fields of a snapshot, and its mesh if it is another one."""
        self.location = self.location or find_location(snapshot, self.names[0])
        fields = {name: field_values(snapshot, name, self.location) for name in self.names}
        for name in self.names:
            if self.arrays and fields[name].shape[1] != self.arrays[0][name].shape[1]:
                raise InputError(
                    f"{snapshot.name}: field {printable(name)!r} has {fields[name].shape[1]} components, "
                    f"in {self.snapshots[0].name} it has {self.arrays[0][name].shape[1]}"
                )
        found = [snapshot.grid.field_data.get(coordinate) for coordinate in coordinates]
        # The time of a file tells the value of one coordinate alone.
        time = snapshot.time if len(coordinates) == 1 else None
        values = [float(np.ravel(own)[0]) if own is not None and np.size(own) == 1 else time for own in found]
        if self.snapshots and same_mesh(self.snapshots[0].grid, snapshot.grid):
            self.varying |= _differing(self.snapshots[0].grid, snapshot.grid)
            snapshot = Snapshot(snapshot.path, self.snapshots[0].grid, snapshot.time)
        self.snapshots.append(snapshot)
        self.arrays.append(fields)
        self.own_values.append(values)

    def states(self, coordinate: Coordinate, values: Array, unit: str) -> FileStates:
        """The set along one coordinate, with everything mapped to the finest mesh there is."""
        order = np.argsort(values, kind="stable")
        for left, right in pairwise(order):
            if values[left] == values[right]:
                self._refuse_pair(int(left), int(right), coordinate.label(float(values[left])))
        finest, labels, fields, files, mapped, varying = self._on_one_mesh(order, unit)
        return FileStates(
            labels, coordinate, values[order], fields, self.snapshots[finest], float(values[finest]), files, mapped,
            varying,
        )  # fmt: skip

    def scattered(self, coordinates: Coordinates, points: Array, unit: str) -> FileStates:
        """The set at points (K, m) of several coordinates, with everything mapped to the finest mesh there is."""
        for right, point in enumerate(points):
            left = np.flatnonzero(np.all(points[:right] == point, axis=1))
            if len(left):
                self._refuse_pair(int(left[0]), right, coordinates.label(point))
        finest, labels, fields, files, mapped, varying = self._on_one_mesh(np.arange(len(points)), unit)
        place = tuple(float(part) for part in points[finest])
        return FileStates(labels, coordinates, points, fields, self.snapshots[finest], place, files, mapped, varying)

    def _refuse_pair(self, left: int, right: int, place: str) -> None:
        raise InputError(
            f"{self.snapshots[left].name} and {self.snapshots[right].name} both have {place}: keep one of them"
        )

    def _on_one_mesh(
        self, order: IntArray, unit: str
    ) -> tuple[int, Labels, dict[str, Field], tuple[Path, ...], dict[str, MappingReport], frozenset[str]]:
        """Number of the snapshot of the finest mesh, and what all states are on it, in the order given."""
        finest = max(range(len(order)), key=lambda index: self.snapshots[index].grid.n_points)
        label = self.snapshots[finest]
        labels = labels_of(label, self.location)
        mapped: dict[str, MappingReport] = {}
        for index, snapshot in enumerate(self.snapshots):
            if snapshot.grid is label.grid or same_mesh(snapshot.grid, label.grid):
                continue
            for name, array in self.arrays[index].items():
                self.arrays[index][name], report = map_field(snapshot, label, array, self.location)
                mapped[f"{snapshot.name}: {printable(name)}"] = report
        fields = {
            name: Field(
                np.stack([self.arrays[index][name] for index in order]),
                unit,
                component_names(label, name, self.location),
            )
            for name in self.names
        }
        files = tuple(self.snapshots[index].path for index in order)
        varying = frozenset(self.varying - set(self.names))
        return finest, labels, fields, files, mapped, varying


def same_mesh(one: Grid, other: Grid) -> bool:
    """Whether two grids have the same nodes and cells in the same order."""
    if one.n_points != other.n_points or one.n_cells != other.n_cells:
        return False
    extent = float(np.ptp(one.points, axis=0).max()) or 1.0
    if not np.allclose(one.points, other.points, rtol=0.0, atol=SAME_NODE * extent):
        return False
    first, second = as_unstructured(one), as_unstructured(other)
    return np.array_equal(first.celltypes, second.celltypes) and np.array_equal(
        first.cell_connectivity, second.cell_connectivity
    )


def _differing(one: Grid, other: Grid) -> set[str]:
    """Names of fields that two grids on one mesh do not share to the last digit."""
    names: set[str] = set()
    for mine, theirs in ((one.point_data, other.point_data), (one.cell_data, other.cell_data)):
        names |= {name for name in mine if name not in theirs or not np.array_equal(mine[name], theirs[name])}
    return names
