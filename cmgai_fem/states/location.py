"""Simplices in space: where a point lies among them, and what a field of their nodes is there.

Lines, triangles and tetrahedra, and triangles on a surface in 3-D. A point outside goes to the nearest of the simplices
about it, to where its barycentric coordinates are cut off at zero: the nearest point to first order in its distance.
Values between the nodes are exact for quadratic fields whose gradient is known at the nodes.
"""

from dataclasses import dataclass
from functools import cached_property
from math import factorial
from typing import Self

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from cmgai_fem.states.labels import Array, IntArray

# Barycentric coordinates down to this count as inside, when walking and when all is said.
WALKED, INSIDE = -1e-9, -1e-7
STEPS = 60
# Nearest simplices among which a point that lies in none goes to the closest.
CANDIDATES = 8
# Gram determinant of a flat simplex, relative to the product of its diagonal.
FLAT = 1e-26


@dataclass(frozen=True)
class Location:
    """Where points lie.

    Args:
        cells: (P,) simplex of each.
        shares: (P, t + 1) barycentric coordinates in it, not negative, adding up to one.
    """

    cells: IntArray
    shares: Array


@dataclass(frozen=True, eq=False)
class Simplices:
    """A mesh of simplices.

    Args:
        points: (N, g) places of the nodes.
        cells: (M, t + 1) nodes of each simplex, t <= g.
        neighbours: (M, t + 1) simplex across the face opposite each corner; -1 where there is none.
    """

    points: Array
    cells: IntArray
    neighbours: IntArray

    @classmethod
    def of(cls, points: Array, cells: IntArray) -> Self:
        """The mesh of these simplices."""
        faces, owners, corners = faces_of(cells)
        order = np.lexsort(faces.T)
        same = np.flatnonzero(np.all(faces[order[1:]] == faces[order[:-1]], axis=1))
        neighbours = np.full(cells.shape, -1, dtype=np.int64)
        for one, other in ((order[same], order[same + 1]), (order[same + 1], order[same])):
            neighbours[owners[one], corners[one]] = owners[other]
        return cls(points, cells, neighbours)

    def moved(self, points: Array) -> Self:
        """The same simplices with their nodes elsewhere."""
        return type(self)(points, self.cells, self.neighbours)

    @cached_property
    def edges(self) -> Array:
        """(M, t, g) from the first corner of each simplex to the others."""
        corners = self.points[self.cells]
        return corners[:, 1:] - corners[:, :1]

    @cached_property
    def _gram(self) -> tuple[Array, Array]:
        gram = self.edges @ np.swapaxes(self.edges, 1, 2)
        return gram, np.linalg.det(gram)

    @cached_property
    def volumes(self) -> Array:
        """(M,) length, area or volume of each simplex; 1 of a single node."""
        return np.sqrt(np.maximum(self._gram[1], 0.0)) / factorial(self.cells.shape[1] - 1)

    @cached_property
    def gradients(self) -> Array:
        """(M, t + 1, g) gradients of the barycentric coordinates; a flat simplex has those of a fat one."""
        gram, determinants = self._gram
        sizes = np.einsum("mii->mi", gram)
        flat = determinants <= FLAT * np.prod(sizes, axis=1)
        if np.any(flat):
            gram = gram.copy()
            gram[flat] += (sizes[flat].sum(axis=1) + np.finfo(float).tiny)[:, None, None] * np.eye(gram.shape[1])
        dual = np.linalg.solve(gram, self.edges)
        return np.concatenate([-dual.sum(axis=1, keepdims=True), dual], axis=1)

    @cached_property
    def tree(self) -> cKDTree:
        """Centres of the simplices."""
        return cKDTree(self.points[self.cells].mean(axis=1))

    def barycentric(self, cells: IntArray, places: Array) -> Array:
        """(P, t + 1) barycentric coordinates of places (P, g) in simplices (P,)."""
        away = places - self.points[self.cells[cells, 0]]
        shares = np.einsum("pid,pd->pi", self.gradients[cells], away)
        shares[:, 0] += 1.0
        return shares

    def locate(self, places: Array, start: IntArray | None = None) -> Location:
        """The simplex that holds each place (P, g), or the nearest; `start` is a guess (P,)."""
        if self.cells.shape[1] != places.shape[1] + 1:
            return self._nearest(places, start)
        if start is None:
            start = np.asarray(self.tree.query(places)[1], dtype=np.int64)
        cells = self._walk(places, start.copy())
        shares = self.barycentric(cells, places)
        outside = np.flatnonzero(shares.min(axis=1) < INSIDE)
        found = Location(cells, _clamped(shares))
        if len(outside):
            nearest = self._nearest(places[outside], cells[outside])
            found.cells[outside], found.shares[outside] = nearest.cells, nearest.shares
        return found

    def place(self, location: Location) -> Array:
        """(P, g) where located points are."""
        return np.einsum("pi,pid->pd", location.shares, self.points[self.cells[location.cells]])

    def value(self, field: Array, location: Location, slopes: Array | None = None, clip: bool = False) -> Array:
        """A nodal field at located points.

        Args:
            field: (N, C) values at the nodes.
            location: the points.
            slopes: (N, C, g) gradients at the nodes, half of which corrects the linear interpolation: exact for
                quadratic fields, and continuous.
            clip: keep within the range of the simplex's nodes.

        Returns:
            (P, C) values.
        """
        corners = self.cells[location.cells]
        given = field[corners]
        values = given
        if slopes is not None:
            away = self.place(location)[:, None] - self.points[corners]
            values = values + 0.5 * np.einsum("picd,pid->pic", slopes[corners], away)
        values = np.einsum("pi,pic->pc", location.shares, values)
        return np.clip(values, given.min(axis=1), given.max(axis=1)) if clip else values

    def slopes(self, field: Array) -> Array:
        """(N, C, g) recovered gradients of a nodal field (N, C): volume means over the simplices of each node."""
        local = np.swapaxes(field[self.cells], 1, 2) @ self.gradients
        return np.asarray(self._averaging @ local.reshape(len(local), -1)).reshape(len(self.points), *local.shape[1:])

    def averaged(self, values: Array) -> Array:
        """(N,) volume mean of values (M,) of the simplices over those of each node."""
        return np.asarray(self._averaging @ values)

    @cached_property
    def _averaging(self) -> sparse.csr_array:
        """(N, M) share of each simplex in the mean at a node."""
        corners = self.cells.shape[1]
        volumes = np.maximum(self.volumes, np.finfo(float).tiny)
        totals = np.bincount(self.cells.ravel(), np.repeat(volumes, corners), minlength=len(self.points))
        shares = np.repeat(volumes, corners) / totals[self.cells.ravel()]
        columns = np.repeat(np.arange(len(self.cells)), corners)
        shape = (len(self.points), len(self.cells))
        return sparse.csr_array((shares, (self.cells.ravel(), columns)), shape=shape)

    def _walk(self, places: Array, cells: IntArray) -> IntArray:
        """Step across the face that a place lies farthest beyond, until there is none or the mesh ends."""
        active = np.arange(len(places))
        for _ in range(STEPS):
            shares = self.barycentric(cells[active], places[active])
            across = np.where((shares < WALKED) & (self.neighbours[cells[active]] >= 0), shares, np.inf)
            worst = across.argmin(axis=1)
            going = np.isfinite(across[np.arange(len(active)), worst])
            active, worst = active[going], worst[going]
            if not len(active):
                break
            cells[active] = self.neighbours[cells[active], worst]
        return cells

    def _nearest(self, places: Array, start: IntArray | None) -> Location:
        """The nearest of the simplices about each place: by their centres, the start, and neighbours of the best."""
        count = min(CANDIDATES, len(self.cells))
        near = np.asarray(self.tree.query(places, k=count)[1], dtype=np.int64).reshape(len(places), count)
        best = np.full(len(places), np.inf)
        found = Location(near[:, 0].copy(), np.empty((len(places), self.cells.shape[1])))

        def consider(cells: IntArray) -> None:
            shares = _clamped(self.barycentric(cells, places))
            distances = np.sum((self.place(Location(cells, shares)) - places) ** 2, axis=1)
            better = distances < best
            best[better] = distances[better]
            found.cells[better], found.shares[better] = cells[better], shares[better]

        for cells in (*near.T, *([] if start is None else [start])):
            consider(cells)
        for corner in [*range(self.cells.shape[1])] * 2:
            beside = self.neighbours[found.cells, corner]
            consider(np.where(beside < 0, found.cells, beside))
        return found


def faces_of(cells: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """(F, t) nodes of all faces in increasing order, (F,) the simplex of each, and (F,) the corner opposite to it."""
    corners = cells.shape[1]
    faces = np.concatenate([np.sort(np.delete(cells, corner, axis=1), axis=1) for corner in range(corners)])
    return faces, np.tile(np.arange(len(cells)), corners), np.repeat(np.arange(corners), len(cells))


def _clamped(shares: Array) -> Array:
    """Barycentric coordinates of a point of the simplex near the given one."""
    inside = np.maximum(shares, 0.0)
    return inside / inside.sum(axis=1, keepdims=True)
