"""NAFEMS T1: membrane with a hot spot."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import gmsh
import ufl
from mpi4py import MPI

from cmgai_fem.mechanics.codes import CheckRow
from cmgai_fem.mechanics.codes.probes import evaluate
from cmgai_fem.mechanics.meshing import mesh_with_gmsh
from cmgai_fem.mechanics.thermoelastic import ThermoElasticity

SPOT, HALF_WIDTH = 1e-3, 10e-3
YOUNG, POISSON, FREE_STRAIN = 100e9, 0.3, 1e-3


def run() -> list[CheckRow]:
    """Hoop stress just outside the spot: E alpha T/2 in an infinite plate, which the 20 mm plate nearly is."""
    body = mesh_with_gmsh(_quarter_plate, "NAFEMS T1", MPI.COMM_SELF, 2)
    x, y = ufl.SpatialCoordinate(body.mesh)
    hot = ufl.conditional(ufl.lt(x**2 + y**2, SPOT**2), FREE_STRAIN, 0.0)
    plate = ThermoElasticity(
        body, YOUNG, POISSON, hot, setting="plane stress", fixed={("bottom", 1): 0.0, ("left", 0): 0.0}
    )
    plate.solve("NAFEMS T1")
    value = evaluate(plate.stress[1, 1], body.mesh, (SPOT * (1.0 + 1e-6), 0.0))
    return [
        CheckRow.equal(
            "nafems-t1", "stress yy just outside the spot [Pa]", 50e6, value, 1e-2, "NAFEMS TNSB T1 (infinite plate)"
        )
    ]


def _quarter_plate() -> None:
    geometry = gmsh.model.occ
    plate = (2, geometry.addRectangle(0.0, 0.0, 0.0, HALF_WIDTH, HALF_WIDTH))
    disk = (2, geometry.addDisk(0.0, 0.0, 0.0, SPOT, SPOT))
    spot, _ = geometry.intersect([plate], [disk], removeObject=False)
    geometry.fragment([plate], spot)
    geometry.synchronize()
    edge, far = 1e-6, 2.0 * HALF_WIDTH
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
