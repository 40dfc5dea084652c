"""What may be chosen of a transport in a state space: a scattered least force, or one of each coordinate on a grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import PolyharmonicSpline
from cmgai_fem.motions.smoothers import ExactSmoother, Smoother, make_smoother
from cmgai_fem.motions.state_splines import StateElements, cardinal_curves
from cmgai_fem.states.axes import Kind, StateAxes
from cmgai_fem.states.pseudo_time import PseudoTime
from cmgai_fem.states.scattered import Coordinates
from cmgai_fem.states.states import Array, IntArray


class SpaceChoice(Protocol):
    """One way to carry states through a state space; its text is its name."""

    def motion(self, coordinates: Coordinates, values: Array) -> ExactSmoother:
        """The motion through states at (K, m) values; it is asked at (T, m) values of the coordinates.

        Raises:
            InputError: these states do not admit the choice.
        """

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""


@dataclass(frozen=True)
class Scattered:
    """A least force of order p over all coordinates at once.

    Args:
        order: p; -1 joins the states by simplices.
        kinds: pseudo-time of each coordinate; None for linear ones.
        ratios: scale of each coordinate; None for 1.
        tension: tau, per known range of a coordinate of ratio 1.
        softness: relative softness of all states: 0 for hard ones; 1 lets a state off at the energy that its unit datum
            alone would cost, on the mean.
        allowed: misfit allowed at each state on top, in features; None for none.
    """

    order: int = 0
    kinds: tuple[Kind, ...] | None = None
    ratios: tuple[float, ...] | None = None
    tension: float = 0.0
    softness: float = 0.0
    allowed: tuple[float, ...] | None = None

    def axes(self, coordinates: Coordinates, values: Array) -> StateAxes:
        """The map from coordinates to the state space."""
        return StateAxes.of(coordinates.each, values, self.kinds, self.ratios)

    def smoother(self, nodes: Array) -> ExactSmoother:
        """The motion through states at (K, m) points of the state space."""
        return make_smoother(nodes, self.order, self.soft(nodes), self.tension)

    def soft(self, nodes: Array) -> Array | None:
        """(K,) softness of states at points (K, m) of the state space; None for hard states."""
        if self.softness == 0.0:
            return None if self.allowed is None else np.array(self.allowed)
        bending = PolyharmonicSpline(nodes, self.order, tension=self.tension).bending
        relative = self.softness / np.sqrt(float(np.mean(np.diag(bending))) or 1.0)
        return np.hypot(relative, np.zeros(len(nodes)) if self.allowed is None else np.array(self.allowed))

    def motion(self, coordinates: Coordinates, values: Array) -> "MappedMotion":
        """See `SpaceChoice`."""
        axes = self.axes(coordinates, values)
        return MappedMotion(axes, self.smoother(axes(values)))

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        return {
            "text": str(self),
            "kind": "scattered",
            "order": self.order,
            "pseudo_times": None if self.kinds is None else [kind_text(kind) for kind in self.kinds],
            "ratios": None if self.ratios is None else list(self.ratios),
            "tension": self.tension,
            "softness": self.softness,
            "allowed": None if self.allowed is None else list(self.allowed),
        }

    def __str__(self) -> str:
        parts = []
        if self.kinds is not None and any(kind[0] != "linear" for kind in self.kinds):
            parts.append(" x ".join(kind_text(kind) for kind in self.kinds))
        if self.ratios is not None and len(set(self.ratios)) > 1:
            parts.append("ratio " + ":".join(f"{ratio:g}" for ratio in self.ratios))
        parts += [f"tension {self.tension:g}"] if self.tension else []
        parts += [f"softness {self.softness:g}"] if self.softness else []
        name = f"least({self.order})" if self.order >= 0 else "simplices"
        return f"{name} ({', '.join(parts)})" if parts else name


@dataclass(frozen=True)
class Line:
    """A least force along one coordinate.

    Args:
        order: p, from -1; one that the values cannot carry is lowered to the highest they can.
        damping: eta.
        kind: pseudo-time.
    """

    order: int = 0
    damping: float = 0.0
    kind: Kind = ("linear", 1.0)

    def weights(self, known: Array, asked: Array) -> Array:
        """(T, k) weights of the states at increasing values (k,) in the motion at values (T,)."""
        time = PseudoTime(float(known[0]), float(known[-1]), *self.kind)
        order = min(self.order, len(known) - 2)
        return _line_weights(tuple(time(known)), tuple(np.atleast_1d(time(asked))), order, self.damping)

    def left_out(self, known: Array) -> Array:
        """(k, k) map from the data to each state's error when the others alone are known; infinite: not solvable."""
        count = len(known)
        if count < 3:
            return np.full((count, count), np.inf)
        time = PseudoTime(float(known[0]), float(known[-1]), *self.kind)
        places, found = time(known), -np.eye(count)
        for row in range(count):
            rest = np.delete(np.arange(count), row)
            order = min(self.order, count - 3)
            found[row, rest] = _line_weights(tuple(places[rest]), (float(places[row]),), order, self.damping)[0]
        return found

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        return {"order": self.order, "damping": self.damping, "pseudo_time": kind_text(self.kind)}

    def __str__(self) -> str:
        parts = [f"damping {self.damping:g}"] if self.damping else []
        parts += [kind_text(self.kind)] if self.kind[0] != "linear" else []
        return f"least({self.order})" + (f" ({', '.join(parts)})" if parts else "")


@dataclass(frozen=True)
class Grid:
    """Transport along one coordinate after the other, where the states fill a grid; the order of the paths is the same.

    Args:
        lines: what is chosen along each coordinate.
    """

    lines: tuple[Line, ...]

    def motion(self, coordinates: Coordinates, values: Array) -> "GridMotion":
        """See `SpaceChoice`."""
        return GridMotion.of(values, self.lines)

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        return {"text": str(self), "kind": "grid", "lines": [line.describe() for line in self.lines]}

    def __str__(self) -> str:
        return "grid " + " x ".join(str(line) for line in self.lines)


@dataclass(frozen=True)
class MappedSmoother:
    """A motion of the state space, asked at values of the coordinates.

    Args:
        axes: the map.
        smoother: the motion.
    """

    axes: StateAxes
    smoother: Smoother

    def weights(self, points: Array) -> Array:
        """(T, K) weights of the known states at values (T, m)."""
        return self.smoother.weights(self.axes(points))


@dataclass(frozen=True)
class MappedMotion(MappedSmoother):
    """The exact motion, which tells what it gets wrong of states that are left out."""

    smoother: ExactSmoother

    @property
    def left_out(self) -> Array:
        """See `ExactSmoother.left_out`; pseudo-times stay those of all states."""
        return self.smoother.left_out


class LineMotion(Protocol):
    """A motion along one coordinate, by whatever discretisation."""

    def weights(self, known: Array, asked: Array) -> Array:
        """See `Line.weights`."""

    def left_out(self, known: Array) -> Array:
        """See `Line.left_out`."""


@dataclass(frozen=True)
class GridMotion:
    """Tensor product of motions along each coordinate of a grid.

    Args:
        axes: increasing values of each coordinate.
        places: (K, m) place of each state on the axes.
        lines: the motion along each coordinate.
    """

    axes: tuple[Array, ...]
    places: IntArray
    lines: "tuple[LineMotion, ...]"

    @classmethod
    def of(cls, values: Array, lines: tuple[Line, ...]) -> "GridMotion":
        """The motion through states at (K, m) values.

        Raises:
            InputError: the states do not fill a grid.
        """
        found = grid_axes(values)
        if found is None:
            raise InputError(f"{len(values)} states do not fill a grid of their coordinates' values")
        return cls(*found, lines)

    def weights(self, points: Array) -> Array:
        """(T, K) weights of the known states at values (T, m)."""
        each = [
            line.weights(axis, points[:, i]) for i, (line, axis) in enumerate(zip(self.lines, self.axes, strict=True))
        ]
        return np.prod([weights[:, self.places[:, i]] for i, weights in enumerate(each)], axis=0)

    @cached_property
    def left_out(self) -> Array:
        """(K, K) map from the data to each state's error when the grid knows none of the lines that hold the state."""
        each = [line.left_out(axis) + np.eye(len(axis)) for line, axis in zip(self.lines, self.axes, strict=True)]
        shared = [part[np.ix_(self.places[:, i], self.places[:, i])] for i, part in enumerate(each)]
        with np.errstate(invalid="ignore"):
            found = np.prod(shared, axis=0) - np.eye(len(self.places))
        return np.where(np.isfinite(found).all(axis=1)[:, None], found, np.inf)


def grid_axes(values: Array) -> tuple[tuple[Array, ...], IntArray] | None:
    """Values of each coordinate, and the place (K, m) of each state on them; None if the states fill no grid."""
    each = [np.unique(column, return_inverse=True) for column in values.T]
    axes, places = tuple(axis for axis, _ in each), np.column_stack([place for _, place in each])
    filled = int(np.prod([len(axis) for axis in axes])) == len(values) and min(len(axis) for axis in axes) > 1
    return (axes, places) if filled else None


def kind_text(kind: Kind) -> str:
    """A pseudo-time's kind as text."""
    return f"power {kind[1]:g}" if kind[0] == "power" else kind[0]


def make_kind(text: str) -> Kind:
    """The kind that `kind_text` wrote."""
    name, _, exponent = text.partition(" ")
    return name, float(exponent or 1.0)


def make_choice(data: Mapping[str, Any]) -> SpaceChoice:
    """The choice that `describe` wrote."""
    if data["kind"] == "grid":
        return Grid(
            tuple(Line(int(x["order"]), float(x["damping"]), make_kind(x["pseudo_time"])) for x in data["lines"])
        )
    kinds, ratios = data["pseudo_times"], data["ratios"]
    return Scattered(
        int(data["order"]),
        None if kinds is None else tuple(make_kind(kind) for kind in kinds),
        None if ratios is None else tuple(float(ratio) for ratio in ratios),
        float(data["tension"]),
        float(data["softness"]),
        None if data["allowed"] is None else tuple(float(misfit) for misfit in data["allowed"]),
    )


@lru_cache(maxsize=4096)
def _line_weights(nodes: tuple[float, ...], asked: tuple[float, ...], order: int, damping: float) -> Array:
    known, places = np.array(nodes), np.array(asked)
    span = (min(nodes[0], places.min()), max(nodes[-1], places.max()))
    elements = StateElements.for_states(known, span, order, damping)
    return elements.basis(places) @ cardinal_curves(elements, known, order, damping, 0.0)
