"""Meshes: gmsh reads and meshes a .geo file on rank 0, DOLFINx distributes it.

Whatever the number of ranks, results gathered on rank 0 stand in gmsh's order of nodes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import gmsh
import numpy as np
from dolfinx import fem
from dolfinx.io import gmsh as gmshio
from mpi4py import MPI
from pydantic import BaseModel, ConfigDict, Field

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array, IntArray, Labels, labels_on_mesh

# gmsh's element types of first order -> meshio's cell names.
CELL_NAMES = {1: "line", 2: "triangle", 3: "quad", 4: "tetra", 5: "hexahedron"}


class MeshParameters(BaseModel):
    """The `mesh` table of a reference model: which .geo file, and its parameters.

    Args:
        file: name of a .geo file that the package ships, or a path.
        size: cell size away from refinements [m]; None keeps the file's own.
        numbers: any other `DefineConstant` parameters of the file, in the file's own units.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    file: str
    size: float | None = Field(default=None, gt=0.0)
    numbers: dict[str, float] = Field(default_factory=dict)

    def read(self, comm: MPI.Comm, dimension: int = 3) -> "Body":
        """Mesh the file and distribute it. Collective."""
        numbers = dict(self.numbers) | ({} if self.size is None else {"size": self.size})
        return read_geo(mesh_file(self.file), numbers, comm, dimension)


@dataclass(frozen=True)
class Body:
    """A meshed body, distributed over the ranks.

    Args:
        mesh: the DOLFINx mesh.
        facets: tags of the facets in physical groups.
        groups: tag of each named physical group of facets.
        labels: the mesh's nodes and cells in gmsh's order, on rank 0 alone (None elsewhere, and where gmsh did not make
            the mesh or its cells are curved).
    """

    mesh: dolfinx.mesh.Mesh
    facets: dolfinx.mesh.MeshTags
    groups: Mapping[str, int]
    labels: Labels | None = None

    def tag(self, name: str) -> int:
        """Tag of the facets called `name`.

        Raises:
            InputError: no such group; the message lists those there are.
        """
        if name not in self.groups:
            raise InputError(f"the mesh has no boundary {name!r}; it has: {', '.join(sorted(self.groups))}")
        return self.groups[name]

    def facets_of(self, name: str) -> IntArray:
        """Facets (this rank's indices) of the boundary called `name`."""
        found: IntArray = self.facets.find(self.tag(name))
        return found


def mesh_file(name: str) -> Path:
    """Path of a .geo file: one shipped with the package (installed, or in a checkout), else a path of the user's.

    Raises:
        InputError: there is no such file; the message lists those shipped.
    """
    package = Path(__file__).resolve().parents[1]
    folders = [package / "meshes", package.parent / "meshes"]
    for candidate in (*(folder / name for folder in folders), Path(name)):
        if candidate.is_file():
            return candidate
    shipped = sorted({path.name for folder in folders for path in folder.glob("*.geo")})
    raise InputError(f"no mesh file {name!r}; the package ships: {', '.join(shipped)}")


def read_geo(path: Path, numbers: Mapping[str, float], comm: MPI.Comm, dimension: int = 3) -> Body:
    """Mesh a .geo file with gmsh on rank 0 and distribute it. Collective.

    Args:
        path: the .geo file; cells and boundaries must be in named physical groups.
        numbers: values of the file's `DefineConstant` parameters.
        comm: the communicator to distribute over.
        dimension: geometric dimension of the mesh, 2 or 3.

    Raises:
        InputError: gmsh refuses the file, or a parameter is not one of the file's.
    """

    def build() -> None:
        gmsh.onelab.clear()
        gmsh.open(str(path))
        names = [name for name in gmsh.onelab.getNames() if not name.startswith("Gmsh/")]
        known = {name for name in names if gmsh.onelab.getNumber(name).size}
        unknown = sorted(set(numbers) - known)
        if unknown:
            raise InputError(f"{path.name} has no parameter {unknown[0]!r}; it has: {', '.join(sorted(known))}")
        if numbers:
            for name, value in numbers.items():
                gmsh.onelab.setNumber(name, [value])
            gmsh.clear()
            gmsh.open(str(path))
        gmsh.model.mesh.generate(dimension)

    return mesh_with_gmsh(build, path.name, comm, dimension)


def mesh_with_gmsh(build: Callable[[], None], name: str, comm: MPI.Comm, dimension: int) -> Body:
    """Run `build`, which makes and meshes a gmsh model, on rank 0; distribute the mesh. Collective.

    Args:
        build: makes gmsh's current model, meshed, with named physical groups.
        name: what to call the mesh in messages.
        comm: the communicator to distribute over.
        dimension: geometric dimension of the mesh, 2 or 3.
    """
    failure, labels = None, None
    if comm.rank == 0:
        gmsh.initialize(interruptible=False)
        gmsh.option.setNumber("General.Terminal", 0)
        try:
            build()
            labels = _labels(dimension)
        except InputError as error:
            failure = str(error)
        except Exception as error:  # gmsh raises bare Exception
            failure = f"gmsh could not mesh {name}: {error}"
    failure = comm.bcast(failure, root=0)
    try:
        if failure is not None:
            raise InputError(failure)
        data = gmshio.model_to_mesh(gmsh.model, comm, 0, gdim=dimension)
    finally:
        if comm.rank == 0:
            gmsh.finalize()
    groups = {key: group.tag for key, group in data.physical_groups.items() if group.dim == data.mesh.topology.dim - 1}
    return Body(data.mesh, data.facet_tags, groups, labels)


class NodeGather:
    """Collects nodal values on rank 0, in gmsh's order of nodes.

    Args:
        space: a P1 (or Q1) space, scalar or blocked, on a mesh with straight cells.
    """

    def __init__(self, space: dolfinx.fem.FunctionSpace) -> None:
        mesh, index_map = space.mesh, space.dofmap.index_map
        self._comm = mesh.comm
        self._block = space.dofmap.bs
        self._owned = index_map.size_local
        node = np.empty(index_map.size_local + index_map.num_ghosts, dtype=np.int64)
        node[space.dofmap.list.ravel()] = mesh.geometry.dofmaps[0].ravel()
        original = mesh.geometry.input_global_indices[node[: self._owned]]
        gathered = self._comm.gather(original, root=0)
        # gmsh may number nodes that belong to no cell: the rank among those used is the label's number.
        self._order = None if gathered is None else np.argsort(np.concatenate(gathered), kind="stable")

    @property
    def label_of_node(self) -> IntArray:
        """Label (gmsh's order) of each node in DOLFINx's order; on rank 0, where nodes stand rank after rank."""
        if self._order is None:
            raise RuntimeError("the order of nodes is known on rank 0 alone")
        inverse = np.empty_like(self._order)
        inverse[self._order] = np.arange(len(self._order))
        return inverse

    def __call__(self, values: Array) -> Array | None:
        """Gather the local values of a function (`function.x.array`). Collective.

        Returns:
            (N, n) values on rank 0, None elsewhere.
        """
        local = values[: self._owned * self._block].reshape(-1, self._block)
        gathered = self._comm.gather(local, root=0)
        return None if gathered is None else np.concatenate(gathered)[self._order]


def mark_boundaries(mesh: dolfinx.mesh.Mesh, places: Mapping[str, Callable[[Array], Any]]) -> Body:
    """A body on a mesh of DOLFINx's own, its boundaries named by where they are.

    Args:
        mesh: the mesh.
        places: for each boundary, a function of coordinates (3, n) that is true on it.
    """
    dimension = mesh.topology.dim - 1
    groups = {name: number for number, name in enumerate(places, start=1)}
    found = {name: dolfinx.mesh.locate_entities_boundary(mesh, dimension, place) for name, place in places.items()}
    facets = np.concatenate(list(found.values()))
    tags = np.concatenate([np.full(len(found[name]), tag, dtype=np.int32) for name, tag in groups.items()])
    facets, first = np.unique(facets, return_index=True)
    return Body(mesh, dolfinx.mesh.meshtags(mesh, dimension, facets, tags[first]), groups)


def _labels(dimension: int) -> Labels | None:
    """Nodes and cells of gmsh's current model as labels; None where a cell is curved."""
    points = gmshio.extract_geometry(gmsh.model)[:, :dimension]
    topology, _ = gmshio.extract_topology_and_markers(gmsh.model)
    kinds = [kind for kind in topology if gmsh.model.mesh.getElementProperties(kind)[1] == dimension]
    if not set(kinds) <= set(CELL_NAMES):
        return None
    blocks: dict[str, Any] = {
        CELL_NAMES[kind]: np.asarray(topology[kind]["topology"], dtype=np.int64) for kind in kinds
    }
    used, numbered = np.unique(np.concatenate([block.ravel() for block in blocks.values()]), return_inverse=True)
    cells, start = {}, 0
    for kind, block in blocks.items():
        cells[kind] = numbered[start : start + block.size].reshape(block.shape)
        start += block.size
    return labels_on_mesh(points[used], cells)


# Assembly of quadratic tetrahedra took 0.80 s instead of 1.24 s with these. `-march=native` would save another tenth
# and is left out: the cache of compiled forms may be shared by machines with different processors.
COMPILER_FLAGS = ["-O3", "-ffast-math"]


def compile_form(form: Any) -> fem.Form:
    """Compile a UFL form (or a list of them)."""
    return fem.form(form, jit_options={"cffi_extra_compile_args": COMPILER_FLAGS})
