"""Readers: a file of any listed format -> its snapshots. One function a family of formats."""

import contextlib
import importlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from cmgai_fem.errors import InputError
from cmgai_fem.files import trust
from cmgai_fem.files.calculix import read_frd
from cmgai_fem.files.gate import read_apart
from cmgai_fem.files.meshio_grids import from_meshio, load_meshio
from cmgai_fem.files.npz_grids import read_npz
from cmgai_fem.files.snapshot import Snapshot, check_grid
from cmgai_fem.files.trust import printable
from cmgai_fem.files.vtk_files import prepared, read_legacy_vtk, read_pvd, read_vtk_xml, read_vtkhdf


def read_snapshots(path: Path) -> list[Snapshot]:
    """All states that a file holds, in its own order.

    Args:
        path: a file of a format that `READERS` lists; an .inp has its results in a .frd beside it.

    Raises:
        InputError: the format is not listed, or the file is damaged, too large, or reaches for other files.
    """
    path = Path(path)
    if path.suffix.lower() not in READERS:
        raise InputError(f"{printable(str(path))}: formats that are read: {', '.join(READERS)}")
    trust.check_readable(path)
    return read_apart(path)


def read_here(path: Path) -> list[Snapshot]:
    """What `read_snapshots` reads, in this very process, which a damaged file may end."""
    with _plainly(path):
        snapshots = READERS[path.suffix.lower()](path)
    if not snapshots:
        raise InputError(f"{printable(str(path))}: holds no states")
    for snapshot in snapshots:
        check_grid(snapshot.path, snapshot.grid)
    return [prepared(snapshot) for snapshot in snapshots]


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


def _read_inp(path: Path) -> list[Snapshot]:
    results = path.with_suffix(".frd")
    if results.is_file():
        return read_frd(results)
    _check_includes(path, (path,))
    # meshio looks for included files where the program runs before it looks beside the file.
    with contextlib.chdir(path.absolute().parent):
        return [Snapshot(path, from_meshio(load_meshio().abaqus.read(path.name)))]


def _check_includes(path: Path, chain: tuple[Path, ...]) -> None:
    """Refuse *INCLUDE that leads out of the folder, to no file, or back to a file that it comes from."""
    for line in path.read_text(encoding="latin-1").splitlines():
        if not line.upper().startswith("*INCLUDE"):
            continue
        target = trust.inside(path, line.partition("=")[2].strip().strip('"'))
        if not target.is_file():
            raise InputError(f"{printable(str(path))}: includes {printable(target.name)}, which is no file beside it")
        if any(target.samefile(one) for one in chain):
            raise InputError(f"{printable(str(path))}: includes {printable(target.name)}, which includes it")
        _check_includes(target, (*chain, target))


def _by(module: str, name: str) -> Callable[[Path], list[Snapshot]]:
    """A reader whose libraries take a moment to load, which other files are spared."""

    def read(path: Path) -> list[Snapshot]:
        found: list[Snapshot] = getattr(importlib.import_module(module), name)(path)
        return found

    return read


# Readers that are loaded when the first file of theirs comes.
LOADED = {".msh": "cmgai_fem.files.gmsh_file", ".xdmf": "cmgai_fem.files.xdmf"} | dict.fromkeys(
    (".exo", ".e", ".ex2"), "cmgai_fem.files.exodus"
)
READERS: dict[str, Callable[[Path], list[Snapshot]]] = {
    ".vtu": read_vtk_xml,
    ".vtp": read_vtk_xml,
    ".vts": read_vtk_xml,
    ".vti": read_vtk_xml,
    ".vtr": read_vtk_xml,
    ".vtm": read_vtk_xml,
    ".pvtu": read_vtk_xml,
    ".pvtp": read_vtk_xml,
    ".vtk": read_legacy_vtk,
    ".pvd": read_pvd,
    ".vtkhdf": read_vtkhdf,
    ".xdmf": _by(LOADED[".xdmf"], "read_xdmf"),
    ".exo": _by(LOADED[".exo"], "read_exodus"),
    ".e": _by(LOADED[".e"], "read_exodus"),
    ".ex2": _by(LOADED[".ex2"], "read_exodus"),
    ".msh": _by(LOADED[".msh"], "read_gmsh"),
    ".inp": _read_inp,
    ".frd": read_frd,
    ".npz": read_npz,
}
