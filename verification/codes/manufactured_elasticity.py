"""Orders of convergence of thermo-elasticity by a manufactured solution, with varying properties and temperature."""

from itertools import product

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI

from cmgai_fem.mechanics.body import mark_boundaries
from cmgai_fem.mechanics.conditions import BodyForce, Fixed
from cmgai_fem.mechanics.thermoelastic import ThermoElasticity, strain, thermoelastic_stress
from cmgai_fem.study.findings import Figure

CELLS = (12, 24)
POISSON = 0.3


def run() -> list[Figure]:
    """Observed order in L2 (k + 1) and H1 (k) for degrees 1 to 3 on triangles and quadrilaterals, plane strain."""
    rows = []
    shapes = {"triangles": dolfinx.mesh.CellType.triangle, "quadrilaterals": dolfinx.mesh.CellType.quadrilateral}
    for (name, shape), degree in product(shapes.items(), (1, 2, 3)):
        coarse, fine = (_errors(shape, degree, cells) for cells in CELLS)
        for norm, order, left, right in zip(("L2", "H1"), (degree + 1, degree), coarse, fine, strict=True):
            quantity = f"order in {norm}, degree {degree}, {name} [-]"
            observed = float(np.log2(left / right))
            rows.append(
                Figure.at_least(
                    "manufactured-elasticity", quantity, "", observed, float(order), "Cea, Nitsche", tolerance=0.05
                )
            )
    return rows


def _errors(shape: dolfinx.mesh.CellType, degree: int, cells: int) -> tuple[float, float]:
    """Errors in L2 and in the H1 seminorm."""
    mesh = dolfinx.mesh.create_unit_square(MPI.COMM_SELF, cells, cells, shape)
    body = mark_boundaries(mesh, {"all": lambda x: np.full(x.shape[1], True)})
    x, y = ufl.SpatialCoordinate(mesh)
    exact = ufl.as_vector([ufl.sin(np.pi * x) * ufl.sin(2 * np.pi * y), x * (1 - x) * ufl.sin(np.pi * y) * ufl.exp(y)])
    young, thermal = 1.0 + 0.5 * x * y, 0.1 * ufl.sin(x + 2 * y)
    stress = thermoelastic_stress(strain(exact, "plane strain"), thermal, young, POISSON, "plane strain")
    in_plane = ufl.as_tensor([[stress[0, 0], stress[0, 1]], [stress[1, 0], stress[1, 1]]])
    force = -ufl.div(in_plane)
    problem = ThermoElasticity(
        body, young, POISSON, thermal, setting="plane strain", degree=degree,
        conditions=[Fixed(on="all"), BodyForce(on="body", x=force[0], y=force[1])],
    )  # fmt: skip
    problem.solve("manufactured solution")
    error = problem.displacement - exact
    dx = ufl.dx(mesh, metadata={"quadrature_degree": 2 * degree + 4})
    squares = [ufl.inner(error, error) * dx, ufl.inner(ufl.grad(error), ufl.grad(error)) * dx]
    value, gradient = (float(np.sqrt(fem.assemble_scalar(fem.form(square)))) for square in squares)
    return value, gradient
