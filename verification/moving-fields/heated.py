"""Temperatures under a source of heat that moves: steady in a frame that goes with it, by linear finite elements.

    -div grad T - v . grad T + h T = q(x; s),    grad T . n = 0

on a plate with a hole, where the heat is carried along with velocity v, and in a block in 3-D, heated at its top.
"""

from collections.abc import Callable

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from cmgai_fem.features.body import LabelBody
from cmgai_fem.states.labels import Array, Labels

from .cases import MovingField, meshed

# Sides of the cells of plate and block, in those of the square's.
PLATE_CELLS, BLOCK_CELLS = 1.1, 2.75
# Loss h, of the plate, of the block, and of the block where heat spreads wide.
PLATE_LOSS, BLOCK_LOSS, BROAD_LOSS = 20.0, 120.0, 20.0


def heated(name: str, cell: float) -> tuple[Labels, MovingField]:
    """The mesh and the temperature of a case, at the nodes of that mesh."""
    labels = (plate if name == "source_on_a_plate" else block)(cell)
    mesh, count = LabelBody.of(labels).mesh, labels.count
    corners = mesh.cells.shape[1]
    rows, columns = np.repeat(mesh.cells, corners, axis=1).ravel(), np.tile(mesh.cells, (1, corners)).ravel()

    def assembled(blocks: Array) -> sparse.csc_array:
        return sparse.csc_array((blocks.ravel(), (rows, columns)), shape=(count, count))

    stiffness = assembled(mesh.volumes[:, None, None] * (mesh.gradients @ np.swapaxes(mesh.gradients, 1, 2)))
    ones = (1.0 + np.eye(corners)) / (corners * (corners + 1.0))
    mass = assembled(mesh.volumes[:, None, None] * ones)

    def carried(velocity: Array) -> sparse.csc_array:
        along = mesh.volumes[:, None, None] / corners * (mesh.gradients @ velocity)[:, None, :]
        return assembled(np.broadcast_to(along, (len(along), corners, corners)))

    def on_the_plate(points: Array, s: float) -> Array:
        place = np.array([0.3 + 1.4 * s, 0.68 + 0.14 * np.sin(3.0 * s)])
        source = (1.0 + 0.3 * s) * _spot(points, place, 0.06)
        moving = carried(4.0 * np.array([1.4, 0.42 * np.cos(3.0 * s)]))
        return np.asarray(splu(stiffness + PLATE_LOSS * mass - moving).solve(mass @ source))

    if name == "source_on_a_plate":
        return labels, on_the_plate
    loss = BROAD_LOSS if name == "broad_source" else BLOCK_LOSS
    still = splu(stiffness + loss * mass, permc_spec="MMD_AT_PLUS_A")

    def in_the_block(points: Array, s: float) -> Array:
        source = _spot(points, np.array([0.2 + 0.6 * s, 0.15 + 0.3 * s * s, 0.3]), 0.09)
        return np.asarray(still.solve(mass @ source))

    return labels, in_the_block


def plate(cell: float) -> Labels:
    """Triangles of a plate of 2 by 1 with a hole."""

    def build(model: Callable[..., object]) -> object:
        outer, hole = model.addRectangle(0, 0, 0, 2, 1), model.addDisk(1.05, 0.42, 0, 0.15, 0.15)  # type: ignore[attr-defined]
        return model.cut([(2, outer)], [(2, hole)])  # type: ignore[attr-defined]

    return meshed(build, PLATE_CELLS * cell, 2)


def block(cell: float) -> Labels:
    """Tetrahedra of a block of 1 by 0.6 by 0.3."""
    return meshed(lambda model: model.addBox(0, 0, 0, 1, 0.6, 0.3), BLOCK_CELLS * cell, 3, solid=True)


def _spot(points: Array, place: Array, width: float) -> Array:
    return np.asarray(300.0 * np.exp(-np.sum((points - place) ** 2, axis=1) / (2.0 * width**2)))
