"""Heat conduction in a slab whose conductivity is linear in temperature."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import numpy as np
from mpi4py import MPI

from cmgai_fem.mechanics.body import mark_boundaries
from cmgai_fem.mechanics.conditions import Convection, Temperature
from cmgai_fem.mechanics.heat import Conduction
from cmgai_fem.study.findings import Figure

from .probes import evaluate

CELLS = 64


def run() -> list[Figure]:
    """k = 1 + 0.01 T between 0 and 100 degC, linear elements; and a slab of constant k cooled by convection."""
    mesh = dolfinx.mesh.create_interval(MPI.COMM_SELF, CELLS, [0.0, 1.0])
    body = mark_boundaries(mesh, {"left": lambda x: np.isclose(x[0], 0.0), "right": lambda x: np.isclose(x[0], 1.0)})
    hot = Temperature(on="right", value=100.0)
    slab = Conduction(
        body, {"": lambda temperature: 1.0 + 0.01 * temperature}, [Temperature(on="left", value=0.0), hot]
    )
    middle = evaluate(slab.solve("slab"), mesh, [0.5])
    # Kirchhoff: theta = T + b T^2/2 is linear in x, so T = (sqrt(1 + 2 b theta) - 1)/b.
    exact = (np.sqrt(1.0 + 0.02 * 0.5 * (100.0 + 0.005 * 100.0**2)) - 1.0) / 0.01
    air = Convection(on="left", coefficient=3.0, ambient=20.0)
    cooled = Conduction(body, {"": lambda temperature: 2.0 + 0.0 * temperature}, [hot, air])
    # k (100 - T0) = h (T0 - 20) a unit length.
    surface = (2.0 * 100.0 + 3.0 * 20.0) / 5.0
    cold = evaluate(cooled.solve("cooled slab"), mesh, [0.0])
    quantity = "surface T with convection [degC]"
    return [
        Figure.equals("kirchhoff-slab", "T(1/2) [degC]", "", middle, float(exact), 1e-5, "exact (Kirchhoff transform)"),
        Figure.equals("kirchhoff-slab", quantity, "", cold, surface, 1e-10, "exact (heat balance)"),
    ]
