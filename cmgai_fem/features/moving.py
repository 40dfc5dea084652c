"""Moving labels: a field whose features move over the body, carried as place and value of each label.

Between neighbouring known states the labels move by a map of the body onto itself (`features.label_map`). The maps
compose into the path of every label from a reference state through all others, and the values along it are those of the
known states there. Place and value are then carried in the state coordinate like any other feature, and the field at a
state is the carried value at the carried place: interpolation on the moved mesh. The two known states around a target
both serve as reference and are blended linearly, so that known states come back as they were and only small maps are
used; beyond the known states the last of them is the reference.

Kinship: metamorphosis (Trouve and Younes, Found. Comput. Math. 5 (2005) 173-198), registration-based model reduction
(Taddei, SIAM J. Sci. Comput. 42 (2020) A997-A1027), convex displacement interpolation (Iollo and Taddei, J. Sci.
Comput. 98 (2024)). The statement is ours.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import LabelMap
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.states.location import Location
from cmgai_fem.states.states import States

# Share of the moved mesh's simplices that may turn over before a generated state is refused.
FOLDED = 1e-2


@dataclass(frozen=True, eq=False)
class LabelPaths:
    """Where the labels of a reference state are at all known states, and what is there.

    Args:
        places: (K, N, g) places; those of the nodes at the reference state.
        values: (K, N, n) values there.
    """

    places: Array
    values: Array


@dataclass(frozen=True, eq=False)
class MovingLabels:
    """The states of one field on labels that move.

    Args:
        states: the known states, of one coordinate, in increasing order.
        body: the body of their labels.
        maps: from each state to the next, all of one stiffness.
    """

    states: States
    body: LabelBody
    maps: tuple[LabelMap, ...]

    @property
    def features(self) -> States:
        """The known states: they share the weights with which places and values are carried."""
        return self.states

    @property
    def stiffness(self) -> float:
        """kappa of the maps."""
        return float(min(one.stiffness for one in self.maps))

    def __str__(self) -> str:
        return f"moving labels, stiffness {self.stiffness:g}"

    def describe(self) -> dict[str, Any]:
        """The maps as plain data, an entry a pair of states."""
        return {
            "stiffness": self.stiffness,
            "misfit": [one.misfit for one in self.maps],
            "energy": [one.energy for one in self.maps],
            "least_jacobian": [one.least_jacobian for one in self.maps],
        }

    def at(self, weights: Array, value: ArrayLike, hidden: int | None = None, nodes: IntArray | None = None) -> Array:
        """The field at a state.

        Args:
            weights: (K,) weights of the known states in what is carried, adding up to one.
            value: the state.
            hidden: a known state that does not serve as reference, and whose weight is 0: it is left out of the motion
                but not of the maps, since a map over twice the distance may find another motion.
            nodes: nodes at which the field is wanted; all by default.

        Returns:
            (N, n) values.

        Raises:
            ConvergenceError: more of the moved mesh than `FOLDED` turns over (J <= 0).
        """
        place = float(np.ravel(value)[0])
        parts = [
            share * self._decoded(reference, weights, place, nodes)
            for reference, share in self._references(place, hidden)
        ]
        return np.asarray(sum(parts))

    def motion(self, weights: Array, value: ArrayLike) -> tuple[Array, Array]:
        """How the labels of the nearest known state have moved.

        Args:
            weights: see `at`.
            value: the state.

        Returns:
            (N, G) displacement of each label from its node, in the labels' coordinates, and (N,) J there.
        """
        place = float(np.ravel(value)[0])
        reference = max(self._references(place, None), key=lambda pair: pair[1])[0]
        places, _ = self._carried(reference, weights)
        jacobians = self.body.mesh.averaged(self.body.jacobians(places))
        return (places - self.body.points) @ self.body.axes, jacobians

    def paths(self, reference: int) -> LabelPaths:
        """The paths of the labels of a known state; see `LabelPaths`."""
        if reference not in self._paths:
            self._paths[reference] = self._follow(reference)
        return self._paths[reference]

    @cached_property
    def _paths(self) -> dict[int, LabelPaths]:
        return {}

    @cached_property
    def _known(self) -> Array:
        (field,) = self.states.fields.values()
        return field.values

    @cached_property
    def _slopes(self) -> list[Array]:
        return [self.body.mesh.slopes(state) for state in self._known]

    @cached_property
    def _steps(self) -> dict[int, list[tuple[Array, Array, IntArray]]]:
        """Displacements of the labels of each state, their slopes, and the simplices that the nodes end in, to the next
        (1) and the last state (-1)."""
        mesh, points = self.body.mesh, self.body.points
        forth = [one.places - points for one in self.maps]
        back = []
        for one in self.maps:
            moved = mesh.moved(one.places)
            found = moved.value(points - one.places, moved.locate(points), moved.slopes(points - one.places))
            back.append(self.body.project(points + found) - points)
        return {
            side: [(step, mesh.slopes(step), mesh.locate(points + step).cells) for step in steps]
            for side, steps in ((1, forth), (-1, back))
        }

    @cached_property
    def _home(self) -> Location:
        return self.body.mesh.locate(self.body.points)

    def _follow(self, reference: int) -> LabelPaths:
        body, known = self.body, self._known
        places = np.repeat(body.points[None], len(known), axis=0)
        values = np.repeat(known[[reference]], len(known), axis=0)
        for side, rows in ((1, range(reference, len(known) - 1)), (-1, range(reference, 0, -1))):
            location = self._home
            for row in rows:
                step, slopes, ends = self._steps[side][row if side > 0 else row - 1]
                there = row + side
                places[there] = body.project(places[row] + body.mesh.value(step, location, slopes))
                nearest = location.shares.argmax(axis=1)[:, None]
                nodes = np.take_along_axis(body.mesh.cells[location.cells], nearest, axis=1)[:, 0]
                location = body.mesh.locate(places[there], ends[nodes])
                values[there] = body.mesh.value(known[there], location, self._slopes[there], clip=True)
        return LabelPaths(places, values)

    def _references(self, value: float, hidden: int | None) -> list[tuple[int, float]]:
        """Rows of the known states that serve as reference for a state, and their shares."""
        rows = np.array([row for row in range(len(self.states)) if row != hidden])
        known = self.states.scalars[rows]
        right = int(np.searchsorted(known, value))
        if right == 0 or right == len(rows):
            return [(int(rows[min(right, len(rows) - 1)]), 1.0)]
        part = float((value - known[right - 1]) / (known[right] - known[right - 1]))
        pairs = [(int(rows[right - 1]), 1.0 - part), (int(rows[right]), part)]
        return [pair for pair in pairs if pair[1] > 0.0]

    def _carried(self, reference: int, weights: Array) -> tuple[Array, Array]:
        """(N, g) places and (N, n) values of the labels of a reference state."""
        paths = self.paths(reference)
        places = self.body.project(np.tensordot(weights, paths.places, axes=1))
        return places, np.tensordot(weights, paths.values, axes=1)

    def _decoded(self, reference: int, weights: Array, value: float, nodes: IntArray | None) -> Array:
        places, values = self._carried(reference, weights)
        folded = float(np.mean(self.body.jacobians(places) <= 0.0))
        if folded > FOLDED:
            raise ConvergenceError(
                f"{self.states.coordinates.label(value)}: {folded:.1%} of the moved mesh turns over (J <= 0): give "
                "more states, or generate the field label by label"
            )
        moved = self.body.mesh.moved(places)
        wanted = self.body.points if nodes is None else self.body.points[nodes]
        return moved.value(values, moved.locate(wanted), moved.slopes(values), clip=True)
