"""A least force over all state coordinates at once: where the states lie in the state space, and how soft they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.motions.base import ExactMotion, Motion
from cmgai_fem.motions.polyharmonic import PolyharmonicSpline
from cmgai_fem.motions.simplices import StateSimplices
from cmgai_fem.states.axes import Kind, StateAxes, kind_text, make_kind
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinates


@dataclass(frozen=True)
class Scattered:
    """A least force of order p over all coordinates at once, as Duchon's splines have it.

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

    name: ClassVar[str] = "scattered"

    def check(self, states: int) -> None:
        """What the states admit shows when the motion is made: their places decide it, not their number."""

    def axes(self, coordinates: Coordinates, values: Array) -> StateAxes:
        """The map from coordinates to the state space."""
        return StateAxes.of(coordinates, values, self.kinds, self.ratios)

    def through(self, nodes: Array) -> ExactMotion:
        """The motion through states at (K, m) points of the state space."""
        return motion_through(nodes, self.order, self.soft(nodes), self.tension)

    def soft(self, nodes: Array) -> Array | None:
        """(K,) softness of states at points (K, m) of the state space; None for hard states."""
        if self.softness == 0.0:
            return None if self.allowed is None else np.array(self.allowed)
        bending = PolyharmonicSpline(nodes, self.order, tension=self.tension).bending
        energy = float(np.mean(np.diag(bending)))
        if energy < 0.0:
            raise InputError(
                f"least force of order {self.order}: states so unlike in distance leave its energy no digits: lower "
                "the order or take the logarithm of a coordinate"
            )
        relative = self.softness / np.sqrt(energy or 1.0)
        return np.hypot(relative, np.zeros(len(nodes)) if self.allowed is None else np.array(self.allowed))

    def motion(self, coordinates: Coordinates, values: Array) -> "MappedMotion":
        """The motion through states at (K, m) values; it is asked at (T, m) values of the coordinates.

        Raises:
            InputError: these states do not admit the choice.
        """
        axes = self.axes(coordinates, values)
        return MappedMotion(axes, self.through(axes(values)))

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

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """The choice that `describe` wrote."""
        kinds, ratios, allowed = data["pseudo_times"], data["ratios"], data["allowed"]
        return cls(
            int(data["order"]),
            None if kinds is None else tuple(make_kind(kind) for kind in kinds),
            None if ratios is None else tuple(float(ratio) for ratio in ratios),
            float(data["tension"]),
            float(data["softness"]),
            None if allowed is None else tuple(float(misfit) for misfit in allowed),
        )


@dataclass(frozen=True)
class MappedMotion:
    """A motion of the state space, asked at values of the coordinates.

    Args:
        axes: the map from coordinates to the state space.
        motion: the motion, exact or trained.
    """

    axes: StateAxes
    motion: Motion

    def weights(self, points: Array) -> Array:
        """(T, K) weights of the known states at values (T, m)."""
        return self.motion.weights(self.axes(points))

    @property
    def left_out(self) -> Array:
        """See `ExactMotion.left_out`; of an exact motion. Pseudo-times stay those of all states."""
        return self.motion.left_out  # type: ignore[attr-defined]


def motion_through(nodes: Array, order: int, softness: Array | None = None, tension: float = 0.0) -> ExactMotion:
    """The least-force motion of order p through states at (K, m) points.

    Args:
        nodes: (K, m) points of the state space, m = 1, 2 or 3.
        order: p, -1 or more; -1 joins states by simplices.
        softness: (K,) softness of each state as in `PolyharmonicSpline`; None for hard states.
        tension: tau, per unit of s.

    Raises:
        InputError: too few states for the order, states on one line or plane, or soft states with order -1.
    """
    if order >= 0:
        return PolyharmonicSpline(nodes, order, softness, tension)
    if softness is not None or tension:
        raise InputError("order -1 joins hard states straight: it takes no softness and no tension")
    return StateSimplices(nodes)
