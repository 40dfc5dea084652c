"""Given values of a field, from conditions to Dirichlet conditions, and what no support holds."""

from collections.abc import Sequence
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import fem
from mpi4py import MPI

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions import Condition, Foundation
from cmgai_fem.mechanics.inputs import StateInputs
from cmgai_fem.mechanics.ranks import largest
from cmgai_fem.states.labels import Array, IntArray


class GivenValues:
    """Dirichlet conditions of a scalar or vector field, updated together. Collective over the mesh's communicator.

    Args:
        body: the meshed body.
        space: Lagrange space, scalar or blocked.
        conditions: those of the field.
        inputs: state, time and what depends on them.

    Attributes:
        conditions: for assembly.
    """

    def __init__(
        self, body: Body, space: fem.FunctionSpace, conditions: Sequence[Condition], inputs: StateInputs
    ) -> None:
        self._comm, self._space = body.mesh.comm, space
        self.conditions: list[fem.DirichletBC] = []
        self._parts: dict[int, tuple[fem.Function, list[tuple[str, IntArray, Any]]]] = {}
        for condition in conditions:
            for component, value in condition.given(body):
                if component not in self._parts:
                    part = space if space.dofmap.bs == 1 else space.sub(component).collapse()[0]
                    self._parts[component] = (fem.Function(part), [])
                function, entries = self._parts[component]
                dofs = body.dofs(function.function_space, condition.on)
                entries.append((condition.name, dofs, inputs.scalar(value, condition.name)))
        for component, (function, entries) in self._parts.items():
            dofs = np.unique(np.concatenate([dofs for _, dofs, _ in entries])).astype(np.int32)
            if space.dofmap.bs == 1:
                self.conditions.append(fem.dirichletbc(function, dofs))
                continue
            pair = [(dofs * space.dofmap.bs + component).astype(np.int32), dofs]
            self.conditions.append(fem.dirichletbc(function, pair, space.sub(component)))

    def update(self, label: str) -> None:
        """Read all values anew.

        Args:
            label: the state, for messages.

        Raises:
            InputError: two conditions give one place different values.
        """
        for component, (function, entries) in self._parts.items():
            found = np.full(len(function.x.array), np.nan)
            owner = np.zeros(len(found), dtype=int)
            clash = 0
            for number, (_, dofs, value) in enumerate(entries, start=1):
                new = _values(value, function.function_space)[dofs]
                old = found[dofs]
                differs = np.abs(new - old) > 1e-9 * np.maximum(np.abs(new), np.abs(old))
                if differs.any():
                    clash = max(clash, (len(entries) + 1) * number + int(owner[dofs][differs].max()))
                found[dofs], owner[dofs] = new, number
            clash = self._comm.allreduce(clash, op=MPI.MAX)
            if clash:
                second, first = (entries[place - 1][0] for place in divmod(clash, len(entries) + 1))
                what = "temperature" if self._space.dofmap.bs == 1 else f"{'xyz'[component]}-displacement"
                raise InputError(f"state {label}: {first} and {second} give one place different {what}s")
            function.x.array[:] = np.nan_to_num(found)

    def mean(self) -> float:
        """Mean of all given values; 0 where there are none."""
        local = np.zeros(2)
        for function, entries in self._parts.values():
            owned = function.function_space.dofmap.index_map.size_local
            dofs = np.unique(np.concatenate([dofs[dofs < owned] for _, dofs, _ in entries]))
            local += function.x.array[dofs].sum(), len(dofs)
        total, count = self._comm.allreduce(local)
        return float(total / max(count, 1.0))

    def refuse_loose(self, foundations: Sequence[Foundation], body: Body, axisymmetric: bool) -> None:
        """Refuse a body that may move without strain.

        Raises:
            InputError: the text names the motion.
        """
        dimension = body.mesh.geometry.dim
        held: list[tuple[int, Any, IntArray]] = [
            (component, function, dofs)
            for component, (function, entries) in self._parts.items()
            for _, dofs, _ in entries
        ]
        for foundation in foundations:
            for component in range(dimension):
                part = self._space.sub(component).collapse()[0]
                held.append((component, fem.Function(part), body.dofs(part, foundation.on)))
        points = body.mesh.geometry.x
        low = -largest(self._comm, -points.min(axis=0, initial=np.inf))
        high = largest(self._comm, points.max(axis=0, initial=-np.inf))
        names, modes = _rigid_motions(dimension, axisymmetric)
        energy = np.zeros((len(names), len(names)))
        for component, function, dofs in held:
            owned = dofs[dofs < function.function_space.dofmap.index_map.size_local]
            places = function.function_space.tabulate_dof_coordinates()[owned]
            moved = modes((places - 0.5 * (low + high)) / (high - low).max(), component)
            energy += moved @ moved.T
        energy = body.mesh.comm.allreduce(energy)
        sizes, shapes = np.linalg.eigh(energy)
        if not sizes[0] > 1e-9 * max(sizes[-1], 1.0):
            free = names[int(np.argmax(np.abs(shapes[:, 0])))]
            raise InputError(f"nothing holds the body against {free}: add [[fixed]], [[symmetry]] or [[foundation]]")


def _values(value: Any, space: fem.FunctionSpace) -> Array:
    """Values at all local dofs of a scalar space."""
    if isinstance(value, fem.Constant):
        return np.full(space.dofmap.index_map.size_local + space.dofmap.index_map.num_ghosts, float(value.value))
    function = fem.Function(space)
    source = value if isinstance(value, fem.Function) else fem.Expression(value, space.element.interpolation_points)
    function.interpolate(source)
    return np.asarray(function.x.array)


def _rigid_motions(dimension: int, axisymmetric: bool) -> tuple[list[str], Any]:
    """Names of the rigid motions, and a function of places (N, 3) and a component that gives their values (M, N)."""
    if axisymmetric:
        return ["displacement along y (the axis)"], lambda x, i: np.full((1, len(x)), float(i == 1))
    axes = [2] if dimension == 2 else [0, 1, 2]
    names = [f"displacement along {axis}" for axis in "xyz"[:dimension]] + [f"rotation about {'xyz'[a]}" for a in axes]

    def values(x: Array, component: int) -> Array:
        moved = [np.full(len(x), float(component == axis)) for axis in range(dimension)]
        moved += [np.cross(np.eye(3)[axis], x)[:, component] for axis in axes]
        return np.array(moved)

    return names, values
