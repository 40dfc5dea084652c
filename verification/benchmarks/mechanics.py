"""Assembly, solve and explicit plasticity beside plain DOLFINx and scikit-fem."""

import importlib.util
import time
from collections.abc import Callable, Mapping
from functools import partial

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem, la, mesh
from dolfinx.fem import petsc as fem_petsc
from mpi4py import MPI
from petsc4py import PETSc
from timing import REPEATS, Row, alternate, figure, over

from cmgai_fem.mechanics.body import mark_boundaries
from cmgai_fem.mechanics.conditions import Fixed, Traction
from cmgai_fem.mechanics.explicit import ExplicitDynamics, Support
from cmgai_fem.mechanics.finite_strain import FiniteStrainJ2
from cmgai_fem.mechanics.hardening import LinearHardening
from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.mechanics.plasticity import Metal
from cmgai_fem.mechanics.small_strain import SmallStrainJ2
from cmgai_fem.mechanics.thermoelastic import ThermoElasticity

TITLE = "Assembly, solve and explicit plasticity"
NOTE = """A clamped cube of quadratic tetrahedra under a traction, relative residual 1e-11, forms compiled before; the
first solve makes matrix, preconditioner and solution anew. Plain DOLFINx is tuned by hand: constants in the form,
least quadrature, conjugate gradients with GAMG and rigid-body modes, or a MUMPS Cholesky factorisation, the faster of
which counts. The explicit rival is the same small-strain J2 in plane strain: compiled strain expression, vectorised
return, compiled force form. Ratios are rival over ours, so that above 1 ours is faster; asked: 0.95 or more."""
YOUNG, POISSON, PULL = 2e11, 0.3, 1e6
METAL = Metal(117e9, 0.35, 8930.0, LinearHardening(400e6, 100e6))


def cube(cells: int) -> mesh.Mesh:
    """A unit cube of tetrahedra."""
    return mesh.create_unit_cube(MPI.COMM_SELF, cells, cells, cells)


class Ours:
    """The package's thermo-elasticity without heat."""

    def __init__(self, domain: mesh.Mesh) -> None:
        ends = {"clamp": lambda x: x[0] < 1e-9, "pull": lambda x: x[0] > 1.0 - 1e-9}
        self._body = mark_boundaries(domain, ends)

    def solve(self) -> np.ndarray:
        """From the body to the displacement."""
        conditions = [Fixed(on="clamp"), Traction(on="pull", x=PULL)]
        young, poisson = (fem.Constant(self._body.mesh, one) for one in (YOUNG, POISSON))
        elasticity = ThermoElasticity(self._body, young, poisson, conditions=conditions)
        elasticity.solve("cube")
        return elasticity.displacement.x.array


class Plain:
    """DOLFINx as its demos do it, tuned."""

    def __init__(self, domain: mesh.Mesh, direct: bool) -> None:
        self._domain, self._direct = domain, direct

    def solve(self) -> np.ndarray:
        """From the mesh to the displacement."""
        domain = self._domain
        space = fem.functionspace(domain, ("Lagrange", 2, (3,)))
        u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
        mu, lame = YOUNG / (2 + 2 * POISSON), YOUNG * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
        e = ufl.sym(ufl.grad(u))
        stress = 2.0 * mu * e + lame * ufl.tr(e) * ufl.Identity(3)
        facets = mesh.locate_entities_boundary(domain, 2, lambda x: x[0] > 1.0 - 1e-9)
        tags = mesh.meshtags(domain, 2, np.sort(facets), np.ones(len(facets), dtype=np.int32))
        ds = ufl.Measure("ds", domain, subdomain_data=tags)
        stiffness = fem.form(ufl.inner(stress, ufl.grad(v)) * ufl.dx(metadata={"quadrature_degree": 2}))
        load = fem.form(PULL * v[0] * ds(1))
        clamp = mesh.locate_entities_boundary(domain, 2, lambda x: x[0] < 1e-9)
        held = fem.dirichletbc(np.zeros(3), fem.locate_dofs_topological(space, 2, clamp), space)
        matrix = fem_petsc.assemble_matrix(stiffness, bcs=[held])
        matrix.assemble()
        vector = fem_petsc.assemble_vector(load)
        fem_petsc.set_bc(vector, [held])
        solver = PETSc.KSP().create(domain.comm)
        solver.setOperators(matrix)
        if self._direct:
            solver.setType("preonly")
            solver.getPC().setType("cholesky")
            solver.getPC().setFactorSolverType("mumps")
        else:
            matrix.setNearNullSpace(rigid_modes(space))
            solver.setType("cg")
            solver.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
            solver.setTolerances(rtol=1e-11)
            solver.getPC().setType("gamg")
        solution = vector.duplicate()
        solver.solve(vector, solution)
        return solution.array.copy()


def rigid_modes(space: fem.FunctionSpace) -> PETSc.NullSpace:
    """Three translations and three rotations."""
    x = space.tabulate_dof_coordinates()
    zero, one = np.zeros(len(x)), np.ones(len(x))
    columns = [(one, zero, zero), (zero, one, zero), (zero, zero, one)]
    columns += [(-x[:, 1], x[:, 0], zero), (x[:, 2], zero, -x[:, 0]), (zero, -x[:, 2], x[:, 1])]
    basis = np.linalg.qr(np.array([np.column_stack(parts).ravel() for parts in columns]).T)[0]
    return PETSc.NullSpace().create(
        vectors=[PETSc.Vec().createWithArray(one.copy(), comm=PETSc.COMM_SELF) for one in basis.T]
    )


def assemble_ours(domain: mesh.Mesh) -> Callable[[], object]:
    """Assembly of our matrix alone."""
    ours = Ours(domain)
    conditions = [Fixed(on="clamp"), Traction(on="pull", x=PULL)]
    young, poisson = (fem.Constant(domain, one) for one in (YOUNG, POISSON))
    elasticity = ThermoElasticity(ours._body, young, poisson, conditions=conditions)

    def work() -> None:
        elasticity._matrix.zeroEntries()
        fem_petsc.assemble_matrix(elasticity._matrix, elasticity._stiffness)
        elasticity._matrix.assemble()

    return work


def assemble_plain(domain: mesh.Mesh) -> Callable[[], object]:
    """The same by plain DOLFINx."""
    space = fem.functionspace(domain, ("Lagrange", 2, (3,)))
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    mu, lame = YOUNG / (2 + 2 * POISSON), YOUNG * POISSON / ((1 + POISSON) * (1 - 2 * POISSON))
    e = ufl.sym(ufl.grad(u))
    stress = 2.0 * mu * e + lame * ufl.tr(e) * ufl.Identity(3)
    form = fem.form(ufl.inner(stress, ufl.grad(v)) * ufl.dx(metadata={"quadrature_degree": 2}))
    matrix = fem_petsc.create_matrix(form)

    def work() -> None:
        matrix.zeroEntries()
        fem_petsc.assemble_matrix(matrix, form)
        matrix.assemble()

    return work


def assemble_skfem(cells: int) -> Callable[[], object]:
    """The same by scikit-fem."""
    import skfem
    from skfem.models.elasticity import lame_parameters, linear_elasticity

    line = np.linspace(0.0, 1.0, cells + 1)
    basis = skfem.Basis(
        skfem.MeshTet.init_tensor(line, line, line), skfem.ElementVector(skfem.ElementTetP2()), intorder=2
    )
    form = linear_elasticity(*lame_parameters(YOUNG, POISSON))
    return lambda: form.assemble(basis)


def elasticity_rows(cells: int, repeats: int) -> list[Row]:
    """Assembly, and first solve."""
    domain = cube(cells)
    assemblies = {"ours": assemble_ours(domain), "DOLFINx": assemble_plain(domain)}
    if importlib.util.find_spec("skfem"):
        assemblies["scikit-fem"] = assemble_skfem(cells)
    ours, plain, direct = Ours(domain), Plain(domain, False), Plain(domain, True)
    found, other = ours.solve(), plain.solve()
    unlike = float(np.abs(found - other).max() / np.abs(other).max())
    solves = {"ours": ours.solve, "DOLFINx, GAMG": plain.solve, "DOLFINx, MUMPS": direct.solve}
    rows: list[Row] = []
    for what, ways in (("assembly", assemblies), (f"first solve (unlike by {unlike:.0e})", solves)):
        times = alternate(ways, repeats)
        rows += [
            {
                "what": what,
                "by": name,
                "unknowns": f"{len(found):,}",
                "seconds": figure(each),
                "over ours": over(each, times["ours"]),
            }
            for name, each in times.items()
        ]
    if "scikit-fem" not in assemblies:
        rows.append({"what": "assembly", "by": "scikit-fem", "over ours": "absent: pip install scikit-fem"})
    return rows


class PlainExplicit:
    """Explicit small-strain J2 in plane strain by DOLFINx's expressions and forms; one constant step."""

    def __init__(self, domain: mesh.Mesh, step: float) -> None:
        self._step, self._space = step, fem.functionspace(domain, ("Lagrange", 1, (2,)))
        element = basix.ufl.quadrature_element(domain.basix_cell(), value_shape=(4,), degree=3)
        self._stress = fem.Function(fem.functionspace(domain, element))
        self._u, v = fem.Function(self._space), ufl.TestFunction(self._space)
        e, d = ufl.sym(ufl.grad(self._u)), ufl.sym(ufl.grad(v))
        points = basix.make_quadrature(domain.basix_cell(), 3)[0]
        self._strain = fem.Expression(ufl.as_vector([e[0, 0], e[1, 1], e[0, 1]]), points)
        self._cells = np.arange(domain.topology.index_map(2).size_local, dtype=np.int32)
        s = self._stress
        dx = ufl.dx(metadata={"quadrature_degree": 3, "quadrature_scheme": "default"})
        self._force = fem.form((s[0] * d[0, 0] + s[1] * d[1, 1] + 2.0 * s[3] * d[0, 1]) * dx)
        mass = fem.assemble_vector(fem.form(METAL.density * (v[0] + v[1]) * dx)).array
        self._inverse, self._v = 1.0 / mass, np.zeros(len(mass))
        self._v[1::2] = -1.0 * self._space.tabulate_dof_coordinates()[:, 1] * 1e4
        self._held = np.flatnonzero(np.repeat(self._space.tabulate_dof_coordinates()[:, 1] < 1e-9, 2))
        self.points = len(self._cells) * len(points)
        self._plastic, self._equivalent = np.zeros((4, self.points)), np.zeros(self.points)
        self._work = la.vector(self._space.dofmap.index_map, 2)

    def advance(self, steps: int) -> int:
        """Some steps, and how many."""
        shear, bulk = METAL.shear_modulus, METAL.bulk_modulus
        hardening, first = 100e6, 400e6
        for _ in range(steps):
            self._u.x.array[:] += self._step * self._v
            strain = self._strain.eval(self._u.function_space.mesh, self._cells).reshape(-1, 3).T
            elastic = np.zeros((4, self.points))
            elastic[:2], elastic[3] = strain[:2], strain[2]
            elastic -= self._plastic
            dilatation = strain[0] + strain[1]
            elastic[:3] -= dilatation / 3.0
            norm = np.sqrt((elastic[:3] ** 2).sum(axis=0) + 2.0 * elastic[3] ** 2 + 1e-300)
            trial = np.sqrt(6.0) * shear * norm
            increment = np.maximum(trial - first - hardening * self._equivalent, 0.0) / (3.0 * shear + hardening)
            self._equivalent += increment
            flow = elastic * (np.sqrt(1.5) * increment / norm)
            self._plastic += flow
            stress = 2.0 * shear * (elastic - flow)
            stress[:3] += bulk * dilatation
            self._stress.x.array[:] = stress.T.ravel()
            self._work.array[:] = 0.0
            fem.assemble_vector(self._work.array, self._force)
            self._v -= self._step * self._inverse * self._work.array
            self._v[self._held] = 0.0
        return steps


def explicit_rows(cells: tuple[int, int], steps: int, repeats: int) -> list[Row]:
    """Million quadrature-point steps a second on one core."""
    corners = [np.zeros(2), np.array([3.2e-3, 32.4e-3])]
    domain = mesh.create_rectangle(MPI.COMM_SELF, corners, cells, mesh.CellType.quadrilateral)

    def ours(model: type, axisymmetric: bool) -> ExplicitDynamics:
        kinematics = Kinematics(domain, axisymmetric)
        foot = [Support(component, lambda points: points[:, 1] < 1e-9) for component in (0, 1)]
        run = ExplicitDynamics(kinematics, model(METAL, kinematics.layout), [0.0, -100.0], foot)
        run.advance(2e-7)
        return run

    small, finite = ours(SmallStrainJ2, False), ours(FiniteStrainJ2, True)
    plain = PlainExplicit(domain, 0.5 * small.stable_step)

    def advance(run: ExplicitDynamics) -> int:
        before = run.steps
        run.advance(run.time + steps * run.stable_step)
        return run.steps - before

    ways = {
        "ours, small strain, plane": partial(advance, small),
        "DOLFINx, small strain, plane": partial(plain.advance, steps),
        "ours, finite strain, axisymmetric": partial(advance, finite),
    }
    times = a_step(ways, repeats)
    first = times["ours, small strain, plane"]
    return [
        {
            "explicit J2": name,
            "points": f"{plain.points:,}",
            "million point steps a second": figure([plain.points / each / 1e6 for each in seconds]),
            "over ours": over(seconds, first),
        }
        for name, seconds in times.items()
    ]


def a_step(ways: Mapping[str, Callable[[], int]], repeats: int, slices: int = 10) -> dict[str, list[float]]:
    """Seconds a step; in short slices in turn, since a load comes and goes faster than a long march ends."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        spent = dict.fromkeys(ways, 0.0)
        taken = dict.fromkeys(ways, 0)
        for _ in range(slices):
            for name, work in ways.items():
                start = time.perf_counter()
                taken[name] += work()
                spent[name] += time.perf_counter() - start
        for name in ways:
            times[name].append(spent[name] / taken[name])
    return times


def tables(quick: bool) -> dict[str, list[Row]]:
    """The comparison."""
    repeats = 1 if quick else REPEATS
    return {
        "Elasticity": elasticity_rows(2 if quick else 10, repeats),
        "Explicit dynamics": explicit_rows((4, 20) if quick else (14, 140), 20, repeats),
    }
