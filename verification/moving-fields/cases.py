"""Fields that move, as formulas of place and state, and the gmsh meshes that they are given on."""

from collections.abc import Callable

import gmsh
import numpy as np

from cmgai_fem.states.labels import Array, Labels, labels_on_mesh

MovingField = Callable[[Array, float], Array]
# Radii of the torus.
RING, TUBE = 1.0, 0.4


def oblique_pulse(points: Array, s: float) -> Array:
    """A pulse that moves aslant, accelerates, grows, stretches and turns."""
    x, y = points[:, 0] - 0.2 - 0.4 * s - 0.18 * s * s, points[:, 1] - 0.25 - 0.2 * s - 0.28 * s * s
    angle = np.pi / 6.0 + 0.5 * s
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    return np.asarray((1.0 + 0.3 * s) * np.exp(-((u / (0.08 + 0.05 * s)) ** 2) - (v / (0.06 - 0.01 * s)) ** 2))


def pulse_on_an_arc(points: Array, s: float) -> Array:
    """A pulse that runs through 270 degrees of a circle, 67 between two known states."""
    angle = 1.5 * np.pi * s
    return _bump(points, (0.5 + 0.28 * np.cos(angle), 0.5 + 0.28 * np.sin(angle)), 0.07)


def signed_wave(points: Array, s: float) -> Array:
    """A plane wave of both signs that enters through two sides and leaves through the others."""
    return np.asarray(np.sin(2.0 * np.pi * (1.5 * points[:, 0] + 0.8 * points[:, 1] - 1.3 * s)) * (1.0 + 0.2 * s))


def oblique_jump(points: Array, s: float) -> Array:
    """A jump across a line aslant to everything, before a field that varies."""
    angle = np.deg2rad(35.0)
    along = points[:, 0] * np.cos(angle) + points[:, 1] * np.sin(angle)
    return np.where(along < 0.2 + 0.7 * s + 0.15 * s * s, 1.0 + 0.5 * s - 0.3 * points[:, 1], 0.0)


def front_born(points: Array, s: float) -> Array:
    """A round front that is born in a corner at s = 0.3 and spreads."""
    age = max(s - 0.3, 0.0)
    front = 0.5 * (1.0 - np.tanh((np.hypot(points[:, 0], points[:, 1]) - 0.1 - age) / 0.04))
    return np.asarray(front * min(1.0, age / 0.1))


def crossing_pulses(points: Array, s: float) -> Array:
    """Two pulses that run through each other: no map of the labels does that."""
    first = _bump(points, (0.2 + 0.6 * s, 0.25 + 0.5 * s), 0.07)
    return np.asarray(first + 0.8 * _bump(points, (0.2 + 0.6 * s, 0.75 - 0.5 * s), 0.07))


def pulse_over_a_block(points: Array, s: float) -> Array:
    """A pulse that passes a block which stays where it is."""
    x, y = points.T
    block = np.minimum((x - 0.6) / 0.1, 1.0) * np.minimum((y - 0.6) / 0.1, 1.0) * ((x > 0.6) & (y > 0.6))
    return np.asarray(_bump(points, (0.2 + 0.6 * s, 0.4), np.sqrt(2.0) * 0.1) + 0.7 * block)


def smooth(points: Array, s: float) -> Array:
    """Nothing moves: each node's value is smooth in s."""
    return np.asarray(np.exp(0.8 * s * np.sin(3.0 * points[:, 0] + points[:, 1])) + s * s * points[:, 0])


def pulse_on_a_torus(points: Array, s: float) -> Array:
    """A pulse that winds round both circles of a torus."""
    u, v = 0.3 + 1.26 * s, 0.4 + 1.4 * (1.2 * s + 0.3 * s * s)
    radius = RING + TUBE * np.cos(v)
    return _bump(points, (radius * np.cos(u), radius * np.sin(u), TUBE * np.sin(v)), np.sqrt(2.0) * 0.16)


def pulse_on_a_helix(points: Array, s: float) -> Array:
    """A pulse that climbs a helix through a cube, three quarters of a turn."""
    angle = 1.5 * np.pi * s
    return _bump(points, (0.5 + 0.25 * np.cos(angle), 0.5 + 0.25 * np.sin(angle), 0.2 + 0.6 * s), 0.16)


def ring_on_a_sphere(points: Array, s: float) -> Array:
    """A ring that grows on a sphere about an axis aslant to everything, ever faster and ever lower."""
    angle = np.arccos(np.clip(points @ np.array([0.48, 0.6, 0.64]) / np.linalg.norm(points, axis=1), -1.0, 1.0))
    return np.asarray((1.0 - 0.3 * s) * np.exp(-(((angle - 0.35 - 0.6 * s - 0.3 * s * s) / 0.18) ** 2)))


def rotating_band(points: Array, s: float) -> Array:
    """A shear band that turns by 60 degrees, and grows."""
    angle = np.deg2rad(20.0 + 60.0 * s)
    across = (points[:, 1] - 0.45) * np.cos(angle) - (points[:, 0] - 0.5) * np.sin(angle)
    return np.asarray((1.0 + 0.5 * s) * np.exp(-((across / 0.07) ** 2)))


def _bump(points: Array, centre: tuple[float, ...], width: float) -> Array:
    return np.asarray(np.exp(-np.sum((points - np.array(centre)) ** 2, axis=1) / width**2))


ON_A_SQUARE: dict[str, MovingField] = {
    field.__name__: field
    for field in (
        oblique_pulse, pulse_on_an_arc, signed_wave, oblique_jump, front_born, crossing_pulses, pulse_over_a_block,
        smooth,
    )
}  # fmt: skip
ON_A_TORUS: dict[str, MovingField] = {pulse_on_a_torus.__name__: pulse_on_a_torus}
# Written after everything was settled, and run as it was: not in the study's own list.
APART: dict[str, MovingField] = {field.__name__: field for field in (pulse_on_a_helix, ring_on_a_sphere, rotating_band)}
CASES = ON_A_SQUARE | ON_A_TORUS | APART
HEATED = ("source_on_a_plate", "source_in_a_block", "broad_source")


def square(cell: float) -> Labels:
    """Triangles of a unit square."""
    return meshed(lambda model: model.addRectangle(0.0, 0.0, 0.0, 1.0, 1.0), cell, 2)


def torus(cell: float) -> Labels:
    """Triangles of the surface of a torus; as many as of the square."""
    return meshed(lambda model: model.addTorus(0.0, 0.0, 0.0, RING, TUBE), 4.0 * cell, 3)


def sphere(cell: float) -> Labels:
    """Triangles of the surface of a sphere."""
    return meshed(lambda model: model.addSphere(0.0, 0.0, 0.0, 1.0), 4.25 * cell, 3)


def cube(cell: float) -> Labels:
    """Tetrahedra of a unit cube."""
    return meshed(lambda model: model.addBox(0.0, 0.0, 0.0, 1.0, 1.0, 1.0), 3.5 * cell, 3, solid=True)


def body_of(name: str) -> Callable[[float], Labels]:
    """The mesh that a case is given on, by the side of its cells."""
    others = {"pulse_on_a_torus": torus, "pulse_on_a_helix": cube, "ring_on_a_sphere": sphere}
    return others.get(name, square)


def meshed(build: Callable[[type], object], cell: float, dimension: int, solid: bool = False) -> Labels:
    """Triangles of a surface, or tetrahedra of a solid, that `build` makes of gmsh's shapes."""
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("Mesh.MeshSizeMax", cell)
        build(gmsh.model.occ)
        gmsh.model.occ.synchronize()
        gmsh.model.mesh.generate(3 if solid else 2)
        tags, places, _ = gmsh.model.mesh.getNodes()
        _, corners = gmsh.model.mesh.getElementsByType(4 if solid else 2)
    finally:
        gmsh.finalize()
    used, cells = np.unique(corners, return_inverse=True)
    order = np.argsort(tags)
    rows = order[np.searchsorted(tags[order], used)]
    points = np.asarray(places, dtype=float).reshape(-1, 3)[rows, :dimension]
    kind, many = ("tetra", 4) if solid else ("triangle", 3)
    return labels_on_mesh(points, {kind: cells.reshape(-1, many).astype(np.int64)})
