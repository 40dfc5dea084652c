"""Quasi-static J2 plasticity in small strain: Newton's method (SNES) with the consistent tangent.

Young's modulus, thermal strain and temperature are values at quadrature points, so that a heated body with properties
that depend on the temperature is the same problem as a cold one. Stress, plastic strain and tangent are quadrature
functions; the return map fills them in NumPy before each assembly.
"""

from collections.abc import Callable, Sequence
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import basix
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem, la
from dolfinx.fem import petsc as fem_petsc
from petsc4py import PETSc

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.hardening import HardeningLaw
from cmgai_fem.mechanics.meshing import compile_form
from cmgai_fem.mechanics.ranks import largest
from cmgai_fem.mechanics.small_strain import return_stress
from cmgai_fem.states.labels import Array, IntArray

DIRECT = {"ksp_type": "preonly", "pc_type": "lu", "pc_factor_mat_solver_type": "mumps"}
# From the test function to the linear form of the loads.
Loads = Callable[[Any], Any]


class QuasiStaticPlasticity:
    """A body in plane strain or axial symmetry (2-D mesh) or a solid (3-D mesh). Collective over its communicator.

    Set `young`, `thermal_strain` and `temperature`, then call `solve` for each load step.

    Args:
        space: blocked Lagrange displacement space.
        conditions: Dirichlet conditions.
        loads: gives the form of the loads from the test function; its constants may change between steps, and it may
            depend on `displacement` (springs).
        poissons_ratio: nu, a number or (P,) values.
        law: a rate-independent hardening law, None is elastic; its temperature is `temperature`. Where points have
            different laws, each with the indices of its points.
        quadrature_degree: degree of the points that hold the state.
        options: PETSc options of the linear solver.
        axisymmetric: whether x is a radius.
        displacement: function of the space to solve for, where the loads were made with it.

    Attributes:
        displacement: the displacement [m].
        laws: each hardening law with the points that have it; may be others in the next step.
        young: (P,) Young's modulus at the points of owned and ghost cells [Pa].
        thermal_strain: (P,) free thermal strain, the same in all directions.
        temperature: (P,) temperature, in the law's unit.
        stress: quadrature function, m components in Voigt's order [Pa].
        plastic_strain: (P, m) tensor components of the plastic strain, after the last solved step.
        equivalent_plastic_strain: (P,) the same for the equivalent plastic strain.
    """

    def __init__(
        self,
        space: fem.FunctionSpace,
        conditions: Sequence[fem.DirichletBC],
        loads: Loads,
        poissons_ratio: float | Array,
        law: HardeningLaw | Sequence[tuple[HardeningLaw | None, IntArray]] | None,
        quadrature_degree: int = 2,
        options: dict[str, Any] | None = None,
        axisymmetric: bool = False,
        displacement: fem.Function | None = None,
    ) -> None:
        domain = space.mesh
        self.displacement = displacement or fem.Function(space)
        self.poissons_ratio = poissons_ratio
        self.laws = [(law, slice(None))] if law is None or isinstance(law, HardeningLaw) else list(law)
        self.quadrature_degree = quadrature_degree
        self._domain, self._conditions = domain, list(conditions)
        self._components = 4 if domain.geometry.dim == 2 else 6
        cell = domain.basix_cell()
        size = self._components
        self.stress = fem.Function(fem.functionspace(domain, self._element(cell, (size,))))
        self._tangent = fem.Function(fem.functionspace(domain, self._element(cell, (size, size))))
        self.points, _ = basix.make_quadrature(cell, quadrature_degree)
        index_map = domain.topology.index_map(domain.topology.dim)
        self._cells = np.arange(index_map.size_local + index_map.num_ghosts, dtype=np.int32)
        count = len(self._cells) * len(self.points)
        self.young, self.thermal_strain, self.temperature = np.ones(count), np.zeros(count), np.zeros(count)
        self.plastic_strain, self.equivalent_plastic_strain = np.zeros((count, size)), np.zeros(count)
        self._new_plastic, self._new_equivalent = self.plastic_strain, self.equivalent_plastic_strain
        test, trial = ufl.TestFunction(space), ufl.TrialFunction(space)
        self._strain = fem.Expression(engineering_strain(self.displacement, axisymmetric), self.points)
        dx = ufl.dx(domain, metadata={"quadrature_degree": quadrature_degree, "quadrature_scheme": "default"})
        weight = ufl.SpatialCoordinate(domain)[0] if axisymmetric else 1.0
        virtual, change = (engineering_strain(moved, axisymmetric) for moved in (test, trial))
        loads_here = loads(test)
        residual = ufl.dot(self.stress, virtual) * weight * dx - loads_here
        jacobian = ufl.dot(self._tangent * change, virtual) * weight * dx
        if isinstance(loads_here, ufl.Form):
            springs = ufl.algorithms.expand_derivatives(ufl.derivative(-loads_here, self.displacement, trial))
            jacobian = jacobian if springs.empty() else jacobian + springs
        self._residual, self._jacobian = compile_form(residual), compile_form(jacobian)
        self._stiffness = 1.0
        self._set_up_solver(options or DIRECT)

    def at_points(self, expression: Any) -> Array:
        """Values (P,) of a scalar UFL expression or function at the quadrature points, in the order of the state."""
        compiled = fem.Expression(expression, self.points)
        return np.asarray(compiled.eval(self._domain, self._cells)).reshape(-1)

    def solve(self, state: str) -> int:
        """Solve one load step and keep its plastic strain. Collective.

        Args:
            state: name of the state, for messages.

        Returns:
            Number of Newton iterations.

        Raises:
            ConvergenceError: Newton's method did not converge; nothing of the step is kept.
        """
        before = self.displacement.x.array.copy()
        # A given displacement that is missed counts as the force that it takes, so that the tolerances mean forces.
        local_stiffness = np.array([self.young.max(initial=0.0)])
        self._stiffness = float(largest(self._domain.comm, local_stiffness)[0])
        with self._unknown.localForm() as local:
            local[:] = before
        try:
            self._snes.solve(None, self._unknown)
        except PETSc.Error as error:
            self.displacement.x.array[:] = before
            raise ConvergenceError(f"plasticity at {state}: the linear solver failed: {error}") from None
        if not self._snes.is_converged:
            reason = self._snes.getConvergedReason()
            norm, count = self._snes.getFunctionNorm(), self._snes.getIterationNumber()
            self.displacement.x.array[:] = before
            raise ConvergenceError(
                f"plasticity at {state}: Newton's method stopped after {count} iterations at residual {norm:.3g} N "
                f"(PETSc reason {reason}): take smaller load steps, or the load is above the limit load"
            )
        self.update_stress()
        self.plastic_strain, self.equivalent_plastic_strain = self._new_plastic, self._new_equivalent
        return int(self._snes.getIterationNumber())

    def precondition(self, make: Callable[[PETSc.KSP, PETSc.Mat, fem.FunctionSpace], None]) -> None:
        """Give the linear solver a preconditioner, e.g. `multigrid.set_two_level`."""
        make(self._snes.getKSP(), self._snes.getJacobian()[0], self.displacement.function_space)

    def update_stress(self) -> None:
        """Fill stress and tangent from the displacement and the state at the start of the step; keeps no state."""
        size = self._components
        strain = np.asarray(self._strain.eval(self._domain, self._cells)).reshape(-1, size).T.copy()
        strain[3:] *= 0.5
        strain[:3] -= self.thermal_strain
        nu = np.broadcast_to(self.poissons_ratio, self.young.shape)
        stress, tangent = self.stress.x.array.reshape(-1, size), self._tangent.x.array.reshape(-1, size, size)
        self._new_plastic = np.empty_like(self.plastic_strain)
        self._new_equivalent = np.empty_like(self.equivalent_plastic_strain)
        for law, own in self.laws:
            plastic = np.ascontiguousarray(self.plastic_strain[own].T)
            returned = return_stress(
                strain[:, own] - plastic,
                plastic,
                self.equivalent_plastic_strain[own],
                0.5 * self.young[own] / (1.0 + nu[own]),
                self.young[own] / (3.0 - 6.0 * nu[own]),
                law,
                self.temperature[own],
            )
            stress[own], tangent[own] = returned.stress.T, returned.tangent.transpose(2, 0, 1)
            self._new_plastic[own], self._new_equivalent[own] = returned.plastic.T, returned.equivalent

    def recover(self, values: Array) -> Array:
        """Nodal values of point values by lumped projection on linear elements: volume-weighted means, collective.

        Args:
            values: (P, n) values at the points, e.g. `equivalent_plastic_strain[:, None]`.

        Returns:
            (local nodes, n) values, ghosts up to date, in the order of a scalar Lagrange 1 space. What is not negative
            at the points is not negative at the nodes.
        """
        cell = self._domain.basix_cell()
        point = fem.Function(fem.functionspace(self._domain, self._element(cell, ())))
        test = ufl.TestFunction(fem.functionspace(self._domain, ("Lagrange", 1)))
        dx = ufl.dx(
            self._domain, metadata={"quadrature_degree": self.quadrature_degree, "quadrature_scheme": "default"}
        )
        form = compile_form(point * test * dx)

        def integrate(column: Array) -> Array:
            point.x.array[:] = column
            total = fem.assemble_vector(form)
            total.scatter_reverse(la.InsertMode.add)
            total.scatter_forward()
            return np.array(total.array)

        volume = integrate(np.ones(len(values)))
        return np.stack([integrate(column) / volume for column in values.T], axis=1)

    def _element(self, cell: Any, shape: tuple[int, ...]) -> Any:
        return basix.ufl.quadrature_element(cell, value_shape=shape, degree=self.quadrature_degree)

    def _set_up_solver(self, options: dict[str, Any]) -> None:
        matrix = fem_petsc.create_matrix(self._jacobian)
        right = fem_petsc.create_vector(self.displacement.function_space)
        self._unknown = fem_petsc.create_vector(self.displacement.function_space)
        snes = PETSc.SNES().create(self._domain.comm)
        prefix = f"plasticity_{id(self)}_"
        snes.setOptionsPrefix(prefix)
        # A line search would call the return map once more; it reads the old state alone, so that would be harmless,
        # but with the consistent tangent full steps converge quadratically.
        # A short step is no convergence, so that test is off.
        settings: dict[str, Any] = {"snes_linesearch_type": "basic", "snes_max_it": 30}
        settings |= {"snes_rtol": 1e-10, "snes_atol": 1e-9, "snes_stol": 0.0} | options
        database = PETSc.Options()
        for key, value in settings.items():
            database.setValue(prefix + key, value)
        snes.setFunction(self._assemble_residual, right)
        snes.setJacobian(self._assemble_jacobian, matrix)
        snes.setFromOptions()
        for key in settings:
            database.delValue(prefix + key)
        self._snes = snes

    def _assemble_residual(self, snes: PETSc.SNES, x: PETSc.Vec, b: PETSc.Vec) -> None:
        fem_petsc.assign(x, self.displacement)
        self.displacement.x.scatter_forward()
        self.update_stress()
        with b.localForm() as local:
            local.set(0.0)
        fem_petsc.assemble_vector(b, self._residual)
        fem_petsc.apply_lifting(b, [self._jacobian], [self._conditions], [x], -1.0)
        b.ghostUpdate(PETSc.InsertMode.ADD, PETSc.ScatterMode.REVERSE)
        fem_petsc.set_bc(b, self._conditions, x, -self._stiffness)

    def _assemble_jacobian(self, snes: PETSc.SNES, x: PETSc.Vec, J: PETSc.Mat, P: PETSc.Mat) -> None:
        P.zeroEntries()
        fem_petsc.assemble_matrix(P, self._jacobian, self._conditions, diag=self._stiffness)
        P.assemble()


def engineering_strain(displacement: Any, axisymmetric: bool = False) -> Any:
    """UFL strain, Voigt's order with engineering shears: 4 components in the plane (zz the hoop), 6 in a solid."""
    strain = ufl.sym(ufl.grad(displacement))
    if displacement.ufl_shape[0] == 2:
        hoop = 0.0 * strain[0, 0]
        if axisymmetric:
            hoop = displacement[0] / ufl.SpatialCoordinate(ufl.domain.extract_unique_domain(displacement))[0]
        return ufl.as_vector([strain[0, 0], strain[1, 1], hoop, 2.0 * strain[0, 1]])
    return ufl.as_vector(
        [strain[0, 0], strain[1, 1], strain[2, 2], 2.0 * strain[0, 1], 2.0 * strain[1, 2], 2.0 * strain[0, 2]]
    )
