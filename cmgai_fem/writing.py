"""Files that are complete or not there at all: the one place where the package writes.

A file is made under a temporary name beside its place and moved there once it is whole; whatever ends a run before,
the old file stays as it was. What a killed run leaves behind is swept when its file is written next.
"""

import contextlib
import csv
import json
import math
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmgai_fem.errors import InputError

# Share of the free memory that an array may take before it goes to the disk.
IN_MEMORY = 0.3


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write `path` under; it takes its place when the block ends well, and is removed when it does not.

    The temporary name keeps the ending, which some libraries take the format from.
    """
    sweep(path)
    temporary = path.with_name(f"{_mark(path)}{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_files(path: Path) -> Iterator[Path]:
    """A folder to write `path` and its side files in; at the end all are moved to the folder of `path`, `path` last.

    Raises:
        OSError: the disk is full, or the folder may not be written.
    """
    sweep(path)
    parent = path.absolute().parent
    folder = Path(tempfile.mkdtemp(prefix=f"{_mark(path)}{os.getpid()}.", suffix=".partial", dir=parent))
    try:
        yield folder
        for file in sorted(folder.rglob("*"), key=lambda item: item.name == path.name):
            if file.is_file():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
                target = parent / file.relative_to(folder)
                target.parent.mkdir(exist_ok=True)
                file.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(path: Path) -> None:
    """Remove what killed runs left of `path`: temporary files and folders of processes that are gone from here."""
    import psutil

    left = re.compile(re.escape(_mark(path)) + r"(\d+)(\.\w+)?\.partial(\.\w+)?")
    for item in path.absolute().parent.iterdir():
        found = left.fullmatch(item.name)
        if found is None or psutil.pid_exists(int(found[1])):
            continue
        if item.is_dir():
            shutil.rmtree(item, ignore_errors=True)
        else:
            item.unlink(missing_ok=True)


def _mark(path: Path) -> str:
    """How the names of the temporary files of a path begin, on this machine."""
    return f".{path.stem[:40]}.{re.sub(r'[^A-Za-z0-9]', '-', platform.node())[:40]}-"


def scratch_array(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """An array to fill: in memory, or where it would take a good part of what is free, in a file without a name.

    Raises:
        InputError: the disk does not hold it.
    """
    import psutil

    size = 8 * math.prod(shape)
    if size <= IN_MEMORY * psutil.virtual_memory().available:
        return np.empty(shape)
    with tempfile.TemporaryFile(prefix="cmgai-fem.") as stream:
        if size > shutil.disk_usage(tempfile.gettempdir()).free:
            raise InputError(f"{tempfile.gettempdir()}: {size / 2**30:.3g} GiB are needed there: set TMPDIR to a disk")
        return np.memmap(stream, dtype=float, mode="w+", shape=shape)


def write_text(path: Path, text: str) -> None:
    """Write a text file."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON; a number that is not finite is an error."""
    write_text(path, json.dumps(data, indent=1, allow_nan=False) + "\n")


def write_table(path: Path, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write a .csv file with a header; numbers keep nine digits."""
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{item:.9g}" if isinstance(item, float) else item for key, item in row.items()})


def make_folder(folder: Path) -> None:
    """Make a results folder, or refuse one that cannot be written.

    Raises:
        InputError: it cannot be made, or nothing can be written in it.
    """
    try:
        try_folder(folder)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot write results there ({error.strerror}); choose another with --out"
        ) from None


def try_folder(folder: Path) -> None:
    """Make a folder and write in it.

    Raises:
        OSError: it cannot be made, or nothing can be written in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass
