"""Body: a mesh with its physical groups, distributed over the ranks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import basix
import dolfinx
import numpy as np
import ufl
from dolfinx import fem
from mpi4py import MPI

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array, IntArray, Labels


@dataclass(frozen=True)
class Group:
    """A physical group.

    Args:
        dimension: of its entities: cells, facets, edges or points.
        entities: this rank's indices of them, owned and ghost.
    """

    dimension: int
    entities: IntArray


@dataclass(frozen=True)
class Body:
    """A meshed body, distributed over the ranks.

    Args:
        mesh: the DOLFINx mesh.
        groups: physical groups by name; one facet may be in several.
        labels: the mesh's nodes and cells in gmsh's order, on rank 0 alone (None elsewhere, and where gmsh did not make
            the mesh). Of cells with curved sides the corner nodes are labels.
    """

    mesh: dolfinx.mesh.Mesh
    groups: Mapping[str, Group]
    labels: Labels | None = None

    @classmethod
    def read(cls, file: str | Path, comm: MPI.Comm = MPI.COMM_WORLD, **numbers: float) -> "Body":
        """The body of a .msh file, or of a .geo file with its parameters, whatever its dimension. Collective."""
        from cmgai_fem.mechanics.meshing import mesh_file, read_mesh

        return read_mesh(mesh_file(str(file)), numbers, comm)

    @property
    def dimension(self) -> int:
        """Of the cells."""
        return int(self.mesh.topology.dim)

    def group(self, name: str) -> Group:
        """The group called `name`.

        Raises:
            InputError: no such group; the message lists those there are.
        """
        if name not in self.groups:
            raise InputError(f"the mesh has no group {name!r}; it has: {', '.join(sorted(self.groups))}")
        return self.groups[name]

    def facets_of(self, name: str) -> IntArray:
        """Facets (this rank's indices) of the boundary called `name`."""
        group = self.group(name)
        if group.dimension != self.dimension - 1:
            kind = ("points", "edges", "faces", "cells")[group.dimension]
            raise InputError(f"{name!r} is a group of {kind}; a boundary is needed")
        return group.entities

    def dofs(self, space: fem.FunctionSpace, name: str) -> IntArray:
        """Degrees of freedom of a space on a group of any dimension, those of ghosts too. Collective."""
        group = self.group(name)
        self.mesh.topology.create_connectivity(group.dimension, self.dimension)
        found: IntArray = fem.locate_dofs_topological(space, group.dimension, group.entities)
        return found

    def ds(self, name: str, degree: int | None = None) -> ufl.Measure:
        """Measure of the boundary called `name`.

        Args:
            name: a group of facets on the body's surface.
            degree: of the quadrature; UFL's estimate by default.

        Raises:
            InputError: no such boundary, or none of its facets lies on the surface. Collective.
        """
        self.facets_of(name)
        tag = sorted(self.groups).index(name)
        if not self.mesh.comm.allreduce(len(dict(self._surface)[tag])):
            raise InputError(f"no facet of {name!r} lies on the body's surface")
        options = {} if degree is None else {"metadata": {"quadrature_degree": degree}}
        return ufl.Measure("ds", self.mesh, subdomain_data=self._surface, **options)(tag)

    def dx(self, name: str = "", degree: int | None = None) -> ufl.Measure:
        """Measure of a group of cells; of all cells if the name is empty."""
        options = {} if degree is None else {"metadata": {"quadrature_degree": degree, "quadrature_scheme": "default"}}
        measure = ufl.Measure("dx", self.mesh, subdomain_data=self._inside, **options)
        return measure(sorted(self.groups).index(name)) if name else measure

    @cached_property
    def _inside(self) -> list[tuple[int, IntArray]]:
        """Owned cells of each group of cells; one list, as for the boundaries."""
        owned = self.mesh.topology.index_map(self.dimension).size_local
        return [
            (tag, self.groups[name].entities[self.groups[name].entities < owned])
            for tag, name in enumerate(sorted(self.groups))
            if self.groups[name].dimension == self.dimension
        ]

    @cached_property
    def _surface(self) -> list[tuple[int, IntArray]]:
        """Cells and local facets of each boundary. One list, because all measures of a form must share it."""
        topology, facet = self.mesh.topology, self.dimension - 1
        topology.create_connectivity(facet, self.dimension)
        topology.create_connectivity(self.dimension, facet)
        outside = dolfinx.mesh.exterior_facet_indices(topology)
        return [
            (tag, _cells_and_sides(topology, np.intersect1d(self.groups[name].entities, outside)))
            for tag, name in enumerate(sorted(self.groups))
            if self.groups[name].dimension == facet
        ]


def _cells_and_sides(topology: dolfinx.mesh.Topology, facets: IntArray) -> IntArray:
    """Cell and local number of each facet, one after the other, as DOLFINx integrates over them."""
    cells, sides = (
        topology.connectivity(topology.dim - 1, topology.dim),
        topology.connectivity(topology.dim, topology.dim - 1),
    )
    pairs = [
        (cell, int(np.flatnonzero(sides.links(cell) == facet)[0])) for facet in facets for cell in cells.links(facet)
    ]
    return np.array(pairs, dtype=np.int64).ravel()


def mark_boundaries(mesh: dolfinx.mesh.Mesh, places: Mapping[str, Callable[[Array], Any]]) -> Body:
    """A body on a mesh of DOLFINx's own, its boundaries named by where they are; all its cells are the group "body".

    Args:
        mesh: the mesh.
        places: for each boundary, a function of coordinates (3, n) that is true on it.

    Raises:
        InputError: a place has no facet. Collective.
    """
    facet = mesh.topology.dim - 1
    cells = mesh.topology.index_map(mesh.topology.dim)
    groups = {"body": Group(facet + 1, np.arange(cells.size_local + cells.num_ghosts, dtype=np.int32))}
    for name, place in places.items():
        groups[name] = Group(facet, dolfinx.mesh.locate_entities_boundary(mesh, facet, place))
        if not mesh.comm.allreduce(len(groups[name].entities)):
            raise InputError(f"no facet of the surface lies in {name!r}")
    return Body(mesh, groups)


def jacobians(body: Body) -> tuple[Array, Array]:
    """Jacobian determinants (cells, points) of owned cells, inside and at corners, and their middles (cells, 3)."""
    mesh, cell = body.mesh, body.mesh.basix_cell()
    inside, _ = basix.make_quadrature(cell, 2)
    corners = np.asarray(basix.geometry(cell))
    cells = np.arange(mesh.topology.index_map(body.dimension).size_local, dtype=np.int32)
    places = np.concatenate([inside, corners])
    found = fem.Expression(ufl.JacobianDeterminant(mesh), places).eval(mesh, cells)
    middles = mesh.geometry.x[mesh.geometry.dofmaps[0][cells]].mean(axis=1)
    return np.asarray(found).reshape(len(cells), len(places)), middles
