"""XDMF files: light data in XML, heavy data in HDF5, binary or the XML itself, beside it or in it and nowhere else.

meshio writes them, but reads neither quadratic cells in mixed meshes nor the series that DOLFINx writes, so reading is
done here.

Source: XDMF model and format, www.xdmf.org; symmetric tensors stand there as xx, xy, xz, yy, yz, zz.
"""

from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import h5py
import meshio
import numpy as np
import pyvista
from meshio.xdmf.common import xdmf_idx_to_meshio_type, xdmf_to_meshio_type

from cmgai_fem.errors import InputError
from cmgai_fem.files import trust
from cmgai_fem.files.meshio_grids import embedded, make_grid, runs_of_one_kind
from cmgai_fem.files.snapshot import Grid, Snapshot, as_unstructured
from cmgai_fem.files.trust import printable
from cmgai_fem.states.labels import NODES_PER_CELL, Array, IntArray

KINDS = {name.lower(): kind for name, kind in xdmf_to_meshio_type.items()}
# The way from VTK's order of a symmetric tensor to XDMF's, which is also the way back.
TENSOR = [0, 3, 5, 1, 4, 2]
INCLUDE = "{http://www.w3.org/2001/XInclude}include"


def read_xdmf(path: Path) -> list[Snapshot]:
    """Snapshots of an XDMF file: one a time step, fields of several series at one time together.

    Raises:
        InputError: the file is damaged, reaches outside its folder, or holds cells of a kind that is not read.
    """
    trust.check_xml(path, own_parts=True)
    root = ElementTree.parse(path).getroot()
    for inclusion in root.iter(INCLUDE):
        if inclusion.get("href"):
            raise InputError(f"{printable(str(path))}: includes another file (XInclude); such files are refused")
    grids = [grid for grid in root.iter("Grid") if grid.get("GridType", "Uniform").lower() == "uniform"]
    meshes = [grid for grid in grids if grid.find("Topology") is not None and grid.find("Geometry") is not None]
    if not meshes:
        raise InputError(f"{printable(str(path))}: holds no mesh")
    steps: dict[float | None, list[Element]] = {}
    for series in root.iter("Grid"):
        if series.get("CollectionType", "").lower() == "temporal":
            for position, step in enumerate(series.findall("Grid")):
                time = step.find("Time")
                at = float(position) if time is None else float(time.get("Value", "nan"))
                steps.setdefault(at, []).append(step)
    if not steps:
        steps = {None: grids}
    snapshots = []
    for value, members in steps.items():
        own = next((grid for grid in members if grid in meshes), meshes[0])
        grid = _mesh(path, own)
        for member in members:
            _attributes(path, member.findall("Attribute"), grid)
        snapshots.append(Snapshot(path, grid, value))
    return snapshots


def write_xdmf(path: Path, grid: Grid) -> None:
    """Write one state; its heavy data go to a .h5 file of the same name."""
    whole = as_unstructured(grid)
    runs = runs_of_one_kind(whole)
    point_data = {name: _to_xdmf(array) for name, array in whole.point_data.items() if array.dtype.kind in "fiu"}
    cell_data = {
        name: [_to_xdmf(array)[rows] for _, _, rows in runs]
        for name, array in whole.cell_data.items()
        if array.dtype.kind in "fiu"
    }
    # XDMF numbers the nodes of every cell as VTK does, so none is renumbered to meshio's order.
    cells = [(kind, block) for kind, block, _ in runs]
    points = np.asarray(whole.points, dtype=float)
    meshio.xdmf.write(str(path), meshio.Mesh(points, cells, point_data=point_data, cell_data=cell_data))


def _to_xdmf(array: Array) -> Array:
    array = np.asarray(array)
    return array[:, TENSOR] if array.ndim == 2 and array.shape[1] == 6 else array


def _mesh(path: Path, grid: Element) -> pyvista.UnstructuredGrid:
    geometry, topology = grid.find("Geometry"), grid.find("Topology")
    assert geometry is not None
    assert topology is not None
    kind = geometry.get("GeometryType") or geometry.get("Type") or "XYZ"
    if kind.upper() not in ("XYZ", "XY"):
        raise InputError(f"{printable(str(path))}: geometries of type {printable(kind)} are not read")
    points = _data(path, geometry).astype(float).reshape(-1, len(kind))
    name = (topology.get("TopologyType") or topology.get("Type") or "").lower()
    connectivity = _data(path, topology).astype(np.int64)
    if name == "mixed":
        kinds, blocks = _mixed(path, connectivity.ravel())
    elif name in KINDS and KINDS[name] in NODES_PER_CELL:
        kinds, blocks = [KINDS[name]], [connectivity.reshape(-1, NODES_PER_CELL[KINDS[name]])]
    else:
        raise InputError(f"{printable(str(path))}: cells of type {printable(name)} are not read")
    return make_grid(embedded(points), kinds, blocks)


def _mixed(path: Path, numbers: IntArray) -> tuple[list[str], list[IntArray]]:
    """Runs of cells of one kind from numbers: each cell its type, the count of nodes for lines, and its nodes."""
    kinds: list[str] = []
    runs: list[list[IntArray]] = []
    position = 0
    while position < len(numbers):
        kind = xdmf_idx_to_meshio_type.get(int(numbers[position]), "")
        if kind not in NODES_PER_CELL:
            raise InputError(f"{printable(str(path))}: mixed cells of type {int(numbers[position])} are not read")
        start = position + (2 if kind == "line" else 1)
        position = start + NODES_PER_CELL[kind]
        if position > len(numbers):
            raise InputError(f"{printable(str(path))}: the list of mixed cells is truncated")
        if not kinds or kinds[-1] != kind:
            kinds.append(kind)
            runs.append([])
        runs[-1].append(numbers[start:position])
    return kinds, [np.array(run) for run in runs]


def _attributes(path: Path, attributes: Iterable[Element], grid: pyvista.UnstructuredGrid) -> None:
    for attribute in attributes:
        name, centre = attribute.get("Name", "field"), attribute.get("Center", "Node").lower()
        if centre not in ("node", "cell"):
            continue
        count = grid.n_points if centre == "node" else grid.n_cells
        values = _data(path, attribute)
        if count == 0 or values.size % count:
            raise InputError(
                f"{printable(str(path))}: field {printable(name)!r} has {values.size} values for {count} {centre}s"
            )
        values = values.reshape(count, -1)
        if (attribute.get("AttributeType") or attribute.get("Type") or "").lower() == "tensor6":
            values = values[:, TENSOR]
        data = grid.point_data if centre == "node" else grid.cell_data
        data[name] = values if values.shape[1] > 1 else values[:, 0]


def _data(path: Path, parent: Element) -> Array:
    """The numbers of the first data item of an element."""
    item = parent.find("DataItem")
    if item is None or item.get("Reference") or item.get("ItemType", "Uniform") != "Uniform":
        raise InputError(f"{printable(str(path))}: {printable(parent.tag)} has no plain data item")
    shape = tuple(int(number) for number in item.get("Dimensions", "").split())
    kind = (item.get("NumberType") or item.get("DataType") or "Float").lower()
    letter = {"float": "f", "int": "i", "uint": "u", "char": "i", "uchar": "u"}.get(kind, "f")
    size = 1 if "char" in kind else int(item.get("Precision", "4"))
    text, form = (item.text or "").strip(), item.get("Format", "XML").upper()
    if form == "XML":
        values = np.array(text.split(), dtype=float if letter == "f" else np.int64)
    elif form == "HDF":
        file, _, place = text.partition(":")
        heavy = trust.inside(path, file)
        trust.check_readable(heavy)
        trust.check_hdf5(heavy)
        with h5py.File(heavy, "r") as stored:
            values = np.asarray(stored[place][()])
    elif form == "BINARY":
        heavy = trust.inside(path, text)
        trust.check_readable(heavy)
        order = ">" if item.get("Endian", "Little").lower() == "big" else "<"
        values = np.fromfile(heavy, dtype=f"{order}{letter}{size}")
    else:
        raise InputError(f"{printable(str(path))}: data in {printable(form)} form are not read")
    if values.size != int(np.prod(shape, dtype=object)):
        raise InputError(f"{printable(str(path))}: declares {shape} numbers, {values.size} are there: damaged")
    return values.reshape(shape)
