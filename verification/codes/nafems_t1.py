"""NAFEMS T1: membrane with a hot spot."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import gmsh
import ufl
from mpi4py import MPI

from cmgai_fem.mechanics.conditions import Symmetry
from cmgai_fem.mechanics.meshing import mesh_with_gmsh
from cmgai_fem.mechanics.thermoelastic import ThermoElasticity
from cmgai_fem.study.findings import Figure

from .probes import evaluate

SPOT, HALF_WIDTH = 1e-3, 10e-3
YOUNG, POISSON, FREE_STRAIN = 100e9, 0.3, 1e-3


def run() -> list[Figure]:
    """Hoop stress just outside the spot: E alpha T/2 in an infinite plate, which the 20 mm plate only nearly is."""
    published, wide = hoop_stress(HALF_WIDTH), hoop_stress(4.0 * HALF_WIDTH)
    return [
        Figure.equals("nafems-t1", "hoop stress at the spot [Pa]", "", published, 50e6, 1e-2, "NAFEMS TNSB T1"),
        Figure.equals("nafems-t1", "the same, four times as wide [Pa]", "", wide, 50e6, 1e-3, "exact (infinite plate)"),
    ]


def hoop_stress(half_width: float) -> float:
    """Stress yy [Pa] on the x axis just outside the spot of a square plate."""
    body = mesh_with_gmsh(lambda: _quarter_plate(half_width), "NAFEMS T1", MPI.COMM_SELF, 2)
    x, y = ufl.SpatialCoordinate(body.mesh)
    hot = ufl.conditional(ufl.lt(x**2 + y**2, SPOT**2), FREE_STRAIN, 0.0)
    held = [Symmetry(on="bottom"), Symmetry(on="left")]
    plate = ThermoElasticity(body, YOUNG, POISSON, hot, setting="plane stress", conditions=held)
    plate.solve("NAFEMS T1")
    return evaluate(plate.stress[1, 1], body.mesh, (SPOT * (1.0 + 1e-6), 0.0))


def _quarter_plate(half_width: float) -> None:
    geometry = gmsh.model.occ
    plate = (2, geometry.addRectangle(0.0, 0.0, 0.0, half_width, half_width))
    disk = (2, geometry.addDisk(0.0, 0.0, 0.0, SPOT, SPOT))
    spot, _ = geometry.intersect([plate], [disk], removeObject=False)
    geometry.fragment([plate], spot)
    geometry.synchronize()
    edge, far = 1e-6, 2.0 * half_width
    gmsh.model.addPhysicalGroup(2, [tag for _, tag in gmsh.model.getEntities(2)], name="body")
    for name, box in {"bottom": (-edge, -edge, far, edge), "left": (-edge, -edge, edge, far)}.items():
        found = gmsh.model.getEntitiesInBoundingBox(box[0], box[1], -edge, box[2], box[3], edge, 1)
        gmsh.model.addPhysicalGroup(1, [tag for _, tag in found], name=name)
    field = gmsh.model.mesh.field
    distance = field.add("MathEval")
    field.setString(distance, "F", f"{SPOT}*(0.03 + 0.12*Fabs(Sqrt(x*x + y*y)/{SPOT} - 1))")
    field.setAsBackgroundMesh(distance)
    gmsh.option.setNumber("Mesh.MeshSizeExtendFromBoundary", 0)
    gmsh.option.setNumber("Mesh.ElementOrder", 2)
    gmsh.model.mesh.generate(2)
