"""Explicit dynamics: central differences with lumped mass, a rigid wall and an energy balance.

The loop builds no form and no expression: a step is one sparse product for the deformation gradients, the constitutive
update in place, one sparse product for the forces, and two ghost exchanges.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import la
from mpi4py import MPI

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.mechanics.plasticity import PointModel, PointState
from cmgai_fem.states.labels import Array, IntArray

# Points whose state and work arrays stay in a core's cache together.
BLOCK_POINTS = 5000
# Steps between two looks at the stable step and the energy balance; cells shorten by less than 2 % meanwhile.
STEPS_PER_CHECK = 10

Marker = Callable[[Array], np.ndarray]


@dataclass(frozen=True)
class Support:
    """A displacement component held at zero.

    Args:
        component: which component.
        marker: takes undeformed node coordinates (N, g) [m], returns which nodes are held (N,).
    """

    component: int
    marker: Marker


@dataclass(frozen=True)
class RigidWall:
    """A frictionless rigid wall: no surface node may pass below zero in one coordinate; it may leave again.

    Args:
        component: the coordinate that the wall is normal to.
    """

    component: int


@dataclass
class Energies:
    """Energies of the whole body [J; of the modelled part where there is symmetry].

    Args:
        kinetic: kinetic energy at the last full step.
        elastic: stored elastic energy.
        dissipated: plastic work.
        wall: work that the wall took out when nodes struck it.
        initial: kinetic energy at the start.
    """

    kinetic: float
    elastic: float
    dissipated: float
    wall: float
    initial: float

    @property
    def drift(self) -> float:
        """What the balance misses, as a share of the initial kinetic energy."""
        missing = self.kinetic + self.elastic + self.dissipated + self.wall - self.initial
        return missing / self.initial if self.initial else missing


class ExplicitDynamics:
    """A body in motion. Collective over the mesh's communicator.

    Args:
        kinematics: operators of the mesh.
        model: the constitutive model; its layout is that of the kinematics.
        velocity: (g,) initial velocity of the whole body [m/s].
        supports: components held at zero.
        wall: the rigid wall, if there is one.
        courant: share of the stable step that is used.
        allowed_drift: the largest drift of the energy balance, a share of the initial kinetic energy.

    Attributes:
        time, steps: time [s] and number of steps taken.
        displacement: nodal displacements [m] with ghosts, at `time`.
        velocity: velocities (owned dofs,) [m/s], half a step before `time`.
        state: state of the owned quadrature points, one step before `time` until `update` is called.
    """

    def __init__(
        self,
        kinematics: Kinematics,
        model: PointModel,
        velocity: Sequence[float],
        supports: Sequence[Support] = (),
        wall: RigidWall | None = None,
        courant: float = 0.8,
        allowed_drift: float = 0.02,
    ) -> None:
        self.kinematics, self.model = kinematics, model
        self.courant, self.allowed_drift = courant, allowed_drift
        self.comm: MPI.Comm = kinematics.domain.comm
        self.time, self.steps = 0.0, 0
        self.displacement = kinematics.vector()
        self.state: PointState = model.undeformed(kinematics.full.points)
        index_map = kinematics.space.dofmap.index_map
        self._owned = index_map.size_local * kinematics.dimension
        self.mass = model.metal.density * np.repeat(
            kinematics.nodal_volumes[: index_map.size_local], kinematics.dimension
        )
        self._forces = kinematics.vector()
        self._deviatoric = np.zeros_like(kinematics.full.gradient)
        self._volumetric = np.zeros_like(kinematics.centre.gradient)
        self._volumetric_energy = np.zeros(kinematics.cells)
        self._fixed = self._fixed_dofs(supports)
        self._wall, self._wall_start = self._wall_dofs(wall)
        self.velocity = np.tile(np.asarray(velocity, dtype=float), index_map.size_local)
        self.velocity[self._fixed] = 0.0
        self.last_step = 0.0
        self.stable_step = 0.0
        self.wall_work = 0.0
        self.initial_energy = self._sum(0.5 * np.dot(self.mass, self.velocity**2))
        self.largest_drift = 0.0
        self._failure = ""

    def advance(self, until: float, after_check: Callable[[], None] | None = None) -> None:
        """March to the time `until` [s] exactly; `synchronised` gives the state of that time.

        Args:
            until: end time.
            after_check: called every `STEPS_PER_CHECK` steps, when the run may be saved.

        Raises:
            ConvergenceError: a negative Jacobian, or a drift of the energy balance above `allowed_drift`.
        """
        while self.time < until * (1.0 - 1e-12):
            if self.steps % STEPS_PER_CHECK == 0:
                if after_check is not None:
                    after_check()
                self._agree_on_stable_step()
            remaining = until - self.time
            count = int(np.ceil(remaining / self.stable_step * (1.0 - 1e-12)))
            step = remaining / count
            if self.steps % STEPS_PER_CHECK:
                self._accelerate(step)
            else:
                self._accelerate_and_balance(step)
            self.displacement.array[: self._owned] += step * self.velocity
            self.displacement.scatter_forward()
            self.time = until if count == 1 else self.time + step
            self.steps += 1
            self.last_step = step

    def energies(self) -> Energies:
        """Energies now, the kinetic one half a step early. Collective."""
        return self._energies(0.5 * np.dot(self.mass, self.velocity**2), self.wall_work)

    def synchronised(self) -> tuple[PointState, Array, Array]:
        """State and gradients (full, centre) at `time`: a copy, so that the march goes on undisturbed."""
        full, centre = self.kinematics.deformation_gradients(self.displacement.array)
        state = PointState(*(np.array(getattr(self.state, name)) for name in self.state.__dataclass_fields__))
        self._constitutive(full, state, np.empty_like(full))
        return state, full.copy(), centre.copy()

    def _accelerate(self, step: float) -> None:
        """Forces at the present displacement and the velocity half a step on."""
        full, centre = self.kinematics.deformation_gradients(self.displacement.array)
        if not self._failure:
            try:
                self._constitutive(full, self.state, self._deviatoric)
                self._volumetric_energy = self.model.volumetric(centre, self._volumetric)
            except ConvergenceError as error:
                # The other ranks are told at the next check, for they wait for this one's forces.
                self._failure = str(error)
                if self.comm.size == 1:
                    raise
        self._forces.array[:] = self.kinematics.nodal_forces(self._deviatoric, self._volumetric)
        self._forces.scatter_reverse(la.InsertMode.add)
        change = self._forces.array[: self._owned] / self.mass
        change *= -0.5 * (step + self.last_step)
        change[self._fixed] = 0.0
        before = self.velocity[self._wall]
        self.velocity += change
        self._strike(before, step)

    def _accelerate_and_balance(self, step: float) -> None:
        """The same, and the energy balance at the full step: half-way between the velocities before and after."""
        kinetic, wall = np.dot(self.mass, self.velocity**2), self.wall_work
        self._accelerate(step)
        kinetic = 0.25 * (kinetic + np.dot(self.mass, self.velocity**2))
        self._check_balance(float(kinetic), 0.5 * (wall + self.wall_work))

    def _strike(self, before: Array, step: float) -> None:
        """Stop surface nodes at the wall, and book what that does to the energy."""
        if not len(self._wall):
            return
        predicted = self.velocity[self._wall]
        gap = self._wall_start + self.displacement.array[self._wall]
        velocity = np.maximum(predicted, -gap / step)
        self.velocity[self._wall] = velocity
        self.wall_work -= 0.5 * float(np.dot(self.mass[self._wall] * (velocity - predicted), before + velocity))

    def _constitutive(self, gradient: Array, state: PointState, out: Array) -> None:
        count = gradient.shape[1]
        size = -(-count // max(1, round(count / BLOCK_POINTS)))
        for start in range(0, count, max(size, 1)):
            points = slice(start, min(start + size, count))
            self.model.deviatoric(gradient[:, points], state.block(points), self.last_step or 1.0, out[:, points])

    def _agree_on_stable_step(self) -> None:
        _, centre = self.kinematics.deformation_gradients(self.displacement.array)
        with np.errstate(all="ignore"):
            steps = self.kinematics.cell_heights(centre) / self.model.wave_speed(centre)
        local = 0.0 if self._failure else float(steps.min(initial=np.inf))
        smallest = self.comm.allreduce(local, op=MPI.MIN)
        if not smallest > 0.0:
            messages = [text for text in self.comm.allgather(self._failure) if text]
            raise ConvergenceError(messages[0] if messages else "a cell has no height any more")
        self.stable_step = self.courant * smallest

    def _check_balance(self, kinetic: float, wall: float) -> None:
        drift = self._energies(kinetic, wall).drift
        self.largest_drift = max(self.largest_drift, abs(drift))
        if not abs(drift) <= self.allowed_drift:
            raise ConvergenceError(
                f"the energy balance drifts by {drift:.2%} at {self.time:.4g} s, more than {self.allowed_drift:.2%}: "
                "lower the Courant number or refine the mesh"
            )

    def _energies(self, kinetic: float, wall: float) -> Energies:
        weights, centres = self.kinematics.full.weights.ravel(), self.kinematics.centre.weights.ravel()
        local = np.array(
            [
                kinetic,
                np.dot(weights, self.state.elastic_energy) + np.dot(centres, self._volumetric_energy),
                np.dot(weights, self.state.plastic_work),
                wall,
            ]
        )
        total = np.empty_like(local)
        self.comm.Allreduce(local, total)
        return Energies(float(total[0]), float(total[1]), float(total[2]), float(total[3]), self.initial_energy)

    def _sum(self, value: float) -> float:
        return float(self.comm.allreduce(float(value)))

    def _fixed_dofs(self, supports: Sequence[Support]) -> IntArray:
        nodes = self.kinematics.nodes[: self._owned // self.kinematics.dimension]
        dofs = [np.flatnonzero(s.marker(nodes)) * self.kinematics.dimension + s.component for s in supports]
        return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *dofs]))

    def _wall_dofs(self, wall: RigidWall | None) -> tuple[IntArray, Array]:
        if wall is None:
            return np.empty(0, dtype=np.int64), np.empty(0)
        nodes = self.kinematics.boundary_nodes()
        return nodes * self.kinematics.dimension + wall.component, self.kinematics.nodes[nodes, wall.component]
