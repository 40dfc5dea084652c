"""Meshes: gmsh reads and meshes a .geo file on rank 0, DOLFINx distributes it.

Whatever the number of ranks, results gathered on rank 0 stand in gmsh's order of nodes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import dolfinx
import gmsh
import numpy as np
from dolfinx import fem
from dolfinx.io import distribute_entity_data
from dolfinx.io import gmsh as gmshio
from mpi4py import MPI
from pydantic import BaseModel, ConfigDict, Field

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body, Group
from cmgai_fem.mechanics.physical_groups import physical_groups
from cmgai_fem.states.labels import Array, IntArray, Labels, labels_on_mesh

# Dimension and number of corners -> meshio's cell names.
CELL_NAMES = {(1, 2): "line", (2, 3): "triangle", (2, 4): "quad", (3, 4): "tetra", (3, 8): "hexahedron"}


class MeshParameters(BaseModel):
    """The `mesh` table of a reference model: which file, and its parameters.

    Args:
        file: name of a .geo file that the package ships, or the path of a .geo or .msh file.
        size: cell size away from refinements [m]; None keeps the file's own.
        numbers: any other `DefineConstant` parameters of the file, in the file's own units.
        order: of the cells' geometry, 2 for curved sides; None keeps the file's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    file: str
    size: float | None = Field(default=None, gt=0.0)
    numbers: dict[str, float] = Field(default_factory=dict)
    order: Literal[1, 2] | None = None

    def read(self, comm: MPI.Comm, dimension: int | None = None) -> Body:
        """Mesh the file and distribute it. Collective."""
        numbers = dict(self.numbers) | ({} if self.size is None else {"size": self.size})
        return read_mesh(mesh_file(self.file), numbers, comm, dimension, self.order)


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


def read_mesh(
    path: Path, numbers: Mapping[str, float], comm: MPI.Comm, dimension: int | None = None, order: int | None = None
) -> Body:
    """Read a .msh file, or mesh a .geo file, with gmsh on rank 0 and distribute it. Collective.

    Args:
        path: the file; cells and boundaries must be in named physical groups.
        numbers: values of the .geo file's `DefineConstant` parameters.
        comm: the communicator to distribute over.
        dimension: of the cells; that of the geometry by default.
        order: of the cells' geometry; the file's own by default.

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
        if path.suffix == ".geo":
            gmsh.model.mesh.generate(dimension or gmsh.model.getDimension())
        if order is not None:
            gmsh.model.mesh.setOrder(order)

    return mesh_with_gmsh(build, path.name, comm, dimension)


def mesh_with_gmsh(build: Callable[[], None], name: str, comm: MPI.Comm, dimension: int | None = None) -> Body:
    """Run `build`, which makes and meshes a gmsh model, on rank 0; distribute the mesh. Collective.

    Args:
        build: makes gmsh's current model, meshed, with named physical groups.
        name: what to call the mesh in messages.
        comm: the communicator to distribute over.
        dimension: of the cells; that of the geometry by default.
    """
    failure: str | None = None
    found: tuple[int, dict[str, tuple[int, IntArray]]] = (0, {})
    labels = None
    if comm.rank == 0:
        gmsh.initialize(interruptible=False)
        gmsh.option.setNumber("General.Terminal", 0)
        try:
            build()
            cells = dimension or gmsh.model.getDimension()
            found, labels = (cells, physical_groups(name, cells)), _labels(cells)
        except InputError as error:
            failure = str(error)
        except Exception as error:  # gmsh raises bare Exception
            failure = f"gmsh could not mesh {name}: {error}"
    failure, cells = comm.bcast((failure, found[0]), root=0)
    try:
        if failure is not None:
            raise InputError(failure)
        mesh = gmshio.model_to_mesh(gmsh.model, comm, 0, gdim=cells).mesh
    finally:
        if comm.rank == 0:
            gmsh.finalize()
    return Body(mesh, _distributed(mesh, found[1]), labels)


def _distributed(mesh: dolfinx.mesh.Mesh, found: Mapping[str, tuple[int, IntArray]]) -> dict[str, Group]:
    """Each group's entities on this rank, from those that rank 0 read. Collective."""
    heads = mesh.comm.bcast({name: (kind, nodes.shape[1]) for name, (kind, nodes) in found.items()}, root=0)
    groups = {}
    for name, (kind, width) in heads.items():
        nodes = found[name][1] if mesh.comm.rank == 0 else np.empty((0, width), dtype=np.int64)
        mesh.topology.create_entities(kind)
        corners, _ = distribute_entity_data(mesh, kind, nodes, np.zeros(len(nodes), dtype=np.int32))
        mesh.topology.create_connectivity(kind, mesh.topology.dim)
        mesh.topology.create_connectivity(kind, 0)
        tags = dolfinx.mesh.meshtags_from_entities(
            mesh, kind, dolfinx.graph.adjacencylist(corners), np.zeros(len(corners), dtype=np.int32)
        )
        groups[name] = Group(kind, np.unique(np.asarray(tags.indices, dtype=np.int32)))
    return groups


class NodeGather:
    """Collects nodal values on rank 0, in gmsh's order of nodes.

    Args:
        space: a P1 (or Q1) space, scalar or blocked.
    """

    def __init__(self, space: dolfinx.fem.FunctionSpace) -> None:
        mesh, index_map = space.mesh, space.dofmap.index_map
        self._comm = mesh.comm
        self._block = space.dofmap.bs
        self._owned = index_map.size_local
        node = np.empty(index_map.size_local + index_map.num_ghosts, dtype=np.int64)
        # The corners of a cell with curved sides stand first.
        node[space.dofmap.list] = mesh.geometry.dofmaps[0][:, : space.dofmap.list.shape[1]]
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


def _labels(dimension: int) -> Labels:
    """Corner nodes and cells of gmsh's current model as labels."""
    points = gmshio.extract_geometry(gmsh.model)[:, :dimension]
    topology, _ = gmshio.extract_topology_and_markers(gmsh.model)
    blocks: dict[str, Any] = {}
    for kind, found in topology.items():
        _, own, _, _, _, corners = gmsh.model.mesh.getElementProperties(kind)
        if own == dimension:
            blocks[CELL_NAMES[own, corners]] = np.asarray(found["topology"][:, :corners], dtype=np.int64)
    used, numbered = np.unique(np.concatenate([block.ravel() for block in blocks.values()]), return_inverse=True)
    cells, start = {}, 0
    for name, block in blocks.items():
        cells[name] = numbered[start : start + block.size].reshape(block.shape)
        start += block.size
    return labels_on_mesh(points[used], cells)


def labels_of(body: Body) -> Labels | None:
    """The body's labels on rank 0, those of a mesh of DOLFINx's own in its order of input. Collective."""
    mesh = body.mesh
    if mesh.comm.bcast(body.labels is not None, root=0):
        return body.labels
    position = fem.Function(fem.functionspace(mesh, ("Lagrange", 1, (mesh.geometry.dim,))))
    position.interpolate(lambda x: x[: mesh.geometry.dim])
    points = NodeGather(position.function_space)(position.x.array)
    owned = mesh.topology.index_map(mesh.topology.dim).size_local
    corners = position.function_space.dofmap.list.shape[1]
    nodes = mesh.geometry.input_global_indices[mesh.geometry.dofmaps[0][:owned, :corners]]
    found = mesh.comm.gather((np.asarray(mesh.topology.original_cell_index[:owned]), nodes), root=0)
    if found is None or points is None:
        return None
    order = np.argsort(np.concatenate([cells for cells, _ in found]))
    cells = np.concatenate([rows for _, rows in found])[order]
    kind = CELL_NAMES[mesh.topology.dim, corners]
    numbered = np.unique(cells, return_inverse=True)[1].reshape(cells.shape)
    return labels_on_mesh(points, {kind: numbered[:, TENSOR_ORDER.get(kind, slice(None))]})


# DOLFINx numbers the corners of these cells row by row, meshio around them.
TENSOR_ORDER: dict[str, Any] = {"quad": [0, 1, 3, 2], "hexahedron": [0, 1, 3, 2, 4, 5, 7, 6]}

# Assembly of quadratic tetrahedra took 0.80 s instead of 1.24 s with these. `-march=native` would save another tenth
# and is left out: the cache of compiled forms may be shared by machines with different processors.
COMPILER_FLAGS = ["-O3", "-ffast-math"]


def compile_form(form: Any) -> fem.Form:
    """Compile a UFL form (or a list of them)."""
    return fem.form(form, jit_options={"cffi_extra_compile_args": COMPILER_FLAGS})
