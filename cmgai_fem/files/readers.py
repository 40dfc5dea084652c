"""Readers: a file of any listed format -> its snapshots. One function a family of formats."""

import contextlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyvista
import vtk

from cmgai_fem.errors import InputError
from cmgai_fem.files import trust
from cmgai_fem.files.calculix import read_frd
from cmgai_fem.files.exodus import read_exodus
from cmgai_fem.files.meshio_grids import fold_gmsh_tensors, from_meshio
from cmgai_fem.files.npz_grids import read_npz
from cmgai_fem.files.snapshot import Grid, Snapshot, check_grid
from cmgai_fem.files.trust import printable
from cmgai_fem.files.xdmf import read_xdmf


def read_snapshots(path: Path) -> list[Snapshot]:
    """All states that a file holds, in its own order.

    Args:
        path: a .vtu, .vtk, .vtp, .pvd, .vtkhdf, .xdmf, .exo, .e, .msh, .inp (with its results in a .frd beside it),
            .frd or .npz file.

    Raises:
        InputError: the format is not listed, or the file is damaged, too large, or reaches for other files.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{printable(str(path))}: formats that are read: {', '.join(READERS)}")
    trust.check_readable(path)
    with _plainly(path):
        snapshots = reader(path)
    if not snapshots:
        raise InputError(f"{printable(str(path))}: holds no states")
    for snapshot in snapshots:
        check_grid(snapshot.path, snapshot.grid)
    return snapshots


@contextlib.contextmanager
def _plainly(path: Path) -> Iterator[None]:
    """Errors and chatter of the parsing libraries -> one InputError.

    Their parsers meet a damaged file with whatever exception the damage leads to, so here, and only here, any
    exception at all is taken for what it says of the file.
    """
    chatter = io.StringIO()
    try:
        with contextlib.redirect_stderr(chatter), contextlib.redirect_stdout(chatter):
            yield
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{printable(str(path))}: there is not enough memory to read it") from None
    except Exception as error:
        reason = printable(" ".join(str(error).split())) or type(error).__name__
        raise InputError(f"{printable(str(path))}: damaged or not a {path.suffix} file: {reason}") from None


def _read_vtk_xml(path: Path) -> list[Snapshot]:
    trust.check_xml(path)
    return [snapshot_of(path, _by_vtk(path))]


def _read_legacy_vtk(path: Path) -> list[Snapshot]:
    trust.check_legacy_vtk(path)
    trust.check_survives(path, "vtkIOLegacy", "vtkGenericDataObjectReader")
    return [snapshot_of(path, _by_vtk(path))]


def _read_pvd(path: Path) -> list[Snapshot]:
    trust.check_xml(path)
    snapshots = []
    for item in ElementTree.parse(path).getroot().iter("DataSet"):
        part = trust.inside(path, item.get("file", ""))
        if part.suffix.lower() not in (".vtu", ".vtp"):
            raise InputError(f"{printable(str(path))}: lists {printable(part.name)}; .vtu and .vtp files are read")
        trust.check_readable(part)
        (snapshot,) = _read_vtk_xml(part)
        snapshots.append(Snapshot(part, snapshot.grid, float(item.get("timestep", "nan"))))
    times = [snapshot.time for snapshot in snapshots]
    if len(set(times)) < len(times):
        raise InputError(f"{printable(str(path))}: several parts a time step; merge each step into one file first")
    return snapshots


def _read_vtkhdf(path: Path) -> list[Snapshot]:
    trust.check_hdf5(path)
    trust.check_survives(path, "vtkIOHDF", "vtkHDFReader")
    with _vtk_errors(path):
        reader = pyvista.get_reader(str(path))
        count = getattr(reader, "number_time_points", 0)
        if count < 2:
            return [snapshot_of(path, reader.read())]
        snapshots = []
        for index in range(count):
            reader.set_active_time_point(index)
            grid = _one_grid(path, reader.read().copy())
            snapshots.append(Snapshot(path, grid, float(reader.active_time_value)))
    return snapshots


def _read_msh(path: Path) -> list[Snapshot]:
    import meshio

    grid = from_meshio(meshio.gmsh.read(str(path)))
    return [snapshot_of(path, fold_gmsh_tensors(grid))]


def _read_inp(path: Path) -> list[Snapshot]:
    import meshio

    results = path.with_suffix(".frd")
    if results.is_file():
        return read_frd(results)
    return [snapshot_of(path, from_meshio(meshio.abaqus.read(str(path))))]


def _by_vtk(path: Path) -> Grid:
    with _vtk_errors(path):
        return _one_grid(path, pyvista.get_reader(str(path)).read())


@contextlib.contextmanager
def _vtk_errors(path: Path) -> Iterator[None]:
    """VTK reports errors beside the call; here they are raised."""
    verbosity = vtk.vtkLogger.GetCurrentVerbosityCutoff()
    vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
    try:
        with pyvista.VtkErrorCatcher(raise_errors=False, send_to_logging=False) as catcher:
            yield
    finally:
        vtk.vtkLogger.SetStderrVerbosity(verbosity)
    # Some readers call an error a warning; an information key (a norm, an infinite one too) is none of the data.
    texts = [event.alert or str(event) for event in catcher.error_events]
    texts += [event.alert for event in catcher.warning_events if "error reading" in (event.alert or "").lower()]
    for text in [text for text in texts if "InformationKey" not in text]:
        raise InputError(f"{printable(str(path))}: damaged or truncated: {printable(' '.join(text.split()))}")


def _one_grid(path: Path, data: object) -> Grid:
    if isinstance(data, pyvista.UnstructuredGrid | pyvista.PolyData):
        return data
    if isinstance(data, pyvista.DataSet):
        return data.cast_to_unstructured_grid()
    raise InputError(
        f"{printable(str(path))}: holds {type(data).__name__}, not one mesh: write each mesh to its own file"
    )


def snapshot_of(path: Path, data: object) -> Snapshot:
    """The snapshot that a VTK data object holds, with its own time where it has one."""
    grid = _one_grid(path, data)
    time = grid.field_data.get("TimeValue")
    value = float(np.ravel(time)[0]) if time is not None and np.size(time) == 1 else None
    return Snapshot(path, grid, value)


READERS: dict[str, Callable[[Path], list[Snapshot]]] = {
    ".vtu": _read_vtk_xml,
    ".vtp": _read_vtk_xml,
    ".vtk": _read_legacy_vtk,
    ".pvd": _read_pvd,
    ".vtkhdf": _read_vtkhdf,
    ".xdmf": read_xdmf,
    ".exo": read_exodus,
    ".e": read_exodus,
    ".msh": _read_msh,
    ".inp": _read_inp,
    ".frd": read_frd,
    ".npz": read_npz,
}
