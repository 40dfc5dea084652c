"""Maps of labels between known states by finite elements: P1 on the label mesh, Gauss-Newton, slip on the boundary.

The functional is that of `features.label_map`. Every rank holds the whole mesh and all states as arrays, where labels
are located and values interpolated; matrices, residuals and smoothing are distributed. The tangent of the law is
replaced by a positive definite one, so that every step goes down, and a line search on the functional itself keeps
J > 0 in all simplices.

Source: Burger, Modersitzki and Ruthotto, SIAM J. Sci. Comput. 35 (2013) B132-B148 (hyperelastic registration); the
surrogate tangent, the smoothing and the projected slip are our choice.
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from mpi4py import MPI
from petsc4py import PETSc

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import ALIKE, CLOSING, DEFAULT_LAW, LADDER, OPEN, LabelMap, SmoothedPair, at_rest
from cmgai_fem.fem.slip import SlipSolver
from cmgai_fem.fem.spaces import LabelSpace
from cmgai_fem.fem.ufl_ops import OPERATIONS
from cmgai_fem.states.labels import Array, IntArray, Labels
from cmgai_fem.transport.laws import Law, Membrane

KINDS = ("line", "triangle", "tetra")
# Levels end when the functional falls by less than a part of itself, or after so many steps: coarse ones, the last.
FALL, MOST_STEPS = (1e-2, 1e-3), (6, 12)
# Damping of Gauss-Newton at the start of a level, relative to the law's own stiffness.
DAMPING, LEAST_DAMPING, FAILED_DAMPING = 1e-3, 1e-6, 1e-2
HALVINGS, ATTEMPTS, ARMIJO = 6, 4, 1e-4
# Longest step on a surface, in lengths of the body: projections of longer ones land on another side of it.
LONGEST = 0.1
SMOOTHED = 1e-12


@dataclass(frozen=True)
class Iterate:
    """A map on the way.

    Args:
        places: (n, g) of this rank's labels.
        cells: (n,) simplices that hold them.
        residual: (n, C) second state there minus the first state.
        slopes: (n, C, g) gradients of the second state there.
        misfit: relative misfit.
        energy: mean elastic energy.
        jacobian: least J.
    """

    places: Array
    cells: IntArray
    residual: Array
    slopes: Array
    misfit: float
    energy: float
    jacobian: float


class FemRegistration:
    """Registers neighbouring states of one field; see `features.label_map.Register`.

    Args:
        body: the body.
        values: (K, N, C) known states.
        law: constitutive law of the body; its stiffness is not looked at.
        comm: MPI communicator whose ranks share the mesh; all give the same states. This process alone by default.
        tolerance: of the Krylov solver of a step; of bodies in 3-D and large ones in 2-D.
    """

    def __init__(
        self,
        body: LabelBody,
        values: Array,
        law: Law = DEFAULT_LAW,
        comm: MPI.Comm | None = None,
        tolerance: float = 1e-4,
    ) -> None:
        self.body, self._values, self._comm = body, values, comm or MPI.COMM_SELF
        kind = KINDS[body.mesh.cells.shape[1] - 2]
        self._labels = Labels(body.points, body.shares, {kind: body.mesh.cells})
        self._space = LabelSpace(self._labels, body.dimension, comm=self._comm)
        self._own = self._space.local_labels[: self._space.size // body.dimension]
        self._sliding = np.flatnonzero(body.blocked[0][self._own])
        topology = self._space.mesh.topology
        own_cells = topology.index_map(topology.dim).size_local
        self._cells = np.asarray(topology.original_cell_index[:own_cells], dtype=np.int64)
        self._build_forms(replace(law, stiffness=1.0))
        self._solver = SlipSolver(self._space, body.dimension, tolerance)
        self._smoothed: dict[float, Array] = {0.0: values}

    def __call__(
        self, pair: int, stiffness: float, start: Array | None = None, ladder: Sequence[float] = LADDER
    ) -> LabelMap:
        """The map of one pair; see `Register`."""
        self._stiffness.value = stiffness / self.body.volume
        places = (self.body.points if start is None else start)[self._own]
        cells, steps, found = None, 0, None
        for width in ladder:
            level = self._pair(pair, width)
            if level.change <= ALIKE * float(np.mean(self._values[pair] ** 2)):
                return at_rest(self.body.points, stiffness)
            begun = self._iterate(level, places, cells, 0.0)
            if begun is None:
                raise ConvergenceError(f"label map {pair}: it starts with simplices turned over")
            found, taken = self._descend(level, begun, stiffness, width == ladder[-1])
            places, cells, steps = found.places, found.cells, steps + taken
        assert found is not None
        whole = self._space.to_labels(places.ravel())
        return LabelMap(whole, stiffness, found.misfit, found.energy, found.jacobian, steps)

    def _descend(self, pair: SmoothedPair, here: Iterate, stiffness: float, last: bool) -> tuple[Iterate, int]:
        """Gauss-Newton steps at one level."""
        damping, total = DAMPING, here.misfit + stiffness * here.energy
        for step in range(1, MOST_STEPS[last] + 1):
            gradient, blocks = self._linearise(pair, here)
            frames = self._frames(here.places)
            for _ in range(ATTEMPTS):
                self._damping.value = damping
                direction = self._solver(self._tangent, blocks, gradient, frames)
                moved, length = self._search(pair, here, stiffness, direction, self._sum(gradient * direction))
                if moved is not None:
                    break
                # The forms still see the last trial.
                self._move(here.places)
                damping = max(30.0 * damping, FAILED_DAMPING)
            else:
                return here, step
            damping = max(damping / 5.0, LEAST_DAMPING) if length == 1.0 else damping
            fall = total - moved.misfit - stiffness * moved.energy
            here, total = moved, total - fall
            if fall < FALL[last] * max(total, 1e-3):
                return here, step
        return here, MOST_STEPS[last]

    def _search(
        self, pair: SmoothedPair, here: Iterate, stiffness: float, direction: Array, slope: float
    ) -> tuple[Iterate | None, float]:
        """The first of ever shorter steps that lowers the functional enough, and its length; None where none does."""
        length = 1.0
        if self.body.is_surface:
            longest = float(self._comm.allreduce(np.linalg.norm(direction, axis=1).max(initial=0.0), MPI.MAX))
            length = min(1.0, LONGEST * self.body.length / max(longest, np.finfo(float).tiny))
        total, first = here.misfit + stiffness * here.energy, length
        for _ in range(HALVINGS):
            places = here.places + length * direction
            nodes = self._sliding
            places[nodes] = self.body.project(places[nodes], self._own[nodes])
            moved = self._iterate(pair, places, here.cells, CLOSING * min(here.jacobian, OPEN))
            if moved is not None and moved.misfit + stiffness * moved.energy < total + ARMIJO * length * slope:
                return moved, length / first
            length *= 0.5
        return None, 0.0

    def _iterate(self, pair: SmoothedPair, places: Array, cells: IntArray | None, floor: float) -> Iterate | None:
        """The functional at a map; None where J is not above `floor` everywhere."""
        self._move(places)
        jacobian = self._least_jacobian()
        if not jacobian > floor:
            return None
        mesh = self.body.mesh
        location = mesh.locate(places, cells)
        residual = mesh.value(pair.second, location, pair.slopes) - pair.first
        corners = mesh.cells[location.cells]
        slopes = np.einsum("pi,picd->pcd", location.shares, pair.slopes[corners])
        misfit = self._sum(self.body.shares[self._own, None] * residual**2) / pair.change
        energy = float(self._comm.allreduce(fem.assemble_scalar(self._energy)))
        return Iterate(places, location.cells, residual, slopes, misfit, energy, jacobian)

    def _move(self, places: Array) -> None:
        """Let the forms see the labels at places (n, g)."""
        self._displacement.x.array[: self._space.size] = (places - self.body.points[self._own]).ravel()
        self._displacement.x.scatter_forward()

    def _least_jacobian(self) -> float:
        places = self.body.points.copy()
        places[self._space.local_labels] += self._displacement.x.array.reshape(-1, self.body.dimension)
        return float(self._comm.allreduce(self.body.jacobians(places, self._cells).min(initial=np.inf), MPI.MIN))

    def _linearise(self, pair: SmoothedPair, here: Iterate) -> tuple[Array, Array]:
        """(n, g) gradient of the functional at this rank's labels, and (n, g, g) Hessian blocks of the misfit."""
        with self._force.localForm() as local:
            # The ghosts, too: what they hold would be added to their owners.
            local.set(0.0)
        fem_petsc.assemble_vector(self._force, self._residual)
        self._force.ghostUpdate(PETSc.InsertMode.ADD, PETSc.ScatterMode.REVERSE)
        weight = 2.0 * self.body.shares[self._own] / pair.change
        image = np.einsum("n,nc,ncd->nd", weight, here.residual, here.slopes)
        blocks = np.einsum("n,ncd,nce->nde", weight, here.slopes, here.slopes)
        return self._force.array.reshape(image.shape) + image, blocks

    def _frames(self, places: Array) -> Array:
        frames = np.zeros((len(places), self.body.dimension, self.body.dimension))
        nodes = self._sliding
        frames[nodes] = self.body.frames(self._own[nodes], places[nodes])
        return frames

    def _sum(self, parts: Array) -> float:
        return float(self._comm.allreduce(float(parts.sum())))

    def _pair(self, pair: int, width: float) -> SmoothedPair:
        values = self._smooth(width)
        first, second = values[pair], values[pair + 1]
        change = float(self.body.shares @ np.sum((second - first) ** 2, axis=1))
        return SmoothedPair(first[self._own], second, self.body.mesh.slopes(second), change)

    def _smooth(self, width: float) -> Array:
        """All states, smoothed by two implicit steps of diffusion."""
        if width not in self._smoothed:
            space = self._scalars
            mass, smoother = space.mass, self._smoother(width)
            smooth = np.empty_like(self._values)
            right, solution = (mass.createVecRight() for _ in range(2))
            for row, state in enumerate(self._values):
                for column in range(state.shape[1]):
                    solution.array[:] = space.to_dofs(state[:, [column]])
                    for _ in range(2):
                        mass.mult(solution, right)
                        smoother.solve(right, solution)
                    smooth[row, :, [column]] = space.to_labels(solution.array).T
            self._smoothed[width] = smooth
        return self._smoothed[width]

    @cached_property
    def _scalars(self) -> LabelSpace:
        return LabelSpace(self._labels, 1, comm=self._comm)

    def _smoother(self, width: float) -> Any:
        matrix: Any = self._scalars.mass.copy()
        stiffness = self._scalars.stiffness(Membrane())
        matrix.axpy(
            0.25 * (width * self.body.length) ** 2, stiffness, structure=PETSc.Mat.Structure.SAME_NONZERO_PATTERN
        )
        solver: Any = PETSc.KSP().create(matrix.comm)
        solver.setOperators(matrix)
        solver.setType(PETSc.KSP.Type.CG)
        solver.getPC().setType(PETSc.PC.Type.JACOBI)
        solver.setTolerances(rtol=SMOOTHED, max_it=5000)
        solver.setErrorIfNotConverged(True)
        return solver

    def _build_forms(self, law: Law) -> None:
        domain, space = self._space.mesh, self._space.space
        self._displacement = fem.Function(space)
        self._stiffness, self._damping = fem.Constant(domain, 1.0), fem.Constant(domain, DAMPING)
        trial, test = ufl.TrialFunction(space), ufl.TestFunction(space)
        # Gradients of linear simplices are constant.
        once = ufl.Measure("dx", domain, metadata={"quadrature_degree": 0})
        gradient = self._gradient()
        energy = law.energy(gradient, OPERATIONS)
        self._energy = fem.form(energy / self.body.volume * once)
        self._residual = fem.form(self._stiffness * ufl.derivative(energy * once, self._displacement, test))
        inverse = ufl.inv(ufl.Identity(self.body.dimension) + gradient)
        pulled, tested = ufl.dot(inverse, ufl.grad(trial)), ufl.dot(inverse, ufl.grad(test))
        # Laws without Lame constants of their own are of the order of one.
        shear, lame = float(getattr(law, "shear", 1.0)), float(getattr(law, "lame", 1.0))
        strain = (
            (shear + self._damping) * ufl.inner(ufl.grad(trial), ufl.grad(test))
            + shear * ufl.inner(ufl.sym(pulled), ufl.sym(tested))
            + lame * ufl.tr(pulled) * ufl.tr(tested)
        )
        kept = self._damping / self.body.length**2 * ufl.inner(trial, test)
        mass = ufl.Measure("dx", domain, metadata={"quadrature_degree": 2})
        self._tangent = fem.form(self._stiffness * (strain * once + kept * mass))
        self._force = fem_petsc.create_vector(space)

    def _gradient(self) -> Any:
        """Displacement gradient; of a surface completed by its normal, which turns with it and keeps its length."""
        gradient = ufl.grad(self._displacement)
        if not self.body.is_surface:
            return gradient
        normal = ufl.CellNormal(self._space.mesh)
        surface = ufl.Identity(3) - ufl.outer(normal, normal) + gradient
        columns = [ufl.as_vector([surface[row, column] for row in range(3)]) for column in range(3)]
        area = sum(
            (normal[k] * ufl.cross(columns[(k + 1) % 3], columns[(k + 2) % 3]) for k in range(3)),
            start=ufl.as_vector([0.0, 0.0, 0.0]),
        )
        turned = area / ufl.sqrt(ufl.dot(area, area))
        return gradient + ufl.outer(turned - normal, normal)
