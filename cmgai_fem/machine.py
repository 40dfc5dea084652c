"""What a result owes to the machine and to the packages it was made with."""

import os
import platform
import resource
import sys
from importlib import metadata
from typing import Any

PACKAGES = (
    "cmgai-fem", "dolfinx-solver-real", "fenics-dolfinx", "petsc4py", "gmsh", "torch", "numpy", "scipy", "scikit-learn",
    "pot",
)  # fmt: skip


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
