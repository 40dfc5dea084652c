import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
from mpi4py import MPI

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.reference import load_model, solve_reference
from cmgai_fem.states.states import Coordinate, States

SOLID = {
    "mesh": {
        "file": "taylor_rod_3d.geo",
        "numbers": {"core_cells": 1.0, "ring_cells": 1.0, "axial_cells": 10.0},
    },
    "dimension": 3,
    "end_time": 6e-6,
    "history_times": [3e-6, 6e-6],
}
PLANE = {
    "mesh": {"file": "taylor_rod.geo", "numbers": {"radial_cells": 4.0, "axial_cells": 40.0}},
    "end_time": 12e-6,
    "history_times": [6e-6, 12e-6],
}
KILLED = """
import json, sys
from cmgai_fem import dolfinx_environment
from mpi4py import MPI
from cmgai_fem.errors import ConvergenceError
from cmgai_fem.mechanics.reference import load_model
load_model("taylor-rod", json.loads(sys.argv[1])).solve(MPI.COMM_SELF, [180.0], print)
"""


def solve(parameters: dict[str, object], ranks: int, folder: Path, values: tuple[float, ...] = (180.0,)) -> States:
    model = load_model("taylor-rod", parameters)
    coordinate = Coordinate("velocity", "m/s")
    states, summary = solve_reference(model, coordinate, list(values), ranks, folder, lambda line: None)
    assert summary["ranks"] == ranks
    return states


def solve_here(parameters: dict[str, object], values: tuple[float, ...] = (180.0,)) -> States:
    """On one rank, without the cost of starting it."""
    states = load_model("taylor-rod", parameters).solve(MPI.COMM_SELF, list(values), lambda line: None)
    assert states is not None
    return states


@pytest.fixture(scope="module")
def solid() -> States:
    return solve_here(SOLID)


def assert_equal_to(found: States, expected: States, tolerance: float) -> None:
    np.testing.assert_allclose(found.labels.points, expected.labels.points, atol=1e-15)
    np.testing.assert_allclose(found.labels.weights, expected.labels.weights, rtol=1e-12)
    for name, field in expected.fields.items():
        size = np.abs(field.values).max()
        np.testing.assert_allclose(found.field(name).values, field.values, atol=tolerance * size, err_msg=name)


@pytest.mark.parametrize("ranks", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_solid_rod_is_the_same_on_more_ranks(ranks: int, solid: States, tmp_path: Path) -> None:
    assert solid.field("equivalent_plastic_strain").values.max() > 0.1
    assert_equal_to(solve(SOLID, ranks, tmp_path), solid, 1e-8)


def test_axisymmetric_states_shared_by_two_ranks_are_those_of_one(tmp_path: Path) -> None:
    short = PLANE | {"end_time": 2e-6, "history_times": [2e-6]}
    velocities = (130.0, 150.0, 170.0)
    assert_equal_to(solve(short, 2, tmp_path, velocities), solve_here(short, velocities), 0.0)


def test_restart_on_another_number_of_ranks(solid: States, tmp_path: Path) -> None:
    kept = SOLID | {"checkpoint_folder": str(tmp_path / "kept")}
    solve_here(kept | {"end_time": 3e-6, "history_times": [3e-6]})
    assert_equal_to(solve(kept, 2, tmp_path / "second"), solid, 1e-10)


def test_a_cell_turned_inside_out_on_one_rank_ends_all_ranks(tmp_path: Path) -> None:
    with pytest.raises(ConvergenceError, match=r"velocity = 6000 m/s.*(Jacobian|no height)"):
        solve(SOLID | {"allowed_drift": 100.0, "courant": 1.0}, 2, tmp_path, (6000.0,))


@pytest.mark.medium
def test_killed_run_goes_on_from_its_checkpoint_to_the_same_bits(tmp_path: Path) -> None:
    kept = PLANE | {"checkpoint_folder": str(tmp_path), "checkpoint_steps": 10}
    process = subprocess.Popen([sys.executable, "-c", KILLED, json.dumps(kept)], stdout=subprocess.DEVNULL)
    checkpoint = tmp_path / "run_180.npz"
    while not checkpoint.exists():
        assert process.poll() is None, "the run ended before its first checkpoint"
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with np.load(checkpoint) as saved:
        assert 0.0 < float(saved["time"]) < 12e-6
    assert_equal_to(solve_here(kept), solve_here(PLANE), 0.0)


@pytest.mark.slow
def test_standard_bar_is_the_same_on_one_and_two_ranks(tmp_path: Path) -> None:
    finer = SOLID | {"end_time": 20e-6, "history_times": [20e-6]}
    finer["mesh"] = {
        "file": "taylor_rod_3d.geo",
        "numbers": {"core_cells": 2.0, "ring_cells": 2.0, "axial_cells": 30.0},
    }
    assert_equal_to(solve(finer, 2, tmp_path / "two"), solve(finer, 1, tmp_path / "one"), 1e-8)
