"""Explicit dynamics: central differences with lumped mass, rigid walls, given motions, loads and an energy balance.

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
from cmgai_fem.mechanics import tensors
from cmgai_fem.mechanics.explicit_conditions import Plane, RigidWall, Support, given_dofs
from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.mechanics.plasticity import PointModel, PointState
from cmgai_fem.states.labels import Array, IntArray

# Points whose state and work arrays stay in a core's cache together.
BLOCK_POINTS = 5000
# Steps between two looks at the stable step and the energy balance; cells shorten by less than 2 % meanwhile.
STEPS_PER_CHECK = 10
SMALL_STRAIN = 1e-6

Loads = Callable[[float], Array]


@dataclass(frozen=True)
class MetalPart:
    """Cells of one metal.

    Args:
        model: its constitutive model; the layout is that of the kinematics.
        cells: owned cells; None for all.
    """

    model: PointModel
    cells: IntArray | None = None


@dataclass
class Energies:
    """Energies of the whole body [J; of the modelled part where there is symmetry].

    Args:
        kinetic: kinetic energy at the last full step.
        elastic: stored elastic energy.
        dissipated: plastic work.
        outside: work that walls, given motions and loads took out, less what they put in.
        initial: kinetic energy at the start.
        reference: what the drift is a share of: the initial energy, of a body at rest that of its mass at its largest
            speed.
    """

    kinetic: float
    elastic: float
    dissipated: float
    outside: float
    initial: float
    reference: float

    @property
    def drift(self) -> float:
        """What the balance misses, as a share of the larger of the reference and the present energy."""
        present = self.kinetic + self.elastic + self.dissipated
        missing = present + self.outside - self.initial
        return missing / max(self.reference, present) if missing else 0.0


class ExplicitDynamics:
    """A body in motion. Collective over the mesh's communicator.

    Args:
        kinematics: operators of the mesh.
        metals: the constitutive model of the whole body, or its parts.
        velocity: (g,) initial velocity of the whole body, or (n, g) of the owned nodes [m/s].
        supports: components that are given.
        walls: rigid walls.
        courant: share of the stable step that is used.
        allowed_drift: the largest drift of the energy balance, see `Energies.drift`.
        loads: outer forces (owned dofs,) [N] at a time [s], at the displacement of that time.
        displacement: vector to keep the displacement in; a new one by default.

    Attributes:
        time, steps: time [s] and number of steps taken.
        displacement: nodal displacements [m] with ghosts, at `time`.
        velocity: velocities (owned dofs,) [m/s], half a step before `time`.
        state: state of the owned quadrature points, one step before `time` until `update` is called.
    """

    def __init__(
        self,
        kinematics: Kinematics,
        metals: PointModel | Sequence[MetalPart],
        velocity: Sequence[float] | Array,
        supports: Sequence[Support] = (),
        walls: RigidWall | Sequence[RigidWall] = (),
        courant: float = 0.8,
        allowed_drift: float = 0.02,
        loads: Loads | None = None,
        displacement: la.Vector | None = None,
    ) -> None:
        self.kinematics, self._loads = kinematics, loads
        self.courant, self.allowed_drift = courant, allowed_drift
        self.comm: MPI.Comm = kinematics.domain.comm
        self.time, self.steps = 0.0, 0
        self.displacement = displacement or kinematics.vector()
        self.parts = [MetalPart(metals)] if isinstance(metals, PointModel) else list(metals)
        self._blocks = [(part.model, points) for part in self.parts for points in self._points(part.cells)]
        self.state: PointState = self.parts[0].model.undeformed(kinematics.full.points)
        owned = kinematics.space.dofmap.index_map.size_local
        self._owned = owned * kinematics.dimension
        self.mass = np.repeat(self._nodal_mass()[:owned], kinematics.dimension)
        self._forces = kinematics.vector()
        self._deviatoric = np.zeros_like(kinematics.full.gradient)
        self._volumetric = np.zeros_like(kinematics.centre.gradient)
        self._volumetric_energy = np.zeros(kinematics.cells)
        self._fixed, self._moved = given_dofs(supports, kinematics.nodes[:owned], kinematics.dimension)
        self._walls = [Plane.of(wall, kinematics) for wall in ([walls] if isinstance(walls, RigidWall) else walls)]
        # Where something outside does work: everywhere under loads, else where nodes move or may strike.
        dofs = [dofs for dofs, _ in self._moved] + [wall.dofs for wall in self._walls]
        self._outside: slice | IntArray = (
            slice(None) if loads else np.unique(np.concatenate([np.empty(0, dtype=np.int64), *dofs]))
        )
        self.velocity = np.array(np.broadcast_to(velocity, (owned, kinematics.dimension)), dtype=float).ravel()
        self.velocity[self._fixed] = 0.0
        self.last_step = 0.0
        self.stable_step = 0.0
        self.outside_work = 0.0
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
            end = until if count == 1 else self.time + step
            if self.steps % STEPS_PER_CHECK:
                self._accelerate(step, end)
            else:
                self._accelerate_and_balance(step, end)
            self.displacement.array[: self._owned] += step * self.velocity
            self.displacement.scatter_forward()
            self.time = end
            self.steps += 1
            self.last_step = step

    def energies(self) -> Energies:
        """Energies now, the kinetic one half a step early. Collective."""
        return self._energies(0.5 * np.dot(self.mass, self.velocity**2), self.outside_work)

    def synchronised(self) -> tuple[PointState, Array, Array]:
        """State and gradients (full, centre) at `time`: a copy, so that the march goes on undisturbed."""
        full, centre = self.kinematics.deformation_gradients(self.displacement.array)
        state = PointState(*(np.array(getattr(self.state, name)) for name in self.state.__dataclass_fields__))
        self._constitutive(full, state, np.empty_like(full))
        return state, full.copy(), centre.copy()

    def point_values(self) -> dict[str, Array]:
        """Plastic strain (1, P), temperature (1, P) and Cauchy stress (6, P) [Pa] at `time`. Collective."""
        state, full, centre = self.synchronised()
        for part, jacobians in zip(self.parts, self._around_nodes(centre), strict=True):
            if jacobians is not None:
                cells = slice(None) if part.cells is None else part.cells
                own, scratch = np.empty((2, len(self.kinematics.cell_nodes[cells])))
                tensors.determinant(self.kinematics.layout, centre[:, cells], own, scratch)
                centre[:, cells] *= np.cbrt(jacobians[self.kinematics.cell_nodes[cells]].mean(axis=1) / own)
        centres = np.tile(centre, (1, self.kinematics.full.points // max(self.kinematics.cells, 1)))
        temperature, stress = np.empty_like(state.plastic_work), np.empty((6, len(state.plastic_work)))
        for model, points in self._blocks:
            block = state.block(points)
            temperature[points] = model.metal.temperature(block.plastic_work)
            stress[:, points] = model.cauchy_stress(full[:, points], centres[:, points], block)
        return {"equivalent_plastic_strain": state.plastic_strain[None], "temperature": temperature[None],
                "stress": stress}  # fmt: skip

    def _accelerate(self, step: float, end: float) -> None:
        """Forces at the present displacement and the velocity half a step on; `end` is the time after the step."""
        full, centre = self.kinematics.deformation_gradients(self.displacement.array)
        around = self._around_nodes(centre)
        if not self._failure:
            try:
                self._constitutive(full, self.state, self._deviatoric)
                self._pressurise(centre, around)
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
        before = np.array(self.velocity[self._outside])
        self.velocity += change
        unhindered = np.array(self.velocity[self._outside])
        self._push(step, end)
        velocity, mass = self.velocity[self._outside], self.mass[self._outside]
        self.outside_work -= 0.5 * float(np.dot(mass * (velocity - unhindered), before + velocity))

    def _accelerate_and_balance(self, step: float, end: float) -> None:
        """The same, and the energy balance at the full step: half-way between the velocities before and after."""
        kinetic, outside = np.dot(self.mass, self.velocity**2), self.outside_work
        self._accelerate(step, end)
        kinetic = 0.25 * (kinetic + np.dot(self.mass, self.velocity**2))
        self._check_balance(float(kinetic), 0.5 * (outside + self.outside_work))

    def _push(self, step: float, end: float) -> None:
        """What comes from outside, to the velocity: loads, given motions, and walls that nodes strike."""
        if self._loads is not None:
            change = self._loads(self.time) / self.mass
            change *= 0.5 * (step + self.last_step)
            change[self._fixed] = 0.0
            self.velocity += change
        for dofs, displacement in self._moved:
            self.velocity[dofs] = (displacement(end) - self.displacement.array[dofs]) / step
        for wall in self._walls:
            wall.stop(self.velocity, self.displacement.array, step, end)

    def _constitutive(self, gradient: Array, state: PointState, out: Array) -> None:
        step = self.last_step or 1.0
        for model, points in self._blocks:
            block = state.block(points)
            if isinstance(points, slice):
                model.deviatoric(gradient[:, points], block, step, out[:, points])
                continue
            stress = np.empty((len(out), len(points)))
            model.deviatoric(np.take(gradient, points, axis=1), block, step, stress)
            out[:, points] = stress
            state.put(points, block)

    def _around_nodes(self, gradient: Array) -> list[Array | None]:
        """Mean Jacobians (local nodes,) around nodes in each part of simplices; None where there is no need of them."""
        if not self.kinematics.simplices:
            return [None] * len(self.parts)
        jacobian, scratch = np.empty((2, self.kinematics.cells))
        tensors.determinant(self.kinematics.layout, gradient, jacobian, scratch)
        cells = [slice(None) if part.cells is None else part.cells for part in self.parts]
        # A cell that has turned over ends the run at the next check, not the logarithm here.
        np.maximum(jacobian, 1e-12, out=jacobian)
        return [self.kinematics.around_nodes(jacobian[some], some) for some in cells]

    def _pressurise(self, gradient: Array, around: Sequence[Array | None]) -> None:
        """Volumetric stress and energy at the cells' centres."""
        for part, jacobians in zip(self.parts, around, strict=True):
            cells = slice(None) if part.cells is None else part.cells
            own = gradient[:, cells]
            stress = self._volumetric if part.cells is None else np.empty_like(own)
            energy = part.model.volumetric(own, stress)
            if jacobians is not None:
                pressures, energies = part.model.pressure(jacobians)
                nodes = self.kinematics.cell_nodes[cells]
                tensors.cofactor(self.kinematics.layout, own, stress, np.empty(own.shape[1]))
                stress *= pressures[nodes].mean(axis=1)
                energy = energies[nodes].mean(axis=1)
            self._volumetric_energy[cells] = energy
            if part.cells is not None:
                self._volumetric[:, cells] = stress

    def _agree_on_stable_step(self) -> None:
        _, centre = self.kinematics.deformation_gradients(self.displacement.array)
        with np.errstate(all="ignore"):
            steps = self.kinematics.cell_heights(centre)
            for part in self.parts:
                cells = slice(None) if part.cells is None else part.cells
                steps[cells] /= part.model.wave_speed(centre[:, cells])
        local = 0.0 if self._failure else float(steps.min(initial=np.inf))
        smallest = self.comm.allreduce(local, op=MPI.MIN)
        if not smallest > 0.0:
            messages = [text for text in self.comm.allgather(self._failure) if text]
            raise ConvergenceError(messages[0] if messages else "a cell has no height any more")
        self.stable_step = self.courant * smallest

    def _check_balance(self, kinetic: float, outside: float) -> None:
        drift = self._energies(kinetic, outside).drift
        self.largest_drift = max(self.largest_drift, abs(drift))
        if not abs(drift) <= self.allowed_drift:
            raise ConvergenceError(
                f"the energy balance drifts by {drift:.2%} at {self.time:.4g} s, more than {self.allowed_drift:.2%}: "
                "lower the Courant number or refine the mesh"
            )

    def _energies(self, kinetic: float, outside: float) -> Energies:
        weights, centres = self.kinematics.full.weights.ravel(), self.kinematics.centre.weights.ravel()
        local = np.array(
            [
                kinetic,
                np.dot(weights, self.state.elastic_energy) + np.dot(centres, self._volumetric_energy),
                np.dot(weights, self.state.plastic_work),
                outside,
            ]
        )
        total = np.empty_like(local)
        self.comm.Allreduce(local, total)
        reference = self.initial_energy
        if not reference:
            # Below such a speed round-off of the stored energy is what is seen.
            least = SMALL_STRAIN * max(part.model.metal.wave_speed for part in self.parts)
            speeds = (self.velocity.reshape(-1, self.kinematics.dimension) ** 2).sum(axis=1)
            mass = self._sum(self.mass.sum()) / self.kinematics.dimension
            reference = 0.5 * mass * self.comm.allreduce(float(speeds.max(initial=least**2)), op=MPI.MAX)
        found, stored, dissipated, done = (float(part) for part in total)
        return Energies(found, stored, dissipated, done, self.initial_energy, reference)

    def _sum(self, value: float) -> float:
        return float(self.comm.allreduce(float(value)))

    def _points(self, cells: IntArray | None) -> list[slice | IntArray]:
        """Points of a part's cells, in blocks."""
        full = self.kinematics.full
        if cells is None:
            count = full.points
            size = max(-(-count // max(1, round(count / BLOCK_POINTS))), 1)
            return [slice(start, min(start + size, count)) for start in range(0, count, size)]
        rows = np.arange(len(full.shape))[:, None] * self.kinematics.cells
        points = (rows + cells).ravel()
        return list(np.array_split(points, max(1, round(len(points) / BLOCK_POINTS)))) if len(points) else []

    def _nodal_mass(self) -> Array:
        """Lumped masses (local nodes,) [kg]."""
        if len(self.parts) == 1:
            return self.parts[0].model.metal.density * self.kinematics.nodal_volumes
        density = np.empty(self.kinematics.full.points)
        for model, points in self._blocks:
            density[points] = model.metal.density
        return self.kinematics.assemble_nodal(density)
