"""The bodies on which the fields of the cases live; all small."""

from functools import cache

from cmgai_fem.mechanics.body import Body

from cmgai_fem.mechanics.meshing import mesh_with_gmsh  # isort: skip
import gmsh
import numpy as np
from mpi4py import MPI

from cmgai_fem.states.label_meshes import line_mesh
from cmgai_fem.states.labels import Array, Labels, labels_on_mesh

HOLE = 0.2


@cache
def bar(low: float = 0.0, high: float = 1.0) -> Labels:
    """161 labels of a line."""
    return line_mesh(161, (low, high))


@cache
def square_body(size: float = 0.045) -> Body:
    """The unit square in unstructured triangles by gmsh, some 600 nodes by default."""

    def build() -> None:
        gmsh.model.occ.addRectangle(0.0, 0.0, 0.0, 1.0, 1.0)
        _mesh_surface(size)

    return mesh_with_gmsh(build, "the unit square", MPI.COMM_SELF, 2)


@cache
def holed_plate() -> Labels:
    """A plate of side 2 with a hole of radius 0.2 in its middle."""

    def build() -> None:
        plate = gmsh.model.occ.addRectangle(-1.0, -1.0, 0.0, 2.0, 2.0)
        hole = gmsh.model.occ.addDisk(0.0, 0.0, 0.0, HOLE, HOLE)
        gmsh.model.occ.cut([(2, plate)], [(2, hole)])
        _mesh_surface(0.09)

    return _labels(mesh_with_gmsh(build, "the plate with a hole", MPI.COMM_SELF, 2))


def square() -> Labels:
    """Labels of `square_body`."""
    return _labels(square_body())


@cache
def ellipsoid() -> Labels:
    """A closed surface in space: an icosahedron's subdivision, drawn out to an ellipsoid; 642 nodes."""
    import pyvista

    ball = pyvista.Icosphere(radius=1.0, nsub=3)
    points: Array = np.asarray(ball.points, dtype=float) * [1.0, 0.8, 0.6]
    return labels_on_mesh(points, {"triangle": np.asarray(ball.faces, dtype=np.int64).reshape(-1, 4)[:, 1:]})


def _mesh_surface(size: float) -> None:
    """Mesh gmsh's current model, whose surface alone is kept."""
    gmsh.model.occ.synchronize()
    gmsh.model.addPhysicalGroup(2, [tag for _, tag in gmsh.model.getEntities(2)], name="body")
    gmsh.option.setNumber("Mesh.MeshSizeMax", size)
    gmsh.model.mesh.generate(2)


def _labels(body: Body) -> Labels:
    assert body.labels is not None
    return body.labels
