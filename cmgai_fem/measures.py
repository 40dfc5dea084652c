"""Measures: one number of a field that an engineer asks about, where it is taken, and its band.

Written as "max:von_mises", "mean:xx", "min", "at@0.1,0.02,0:z", "max@material=2:von_mises": a kind, where over the body
(a place, or the part where a field of the files has a value; everywhere by default), and a quantity of the field (a
component, "von_mises" or "norm"; its only component by default).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.metrics import von_mises
from cmgai_fem.states.labels import Array, BoolArray, IntArray, Labels

KINDS = ("max", "min", "mean", "at")
# Standard deviations of the 95 % band.
DEVIATIONS = 2.0
Part = Callable[[str, float], BoolArray]
"""Labels (L,) at which a field of the files has a value."""


@dataclass(frozen=True)
class Measured:
    """A measure of one field.

    Args:
        value: in the field's unit.
        low: lower end of its 95 % band; the value where there is no estimate.
        high: upper end.
        place: (g,) where a largest, smallest or single value is [m]; None for a mean.
    """

    value: float
    low: float
    high: float
    place: Array | None


@dataclass(frozen=True)
class Measure:
    """A kind of number, of a quantity, over labels.

    Args:
        text: as it was written.
        kind: of `KINDS`.
        quantity: from (L, n) values to (L,).
        rows: labels that count.
        labels: all labels.
    """

    text: str
    kind: str
    quantity: Callable[[Array], Array]
    rows: IntArray
    labels: Labels

    @classmethod
    def read(cls, text: str, labels: Labels, components: tuple[str, ...], part: Part | None = None) -> "Measure":
        """The measure that a text says.

        Args:
            text: see the module.
            labels: of the field.
            components: of the field.
            part: finds the labels of a part; None where there are no files that could tell.

        Raises:
            InputError: the text says none, or of what is not there.
        """
        head, _, quantity = text.partition(":")
        kind, _, where = head.partition("@")
        if kind not in KINDS or ("@" in head) != bool(where) or (kind == "at" and not where):
            raise InputError(f"measure {text!r}: write max, min, mean or at@X,Y,Z, then :COMPONENT, :von_mises, :norm")
        rows = np.arange(labels.count)
        if kind == "at":
            rows = np.array([_nearest(text, where, labels)])
        elif where:
            rows = _rows_of(text, where, part)
        return cls(text, kind, quantity_of(f"measure {text!r}", quantity, components), rows, labels)

    def of(self, field: Array, error: Array | None = None) -> Measured:
        """The measure of a field (L, n), its band by one standard deviation (L, n) of each value.

        Errors of one field go together: those of a mean are averaged, not their squares.
        """
        chosen = field[self.rows]
        values = self.quantity(chosen)
        spread = (
            np.zeros(len(values)) if error is None else DEVIATIONS * deviation(self.quantity, chosen, error[self.rows])
        )
        if self.kind == "mean":
            weights = self.labels.weights[self.rows]
            mean, wide = (float(weights @ each / weights.sum()) for each in (values, spread))
            return Measured(mean, mean - wide, mean + wide, None)
        pick = np.argmin if self.kind == "min" else np.argmax
        take = np.min if self.kind == "min" else np.max
        place = self.labels.positions[self.rows[int(pick(values))]]
        value, low, high = (float(take(each)) for each in (values, values - spread, values + spread))
        return Measured(value, low, high, place)


def deviation(quantity: Callable[[Array], Array], field: Array, error: Array) -> Array:
    """(L,) standard deviation of a quantity of a field (L, n), whose components err by (L, n) each by itself."""
    values = quantity(field)
    squares = np.zeros(len(values))
    for column in range(field.shape[1]):
        moved = field.copy()
        moved[:, column] += error[:, column]
        squares += (quantity(moved) - values) ** 2
    return np.asarray(np.sqrt(squares))


def quantity_of(text: str, name: str, components: tuple[str, ...]) -> Callable[[Array], Array]:
    """From field values (L, n) to a quantity (L,).

    Args:
        text: who asks, for messages.
        name: a component, "von_mises" or "norm".
        components: n names.

    Raises:
        InputError: there is no such quantity.
    """
    if name in components:
        column = components.index(name)
        return lambda values: values[:, column]
    if name == "von_mises":
        if len(components) != 6:
            raise InputError(f"{text}: a von Mises stress has 6 components, the field {len(components)}")
        return von_mises
    if name == "norm":
        return lambda values: np.linalg.norm(values, axis=1)
    listed = ", ".join(each for each in components if each)
    if not name and len(components) > 1:
        raise InputError(f"{text}: say of which component: {listed}, or norm")
    raise InputError(f"{text}: no component {name!r}; there are: {listed or 'none, the field is a scalar'}")


def _nearest(text: str, where: str, labels: Labels) -> int:
    """The label nearest to a place."""
    places = labels.positions
    try:
        place = np.array([float(part) for part in where.split(",")])
    except ValueError:
        raise InputError(f"measure {text!r}: {where!r} is no place; write at@0.1,0.02,0") from None
    if place.shape != places.shape[1:] or not np.all(np.isfinite(place)):
        raise InputError(f"measure {text!r}: a place has {places.shape[1]} numbers here, not {len(place)}")
    return int(np.argmin(np.linalg.norm(places - place, axis=1)))


def _rows_of(text: str, where: str, part: Part | None) -> IntArray:
    """Labels of a part."""
    name, equals, value = where.partition("=")
    try:
        number = float(value)
    except ValueError:
        equals = ""
        number = 0.0
    if not equals or not name:
        raise InputError(f"measure {text!r}: write a part as FIELD=VALUE, e.g. max@material=2:von_mises")
    if part is None:
        raise InputError(f"measure {text!r}: parts are known of states that were read from files")
    rows = np.flatnonzero(part(name, number))
    if not len(rows):
        raise InputError(f"measure {text!r}: no label has {name} = {number:g}")
    return rows
