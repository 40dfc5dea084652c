"""Specimens from files: fields of bodies of one make, each seen at one state, several at every state."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import set_names
from cmgai_fem.files.file_states import FileStates, Gathered, gather, with_numbers
from cmgai_fem.files.file_values import state_values
from cmgai_fem.files.snapshot import Grid
from cmgai_fem.files.sources import Source, as_sources
from cmgai_fem.files.trust import printable
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, Coordinates, Field

# Specimens that a state needs, and known states.
FEWEST_SPECIMENS, FEWEST_STATES = 3, 3


@dataclass(frozen=True)
class Specimens:
    """Fields of specimens.

    Args:
        numbered: the fields, along the number of the specimen.
        coordinate: the state coordinate.
        values: (N,) state of each specimen.
    """

    numbered: FileStates
    coordinate: Coordinate
    values: Array

    @property
    def field(self) -> str:
        """Name of the field."""
        return next(iter(self.numbered.fields))

    @property
    def data(self) -> Field:
        """The field, (N, L, n) values."""
        return self.numbered.fields[self.field]

    @property
    def names(self) -> list[str]:
        """What each specimen is called: its file, or its number where it is an array."""
        files = self.numbered.files
        return [printable(path.name) for path in files] or [f"specimen {row + 1}" for row in range(len(self.values))]

    @property
    def counts(self) -> dict[float, int]:
        """Specimens at each known state."""
        states, counts = np.unique(self.values, return_counts=True)
        return dict(zip(states.tolist(), counts.tolist(), strict=True))

    def grid(self, fields: dict[str, Array]) -> Grid:
        """The label mesh with fields (L,) or (L, n), and without those that differ from specimen to specimen."""
        states = self.numbered
        grid = states.grid(**fields)
        for data in (grid.point_data, grid.cell_data):
            for name in set(data.keys()) & {self.field, *states.varying}:
                data.pop(name)
            for name in set(data.keys()) & fields.keys():
                if fields[name].ndim == 2 and fields[name].shape[1] == len(self.data.components) > 1:
                    set_names(data[name], self.data.components)
        return grid


def read_specimens(
    paths: Source | Sequence[Source],
    *,
    field: str,
    coordinate: str = "state",
    unit: str = "",
    values: ArrayLike | None = None,
    values_from: str | None = None,
    points: ArrayLike | None = None,
    volumes: str = "",
    where_known: bool = False,
    paired: bool = False,
) -> Specimens:
    """Read specimens; everything as `read_states` has it, but that several share a state.

    Raises:
        InputError: as `read_states`; several coordinates; a file that holds several states, or is named twice; too few
            states, or specimens at one.
    """
    if not isinstance(coordinate, str) or not isinstance(unit, str):
        raise InputError("specimens are carried along one state coordinate, not several")
    axes = Coordinates((Coordinate(coordinate, unit),))
    read = gather(paths, field, axes, points)
    _check_one_state_each(as_sources(paths), read)
    told = state_values(read.snapshots, read.own_values, [coordinate], values, values_from, read.timed, paired)
    number = np.arange(1.0, len(told.values) + 1.0)[:, None]
    states = with_numbers(read.states(Coordinates((Coordinate("specimen"),)), number, "", volumes), where_known)
    assert states.template is not None
    # Their other fields are those of single specimens.
    grid = states.template.grid.copy(deep=False)
    for data in (grid.point_data, grid.cell_data):
        for name in set(data.keys()) & states.varying:
            data.pop(name)
    states = replace(states, template=replace(states.template, grid=grid), varying=frozenset())
    found = Specimens(states, axes.each[0], told.values[:, 0])
    _check_enough(found)
    return found


def _check_one_state_each(sources: Sequence[Source], read: Gathered) -> None:
    files = [Path(source) for source in sources if isinstance(source, str | Path)]
    twice = next((path for row, path in enumerate(files) if path in files[:row]), None)
    if twice is not None:
        raise InputError(f"{printable(twice.name)} is named twice: a specimen counts once")
    paths = [one.path for one in read.snapshots]
    several = next((one for row, one in enumerate(read.snapshots) if one.path in paths[:row]), None)
    if several is not None:
        raise InputError(
            f"{several.name}: holds several states; a specimen is seen at one (where each is seen at all, generate it "
            "by itself, without --distribution)"
        )


def _check_enough(specimens: Specimens) -> None:
    counts, label = specimens.counts, specimens.coordinate.label
    if len(counts) < FEWEST_STATES:
        listed = ", ".join(f"{label(value)} ({count} specimens)" for value, count in counts.items())
        raise InputError(
            f"a distribution needs {FEWEST_STATES} known states or more, there are {len(counts)}: {listed}"
        )
    few = next((value for value, count in counts.items() if count < FEWEST_SPECIMENS), None)
    if few is not None:
        word = "one specimen" if counts[few] == 1 else f"{counts[few]} specimens"
        raise InputError(f"{label(few)}: {word}; a distribution needs {FEWEST_SPECIMENS} or more at every known state")
