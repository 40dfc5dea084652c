"""The gate that every file passes: a process of its own reads it, which may die, run out of memory or of time.

Readers written in C believe what a file says of itself: they follow it into memory that is not there, reserve what it
declares, or never come back, and no exception catches that. So files are read by a process that serves readings only
and forks for each, under limits of memory and processor time; what comes back is whole or one line.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from cmgai_fem.errors import InputError
from cmgai_fem.files.trust import printable

if TYPE_CHECKING:
    import pyvista

    from cmgai_fem.files.snapshot import Snapshot

# What reading may take beside a share of the file's own size: compressed data grow by up to a thousand.
MEMORY, GROWTH = 1 << 30, 1000
SECONDS, BYTES_PER_SECOND = 20, 1 << 20
# First byte of an answer: states, or one line that says why there are none.
READ, REFUSED = b"+", b"!"
SERVER = "from cmgai_fem.files.reading_process import serve; serve()"


class _Server:
    """The process that reads, started at the first file and ended with ours."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self.mesh: weakref.ref[pyvista.DataSet] | None = None
        self.digest = ""

    def ask(self, request: bytes) -> bytes | None:
        """The reply, or None where the reader died over it."""
        process = self.running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request + b"\n")
            process.stdin.flush()
            head = process.stdout.read(8)
            size = int.from_bytes(head, "little")
            reply = process.stdout.read(size) if len(head) == 8 else b""
        except BrokenPipeError:
            return None
        except KeyboardInterrupt:
            self.end()
            raise
        return reply if len(head) == 8 and len(reply) == size else None

    def end(self) -> int:
        """End the process; its exit code."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return 0
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        return process.wait()

    def running(self) -> subprocess.Popen[bytes]:
        """The process, started where it is not."""
        # A fork of ours (a rank, a worker) must not share its parent's pipes.
        if self._process is None or self._owner != os.getpid():
            environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, env=environment, start_new_session=True,
            )  # fmt: skip
            self._owner = os.getpid()
        return self._process


_SERVER = _Server()
atexit.register(_SERVER.end)


def start() -> None:
    """Start the process that reads, to load its libraries while we load ours."""
    _SERVER.running()


def read_apart(path: Path) -> "list[Snapshot]":
    """All states that a file holds, read in a process of its own.

    Raises:
        InputError: what its reader says of it, or that it ended the process that read it.
    """
    from cmgai_fem.files.transfer import unpack

    size = sum(part.stat().st_size for part in [path, *_beside(path)] if part.is_file())
    memory = min(MEMORY + GROWTH * size, psutil.virtual_memory().available)
    seconds = SECONDS + size // BYTES_PER_SECOND
    # The last mesh, as long as someone has it.
    mesh = None if _SERVER.mesh is None else _SERVER.mesh()
    known = "" if mesh is None else _SERVER.digest
    request = {"path": str(path), "folder": str(Path.cwd()), "memory": memory, "seconds": seconds, "mesh": known}
    reply = _SERVER.ask(json.dumps(request).encode())
    if reply is None:
        code = _SERVER.end()
        if code == signal.SIGXCPU:
            raise InputError(f"{printable(str(path))}: damaged: not read after {seconds} s of processor time")
        raise InputError(f"{printable(str(path))}: damaged or truncated: its reader fails on it")
    # Our own process wrote this: what is not trusted is the file, whose numbers stand in it as plain arrays.
    if reply[:1] == REFUSED:
        raise InputError(reply[1:].decode())
    read, _SERVER.digest = unpack(reply[1:], mesh)
    _SERVER.mesh = weakref.ref(read[-1].grid)
    return read


def _beside(path: Path) -> list[Path]:
    """Files that a light one may lean on: all in its folder that could hold its heavy data."""
    if path.suffix.lower() not in (".xdmf", ".xmf", ".pvd", ".pvtu", ".vtm", ".inp"):
        return []
    return [one for one in path.absolute().parent.iterdir() if not one.name.startswith(".")]
