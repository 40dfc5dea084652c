"""Values of a solution at a point, the mean over the cells that share it, or of a group, on any number of ranks."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import fem, geometry, la
from mpi4py import MPI
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.meshing import NodeGather, labels_of
from cmgai_fem.states.labels import Array, IntArray, in_space

# A point beside the body by less than this share of the nearest cell counts as on it: chords cut curved sides.
BESIDE = 0.1
VOIGT = ("xx", "yy", "zz", "xy", "yz", "xz")


class Probe(BaseModel):
    """`[[probe]]`: a value to be told, and what it should be.

    Args:
        field: "stress", "displacement", "temperature" or "equivalent_plastic_strain"; on a group also "extent", its
            size along a coordinate as it is deformed [m]: a final length, the radius of a foot.
        component: e.g. "yy" or "x"; empty for scalars.
        at: the point [m].
        on: a group instead of a point: the largest nodal value there.
        target: what it should be.
        tolerance: how far it may be from the target [the field's unit].
        source: where the target comes from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    field: Literal["stress", "displacement", "temperature", "equivalent_plastic_strain", "extent"]
    component: str = ""
    at: list[float] = Field(default_factory=list, max_length=3)
    on: str = ""
    target: float | None = None
    tolerance: float = Field(default=0.0, ge=0.0)
    source: str = ""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.at) == bool(self.on):
            raise ValueError("give a point `at` or a group `on`")
        if self.field == "extent" and (not self.on or self.component not in ("x", "y", "z")):
            raise ValueError("an extent is that of a group `on`, along the component x, y or z")
        return self

    def place(self, body: Body) -> "Place | Region":
        """Where it is on a body. Collective."""
        return Place(body, self.at, self.name) if self.at else Region(body, self.on, self.name)

    @property
    def name(self) -> str:
        """For messages and tables."""
        if self.on:
            return (
                f"{'' if self.field == 'extent' else 'largest '}{self.field} {self.component}".rstrip()
                + f" on {self.on}"
            )
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
        embedded = in_space(np.array([point]))
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


class Region:
    """The nodes of a group, before the nodal fields that rank 0 has. Collective.

    Args:
        body: the meshed body.
        on: the group.
        name: for messages.

    Raises:
        InputError: no such group.
    """

    def __init__(self, body: Body, on: str, name: str) -> None:
        self._comm, space = body.mesh.comm, fem.functionspace(body.mesh, ("Lagrange", 1))
        marked = fem.Function(space)
        try:
            marked.x.array[body.dofs(space, on)] = 1.0
        except InputError as error:
            raise InputError(f"probe {name}: {error}") from None
        # A rank may own a node without a facet of the group.
        marked.x.scatter_reverse(la.InsertMode.add)
        found, labels = NodeGather(space)(marked.x.array), labels_of(body)
        self._nodes = None if found is None else np.flatnonzero(found[:, 0])
        self._points = None if labels is None else labels.points

    def value(self, probe: Probe, fields: Mapping[str, Array]) -> float:
        """A probe's value; the `fields` (N, n) by name are those of rank 0.

        Raises:
            InputError: there is no such value.
        """
        found: float | str = ""
        if self._nodes is not None and self._points is not None:
            found = self._value(probe, fields, self._nodes, self._points)
        found = self._comm.bcast(found, root=0)
        if isinstance(found, str):
            raise InputError(found)
        return found

    @staticmethod
    def _value(probe: Probe, fields: Mapping[str, Array], nodes: IntArray, points: Array) -> float | str:
        name = "displacement" if probe.field == "extent" else probe.field
        names = {"displacement": ("x", "y", "z")[: points.shape[1]], "stress": VOIGT}.get(name, ("",))
        if name not in fields or probe.component not in names:
            return f"probe {probe.name}: the analysis has no such value"
        values = fields[name][nodes, names.index(probe.component)]
        if probe.field != "extent":
            return float(values.max())
        return float(np.ptp(points[nodes, names.index(probe.component)] + values))


def told(probe: Probe, value: float, state: float) -> dict[str, Any]:
    """A probe's value as plain data; `passed` is None without a target."""
    passed = None if probe.target is None else bool(abs(value - probe.target) <= probe.tolerance)
    return {
        "probe": probe.name, "state": state, "value": value, "target": probe.target, "tolerance": probe.tolerance,
        "passed": passed, "source": probe.source,
    }  # fmt: skip
