"""The body that labels move over: its simplices, the directions its boundary blocks, and the way back onto it.

A map of the body onto itself slides along the boundary: nodes on a face stay on the boundary, those on a sharp edge on
that edge, corners stay where they are. On a surface in 3-D every node is kept on the surface, its rim on the rim.

Source: the slip frames from the eigenvalues of the mean of n n^T, and everything else here, are our choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.spatial import cKDTree

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import VTK_CELLS, VTK_DIMENSION, Array, IntArray, Labels, unit_size
from cmgai_fem.states.location import Location, Simplices, faces_of

SIMPLEX_KINDS = ("line", "triangle", "tetra")
# Eigenvalues of the mean of n n^T above this are blocked directions: 1 on a face, 2 on an edge, as many as there are in
# a corner.
BLOCKED = 0.12
# Faces whose normals have a smaller cosine meet in a sharp edge: the same limit, for two equal faces.
SHARP = 1.0 - 2.0 * BLOCKED
# Singular values of the places below this share of the largest: the body is flat.
FLAT = 1e-9


@dataclass(frozen=True, eq=False)
class LabelBody:
    """A body or surface of simplices whose nodes are the labels.

    Args:
        mesh: the simplices, in as many coordinates as they need.
        shares: (N,) share of each node in the volume.
        axes: (g, G) orthonormal rows that take the labels' coordinates to those of the mesh.
    """

    mesh: Simplices
    shares: Array
    axes: Array

    @classmethod
    def of(cls, labels: Labels) -> Self:
        """The body of point labels on a mesh; cells that are no simplices are cut into such.

        Raises:
            InputError: the labels are no nodes of a mesh of bodies or of a surface.
        """
        cells = simplices_of(labels)
        centred = labels.points - labels.points.mean(axis=0)
        _, singular, axes = np.linalg.svd(centred, full_matrices=False)
        rank = int(np.sum(singular > FLAT * singular[0]))
        axes = np.eye(labels.points.shape[1]) if rank == labels.points.shape[1] else axes[:rank]
        dimension = cells.shape[1] - 1
        if (dimension, rank) == (2, 3):
            cells = _oriented(labels.points, cells)
        elif dimension != rank:
            raise InputError(f"labels move over bodies and surfaces, not over a {dimension}-D mesh in {rank}-D")
        return cls(Simplices.of(labels.points @ axes.T, cells), labels.weights / labels.weights.sum(), axes)

    @property
    def points(self) -> Array:
        """(N, g) places of the nodes."""
        return self.mesh.points

    @property
    def dimension(self) -> int:
        """Coordinates g of a place."""
        return self.points.shape[1]

    @property
    def is_surface(self) -> bool:
        """Whether the body is a surface in 3-D."""
        return self.mesh.cells.shape[1] == self.dimension

    @cached_property
    def volume(self) -> float:
        """Volume of the body."""
        return float(self.mesh.volumes.sum())

    @cached_property
    def length(self) -> float:
        """Longest side of the box that has the body's moments of inertia: a length that turns with the body."""
        centred = self.points - self.shares @ self.points
        return float(np.sqrt(12.0 * np.linalg.eigvalsh((self.shares * centred.T) @ centred)[-1]))

    def jacobians(self, places: Array, cells: IntArray | None = None) -> Array:
        """J of the map that takes the nodes to places (N, g), in all simplices or some (M,)."""
        corners = self.mesh.cells if cells is None else self.mesh.cells[cells]
        chosen = slice(None) if cells is None else cells
        moved = places[corners]
        edges = moved[:, 1:] - moved[:, :1]
        if not self.is_surface:
            return np.linalg.det(edges) / self._determinants[chosen]
        area = np.cross(edges[:, 0], edges[:, 1])
        # Of the nearest node: near enough for the sign, and J is wanted at every trial of a step.
        normal = self._normals[self._nodes.query(moved.mean(axis=1))[1]]
        return np.sum(area * normal, axis=1) / (2.0 * self.mesh.volumes[chosen])

    @cached_property
    def _determinants(self) -> Array:
        return np.linalg.det(self.mesh.edges)

    @cached_property
    def boundary(self) -> Simplices:
        """Faces that belong to one simplex alone."""
        return Simplices.of(self.points, self._faces[0])

    @cached_property
    def blocked(self) -> tuple[IntArray, Array]:
        """(N,) number of blocked directions of each node, and (N, g, g) the projectors on them."""
        faces, normals, sizes = self._faces
        count, g = len(self.points), self.dimension
        mean, total = np.zeros((count, g, g)), np.zeros(count)
        for column in faces.T:
            np.add.at(mean, column, (sizes[:, None] * normals)[:, :, None] * normals[:, None, :])
            np.add.at(total, column, sizes)
        mean[total > 0.0] /= total[total > 0.0, None, None]
        if self.is_surface:
            # The rim's normal lies in the surface: the two projectors add up.
            mean += self._normals[:, :, None] * self._normals[:, None, :]
        values, vectors = np.linalg.eigh(mean)
        held = vectors * (values > BLOCKED)[:, None, :]
        return np.asarray(np.sum(values > BLOCKED, axis=1)), held @ np.swapaxes(held, 1, 2)

    @cached_property
    def sliding(self) -> IntArray:
        """Nodes that are blocked in some directions."""
        return np.flatnonzero(self.blocked[0])

    def frames(self, nodes: IntArray, places: Array) -> Array:
        """(P, g, g) projectors on the blocked directions of nodes (P,) of `sliding`, moved to places (P, g)."""
        projectors = self.blocked[1]
        found = projectors[nodes]
        for rank, (own, track) in self._tracks(nodes).items():
            if rank == 2:
                along = track.edges[track.locate(places[own]).cells, 0]
                along /= np.linalg.norm(along, axis=1, keepdims=True)
                found[own] = np.eye(self.dimension) - along[:, :, None] * along[:, None, :]
            elif self.is_surface:
                normal = self._normal_at(track.locate(places[own]))
                found[own] = normal[:, :, None] * normal[:, None, :]
            else:
                found[own] = projectors[self._faced[0][self._faced[1].query(places[own])[1]]]
        return found

    def project(self, places: Array, nodes: IntArray | None = None) -> Array:
        """Places (P, g) of nodes (P,), all by default, put back on the face, edge or surface that each slides on."""
        nodes = np.arange(len(self.points)) if nodes is None else nodes
        found = places.copy()
        ranks = self.blocked[0][nodes]
        for own, track in self._tracks(nodes).values():
            found[own] = track.place(track.locate(places[own]))
        corners = ranks == self.dimension
        found[corners] = self.points[nodes[corners]]
        return found

    def _tracks(self, nodes: IntArray) -> Mapping[int, tuple[IntArray, Simplices]]:
        """By the number of blocked directions: rows of `nodes` that have it, and what they slide on."""
        ranks = self.blocked[0][nodes]
        tracks = {rank: (np.flatnonzero(ranks == rank), track) for rank, track in self._slides.items()}
        return {rank: pair for rank, pair in tracks.items() if len(pair[0])}

    @cached_property
    def _slides(self) -> Mapping[int, Simplices]:
        """What nodes with so many blocked directions slide on; corners slide on nothing."""
        if self.is_surface:
            return {1: self.mesh, 2: self.boundary}
        if self.dimension < 3:
            return {1: self.boundary} if self.dimension == 2 else {}
        return {1: self.boundary, 2: self._edges if len(self._edges.cells) else self.boundary}

    @cached_property
    def _edges(self) -> Simplices:
        """Edges in which two faces of the boundary meet at an angle; of bodies in 3-D."""
        faces, normals, _ = self._faces
        sides, owners, _ = faces_of(faces)
        order = np.lexsort(sides.T)
        same = np.flatnonzero(np.all(sides[order[1:]] == sides[order[:-1]], axis=1))
        one, other = order[same], order[same + 1]
        sharp = np.sum(normals[owners[one]] * normals[owners[other]], axis=1) < SHARP
        return Simplices.of(self.points, sides[one[sharp]])

    @cached_property
    def _faces(self) -> tuple[IntArray, Array, Array]:
        """(F, t) nodes of the boundary's faces, (F, g) outer normals and (F,) sizes."""
        faces, owners, corners = faces_of(self.mesh.cells)
        outer = self.mesh.neighbours[owners, corners] < 0
        normals = -self.mesh.gradients[owners[outer], corners[outer]]
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        empty = np.full((int(outer.sum()), faces.shape[1]), -1)
        return faces[outer], normals, Simplices(self.points, faces[outer], empty).volumes

    @cached_property
    def _faced(self) -> tuple[IntArray, cKDTree]:
        """Nodes with one blocked direction, and where they are."""
        nodes = np.flatnonzero(self.blocked[0] == 1)
        return nodes, cKDTree(self.points[nodes])

    @cached_property
    def _nodes(self) -> cKDTree:
        return cKDTree(self.points)

    @cached_property
    def _normals(self) -> Array:
        """(N, 3) unit normals of a surface at its nodes."""
        edges = self.mesh.edges
        area = np.cross(edges[:, 0], edges[:, 1])
        total = np.zeros_like(self.points)
        for column in self.mesh.cells.T:
            np.add.at(total, column, area)
        return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True))

    def _normal_at(self, location: Location) -> Array:
        normal = self.mesh.value(self._normals, location)
        return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True))


def simplices_of(labels: Labels) -> IntArray:
    """(M, t + 1) simplices of highest dimension whose nodes are the labels; other cells are cut along their diagonals.

    Raises:
        InputError: fields at cells or bare points, or nodes that no such simplex has.
    """
    if labels.location != "point" or not labels.cells:
        raise InputError("labels move over a mesh with fields at its nodes: these are cells or bare points")
    highest = max(VTK_DIMENSION[kind] for kind in labels.cells)
    if not highest:
        raise InputError("labels move over lines, surfaces or bodies, not over single points")
    blocks = {kind: block for kind, block in labels.cells.items() if VTK_DIMENSION[kind] == highest}
    kind = SIMPLEX_KINDS[highest - 1]
    if list(blocks) == [kind]:
        cells = np.asarray(blocks[kind], dtype=np.int64)
    else:
        import pyvista

        grid = pyvista.UnstructuredGrid(
            {VTK_CELLS[name]: block for name, block in blocks.items()}, unit_size(labels.points)[0]
        )
        cells = np.asarray(grid.triangulate().cells_dict[VTK_CELLS[kind]], dtype=np.int64)
    if len(np.unique(cells)) < labels.count:
        raise InputError("labels move over one body: some nodes belong to no cell of its dimension")
    return cells


def _oriented(points: Array, cells: IntArray) -> IntArray:
    """The triangles of a surface, each turned as its neighbours are."""
    import pyvista

    surface = pyvista.PolyData.from_regular_faces(unit_size(points)[0], cells)
    turned = surface.compute_normals(consistent_normals=True, split_vertices=False, point_normals=False)
    return np.asarray(turned.regular_faces, dtype=np.int64)
