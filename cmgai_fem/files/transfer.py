"""Snapshots on their way from the process that reads files to the one that asked: arrays, and no mesh sent twice.

States of one body have one mesh, most of what their files hold. The side that asks names the mesh that it has by a
digest, and where a file has the same one, its fields alone are sent.
"""

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyvista

from cmgai_fem.files.components import names_of, set_names
from cmgai_fem.files.parts import POLYHEDRON
from cmgai_fem.files.snapshot import Snapshot

PLACES = ("point_data", "cell_data", "field_data")
Fields = Mapping[str, Mapping[str, tuple[np.ndarray, Sequence[str]]]] | None
Packed = tuple[Snapshot, str, Fields]


def pack(snapshots: Sequence[Snapshot], known: str) -> bytes:
    """Snapshots as bytes, without the mesh of those whose mesh has the digest `known`."""
    return pickle.dumps([_packed(snapshot, known) for snapshot in snapshots])


def unpack(content: bytes, known: pyvista.DataSet | None) -> tuple[list[Snapshot], str]:
    """The snapshots that `pack` made, and the digest of the last one's mesh; `known` is the mesh that was left out."""
    packed: list[Packed] = pickle.loads(content)
    return [_whole(*one, known) for one in packed], packed[-1][1] if packed else ""


def _packed(snapshot: Snapshot, known: str) -> Packed:
    grid = snapshot.grid
    digest = _digest(grid)
    if not digest or digest != known:
        return snapshot, digest, None
    fields = {
        place: {name: (np.asarray(array), names_of(array)) for name, array in getattr(grid, place).items()}
        for place in PLACES
    }
    return replace(snapshot, grid=type(grid)()), digest, fields


def _whole(snapshot: Snapshot, digest: str, fields: Fields, known: pyvista.DataSet | None) -> Snapshot:
    if fields is None:
        return snapshot
    assert known is not None
    grid = type(snapshot.grid)()
    grid.copy_structure(known)
    for place, arrays in fields.items():
        data = getattr(grid, place)
        for name, (array, names) in arrays.items():
            data[name] = array.tolist() if array.dtype.kind == "U" else array
            if names:
                set_names(data[name], names)
    return replace(snapshot, grid=grid)


def _digest(grid: pyvista.DataSet) -> str:
    """SHA-256 of a mesh of cells that are lists of nodes; none for others."""
    if not isinstance(grid, pyvista.UnstructuredGrid) or np.any(grid.celltypes == POLYHEDRON):
        return ""
    digest = hashlib.sha256()
    for array in (grid.points, grid.cell_connectivity, grid.cell_offsets, grid.celltypes):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
