"""The cluster's job script: what it starts, and that this is a generation and a solve on its ranks."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvista

SCRIPT = Path(__file__).parents[2] / "docker" / "slurm.sh"


def job(bin_folder: Path, *given: str, tasks: str | None = "2") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CMGAI_BIN": str(bin_folder)}
    environment.pop("SLURM_NTASKS", None)
    environment |= {} if tasks is None else {"SLURM_NTASKS": tasks}
    return subprocess.run(
        ["bash", str(SCRIPT), *given], env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """A folder of programs that say how they were started."""
    for name in ("mpiexec", "cmgai-fem"):
        program = tmp_path / name
        program.write_text(f'#!/bin/bash\necho {name} "$@" threads "$OMP_NUM_THREADS"\n')
        program.chmod(0o755)
    return tmp_path


def test_generation_runs_on_all_tasks(echo: Path) -> None:
    said = job(echo, "generate", "a b.pvtu", "--at", "3").stdout
    assert said.split(maxsplit=3)[:3] == ["mpiexec", "-n", "2"]
    assert said.rstrip().endswith("cmgai-fem generate a b.pvtu --at 3 threads 1")


@pytest.mark.parametrize("command", ["solve", "verify"])
def test_solves_are_given_the_tasks(echo: Path, command: str) -> None:
    assert job(echo, command, "x").stdout == f"cmgai-fem {command} x --ranks 2 threads 1\n"


def test_what_is_not_distributed_is_refused(echo: Path) -> None:
    refused = job(echo, "info", "x")
    assert refused.returncode == 2
    assert "not info" in refused.stderr
    assert "SLURM_NTASKS" in job(echo, "generate", "x", tasks=None).stderr


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """The programs of this environment, whether it is installed or on the path alone."""
    folder = tmp_path / "bin"
    folder.mkdir()
    ours = f'{sys.executable} -c "from cmgai_fem.cli import main; main()"'
    for name, program in (("mpiexec", Path(sys.executable).with_name("mpiexec")), ("cmgai-fem", ours)):
        (folder / name).write_text(f'#!/bin/bash\nexec {program} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.slow
def test_it_generates_on_two_ranks(real: Path, tmp_path: Path) -> None:
    grid = pyvista.ImageData(dimensions=(5, 5, 5)).cast_to_unstructured_grid()
    x = np.asarray(grid.points)[:, 0]
    for value in (1.0, 2.0, 3.0, 4.0):
        grid.point_data["u"] = np.sin(x + value)
        grid.save(tmp_path / f"s={value:g}.vtu")
    given = [str(tmp_path / f"s={value}.vtu") for value in (1, 2, 3, 4)]
    out = tmp_path / "s=2.5.vtu"
    values = ["--values-from", "s=([0-9]+)", "--coordinate", "s", "--field", "u", "--at", "2.5", "--out", str(out)]
    done = job(real, "generate", *given, *values)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(pyvista.read(out).point_data["u"], np.sin(x + 2.5), atol=0.02)


@pytest.mark.slow
def test_it_solves_on_two_ranks(real: Path, tmp_path: Path) -> None:
    study, out = SCRIPT.parents[1] / "verification" / "thermal-stress" / "study.toml", tmp_path / "300.vtu"
    done = job(real, "solve", str(study), "--set", "mesh.size=0.016", "--at", "300", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert np.isfinite(pyvista.read(out).point_data["stress"]).all()
