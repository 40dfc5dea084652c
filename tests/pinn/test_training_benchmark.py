"""The training benchmark: our side of it, and all of it where DeepXDE is installed."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "verification" / "benchmarks" / "pinn_training.py"


def test_our_training_reaches_the_finite_elements() -> None:
    specification = importlib.util.spec_from_file_location("pinn_training", SCRIPT)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    task = module.study_task("mesh.size=0.016")
    assert module.train_ours(task)[1] < 1e-5


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("deepxde") is None, reason="the extra deepxde is not installed")
def test_the_benchmark_runs() -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, SCRIPT, "1"], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout.count("DeepXDE L-BFGS") == 4
    assert "time to equal error" in run.stdout
