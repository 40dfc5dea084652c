"""Values of conditions: numbers, the state, tables over time, formulas of place, state and time, DOLFINx's own."""

from typing import Annotated, Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
import ufl
from dolfinx import fem, mesh
from pydantic import BeforeValidator

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.expressions import NUMPY, Backend, Expression
from cmgai_fem.states.labels import Array

NAMES = ("x", "y", "z", "s", "t")
UFL = {
    "sqrt": ufl.sqrt, "exp": ufl.exp, "log": ufl.ln, "sin": ufl.sin, "cos": ufl.cos, "tan": ufl.tan,
    "tanh": ufl.tanh, "sinh": ufl.sinh, "cosh": ufl.cosh, "abs": abs, "atan2": ufl.atan2, "min": ufl.min_value,
    "max": ufl.max_value, "lt": ufl.lt, "le": ufl.le, "gt": ufl.gt, "ge": ufl.ge, "where": ufl.conditional,
}  # fmt: skip


def rows(value: Any, width: int) -> np.ndarray | None:
    """A table of numbers (N, width) whose first column increases; None if it is none."""
    try:
        table = np.array(value, dtype=float)
    except (TypeError, ValueError):
        return None
    regular = table.ndim == 2 and table.shape[1] == width and len(table) > 1 and np.all(np.isfinite(table))
    return table if regular and np.all(np.diff(table[:, 0]) > 0.0) else None


def _checked(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("give a number, 'state', a table [[t, value], ...] over time or a formula of x, y, z, s, t")
    if isinstance(value, int | float):
        if not np.isfinite(value):
            raise ValueError("give a finite number")
        return float(value)
    if isinstance(value, str):
        try:
            if value != "state":
                Expression(value, NAMES)
        except InputError as error:
            raise ValueError(str(error)) from None
    elif isinstance(value, list) and rows(value, 2) is None:
        raise ValueError("a table over time has two or more rows [t, value] of finite numbers, t increasing")
    return value


Value = Annotated[Any, BeforeValidator(_checked)]
"""A number, "state", a table [[t, value], ...] linear between its rows, a formula of x, y, z, s (the state) and t (the
time), or, in Python, a fem.Constant, a fem.Function or a UFL expression, read anew at every solve."""


class StateInputs:
    """State, time and everything that depends on them, for the forms of one problem.

    Numbers become `fem.Constant`s: a form with other numbers in the same places is not compiled anew.

    Args:
        domain: the mesh.

    Attributes:
        state, time: constants that formulas read.
    """

    def __init__(self, domain: mesh.Mesh) -> None:
        self._domain = domain
        self.state, self.time = fem.Constant(domain, 0.0), fem.Constant(domain, 0.0)
        self._tables: list[tuple[fem.Constant, np.ndarray, str]] = []
        self._time_per_state: float | None = None

    def number(self, value: float) -> fem.Constant:
        """A constant of the forms."""
        return fem.Constant(self._domain, float(value))

    def scalar(self, value: Any, key: str) -> Any:
        """The UFL expression of a `Value`; `key` names it in messages."""
        if isinstance(value, int | float):
            return self.number(value)
        if value == "state":
            return self.state
        if isinstance(value, str):
            x = ufl.SpatialCoordinate(self._domain)
            values = {"s": self.state, "t": self.time} | dict(zip("xyz", x, strict=False))
            expression = Expression(value, NAMES)
            if missing := expression.names - set(values):
                raise InputError(f"{key}: {value!r} uses {min(missing)!r}, which a {len(x)}-D mesh has not")
            return expression(Backend(UFL, self.number), values)
        if isinstance(value, list):
            table = rows(value, 2)
            assert table is not None
            return self.tabled(table, key)
        return value

    def tabled(self, table: np.ndarray, key: str) -> fem.Constant:
        """A constant that follows a table (N, 2) over time."""
        constant = self.number(table[0, 1])
        self._tables.append((constant, table, key))
        return constant

    def begin(self, state: float, time_per_state: float | None = None) -> None:
        """Hold a state over the times to come; or, given the time that a unit of it takes, let it run with them."""
        self.state.value, self._time_per_state = state, time_per_state

    def kinks(self, start: float, end: float) -> list[float]:
        """Times strictly between two others at which a table has a kink, and the end."""
        times = {float(time) for _, table, _ in self._tables for time in table[:, 0] if start < time < end}
        return [*sorted(times), end]

    def move(self, time: float, label: str) -> None:
        """Move on to a time.

        Raises:
            InputError: the time lies outside a table; the text names it and the state.
        """
        self.time.value = time
        if self._time_per_state is not None:
            self.state.value = time / self._time_per_state
        for constant, table, key in self._tables:
            low, high = table[0, 0], table[-1, 0]
            if not low - 1e-9 * (high - low) <= time <= high + 1e-9 * (high - low):
                raise InputError(f"state {label}: time {time:g} is outside the table of {key} ({low:g} to {high:g})")
            constant.value = np.interp(time, table[:, 0], table[:, 1])


def steady(value: Any, of_state: bool) -> bool:
    """Whether a `Value` is the same at all times of a run; `of_state`: the state is, too."""
    if isinstance(value, str):
        names = {"s"} if value == "state" else Expression(value, NAMES).names
        return not names & ({"t"} if of_state else {"t", "s"})
    return value is None or isinstance(value, int | float)


def numbers(value: Any, points: Array, state: float, time: float, key: str) -> Array:
    """A `Value` at points (N, g) [m], a state and a time [s], as numbers (N,).

    Raises:
        InputError: the time lies outside a table, or the value is one of DOLFINx's own; `key` names it.
    """
    if isinstance(value, list):
        table = rows(value, 2)
        assert table is not None
        if not table[0, 0] <= time <= table[-1, 0] * (1.0 + 1e-9):
            low, high = table[0, 0], table[-1, 0]
            raise InputError(f"time {time:g} is outside the table of {key} ({low:g} to {high:g})")
        return np.full(len(points), np.interp(time, table[:, 0], table[:, 1]))
    if isinstance(value, str) and value != "state":
        expression = Expression(value, NAMES)
        known = {"s": state, "t": time} | dict(zip("xyz", points.T, strict=False))
        if missing := expression.names - set(known):
            raise InputError(f"{key}: {value!r} uses {min(missing)!r}, which is not known there")
        return np.array(np.broadcast_to(expression(Backend(NUMPY), known), len(points)), dtype=float)
    if not isinstance(value, int | float | str):
        raise InputError(f"{key}: a body in motion takes numbers, tables and formulas alone")
    return np.full(len(points), state if value == "state" else float(value))
