"""Clouds of samples in files: a row a sample in .csv, .npz or .vtp, a file a state or one table of all."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvista

from cmgai_fem.errors import InputError
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.snapshot import Snapshot
from cmgai_fem.files.text_table import number_of, read_table
from cmgai_fem.files.trust import check_npz, check_readable, printable
from cmgai_fem.files.writers import PROVENANCE, write_file, write_grid
from cmgai_fem.states.labels import Array, in_space
from cmgai_fem.writing import write_json, write_table

ENDINGS = (".csv", ".npz", ".vtp")
SAMPLES = "samples"


@dataclass(frozen=True)
class CloudFiles:
    """Clouds as files hold them.

    Args:
        clouds: (N, n) samples each.
        values: state of each, where the files tell it; None else.
        columns: n names of the coordinates of a sample.
    """

    clouds: tuple[Array, ...]
    values: tuple[float | None, ...]
    columns: tuple[str, ...]


def read_clouds(paths: Sequence[Path], coordinate: str) -> CloudFiles:
    """Read clouds.

    Args:
        paths: a file a state; or one table (.csv) with a column of the state coordinate.
        coordinate: name of the state coordinate: a column of tables, a number in .npz and .vtp.

    Raises:
        InputError: a file holds no samples, or others than the first.
    """
    found: list[tuple[Array, float | None]] = []
    columns: tuple[str, ...] = ()
    for path in paths:
        check_readable(path)
        ending = path.suffix.lower()
        if ending not in ENDINGS:
            raise InputError(f"{printable(str(path))}: clouds of samples are read from {', '.join(ENDINGS)}")
        own, each = _READERS[ending](path, coordinate)
        if columns and own != columns:
            raise InputError(f"{printable(path.name)}: its samples have {own}, those of {paths[0].name} {columns}")
        columns = own
        for cloud, _ in each:
            if cloud.ndim != 2 or not len(cloud) or not np.all(np.isfinite(cloud)):
                raise InputError(f"{printable(path.name)}: samples are rows of finite numbers, not {cloud.shape}")
        found += each
    return CloudFiles(tuple(cloud for cloud, _ in found), tuple(value for _, value in found), columns)


def write_cloud(path: Path, cloud: Array, columns: Sequence[str], facts: Mapping[str, Any]) -> None:
    """Write a generated cloud, complete or not at all, with where it comes from inside or, of a table, beside it.

    Args:
        path: the file, .csv, .npz or .vtp.
        cloud: (N, n) samples.
        columns: n names.
        facts: where it comes from; `coordinate` and `value` among it.
    """
    coordinate, value, ending = str(facts["coordinate"]), float(facts["value"]), path.suffix.lower()
    if ending == ".csv":
        write_table(path, [dict(zip(columns, map(float, row), strict=True)) for row in cloud], columns)
        write_json(path.with_name(f"{path.stem}.provenance.json"), facts)
    elif ending == ".npz":
        stream = io.BytesIO()
        told: dict[str, Array] = {SAMPLES: cloud, "columns": np.array(columns), coordinate: np.array(value)}
        np.savez(stream, allow_pickle=False, **told, **{PROVENANCE: np.array(json.dumps(facts))})
        write_file(path, stream.getvalue())
    else:
        grid = pyvista.PolyData(in_space(cloud[:, :3]))
        for name, column in zip(columns, cloud.T, strict=True):
            grid.point_data[name] = column
        grid.field_data[coordinate] = np.array([value])
        write_grid(path, grid, facts, value)


_Read = tuple[tuple[str, ...], list[tuple[Array, float | None]]]


def _read_csv(path: Path, coordinate: str) -> _Read:
    table = read_table(path)
    try:
        rows = np.array([[number_of(cell) for cell in cells] for _, cells in table.rows])
    except ValueError as error:
        raise InputError(f"{printable(path.name)}: {printable(str(error))} is no number") from None
    rows = rows.reshape(len(table.rows), len(table.header))
    names = [name.split("[")[0].strip() for name in table.header]
    if coordinate not in names:
        return tuple(names), [(rows, None)]
    column = names.index(coordinate)
    states, samples = rows[:, column], np.delete(rows, column, axis=1)
    names.pop(column)
    return tuple(names), [(samples[states == state], float(state)) for state in np.unique(states)]


def _read_npz(path: Path, coordinate: str) -> _Read:
    check_npz(path)
    with np.load(path, allow_pickle=False) as data:
        flat = [key for key in data.files if data[key].ndim == 2 and data[key].dtype.kind in "fiu"]
        if SAMPLES not in data.files and len(flat) != 1:
            raise InputError(f"{printable(path.name)}: name the array of samples {SAMPLES!r}; there are: {data.files}")
        cloud = np.asarray(data[SAMPLES if SAMPLES in data.files else flat[0]], dtype=float)
        value = float(data[coordinate]) if coordinate in data.files and data[coordinate].size == 1 else None
        columns = tuple(map(str, data["columns"])) if "columns" in data.files else _numbered(cloud)
    return columns, [(cloud, value)]


def _read_vtp(path: Path, coordinate: str) -> _Read:
    snapshot: Snapshot = read_snapshots(path)[0]
    told = snapshot.grid.field_data.get(coordinate)
    value = None if told is None else float(np.ravel(told)[0])
    points = np.asarray(snapshot.grid.points, dtype=float)
    points = points[:, : max(1, int(np.max(np.flatnonzero(np.ptp(points, axis=0) > 0.0), initial=0)) + 1)]
    return _numbered(points), [(points, value)]


def _numbered(cloud: Array) -> tuple[str, ...]:
    return tuple(f"x{column + 1}" for column in range(cloud.shape[1] if cloud.ndim == 2 else 1))


_READERS = {".csv": _read_csv, ".npz": _read_npz, ".vtp": _read_vtp}
