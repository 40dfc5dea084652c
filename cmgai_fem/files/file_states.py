"""States from files: snapshots of one body, their state values, and the label mesh that they share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import aligned, data_at, put_field
from cmgai_fem.files.file_values import state_values, value_text
from cmgai_fem.files.mapping import MappingReport, map_field
from cmgai_fem.files.parts import some_of
from cmgai_fem.files.same_mesh import SAME_NODE, check_size, differing, motion, same_labels
from cmgai_fem.files.snapshot import (
    Grid,
    Snapshot,
    as_unstructured,
    component_names,
    field_values,
    find_location,
    labels_of,
)
from cmgai_fem.files.sources import Source, as_sources, snapshots_of
from cmgai_fem.files.trust import printable
from cmgai_fem.measures import Part
from cmgai_fem.states.labels import Array, BoolArray, IntArray, Labels
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States


@dataclass(frozen=True, repr=False)
class FileStates(States):
    """`States` that remember the files they came from.

    Args:
        template: the snapshot whose mesh carries the labels; generated fields are written on it.
        template_value: (m,) values of that snapshot.
        files: one file a state, in the order of the states.
        mapped: how the states of other meshes were brought to the label mesh, by file name; empty on one mesh.
        varying: other fields of the template that differ from state to state.
        notes: lines that say how the files were understood.
    """

    template: Snapshot | None = None
    template_value: tuple[float, ...] = ()
    files: tuple[Path, ...] = ()
    mapped: Mapping[str, MappingReport] = field(default_factory=dict)
    varying: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def part(self, field: str) -> Part:
        """Finds the labels of a part: nodes by a field of theirs or of cells that they belong to."""
        return lambda name, value: self._part(field, name, value)

    def _part(self, field: str, name: str, value: float) -> BoolArray:
        assert self.template is not None
        grid, location = as_unstructured(self.grid()), find_location(self.template, field)
        if location == "point" and name in grid.point_data:
            return np.asarray(np.ravel(grid.point_data[name]) == value)
        if name not in grid.cell_data:
            raise InputError(f"part {printable(name)!r}: the files have no such field that is the same in all states")
        cells = np.asarray(np.ravel(grid.cell_data[name]) == value)
        if location == "cell":
            return cells
        nodes, sizes = np.zeros(grid.n_points, dtype=bool), np.diff(np.asarray(grid.cell_offsets))
        nodes[np.asarray(grid.cell_connectivity)[np.repeat(cells, sizes)]] = True
        return nodes

    def rows(self, rows: IntArray) -> Self:
        """The states at these rows, and their files."""
        files = tuple(self.files[row] for row in rows) if self.files else ()
        return replace(super().rows(rows), files=files)

    def grid(self, /, **fields: Array) -> Grid:
        """The label mesh as a pyvista object that carries generated fields.

        Args:
            fields: (labels, n) arrays by name, e.g. `states.grid(stress=solution.at(325))`.
        """
        if self.template is None:
            raise InputError("these states did not come from files: they have no mesh to show fields on")
        grid = self.template.grid.copy(deep=False)
        location = find_location(self.template, next(iter(self.fields)))
        for name in self.varying:
            for place in (grid.point_data, grid.cell_data):
                if name in place and name not in self.fields:
                    place[f"{name}_at_{value_text(self.template_value)}"] = place.pop(name)
        for name, array in fields.items():
            values = np.asarray(array, dtype=float).reshape(len(array), -1)
            known = self.fields.get(name)
            put_field(data_at(grid, location), name, values, () if known is None else known.components)
        return grid


def read_states(
    paths: Source | Sequence[Source],
    *,
    field: str | Sequence[str],
    coordinate: str | Sequence[str] = "state",
    unit: str | Sequence[str] = "",
    values: ArrayLike | Sequence[Sequence[float]] | None = None,
    values_from: str | None = None,
    field_unit: str = "",
    points: ArrayLike | None = None,
    volumes: str = "",
    where_known: bool = False,
    paired: bool = False,
) -> FileStates:
    """Read the snapshots of one body as the states of a transport problem.

    Args:
        paths: one file a state in any listed format, or files that hold several states each; pyvista grids, or arrays
            (L,) or (L, n) of one field, may stand for files.
        field: name of the field to read, or several names; all at the nodes or all at the cells.
        coordinate: name of the state coordinate, or names of two or three.
        unit: unit of the state coordinate, one for each of several.
        values: state value of each snapshot, in the order of `paths`; of several coordinates one value each.
        values_from: regular expression with one group a coordinate that finds the values in each file's name, e.g.
            "T=(\\d+)". Without this and without `values` the files' own data called as the coordinate, or where there
            is one coordinate their time, tell the value.
        field_unit: unit of the field, for messages and axes.
        points: (L, g) places of the labels of arrays [m]; without them the labels lie one after the other.
        volumes: name of a field with the volume that each label stands for, where the mesh does not tell it (axial
            symmetry, shells); those of the cells by default.
        where_known: leave out labels at which a field is no number in some state (nodes of no cell, results asked for
            on a part of the body), instead of refusing the file.
        paired: `values` were given beside the name of each file: the numbers in the names may differ from them.

    Returns:
        The states on one label mesh, along one coordinate in increasing order.

    Raises:
        InputError: a file is not readable, a value or field is missing, or the geometries differ.
    """
    axes = coordinates_of(coordinate, unit)
    read = gather(paths, field, axes, points)
    told = state_values(read.snapshots, read.own_values, read.coordinates, values, values_from, read.timed, paired)
    states = read.states(axes, told.values, field_unit, volumes)
    states = replace(states, notes=(*told.notes, *states.notes))
    return with_numbers(states, where_known)


def gather(
    paths: Source | Sequence[Source], field: str | Sequence[str], axes: Coordinates, points: ArrayLike | None = None
) -> "Gathered":
    """Read snapshots one by one; see `read_states`."""
    names = [field] if isinstance(field, str) else list(field)
    read = Gathered(names, [axis.name for axis in axes])
    if not any(names):
        raise InputError("say which field to read")
    for number, source in enumerate(as_sources(paths), start=1):
        for snapshot in snapshots_of(source, number, names, points):
            read.add(snapshot)
    if not read.snapshots:
        raise InputError("no states to read: give one file a state")
    return read


def coordinates_of(names: str | Sequence[str], units: str | Sequence[str]) -> Coordinates:
    """Coordinates by their names and units; see `read_states`."""
    each = [names] if isinstance(names, str) else list(names)
    if len(set(each)) < len(each):
        raise InputError(f"state coordinates must differ in name, not {', '.join(map(printable, each))}")
    own = [units] if isinstance(units, str) else list(units)
    own = own if any(own) else [""] * len(each)
    if len(own) != len(each):
        raise InputError(f"{len(own)} units for {len(each)} state coordinates: give one each")
    return Coordinates(tuple(Coordinate(name, unit) for name, unit in zip(each, own, strict=True)))


class Gathered:
    """What is kept of each snapshot while files are read one by one, so that one mesh is held at a time."""

    def __init__(self, names: list[str], coordinates: list[str]) -> None:
        self.names, self.coordinates = names, coordinates
        self.snapshots: list[Snapshot] = []
        self.arrays: list[dict[str, Array]] = []
        self.components: dict[str, tuple[str, ...]] = {}
        self.moved: dict[str, float] = {}
        self.own_values: list[list[float | None]] = []
        self.varying: set[str] = set()
        self.location = ""
        self.timed = False

    def add(self, snapshot: Snapshot) -> None:
        """Keep the fields of a snapshot, and its mesh if it is another one."""
        self.location = self.location or find_location(snapshot, self.names[0])
        fields = {name: field_values(snapshot, name, self.location) for name in self.names}
        for name in self.names:
            if self.arrays and fields[name].shape[1] != self.arrays[0][name].shape[1]:
                raise InputError(
                    f"{snapshot.name}: field {printable(name)!r} has {fields[name].shape[1]} components, "
                    f"in {self.snapshots[0].name} it has {self.arrays[0][name].shape[1]}"
                )
            own = component_names(snapshot, name, self.location)
            wanted = self.components.setdefault(name, own)
            fields[name] = aligned(fields[name], own, wanted, f"{snapshot.name}: field {printable(name)!r}")
        values = self.tell(snapshot.grid.field_data, snapshot.time)
        if self.snapshots and same_labels(self.snapshots[0].grid, snapshot.grid):
            self.varying |= differing(self.snapshots[0].grid, snapshot.grid)
            if (moved := motion(self.snapshots[0].grid, snapshot.grid)) > SAME_NODE:
                self.moved[snapshot.name] = moved
                check_size(self.snapshots[0], snapshot)
            snapshot = replace(snapshot, grid=self.snapshots[0].grid)
        self.snapshots.append(snapshot)
        self.arrays.append(fields)
        self.own_values.append(values)

    def tell(self, told: Mapping[str, Array], time: float | None) -> list[float | None]:
        """Values of the coordinates by a file's own numbers, by name, or its time; None where these tell nothing."""
        found = [told.get(coordinate) for coordinate in self.coordinates]
        # The time of a file tells the value of one coordinate alone.
        time = time if len(self.coordinates) == 1 else None
        self.timed = self.timed or (time is not None and (found[0] is None or np.size(found[0]) != 1))
        return [float(np.ravel(own)[0]) if own is not None and np.size(own) == 1 else time for own in found]

    def states(self, coordinates: Coordinates, values: Array, unit: str, volumes: str) -> FileStates:
        """The states at (K, m) values, with everything mapped to the finest mesh there is."""
        self._check_apart(coordinates, values)
        order = np.argsort(values[:, 0], kind="stable") if values.shape[1] == 1 else np.arange(len(values))
        finest = max(range(len(order)), key=lambda index: self.snapshots[index].grid.n_points)
        label = self.snapshots[finest]
        mapped = self._map_to(label)
        fields = {name: Field(self.stacked(name, order), unit, self.components[name]) for name in self.names}
        return FileStates(
            self._labels(label, volumes),
            coordinates,
            values[order],
            fields,
            label,
            tuple(float(part) for part in values[finest]),
            tuple(self.snapshots[index].path for index in order),
            mapped,
            frozenset(self.varying - set(self.names)),
            self._notes(),
        )

    def stacked(self, name: str, order: IntArray) -> Array:
        """(K, L, n) a field's states, each of which is let go as it is taken."""
        first = self.arrays[order[0]][name]
        found = np.empty((len(order), *first.shape))
        for row, index in enumerate(order):
            found[row] = self.arrays[index].pop(name)
        return found

    def _notes(self) -> tuple[str, ...]:
        if not self.moved:
            return ()
        name, most = max(self.moved.items(), key=lambda item: item[1])
        return (
            f"the nodes move from file to file, by up to {100 * most:.3g} % of the body's size in {name}, the cells "
            f"stay: labels are the material points of {self.snapshots[0].name}",
        )

    def _labels(self, label: Snapshot, volumes: str) -> Labels:
        labels = labels_of(label, self.location)
        if not volumes:
            return labels
        own = field_values(label, volumes, self.location)
        if own.shape[1] != 1:
            raise InputError(f"{label.name}: volumes {printable(volumes)!r}: one number a label, not {own.shape[1]}")
        return replace(labels, weights=own[:, 0])

    def _check_apart(self, coordinates: Coordinates, values: Array) -> None:
        for right, value in enumerate(values):
            twins = np.flatnonzero(np.all(values[:right] == value, axis=1))
            if len(twins):
                raise InputError(
                    f"{self.snapshots[twins[0]].name} and {self.snapshots[right].name} both have "
                    f"{coordinates.label(value)}: keep one of them; or --distribution, if they are specimens"
                )

    def _map_to(self, label: Snapshot) -> dict[str, MappingReport]:
        """Map every snapshot of another mesh to the mesh of one, and say how."""
        mapped: dict[str, MappingReport] = {}
        for index, snapshot in enumerate(self.snapshots):
            if snapshot.grid is label.grid or same_labels(snapshot.grid, label.grid):
                continue
            for name, array in self.arrays[index].items():
                self.arrays[index][name], report = map_field(snapshot, label, array, self.location)
                mapped[f"{snapshot.name}: {printable(name)}"] = report
        return mapped


def with_numbers(states: FileStates, where_known: bool) -> FileStates:
    """Refuse values that are no numbers, or leave out the labels where they are; see `read_states`."""
    return _known_labels(states) if where_known else _all_known(states)


def _all_known(states: FileStates) -> FileStates:
    """Refuse values that are no numbers, by the file's own numbers of nodes or cells.

    Raises:
        InputError: there are such values.
    """
    try:
        states.check_finite()
    except InputError as error:
        assert states.template is not None
        missing = np.flatnonzero(~_known(states, np.isfinite))
        location = find_location(states.template, next(iter(states.fields)))
        ids = states.template.node_ids if location == "point" else states.template.cell_ids
        word = "node" if location == "point" else "cell"
        own = "" if ids is None else f" ({word} {ids[missing[0]]} of the file)"
        raise InputError(
            f"{error}{own}; {len(missing)} of {states.labels.count} {word}s have no number in some state: mend the "
            "files, or leave those out with --where-known"
        ) from None
    return states


def _known(states: FileStates, wanted: Callable[[Array], BoolArray]) -> BoolArray:
    """(L,) labels whose values are all as wanted, in every field and state."""
    return np.all([wanted(field.values).all(axis=(0, 2)) for field in states.fields.values()], axis=0)


def _known_labels(states: FileStates) -> FileStates:
    """The states without labels at which a value is no number, on the part of the mesh that is left."""
    assert states.template is not None
    known = _known(states, lambda values: ~np.isnan(values))
    if not known.any():
        raise InputError(f"--where-known: no label has a number of {', '.join(states.fields)} in every state")
    if known.all():
        return states
    label = states.template
    grid = as_unstructured(label.grid)
    location = find_location(label, next(iter(states.fields)))
    connectivity, sizes = np.asarray(grid.cell_connectivity), np.diff(np.asarray(grid.cell_offsets))
    if location == "point":
        lacking = np.bincount(np.repeat(np.arange(len(sizes)), sizes)[~known[connectivity]], minlength=len(sizes))
        cells, nodes = lacking == 0, known
    else:
        cells, nodes = known, np.zeros(grid.n_points, dtype=bool)
        nodes[connectivity[np.repeat(cells, sizes)]] = True
    ids = [None if own is None else own[rows] for own, rows in ((label.node_ids, nodes), (label.cell_ids, cells))]
    template = Snapshot(label.path, some_of(grid, cells, nodes), label.time, *ids)
    labels = replace(labels_of(template, location), weights=states.labels.weights[known])
    note = f"{np.count_nonzero(~known)} of {len(known)} labels have no number in some state and are left out"
    fields = {name: replace(field, values=field.values[:, known]) for name, field in states.fields.items()}
    return replace(states, labels=labels, fields=fields, template=template, notes=(*states.notes, note))
