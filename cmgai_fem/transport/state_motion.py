"""The motion of a field under a state force, exact in time: the law found in the known states, and its path."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cmgai_fem.errors import InputError
from cmgai_fem.motions.mended_law import MendedLaw
from cmgai_fem.motions.modal_law import ModalLaw
from cmgai_fem.motions.shared_law import Moments, SharedLaw
from cmgai_fem.states.labels import Array, BoolArray, Labels
from cmgai_fem.transport.forces import StateForce
from cmgai_fem.transport.operator_modes import MeshOperator, OperatorModes, PlateOperator, boundary_of, flat
from cmgai_fem.transport.problem import Problem

# Changes below this part of the range are none; of the boundary's, below the second one where noise may be its cause.
STILL, NEARLY_STILL = 1e-6, 0.05
# Half periods of the slowest wave between known states above which slower waves pass through the same states.
ALIASED = 2.0


@dataclass
class MeshOperators:
    """The operators of one label mesh, each with its eigenmodes, which are found once.

    Args:
        labels: the labels.
    """

    labels: Labels
    _found: dict[tuple[bytes, float, str], MeshOperator] = field(default_factory=dict)

    @cached_property
    def free(self) -> MeshOperator:
        """The operator with nothing held and no exchange."""
        return MeshOperator.of(self.labels)

    @property
    def plane(self) -> bool:
        """Whether the labels are the nodes of a plate."""
        mesh = self.free.mesh
        return mesh.cells.shape[1] == 3 and flat(mesh.points).shape[1] == 2

    def of(self, force: StateForce, values: Array) -> MeshOperator:
        """The operator of a state force for known states (K, L)."""
        held = self.still(values) if force.held else np.zeros(self.labels.count, dtype=bool)
        key = held.tobytes(), force.exchange, force.bends
        if key not in self._found:
            self._found[key] = (
                PlateOperator(self.free.mesh, held, clamped=force.bends == "clamped")
                if force.bends
                else MeshOperator.of(self.labels, held, force.exchange)
            )
        return self._found[key]

    def still(self, values: Array) -> BoolArray:
        """(L,) labels whose value never changes; of the boundary alone where noise may be what changes it."""
        moved = np.ptp(values, axis=0) / (np.ptp(values) or 1.0)
        still = moved <= STILL
        if not still.any():
            edge = np.unique(boundary_of(self.free.mesh))
            still[edge] = moved[edge] <= NEARLY_STILL
        return np.asarray(still)


@dataclass(frozen=True, eq=False)
class StateMotion:
    """A field under a state force, as features along the pseudo-time.

    Args:
        problem: the statement.
        force: the force, its law found.
        known: what the law is asked with: the values themselves, or their amplitudes in the modes of the operator.
    """

    problem: Problem
    force: StateForce
    known: Moments | OperatorModes

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """Features (L, n) at pseudo-time `s`, or a derivative of less than m + p."""
        found = self._asked(s, derivative)[0] * self._clock**derivative
        return found / self.problem.scaling.scale if derivative else self.problem.scaling.encode(found)

    def deviation(self, s: float) -> Array:
        """(L, n) standard deviation that the remainder and the noise leave at pseudo-time `s`, in the field's unit."""
        return self._asked(s, 0)[1]

    @property
    def rates(self) -> NDArray[np.complex128]:
        """Eigenvalues of a law without an operator, per unit of the coordinate: decay, growth and turns."""
        assert isinstance(self.force.law, SharedLaw) and isinstance(self.known, Moments) and self.force.unit is not None
        return self.force.law.rates(self.known.components) / self.force.unit

    @property
    def diffusivity(self) -> float | None:
        """D, in lengths of the mesh squared per unit of the coordinate; None of waves that swing or bend."""
        law, unit = self._modal
        if law.order == 1:
            return law.rate * unit
        damping = float(np.exp(law.entries[1]) + np.exp(law.entries[2]))
        # Where the slowest mode is damped beyond swinging, what is left of waves is diffusion.
        return law.rate / damping * unit if damping**2 > 4.0 * law.rate and not self.force.bends else None

    @property
    def speed(self) -> float:
        """Of waves, in lengths of the mesh per unit of the coordinate; of waves that bend, in their squares."""
        assert self.force.unit is not None
        law, unit = self._modal
        return float(np.sqrt(law.rate * unit / self.force.unit))

    @property
    def swing(self) -> float:
        """Half periods of the slowest wave between the two nearest known states; 0 of a law without waves."""
        law = self.force.law
        if not isinstance(law, ModalLaw) or law.order < 2:
            return 0.0
        assert self.force.unit is not None
        nearest = float(np.diff(self.problem.states.scalars).min()) / self.force.unit
        return float(np.sqrt(law.rate)) * nearest / np.pi

    @property
    def told(self) -> bool:
        """Whether the states tell the law from others: waves from faster ones, a mended operator from a right one."""
        law = self.force.law
        return self.swing <= ALIASED and not (isinstance(law, MendedLaw) and law.right)

    @property
    def _modal(self) -> tuple[ModalLaw, float]:
        """A law with an operator, and its length squared per its pseudo-time."""
        assert isinstance(self.force.law, ModalLaw) and isinstance(self.known, OperatorModes)
        assert self.force.unit is not None
        return self.force.law, 1.0 / self.known.known.unit / self.force.unit

    @property
    def exchange(self) -> float:
        """h per length of the mesh."""
        return self.force.exchange / float(np.ptp(self.problem.states.labels.points, axis=0).max())

    @property
    def noise(self) -> float:
        """Standard deviation of the noise in the states, relative to the known range."""
        law, known, span = self.force.law, self.known, float(np.ptp(self.problem.known.values)) or 1.0
        assert law is not None
        deviation = float(np.exp(0.5 * law.noise))
        if isinstance(known, Moments):
            return deviation * known.scale / span
        # As many modes as labels share the noise of all labels.
        labels = self.problem.states.labels
        return deviation * known.known.scale * float(np.sqrt(labels.count / labels.weights.sum())) / span

    @property
    def _clock(self) -> float:
        """Pseudo-time of the law per pseudo-time of the problem."""
        assert self.force.unit is not None
        return float(np.ptp(self.problem.states.scalars)) / self.force.unit

    def _asked(self, s: float, derivative: int) -> tuple[Array, Array]:
        """Field (L, n), or its derivative in the law's pseudo-time, and its deviation."""
        time, law, known = np.array([s * self._clock]), self.force.law, self.known
        if isinstance(law, SharedLaw):
            assert isinstance(known, Moments)
            values, deviation = law.at(known, time, derivative)
            return values[0], np.broadcast_to(deviation, values[0].shape)
        assert isinstance(law, ModalLaw) and isinstance(known, OperatorModes)
        amplitudes, variances = law.at(known.known, time, derivative)
        values = amplitudes[0] @ known.shapes + (0.0 if derivative else known.rest)
        return values[:, None], np.sqrt(variances[0] @ known.shapes**2)[:, None]


def state_motion(
    problem: Problem, operators: MeshOperators | None = None, start: SharedLaw | ModalLaw | None = None
) -> StateMotion:
    """The motion of a problem whose force is a `StateForce`; its law is found where it has none.

    Args:
        problem: the statement.
        operators: of the labels, where they are shared.
        start: law from which the search goes on; everywhere by default.

    Raises:
        InputError: more than a state force, or labels or a field that the operator is not for.
        ConvergenceError: the eigenmodes of the label mesh were not found.
    """
    force, states = problem.force, problem.states
    assert isinstance(force, StateForce)
    if problem.law.stiffness or problem.damping or problem.pseudo_time != "linear" or np.any(problem.softness):
        raise InputError("a state force is the whole law along the time itself: leave law, damping and tolerance out")
    force = replace(force, unit=force.unit or float(np.ptp(states.scalars)))
    assert force.unit is not None
    times, values = (states.scalars - states.scalars[0]) / force.unit, problem.carried.values
    if force.acts == "operator":
        if values.shape[2] > 1 or problem.transform is not None:
            raise InputError(f"{force}: the operator of the label mesh acts on a scalar field: use acts='alike'")
        operators = operators or MeshOperators(states.labels)
        modes = OperatorModes.of(operators.of(force, values[:, :, 0]), times, values[:, :, 0])
        modal = (
            force.sought
            if start is None
            else replace(force.sought, entries=start.entries, intensity=start.intensity, noise=start.noise)
        )
        assert isinstance(modal, ModalLaw)
        return StateMotion(problem, replace(force, law=force.law or modal.fit(modes.known)), modes)
    moments = Moments.of(times, values, problem.features.labels.weights)
    shared = start or force.sought
    assert isinstance(shared, SharedLaw)
    return StateMotion(problem, replace(force, law=force.law or shared.fit(moments)), moments)
