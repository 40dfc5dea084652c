"""An elastic bar strikes a rigid wall: stress, contact time and rebound of one-dimensional wave theory."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import mesh
from mpi4py import MPI

from cmgai_fem.mechanics.explicit import ExplicitDynamics, RigidWall
from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.mechanics.plasticity import Metal
from cmgai_fem.mechanics.small_strain import SmallStrainJ2
from cmgai_fem.study.findings import Figure

LENGTH, VELOCITY, CELLS = 0.1, 10.0, 200
# Without lateral contraction a bar is one-dimensional exactly.
METAL = Metal(youngs_modulus=200e9, poissons_ratio=0.0, density=7850.0, hardening=None)
CHECK = "elastic-bar"
SOURCE = "one-dimensional elastic waves, exact"


def strike_bar(cells: int) -> ExplicitDynamics:
    """A bar one cell high at the moment of impact, x along it, the wall at x = 0."""
    height = LENGTH / 10.0
    domain = mesh.create_rectangle(
        MPI.COMM_SELF, [[0.0, 0.0], [LENGTH, height]], [cells, 1], mesh.CellType.quadrilateral
    )
    kinematics = Kinematics(domain)
    model = SmallStrainJ2(METAL, kinematics.layout)
    return ExplicitDynamics(kinematics, model, [-VELOCITY, 0.0], walls=RigidWall(0), courant=0.9)


def run() -> list[Figure]:
    """Rows: stress while the wave runs in, time of contact, rebound velocity."""
    bar = strike_bar(CELLS)
    speed = METAL.wave_speed
    bar.advance(0.75 * LENGTH / speed)
    state, full, centre = bar.synchronised()
    points = bar.kinematics.full.points // bar.kinematics.cells
    axial = (
        -bar.parts[0].model.cauchy_stress(full, np.tile(centre, (1, points)), state)[0].reshape(points, -1).mean(axis=0)
    )
    x = bar.kinematics.nodes[bar.kinematics.cell_nodes, 0].mean(axis=1)
    behind = (x > 0.1 * LENGTH) & (x < 0.6 * LENGTH)
    stress = float(axial[behind].mean())
    end = 3.0 * LENGTH / speed
    bar.advance(end)
    struck = np.flatnonzero(bar.kinematics.nodes[:, 0] < 1e-9)
    # After contact the struck end flies at v0, so its way tells when it left.
    contact = end - float(bar.displacement.array.reshape(-1, 2)[struck, 0].mean()) / VELOCITY
    rebound = float(np.dot(bar.mass[::2], bar.velocity[::2]) / bar.mass[::2].sum())
    return [
        Figure.equals(CHECK, "stress rho c v0 [Pa]", "", stress, METAL.density * speed * VELOCITY, 5e-3, SOURCE),
        Figure.equals(CHECK, "contact time 2L/c [s]", "", contact, 2.0 * LENGTH / speed, 1e-2, SOURCE),
        Figure.equals(CHECK, "rebound velocity v0 [m/s]", "", rebound, VELOCITY, 1e-2, SOURCE),
    ]
