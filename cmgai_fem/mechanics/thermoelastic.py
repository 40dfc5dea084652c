"""Small-strain thermo-elasticity with temperature-dependent properties: solids, plane and axisymmetric bodies."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from petsc4py import PETSc

from cmgai_fem.mechanics.meshing import Body, compile_form
from cmgai_fem.mechanics.multigrid import ElasticitySolver

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


class ThermoElasticity:
    """Equilibrium of a thermo-elastic body. Forms are compiled once and the matrix keeps its pattern over a sweep.

    Args:
        body: the meshed body.
        young: Young's modulus [Pa], a UFL expression (of the temperature function, say).
        poisson: Poisson's ratio [-].
        thermal: free thermal strain [-], a UFL expression.
        setting: "solid", "plane strain", "plane stress" or "axisymmetric".
        degree: polynomial degree of the displacement.
        foundations: stiffness [N/m^3], in every direction, of the elastic foundation by boundary name.
        tractions: traction [Pa] by boundary name, numbers or UFL expressions.
        fixed: displacement [m] that is given, by boundary name and component.
        body_force: force a volume [N/m^3], a UFL expression.
        tolerance: residual of the linear solve relative to the load.
    """

    def __init__(
        self,
        body: Body,
        young: Any,
        poisson: float,
        thermal: Any = 0.0,
        *,
        setting: Setting = "solid",
        degree: int = 2,
        foundations: Mapping[str, float] | None = None,
        tractions: Mapping[str, Sequence[Any]] | None = None,
        fixed: Mapping[tuple[str, int], Any] | None = None,
        body_force: Any = None,
        tolerance: float = 1e-11,
    ) -> None:
        mesh = body.mesh
        self.space = fem.functionspace(mesh, ("Lagrange", degree, (mesh.geometry.dim,)))
        self.displacement = fem.Function(self.space, name="displacement")
        trial, test = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        weight = ufl.SpatialCoordinate(mesh)[0] if setting == "axisymmetric" else 1.0
        # One degree above what constant properties need: E and alpha vary mildly inside a cell.
        dx = ufl.dx(mesh, metadata={"quadrature_degree": _quadrature_degree(mesh, degree)})
        ds = ufl.Measure("ds", mesh, subdomain_data=body.facets)

        def stress(displacement: Any, free: Any) -> Any:
            return thermoelastic_stress(strain(displacement, setting), free, young, poisson, setting)

        self.stress = stress(self.displacement, thermal)
        stiffness = ufl.inner(stress(trial, 0.0), strain(test, setting)) * weight * dx
        zero = ufl.zero((3, 3))
        thermal_load = -thermoelastic_stress(zero, thermal, young, poisson, setting)
        load = ufl.inner(thermal_load, strain(test, setting)) * weight * dx
        if body_force is not None:
            load += ufl.inner(body_force, test) * weight * dx
        for name, modulus in (foundations or {}).items():
            stiffness += modulus * ufl.inner(trial, test) * weight * ds(body.tag(name))
        for name, traction in (tractions or {}).items():
            load += ufl.inner(ufl.as_vector(list(traction)), test) * weight * ds(body.tag(name))
        self._conditions = _conditions(body, self.space, fixed or {})
        self._stiffness, self._load = compile_form(stiffness), compile_form(load)
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
            ConvergenceError: the linear solve did not reach its tolerance.
        """
        self._matrix.zeroEntries()
        fem_petsc.assemble_matrix(self._matrix, self._stiffness, bcs=self._conditions)
        self._matrix.assemble()
        with self._vector.localForm() as local:
            local.set(0.0)
        fem_petsc.assemble_vector(self._vector, self._load)
        fem_petsc.apply_lifting(self._vector, [self._stiffness], bcs=[self._conditions])
        self._vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        fem_petsc.set_bc(self._vector, self._conditions)
        if self._solver is None:
            self._solver = ElasticitySolver(self._matrix, self.space, self._tolerance)
        iterations = self._solver.solve(self._vector, self._solution, state)
        fem_petsc.assign(self._solution, self.displacement)
        self.displacement.x.scatter_forward()
        return iterations


def _quadrature_degree(mesh: dolfinx.mesh.Mesh, degree: int) -> int:
    simplex = mesh.topology.cell_type in (dolfinx.mesh.CellType.triangle, dolfinx.mesh.CellType.tetrahedron)
    return 2 * degree - 1 if simplex else 2 * degree + 1


def _conditions(body: Body, space: fem.FunctionSpace, fixed: Mapping[tuple[str, int], Any]) -> list[fem.DirichletBC]:
    """Given displacements, each a number or a function of a component's collapsed space."""
    dimension, conditions = body.mesh.topology.dim - 1, []
    for (name, component), value in fixed.items():
        dofs = fem.locate_dofs_topological(space.sub(component), dimension, body.facets_of(name))
        conditions.append(fem.dirichletbc(dolfinx.default_scalar_type(value), dofs, space.sub(component)))
    return conditions
