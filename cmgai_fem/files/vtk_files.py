"""What VTK reads: its XML files, single and in pieces, collections of them, legacy .vtk and .vtkhdf.

Files that list others are followed here and not by VTK's own readers, so that none reaches out of its folder.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyvista
from vtkmodules.vtkCommonCore import vtkLogger

from cmgai_fem.errors import InputError
from cmgai_fem.files import trust
from cmgai_fem.files.components import in_order
from cmgai_fem.files.legacy_vtk import check_legacy_vtk
from cmgai_fem.files.parts import join, without_ghosts
from cmgai_fem.files.snapshot import Snapshot, check_grid
from cmgai_fem.files.trust import printable

SINGLE = (".vtu", ".vtp", ".vts", ".vti", ".vtr")
PIECES = (".pvtu", ".pvtp")
# Lists of cells that are as long as the cells have nodes and faces.
LISTS = ("connectivity", "faces", "faceoffsets", "face_connectivity", "face_offsets", "polyhedron_to_faces")


def read_vtk_xml(path: Path) -> list[Snapshot]:
    """The snapshot of a .vtu, .vtp, .vts, .vti, .vtr, .pvtu, .pvtp or .vtm file."""
    return [_snapshot(path)]


def read_legacy_vtk(path: Path) -> list[Snapshot]:
    """The snapshot of a legacy .vtk file."""
    check_legacy_vtk(path)
    return [snapshot_of(path, _by_vtk(path))]


def read_vtkhdf(path: Path) -> list[Snapshot]:
    """The snapshots of a .vtkhdf file, one a time step."""
    trust.check_hdf5(path)
    with _vtk_errors(path):
        reader = pyvista.get_reader(str(path))
        count = getattr(reader, "number_time_points", 0)
        if count < 2:
            return [snapshot_of(path, reader.read())]
        snapshots = []
        for index in range(count):
            reader.set_active_time_point(index)
            state = snapshot_of(path, reader.read().copy())
            snapshots.append(replace(state, time=float(reader.active_time_value)))
    return snapshots


def read_pvd(path: Path) -> list[Snapshot]:
    """The snapshots of a collection: one a time step, the parts of a step together, its times before the files'.

    Raises:
        InputError: a step names two files for one part, or a file that is not VTK's XML.
    """
    return [
        Snapshot(whole.path, whole.grid, whole.time if time is None else time)
        for time, files in steps_of(path)
        for whole in [_joined(path, [_snapshot(file) for file in files])]
    ]


def steps_of(path: Path) -> list[tuple[float | None, list[Path]]]:
    """The time of each step of a .pvd collection, None where it gives none, and the files that are its parts.

    Raises:
        InputError: a step names two files for one part.
    """
    trust.check_xml(path)
    steps: dict[float | int, dict[str, Path]] = {}
    timed = True
    for item in ElementTree.parse(path).getroot().iter("DataSet"):
        part = f"{item.get('group', '')}/{item.get('part', '0')}"
        stated = item.get("timestep", "").strip()
        timed = timed and bool(stated)
        # Without times a part that comes again begins the next state.
        key = float(stated) if stated else sum(part in members for members in steps.values())
        file, members = trust.inside(path, item.get("file", "")), steps.setdefault(key, {})
        if members.setdefault(part, file) != file:
            raise InputError(
                f"{printable(str(path))}: the step {stated} names {printable(members[part].name)} and "
                f"{printable(file.name)} for one part: keep one, or number the parts"
            )
    return [(float(key) if timed else None, list(members.values())) for key, members in steps.items()]


def snapshot_of(path: Path, data: object) -> Snapshot:
    """The snapshot that a VTK data object holds, with its own time where it has one; blocks are joined.

    Raises:
        InputError: it holds no mesh.
    """
    blocks: list[object] = []
    if isinstance(data, pyvista.MultiBlock):
        blocks = list(data.recursive_iterator(skip_none=True, skip_empty=True))
    elif isinstance(data, pyvista.PartitionedDataSet):
        # The partitions of a .vtkhdf.
        blocks = [part for part in data if part is not None and part.n_points]
    if blocks:
        return _joined(path, [snapshot_of(path, block) for block in blocks])
    if not isinstance(data, pyvista.DataSet) or data.n_points == 0:
        raise InputError(f"{printable(str(path))}: holds no mesh but {type(data).__name__}")
    time = data.field_data.get("TimeValue")
    value = float(np.ravel(time)[0]) if time is not None and np.size(time) == 1 else None
    grid = data if isinstance(data, pyvista.UnstructuredGrid | pyvista.PolyData) else data.cast_to_unstructured_grid()
    return prepared(Snapshot(path, check_grid(path, grid), value))


def prepared(snapshot: Snapshot) -> Snapshot:
    """The snapshot without ghosts, the components of its fields in our order."""
    grid = without_ghosts(snapshot.grid)
    in_order(grid)
    # The numbers of what was left out are gone with it.
    same = grid.n_points == snapshot.grid.n_points and grid.n_cells == snapshot.grid.n_cells
    return replace(snapshot, grid=grid) if same else Snapshot(snapshot.path, grid, snapshot.time)


def _snapshot(path: Path) -> Snapshot:
    """The snapshot of one XML file, its pieces and blocks joined."""
    kind = path.suffix.lower()
    if kind not in (*SINGLE, *PIECES, ".vtm"):
        raise InputError(f"{printable(str(path))}: such files are not read here; {', '.join(SINGLE)} are")
    trust.check_readable(path)
    raw = trust.check_xml(path)
    if kind in SINGLE:
        if not raw:
            _check_counts(path)
        return snapshot_of(path, _by_vtk(path))
    return _joined(path, [_snapshot(file) for file in listed(path)])


def listed(path: Path) -> list[Path]:
    """The files that a .pvtu, .pvtp or .vtm lists.

    Raises:
        InputError: it lists none, or lists of files.
    """
    kind = path.suffix.lower()
    trust.check_xml(path)
    root = ElementTree.parse(path).getroot()
    tag, key = ("DataSet", "file") if kind == ".vtm" else ("Piece", "Source")
    found = [trust.inside(path, item.get(key, "")) for item in root.iter(tag) if item.get(key)]
    if not found:
        raise InputError(f"{printable(str(path))}: lists no files")
    if any(file.suffix.lower() == ".vtm" for file in found) or (kind in PIECES and _has(found, PIECES)):
        raise InputError(f"{printable(str(path))}: lists lists of files; list the files themselves")
    return found


def _check_counts(path: Path) -> None:
    """Refuse arrays in plain text that hold more or fewer numbers than their piece declares.

    Raises:
        InputError: one does; VTK reads what it needs of it and takes no notice.
    """
    for piece in ElementTree.parse(path).getroot().iter("Piece"):
        counts = {"PointData": "NumberOfPoints", "Points": "NumberOfPoints", "CellData": "NumberOfCells"}
        if piece.get("NumberOfPoints") is None:
            continue
        for tag, key in (*counts.items(), ("Cells", "NumberOfCells")):
            for array in piece.iterfind(f"{tag}/DataArray[@format='ascii']"):
                name, width = array.get("Name", tag), int(array.get("NumberOfComponents") or 1)
                wanted, found = int(piece.get(key, "0")) * width, len((array.text or "").split())
                if name not in LISTS and found != wanted and array.get("type") != "String":
                    raise InputError(
                        f"{printable(str(path))}: damaged or truncated: {printable(name)} holds {found} numbers, "
                        f"{wanted} are declared"
                    )


def _has(files: list[Path], endings: tuple[str, ...]) -> bool:
    return any(file.suffix.lower() in endings for file in files)


def _joined(path: Path, parts: list[Snapshot]) -> Snapshot:
    """The parts of one state as one body; see `join`."""
    times = {part.time for part in parts}
    return Snapshot(path, join([part.grid for part in parts]), times.pop() if len(times) == 1 else None)


def _by_vtk(path: Path) -> object:
    with _vtk_errors(path):
        return pyvista.get_reader(str(path)).read()


@contextlib.contextmanager
def _vtk_errors(path: Path) -> Iterator[None]:
    """VTK reports errors beside the call; here they are raised."""
    verbosity = vtkLogger.GetCurrentVerbosityCutoff()
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_OFF)
    try:
        with pyvista.VtkErrorCatcher(raise_errors=False, send_to_logging=False) as catcher:
            yield
    finally:
        vtkLogger.SetStderrVerbosity(verbosity)
    # Some readers call an error a warning; an information key (a norm, an infinite one too) is none of the data.
    texts = [event.alert or str(event) for event in catcher.error_events]
    texts += [event.alert for event in catcher.warning_events if "error reading" in (event.alert or "").lower()]
    for text in [text for text in texts if "InformationKey" not in text]:
        raise InputError(f"{printable(str(path))}: damaged or truncated: {printable(' '.join(text.split()))}")
