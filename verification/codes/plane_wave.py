"""An elastic-plastic plane wave: the elastic precursor at the Hugoniot elastic limit and the plastic plateau."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import mesh
from mpi4py import MPI

from cmgai_fem.mechanics.explicit import ExplicitDynamics, RigidWall, Support
from cmgai_fem.mechanics.hardening import LinearHardening
from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.mechanics.plasticity import Metal
from cmgai_fem.mechanics.small_strain import SmallStrainJ2
from cmgai_fem.states.labels import Array
from cmgai_fem.study.findings import Figure

LENGTH, VELOCITY = 0.1, 100.0
YIELD, HARDENING = 400e6, 2e9
METAL = Metal(youngs_modulus=200e9, poissons_ratio=0.3, density=7850.0, hardening=LinearHardening(YIELD, HARDENING))
SOURCE = "uniaxial strain of a bilinear J2 metal, exact"
CHECK = "plane-wave"


def exact_stresses() -> tuple[float, float, float]:
    """Hugoniot elastic limit [Pa], plastic wave speed [m/s] and plateau stress [Pa]."""
    bulk, shear, density = METAL.bulk_modulus, METAL.shear_modulus, METAL.density
    limit = YIELD * (bulk + 4.0 / 3.0 * shear) / (2.0 * shear)
    modulus = bulk + 4.0 / 3.0 * shear * HARDENING / (3.0 * shear + HARDENING)
    speed = float(np.sqrt(modulus / density))
    return limit, speed, limit + density * speed * (VELOCITY - limit / (density * METAL.wave_speed))


def wave_profile(cells: int) -> tuple[Array, Array, float]:
    """Cell centres [m], compressive stress there [Pa] and the time [s], the precursor having run 80 % of the length."""
    # Cells ten times as high as long, so that the length alone sets the stable step.
    height = 10.0 * LENGTH / cells
    domain = mesh.create_rectangle(
        MPI.COMM_SELF, [[0.0, 0.0], [LENGTH, height]], [cells, 1], mesh.CellType.quadrilateral
    )
    kinematics = Kinematics(domain)
    uniaxial = Support(1, lambda x: np.ones(len(x), dtype=bool))
    model = SmallStrainJ2(METAL, kinematics.layout)
    slab = ExplicitDynamics(kinematics, model, [-VELOCITY, 0.0], [uniaxial], RigidWall(0), courant=0.9)
    time = 0.8 * LENGTH / METAL.wave_speed
    slab.advance(time)
    state, full, centre = slab.synchronised()
    points = full.shape[1] // cells
    stress = model.cauchy_stress(full, np.tile(centre, (1, points)), state)[0].reshape(points, cells).mean(axis=0)
    return kinematics.nodes[kinematics.cell_nodes, 0].mean(axis=1), -stress, time


def run() -> list[Figure]:
    """Rows: precursor and plateau of 800 cells, and how far the plateau's error falls from 200 cells."""
    limit, plastic_speed, plateau = exact_stresses()
    errors = []
    for cells in (200, 800):
        x, stress, time = wave_profile(cells)
        front, precursor = plastic_speed * time, METAL.wave_speed * time
        behind = (x > 0.3 * front) & (x < 0.8 * front)
        between = (x > front + 0.3 * (precursor - front)) & (x < front + 0.8 * (precursor - front))
        errors.append(abs(stress[behind].mean() / plateau - 1.0))
    return [
        Figure.equals(CHECK, "Hugoniot elastic limit [Pa]", "", float(stress[between].mean()), limit, 5e-3, SOURCE),
        Figure.equals(CHECK, "plateau stress [Pa]", "", float(stress[behind].mean()), plateau, 5e-3, SOURCE),
        Figure.at_most(CHECK, "plateau error, 800 cells / 200 cells", "", errors[1] / errors[0], 0.6, "it converges"),
    ]
