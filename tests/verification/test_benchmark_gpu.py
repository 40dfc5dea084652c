"""The training benchmark of a bare GPU machine: it asks for nothing but numpy, scipy, scikit-learn and torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "verification" / "benchmarks" / "gpu.py"
ABSENT = (
    "cyclopts dolfinx dolfinx_solver gmsh h5py jinja2 joblib matplotlib meshio mpi4py ot petsc4py pint psutil pydantic "
    "pyvista rich safetensors slepc4py ufl vtk vtkmodules"
)
PROGRAM = f"""
import runpy, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT.split()!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
sys.path.insert(0, {str(SCRIPT.parent)!r})
sys.argv[0] = {str(SCRIPT)!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_it_runs_where_only_torch_and_scipy_are(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    command = [sys.executable, "-c", PROGRAM, "--quick", "--device", "cpu", "--out", str(out)]
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    found = json.loads(out.read_text())
    assert found["gpu"] is None
    assert {row["network"] for row in found["trainings"]} == {
        "mixture density",
        "flow matching",
        "PINN under a law",
        "field network",
        "registration network",
    }
    assert all(set(row["seconds"]) == {"cpu"} for row in found["trainings"])
