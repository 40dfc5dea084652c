"""NAFEMS LE1: elliptic membrane under outward pressure."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import gmsh
from mpi4py import MPI

from cmgai_fem.mechanics.conditions import Pressure, Symmetry
from cmgai_fem.mechanics.meshing import mesh_with_gmsh
from cmgai_fem.mechanics.thermoelastic import ThermoElasticity
from cmgai_fem.study.findings import Figure

from .probes import evaluate

YOUNG, POISSON, PRESSURE = 210e9, 0.3, 10e6


def run() -> list[Figure]:
    """Stress yy at the inner ellipse's end, point D (2, 0), in plane stress."""
    body = mesh_with_gmsh(_quarter_membrane, "NAFEMS LE1", MPI.COMM_SELF, 2)
    membrane = ThermoElasticity(
        body, YOUNG, POISSON, setting="plane stress",
        conditions=[Pressure(on="outer", value=-PRESSURE), Symmetry(on="bottom"), Symmetry(on="left")],
    )  # fmt: skip
    membrane.solve("NAFEMS LE1")
    value = evaluate(membrane.stress[1, 1], body.mesh, (2.0, 0.0))
    return [Figure.equals("nafems-le1", "stress yy at D [Pa]", "", value, 92.7e6, 2e-3, "NAFEMS TNSB LE1")]


def _quarter_membrane() -> None:
    geometry = gmsh.model.occ
    centre = geometry.addPoint(0.0, 0.0, 0.0)
    corner = {"D": (2.0, 0.0), "C": (3.25, 0.0), "B": (0.0, 2.75), "A": (0.0, 1.0)}
    point = {name: geometry.addPoint(x, y, 0.0) for name, (x, y) in corner.items()}
    bottom, left = geometry.addLine(point["D"], point["C"]), geometry.addLine(point["B"], point["A"])
    outer = geometry.addEllipseArc(point["C"], centre, point["C"], point["B"])
    inner = geometry.addEllipseArc(point["A"], centre, point["D"], point["D"])
    surface = geometry.addPlaneSurface([geometry.addCurveLoop([bottom, outer, left, inner])])
    geometry.synchronize()
    gmsh.model.addPhysicalGroup(2, [surface], name="body")
    for name, curve in {"bottom": bottom, "left": left, "outer": outer}.items():
        gmsh.model.addPhysicalGroup(1, [curve], name=name)
    field = gmsh.model.mesh.field
    size = field.add("MathEval")
    field.setString(size, "F", "0.01 + 0.08*Sqrt((x - 2)*(x - 2) + y*y)")
    field.setAsBackgroundMesh(size)
    gmsh.option.setNumber("Mesh.MeshSizeExtendFromBoundary", 0)
    gmsh.option.setNumber("Mesh.ElementOrder", 2)
    gmsh.model.mesh.generate(2)
