"""Small-strain thermo-elasticity with temperature-dependent properties: solids, plane and axisymmetric bodies."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from petsc4py import PETSc

from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions import Condition, Foundation, WeakForm
from cmgai_fem.mechanics.given_values import GivenValues
from cmgai_fem.mechanics.inputs import StateInputs
from cmgai_fem.mechanics.meshing import compile_form
from cmgai_fem.mechanics.multigrid import ElasticitySolver
from cmgai_fem.states.labels import Array

Setting = Literal["solid", "plane strain", "plane stress", "axisymmetric"]


def strain(displacement: Any, setting: Setting) -> Any:
    """Small strain as a 3x3 tensor [-]; axes r, z, theta where the setting is axisymmetric (x = r, y = z).

    In plane stress the component zz is left 0 and `thermoelastic_stress` supplies what it does to the stress.
    """
    gradient = ufl.sym(ufl.grad(displacement))
    if setting == "solid":
        return gradient
    hoop = 0.0
    if setting == "axisymmetric":
        hoop = displacement[0] / ufl.SpatialCoordinate(ufl.domain.extract_unique_domain(displacement))[0]
    return ufl.as_tensor([[gradient[0, 0], gradient[0, 1], 0], [gradient[1, 0], gradient[1, 1], 0], [0, 0, hoop]])


def thermoelastic_stress(total: Any, thermal: Any, young: Any, poisson: float, setting: Setting) -> Any:
    """Duhamel-Neumann stress [Pa], sigma = lambda tr(e) I + 2 mu e with e = total - thermal I.

    Args:
        total: total strain, 3x3 [-].
        thermal: free thermal strain, scalar [-].
        young: Young's modulus [Pa].
        poisson: Poisson's ratio [-].
        setting: in plane stress e_zz follows from sigma_zz = 0.

    Returns:
        3x3 stress [Pa].
    """
    mu = young / (2.0 * (1.0 + poisson))
    lame = young * poisson / ((1.0 + poisson) * (1.0 - 2.0 * poisson))
    elastic = total - thermal * ufl.Identity(3)
    if setting == "plane stress":
        in_plane = elastic[0, 0] + elastic[1, 1]
        through = -poisson / (1.0 - poisson) * in_plane
        elastic = ufl.as_tensor([[elastic[0, 0], elastic[0, 1], 0], [elastic[1, 0], elastic[1, 1], 0], [0, 0, through]])
    return lame * ufl.tr(elastic) * ufl.Identity(3) + 2.0 * mu * elastic


def elastic_stress(
    displacement: Array,
    gradient: Array,
    radius: float | None,
    thermal: Array,
    young: Array,
    poisson: Array,
    setting: Setting,
) -> Array:
    """The same stress (N, 3, 3) [Pa] of displacements (N, g) and their gradients (N, g, g), in NumPy.

    Args:
        displacement: [m], for the hoop strain.
        gradient: [-].
        radius: x [m] in axial symmetry, above zero; None in other settings. On the axis the hoop strain is the radial.
        thermal, young, poisson: (N,).
        setting: as for `thermoelastic_stress`.
    """
    g, one = gradient.shape[1], np.eye(3)
    elastic = -thermal[:, None, None] * one
    elastic[:, :g, :g] += 0.5 * (gradient + gradient.transpose(0, 2, 1))
    if radius is not None:
        elastic[:, 2, 2] += displacement[:, 0] / radius if radius > 0.0 else gradient[:, 0, 0]
    if setting == "plane stress":
        elastic[:, 2, 2] = -poisson / (1.0 - poisson) * (elastic[:, 0, 0] + elastic[:, 1, 1])
    mu, lame = young / (2.0 + 2.0 * poisson), young * poisson / ((1.0 + poisson) * (1.0 - 2.0 * poisson))
    trace = np.trace(elastic, axis1=1, axis2=2)
    return np.asarray((lame * trace)[:, None, None] * one + 2.0 * mu[:, None, None] * elastic)


class ThermoElasticity:
    """Equilibrium of a thermo-elastic body. Forms are compiled once and the matrix keeps its pattern over a sweep.

    Args:
        body: the meshed body.
        young: Young's modulus [Pa], a UFL expression (of the temperature, say) or a quadrature function.
        poisson: Poisson's ratio [-], the same.
        thermal: free thermal strain [-], the same.
        setting: "solid", "plane strain", "plane stress" or "axisymmetric".
        degree: polynomial degree of the displacement.
        conditions: loads and supports.
        inputs: state, time and what of the conditions depends on them; set by the caller before each solve.
        density: mass density [kg/m^3] in a group of cells, for gravity.
        tolerance: residual of the linear solve relative to the load.

    Raises:
        InputError: a condition that this body does not take, or no support.
    """

    def __init__(
        self,
        body: Body,
        young: Any,
        poisson: Any,
        thermal: Any = 0.0,
        *,
        setting: Setting = "solid",
        degree: int = 2,
        conditions: Sequence[Condition] = (),
        inputs: StateInputs | None = None,
        density: Callable[[str], Any] | None = None,
        tolerance: float = 1e-11,
    ) -> None:
        mesh, axisymmetric = body.mesh, setting == "axisymmetric"
        inputs = inputs or StateInputs(mesh)
        self.space = fem.functionspace(mesh, ("Lagrange", degree, (mesh.geometry.dim,)))
        self.displacement = fem.Function(self.space, name="displacement")
        for condition in conditions:
            condition.check(body)
        self._given = GivenValues(body, self.space, conditions, inputs)
        foundations = [condition for condition in conditions if isinstance(condition, Foundation)]
        self._given.refuse_loose(foundations, body, axisymmetric)

        def stress(displacement: Any) -> Any:
            return thermoelastic_stress(strain(displacement, setting), thermal, young, poisson, setting)

        self.stress = stress(self.displacement)
        trial = ufl.TrialFunction(self.space)
        weak = WeakForm(body, inputs, trial, axisymmetric, quadrature_degree(mesh, degree), density)
        # The load form must not be empty where nothing but given displacements moves the body.
        nothing = ufl.inner(fem.Constant(mesh, np.zeros(mesh.geometry.dim)), weak.test)
        residual = weak.integral(ufl.inner(stress(trial), strain(weak.test, setting)) - nothing, "")
        residual += weak.residual(conditions)
        self._stiffness, self._load = (compile_form(form) for form in ufl.system(residual))
        self._matrix = fem_petsc.create_matrix(self._stiffness)
        self._vector = fem_petsc.create_vector(self.space)
        self._solution = fem_petsc.create_vector(self.space)
        self._tolerance = tolerance
        self._solver: ElasticitySolver | None = None

    def solve(self, state: str) -> int:
        """Solve for `displacement` with the present properties and temperature. Collective.

        Args:
            state: name of the state, for messages.

        Returns:
            The number of iterations of the linear solver.

        Raises:
            InputError: two conditions give one place different displacements.
            ConvergenceError: the linear solve did not reach its tolerance.
        """
        self._given.update(state)
        given = self._given.conditions
        self._matrix.zeroEntries()
        fem_petsc.assemble_matrix(self._matrix, self._stiffness, bcs=given)
        self._matrix.assemble()
        with self._vector.localForm() as local:
            local.set(0.0)
        fem_petsc.assemble_vector(self._vector, self._load)
        fem_petsc.apply_lifting(self._vector, [self._stiffness], bcs=[given])
        self._vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        fem_petsc.set_bc(self._vector, given)
        if self._solver is None:
            self._solver = ElasticitySolver(self._matrix, self.space, self._tolerance)
        iterations = self._solver.solve(self._vector, self._solution, state)
        fem_petsc.assign(self._solution, self.displacement)
        self.displacement.x.scatter_forward()
        return iterations


def quadrature_degree(mesh: dolfinx.mesh.Mesh, degree: int) -> int:
    """Degree of the rule for displacements of a degree: one above what constant properties need."""
    simplex = mesh.topology.cell_type in (dolfinx.mesh.CellType.triangle, dolfinx.mesh.CellType.tetrahedron)
    return 2 * degree - 1 if simplex else 2 * degree + 1
