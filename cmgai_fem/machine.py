"""What a result owes to the machine and to the packages it was made with."""

import logging
import os
import platform
import resource
import shutil
import sys
import sysconfig
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from cmgai_fem.errors import InputError
from cmgai_fem.writing import try_folder

if TYPE_CHECKING:
    from mpi4py import MPI

PACKAGES = (
    "cmgai-fem", "dolfinx-solver-real", "fenics-dolfinx", "petsc4py", "gmsh", "torch", "numpy", "scipy", "scikit-learn",
    "pot",
)  # fmt: skip
# Seconds between two looks at whether all ranks are there.
PAUSE = 0.005


def machine_facts() -> dict[str, Any]:
    """Peak memory so far [MB], Python, platform and versions."""
    return {
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of the packages that the figures depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def world() -> "MPI.Comm | None":
    """The ranks of the MPI run that this process belongs to; None where it runs by itself."""
    if not any(name in os.environ for name in ("PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE")):
        return None
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    if comm.size == 1:
        return None

    def abort(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        # One rank that is gone would leave the others waiting for it.
        sys.__excepthook__(kind, error, trace)
        comm.Abort(1)

    sys.excepthook = abort
    return comm


def agreed[Found](comm: "MPI.Comm | None", work: Callable[[], Found]) -> Found:
    """What `work` gives on this rank; what it refuses on one of them is refused on all. Collective.

    Raises:
        InputError: the first of the ranks' refusals.
    """
    found, wrong = [], ""
    try:
        found.append(work())
    except InputError as error:
        wrong = str(error)
    if comm is not None:
        # One rank may read or write for minutes: MPI's own waiting would take a core of every other.
        ready = comm.Ibarrier()
        while not ready.Test():
            time.sleep(PAUSE)
    said = next((line for line in ([wrong] if comm is None else comm.allgather(wrong)) if line), "")
    if said:
        raise InputError(said)
    return found[0]


def compiler() -> str | None:
    """Path of the C compiler that weak forms are compiled with, None where there is none."""
    name = os.environ.get("CC") or (sysconfig.get_config_var("CC") or "cc").split()[0]
    return shutil.which(name) or shutil.which("cc") or shutil.which("gcc")


def check_forms_compile() -> None:
    """Refuse a machine on which DOLFINx could not compile a weak form, before any work is done.

    Raises:
        InputError: forms cannot be kept, or there is no C compiler and none were compiled before.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "fenics"
    try:
        try_folder(cache)
    except OSError as error:
        raise InputError(
            f"{cache}: DOLFINx keeps its compiled forms there and cannot ({error.strerror}); "
            "set XDG_CACHE_HOME to a folder that can be written"
        ) from None
    if compiler() is None and not any(cache.glob("*.so")):
        raise InputError(
            "no C compiler: DOLFINx compiles its weak forms; apt-get install gcc libc6-dev, or conda install c-compiler"
        )


def shorten_matplotlib() -> None:
    """What matplotlib says of a home that cannot be written becomes one line."""
    logging.getLogger("matplotlib").addFilter(_as_one_line)


def _as_one_line(record: logging.LogRecord) -> bool:
    if "MPLCONFIGDIR" in record.getMessage():
        record.msg = "cmgai-fem: pictures begin slowly: set MPLCONFIGDIR to a folder that can be written"
        record.args = None
    return not str(record.msg).startswith("mkdir")
