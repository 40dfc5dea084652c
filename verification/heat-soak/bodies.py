"""Bodies that take up and lose heat, solved on meshes finer than those of the labels, and in small steps of time."""

from collections.abc import Callable
from dataclasses import dataclass

import gmsh
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.sparse.linalg import splu

from cmgai_fem.states.labels import Array, BoolArray, Labels, labels_on_mesh
from cmgai_fem.transport.label_mesh import LabelMesh
from cmgai_fem.transport.laws import Membrane
from cmgai_fem.transport.operator_modes import boundary_of


@dataclass(frozen=True)
class Soak:
    """A body that conducts heat.

    Args:
        dimension: 2, a square, or 3, a block of half the height; with sides of 1 m.
        diffusivity: D [m^2/s].
        start: temperature (N,) at the start at points (N, g).
        exchange: h [1/m] on the whole boundary, with surroundings at `around`.
        around: temperature of the surroundings.
        held: points that keep the temperature that they start with; none by default.
    """

    dimension: int
    diffusivity: float
    start: Callable[[Array], Array]
    exchange: float = 0.0
    around: float = 0.0
    held: Callable[[Array], BoolArray] = lambda points: np.zeros(len(points), dtype=bool)

    def solve(self, cell: float, times: Array, steps: int) -> tuple[Labels, Array]:
        """The mesh of a cell size, and temperatures (T, N) at increasing times from 0 on; Crank-Nicolson."""
        labels = box(self.dimension, cell)
        mesh = LabelMesh.of(labels)
        mass, stiffness = mesh.mass, mesh.stiffness(Membrane(), 1)
        load = np.zeros(labels.count)
        if self.exchange:
            boundary = self.exchange * LabelMesh(mesh.points, boundary_of(mesh), mesh.density).mass
            stiffness = stiffness + boundary
            load = boundary @ np.full(labels.count, self.around)
        length = times[-1] / steps
        half = 0.5 * length * self.diffusivity
        left, right = mass + half * stiffness, mass - half * stiffness
        field, held = self.start(mesh.points), self.held(mesh.points)
        factor = splu(left[~held][:, ~held].tocsc())
        rows, found = np.rint(times / length).astype(int), [field]
        for step in range(1, steps + 1):
            pushed = right @ field + 2.0 * half * load - left[:, held] @ field[held]
            field = field.copy()
            field[~held] = factor.solve(pushed[~held])
            found += [field] * int(np.sum(rows == step))
        return labels, np.array(found)


def spot(points: Array) -> Array:
    """A warm spot off the centre."""
    return np.asarray(np.exp(-np.sum((points[:, :2] - [0.3, 0.4]) ** 2, axis=1) / 0.02))


def tilted(points: Array) -> Array:
    """Warm, and warmer on one side."""
    return np.asarray(1.0 + 0.3 * points[:, 0])


def face(points: Array) -> Array:
    """Cold but for one face."""
    return np.where(points[:, 0] < 1e-9, 1.0, 0.0)


# An insulated plate, a block that cools in air, and a plate that soaks through from a hot face.
BODIES = {
    "insulated_spot": Soak(2, 0.02, spot),
    "cooling_block": Soak(3, 0.1, tilted, exchange=3.0, around=0.5),
    "hot_face": Soak(2, 0.125, face, held=lambda points: points[:, 0] < 1e-9),
}


def box(dimension: int, cell: float) -> Labels:
    """A gmsh mesh of the unit square, or of the block."""
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("Mesh.MeshSizeMax", cell)
        if dimension == 2:
            gmsh.model.occ.addRectangle(0.0, 0.0, 0.0, 1.0, 1.0)
        else:
            gmsh.model.occ.addBox(0.0, 0.0, 0.0, 1.0, 1.0, 0.5)
        gmsh.model.occ.synchronize()
        gmsh.model.mesh.generate(dimension)
        tags, points, _ = gmsh.model.mesh.getNodes()
        _, cells = gmsh.model.mesh.getElementsByType(2 if dimension == 2 else 4)
    finally:
        gmsh.finalize()
    place = np.zeros(int(tags.max()) + 1, dtype=int)
    place[tags] = np.arange(len(tags))
    kind = "triangle" if dimension == 2 else "tetra"
    return labels_on_mesh(points.reshape(-1, 3)[:, :dimension], {kind: place[cells].reshape(-1, dimension + 1)})


def on(labels: Labels, source: Labels, fields: Array) -> Array:
    """Fields (T, N) of a fine mesh at the labels of a coarse one."""
    return np.asarray(LinearNDInterpolator(source.points, fields.T)(labels.points)).T
