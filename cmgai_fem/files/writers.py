"""Writers: a grid to a file of any listed format, complete or not at all."""

import contextlib
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyvista
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

from cmgai_fem.errors import InputError
from cmgai_fem.files.npz_grids import write_npz
from cmgai_fem.files.snapshot import Grid, as_unstructured
from cmgai_fem.files.trust import printable
from cmgai_fem.writing import whole_files

PROVENANCE = "cmgai_fem_provenance"
# Formats without a place for text: their provenance goes to a .json file of the same name.
WITHOUT_TEXT = (".xdmf", ".exo", ".e", ".msh")
# Formats whose data stand in a file beside, with its endings.
LIGHT = {".pvd": (".vtu", ".vtp"), ".xdmf": (".h5",)}


def check_writable(path: Path) -> None:
    """Refuse an output that could not be written, before any work is done for it.

    Raises:
        InputError: the format is not listed, or the folder is missing or read-only.
    """
    if path.suffix.lower() not in WRITERS:
        hint = "; .frd and .inp hold six digits or no fields: write .vtu" if path.suffix in (".frd", ".inp") else ""
        raise InputError(f"{printable(str(path))}: formats that are written: {', '.join(WRITERS)}{hint}")
    check_folder(path)


def check_folder(path: Path) -> None:
    """Refuse a file whose folder is missing or read-only."""
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"{printable(str(folder))}: no such folder; make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{printable(str(folder))}: the folder is read-only")
    if path.is_dir():
        raise InputError(f"{printable(str(path))}: is a folder")


def write_grid(path: Path, grid: Grid, provenance: Mapping[str, Any], time: float = 0.0) -> None:
    """Write mesh, fields and provenance.

    Everything is written to a temporary folder beside `path` and renamed when it is complete.

    Args:
        path: the file; its ending says the format.
        grid: what to write.
        provenance: plain data that says how the generated fields were made.
        time: state value, for formats that keep time steps.

    Raises:
        InputError: the format, folder or disk does not take it.
    """
    check_writable(path)
    suffix = path.suffix.lower()
    text = json.dumps(provenance, sort_keys=True)
    grid = grid.copy(deep=False)
    grid.field_data["TimeValue"] = np.array([time])
    if suffix in WITHOUT_TEXT:
        grid.field_data.pop(PROVENANCE, None)
    else:
        grid.field_data[PROVENANCE] = [text]
    before = _mentioned(path)
    with _complete(path) as folder:
        with pyvista.VtkErrorCatcher(raise_errors=False, send_to_logging=False) as catcher:
            WRITERS[suffix](folder / path.name, grid, time)
        if catcher.error_events:
            raise InputError(f"{printable(str(path))}: {_reason(catcher.error_events[0].alert)}")
        if suffix in WITHOUT_TEXT:
            (folder / f"{path.stem}.provenance.json").write_text(text + "\n", encoding="utf-8")
    # A killed run may have left the second of the two names.
    second = {f"{path.stem}.2{ending}" for ending in LIGHT.get(suffix, ())}
    for name in (before | second) - _mentioned(path):
        path.with_name(name).unlink(missing_ok=True)


def _heavy(path: Path, ending: str) -> Path:
    """The file beside `path` that its data go to: not the one that an earlier result of that name leans on.

    So the earlier result stays whole until `path` itself is replaced, which is one step.
    """
    usual = path.with_suffix(ending)
    # `path` lies in a temporary folder of the folder that it goes to.
    return usual.with_stem(f"{path.stem}.2") if usual.name in _mentioned(path.parent.parent / path.name) else usual


def _mentioned(path: Path) -> set[str]:
    """Files beside a result of ours that hold its data."""
    if path.suffix.lower() not in LIGHT or not path.is_file():
        return set()
    text = path.read_text(encoding="utf-8", errors="replace")
    names = (path.with_suffix(ending) for ending in LIGHT[path.suffix.lower()])
    return {one.name for usual in names for one in (usual, usual.with_stem(f"{path.stem}.2")) if one.name in text}


def write_file(path: Path, content: bytes) -> None:
    """Write bytes to a file, complete or not at all."""
    with _complete(path) as folder:
        (folder / path.name).write_bytes(content)


@contextlib.contextmanager
def _complete(path: Path) -> Iterator[Path]:
    """See `writing.whole_files`; what goes wrong is one line, and what libraries print is swallowed."""
    try:
        with whole_files(path) as folder, contextlib.redirect_stderr(io.StringIO()):
            yield folder
    except OSError as error:
        raise InputError(f"{printable(str(path))}: {error.strerror or error}; nothing was written") from None


def _reason(alert: str | None) -> str:
    return printable(" ".join((alert or "could not be written").split()))


def _write_vtu(path: Path, grid: Grid, time: float) -> None:
    writer = vtkXMLUnstructuredGridWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(as_unstructured(grid))
    writer.SetCompressorTypeToNone()
    # Numbers as they are: text takes four times as long, and 32 bits do not count the bytes of a large field.
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.SetHeaderTypeToUInt64()
    writer.Write()


def _write_vtp(path: Path, grid: Grid, time: float) -> None:
    if not isinstance(grid, pyvista.PolyData):
        raise InputError(f"{printable(path.name)}: .vtp holds surfaces made of polygons alone: write .vtu")
    grid.save(path, compression=None)


def _write_vtk(path: Path, grid: Grid, time: float) -> None:
    grid.save(path)


def _write_pvd(path: Path, grid: Grid, time: float) -> None:
    surface = isinstance(grid, pyvista.PolyData)
    part = _heavy(path, ".vtp" if surface else ".vtu")
    (_write_vtp if surface else _write_vtu)(part, grid, time)
    root = ElementTree.Element("VTKFile", type="Collection", version="0.1", byte_order="LittleEndian")
    collection = ElementTree.SubElement(root, "Collection")
    ElementTree.SubElement(collection, "DataSet", timestep=repr(float(time)), group="", part="0", file=part.name)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _write_xdmf(path: Path, grid: Grid, time: float) -> None:
    from cmgai_fem.files.xdmf import write_xdmf

    light = _heavy(path, ".h5").with_suffix(".xdmf")
    write_xdmf(light, grid)
    light.replace(path)


def _write_msh(path: Path, grid: Grid, time: float) -> None:
    from cmgai_fem.files.gmsh_file import write_gmsh

    write_gmsh(path, grid, time)


def _write_exodus(path: Path, grid: Grid, time: float) -> None:
    from cmgai_fem.files.exodus import write_exodus

    write_exodus(path, grid, time)


def _write_npz(path: Path, grid: Grid, time: float) -> None:
    write_npz(path, grid)


WRITERS: dict[str, Callable[[Path, Grid, float], None]] = {
    ".vtu": _write_vtu,
    ".vtp": _write_vtp,
    ".vtk": _write_vtk,
    ".pvd": _write_pvd,
    ".vtkhdf": _write_vtk,
    ".xdmf": _write_xdmf,
    ".exo": _write_exodus,
    ".e": _write_exodus,
    ".msh": _write_msh,
    ".npz": _write_npz,
}
