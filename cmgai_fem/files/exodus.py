"""Exodus II files (.exo, .e): netCDF arrays with agreed names, one block of cells a kind, fields by component.

The arrays are read by h5py (netCDF-4) or scipy (classic netCDF). VTK's reader, meshio and the netCDF library that both
lean on read a classic file that was cut as zeros, and VTK's fills a variable that a block lacks with zeros, too.

Source: Sandia report SAND92-2137 (EXODUS II: a finite element data model), its naming of dimensions and variables.
"""

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pyvista
from scipy.io import _netcdf, netcdf_file

from cmgai_fem.errors import InputError
from cmgai_fem.files import trust
from cmgai_fem.files.components import DIGITS, FULL_TENSOR, USUAL, component_of, component_order, names_of, set_names
from cmgai_fem.files.meshio_grids import UPRIGHT_FIRST, make_grid, runs_of_one_kind
from cmgai_fem.files.snapshot import Grid, Snapshot, as_unstructured
from cmgai_fem.states.labels import NODES_PER_CELL, Array, IntArray

FAMILIES = {
    "SPHERE": "vertex", "CIRCLE": "vertex", "BAR": "line", "BEAM": "line", "TRUSS": "line", "EDGE": "line",
    "TRI": "triangle", "QUAD": "quad", "SHELL": "quad", "TET": "tetra", "HEX": "hexahedron", "WED": "wedge",
    "PYR": "pyramid",
}  # fmt: skip
NAMES = {
    "vertex": "SPHERE", "line": "BAR2", "line3": "BAR3", "triangle": "TRI3", "triangle6": "TRI6", "quad": "QUAD4",
    "quad8": "QUAD8", "quad9": "QUAD9", "tetra": "TETRA4", "tetra10": "TETRA10", "hexahedron": "HEX8",
    "hexahedron20": "HEX20", "hexahedron27": "HEX27", "wedge": "WEDGE6", "wedge15": "WEDGE15",
    "pyramid": "PYRAMID5", "pyramid13": "PYRAMID13",
}  # fmt: skip
# VTK's node order in terms of Exodus's, which numbers the centre first, too.
TO_VTK = UPRIGHT_FIRST | {"hexahedron27": [*UPRIGHT_FIRST["hexahedron20"], 23, 24, 25, 26, 21, 22, 20]}
# Components that make one field of scalars; fewer are scalars of their own.
WHOLE = (*USUAL.values(), FULL_TENSOR, ("xx", "xy", "yx", "yy"), ("xx", "yy", "xy"))
LENGTH = 256
# What CDF-5 has beside the types of the older kinds: unsigned bytes, shorts and ints, and integers of 64 bits.
WIDE_TYPES = {7: ("B", 1), 8: ("H", 2), 9: ("I", 4), 10: ("q", 8), 11: ("Q", 8)}
_netcdf.TYPEMAP |= {code.to_bytes(4, "big"): kind for code, kind in WIDE_TYPES.items()}


class _Classic(netcdf_file):
    """Classic netCDF as scipy reads it, and CDF-5, which differs in this: all its counts have 64 bits."""

    def _read_numrecs(self) -> None:
        facts = self.__dict__
        facts["_wide"] = facts["version_byte"] == 5
        if facts["_wide"]:
            facts["version_byte"] = 2
        super()._read_numrecs()

    def _unpack_int(self) -> int:
        return int(self._unpack_int64() if self.__dict__.get("_wide") else super()._unpack_int())


def read_exodus(path: Path) -> list[Snapshot]:
    """Snapshots of an Exodus file: one a time step, or one without fields where it has none.

    Raises:
        InputError: the file is damaged or holds cells of a kind that is not read.
    """
    arrays, kinds = _load(path)
    points = _points(path, arrays)
    blocks: list[IntArray] = []
    names: list[str] = []
    # Cells of each block by its number; a block without cells has none, and maybe no connectivity either.
    sizes = {number: len(arrays[f"connect{number}"]) for number in kinds}
    for number in sorted(number for number, size in sizes.items() if size):
        connectivity = np.asarray(arrays[f"connect{number}"], dtype=np.int64) - 1
        kind = _kind(path, kinds[number], connectivity.shape[-1])
        names.append(kind)
        blocks.append(connectivity[:, TO_VTK[kind]] if kind in TO_VTK else connectivity)
    times = np.atleast_1d(arrays.get("time_whole", np.zeros(0)))
    snapshots = []
    for step in range(max(len(times), 1)):
        grid = make_grid(points, names, blocks)
        if len(times):
            _join_scalars(grid, "point_data", _nodal(arrays, step))
            _join_scalars(grid, "cell_data", _elemental(arrays, step, sizes))
        snapshots.append(Snapshot(path, grid, float(times[step]) if len(times) else None))
    return snapshots


def write_exodus(path: Path, grid: Grid, time: float = 0.0) -> None:
    """Write one time step as classic netCDF with 64-bit offsets, which every Exodus reader opens."""
    whole = as_unstructured(grid)
    runs = runs_of_one_kind(whole)
    with netcdf_file(path, "w", version=2) as file:
        file.title, file.version, file.api_version = "cmgai-fem", np.float32(8.03), np.float32(8.03)
        file.floating_point_word_size, file.file_size = np.int32(8), np.int32(1)
        for name, size in (
            ("time_step", None), ("len_name", LENGTH), ("num_dim", 3), ("num_nodes", whole.n_points),
            ("num_elem", whole.n_cells), ("num_el_blk", len(runs)),
        ):  # fmt: skip
            file.createDimension(name, size)
        for axis, letter in enumerate("xyz"):
            file.createVariable(f"coord{letter}", "d", ("num_nodes",))[:] = np.asarray(whole.points)[:, axis]
        property_ = file.createVariable("eb_prop1", "i", ("num_el_blk",))
        property_.name = "ID"
        property_[:] = np.arange(1, len(runs) + 1)
        file.createVariable("eb_status", "i", ("num_el_blk",))[:] = 1
        for number, (kind, block, _) in enumerate(runs, start=1):
            file.createDimension(f"num_el_in_blk{number}", len(block))
            file.createDimension(f"num_nod_per_el{number}", block.shape[1])
            shape = (f"num_el_in_blk{number}", f"num_nod_per_el{number}")
            variable = file.createVariable(f"connect{number}", "i", shape)
            variable.elem_type = NAMES[kind]
            order = np.argsort(TO_VTK[kind]) if kind in TO_VTK else slice(None)
            variable[:] = block[:, order] + 1
        file.createVariable("time_whole", "d", ("time_step",))[0] = time
        _write_fields(file, whole, runs)


def _write_fields(file: netcdf_file, grid: Grid, runs: list[tuple[str, IntArray, slice]]) -> None:
    nodal = _split(grid.point_data)
    if nodal:
        _write_names(file, "name_nod_var", "num_nod_var", list(nodal))
    for index, array in enumerate(nodal.values(), start=1):
        file.createVariable(f"vals_nod_var{index}", "d", ("time_step", "num_nodes"))[0] = array
    elemental = _split(grid.cell_data)
    if elemental:
        _write_names(file, "name_elem_var", "num_elem_var", list(elemental))
    for index, array in enumerate(elemental.values(), start=1):
        for number, (_, _, rows) in enumerate(runs, start=1):
            shape = ("time_step", f"num_el_in_blk{number}")
            file.createVariable(f"vals_elem_var{index}eb{number}", "d", shape)[0] = array[rows]


def _write_names(file: netcdf_file, variable: str, dimension: str, names: list[str]) -> None:
    file.createDimension(dimension, len(names))
    padded = [name.encode()[: LENGTH - 1].ljust(LENGTH, b"\0") for name in names]
    letters = np.frombuffer(b"".join(padded), dtype="S1").reshape(len(names), LENGTH)
    file.createVariable(variable, "c", (dimension, "len_name"))[:] = letters


def _load(path: Path) -> tuple[dict[str, Array], dict[int, str]]:
    """Arrays by name, and the cell kind of each block by number."""
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic == b"\x89HDF":
        trust.check_hdf5(path)
        with h5py.File(path, "r") as hdf5:
            arrays = {name: item[()] for name, item in hdf5.items() if isinstance(item, h5py.Dataset)}
            raw = {name: item.attrs.get("elem_type", b"") for name, item in hdf5.items() if name.startswith("connect")}
    elif magic[:3] == b"CDF":
        # Read without a memory map: every array is copied, and a truncated file raises instead of crashing later.
        with _Classic(path, "r", mmap=False) as classic:
            arrays = {name: np.array(item[...]) for name, item in classic.variables.items()}
            raw = {
                name: getattr(item, "elem_type", b"")
                for name, item in classic.variables.items()
                if name.startswith("connect")
            }
    else:
        raise InputError(f"{trust.printable(str(path))}: not an Exodus file (neither netCDF-4 nor classic netCDF)")
    return arrays, {int(name.removeprefix("connect")): _text(kind) for name, kind in raw.items()}


def _text(raw: object) -> str:
    if isinstance(raw, np.ndarray):
        raw = raw.tobytes() if raw.dtype.kind == "S" else raw.item()
    return (raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)).strip("\0 ")


def _points(path: Path, arrays: Mapping[str, Array]) -> Array:
    if "coord" in arrays:
        columns = list(np.atleast_2d(arrays["coord"]))
    else:
        columns = [arrays[f"coord{letter}"] for letter in "xyz" if f"coord{letter}" in arrays]
    if not columns:
        raise InputError(f"{trust.printable(str(path))}: holds no node coordinates")
    while len(columns) < 3:
        columns.append(np.zeros_like(columns[0]))
    return np.column_stack(columns).astype(float)


def _kind(path: Path, name: str, nodes: int) -> str:
    family = FAMILIES.get("".join(letter for letter in name.upper() if letter.isalpha())[: len("SPHERE")])
    if family is None:
        family = next((kind for start, kind in FAMILIES.items() if name.upper().startswith(start)), None)
    for kind, count in NODES_PER_CELL.items():
        if family and kind.rstrip("0123456789") == family and count == nodes:
            return kind
    raise InputError(f"{trust.printable(str(path))}: {trust.printable(name)} cells of {nodes} nodes are not read")


def _variable_names(arrays: Mapping[str, Array], key: str) -> list[str]:
    if key not in arrays:
        return []
    rows = np.atleast_2d(arrays[key]).astype("S1")
    return [b"".join(row).decode(errors="replace").strip("\0 ") for row in rows]


def _nodal(arrays: Mapping[str, Array], step: int) -> dict[str, Array]:
    return {
        name: np.asarray(arrays[f"vals_nod_var{index}"][step], dtype=float)
        for index, name in enumerate(_variable_names(arrays, "name_nod_var"), start=1)
    }


def _elemental(arrays: Mapping[str, Array], step: int, sizes: Mapping[int, int]) -> dict[str, Array]:
    fields = {}
    for index, name in enumerate(_variable_names(arrays, "name_elem_var"), start=1):
        # A block may lack a variable; its cells then hold NaN, which the transport refuses by name.
        parts = [
            arrays[f"vals_elem_var{index}eb{number}"][step]
            if f"vals_elem_var{index}eb{number}" in arrays
            else np.full(size, np.nan)
            for number, size in sorted(sizes.items())
            if size
        ]
        fields[name] = np.concatenate(parts).astype(float)
    return fields


def _split(fields: Mapping[str, pyvista.pyvista_ndarray]) -> dict[str, Array]:
    """Scalars NAME_xx, NAME_yy, ... of every field, as Exodus keeps them."""
    scalars: dict[str, Array] = {}
    for name, array in fields.items():
        if array.dtype.kind not in "fiub":
            continue
        columns = np.asarray(array).reshape(len(array), -1).astype(float)
        count = columns.shape[1]
        endings = names_of(array) or USUAL.get(count, tuple(str(index) for index in range(count)))
        for ending, column in zip(endings, columns.T, strict=True):
            scalars[f"{name}_{ending}" if ending else name] = column
    return scalars


def _join_scalars(grid: pyvista.UnstructuredGrid, place: str, scalars: Mapping[str, Array]) -> None:
    """Give a grid its fields, those of several components from scalars whose names end in these: stress_xx, S_11."""
    left, data = dict(scalars), getattr(grid, place)
    stems: dict[str, list[str]] = {}
    for name in scalars:
        stem, _, ending = name.rpartition("_")
        axes = component_of(ending)
        # One digit counts (temp_1, temp_2), two are axes (S_11).
        if stem and axes == ending.lower().translate(DIGITS) and (len(axes) == 2 or ending.isalpha()):
            stems.setdefault(stem, []).append(name)
    for stem, members in stems.items():
        order, names = component_order([name.rpartition("_")[2] for name in members])
        if names in WHOLE and stem not in left:
            data[stem] = np.column_stack([left.pop(members[row]) for row in order])
            set_names(data[stem], names)
    for name, values in left.items():
        data[name] = values
