"""State values of snapshot files: given, found in the files' names, or told by the files themselves."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.files.snapshot import Snapshot
from cmgai_fem.files.trust import printable
from cmgai_fem.states.states import Array


def value_text(value: ArrayLike) -> str:
    """A state value, or several, as it stands in names: "325", "325_3"."""
    return "_".join(f"{part:g}" for part in np.atleast_1d(np.asarray(value, dtype=float)))


def state_values(
    snapshots: Sequence[Snapshot],
    own_values: Sequence[Sequence[float | None]],
    coordinate: str,
    values: Sequence[float] | None,
    values_from: str | None,
) -> Array:
    """State value of each snapshot along one coordinate.

    Args:
        snapshots: the snapshots.
        own_values: what each file tells of each coordinate itself; None where it tells nothing.
        coordinate: name of the coordinate.
        values: values given for each snapshot; None to find them otherwise.
        values_from: regular expression on the file names.

    Returns:
        (K,) values.

    Raises:
        InputError: a value is missing or no finite number.
    """
    if values is not None and values_from is not None:
        raise InputError("give --values or --values-from, not both")
    if values is not None:
        if len(values) != len(snapshots):
            raise InputError(f"{len(values)} values of {coordinate} for {len(snapshots)} snapshots: give one each")
        found = [float(value) for value in values]
    elif values_from is not None:
        found = [_value_in_name(snapshot, values_from) for snapshot in snapshots]
    else:
        found = []
        for snapshot, (own,) in zip(snapshots, own_values, strict=True):
            if own is None:
                raise InputError(
                    f"{snapshot.name}: holds neither a time nor data called {printable(coordinate)!r}; "
                    "give --values or --values-from"
                )
            found.append(own)
    for snapshot, value in zip(snapshots, found, strict=True):
        if not np.isfinite(value):
            raise InputError(f"{snapshot.name}: {coordinate} = {value} is no finite number")
    return np.array(found)


def state_points(
    snapshots: Sequence[Snapshot],
    own_values: Sequence[Sequence[float | None]],
    coordinates: Sequence[str],
    values: Sequence[Sequence[float]] | None,
    values_from: str | None,
) -> Array:
    """State of each snapshot by its values of several coordinates.

    Args:
        snapshots: the snapshots.
        own_values: what each file tells of each coordinate itself; None where it tells nothing.
        coordinates: names of the m coordinates.
        values: values given for each snapshot; None to find them otherwise.
        values_from: regular expression on the file names.

    Returns:
        (K, m) values.

    Raises:
        InputError: a value is missing or no finite number.
    """
    names = ", ".join(map(printable, coordinates))
    if values is not None and values_from is not None:
        raise InputError("give --values or --values-from, not both")
    if values is not None:
        if len(values) != len(snapshots):
            raise InputError(f"{len(values)} values of {names} for {len(snapshots)} snapshots: give one each")
        found = [list(point) for point in values]
    elif values_from is not None:
        found = [_values_in_name(snapshot, values_from, len(coordinates)) for snapshot in snapshots]
    else:
        found = []
        for snapshot, own in zip(snapshots, own_values, strict=True):
            missing = [name for name, value in zip(coordinates, own, strict=True) if value is None]
            if missing:
                raise InputError(
                    f"{snapshot.name}: holds no data called {printable(missing[0])!r}; give --values or --values-from"
                )
            found.append([value for value in own if value is not None])
    for snapshot, point in zip(snapshots, found, strict=True):
        if len(point) != len(coordinates):
            raise InputError(f"{snapshot.name}: {len(point)} values for the coordinates {names}: give one each")
        if not np.all(np.isfinite(point)):
            raise InputError(f"{snapshot.name}: {names} = {value_text(point)} are no finite numbers")
    return np.array(found, dtype=float)


def _value_in_name(snapshot: Snapshot, pattern: str) -> float:
    return _values_in_name(snapshot, pattern, 1)[0]


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
