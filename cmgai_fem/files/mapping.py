"""Snapshots on different meshes of one geometry, brought to one label mesh by interpolation.

A label takes the value of the shape functions of the cell that it lies in; a label outside every cell (curved
boundaries are cut differently by each mesh) takes that of the nearest point of the mesh. Fields of cells go through
the nodes, each node the mean of its cells weighted by their volumes. The error of the mapping is measured by mapping
there and back. Where nodes of two sides lie at one place (contacts, cracks, bonded bodies), labels keep their side.
"""

from dataclasses import dataclass

import numpy as np
import pyvista
from scipy.spatial import cKDTree

from cmgai_fem.errors import InputError
from cmgai_fem.files.mapping_sides import connected_parts, doubled, inward, matched_parts
from cmgai_fem.files.parts import some_of
from cmgai_fem.files.snapshot import Snapshot, as_unstructured, bare_mesh, cell_volumes
from cmgai_fem.states.labels import Array

# What two meshes of one geometry may differ by: the volume, and the distance of any node of one from the other, the
# latter relative to the size of the body and never less than what a facet cuts off a curve.
VOLUME_TOLERANCE = 0.02
DISTANCE_TOLERANCE = 0.01
# What a field may change by, mapped to the other mesh and back; more is another field.
THERE_AND_BACK_TOLERANCE = 0.05
# Step from a node to the middle of its cells by which its side of an interface is told.
STEP_INWARD = 1e-3


@dataclass(frozen=True)
class MappingReport:
    """How one field was brought to the label mesh.

    Args:
        method: "interpolation".
        distance: largest distance of a label from the snapshot's mesh, relative to the size of the body.
        there_and_back: root mean square change of the field after mapping to the label mesh and back, relative to
            the field's range: about twice the mapping's own error, on the coarser of the two meshes.
    """

    method: str
    distance: float
    there_and_back: float

    def __str__(self) -> str:
        return f"{self.method}, there and back {100 * self.there_and_back:.3g} % of the range"


def map_field(source: Snapshot, target: Snapshot, values: Array, location: str) -> tuple[Array, MappingReport]:
    """Values of a snapshot's field at the labels of another snapshot's mesh.

    Args:
        source: the snapshot, on its own mesh.
        target: the snapshot whose nodes or cell centres are the labels.
        values: (places, n) the field on the source's nodes or cells.
        location: "point" or "cell".

    Raises:
        InputError: the two meshes are not of one geometry, or one has no cells to interpolate in.
    """
    check_same_geometry(source, target)
    there, distance = _interpolate(source, target, values, location)
    back, _ = _interpolate(target, source, there, location)
    spread = float(np.ptp(values)) or 1.0
    error = float(np.sqrt(np.mean((back - values) ** 2))) / spread
    if error > THERE_AND_BACK_TOLERANCE:
        raise InputError(
            f"{source.name}: mapped to the mesh of {target.name} and back the field changes by {100 * error:.3g} % of "
            f"its range, more than {100 * THERE_AND_BACK_TOLERANCE:g} %: the meshes are too coarse for it, or differ "
            "at a contact or crack; write all snapshots on one mesh"
        )
    return there, MappingReport("interpolation", distance, error)


def check_same_geometry(one: Snapshot, other: Snapshot) -> None:
    """Refuse meshes that differ in dimension, extent or volume.

    Raises:
        InputError: they do; the line says in what.
    """
    for snapshot in (one, other):
        if as_unstructured(snapshot.grid).n_cells == 0 or cell_volumes(snapshot)[1].max() == 0:
            raise InputError(
                f"{one.name} and {other.name} hold different points and {snapshot.name} no cells to interpolate in: "
                "write all snapshots on the same points"
            )
    extent = _extent(other)
    for side in range(3):
        for end, word in ((0, "lowest"), (1, "highest")):
            mine, theirs = one.grid.bounds[2 * side + end], other.grid.bounds[2 * side + end]
            if abs(mine - theirs) > DISTANCE_TOLERANCE * extent:
                raise InputError(
                    f"{one.name} and {other.name} are different geometries: {word} {'xyz'[side]} is {mine:g} "
                    f"in the one and {theirs:g} in the other"
                )
    (sizes, dimensions), (other_sizes, other_dimensions) = cell_volumes(one), cell_volumes(other)
    if dimensions.max() != other_dimensions.max():
        raise InputError(
            f"{one.name} and {other.name} are different geometries: cells of dimension {dimensions.max()} and "
            f"{other_dimensions.max()}"
        )
    mine = float(sizes[dimensions == dimensions.max()].sum())
    theirs = float(other_sizes[other_dimensions == dimensions.max()].sum())
    if abs(mine - theirs) > VOLUME_TOLERANCE * max(mine, theirs):
        raise InputError(
            f"{one.name} and {other.name} are different geometries: volumes {mine:g} and {theirs:g} differ by more "
            f"than {100 * VOLUME_TOLERANCE:g} %"
        )


def _interpolate(source: Snapshot, target: Snapshot, values: Array, location: str) -> tuple[Array, float]:
    """Values at the target's labels, part by part where both bodies consist of the same parts."""
    grid, wanted = as_unstructured(source.grid), as_unstructured(target.grid)
    bare = bare_mesh(grid, np.asarray(grid.points, dtype=float))
    bare.point_data["values"] = values if location == "point" else _at_nodes(source, values)
    at_nodes = np.asarray(wanted.points, dtype=float)
    places = at_nodes if location == "point" else np.asarray(wanted.cell_centers().points, dtype=float)
    ways = np.zeros_like(places)
    if location == "point":
        twins = doubled(places)
        ways[twins] = STEP_INWARD * inward(wanted)[twins]
    nodes, cells = connected_parts(bare)
    wanted_nodes, wanted_cells = connected_parts(wanted)
    of_labels = wanted_nodes if location == "point" else wanted_cells
    pairs = matched_parts((np.asarray(bare.points), nodes), (at_nodes, wanted_nodes))
    result, distances = np.empty((len(places), values.shape[1])), np.zeros(len(places))
    left = np.ones(len(places), dtype=bool)
    for mine, theirs in pairs or []:
        rows = of_labels == theirs
        part = some_of(bare, cells == mine, nodes == mine)
        result[rows], distances[rows] = _sample(part, places[rows], ways[rows], _extent(source))
        left &= ~rows
    if left.any():
        result[left], distances[left] = _sample(bare, places[left], ways[left], _extent(source))
    distance = float(distances.max()) / _extent(source)
    if distance > DISTANCE_TOLERANCE:
        raise InputError(
            f"{source.name} and {target.name} are different geometries: a label lies {100 * distance:.3g} % of the "
            "body's size outside the other mesh"
        )
    return result, distance


def _sample(bare: pyvista.UnstructuredGrid, places: Array, ways: Array, extent: float) -> tuple[Array, Array]:
    """Values of a mesh at places, and their distances from it; a place with a way is one on the way's side.

    Such a place is approached along its way, so that the cells of the other side are out of reach: the values at one
    and at two steps make a straight line to it.
    """
    _, nearest = bare.find_closest_cell(places, return_closest_point=True)
    distances = np.linalg.norm(nearest - places, axis=1)
    aside = np.any(ways != 0.0, axis=1)
    result = np.empty((len(places), np.asarray(bare.point_data["values"]).reshape(bare.n_points, -1).shape[1]))
    if not aside.all():
        result[~aside] = _probe(bare, nearest[~aside], 1e-6 * extent)
    if aside.any():
        one, two = (_probe(bare, nearest[aside] + steps * ways[aside], 1e-9 * extent) for steps in (1.0, 2.0))
        result[aside] = 2.0 * one - two
    return result, distances


def _probe(bare: pyvista.UnstructuredGrid, places: Array, tolerance: float) -> Array:
    """Values (N, n) of the shape functions at places."""
    probe = pyvista.PolyData(places).sample(bare, tolerance=tolerance, snap_to_closest_point=True)
    result = np.asarray(probe.point_data["values"], dtype=float).reshape(len(places), -1)
    missed = np.asarray(probe.point_data["vtkValidPointMask"]) == 0
    if missed.any():
        # Points that rounding leaves just outside every cell: the nearest node is as near as rounding.
        _, rows = cKDTree(bare.points).query(places[missed])
        result[missed] = np.asarray(bare.point_data["values"]).reshape(bare.n_points, -1)[rows]
    return result


def _at_nodes(snapshot: Snapshot, values: Array) -> Array:
    """Nodal values of a cell field: the mean over the cells of each node, by volume."""
    grid = as_unstructured(snapshot.grid)
    sizes, dimensions = cell_volumes(snapshot)
    sizes = np.where(dimensions == dimensions.max(), sizes, 0.0)
    connectivity = np.asarray(grid.cell_connectivity)
    cells = np.repeat(np.arange(grid.n_cells), np.diff(np.asarray(grid.cell_offsets)))
    total = np.bincount(connectivity, weights=sizes[cells], minlength=grid.n_points)
    columns = [
        np.bincount(connectivity, weights=sizes[cells] * column[cells], minlength=grid.n_points) for column in values.T
    ]
    return np.column_stack(columns) / np.where(total > 0.0, total, 1.0)[:, None]


def _extent(snapshot: Snapshot) -> float:
    bounds = np.asarray(snapshot.grid.bounds)
    return float(np.linalg.norm(bounds[1::2] - bounds[::2])) or 1.0
