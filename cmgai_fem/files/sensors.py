"""Sensors: single components known at single places of a state, from a table in a .csv file."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvista
from scipy.spatial import cKDTree
from vtkmodules.vtkCommonCore import reference

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import component_of
from cmgai_fem.files.file_states import FileStates
from cmgai_fem.files.snapshot import as_unstructured, find_location
from cmgai_fem.files.trust import check_readable, printable
from cmgai_fem.states.labels import Array, IntArray

COLUMNS = ("x", "y", "z", "node", "field", "component", "value", "tolerance")
# A sensor may sit this far outside the mesh, relative to the size of the body: half the wall that a probe is stuck to.
OUTSIDE = 0.02


@dataclass(frozen=True)
class Sensor:
    """One measured number.

    Args:
        line: its line in the table, for messages.
        place: (3,) position [m], or the number of a node or cell, counted from 0 as ParaView does.
        field: name of the measured field.
        component: name of the measured component; empty for a scalar.
        value: measured value [unit of the field].
        tolerance: how far the generated field may be from it [unit of the field].
    """

    line: int
    place: tuple[float, float, float] | int
    field: str
    component: str
    value: float
    tolerance: float


@dataclass(frozen=True)
class Observation:
    """What a sensor reads of the labels: `sum_i weights_i field[labels_i, component]`.

    Args:
        sensor: the sensor.
        labels: (v,) label rows.
        weights: (v,) shape-function values, of sum 1.
        component: column of the field.
        position: (3,) where the sensor sits [m].
    """

    sensor: Sensor
    labels: IntArray
    weights: Array
    component: int
    position: Array

    def of(self, field: Array) -> float:
        """The reading in a field (L, n)."""
        return float(self.weights @ field[self.labels, self.component])


def read_sensors(path: Path, field: str) -> list[Sensor]:
    """Read a sensor table.

    Args:
        path: a .csv file with a header; columns `x`, `y` and `z`, or `node`; `value`; `tolerance`; `component` unless
            the field is a scalar; `field` where sensors measure another field than the generated one.
        field: the field that is measured where the table does not say.

    Raises:
        InputError: a column is missing or unknown, or a number is none; the message names the line.
    """
    check_readable(path)
    name = printable(path.name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, skipinitialspace=True))
            header = [column.strip() for column in (rows[0].keys() if rows else []) if column is not None]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name}: not a table of text: {printable(str(error))}") from None
    if not rows:
        raise InputError(f"{name}: holds no sensors")
    for column in header:
        if column not in COLUMNS:
            raise InputError(f"{name}: column {printable(column)!r} is unknown; there are: {', '.join(COLUMNS)}")
    for column in ("value", "tolerance"):
        if column not in header:
            raise InputError(f"{name}: column {column!r} is missing")
    if "node" not in header and not {"x", "y"} <= set(header):
        raise InputError(f"{name}: say where the sensors are: columns x, y, z, or node")
    return [_sensor(name, line, row, field) for line, row in enumerate(rows, start=2)]


def _sensor(name: str, line: int, raw: Mapping[str | None, object], field: str) -> Sensor:
    row = {str(key).strip(): str(value or "").strip() for key, value in raw.items() if key is not None}
    if None in raw:
        raise InputError(f"{name}: line {line} has more entries than the header")

    def number(column: str) -> float:
        try:
            value = float(row.get(column, ""))
        except ValueError:
            raise InputError(
                f"{name}: line {line}: {column} = {printable(row.get(column, ''))!r} is no number"
            ) from None
        if not np.isfinite(value):
            raise InputError(f"{name}: line {line}: {column} is not finite")
        return value

    tolerance = number("tolerance")
    if tolerance <= 0.0:
        raise InputError(f"{name}: line {line}: the tolerance must be positive, it is {tolerance:g}")
    place: tuple[float, float, float] | int
    if row.get("node"):
        if not row["node"].isdigit():
            raise InputError(f"{name}: line {line}: node = {printable(row['node'])!r} is no node number")
        place = int(row["node"])
    else:
        place = (number("x"), number("y"), number("z") if "z" in row else 0.0)
    return Sensor(line, place, row.get("field") or field, row.get("component", ""), number("value"), tolerance)


def observe(states: FileStates, sensors: Sequence[Sensor]) -> list[Observation]:
    """Find each sensor's place among the labels.

    Raises:
        InputError: a sensor lies outside the body, or names a node, field or component that is not there.
    """
    if states.template is None:
        raise InputError("sensors need states that were read from files")
    grid = as_unstructured(states.template.grid)
    location = find_location(states.template, next(iter(states.fields)))
    centres = np.asarray(grid.points if location == "point" else grid.cell_centers().points, dtype=float)
    tree = cKDTree(centres)
    extent = float(np.linalg.norm(np.ptp(centres, axis=0))) or 1.0
    return [_observe(states, sensor, grid, location, centres, tree, extent) for sensor in sensors]


def _observe(
    states: FileStates,
    sensor: Sensor,
    grid: pyvista.UnstructuredGrid,
    location: str,
    centres: Array,
    tree: cKDTree,
    extent: float,
) -> Observation:
    column = _column(states, sensor)
    if isinstance(sensor.place, int):
        if sensor.place >= len(centres):
            raise InputError(
                f"sensor in line {sensor.line}: there is no node {sensor.place}, they go from 0 to {len(centres) - 1}"
            )
        rows = np.array([sensor.place])
        return Observation(sensor, rows, np.ones(1), column, centres[sensor.place])
    position = np.array(sensor.place)
    if location == "point" and grid.n_cells:
        cell, nearest = grid.find_closest_cell(position, return_closest_point=True)
        distance = float(np.linalg.norm(nearest - position))
        rows, weights = _shape_functions(grid, int(cell), nearest)
    elif grid.n_cells:
        cell, nearest = grid.find_closest_cell(position, return_closest_point=True)
        distance = float(np.linalg.norm(nearest - position))
        rows, weights = np.array([int(cell)]), np.ones(1)
    else:
        distance, row = tree.query(position)
        rows, weights = np.array([int(row)]), np.ones(1)
    if distance > OUTSIDE * extent:
        raise InputError(f"sensor in line {sensor.line} lies {distance:.3g} outside the body: mend its position")
    return Observation(sensor, rows, weights, column, position)


def _shape_functions(grid: pyvista.UnstructuredGrid, cell: int, point: Array) -> tuple[IntArray, Array]:
    """Nodes of a cell and its shape functions at a point."""
    vtk_cell = grid.GetCell(cell)
    count = vtk_cell.GetNumberOfPoints()
    weights = [0.0] * count
    vtk_cell.EvaluatePosition(point, [0.0] * 3, reference(0), [0.0] * 3, reference(0.0), weights)
    rows = np.array([vtk_cell.GetPointId(index) for index in range(count)], dtype=np.int64)
    return rows, np.array(weights)


def _column(states: FileStates, sensor: Sensor) -> int:
    components = states.field(sensor.field).components
    if len(components) == 1 and sensor.component in ("", components[0]):
        return 0
    # XZ, S13 and zx are one component, whatever the files call it.
    axes = component_of(sensor.component)
    component = next((one for one in (sensor.component, axes, axes[::-1]) if one in components), "")
    if not component:
        raise InputError(
            f"sensor in line {sensor.line}: field {printable(sensor.field)!r} has no component "
            f"{printable(sensor.component)!r}; there are: {', '.join(components)}"
        )
    return components.index(component)
