"""Values of a solution at a point, the mean over the cells that share it, on any number of ranks."""

from collections.abc import Sequence
from typing import Any, Literal

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import fem, geometry
from mpi4py import MPI
from pydantic import BaseModel, ConfigDict, Field

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.states.labels import Array, IntArray

# A point beside the body by less than this share of the nearest cell counts as on it: chords cut curved sides.
BESIDE = 0.1


class Probe(BaseModel):
    """`[[probe]]`: a value to be told, and what it should be.

    Args:
        field: "stress", "displacement" or "temperature".
        component: e.g. "yy" or "x"; empty for the temperature.
        at: the point [m].
        target: what it should be.
        tolerance: how far it may be from the target [the field's unit].
        source: where the target comes from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    field: Literal["stress", "displacement", "temperature", "equivalent_plastic_strain"]
    component: str = ""
    at: list[float] = Field(min_length=1, max_length=3)
    target: float | None = None
    tolerance: float = Field(default=0.0, ge=0.0)
    source: str = ""

    @property
    def name(self) -> str:
        """For messages and tables."""
        place = ", ".join(f"{part:g}" for part in self.at)
        return f"{self.field} {self.component}".rstrip() + f" at ({place})"


class Place:
    """The owned cells at a point, and where in them it lies. Collective.

    Args:
        body: the meshed body.
        point: its coordinates [m].
        name: for messages.

    Raises:
        InputError: the point has another dimension than the mesh, or lies outside it.
    """

    def __init__(self, body: Body, point: Sequence[float], name: str) -> None:
        mesh, self._comm, self.point = body.mesh, body.mesh.comm, tuple(point)
        if len(point) != mesh.geometry.dim:
            raise InputError(f"{name}: give {mesh.geometry.dim} coordinates")
        embedded = np.zeros((1, 3))
        embedded[0, : len(point)] = point
        self.cells = self._near(body, embedded)
        if not self._comm.allreduce(len(self.cells)):
            raise InputError(f"{name}: the point lies outside the mesh")
        map_, dofs = mesh.geometry.cmaps[0], mesh.geometry.dofmaps[0]
        corners = mesh.geometry.x[dofs[self.cells]][:, :, : mesh.geometry.dim]
        inside = embedded[:, : mesh.geometry.dim]
        self.reference = np.array([map_.pull_back(inside, one)[0] for one in corners]).reshape(-1, len(point))
        self._coordinates = corners
        self._element = mesh.ufl_domain().ufl_coordinate_element()

    def mean(self, values: Array) -> Array:
        """Mean over all ranks of values (cells, ...) at the point."""
        total = self._comm.allreduce(values.sum(axis=0), op=MPI.SUM)
        return np.asarray(total / self._comm.allreduce(len(self.cells)))

    def values(self, function: fem.Function) -> tuple[Array, Array]:
        """Values (cells, n) and gradients (cells, n, g) of a function of Lagrange elements, each cell its own."""
        space = function.function_space
        size, width = space.dofmap.bs, self._coordinates.shape[2]
        values, gradients = np.zeros((len(self.cells), size)), np.zeros((len(self.cells), size, width))
        element = space.element.basix_element
        for row, (cell, x) in enumerate(zip(self.cells, self.reference, strict=True)):
            shape = element.tabulate(1, x[None])[:, 0, :, 0]
            mapping = self._element.basix_element.tabulate(1, x[None])[1:, 0, :, 0] @ self._coordinates[row]
            nodal = function.x.array.reshape(-1, size)[space.dofmap.cell_dofs(cell)]
            values[row] = shape[0] @ nodal
            gradients[row] = (np.linalg.solve(mapping, shape[1:]) @ nodal).T
        return values, gradients

    def _near(self, body: Body, point: Array) -> IntArray:
        """Owned cells that hold the point; else the nearest, if it is near enough."""
        mesh, dimension = body.mesh, body.dimension
        owned = mesh.topology.index_map(dimension).size_local
        cells = np.arange(owned, dtype=np.int32)
        tree = geometry.bb_tree(mesh, dimension, entities=cells)
        candidates = geometry.compute_collisions_points(tree, point)
        inside = geometry.compute_colliding_cells(mesh, candidates, point).links(0) if owned else cells
        if self._comm.allreduce(len(inside)):
            return np.asarray(np.unique(inside), dtype=np.int64)
        nearest, share = cells[:0], np.inf
        if owned:
            middles = geometry.create_midpoint_tree(mesh, dimension, cells)
            nearest = geometry.compute_closest_entity(tree, middles, mesh, point)
            distance = np.sqrt(geometry.squared_distance(mesh, dimension, nearest, point)[0])
            share = float(distance / mesh.h(dimension, nearest)[0])
        least = self._comm.allreduce(share, op=MPI.MIN)
        return np.asarray(nearest[:1] if share == least <= BESIDE else cells[:0], dtype=np.int64)


def told(probe: Probe, value: float, state: float) -> dict[str, Any]:
    """A probe's value as plain data; `passed` is None without a target."""
    passed = None if probe.target is None else bool(abs(value - probe.target) <= probe.tolerance)
    return {
        "probe": probe.name, "state": state, "value": value, "target": probe.target, "tolerance": probe.tolerance,
        "passed": passed, "source": probe.source,
    }  # fmt: skip
