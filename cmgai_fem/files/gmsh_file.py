"""Gmsh's own files (.msh, versions 2.2 and 4.1, ASCII and binary), read by Gmsh: data go by the ids that they name.

meshio reads the sections of data by position and drops their ids, so that values land on other nodes.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import gmsh
import meshio
import numpy as np
import pyvista

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import FULL_TENSOR, USUAL, names_of
from cmgai_fem.files.meshio_grids import make_grid, to_meshio
from cmgai_fem.files.parts import some_of
from cmgai_fem.files.snapshot import Grid, Snapshot, as_unstructured, cell_dimensions
from cmgai_fem.files.trust import printable
from cmgai_fem.states.labels import Array, BoolArray, IntArray

PHYSICAL = "gmsh:physical"
KINDS = {
    15: "vertex", 1: "line", 8: "line3", 2: "triangle", 9: "triangle6", 3: "quad", 16: "quad8", 10: "quad9",
    4: "tetra", 11: "tetra10", 5: "hexahedron", 17: "hexahedron20", 12: "hexahedron27", 6: "wedge", 18: "wedge15",
    7: "pyramid", 19: "pyramid13",
}  # fmt: skip
# VTK's node order in terms of Gmsh's, where they differ.
TO_VTK = {
    "tetra10": [0, 1, 2, 3, 4, 5, 6, 7, 9, 8],
    "hexahedron20": [*range(9), 11, 13, 9, 16, 18, 19, 17, 10, 12, 14, 15],
    "hexahedron27": [*range(9), 11, 13, 9, 16, 18, 19, 17, 10, 12, 14, 15, 22, 23, 21, 24, 20, 25, 26],
    "wedge": [0, 2, 1, 3, 5, 4],
    "wedge15": [*range(7), 9, 7, 12, 14, 13, 8, 10, 11],
    "pyramid13": [*range(6), 8, 10, 6, 7, 9, 11, 12],
}
# Columns of the full tensor, row by row, that hold VTK's symmetric components, and the way back.
SYMMETRIC_IN_FULL = [0, 4, 8, 1, 5, 2]
FULL_FROM_SYMMETRIC = [0, 3, 5, 3, 1, 4, 5, 4, 2]
SECTION = re.compile(rb"^\$(End)?([A-Za-z]+)[ \t\r]*$", re.MULTILINE)
type Values = tuple[str, IntArray, Array]
"""Where a view lives, "NodeData" or "ElementData", the ids that it names, and their values (ids, n)."""


def read_gmsh(path: Path) -> list[Snapshot]:
    """The snapshots of a .msh file: one a time step of its views, NaN where a view names no value.

    Raises:
        InputError: the file is damaged, or holds cells or data of a kind that is not read.
    """
    _check_sections(path)
    with _opened(path):
        grid, nodes, cells = _mesh(path)
        steps: dict[float, dict[str, Values]] = {}
        for name, time, view in _views(path):
            steps.setdefault(time, {})[name] = view
    if not steps:
        return [Snapshot(path, grid, None, nodes, cells)]
    kept = _of_the_views(grid, cells, steps)
    body = some_of(grid, kept, np.ones(len(nodes), dtype=bool))
    cells = cells[kept]
    snapshots = []
    for time, views in steps.items():
        state = body.copy(deep=False)
        for name, (place, ids, values) in views.items():
            data, own = (state.point_data, nodes) if place == "NodeData" else (state.cell_data, cells)
            spread = np.full((len(own), values.shape[1]), np.nan)
            known = np.isin(ids, own)
            spread[np.searchsorted(own, ids[known])] = values[known]
            data[name] = _folded(spread) if spread.shape[1] > 1 else spread[:, 0]
        snapshots.append(Snapshot(path, state, time, nodes, cells))
    return snapshots


def write_gmsh(path: Path, grid: Grid, time: float = 0.0) -> None:
    """Write one state in version 4.1, binary; symmetric and plane tensors as full ones, which Gmsh can show."""
    whole = as_unstructured(grid)
    mesh = to_meshio(whole)
    data = [("NodeData", dict(whole.point_data)), ("ElementData", dict(whole.cell_data))]
    mesh.point_data.clear()
    physical = mesh.cell_data.pop(PHYSICAL, [np.zeros(len(block.data)) for block in mesh.cells])
    # Gmsh files cells and nodes under entities: one a block of cells, and each needs a node. Handing the entities out
    # in their own order, the last one to all nodes left, keeps the nodes in theirs.
    entities = sorted((block.dim, number) for number, block in enumerate(mesh.cells, start=1))
    rows = np.minimum(np.arange(len(mesh.points)), len(entities) - 1)
    mesh.point_data["gmsh:dim_tags"] = np.array(entities, dtype=np.int32)[rows]
    mesh.cell_data = {
        PHYSICAL: [np.asarray(numbers, dtype=np.int32) for numbers in physical],
        "gmsh:geometrical": [
            np.full(len(block.data), number, dtype=np.int32) for number, block in enumerate(mesh.cells, start=1)
        ],
    }
    meshio.gmsh.write(str(path), mesh, fmt_version="4.1", binary=True)
    with path.open("ab") as stream:
        for section, fields in data:
            for name, array in fields.items():
                if name != PHYSICAL and array.dtype.kind in "fiu":
                    stream.write(_section(section, name, _unfolded(array), time))


def _section(section: str, name: str, values: Array, time: float) -> bytes:
    """One section of data; Gmsh keeps the ids 1, 2, ... that meshio gives to nodes and cells."""
    rows = np.empty(len(values), dtype=[("id", "<i4"), ("values", "<f8", values.shape[1])])
    rows["id"], rows["values"] = np.arange(1, len(values) + 1), values
    plain = name.replace('"', "'").replace("\n", " ")
    head = f'${section}\n1\n"{plain}"\n1\n{time!r}\n3\n0\n{values.shape[1]}\n{len(values)}\n'
    return head.encode() + rows.tobytes() + f"\n$End{section}\n".encode()


def _check_sections(path: Path) -> None:
    """Gmsh takes a file without its head for a script, and a truncated section for a short one."""
    content = path.read_bytes()
    open_: bytes = b""
    seen = set()
    if not content.lstrip().startswith((b"$MeshFormat", b"$Comments")):
        raise InputError(f"{printable(str(path))}: damaged or not a .msh file: it does not begin with $MeshFormat")
    for ends, name in SECTION.findall(content):
        if bool(ends) != bool(open_) or (ends and name != open_):
            raise InputError(f"{printable(str(path))}: damaged or truncated at ${ends.decode()}{name.decode()}")
        open_ = b"" if ends else name
        seen.add(name)
    if open_:
        raise InputError(f"{printable(str(path))}: damaged or truncated: ${open_.decode()} does not end")
    # Gmsh itself writes an empty section where a mesh has no cells.
    if b"Elements" not in seen:
        raise InputError(f"{printable(str(path))}: damaged, truncated or without a mesh: $Elements is missing")


@contextmanager
def _opened(path: Path) -> Iterator[None]:
    """Gmsh with the file open; what it calls an error is one."""
    gmsh.initialize(readConfigFiles=False, interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.logger.start()
        gmsh.merge(str(path))
        for line in gmsh.logger.get():
            if line.startswith(("Error", "Warning")):
                raise InputError(f"{printable(str(path))}: damaged: {printable(line)}")
        yield
    finally:
        gmsh.finalize()


def _mesh(path: Path) -> tuple[pyvista.UnstructuredGrid, IntArray, IntArray]:
    """The mesh with its nodes and cells in the order of their ids, and these."""
    tags, places, _ = gmsh.model.mesh.getNodes()
    nodes, first = np.unique(tags.astype(np.int64), return_index=True)
    if not len(nodes):
        raise InputError(f"{printable(str(path))}: holds no nodes")
    _check_partitions(path)
    found: dict[int, list[tuple[IntArray, IntArray, IntArray]]] = {}
    groups = _groups()
    for entity in gmsh.model.getEntities():
        for number, ids, flat in zip(*gmsh.model.mesh.getElements(*entity), strict=True):
            rows = np.searchsorted(nodes, flat.astype(np.int64)).reshape(len(ids), -1)
            group = np.full(len(ids), groups.get(entity, 0))
            found.setdefault(int(number), []).append((ids.astype(np.int64), rows, group))
    kinds, blocks, cells, physical = _in_order_of_ids(path, found)
    grid = make_grid(places.reshape(-1, 3)[first], kinds, blocks)
    if np.any(physical):
        grid.cell_data[PHYSICAL] = physical
    return grid, nodes, cells


def _check_partitions(path: Path) -> None:
    """One file of a mesh that Gmsh has split by partitions is read as a body of its own by all."""
    body = gmsh.model.getEntities(gmsh.model.getDimension())
    held = {int(one) for entity in body if len(gmsh.model.mesh.getElements(*entity)[1])
            for one in gmsh.model.getPartitions(*entity)}  # fmt: skip
    # Version 2.2 numbers partitions without saying how many there are.
    if held and held != set(range(1, max(gmsh.model.getNumberOfPartitions(), 2) + 1)):
        raise InputError(
            f"{printable(str(path))}: holds partition {', '.join(map(str, sorted(held)))} of a mesh in several files: "
            "open all of them in Gmsh and save one, without Mesh.PartitionSplitMeshFiles"
        )


def _in_order_of_ids(
    path: Path, found: Mapping[int, list[tuple[IntArray, IntArray, IntArray]]]
) -> tuple[list[str], list[IntArray], IntArray, IntArray]:
    """Runs of cells of one kind, in the order of their ids; the ids, and the physical groups."""
    numbers, blocks = [], {}
    for number, parts in found.items():
        if number not in KINDS:
            raise InputError(f"{printable(str(path))}: cells of Gmsh's type {number} are not read")
        ids, rows, group = (np.concatenate(column) for column in zip(*parts, strict=True))
        blocks[number] = rows[:, TO_VTK[KINDS[number]]] if KINDS[number] in TO_VTK else rows
        numbers.append(np.stack([ids, np.full(len(ids), number), np.arange(len(ids)), group]))
    if not numbers:
        return [], [], np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    table = np.concatenate(numbers, axis=1)
    # Gmsh repeats the mesh in front of every view that it appends to a file.
    table = table[:, np.unique(table[0], return_index=True)[1]]
    breaks = [0, *(np.flatnonzero(np.diff(table[1])) + 1).tolist(), table.shape[1]]
    runs = [table[:, start:stop] for start, stop in pairwise(breaks)]
    return [KINDS[int(run[1, 0])] for run in runs], [blocks[int(run[1, 0])][run[2]] for run in runs], table[0], table[3]


def _groups() -> dict[tuple[int, int], int]:
    """The first physical group of every entity that has one."""
    groups: dict[tuple[int, int], int] = {}
    for dimension, group in gmsh.model.getPhysicalGroups():
        for entity in gmsh.model.getEntitiesForPhysicalGroup(dimension, group):
            groups.setdefault((dimension, int(entity)), int(group))
    return groups


def _views(path: Path) -> Iterator[tuple[str, float, Values]]:
    """Name, time and values of every step of every view."""
    for tag in gmsh.view.getTags():
        prefix = f"View[{gmsh.view.getIndex(tag)}]"
        name = gmsh.option.getString(f"{prefix}.Name")
        for step in range(int(gmsh.option.getNumber(f"{prefix}.NbTimeStep"))):
            place, ids, values, time, width = gmsh.view.getHomogeneousModelData(tag, step)
            if not len(ids):
                continue
            if place not in ("NodeData", "ElementData"):
                raise InputError(f"{printable(str(path))}: view {printable(name)!r} holds {place}, which is not read")
            yield name, time, (place, ids.astype(np.int64), values.reshape(len(ids), width))


def _of_the_views(
    grid: pyvista.UnstructuredGrid, cells: IntArray, steps: Mapping[float, Mapping[str, Values]]
) -> BoolArray:
    """Cells that count: all, or without those of lower dimension where views of cells name none of these."""
    named = [ids for views in steps.values() for place, ids, _ in views.values() if place == "ElementData"]
    dimensions = cell_dimensions(grid)
    lower = dimensions < dimensions.max(initial=0)
    if not named or np.any(np.isin(cells[lower], np.concatenate(named))):
        lower = np.zeros(len(cells), dtype=bool)
    return ~lower


def _folded(values: Array) -> Array:
    """Gmsh knows full tensors alone; those that are symmetric are read as their six components."""
    if values.shape[1] != 9:
        return values
    folded = values[:, SYMMETRIC_IN_FULL]
    return folded if np.array_equal(folded[:, FULL_FROM_SYMMETRIC], values, equal_nan=True) else values


def _unfolded(array: pyvista.pyvista_ndarray) -> Array:
    """A field (L, n) in the numbers of components that Gmsh can show: 1, 3 and 9."""
    values = np.asarray(array, dtype=float).reshape(len(array), -1)
    names = names_of(array) or list(USUAL.get(values.shape[1], ()))
    width = next((width for width in (1, 3, 9) if width >= values.shape[1]), values.shape[1])
    if width == 9 and all(name in FULL_TENSOR for name in names):
        full = np.zeros((len(values), 9))
        for name, column in zip(names, values.T, strict=True):
            full[:, FULL_TENSOR.index(name)] = column
            if name[::-1] not in names:
                full[:, FULL_TENSOR.index(name[::-1])] = column
        return full
    return np.hstack([values, np.zeros((len(values), width - values.shape[1]))])
