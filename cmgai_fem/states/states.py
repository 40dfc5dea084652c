"""States: what is known of a body at points of one, two or three state coordinates.

`States` are the package's input: labels `X` (mesh nodes, cell centres or bare points), the state coordinates
(temperature, velocity, time, ...) with their known values, and one array a field. One coordinate is the case m = 1 of
several. Everything else reads states, nothing changes them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array, IntArray, Labels, floats
from cmgai_fem.states.portion import blocks_of
from cmgai_fem.writing import whole_file

# Units by which a coordinate is known for a time.
TIMES = frozenset({"ns", "us", "µs", "ms", "s", "min", "h", "d", "a", "yr"})


@dataclass(frozen=True)
class Coordinate:
    """The state coordinate: its name and unit (for messages, axes and files)."""

    name: str
    unit: str = ""

    def label(self, value: float | None = None) -> str:
        """Text for an axis, or for one state if `value` is given, e.g. "temperature = 325 degC"."""
        if value is None:
            return f"{self.name} [{self.unit}]" if self.unit else self.name
        return f"{self.name} = {value:g} {self.unit}".rstrip()


@dataclass(frozen=True)
class Coordinates:
    """The state coordinates, in the order of the columns of a state's values.

    Args:
        each: m = 1, 2 or 3 coordinates of different names.
    """

    each: tuple[Coordinate, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.each) <= 3:
            raise InputError(f"{len(self.each)} state coordinates: one, two or three are supported")
        if len({coordinate.name for coordinate in self.each}) < len(self.each):
            raise InputError(f"state coordinates must differ in name, not {self.name}")

    def __len__(self) -> int:
        return len(self.each)

    def __iter__(self) -> Iterator[Coordinate]:
        return iter(self.each)

    @property
    def is_time(self) -> bool:
        """Whether there is one coordinate, a time by its name or unit."""
        one = self.each[0]
        return len(self) == 1 and (one.unit in TIMES or one.name == "t" or one.name.lower() == "time")

    @property
    def name(self) -> str:
        """All names, e.g. "temperature, load"."""
        return ", ".join(coordinate.name for coordinate in self.each)

    def label(self, value: ArrayLike | None = None) -> str:
        """Text for an axis, or for one state (m,) if `value` is given, e.g. "temperature = 325 degC, load = 3 kN"."""
        if value is None:
            return ", ".join(coordinate.label() for coordinate in self.each)
        parts = np.atleast_1d(np.asarray(value, dtype=float))
        return ", ".join(coordinate.label(float(part)) for coordinate, part in zip(self.each, parts, strict=True))

    def point(self, value: ArrayLike) -> Array:
        """One state (m,), given by a number where there is one coordinate.

        Raises:
            InputError: another number of values, or values that are not finite.
        """
        point = np.atleast_1d(floats(f"a state of {self.name}", value))
        if point.shape != (len(self),) or not np.all(np.isfinite(point)):
            wanted = "one finite number" if len(self) == 1 else f"{len(self)} finite numbers"
            raise InputError(f"a state of {self.name} is {wanted}, not {np.asarray(value).tolist()}")
        return point

    def several(self, value: ArrayLike) -> bool:
        """Whether `value` is a list of states, as `points` takes it, and not one state."""
        return np.ndim(value) == (2 if len(self) > 1 else 1) and np.shape(value) != (len(self),)

    def points(self, values: ArrayLike) -> Array:
        """States (T, m), given by (T,) numbers where there is one coordinate; see `point`."""
        values = floats(f"states of {self.name}", values)
        if len(self) == 1 and values.ndim <= 1:
            values = values.reshape(-1, 1)
        return np.array([self.point(value) for value in values]).reshape(-1, len(self))


@dataclass(frozen=True)
class Field:
    """Values of one field at every state and label.

    Args:
        values: (K, L, n) values in SI units unless `unit` says otherwise.
        unit: unit of the values.
        components: n component names, e.g. ("xx", "yy", "zz", "xy", "yz", "xz"); ("",) for a scalar.
    """

    values: Array
    unit: str
    components: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", floats("field values", self.values))
        if self.values.ndim != 3 or self.values.shape[2] != len(self.components):
            raise InputError(f"field values must be (states, labels, {len(self.components)}), not {self.values.shape}")

    @cached_property
    def finite(self) -> bool:
        """Whether all values are finite numbers."""
        blocks = blocks_of(slice(0, self.values.shape[1]))
        return all(np.isfinite(self.values[:, block]).all() for block in blocks)

    def __repr__(self) -> str:
        return f"Field({self.values.shape} [{self.unit}]; components: {', '.join(self.components)})"


SYMMETRIC_TENSOR = ("xx", "yy", "zz", "xy", "yz", "xz")


@dataclass(frozen=True)
class States:
    """Known states of one body.

    Args:
        labels: the labels, shared by all states.
        coordinates: the m state coordinates; a single `Coordinate` stands for one.
        values: (K, m) values of the coordinates, no two states alike, increasing where m = 1; (K,) is taken for (K, 1).
        fields: fields by name, each (K, L, n).
    """

    labels: Labels
    coordinates: Coordinates
    values: Array
    fields: Mapping[str, Field]

    def __post_init__(self) -> None:
        if isinstance(self.coordinates, Coordinate):
            object.__setattr__(self, "coordinates", Coordinates((self.coordinates,)))
        for name, kind in (("labels", Labels), ("coordinates", Coordinates), ("fields", Mapping)):
            if not isinstance(getattr(self, name), kind):
                raise InputError(f"{name} of states are {kind.__name__}, not {type(getattr(self, name)).__name__}")
        values, count = floats(f"values of {self.coordinates.name}", self.values), len(self.coordinates)
        if values.ndim == 1 and count == 1:
            values = values[:, None]
        object.__setattr__(self, "values", values)
        if values.ndim != 2 or values.shape[1] != count:
            raise InputError(f"states of {self.coordinates.name} need (K, {count}) values, not {values.shape}")
        if not np.all(np.isfinite(values)):
            raise InputError(f"values of {self.coordinates.name} must be finite numbers")
        _check_apart(values, self.coordinates)
        for name, field in self.fields.items():
            if field.values.shape[:2] != (len(values), self.labels.count):
                raise InputError(
                    f"field {name!r} has {field.values.shape[:2]} states and labels, expected "
                    f"{(len(values), self.labels.count)}"
                )

    @classmethod
    def of(
        cls,
        labels: Labels,
        coordinates: Coordinates | Coordinate,
        values: ArrayLike,
        fields: Mapping[str, Field],
    ) -> Self:
        """States in any order: along one coordinate they are put in increasing order."""
        raw = np.asarray(values, dtype=float)
        if raw.ndim == 1 or raw.shape[1] == 1:
            order = np.argsort(raw.ravel(), kind="stable")
            raw = raw[order]
            fields = {name: replace(field, values=field.values[order]) for name, field in fields.items()}
        return cls(labels, coordinates, raw, fields)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name} {field.values.shape[1:]}" for name, field in self.fields.items())
        return f"{type(self).__name__}({len(self)} states of {self.coordinates.label()}; fields: {fields})"

    @property
    def scalars(self) -> Array:
        """(K,) values of the only coordinate.

        Raises:
            InputError: there are several.
        """
        if len(self.coordinates) != 1:
            raise InputError(f"one state coordinate is needed here, the states have {self.coordinates.name}")
        return self.values[:, 0]

    def field(self, name: str) -> Field:
        """The field called `name`.

        Raises:
            InputError: there is none; the message lists those there are.
        """
        if name not in self.fields:
            raise InputError(f"no field {name!r}; the states have: {', '.join(sorted(self.fields))}")
        return self.fields[name]

    def index(self, value: ArrayLike) -> int:
        """Row of the state at `value`, (m,) or a number."""
        point = self.coordinates.point(value)
        hits = np.flatnonzero(np.all(np.isclose(self.values, point, rtol=1e-12, atol=0.0), axis=1))
        if len(hits) != 1:
            raise InputError(f"no state at {self.coordinates.label(point)}")
        return int(hits[0])

    def at(self, values: Iterable[ArrayLike]) -> Self:
        """The states at `values` alone, in that order; along one coordinate in increasing order."""
        rows = [self.index(value) for value in values]
        return self.rows(np.array(sorted(rows) if len(self.coordinates) == 1 else rows, dtype=int))

    def without(self, index: int) -> Self:
        """All states but the one at row `index`: what leave-one-out calibration works on."""
        return self.rows(np.delete(np.arange(len(self)), index))

    def only(self, *names: str) -> Self:
        """The same states with the named fields alone."""
        return replace(self, fields={name: self.field(name) for name in names})

    def check_finite(self) -> Self:
        """Refuse NaN and infinity, naming the field, state and label."""
        for name, field in self.fields.items():
            if not field.finite:
                state, label, component = np.argwhere(~np.isfinite(field.values))[0]
                raise InputError(
                    f"field {name!r} is not finite at {self.coordinates.label(self.values[state])}, "
                    f"label {label}, component {field.components[component] or 'value'}"
                )
        return self

    def rows(self, rows: IntArray) -> Self:
        """The states at these rows."""
        fields = {name: replace(field, values=field.values[rows]) for name, field in self.fields.items()}
        return replace(self, values=self.values[rows], fields=fields)

    def save(self, path: Path) -> None:
        """Write the states to one .npz file, complete or not at all."""
        names = [text for coordinate in self.coordinates for text in (coordinate.name, coordinate.unit)]
        arrays: dict[str, NDArray[np.generic]] = {
            "points": self.labels.points,
            "weights": self.labels.weights,
            "values": self.values,
            "meta": np.array([self.labels.location, *names]),
        }
        arrays |= {f"cells/{kind}": block for kind, block in self.labels.cells.items()}
        for name, field in self.fields.items():
            arrays[f"field/{name}"] = field.values
            arrays[f"info/{name}"] = np.array([field.unit, *field.components])
        with whole_file(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read states that `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            location, *names = (str(item) for item in data["meta"])
            cells = {key.removeprefix("cells/"): data[key] for key in data.files if key.startswith("cells/")}
            fields = {}
            for key in data.files:
                if key.startswith("field/"):
                    info = [str(item) for item in data["info/" + key.removeprefix("field/")]]
                    fields[key.removeprefix("field/")] = Field(data[key], info[0], tuple(info[1:]))
            each = tuple(Coordinate(name, unit) for name, unit in zip(names[::2], names[1::2], strict=True))
            labels = Labels(data["points"], data["weights"], cells, location)
            return cls(labels, Coordinates(each), data["values"], fields)


def _check_apart(values: Array, coordinates: Coordinates) -> None:
    """Refuse two states at one place, and states along one coordinate that do not increase."""
    if len(coordinates) == 1:
        for left, right in pairwise(values[:, 0]):
            if left == right:
                raise InputError(f"two states have {coordinates.label(left)}: keep one of them")
            if not right > left:
                raise InputError(f"{coordinates.name}: state {right:g} follows {left:g}; states must increase")
        return
    _, first, count = np.unique(values, axis=0, return_index=True, return_counts=True)
    if np.any(count > 1):
        twice = values[first[np.argmax(count > 1)]]
        raise InputError(f"two states have {coordinates.label(twice)}: keep one of them")
