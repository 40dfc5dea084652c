"""A bar between rigid walls, heated, with Young's modulus and expansion that depend on temperature."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
from dolfinx import fem
from mpi4py import MPI

from cmgai_fem.mechanics.body import mark_boundaries
from cmgai_fem.mechanics.conditions import Symmetry
from cmgai_fem.mechanics.materials import TemperaturePolynomial
from cmgai_fem.mechanics.thermoelastic import ThermoElasticity
from cmgai_fem.study.findings import Figure

from .probes import evaluate

YOUNG = TemperaturePolynomial((200e9, -100e9), 20.0, 500.0)
EXPANSION = TemperaturePolynomial((1e-5, 1e-5), 20.0, 500.0)


def run() -> list[Figure]:
    """sigma = -E(T) alpha(T) (T - 20): -540 MPa at 260 degC and -960 MPa at 500 degC, in three dimensions."""
    mesh = dolfinx.mesh.create_box(MPI.COMM_SELF, [[0.0, 0.0, 0.0], [1.0, 0.1, 0.1]], [4, 1, 1])
    body = mark_boundaries(
        mesh,
        {
            "left": lambda x: np.isclose(x[0], 0.0),
            "right": lambda x: np.isclose(x[0], 1.0),
            "front": lambda x: np.isclose(x[1], 0.0),
            "bottom": lambda x: np.isclose(x[2], 0.0),
        },
    )
    temperature = fem.Function(fem.functionspace(mesh, ("Lagrange", 1)))
    bar = ThermoElasticity(
        body, YOUNG(temperature), 0.0, EXPANSION(temperature) * (temperature - 20.0),
        conditions=[Symmetry(on=name) for name in ("left", "right", "front", "bottom")],
    )  # fmt: skip
    rows = []
    for value, target in ((260.0, -540e6), (500.0, -960e6)):
        temperature.x.array[:] = value
        bar.solve(f"{value:g} degC")
        stress = evaluate(bar.stress[0, 0], mesh, [0.4, 0.05, 0.05])
        quantity = f"axial stress at {value:g} degC [Pa]"
        rows.append(Figure.equals("constrained-bar", quantity, "", stress, target, 1e-8, "exact"))
    return rows
