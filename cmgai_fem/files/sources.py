"""Where snapshots come from: files of any listed format, grids in memory, or bare arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyvista
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.snapshot import Snapshot, check_grid
from cmgai_fem.files.vtk_files import snapshot_of
from cmgai_fem.states.labels import Array


@dataclass(frozen=True)
class Piece:
    """One piece of a state, in a file of its own.

    Args:
        path: the file.
        whole: the file that lists it, whose name tells the state.
        time: of the state; None for the file's own.
    """

    path: Path
    whole: Path
    time: float | None = None


type Source = str | Path | Piece | pyvista.DataSet | ArrayLike
"""A file, a grid, or the values (L,) or (L, n) of one state."""


def as_sources(given: Source | Sequence[Source]) -> list[Source]:
    """The sources one by one; one file or grid may stand for a list of one."""
    if isinstance(given, str | Path | Piece | pyvista.DataSet):
        return [given]
    try:
        return list(given)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(
            f"states are read from files, pyvista grids or arrays, not from {type(given).__name__}"
        ) from None


def snapshots_of(source: Source, number: int, names: Sequence[str], points: ArrayLike | None) -> list[Snapshot]:
    """The snapshots that a source holds.

    Args:
        source: the source.
        number: its place in the list, from 1, for messages.
        names: names of the fields that are read; an array is the only one of them.
        points: (L, g) places of an array's labels [m]; one after the other along x where there are none.

    Raises:
        InputError: the source is none of these, or not usable.
    """
    if isinstance(source, str | Path | Piece | pyvista.DataSet) and points is not None:
        raise InputError("points belong to arrays: files and grids have nodes of their own")
    if isinstance(source, str | Path):
        return read_snapshots(Path(source))
    if isinstance(source, Piece):
        (one,) = read_snapshots(source.path)
        return [replace(one, path=source.whole, time=one.time if source.time is None else source.time)]
    if isinstance(source, pyvista.DataSet | pyvista.MultiBlock):
        path = Path(f"grid {number}")
        return [snapshot_of(path, source.copy(deep=False))]
    path = Path(f"array {number}")
    if len(names) != 1:
        raise InputError(f"an array holds one field, {len(names)} are asked for: give grids")
    values = _numbers(path.name, source)
    grid = pyvista.UnstructuredGrid()
    grid.points = _places(points, len(values))
    grid.point_data[names[0]] = values
    return [Snapshot(path, check_grid(path, grid))]


def _numbers(name: str, source: Source) -> Array:
    try:
        values = np.array(source, dtype=float)
    except (TypeError, ValueError):
        values = np.zeros(())
    if values.ndim not in (1, 2) or not values.size:
        raise InputError(
            f"{name}: not a file, a pyvista grid or the numbers (labels,) or (labels, components) of a state"
        )
    return values


def _places(points: ArrayLike | None, count: int) -> Array:
    """(L, 3) places of the labels."""
    given = np.arange(count)[:, None] if points is None else np.asarray(points, dtype=float)
    if given.ndim != 2 or len(given) != count or given.shape[1] not in (1, 2, 3):
        raise InputError(f"{count} labels need points of shape ({count}, 1..3), not {given.shape}")
    places = np.zeros((count, 3))
    places[:, : given.shape[1]] = given
    return places
