"""Transport from state to state in several coordinates: straight inside each simplex of the states' triangulation.

Order p = -1 is the motion that changes its course at known states alone. In one coordinate those are straight pieces;
in several there is no least kinetic action (a state is a point, and a point costs nothing in two dimensions), so the
counterpart is chosen: Delaunay's triangulation of the states, linear in each simplex. Outside the hull the linear
motion of the simplex goes on that is nearest to the point. Four states on one circle leave two triangulations: the one
that Qhull finds is taken.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import nnls
from scipy.spatial import Delaunay, QhullError

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array, IntArray

# Barycentric coordinates above minus this are inside, rounding included.
ROUNDING = 1e-9


@dataclass(frozen=True)
class StateSimplices:
    """Piecewise linear motion through K states.

    Args:
        nodes: (K, m) points of the states, m = 1, 2 or 3.
    """

    nodes: Array

    def __post_init__(self) -> None:
        if len(self._corners) == 0:
            raise InputError(
                f"{len(self.nodes)} states in {self.nodes.shape[1]} coordinates span no simplex: add states"
            )

    def weights(self, points: Array) -> Array:
        """(T, K) weights of the known states in the motion at points (T, m) of the state space; rows add up to one."""
        points = np.asarray(points, dtype=float)
        found = np.zeros((len(points), len(self.nodes)))
        for row, point in enumerate(points):
            shares = self._barycentric(point)
            inside = shares.min(axis=1)
            chosen = int(np.argmax(inside)) if inside.max() >= -ROUNDING else self._nearest(point, inside)
            found[row, self._corners[chosen]] = shares[chosen]
        return found

    @cached_property
    def left_out(self) -> Array:
        """(K, K) map from the data to each state's error when the others alone are known; see `PolyharmonicSpline`."""
        count = len(self.nodes)
        found = -np.eye(count)
        for row in range(count):
            rest = np.delete(np.arange(count), row)
            try:
                found[row, rest] = StateSimplices(self.nodes[rest]).weights(self.nodes[[row]])[0]
            except InputError:
                found[row] = np.inf
        return found

    @cached_property
    def _corners(self) -> IntArray:
        """(S, m + 1) states at the corners of each simplex."""
        count, dimension = self.nodes.shape
        if dimension == 1:
            order = np.argsort(self.nodes[:, 0], kind="stable")
            return np.column_stack([order[:-1], order[1:]])
        if count <= dimension:
            return np.zeros((0, dimension + 1), dtype=int)
        try:
            return np.asarray(Delaunay(self.nodes).simplices, dtype=int)
        except QhullError:
            # Qhull refuses states on one line or plane.
            return np.zeros((0, dimension + 1), dtype=int)

    @cached_property
    def _inverse(self) -> Array:
        """(S, m + 1, m + 1) maps from (1, point) to barycentric coordinates."""
        corners = self.nodes[self._corners]
        lifted = np.concatenate([np.ones((*corners.shape[:2], 1)), corners], axis=2)
        return np.linalg.inv(np.swapaxes(lifted, 1, 2))

    def _barycentric(self, point: Array) -> Array:
        return np.asarray(self._inverse @ np.append(1.0, point))

    def _nearest(self, point: Array, inside: Array) -> int:
        """The simplex that holds the hull's nearest point; of several, the one that the point lies least outside."""
        size = float(np.ptp(self.nodes, axis=0).max())
        heavy = 1e4
        rows = np.vstack([(self.nodes - point).T / size, np.full(len(self.nodes), heavy)])
        shares, _ = nnls(rows, np.append(np.zeros(self.nodes.shape[1]), heavy))
        nearest = shares @ self.nodes / shares.sum()
        held = self._barycentric(nearest).min(axis=1)
        touching = held >= held.max() - 1e-6
        return int(np.argmax(np.where(touching, inside, -np.inf)))
