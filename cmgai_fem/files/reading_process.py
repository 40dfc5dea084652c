"""The process behind the gate: it reads one file after the other, each in a fork that may die."""

import importlib
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from cmgai_fem.errors import InputError
from cmgai_fem.files.gate import READ, REFUSED
from cmgai_fem.files.readers import LOADED, read_here
from cmgai_fem.files.transfer import pack
from cmgai_fem.files.trust import printable


def serve() -> None:
    """Answer requests on the standard input until it ends; where a reading dies, die with its signal as exit code."""
    # What libraries print must not stand among the answers.
    channel = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        if module := LOADED.get(Path(request["path"]).suffix.lower()):
            # It takes a moment to load: once for all files of its kind.
            importlib.import_module(module)
        pid = os.fork()
        if pid == 0:
            _answer(request, channel)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        if status != 0:
            os._exit(os.WTERMSIG(status) or 1)


def _answer(request: dict[str, Any], channel: int) -> None:
    """Read a file and write what it holds, or what is wrong with it, behind its length in bytes."""
    os.chdir(request["folder"])
    path = Path(request["path"])
    _limit(resource.RLIMIT_AS, _size() + int(request["memory"]))
    _limit(resource.RLIMIT_CPU, int(request["seconds"]))
    _limit(resource.RLIMIT_CORE, 0)
    try:
        kind, reply = READ, pack(read_here(path), str(request["mesh"]))
    except InputError as error:
        kind, reply = REFUSED, str(error).encode()
    except MemoryError:
        kind, reply = REFUSED, f"{printable(str(path))}: there is not enough memory to read it".encode()
    with os.fdopen(channel, "wb") as stream:
        stream.write((1 + len(reply)).to_bytes(8, "little"))
        stream.write(kind)
        stream.write(reply)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _size() -> int:
    """Bytes of address space that this process has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()
