"""Hill's thick cylinder of a perfectly plastic metal under internal pressure, in plane strain."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
import ufl
from dolfinx import fem, mesh
from mpi4py import MPI
from scipy.optimize import brentq

from cmgai_fem.mechanics.body import mark_boundaries
from cmgai_fem.mechanics.hardening import LinearHardening
from cmgai_fem.mechanics.quasi_static import QuasiStaticPlasticity
from cmgai_fem.study.findings import Figure

# Lengths [mm] and stresses [GPa], as published.
INNER, OUTER, YOUNG, POISSON, YIELD = 100.0, 200.0, 210.0, 0.3, 0.24
SOURCE = "Hill, The Mathematical Theory of Plasticity (1950); de Souza Neto et al. (2008), 7.5.1"


def exact_displacement(pressure: float) -> float:
    """Radial displacement of the outer surface [mm] at an internal pressure [GPa]; the formula is Tresca's."""
    strength = 2.0 * YIELD / np.sqrt(3.0)

    def balance(front: float) -> float:
        return float(strength * (np.log(front / INNER) + 0.5 * (1.0 - front**2 / OUTER**2)) - pressure)

    if balance(INNER) >= 0.0:  # elastic
        return float(2.0 * pressure * INNER**2 * OUTER * (1.0 - POISSON**2) / (YOUNG * (OUTER**2 - INNER**2)))
    return float(strength * brentq(balance, INNER, OUTER) ** 2 * (1.0 - POISSON**2) / (YOUNG * OUTER))


def cylinder(radial: int, around: int, pressures: list[float]) -> list[float]:
    """Displacement of the outer surface [mm] at each of the increasing pressures [GPa], a quarter of the ring."""
    corners = [[0.0, 0.0], [1.0, 1.0]]
    domain = mesh.create_rectangle(MPI.COMM_SELF, corners, [radial, around], mesh.CellType.quadrilateral)
    s, t = domain.geometry.x[:, 0].copy(), 0.5 * np.pi * domain.geometry.x[:, 1]
    radius = INNER * (OUTER / INNER) ** s
    domain.geometry.x[:, 0], domain.geometry.x[:, 1] = radius * np.cos(t), radius * np.sin(t)
    space = fem.functionspace(domain, ("Lagrange", 2, (2,)))
    zero, pressure = fem.Constant(domain, 0.0), fem.Constant(domain, 0.0)
    conditions = []
    for component in (0, 1):
        part = space.sub(component)
        facets = mesh.locate_entities_boundary(domain, 1, lambda x, i=component: np.isclose(x[i], 0.0))
        conditions.append(fem.dirichletbc(zero, fem.locate_dofs_topological(part, 1, facets), part))
    body = mark_boundaries(domain, {"inside": lambda x: np.hypot(x[0], x[1]) < 1.001 * INNER})
    normal = ufl.FacetNormal(domain)
    # The full rule: nine-node cells with four points have modes without energy.
    problem = QuasiStaticPlasticity(
        space,
        conditions,
        lambda test: -pressure * ufl.dot(normal, test) * body.ds("inside"),
        POISSON,
        LinearHardening(YIELD),
        quadrature_degree=5,
    )
    problem.young[:] = YOUNG
    outer = fem.locate_dofs_geometrical(
        (space.sub(0), space.sub(0).collapse()[0]), lambda x: np.isclose(x[0], OUTER) & np.isclose(x[1], 0.0)
    )[0]
    displacements = []
    for value in pressures:
        pressure.value = value
        problem.solve(f"pressure = {value:g} GPa")
        displacements.append(float(problem.displacement.x.array[outer[0]]))
    return displacements


def run() -> list[Figure]:
    """Rows: displacement of the outer surface at pressures up to 0.16 GPa (the limit pressure is 0.19209)."""
    pressures = [0.08, 0.12, 0.14, 0.16]
    rows = []
    for pressure, value in zip(pressures, cylinder(12, 40, pressures), strict=True):
        quantity = f"outer displacement at p = {pressure:g} GPa [mm]"
        rows.append(Figure.equals("hill-cylinder", quantity, "", value, exact_displacement(pressure), 2e-3, SOURCE))
    return rows
