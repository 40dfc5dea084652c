"""State values of snapshots: given, found in the files' names, or told by the files themselves."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.files.snapshot import Snapshot
from cmgai_fem.files.trust import printable
from cmgai_fem.states.labels import Array


def value_text(value: ArrayLike) -> str:
    """A state value, or several, as it stands in names: "325", "325_3"."""
    return "_".join(f"{part:g}" for part in np.atleast_1d(np.asarray(value, dtype=float)))


def state_values(
    snapshots: Sequence[Snapshot],
    own_values: Sequence[Sequence[float | None]],
    coordinates: Sequence[str],
    values: ArrayLike | Sequence[Sequence[float]] | None,
    values_from: str | None,
) -> Array:
    """State of each snapshot by its values of the coordinates.

    Args:
        snapshots: the snapshots.
        own_values: what each file tells of each coordinate itself; None where it tells nothing.
        coordinates: names of the m coordinates.
        values: m values given for each snapshot, or a number each where m = 1; None to find them otherwise.
        values_from: regular expression with m groups on the file names.

    Returns:
        (K, m) values.

    Raises:
        InputError: a value is missing or no finite number.
    """
    names = ", ".join(map(printable, coordinates))
    if values is not None and values_from is not None:
        raise InputError("give --values or --values-from, not both")
    if values is not None:
        given = list(values)  # type: ignore[arg-type]
        if len(given) != len(snapshots):
            raise InputError(f"{len(given)} values of {names} for {len(snapshots)} snapshots: give one each")
        found = [_numbers(point, names) for point in given]
    elif values_from is not None:
        found = [_values_in_name(snapshot, values_from, len(coordinates)) for snapshot in snapshots]
    else:
        found = [_told(snapshot, own, coordinates) for snapshot, own in zip(snapshots, own_values, strict=True)]
    for snapshot, point in zip(snapshots, found, strict=True):
        if len(point) != len(coordinates):
            word = "coordinate" if len(coordinates) == 1 else "coordinates"
            raise InputError(f"{snapshot.name}: {len(point)} values for the {word} {names}: give one each")
        if not np.all(np.isfinite(point)):
            raise InputError(f"{snapshot.name}: {names} = {value_text(point)}: no finite number")
    return np.array(found, dtype=float)


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
