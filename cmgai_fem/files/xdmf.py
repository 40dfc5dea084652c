"""XDMF files: light data in XML, heavy data in HDF5, binary or the XML itself, beside it or in it and nowhere else.

meshio writes them, but reads neither quadratic cells in mixed meshes nor the series that DOLFINx writes, so reading is
done here.

Source: XDMF model and format, www.xdmf.org; symmetric tensors stand there as xx, xy, xz, yy, yz, zz.
"""

import re
from collections.abc import Iterable, Sequence
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
from cmgai_fem.files.components import names_of, put_field
from cmgai_fem.files.meshio_grids import load_meshio, make_grid, runs_of_one_kind
from cmgai_fem.files.parts import join
from cmgai_fem.files.snapshot import Grid, Snapshot, as_unstructured
from cmgai_fem.files.trust import printable
from cmgai_fem.states.labels import NODES_PER_CELL, Array, IntArray, in_space

KINDS = {name.lower(): kind for name, kind in xdmf_to_meshio_type.items()}
# The way from VTK's order of a symmetric tensor to XDMF's, which is also the way back.
TENSOR = [0, 3, 5, 1, 4, 2]
PLANE_TENSOR = ("xx", "xy", "yx", "yy")
INCLUDES = ("{http://www.w3.org/2001/XInclude}include", "{https://www.w3.org/2001/XInclude}include")


def read_xdmf(path: Path) -> list[Snapshot]:
    """Snapshots of an XDMF file: one a time step, fields of several series at one time together, parts joined.

    Raises:
        InputError: the file is damaged, reaches outside its folder, or holds cells of a kind that is not read.
    """
    trust.check_xml(path, own_parts=True)
    root = ElementTree.parse(path).getroot()
    for inclusion in root.iter():
        if inclusion.tag in INCLUDES and inclusion.get("href"):
            raise InputError(f"{printable(str(path))}: includes another file (XInclude); such files are refused")
    file = _File(path, root)
    steps: dict[float | None, list[Element]] = {}
    for top in file.tops():
        if not _is_series(top):
            # A mesh that series include is no state of its own.
            if top.find("Attribute") is not None or not file.series:
                steps.setdefault(time_of(path, top), []).append(top)
            continue
        members = top.findall("Grid")
        for time, step in zip(_times(path, top, members), members, strict=True):
            steps.setdefault(time, []).append(step)
    return [Snapshot(path, file.body(members), time) for time, members in steps.items()]


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
    meshio.xdmf.write(str(path), load_meshio().Mesh(points, cells, point_data=point_data, cell_data=cell_data))


def _to_xdmf(array: pyvista.pyvista_ndarray) -> Array:
    """A field as XDMF has it: symmetric tensors in its order, plane ones of other components as full ones."""
    values, names = np.asarray(array), names_of(array)
    if values.ndim == 2 and values.shape[1] == 6:
        return values[:, TENSOR]
    if tuple(names) == PLANE_TENSOR:
        return values.reshape(-1, 2, 2)
    return values


class _File:
    """One file's grids.

    Args:
        path: the file.
        root: its XML.
    """

    def __init__(self, path: Path, root: Element) -> None:
        self.path = path
        self.domain = root.find("Domain") if root.find("Domain") is not None else root
        self.series = [grid for grid in root.iter("Grid") if _is_series(grid)]
        self.meshes = [grid for grid in root.iter("Grid") if _has_mesh(grid)]
        if not self.meshes:
            raise InputError(f"{printable(str(path))}: holds no mesh")

    def tops(self) -> list[Element]:
        """The series, and the grids that belong to none."""
        assert self.domain is not None
        return self.domain.findall("Grid")

    def body(self, members: Sequence[Element]) -> pyvista.UnstructuredGrid:
        """The grid of one state: fields of grids that share a mesh together, other grids as parts of one body."""
        parts: dict[int, tuple[Element, list[Element]]] = {}
        for grid in (leaf for member in members for leaf in _leaves(member)):
            own = grid if _has_mesh(grid) else self._included(grid)
            parts.setdefault(id(own), (own, []))[1].append(grid)
        made: list[pyvista.UnstructuredGrid] = []
        for own, grids in parts.values():
            grid = _mesh(self.path, own)
            for leaf in grids:
                _attributes(self.path, leaf.findall("Attribute"), grid)
            made.append(grid)
        return _distinct(made)

    def _included(self, grid: Element) -> Element:
        """The mesh of a grid that includes another's."""
        if len(self.meshes) == 1:
            return self.meshes[0]
        pointer = next((child.get("xpointer", "") for child in grid if child.tag in INCLUDES), "")
        for mesh in self.meshes:
            if f"@Name='{mesh.get('Name')}'" in pointer.replace('"', "'"):
                return mesh
        number = re.search(r"Grid(?:\[@GridType='Uniform'\])?\[(\d+)\]", pointer)
        if number and 0 < int(number[1]) <= len(self.meshes):
            return self.meshes[int(number[1]) - 1]
        name = printable(grid.get("Name", ""))
        raise InputError(
            f"{printable(str(self.path))}: which of {len(self.meshes)} meshes grid {name!r} has is not said"
        )


def _distinct(grids: Sequence[pyvista.UnstructuredGrid]) -> pyvista.UnstructuredGrid:
    """Grids on one mesh as one with all fields, different ones as parts of one body."""
    bodies: list[pyvista.UnstructuredGrid] = []
    for grid in grids:
        twin = next((body for body in bodies if _same(body, grid)), None)
        if twin is None:
            bodies.append(grid)
            continue
        for mine, theirs in ((twin.point_data, grid.point_data), (twin.cell_data, grid.cell_data)):
            for name, array in theirs.items():
                mine[name] = array
    return join(bodies)


def _same(one: pyvista.UnstructuredGrid, other: pyvista.UnstructuredGrid) -> bool:
    return np.array_equal(one.points, other.points) and np.array_equal(one.cells, other.cells)


def _is_series(grid: Element) -> bool:
    return grid.get("GridType", "").lower() == "collection" and grid.get("CollectionType", "").lower() == "temporal"


def _has_mesh(grid: Element) -> bool:
    return grid.find("Topology") is not None and grid.find("Geometry") is not None


def _leaves(grid: Element) -> list[Element]:
    """The grids that a collection or tree consists of, or the grid itself."""
    within = grid.findall("Grid")
    return [leaf for child in within for leaf in _leaves(child)] if within else [grid]


def time_of(path: Path, grid: Element) -> float | None:
    """The time of a grid, its own or that of all its parts."""
    own = [time for one in (grid, *grid.iter("Grid")) if (time := one.find("Time")) is not None]
    values = {_number(path, time.get("Value")) for time in own}
    return values.pop() if len(values) == 1 else None


def _times(path: Path, series: Element, steps: Sequence[Element]) -> list[float | None]:
    """The times of a series: in one list for all, as an even progression, or one a step."""
    whole = series.find("Time")
    kind = "" if whole is None else (whole.get("TimeType") or whole.get("Type") or "Single").lower()
    if whole is None or kind == "single":
        own = [time_of(path, step) for step in steps]
        return [float(row) if time is None else time for row, time in enumerate(own)]
    numbers = _data(path, whole).ravel().astype(float)
    if kind == "hyperslab" and len(numbers) == 3:
        numbers = numbers[0] + numbers[1] * np.arange(int(numbers[2]))
    elif kind != "list":
        raise InputError(
            f"{printable(str(path))}: times of type {printable(kind)} are not read; List and HyperSlab are"
        )
    if len(numbers) != len(steps):
        raise InputError(f"{printable(str(path))}: {len(numbers)} times for {len(steps)} steps: damaged")
    return [float(number) for number in numbers]


def _number(path: Path, text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        raise InputError(f"{printable(str(path))}: the time {printable(str(text))!r} is no number") from None


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
    return make_grid(in_space(points), kinds, blocks)


def _mixed(path: Path, numbers: IntArray) -> tuple[list[str], list[IntArray]]:
    """Runs of cells of one kind from numbers: each cell its type, the count of nodes for lines, and its nodes."""
    kinds: list[str] = []
    runs: list[list[IntArray]] = []
    position = 0
    while position < len(numbers):
        kind = xdmf_idx_to_meshio_type.get(int(numbers[position]), "")
        if kind not in NODES_PER_CELL:
            raise InputError(f"{printable(str(path))}: mixed cells of type {int(numbers[position])} are not read")
        # How many nodes there are stands before them where a kind may have any number: lines and loose points.
        start = position + (2 if kind in ("line", "vertex") else 1)
        if kind in ("line", "vertex") and numbers[start - 1] != NODES_PER_CELL[kind]:
            raise InputError(f"{printable(str(path))}: mixed cells of {numbers[start - 1]} {kind}s are not read")
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
        kind = (attribute.get("AttributeType") or attribute.get("Type") or "").lower()
        if kind == "tensor6":
            values = values[:, TENSOR]
        data = grid.point_data if centre == "node" else grid.cell_data
        put_field(data, name, values, PLANE_TENSOR if kind in ("tensor", "matrix") else ())


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
