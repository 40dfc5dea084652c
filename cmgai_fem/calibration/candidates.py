"""Candidates: everything that calibration may choose of a transport, and what it tries with given states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np

from cmgai_fem.calibration.members import HIGHEST
from cmgai_fem.errors import InputError
from cmgai_fem.features.mass import MassTransform
from cmgai_fem.motions.line import Line
from cmgai_fem.motions.nested import Nested, grid_axes
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.states.axes import Kind, kind_text
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.states.states import States
from cmgai_fem.transport.forces import Least, StateForce
from cmgai_fem.transport.laws import Law, NoLaw
from cmgai_fem.transport.problem import Problem, soften

# Orders beyond this fit polynomials of degree 5 and more in several coordinates: more than any states call for.
HIGHEST_ORDER = 3
# Along one coordinate: polynomials of a higher degree through more states tell rounding more than the states.
HIGHEST_ALONG = HIGHEST - 2
# Choices along each coordinate of a grid that are combined.
LINES = 6


@dataclass(frozen=True)
class Candidate:
    """One choice of everything that calibration may choose.

    Args:
        order: p of the least force; None is the highest that the states allow, the interpolating polynomial.
        damping: eta.
        law: constitutive law.
        pseudo_time: kind of the map.
        exponent: of a power map.
        mass_axes: carry a scalar field as mass, rearranged along these axes in turn; empty carries it label by label.
        force: over several coordinates, the force that says all of the above for each of them; along one a state force,
            or None.
        moving: stiffness of the body over which the labels move; infinite where they do not.
    """

    order: int | None = 0
    damping: float = 0.0
    law: Law = field(default_factory=NoLaw)
    pseudo_time: str = "linear"
    exponent: float = 1.0
    mass_axes: tuple[int, ...] = ()
    force: Scattered | Nested | StateForce | None = None
    moving: float = np.inf

    @property
    def linear(self) -> bool:
        """Whether the candidate is linear in its data with weights that all labels share."""
        plain = self.law.stiffness == 0.0 and self.law.is_linear and not self.mass_axes
        plain = plain and not isinstance(self.force, StateForce)
        return plain and bool(np.isinf(self.moving))

    def apply(self, problem: Problem) -> Problem:
        """`problem` with this choice; an order that its states cannot carry is lowered to the highest they can."""
        if self.force is not None:
            return replace(problem, force=self.force)
        top = len(problem.states) - 2
        order = top if self.order is None else min(self.order, top)
        return replace(
            problem,
            force=Least(order),
            damping=self.damping,
            law=self.law,
            pseudo_time=self.pseudo_time,
            exponent=self.exponent,
        )

    def left_out(self, states: States, origin: float, softness: Array) -> Array:
        """(K, K) map from the known states to what this linear choice gets wrong of each that the others alone tell.

        Args:
            states: the known states.
            origin: coordinate at which a log or power pseudo-time of one coordinate starts.
            softness: (K,) softness of the states in features; of several coordinates.

        Returns:
            The map; rows are infinite where the others fix no motion.

        Raises:
            InputError: the states do not admit the choice.
        """
        if self.force is not None:
            force = soften(self.force, softness)
            assert isinstance(force, Scattered | Nested)
            return force.motion(states.coordinates, states.values).left_out
        # The polynomial through all states is, with a state less, the polynomial through the others.
        order = len(states) - 3 if self.order is None else self.order
        return Line(order, self.damping, (self.pseudo_time, self.exponent)).left_out(states.scalars - origin)

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        if self.force is not None:
            return self.force.describe()
        return {
            "order": "polynomial" if self.order is None else self.order,
            "damping": self.damping,
            "law": self.law.name,
            "stiffness": self.law.stiffness,
            "pseudo_time": kind_text((self.pseudo_time, self.exponent)),
            "carried": self._carried,
        }

    @property
    def _carried(self) -> str:
        if self.mass_axes:
            return "as mass along " + ", ".join("xyz"[axis] for axis in self.mass_axes)
        return "by label" if np.isinf(self.moving) else f"moving labels, stiffness {self.moving:g}"

    def __str__(self) -> str:
        if self.force is not None:
            return str(self.force)
        order = "polynomial" if self.order is None else f"least({self.order})"
        parts = [f"damping {self.damping:g}"] if self.damping else []
        parts += [f"{self.law.name} {self.law.stiffness:g}"] if self.law.stiffness else []
        parts += [self.describe()["pseudo_time"]] if self.pseudo_time != "linear" else []
        parts += [self._carried] if self._carried != "by label" else []
        return f"{order} ({', '.join(parts)})" if parts else order


@dataclass(frozen=True)
class Search:
    """What may be chosen beside the order of the force.

    Args:
        dampings: eta to try beside 0, along one coordinate and along the lines of a grid.
        laws: laws with stiffness to try beside none; of one coordinate.
        kinds: pseudo-times to try beside the linear one, for each coordinate; those that the states do not admit
            (values at or below the origin) are passed over.
        mass_axes: orders of axes in which to try carrying a scalar field as mass; of one coordinate.
        ratios: scales of each further coordinate against the first.
        tensions: of a force over several coordinates.
        softnesses: relative softness of states of several coordinates.
        moving: let labels move over the body; of one coordinate, four states or more and fields at nodes.
        state_force: look for a law of motion that all labels share, along a time; see `calibration.laws_of_motion`.
    """

    dampings: tuple[float, ...] = (1.0, 4.0)
    laws: tuple[Law, ...] = ()
    kinds: tuple[Kind, ...] = (("log", 1.0), ("power", 0.5), ("power", 2.0))
    mass_axes: tuple[tuple[int, ...], ...] = ()
    ratios: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    tensions: tuple[float, ...] = (0.0, 4.0)
    softnesses: tuple[float, ...] = (0.0, 0.1, 0.3)
    moving: bool = True
    state_force: bool = True

    def admitted(self, lowest: float) -> list[Kind]:
        """The pseudo-times that values from `lowest` on admit, the linear one first."""
        return [("linear", 1.0), *[kind for kind in self.kinds if kind[0] == "linear" or lowest > 0.0]]


def candidates(problem: Problem, asked: Array, rows: IntArray, gram: Array, search: Search) -> list[Candidate]:
    """All choices that the states admit.

    Args:
        problem: the statement; its own force, law, damping and pseudo-time are not looked at.
        asked: (T, m) all values that the pseudo-times must hold for.
        rows: states that will be left out.
        gram: (K, K) Gram matrix of the known states, by which the lines of a grid are told apart.
        search: what may be chosen.

    Raises:
        InputError: a search along one coordinate where there are several.
    """
    if len(problem.states.coordinates) == 1:
        return _along_one(len(problem.states), float(asked.min()) - problem.origin, search)
    if search.laws or search.mass_axes:
        raise InputError(
            "laws (stiffness) and mass along axes are tried along one state coordinate, not over "
            f"{problem.states.coordinates.name}"
        )
    return [Candidate(force=force) for force in _over_several(problem.states, asked, rows, gram, search)]


def _along_one(states: int, lowest: float, search: Search) -> list[Candidate]:
    return [
        Candidate(order, damping, law, kind, exponent, axes)
        for order in range(-1, min(states - 3, HIGHEST_ALONG) + 1)
        for damping in (0.0, *search.dampings)
        for law in (NoLaw(), *search.laws)
        for kind, exponent in search.admitted(lowest)
        for axes in ((), *search.mass_axes)
        if not (axes and law.stiffness)
    ]


def _over_several(
    states: States, asked: Array, rows: IntArray, gram: Array, search: Search
) -> list[Scattered | Nested]:
    top = min(highest_order(states.values), HIGHEST_ORDER)
    admitted = [search.admitted(float(column.min())) for column in asked.T]
    axes = list(product(*admitted))
    if len(admitted) > 2:
        axes = [each for each in axes if sum(kind[0] != "linear" for kind in each) < 2]
    ratios = [(1.0, *rest) for rest in product(search.ratios, repeat=len(admitted) - 1)]
    found: list[Scattered | Nested] = [
        Scattered(order, each, ratio, tension, softness)
        for order in range(-1, top + 1)
        for each in axes
        for ratio in ratios
        for tension in (search.tensions if order >= 0 else (0.0,))
        for softness in (search.softnesses if order >= 0 else (0.0,))
    ]
    grid = grid_axes(states.values)
    return found if grid is None else [*found, *_grids(*grid, rows, gram, admitted, search)]


def _grids(
    axes: tuple[Array, ...],
    places: IntArray,
    rows: IntArray,
    gram: Array,
    admitted: Sequence[Sequence[Kind]],
    search: Search,
) -> list[Nested]:
    """Tensor products of the best choices along each coordinate, by its own lines."""
    best = []
    for axis, known in enumerate(axes):
        lines = [
            Line(order, damping, kind)
            for order in range(-1, max(len(known) - 2, 0))
            for damping in (0.0, *search.dampings)
            for kind in admitted[axis]
        ]
        others = np.delete(places, axis, axis=1)
        same = np.all(others[:, None] == others[None], axis=2)
        errors = []
        for line in lines:
            left_out = (line.left_out(known)[np.ix_(places[:, axis], places[:, axis])] * same)[rows]
            size = np.einsum("ti,ij,tj->", left_out, gram, left_out) if np.all(np.isfinite(left_out)) else np.inf
            errors.append(float(size))
        best.append([lines[row] for row in np.argsort(errors, kind="stable")[:LINES]])
    return [Nested(lines) for lines in product(*best)]


def transformed(problem: Problem, chosen: Sequence[Candidate]) -> Mapping[tuple[int, ...], Problem]:
    """The problem as the candidates carry it, by their mass axes; a transform is made once for all of them."""
    states = problem.states.only(problem.field)
    return {
        axes: replace(problem, transform=MassTransform.of(states, axes=axes) if axes else None)
        for axes in {candidate.mass_axes for candidate in chosen}
    }
