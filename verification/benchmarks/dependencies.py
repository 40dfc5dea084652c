"""What each dependency costs: its size on disk, what only it brings along, and the time to load it.

    python verification/benchmarks/dependencies.py

prints the table of docs/dependencies.md for the environment that it runs in.
"""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

# What is imported of a distribution, where it is not its own name, and what needs it.
MODULES = {
    "dolfinx-solver-real": "cmgai_fem.dolfinx_environment, dolfinx",
    "pot": "ot",
    "scikit-learn": "sklearn",
    "mpi4py": "mpi4py.MPI",
}
NEEDED = {
    "cyclopts": "the command line",
    "dolfinx-solver-real": "finite-element transport, laws, mechanics",
    "gmsh": "meshes of .geo and .msh files",
    "h5py": ".vtkhdf, .xdmf, .exo files, checkpoints",
    "jinja2": "the page of `verify`",
    "joblib": "rivals side by side; scikit-learn brings it",
    "matplotlib": "pictures",
    "meshio": ".inp, .msh and .xdmf files",
    "mpi4py": "ranks",
    "numpy": "everything",
    "pint": "units of fields and coordinates",
    "pot": "optimal transport of clouds",
    "psutil": "limits of memory",
    "pydantic": "study files, material cards",
    "pyvista": "every mesh file; brings VTK",
    "rich": "tables on the terminal",
    "safetensors": "model files, checkpoints",
    "scikit-learn": "Gaussian processes of rivals and blends",
    "scipy": "everything",
    "torch": "PINNs, distributions; brings CUDA's libraries",
}


def plain(name: str) -> str:
    """A distribution's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(name: str) -> list[str]:
    """Distributions that one needs here, extras left out."""
    try:
        listed = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    wanted = [line for line in listed if "extra ==" not in line]
    return [plain(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in wanted]


def closure(names: list[str]) -> set[str]:
    """The distributions, and all that they need and that are installed."""
    found: set[str] = set()
    waiting = [plain(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found and size(name) >= 0:
            found.add(name)
            waiting += requirements(name)
    return found


def size(name: str) -> int:
    """Bytes of a distribution's files; -1 where it is not installed."""
    try:
        files = metadata.files(name) or []
    except metadata.PackageNotFoundError:
        return -1
    places = [file.locate() for file in files]
    return sum(place.stat().st_size for place in places if place.is_file())


def load_seconds(modules: str) -> float:
    """Least processor seconds of a process that loads some modules, less those of one that loads none."""

    def spent(program: str) -> float:
        measure = f"import time; {program}; print(time.process_time())"
        return min(
            float(subprocess.run([sys.executable, "-c", measure], capture_output=True, text=True, check=True).stdout)
            for _ in range(3)
        )

    return spent(f"import {modules}") - spent("pass")


def main() -> None:
    """Print the table."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    direct = [plain(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in project["dependencies"]]
    direct += [name for name in ("dolfinx-solver-real",) if size(name) >= 0]
    whole = closure(direct)
    rows = []
    for name in direct:
        alone = whole - closure([other for other in direct if other != name])
        modules = MODULES.get(name, name.replace("-", "_"))
        rows.append((name, size(name), sum(map(size, alone)), load_seconds(modules), NEEDED.get(name, "")))
    print("| package | MB | with what only it brings | loads in s | needed by |\n|---|---:|---:|---:|---|")
    for name, own, brought, seconds, what in sorted(rows, key=lambda row: -row[2]):
        print(f"| {name} | {own / 1e6:,.0f} | {brought / 1e6:,.0f} | {seconds:.2f} | {what} |")
    print(f"| all | {sum(map(size, whole)) / 1e6:,.0f} | | | |")


if __name__ == "__main__":
    main()
