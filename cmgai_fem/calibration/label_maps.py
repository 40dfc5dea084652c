"""The label maps of one field's known states: each stiffness is sought once, whichever side of the states asks.

What only steers the search is done on a coarse mesh of a large body: whether labels move at all, and how stiff the body
is. The maps of the body's own mesh then go on from those of the coarse one.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np

from cmgai_fem.features.body import SIMPLEX_KINDS, LabelBody
from cmgai_fem.features.coarsening import coarsened
from cmgai_fem.features.label_map import (
    LADDER,
    STARTING_STIFFNESS,
    LabelMap,
    Register,
    register_at,
    register_softer,
    second_attempt,
)  # fmt: skip
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.progress import steps
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array, labels_on_mesh
from cmgai_fem.states.states import Field, States

# Labels in 2-D and 3-D above which a coarse mesh is worth its while, and the part of them that it may have at most.
LARGE, COARSE = {2: 4_500, 3: 2_000}, 0.6
# How often a map of the coarse mesh is smoothed on the body's own to get its least J up to a part of what it was,
# and shortened each time.
SMOOTHINGS, OPENED, SHORTENED = 20, 0.5, 0.95


class LabelMaps:
    """The label maps of one field's known states.

    Args:
        states: the known states of one field.
    """

    def __init__(self, states: States) -> None:
        self.states = states
        self._from_rest: dict[float, MovingLabels] = {}
        self._found: dict[float, MovingLabels] = {}

    @cached_property
    def body(self) -> LabelBody:
        """The body of the labels.

        Raises:
            InputError: they have none.
        """
        return LabelBody.of(self.states.labels)

    @cached_property
    def coarse(self) -> "LabelMaps | None":
        """The maps of the same states on a coarse mesh; None where the body is a surface, a line, or not large."""
        body, count = self.body, self.states.labels.count
        if body.is_surface or body.dimension == 1 or count <= LARGE[body.dimension]:
            return None
        nodes, cells = coarsened(body, self._values)
        if len(nodes) > COARSE * count:
            return None
        # In the body's own coordinates, also where it is a flat sheet in space.
        labels = labels_on_mesh(body.points[nodes], {SIMPLEX_KINDS[body.dimension - 1]: cells})
        ((name, field),) = self.states.fields.items()
        fewer = Field(field.values[:, nodes], field.unit, field.components)
        return LabelMaps(States(labels, self.states.coordinates, self.states.values, {name: fewer}))

    @cached_property
    def coarse_errors(self) -> Array:
        """(K, N, C) what the known states are on the coarse mesh minus what they are."""
        assert self.coarse is not None
        mesh, known = self.coarse.body.mesh, self.coarse._values
        there = mesh.locate(self.body.points)
        return np.array([mesh.value(state, there) for state in known]) - self._values

    def from_rest(self, stiffness: float) -> MovingLabels:
        """The states on the labels of a first attempt at a stiffness."""
        if stiffness not in self._from_rest:
            self._from_rest[stiffness] = self._carrier(
                [self._register(pair, stiffness) for pair in self._pairs(stiffness)]
            )
        return self._from_rest[stiffness]

    def carrier(self, stiffness: float) -> MovingLabels:
        """The states on the labels of the best attempt at a stiffness; soft bodies are reached from stiffer ones."""
        if stiffness not in self._found:
            if stiffness < STARTING_STIFFNESS:
                stiffer = self.carrier(STARTING_STIFFNESS).maps
                maps = [
                    register_softer(self._register, pair, stiffness, stiffer[pair]) for pair in self._pairs(stiffness)
                ]
            else:
                first = self.from_rest(stiffness).maps
                maps = [second_attempt(self._register, pair, first[pair]) for pair in self._pairs(stiffness)]
            self._found[stiffness] = self._carrier(maps)
        return self._found[stiffness]

    def continued(self, coarse: MovingLabels) -> MovingLabels:
        """The states on the labels of maps that go on from those of the coarse mesh, or from rest where these fold."""
        stiffness = coarse.stiffness
        if stiffness not in self._found:
            starts = [self._finer(coarse, one) for one in coarse.maps]
            maps = [
                register_at(self._register, pair, stiffness)
                if start is None
                else self._register(pair, stiffness, start, LADDER[1:])
                for pair, start in zip(self._pairs(stiffness), starts, strict=True)
            ]
            self._found[stiffness] = self._carrier(maps)
        return self._found[stiffness]

    def _finer(self, coarse: MovingLabels, one: LabelMap) -> Array | None:
        """(N, g) places of this body's nodes by a map of the coarse mesh, smoothed and shortened until no simplex turns
        over; None where one always does."""
        body, mesh = self.body, coarse.body.mesh
        step = one.places - mesh.points
        step = mesh.value(step, mesh.locate(body.points), mesh.slopes(step))
        for _ in range(SMOOTHINGS):
            places = body.project(body.points + step)
            if body.jacobians(places).min() > OPENED * one.least_jacobian:
                return places
            step = SHORTENED * body.mesh.averaged(step[body.mesh.cells].mean(axis=1))
        return None

    def _pairs(self, stiffness: float) -> Iterator[int]:
        return steps(range(len(self.states) - 1), f"maps between neighbouring states, stiffness {stiffness:g}")

    @property
    def _values(self) -> Array:
        (field,) = self.states.fields.values()
        return np.asarray(field.values)

    @cached_property
    def _register(self) -> Register:
        return Solver().registration(self.body, self._values)

    def _carrier(self, maps: Sequence[LabelMap]) -> MovingLabels:
        return MovingLabels(self.states, self.body, tuple(maps))
