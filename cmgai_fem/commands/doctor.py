"""`cmgai-fem doctor`: what is installed, what works, and the command that installs what is missing."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cmgai_fem.machine import compiler

# Runs in a process of its own: a rendering window without a display may end the process that asks for it.
RENDER = (
    "import pyvista; p = pyvista.Plotter(off_screen=True, window_size=(32, 32)); p.add_mesh(pyvista.Sphere());"
    "assert p.screenshot(return_img=True).shape[:2] == (32, 32)"
)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        name: what.
        found: version or state.
        works: whether it does; None where it is a matter of choice.
        remedy: command or step that mends it; empty if it works.
    """

    name: str
    found: str
    works: bool | None
    remedy: str = ""


def doctor() -> list[Finding]:
    """Look at everything the package leans on.

    Returns:
        One row a thing, in the order in which a user would mend them.
    """
    rows = [Finding("Python", platform.python_version(), sys.version_info >= (3, 12), "install Python 3.12 or newer")]
    rows += [_package(*entry) for entry in PACKAGES]
    checks: tuple[Callable[[], Finding], ...] = (_mpi, _mpiexec, _petsc, _compiler, _rendering, _gpu, _memory)
    rows += [check() for check in checks]
    return [Finding(row.name, row.found, row.works, "" if row.works else row.remedy) for row in rows]


PACKAGES = (
    ("cmgai-fem", "cmgai-fem", "pip install cmgai-fem", True),
    ("DOLFINx", "dolfinx-solver-real fenics-dolfinx", "pip install 'cmgai-fem[dolfinx]'", True),
    ("torch", "torch", "pip install torch", True),
    ("gmsh", "gmsh", "pip install gmsh", True),
    ("VTK", "vtk", "pip install pyvista", True),
    ("pyvista", "pyvista", "pip install pyvista", True),
    ("meshio", "meshio", "pip install meshio", True),
    ("h5py", "h5py", "pip install h5py", True),
)
# The first that has all that is used of it, and what older ones lack.
OLDEST = {"DOLFINx": ((0, 10), "dolfinx.io.gmsh")}


def _package(name: str, distributions: str, remedy: str, needed: bool) -> Finding:
    for distribution in distributions.split():
        try:
            version = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
        oldest, lacking = OLDEST.get(name, ((0,), ""))
        if tuple(int(part) for part in version.split(".")[: len(oldest)]) < oldest:
            return Finding(name, f"{version} is too old: no {lacking}", False, remedy)
        return Finding(name, version, True)
    return Finding(name, "missing", False if needed else None, remedy)


def _mpi() -> Finding:
    remedy = "pip install mpi4py, with MPICH or Open MPI from your system's packages"
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        return Finding("MPI", _line(error), False, remedy)
    return Finding("MPI", MPI.Get_library_version().strip("\0 \n").splitlines()[0][:60], True)


def _mpiexec() -> Finding:
    beside = str(Path(sys.executable).parent)
    path = shutil.which("mpiexec") or shutil.which("mpiexec", path=beside)
    return Finding("mpiexec", "found" if path else "missing", bool(path), "put the bin folder of your MPI on PATH")


def _petsc() -> Finding:
    remedy = "pip install 'cmgai-fem[dolfinx]'"
    try:
        from petsc4py import PETSc

        import cmgai_fem.dolfinx_environment  # noqa: F401 - sets the environment that DOLFINx needs
    except (ImportError, RuntimeError, OSError) as error:
        return Finding("PETSc solvers", _line(error), False, remedy)
    version = ".".join(str(part) for part in PETSc.Sys.getVersion())
    present = [name for name in ("mumps", "hypre", "superlu_dist") if PETSc.Sys.hasExternalPackage(name)]
    return Finding("PETSc solvers", f"{version}: {', '.join(present) or 'its own alone'}", True)


def _compiler() -> Finding:
    path = compiler()
    remedy = "install a C compiler: apt-get install gcc libc6-dev, or conda install c-compiler"
    if path is None:
        return Finding("C compiler (DOLFINx's forms)", "missing", False, remedy)
    try:
        run = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("C compiler (DOLFINx's forms)", _line(error), False, remedy)
    first = (run.stdout.splitlines() or [""])[0]
    return Finding("C compiler (DOLFINx's forms)", first[:60], run.returncode == 0, remedy)


def _rendering() -> Finding:
    remedy = "apt-get install libgl1 libxrender1 libegl1, or conda install -c conda-forge vtk"
    try:
        run = subprocess.run([sys.executable, "-c", RENDER], capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("off-screen rendering", _line(error), False, remedy)
    return Finding("off-screen rendering", "works" if run.returncode == 0 else "fails", run.returncode == 0, remedy)


def _gpu() -> Finding:
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding("GPU", _line(error), None, "pip install torch")
    if not torch.cuda.is_available():
        return Finding("GPU", "none; everything runs on the CPU", None, "")
    return Finding("GPU", torch.cuda.get_device_name(0), True)


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    found = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free, {os.cpu_count()} cores"
    return Finding("memory and cores", found, memory.available > 2 * 2**30, "close other programs: 2 GiB are needed")


def _line(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:60]
