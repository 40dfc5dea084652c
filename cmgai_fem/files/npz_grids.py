"""Snapshots in .npz files: the package's own States (all states in one file), or one mesh with its fields.

The second kind holds `points` (N, 1..3), `cells/KIND` (C, v) by meshio's cell names, `point_data/NAME`,
`cell_data/NAME` (blocks in the order of the cells) and `field_data/NAME`; `components/PLACE/NAME` names components.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.files import trust
from cmgai_fem.files.components import data_at, names_of, put_field, set_names
from cmgai_fem.files.meshio_grids import make_grid, runs_of_one_kind
from cmgai_fem.files.snapshot import Grid, Snapshot, as_unstructured
from cmgai_fem.states.labels import VTK_CELLS, in_space
from cmgai_fem.states.states import States


def read_npz(path: Path) -> list[Snapshot]:
    """Snapshots of an .npz file.

    Raises:
        InputError: an array is missing, of the wrong shape, or holds Python objects.
    """
    trust.check_npz(path)
    with np.load(path, allow_pickle=False) as data:
        arrays = {key: data[key] for key in data.files}
    if "points" not in arrays or arrays["points"].ndim != 2:
        raise InputError(f"{trust.printable(str(path))}: has no array 'points' of shape (N, 3)")
    if {"values", "meta", "weights"} <= arrays.keys():
        return _from_states(path, States.load(path))
    return [Snapshot(path, _grid(arrays), _time(arrays))]


def write_npz(path: Path, grid: Grid) -> None:
    """Write one mesh with its fields."""
    whole = as_unstructured(grid)
    arrays: dict[str, np.ndarray] = {"points": np.asarray(whole.points)}
    for index, (kind, block, _) in enumerate(runs_of_one_kind(whole)):
        arrays[f"cells/{kind}" if f"cells/{kind}" not in arrays else f"cells/{kind}/{index}"] = block
    for place in ("point_data", "cell_data", "field_data"):
        for name, array in getattr(whole, place).items():
            arrays[f"{place}/{name}"] = np.asarray(array)
            if names := names_of(array):
                arrays[f"components/{place}/{name}"] = np.array(names)
    with path.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def _grid(arrays: Mapping[str, np.ndarray]) -> Grid:
    keys = [key for key in arrays if key.startswith("cells/")]
    kinds = [key.split("/")[1] for key in keys]
    for kind in kinds:
        if kind not in VTK_CELLS:
            raise InputError(f"cells of kind {kind!r} are not read; there are: {', '.join(VTK_CELLS)}")
    grid = make_grid(in_space(arrays["points"]), kinds, [np.asarray(arrays[key], dtype=np.int64) for key in keys])
    for key, array in arrays.items():
        place, _, name = key.partition("/")
        if place in ("point_data", "cell_data", "field_data") and name:
            getattr(grid, place)[name] = array
            set_names(getattr(grid, place)[name], [str(one) for one in arrays.get(f"components/{key}", ())])
    return grid


def _time(arrays: Mapping[str, np.ndarray]) -> float | None:
    time = arrays.get("field_data/TimeValue")
    return float(np.ravel(time)[0]) if time is not None and np.size(time) == 1 else None


def _from_states(path: Path, states: States) -> list[Snapshot]:
    labels = states.labels
    snapshots = []
    for index, value in enumerate(states.values):
        grid = make_grid(in_space(labels.points), list(labels.cells), list(labels.cells.values()))
        for name, field in states.fields.items():
            put_field(data_at(grid, labels.location), name, field.values[index], field.components)
        for coordinate, part in zip(states.coordinates, value, strict=True):
            grid.field_data[coordinate.name] = np.array([part])
        snapshots.append(Snapshot(path, grid, float(value[0]) if len(value) == 1 else None))
    return snapshots
