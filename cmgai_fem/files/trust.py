"""Files are not trusted: what is checked before a file is handed to a reader, and how its names are printed.

A reader written in C believes what a file says of itself. So nothing is parsed before XML entities and references to
other files are refused and the sizes that the file declares are held against the memory there is.
"""

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import h5py
import numpy as np
import psutil

from cmgai_fem.errors import InputError

TRIAL = (
    "import importlib, sys; module, name, path = sys.argv[1:];"
    "reader = getattr(importlib.import_module('vtkmodules.' + module), name)();"
    "reader.SetFileName(path); reader.Update()"
)
# How much of an XML file is markup that could hold declarations: everything before the raw appended block.
APPENDED = b"<AppendedData"
CHUNK = 1 << 22
# A declared node or cell needs at least this much memory once read: three coordinates.
BYTES_PER_ITEM = 24
COUNTS = re.compile(rb"""Number(?:Of|of)(?:Points|Cells|Verts|Lines|Polys|Strips|Elements)\s*=\s*["']\s*(\d{1,30})""")
LEGACY_COUNTS = re.compile(rb"^(?:POINTS|CELLS|CELL_TYPES|POINT_DATA|CELL_DATA|POLYGONS)\s+(\d{1,30})", re.MULTILINE)
LEGACY_DIMENSIONS = re.compile(rb"^DIMENSIONS\s+(\d{1,18})\s+(\d{1,18})\s+(\d{1,18})", re.MULTILINE)
XML_DIMENSIONS = re.compile(rb"""Dimensions\s*=\s*["']\s*([\d\s]{1,200}?)\s*["']""")


def printable(name: str) -> str:
    """`name` as it may be printed: control characters (a terminal would obey them) escaped, long names cut."""
    text = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in name)
    return text if len(text) <= 120 else f"{text[:117]}..."


def check_readable(path: Path) -> None:
    """Refuse what is not a readable file with something in it."""
    if not path.exists():
        raise InputError(f"{printable(str(path))}: no such file")
    if not path.is_file():
        raise InputError(f"{printable(str(path))}: not a file")
    try:
        with path.open("rb") as stream:
            first = stream.read(1)
    except OSError as error:
        raise InputError(f"{printable(str(path))}: {error.strerror}") from None
    if not first:
        raise InputError(f"{printable(str(path))}: the file is empty")
    check_memory(path, path.stat().st_size)


def check_memory(path: Path, size: int) -> None:
    """Refuse a file whose contents would not fit the memory that is free.

    Args:
        path: the file, for the message.
        size: bytes that reading it takes at least.
    """
    free = psutil.virtual_memory().available
    if size > free:
        raise InputError(
            f"{printable(str(path))}: declares {size / 2**30:,.3g} GiB of data, {free / 2**30:.3g} GiB of memory "
            "are free"
        )


def check_xml(path: Path, *, inclusions: bool = False) -> None:
    """Refuse XML with a document type, entities or inclusions, and declared sizes beyond memory.

    Args:
        path: the file.
        inclusions: the reader looks at inclusions itself (XDMF includes parts of the same file).
    """
    declared = 0
    for markup in _markup(path):
        if markup.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise InputError(f"{printable(str(path))}: XML in UTF-16 is not read: save it as UTF-8")
        for forbidden, meaning in ((b"<!DOCTYPE", "a document type"), (b"<!ENTITY", "an entity")):
            if forbidden in markup:
                raise InputError(f"{printable(str(path))}: declares {meaning}; files with XML entities are refused")
        if not inclusions and (b"XInclude" in markup or b"xi:include" in markup):
            raise InputError(f"{printable(str(path))}: includes another file (XInclude); such files are refused")
        declared += sum(int(count) for count in COUNTS.findall(markup))
        for numbers in XML_DIMENSIONS.findall(markup):
            declared += _product(numbers.split()) // 3
    check_memory(path, BYTES_PER_ITEM * declared)


def check_legacy_vtk(path: Path) -> None:
    """Refuse a legacy .vtk file that declares more than memory holds."""
    declared = 0
    for block in _chunks(path):
        declared += sum(int(count) for count in LEGACY_COUNTS.findall(block))
        declared += sum(_product(numbers) for numbers in LEGACY_DIMENSIONS.findall(block))
    check_memory(path, BYTES_PER_ITEM * declared)


def check_npz(path: Path) -> None:
    """Refuse an .npz archive that is damaged, holds objects, or unpacks to more than memory holds."""
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(item.file_size for item in archive.infolist())
            declared = 0
            for item in archive.infolist():
                with archive.open(item) as stream:
                    version = np.lib.format.read_magic(stream)
                    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else _header_2
                    shape, _, dtype = read(stream)
                if dtype.hasobject:
                    raise InputError(f"{printable(str(path))}: array {printable(item.filename)} holds Python objects")
                declared += _product(shape) * dtype.itemsize
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{printable(str(path))}: damaged .npz file: {printable(str(error))}") from None
    check_memory(path, max(total, declared))


def check_hdf5(path: Path) -> None:
    """Refuse an HDF5 file that is damaged, points into other files, or declares more than memory holds."""
    total = 0

    def visit(group: h5py.Group) -> None:
        nonlocal total
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise InputError(f"{printable(str(path))}: {printable(name)} links to another file; it is refused")
            if isinstance(link, h5py.SoftLink):
                continue
            item = group[name]
            if isinstance(item, h5py.Group):
                visit(item)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise InputError(f"{printable(str(path))}: {printable(name)} is stored in another file; refused")
                total += int(item.size or 0) * item.dtype.itemsize

    try:
        with h5py.File(path, "r") as file:
            visit(file)
    except (OSError, RuntimeError, KeyError, RecursionError) as error:
        raise InputError(f"{printable(str(path))}: damaged HDF5 file: {printable(str(error))}") from None
    check_memory(path, total)


def check_survives(path: Path, module: str, reader: str) -> None:
    """Refuse a file that ends the process of the VTK reader it is tried with.

    VTK's reader of legacy files follows what a damaged file says of itself into memory that is not there, which no
    exception can catch; so the file is read once by a process that may die.

    Args:
        path: the file.
        module: VTK's module of the reader, e.g. "vtkIOLegacy".
        reader: name of the reader's class.
    """
    command = [sys.executable, "-c", TRIAL, module, reader, str(path)]
    run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if run.returncode != 0:
        raise InputError(f"{printable(str(path))}: damaged or truncated: VTK's reader fails on it")


def inside(path: Path, reference: str) -> Path:
    """The file that `reference` in `path` names, which must lie in or below the folder of `path`."""
    windows, posix = PureWindowsPath(reference), PurePosixPath(reference)
    if windows.drive or windows.root or posix.is_absolute() or ".." in windows.parts or "://" in reference:
        raise InputError(
            f"{printable(str(path))}: refers to {printable(reference)} outside its own folder; such files are refused"
        )
    target = path.parent / posix
    if path.parent.resolve() not in target.resolve().parents:
        raise InputError(f"{printable(str(path))}: {printable(reference)} leads outside its own folder; it is refused")
    return target


def _product(numbers: "tuple[int, ...] | list[bytes] | tuple[bytes, ...]") -> int:
    result = 1
    for number in numbers:
        result *= int(number)
    return result


def _header_2(stream: object) -> tuple[tuple[int, ...], bool, np.dtype]:
    return np.lib.format.read_array_header_2_0(stream)  # type: ignore[arg-type,no-any-return,unused-ignore]


def _chunks(path: Path) -> Iterator[bytes]:
    """The file in pieces that overlap, so that no keyword falls between two."""
    tail = b""
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            yield tail + block
            tail = b"\n" + block[-200:].partition(b"\n")[2]


def _markup(path: Path) -> Iterator[bytes]:
    for block in _chunks(path):
        head, separator, _ = block.partition(APPENDED)
        yield head
        if separator:
            return
