"""Files are not trusted: what is checked before a file is handed to a reader, and how its names are printed.

A reader written in C believes what a file says of itself. So nothing is parsed before XML entities and references to
other files are refused and the sizes that the file declares are held against the memory there is.
"""

import math
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from xml.parsers import expat

import numpy as np
import psutil

from cmgai_fem.errors import InputError

CHUNK = 1 << 22
# A declared node or cell needs at least this much memory once read: three coordinates.
BYTES_PER_ITEM = 24
# XML nested deeper than any format of ours; its readers call themselves as deep.
DEEPEST = 100


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


def check_xml(path: Path, *, own_parts: bool = False) -> bool:
    """Refuse XML with entities or inclusions, nested too deeply, or with declared sizes beyond memory.

    Args:
        path: the file.
        own_parts: the format names a document type and includes parts of the same file (XDMF), its reader looks after.

    Returns:
        Whether raw data are appended, behind which the file is no longer XML.

    Raises:
        InputError: what is wrong with it.
    """
    scan = _Scan(path, own_parts)
    with path.open("rb") as stream:
        if stream.read(2) in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError(f"{printable(str(path))}: XML in UTF-16 is not read: save it as UTF-8")
        stream.seek(0)
        try:
            while not scan.appended and (block := stream.read(CHUNK)):
                scan.parser.Parse(block, False)
            if not scan.appended:
                scan.parser.Parse(b"", True)
        except expat.ExpatError as error:
            if not scan.appended:
                raise InputError(f"{printable(str(path))}: damaged or truncated: {error}") from None
    check_memory(path, BYTES_PER_ITEM * scan.declared)
    return scan.appended


class _Scan:
    """What the markup of an XML file says, as the parser itself understands it."""

    def __init__(self, path: Path, own_parts: bool) -> None:
        self.name, self.own_parts = printable(str(path)), own_parts
        self.declared, self.depth, self.appended = 0, 0, False
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.EntityDeclHandler = self.entity
        self.parser.StartDoctypeDeclHandler = self.document_type

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if self.appended:
            return
        self.depth += 1
        if self.depth > DEEPEST:
            raise InputError(f"{self.name}: damaged: elements stand more than {DEEPEST} deep in each other")
        if not self.own_parts and tag.rpartition(":")[2] == "include":
            raise InputError(f"{self.name}: includes another file (XInclude); such files are refused")
        self.appended = tag == "AppendedData"
        for key, value in attributes.items():
            if key.startswith(("NumberOf", "Numberof")) and key != "NumberOfComponents":
                self.declared += self.whole(key, value)
            elif key == "Dimensions":
                self.declared += math.prod([self.whole(key, number) for number in value.split()]) // 3

    def end(self, tag: str) -> None:
        self.depth -= 1

    def entity(self, *declaration: object) -> None:
        raise InputError(f"{self.name}: declares an entity; files with XML entities are refused")

    def document_type(self, *declaration: object) -> None:
        if not self.own_parts:
            raise InputError(f"{self.name}: declares a document type; files with XML entities are refused")

    def whole(self, key: str, value: str) -> int:
        if not value.strip().isdecimal():
            raise InputError(f"{self.name}: damaged: {printable(key)} = {printable(value)!r} is no count")
        return int(value)


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
                declared += math.prod(shape) * dtype.itemsize
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{printable(str(path))}: damaged .npz file: {printable(str(error))}") from None
    check_memory(path, max(total, declared))


def check_hdf5(path: Path) -> None:
    """Refuse an HDF5 file that is damaged, points into other files, or declares more than memory holds."""
    import h5py

    total = 0
    seen: set[int] = set()

    def visit(group: h5py.Group) -> None:
        nonlocal total
        # Hard links may lead back to a group that holds them.
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:
            raise InputError(f"{printable(str(path))}: group {printable(group.name)} is linked twice; it is refused")
        seen.add(address)
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


def inside(path: Path, reference: str) -> Path:
    """The file that `reference` in `path` names, which must lie in or below the folder of `path`."""
    windows, posix = PureWindowsPath(reference), PurePosixPath(reference)
    if windows.drive or windows.root or posix.is_absolute() or ".." in windows.parts or "://" in reference:
        raise InputError(
            f"{printable(str(path))}: refers to {printable(reference)} outside its own folder; such files are refused"
        )
    # Collections written on Windows have its separators.
    target = path.parent / (posix if (path.parent / posix).exists() else windows.as_posix())
    if path.parent.resolve() not in target.resolve().parents:
        raise InputError(f"{printable(str(path))}: {printable(reference)} leads outside its own folder; it is refused")
    return target


def _header_2(stream: object) -> tuple[tuple[int, ...], bool, np.dtype]:
    return np.lib.format.read_array_header_2_0(stream)  # type: ignore[arg-type,no-any-return,unused-ignore]
