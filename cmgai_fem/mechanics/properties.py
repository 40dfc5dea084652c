"""Material properties: numbers, polynomials, tables or formulas of the temperature, each over its range."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.expressions import NUMPY, Backend, Expression
from cmgai_fem.mechanics.inputs import UFL, StateInputs, rows
from cmgai_fem.states.labels import Array

POLYNOMIAL = {"coefficients", "low", "high"}


def _checked(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
        return float(value)
    if isinstance(value, str):
        try:
            Expression(value, ("T",))
        except InputError as error:
            raise ValueError(str(error)) from None
        return value
    if isinstance(value, Mapping) and set(value) == POLYNOMIAL and value["high"] > value["low"]:
        return dict(value)
    if isinstance(value, list) and rows(value, 2) is not None:
        return value
    raise ValueError(
        "give a number, a table [[T, value], ...], a formula of T, or {coefficients = [...], low = , high = }"
    )


Property = Annotated[Any, BeforeValidator(_checked)]
"""A number, a table [[T, value], ...] linear between its rows, a formula of T, or a polynomial in
(T - low)/(high - low), lowest power first. Tables and polynomials hold over their range alone."""


def span(value: Any) -> tuple[float, float]:
    """The temperatures that a property holds over."""
    if isinstance(value, Mapping):
        return float(value["low"]), float(value["high"])
    return (value[0][0], value[-1][0]) if isinstance(value, list) else (-np.inf, np.inf)


def at_temperatures(value: Any, temperature: Array) -> Array:
    """A property at temperatures (P,)."""
    if isinstance(value, str):
        found = Expression(value, ("T",))(Backend(NUMPY), {"T": temperature})
    elif isinstance(value, Mapping):
        low, high = span(value)
        found = np.polynomial.polynomial.polyval((temperature - low) / (high - low), value["coefficients"])
    elif isinstance(value, list):
        found = np.interp(temperature, *np.array(value).T)
    else:
        found = value
    return np.broadcast_to(np.asarray(found, dtype=float), temperature.shape)


def in_ufl(value: Any, temperature: Any, inputs: StateInputs) -> Any:
    """A property as a UFL expression of a UFL temperature; beyond a table's ends its last pieces go on."""
    if isinstance(value, str):
        return Expression(value, ("T",))(Backend(UFL, inputs.number), {"T": temperature})
    if isinstance(value, Mapping):
        low, high = span(value)
        scaled = (temperature - inputs.number(low)) / inputs.number(high - low)
        *lower, found = map(inputs.number, value["coefficients"])
        for coefficient in reversed(lower):
            found = found * scaled + coefficient
        return found
    if isinstance(value, list):
        points = np.array(value)
        slopes = np.diff(points[:, 1]) / np.diff(points[:, 0])
        pieces = [
            inputs.number(y) + inputs.number(slope) * (temperature - inputs.number(x))
            for (x, y), slope in zip(points, slopes, strict=False)
        ]
        found = pieces[-1]
        for end, piece in zip(points[-2:0:-1, 0], pieces[-2::-1], strict=True):
            found = UFL["where"](UFL["lt"](temperature, inputs.number(end)), piece, found)
        return found
    return inputs.number(value)
