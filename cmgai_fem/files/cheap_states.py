"""Cheap models' states, brought to the labels and the states of an expensive model's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyvista

from cmgai_fem.calibration.cheap import CheapModels
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FileStates, read_states
from cmgai_fem.files.mapping import map_field
from cmgai_fem.files.same_mesh import SAME_NODE
from cmgai_fem.files.snapshot import Snapshot, find_location
from cmgai_fem.files.sources import Source
from cmgai_fem.files.trust import printable
from cmgai_fem.states.labels import VTK_CELLS, Array, Labels, in_space
from cmgai_fem.states.states import Coordinates, States

type Cheap = States | Source | Sequence[States] | Sequence[Source] | Sequence[Sequence[Source]]
"""One cheap model: its states, or what `read_states` reads them from; or a list of several, each such a list."""
# Of the known range of a coordinate: values that are the same state.
SAME_VALUE = 1e-9
# How `read_states` is to read the cheap files as it read the others; values of one's files are not those of another's.
SHARED = ("values_from", "volumes", "where_known", "points")
# States of a cheap model between each two known ones that tell it all along the coordinate.
CLOSE = 3


def cheap_models(
    given: Cheap, known: States, field: str, points: Array, reading: Mapping[str, Any] | None = None
) -> CheapModels:
    """Cheap models at the known states and at those asked for, on the labels of the known ones.

    Args:
        given: see `Cheap`.
        known: the expensive model's states.
        field: the field that is generated.
        points: (T, m) states asked for.
        reading: how the known states' files were read; of `SHARED`.

    Raises:
        InputError: a state is missing, or the coordinates, the field or the geometry are others; the model is named.
    """
    models = _listed(given)
    shared = {key: value for key, value in (reading or {}).items() if key in SHARED}
    asked = np.unique(np.vstack([known.values, points]), axis=0)
    fields = []
    for name, model in models.items():
        states = model if isinstance(model, States) else read_cheap(model, known.coordinates, field, shared, name)
        fields.append(_brought(name, states, known, field, asked))
    return CheapModels(tuple(models), asked, np.array(fields), along=close_along(known.values, asked))


def close_along(known: Array, asked: Array) -> bool:
    """Whether states (A, m) lie so closely between the known ones (K, m) of one coordinate that they tell all of it."""
    if known.shape[1] > 1:
        return False
    between = np.diff(np.searchsorted(asked[:, 0], np.sort(known[:, 0]))) - 1
    return bool(np.all(between >= CLOSE))


def _listed(given: Cheap) -> dict[str, Any]:
    """What each model is given by, by a name for messages."""
    several = isinstance(given, list | tuple) and all(isinstance(one, States | list | tuple) for one in given)
    models: list[Any] = list(given) if several else [given]  # type: ignore[arg-type]
    if not models:
        raise InputError("cheap: no model was given")
    names = [_named(model, number) for number, model in enumerate(models, start=1)]
    twice = len(set(names)) < len(names)
    told = [f"{name} ({row})" if twice else name for row, name in enumerate(names, start=1)]
    return dict(zip(told, models, strict=True))


def _named(model: Any, number: int) -> str:
    first = model.files[0] if isinstance(model, FileStates) and model.files else None
    if first is None and isinstance(model, list | tuple) and model and isinstance(model[0], str | Path):
        first = Path(model[0])
    return f"cheap {number}" if first is None else printable(first.name)


def read_cheap(
    sources: Any, coordinates: Coordinates, field: str, shared: Mapping[str, Any], name: str = ""
) -> FileStates:
    """The states of one cheap model.

    Args:
        sources: files, grids or arrays.
        coordinates: of the expensive model's states.
        field: the field that is generated.
        shared: how `read_states` reads them; of `SHARED`.
        name: of the model, for messages; the first file's by default.

    Raises:
        InputError: they cannot be read; the model is named.
    """
    each, name = list(coordinates), name or _named(sources, 1)
    try:
        return read_states(
            sources, field=field, coordinate=[one.name for one in each], unit=[one.unit for one in each], **shared
        )
    except InputError as error:
        raise InputError(f"cheap model {name}: {error}") from None


def _brought(name: str, cheap: States, known: States, field: str, asked: Array) -> Array:
    """(A, L, n) the field of one model at all states asked, on the labels of the known ones."""
    own, wanted = [[(one.name, one.unit) for one in states.coordinates] for states in (cheap, known)]
    if own != wanted:
        raise InputError(
            f"cheap model {name}: its states are of {cheap.coordinates.label()}, the known ones of "
            f"{known.coordinates.label()}"
        )
    try:
        carried, target = cheap.field(field), known.field(field)
        cheap.only(field).check_finite()
    except InputError as error:
        raise InputError(f"cheap model {name}: {error}") from None
    if carried.components != target.components:
        here, there = (", ".join(one.components) or "one" for one in (carried, target))
        raise InputError(f"cheap model {name}: field {printable(field)!r} has components {here}, the known has {there}")
    if carried.unit != target.unit:
        raise InputError(
            f"cheap model {name}: field {printable(field)!r} is in {carried.unit}, the known in {target.unit}"
        )
    rows = _rows(name, cheap, known, asked)
    values = carried.values[rows]
    if _same_places(cheap.labels, known.labels):
        return values
    # All states at once: the meshes are searched a single time.
    columns = np.moveaxis(values, 0, 1).reshape(values.shape[1], -1)
    here, location = (_location(states, field) for states in (cheap, known))
    if here != location:
        raise InputError(
            f"cheap model {name}: field {printable(field)!r} lives at its {here}s, that of the known states at "
            f"{location}s"
        )
    source, label = _snapshot(name, cheap), _snapshot("the known states", known)
    mapped = map_field(source, label, columns, location)[0]
    return np.moveaxis(mapped.reshape(len(mapped), len(rows), -1), 1, 0)


def _rows(name: str, cheap: States, known: States, asked: Array) -> list[int]:
    """Rows of the cheap states at all states asked."""
    span = np.ptp(known.values, axis=0)
    slack = SAME_VALUE * np.where(span > 0.0, span, 1.0)
    rows, missing = [], []
    for point in asked:
        near = np.flatnonzero(np.all(np.abs(cheap.values - point) <= slack, axis=1))
        rows += near[:1].tolist()
        if not len(near):
            missing.append(point)
    if missing:
        point = missing[0]
        why = "is known there" if np.any(np.all(known.values == point, axis=1)) else "is asked for there"
        more = f" and at {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(
            f"cheap model {name}: no state at {known.coordinates.label(point)}, where the field {why}{more}: solve it"
        )
    return rows


def _same_places(one: Labels, other: Labels) -> bool:
    mine, theirs = one.positions, other.positions
    if one.location != other.location or mine.shape != theirs.shape:
        return False
    return bool(np.abs(mine - theirs).max() <= SAME_NODE * (float(np.ptp(theirs, axis=0).max()) or 1.0))


def _location(states: States, field: str) -> str:
    """Where a field lives: cells of kinds without a name have bare labels."""
    template = states.template if isinstance(states, FileStates) else None
    return states.labels.location if template is None else find_location(template, field)


def _snapshot(name: str, states: States) -> Snapshot:
    """The mesh of the labels."""
    if isinstance(states, FileStates) and states.template is not None:
        return replace(states.template, path=Path(f"{name}: {states.template.path.name}"))
    labels = states.labels
    points = in_space(labels.points)
    if not labels.cells:
        grid = pyvista.UnstructuredGrid()
        grid.points = points
        return Snapshot(Path(name), grid)
    return Snapshot(Path(name), pyvista.UnstructuredGrid({VTK_CELLS[k]: c for k, c in labels.cells.items()}, points))
