"""A problem's body in motion: finite strain, marched in time by `ExplicitDynamics`, from conditions to fields."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import fem, la
from mpi4py import MPI

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.mechanics.checkpoint import MarchCheckpoint
from cmgai_fem.mechanics.conditions import Condition, Foundation, InitialVelocity, Wall, WeakForm
from cmgai_fem.mechanics.explicit import ExplicitDynamics, MetalPart
from cmgai_fem.mechanics.explicit_conditions import RigidWall, Support
from cmgai_fem.mechanics.finite_strain import FiniteStrainJ2
from cmgai_fem.mechanics.inputs import numbers, steady
from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.mechanics.meshing import NodeGather, compile_form
from cmgai_fem.mechanics.nodal_fields import NodalFields
from cmgai_fem.mechanics.probes import Place, Probe
from cmgai_fem.states.labels import Array, IntArray

if TYPE_CHECKING:
    from cmgai_fem.mechanics.problem import BodyProblem

Displacement = Callable[[float], Array]
SIZES = {"equivalent_plastic_strain": 1, "temperature": 1, "stress": 6}
HISTORY = "equivalent_plastic_strain_history"


class ExplicitBody:
    """A body in motion, an analysis as those of `analyses`. Cells are linear whatever the degree of the problem.

    Nodal values are volume-weighted means of the points around.

    Args:
        problem: what is solved.

    Attributes:
        functions, recovered: see `analyses.Thermal`.

    Raises:
        InputError: a mesh, setting or condition that a body in motion does not take.
    """

    def __init__(self, problem: "BodyProblem") -> None:
        if problem.setting == "plane stress":
            raise InputError("physics.setting: a body in motion is a solid, in plane strain or axisymmetric")
        self.problem, body, steps = problem, problem.body, problem.steps
        self.kinematics = Kinematics(body.mesh, problem.axisymmetric)
        layout, owned = self.kinematics.layout, self.kinematics.cells
        groups = problem.materials.cards
        self._parts = []
        for name in groups:
            cells = body.groups[name].entities
            metal = problem.materials.metal(name, steps.initial_temperature)
            self._parts.append(
                MetalPart(FiniteStrainJ2(metal, layout), cells[cells < owned] if len(groups) > 1 else None)
            )
        self._comm = body.mesh.comm
        self._size = self._comm.allreduce(float(np.abs(body.mesh.geometry.x).max(initial=0.0)), op=MPI.MAX)
        self._given: list[tuple[str, int, IntArray, Displacement | None]] = []
        self.displacement = fem.Function(self.kinematics.space)
        self.functions = {"displacement": self.displacement}
        # Without a temperature at the start there is none later.
        known = {name for name in SIZES if name != "temperature" or steps.initial_temperature is not None}
        self._nodal = NodalFields(body.mesh, {name: size for name, size in SIZES.items() if name in known})
        self.recovered = dict(self._nodal.recovered)
        self._history: list[Array] = []
        self.components = {HISTORY: tuple(f"t={time / 1e-6:g}us" for time in steps.history)}
        if steps.history:
            self.recovered[HISTORY] = lambda label: np.hstack(self._history) if self._history else None
        self._gather = NodeGather(self._nodal.functions["equivalent_plastic_strain"].function_space)
        self.run: ExplicitDynamics | None = None
        self._checkpoint: MarchCheckpoint | None = None

    def reach(self, values: Sequence[float], number: int, label: str) -> str:
        """See `analyses.Thermal.reach`."""
        steps = self.problem.steps
        if steps.end is not None or number == 0:
            start = 0.0 if steps.end is not None else steps.start * steps.time_per_state
            self.begin(values[number], start, label)
        end = values[number] * steps.time_per_state if steps.end is None else steps.end
        run = self.run
        assert run is not None
        if end < run.time:
            raise InputError(f"{label}: lies before steps.start = {steps.start:g}")
        self._refuse_clashes(end, label)
        self._history = []
        for time in sorted({*steps.history, end}):
            self._march(time, label)
            if time in steps.history and (row := self._gather(self._plastic_strain())) is not None:
                self._history.append(row)
        found = run.point_values()
        for name in self._nodal.functions:
            self._nodal.set(name, np.column_stack([self.kinematics.recover(row) for row in found[name]]))
        return f", {run.steps} steps, energy drift {run.largest_drift:.2%}"

    def probe(self, probe: Probe, place: Place) -> float:
        """See `analyses.Thermal.probe`; all but the displacement are those of the nodal fields."""
        found = self._nodal.probe(probe, place)
        axis = "xyz".find(probe.component or "?")
        if found is None and probe.field == "displacement" and 0 <= axis < self.kinematics.dimension:
            found = float(place.mean(place.values(self.displacement)[0])[axis])
        if found is None:
            raise InputError(f"probe {probe.name}: the analysis 'explicit' has no such value")
        return found

    def begin(self, value: float, start: float, label: str) -> ExplicitDynamics:
        """The body at the start of a run. Collective.

        Args:
            value: the state, held over the run if it has an end of its own.
            start: time [s].
            label: name of the state, for messages.
        """
        steps, inputs = self.problem.steps, self.problem.inputs
        inputs.begin(value, None if steps.end is not None else steps.time_per_state)
        inputs.move(start, label)
        self.displacement.x.array[:] = 0.0
        run = ExplicitDynamics(
            self.kinematics,
            self._parts,
            self._velocity(start, label),
            self._supports(start, label),
            self._walls(label),
            steps.courant,
            steps.allowed_drift,
            self._loads(label),
            self.displacement.x,
        )
        run.time, self.run = start, run
        if steps.checkpoint_folder:
            name = f"run_{value:g}.npz" if steps.end is not None else "run.npz"
            about = repr(self.problem.conditions)
            self._checkpoint = MarchCheckpoint(Path(steps.checkpoint_folder) / name, run, about)
        return run

    def _march(self, time: float, label: str) -> None:
        """On to a time, or to what was saved of it."""
        run, checkpoint = self.run, self._checkpoint
        assert run is not None
        try:
            if checkpoint is None:
                run.advance(time)
            else:
                checkpoint.advance(time, self.problem.steps.checkpoint_steps)
        except ConvergenceError as error:
            raise ConvergenceError(f"{label}, {run.time:.4g} s: {error}") from None

    def _plastic_strain(self) -> Array:
        assert self.run is not None
        return self.kinematics.recover(self.run.synchronised()[0].plastic_strain)

    def _number(self, value: Any, nodes: IntArray | None, key: str, label: str, time: float) -> Array:
        """A `Value` at nodes (n,), or of no place (1,), and a time."""
        places = np.empty((1, 0)) if nodes is None else self.kinematics.nodes[nodes]
        state = float(self.problem.inputs.state.value)
        if self.problem.steps.end is None:
            state = time / self.problem.steps.time_per_state
        try:
            return numbers(value, places, state, time, key)
        except InputError as error:
            raise InputError(f"{label}: {error}") from None

    def _nodes(self, on: str) -> IntArray:
        """Owned nodes of a group; all if the name is empty."""
        if not on:
            return np.arange(self.kinematics.space.dofmap.index_map.size_local)
        found = self.problem.body.dofs(self.kinematics.space, on)
        return found[found < self.kinematics.space.dofmap.index_map.size_local]

    def _of(self, kind: type[Condition]) -> list[Any]:
        return [condition for condition in self.problem.conditions if isinstance(condition, kind)]

    def _velocity(self, start: float, label: str) -> Array:
        velocity = np.zeros((self.kinematics.space.dofmap.index_map.size_local, self.kinematics.dimension))
        for condition in self._of(InitialVelocity):
            nodes = self._nodes(condition.on)
            for axis, value in enumerate(condition.components(self.problem.body)):
                velocity[nodes, axis] = self._number(value, nodes, condition.name, label, start)
        return velocity

    def _supports(self, start: float, label: str) -> list[Support]:
        """Given displacements; in axial symmetry the axis stays where it is."""
        self._given = []
        for condition in self.problem.conditions:
            if condition.physics != "mechanics":
                continue
            for component, value in condition.given(self.problem.body):
                nodes = self._nodes(condition.on)
                displacement = partial(self._number, value, nodes, condition.name, label)
                if self._comm.allreduce(int(np.any(displacement(start) != 0.0))):
                    raise InputError(
                        f"{label}: {condition.name}: the displacement jumps at the start; let it begin at 0"
                    )
                self._given.append((condition.name, component, nodes, None if value == 0.0 else displacement))
        radial = [Support(0, lambda points: np.abs(points[:, 0]) < 1e-9 * self._size)]
        return [Support(axis, nodes, moved) for _, axis, nodes, moved in self._given] + (
            radial if self.problem.axisymmetric else []
        )

    def _refuse_clashes(self, time: float, label: str) -> None:
        """Refuse conditions that give one place different displacements at a time. Collective."""
        found = np.full((self.kinematics.dimension, len(self.kinematics.nodes)), np.nan)
        for name, component, nodes, displacement in self._given:
            value = np.zeros(len(nodes)) if displacement is None else displacement(time)
            old = found[component, nodes]
            apart = np.abs(value - old) > 1e-9 * np.maximum(np.abs(value), np.abs(old))
            if self._comm.allreduce(int(apart.any())):
                axis = "xyz"[component]
                raise InputError(f"{label}: {name} and another condition give one place different {axis}-displacements")
            found[component, nodes] = value

    def _walls(self, label: str) -> list[RigidWall]:
        walls = []
        for condition in self._of(Wall):
            normal, point = condition.plane(self.problem.body)
            nodes = self._nodes(condition.on) if condition.on else self.kinematics.boundary_nodes()
            gap = (self.kinematics.nodes[nodes] - point) @ normal
            if self._comm.allreduce(int(np.any(gap < -1e-9 * self._size))):
                raise InputError(f"{condition.name}: the body stands behind it at the start; turn the normal round")
            travel = partial(self._number, condition.travel, None, condition.name, label)
            still = condition.travel == 0.0
            walls.append(RigidWall(normal.tolist(), point.tolist(), nodes, None if still else travel))
        return walls

    def _loads(self, label: str) -> Callable[[float], Array] | None:
        """Outer forces (owned dofs,) [N] at a time; assembled anew where they change. None without loads."""
        problem = self.problem
        conditions = [c for c in problem.conditions if c.physics == "mechanics" and not c.dynamic]
        weak = WeakForm(
            problem.body, problem.inputs, self.displacement, problem.axisymmetric, 2,
            lambda group: problem.inputs.number(problem.materials.density(group)),
        )  # fmt: skip
        form = weak.residual(conditions)
        if not form:
            return None
        compiled = compile_form(-form)
        ring = 2.0 * np.pi if problem.axisymmetric else 1.0
        owned = self.kinematics.space.dofmap.index_map.size_local * self.kinematics.dimension

        def assembled(time: float) -> Array:
            problem.inputs.move(time, label)
            forces = fem.assemble_vector(compiled)
            forces.scatter_reverse(la.InsertMode.add)
            return ring * forces.array[:owned]

        of_state = problem.steps.end is not None
        values = [value for c in conditions for key, value in c if key != "on"]
        if any(isinstance(c, Foundation) for c in conditions) or not all(steady(v, of_state) for v in values):
            return assembled
        forces = assembled(float(problem.inputs.time.value))
        return lambda time: forces
