"""State values of snapshots: given, found in the files' names, or told by the files themselves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.files.snapshot import Snapshot
from cmgai_fem.files.trust import printable
from cmgai_fem.states.labels import Array

# A number in a file's name; a hyphen before it is a sign only where nothing but a separator stands before that.
NUMBER = re.compile(r"(?:(?<![A-Za-z0-9.])-)?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
# States of one file that are listed one by one.
MOST_LISTED = 12
TIMES = ("time", "t", "state", "step", "zeit")


@dataclass(frozen=True)
class ToldValues:
    """State values of snapshots.

    Args:
        values: (K, m) values.
        notes: lines that say which file is which state, and who says so.
    """

    values: Array
    notes: tuple[str, ...]


def value_text(value: ArrayLike) -> str:
    """A state value, or several, as it stands in names: "325", "325_3"."""
    return "_".join(f"{part:g}" for part in np.atleast_1d(np.asarray(value, dtype=float)))


def state_values(
    snapshots: Sequence[Snapshot],
    own_values: Sequence[Sequence[float | None]],
    coordinates: Sequence[str],
    values: ArrayLike | Sequence[Sequence[float]] | None,
    values_from: str | None,
    timed: bool = False,
    paired: bool = False,
) -> ToldValues:
    """State of each snapshot by its values of the coordinates.

    Args:
        snapshots: the snapshots.
        own_values: what each file tells of each coordinate itself; None where it tells nothing.
        coordinates: names of the m coordinates.
        values: m values given for each snapshot, or a number each where m = 1; None to find them otherwise.
        values_from: regular expression with m groups on the file names.
        timed: the files' own values are their times.
        paired: values were given beside the name of each file, so that names may say what they like.

    Raises:
        InputError: a value is missing or no finite number, or contradicts the number in the file's name.
    """
    names = ", ".join(map(printable, coordinates))
    if values is not None and values_from is not None:
        raise InputError("give --values or --values-from, not both")
    if values is not None:
        given = list(values)  # type: ignore[arg-type]
        if len(given) != len(snapshots):
            raise InputError(f"{len(given)} values of {names} for {len(snapshots)} snapshots: give one each")
        found, how = [_numbers(point, names) for point in given], "given"
    elif values_from is not None:
        found = [_values_in_name(snapshot, values_from, len(coordinates)) for snapshot in snapshots]
        how = "from its name"
    else:
        found = [_told(snapshot, own, coordinates) for snapshot, own in zip(snapshots, own_values, strict=True)]
        how = "its time" if timed else "its own data"
    for snapshot, point in zip(snapshots, found, strict=True):
        if len(point) != len(coordinates):
            word = "coordinate" if len(coordinates) == 1 else "coordinates"
            raise InputError(f"{snapshot.name}: {len(point)} values for the {word} {names}: give one each")
        if not np.all(np.isfinite(point)):
            raise InputError(f"{snapshot.name}: {names} = {value_text(point)}: no finite number")
    told = np.array(found, dtype=float)
    if how == "given" and not paired:
        _check_names([snapshot.path.name for snapshot in snapshots], told, names)
    notes = _pairs(snapshots, told, how)
    if how == "its time" and coordinates[0].lower() not in TIMES:
        notes.append(f"the times in the files are taken for {names}; --values or --values-from tell others")
    return ToldValues(told, tuple(notes))


def _pairs(snapshots: Sequence[Snapshot], values: Array, how: str) -> list[str]:
    """A line a file: which state it is; of a file of many states their number and range."""
    rows: dict[str, list[int]] = {}
    for row, snapshot in enumerate(snapshots):
        rows.setdefault(snapshot.name, []).append(row)
    lines = []
    for name, own in rows.items():
        if len(own) <= MOST_LISTED:
            lines += [f"{name} -> {value_text(values[row])} ({how})" for row in own]
        else:
            low, high = value_text(values[own].min(axis=0)), value_text(values[own].max(axis=0))
            lines.append(f"{name} -> {len(own)} states, {low} to {high} ({how})")
    return lines


def _check_names(files: Sequence[str], values: Array, coordinates: str) -> None:
    """Refuse values that the files' names contradict: their own numbers in another order, or the shell's order.

    The shell lists run_1000 before run_250, so that values given in increasing order fall on the wrong files.
    """
    columns = _number_columns(files)
    for given in values.T:
        if any(_alike(column, given) for column in columns):
            continue
        for column in columns:
            shuffled = _alike(np.sort(column), np.sort(given))
            listed = list(files) == sorted(files) and len(given) > 1 and bool(np.all(np.diff(given) > 0.0))
            back = np.diff(column) < 0.0
            if shuffled or (listed and values.shape[1] == 1 and back.any() and len(set(column)) == len(column)):
                row = int(np.argmax(~np.isclose(column, given, rtol=1e-9, atol=0.0)) if shuffled else np.argmax(back))
                raise InputError(
                    f"{printable(files[row])} is given {coordinates} = {value_text(values[row])}, but the numbers in "
                    "the names stand in another order than the values (a shell lists run_1000 before run_250): take "
                    "them from the names, e.g. --values-from 'run_([0-9.]+)', or pair them in a states.toml"
                )


def _alike(one: Array, other: Array) -> bool:
    return bool(np.allclose(one, other, rtol=1e-9, atol=0.0))


def _number_columns(files: Sequence[str]) -> list[Array]:
    """The numbers in the names of files that differ in numbers alone: one column a place in the name."""
    if len(set(files)) < len(files):
        return []
    stems = [PurePath(file).stem for file in files]
    if len({NUMBER.sub("#", stem) for stem in stems}) > 1:
        return []
    return [np.array(column, dtype=float) for column in zip(*(NUMBER.findall(stem) for stem in stems), strict=True)]


def _numbers(point: ArrayLike, names: str) -> list[float]:
    try:
        return [float(part) for part in np.atleast_1d(np.asarray(point, dtype=float))]
    except (TypeError, ValueError):
        raise InputError(f"values of {names}: {printable(str(point))!r} is no number") from None


def _told(snapshot: Snapshot, own: Sequence[float | None], coordinates: Sequence[str]) -> list[float]:
    """What a file itself says."""
    for name, value in zip(coordinates, own, strict=True):
        if value is None:
            nothing = "neither a time nor data" if len(coordinates) == 1 else "no data"
            raise InputError(
                f"{snapshot.name}: holds {nothing} called {printable(name)!r}; give --values or --values-from"
            )
    return [value for value in own if value is not None]


def _values_in_name(snapshot: Snapshot, pattern: str, count: int) -> list[float]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise InputError(f"--values-from {printable(pattern)!r}: not a regular expression: {error}") from None
    if compiled.groups != count:
        needs = "one group, e.g. 'T=(\\d+)'" if count == 1 else f"{count} groups, e.g. 'T=(\\d+)_F=(\\d+)'"
        raise InputError(f"--values-from {printable(pattern)!r}: needs {needs}")
    match = compiled.search(snapshot.path.name)
    if match is None:
        raise InputError(f"{snapshot.name}: --values-from {printable(pattern)!r} does not match the name")
    found = []
    for text in match.groups():
        try:
            found.append(float(text))
        except (TypeError, ValueError):
            raise InputError(
                f"{snapshot.name}: --values-from found {printable(str(text))!r}, which is no number"
            ) from None
    return found
