"""What acts on a body in motion from outside: given displacements and rigid walls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.states.labels import Array, IntArray

Marker = Callable[[Array], np.ndarray]


@dataclass(frozen=True)
class Support:
    """A displacement component that is given.

    Args:
        component: which component.
        nodes: owned nodes, or a function of undeformed coordinates (N, g) [m] that says which nodes (N,).
        displacement: of those nodes (n,) [m] at a time [s]; without it they are held at zero.
    """

    component: int
    nodes: Marker | IntArray
    displacement: Callable[[float], Array] | None = None


def given_dofs(
    supports: Sequence[Support], places: Array, components: int
) -> tuple[IntArray, list[tuple[IntArray, Callable[[float], Array]]]]:
    """Degrees of freedom that are held, and those that are moved with their displacements.

    Args:
        supports: what is given.
        places: (N, g) owned nodes [m].
        components: of a node.
    """
    held, moved = [np.empty(0, dtype=np.int64)], []
    for support in supports:
        nodes = np.flatnonzero(support.nodes(places)) if callable(support.nodes) else support.nodes
        dofs = np.asarray(nodes, dtype=np.int64) * components + support.component
        if support.displacement is None:
            held.append(dofs)
        else:
            moved.append((dofs, support.displacement))
    return np.unique(np.concatenate(held)), moved


@dataclass(frozen=True)
class RigidWall:
    """A frictionless rigid plane: no node may pass it; it may leave again.

    Args:
        normal: (g,) unit vector from the wall to the body, or the number of the coordinate that it lies along.
        point: (g,) a point of the plane [m]; the origin by default.
        nodes: owned nodes that may strike it; those of the whole surface by default.
        travel: how far the wall has moved along its normal [m] at a time [s]; without it, it stands.
    """

    normal: int | Sequence[float]
    point: Sequence[float] | None = None
    nodes: IntArray | None = None
    travel: Callable[[float], Array | float] | None = None


@dataclass(frozen=True)
class Plane:
    """A wall before nodes.

    Args:
        normal: (g,) unit vector.
        dofs: (n g,) of the nodes.
        start: (n,) their gaps at the start [m].
        travel: see `RigidWall`.
    """

    normal: Array
    dofs: IntArray
    start: Array
    travel: Callable[[float], Array | float] | None

    @classmethod
    def of(cls, wall: RigidWall, kinematics: Kinematics) -> "Plane":
        """A wall before its nodes of a body."""
        g = kinematics.dimension
        normal = np.eye(g)[wall.normal] if isinstance(wall.normal, int) else np.asarray(wall.normal, dtype=float)
        point = np.zeros(g) if wall.point is None else np.asarray(wall.point, dtype=float)
        nodes = kinematics.boundary_nodes() if wall.nodes is None else wall.nodes
        dofs = (np.asarray(nodes, dtype=np.int64)[:, None] * g + np.arange(g)).ravel()
        return cls(normal, dofs, (kinematics.nodes[nodes] - point) @ normal, wall.travel)

    def stop(self, velocity: Array, displacement: Array, step: float, end: float) -> None:
        """Stop nodes that would stand behind the plane at the time `end`."""
        g = len(self.normal)
        gap = self.start + displacement[self.dofs].reshape(-1, g) @ self.normal
        if self.travel is not None:
            gap -= self.travel(end)
        behind = -gap / step - velocity[self.dofs].reshape(-1, g) @ self.normal
        velocity[self.dofs] += (np.maximum(behind, 0.0)[:, None] * self.normal).ravel()
