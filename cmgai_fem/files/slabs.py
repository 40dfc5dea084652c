"""Large bodies in HDF5, row by row: of every state a rank reads the values of its own labels and nothing else.

It is done for files that hold one state and one mesh each, the mesh to the last bit the same in all of them: .vtkhdf of
one partition, and XDMF with HDF5 beside it. The first rank reads the first file as ever, and of the others what tells
the state. Everything else is read whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import h5py
import numpy as np

from cmgai_fem.files import trust
from cmgai_fem.files.file_states import FileStates, Gathered, coordinates_of
from cmgai_fem.files.file_values import state_values
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.xdmf import TENSOR, time_of
from cmgai_fem.states import portion
from cmgai_fem.states.labels import Array, IntArray

MESH = ("Points", "Connectivity", "Offsets", "Types")


@dataclass(frozen=True)
class Slab:
    """Where a file keeps one state of a field.

    Args:
        path: the file.
        heavy: the HDF5 file with the numbers, which may be the same.
        field: place of the field in it.
        kind: what the file says that the field is.
        mesh: places of the mesh.
        others: places of the other fields, by name.
        told: (1,) numbers by name that may tell the state.
        time: of the state, where the file has one.
    """

    path: Path
    heavy: Path
    field: str
    kind: str
    mesh: tuple[str, ...]
    others: Mapping[str, str]
    told: Mapping[str, Array]
    time: float | None

    def values(self, labels: slice = slice(None), columns: IntArray | None = None) -> Array:
        """(l, n) values of some labels, the components in the order that `columns` gives."""
        with h5py.File(self.heavy, "r") as stored:
            found = np.asarray(stored[self.field][labels], dtype=float)
        found = found.reshape(len(found), -1)
        return found if columns is None else found[:, columns]


@dataclass(frozen=True)
class Slabs:
    """States that are read row by row.

    Args:
        states: the states with their mesh and without their values, for which numbers stand that take no memory.
        each: where the values of each of them are.
        columns: the way to our order of the components; None for the file's own.
    """

    states: FileStates
    each: tuple[Slab, ...]
    columns: IntArray | None

    def values(self, labels: slice) -> Array:
        """(K, l, n) values of some labels."""
        return np.array([slab.values(labels, self.columns) for slab in self.each])


class Alike(Gathered):
    """What is kept of states on one mesh of which the first alone is read whole."""

    def add_alike(self, slab: Slab, varying: set[str]) -> None:
        """Keep a further state; `varying` names other fields that are not those of the first file."""
        self.own_values.append(self.tell(slab.told, slab.time))
        self.snapshots.append(replace(self.snapshots[0], path=slab.path, time=slab.time))
        self.varying |= varying

    def stacked(self, name: str, order: IntArray) -> Array:
        """(K, L, n) numbers that stand for the values."""
        return np.broadcast_to(np.zeros(()), (len(order), *self.arrays[0][name].shape))


def read_slabs(paths: Sequence[Path], *, field: str, where_known: bool = False, **reading: Any) -> Slabs | None:
    """What one rank has to know of a large body before all read its values.

    Args:
        paths: the files.
        field: name of the field.
        where_known: leave out labels; then all are read whole.
        reading: as `read_states` has it.

    Returns:
        None for files that are not read so.

    Raises:
        InputError: a file is damaged, or its state is not told.
    """
    found = [] if where_known else [_slab(path, field) for path in paths]
    slabs = [slab for slab in found if slab is not None]
    if len(slabs) < 2 or len(slabs) < len(found) or len({slab.kind for slab in slabs}) > 1:
        return None
    first = slabs[0]
    if _count(first) <= portion.MOST_WHOLE or not all(_on_one_mesh(first, slab) for slab in slabs[1:]):
        return None
    axes = coordinates_of(reading["coordinate"], reading["unit"])
    read = Alike([field], [axis.name for axis in axes])
    (snapshot,) = read_snapshots(first.path)
    read.add(snapshot)
    (known,) = read.arrays[0].values()
    orders = [order for order in (None, np.array(TENSOR)) if order is None or known.shape[1] == len(order)]
    fitting = [order for order in orders if np.array_equal(known, first.values(columns=order), equal_nan=True)]
    if not fitting:
        return None
    for slab in slabs[1:]:
        read.add_alike(slab, _differing(first, slab))
    told = state_values(
        read.snapshots, read.own_values, read.coordinates, reading["values"], reading["values_from"], read.timed,
        reading["paired"],
    )  # fmt: skip
    states = read.states(axes, told.values, "", reading["volumes"])
    by_path = {slab.path: slab for slab in slabs}
    notes = (*told.notes, *states.notes)
    return Slabs(replace(states, notes=notes), tuple(by_path[path] for path in states.files), fitting[0])


def _slab(path: Path, field: str) -> Slab | None:
    try:
        return {".vtkhdf": _of_vtkhdf, ".xdmf": _of_xdmf, ".xmf": _of_xdmf}[path.suffix.lower()](path, field)
    except (KeyError, OSError, ValueError, ElementTree.ParseError):
        # Whoever reads such a file whole says what is wrong with it.
        return None


def _of_vtkhdf(path: Path, name: str) -> Slab | None:
    trust.check_readable(path)
    trust.check_hdf5(path)
    with h5py.File(path, "r") as stored:
        root = stored["VTKHDF"]
        if root.attrs["Type"] != b"UnstructuredGrid" or "Steps" in root or root["NumberOfPoints"].shape != (1,):
            return None
        fields = {place: list(root[place]) if place in root else [] for place in ("PointData", "CellData")}
        homes = [place for place, names in fields.items() if name in names]
        if len(homes) != 1 or any("vtkGhostType" in names for names in fields.values()):
            return None
        told = {key: item[()] for key, item in root.get("FieldData", {}).items() if item.shape == (1,)}
    others = {other: f"VTKHDF/{place}/{other}" for place, names in fields.items() for other in names if other != name}
    time = float(told["TimeValue"][0]) if "TimeValue" in told else None
    mesh = tuple(f"VTKHDF/{part}" for part in MESH)
    return Slab(path, path, f"VTKHDF/{homes[0]}/{name}", homes[0], mesh, others, told, time)


def _of_xdmf(path: Path, name: str) -> Slab | None:
    trust.check_readable(path)
    trust.check_xml(path, own_parts=True)
    root = ElementTree.parse(path).getroot()
    grids = list(root.iter("Grid"))
    if len(grids) != 1:
        return None
    (grid,) = grids
    mesh = [_heavy(path, part) for part in (grid.find("Geometry"), grid.find("Topology"))]
    attributes = {one.get("Name", ""): one for one in grid.findall("Attribute")}
    own = attributes.pop(name)
    places = {other: _heavy(path, one) for other, one in attributes.items()}
    (file, field), files = _heavy(path, own), {file for file, _ in [*mesh, *places.values()]}
    if files != {file} or len(attributes) + 1 < len(grid.findall("Attribute")):
        return None
    trust.check_readable(file)
    trust.check_hdf5(file)
    kind = f"{own.get('Center', 'Node')} {own.get('AttributeType') or own.get('Type') or ''}".lower()
    others = {other: place for other, (_, place) in places.items()}
    return Slab(path, file, field, kind, tuple(place for _, place in mesh), others, {}, time_of(path, grid))


def _heavy(path: Path, element: Element | None) -> tuple[Path, str]:
    """The HDF5 file and the place of the numbers of an element; a KeyError where they are not there."""
    item = None if element is None else element.find("DataItem")
    if item is None or item.get("Format", "XML").upper() != "HDF" or item.get("Reference"):
        raise KeyError(path)
    file, _, place = (item.text or "").strip().partition(":")
    return trust.inside(path, file), place


def _count(slab: Slab) -> int:
    with h5py.File(slab.heavy, "r") as stored:
        return int(stored[slab.field].shape[0])


def _on_one_mesh(one: Slab, other: Slab) -> bool:
    """Whether both files have the same mesh to the last bit, and a field of the same shape on it."""
    with h5py.File(one.heavy, "r") as mine, h5py.File(other.heavy, "r") as theirs:
        alike = mine[one.field].shape == theirs[other.field].shape and len(one.mesh) == len(other.mesh)
        return alike and all(
            _equal(mine[here], theirs[there]) for here, there in zip(one.mesh, other.mesh, strict=True)
        )


def _differing(one: Slab, other: Slab) -> set[str]:
    """Names of the other fields that two files do not share to the last digit."""
    with h5py.File(one.heavy, "r") as mine, h5py.File(other.heavy, "r") as theirs:
        return {
            name
            for name, place in one.others.items()
            if name not in other.others or not _equal(mine[place], theirs[other.others[name]])
        }


def _equal(one: h5py.Dataset, other: h5py.Dataset) -> bool:
    if one.shape != other.shape:
        return False
    blocks = portion.blocks_of(slice(0, one.shape[0]))
    return all(np.array_equal(one[block], other[block]) for block in blocks)
