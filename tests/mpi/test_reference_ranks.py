import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.reference import load_model, solve_reference
from cmgai_fem.states.states import Coordinate, States

SMALL = {"mesh": {"file": "cantilever.geo", "size": 0.012}}
TEMPERATURE = Coordinate("temperature", "degC")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[States, dict[str, Any], list[str]]]:
    found = {}
    for ranks in (1, 2):
        lines: list[str] = []
        folder = tmp_path_factory.mktemp(f"ranks{ranks}")
        model = load_model("thermal-stress", SMALL)
        states, summary = solve_reference(model, TEMPERATURE, [100.0, 775.0], ranks, folder, lines.append)
        found[ranks] = (states, summary, lines)
    return found


def test_two_ranks_equal_one(runs: dict[int, tuple[States, dict[str, Any], list[str]]]) -> None:
    one, two = runs[1][0], runs[2][0]
    np.testing.assert_allclose(one.labels.points, two.labels.points, rtol=1e-14)
    for name in ("stress", "temperature", "displacement"):
        left, right = one.field(name).values, two.field(name).values
        for state in range(len(one)):
            scale = np.abs(left[state]).max()
            np.testing.assert_allclose(right[state], left[state], rtol=0.0, atol=1e-8 * scale)


def test_the_run_is_reported(runs: dict[int, tuple[States, dict[str, Any], list[str]]]) -> None:
    states, summary, lines = runs[2]
    assert states.coordinates.each == (TEMPERATURE,)
    assert summary["ranks"] == 2
    assert summary["seconds"] > 0.0 and summary["peak_memory_mb"] > 0.0
    assert len(lines) == 2 and "775 degC" in lines[1]


def test_physics_of_the_solution(runs: dict[int, tuple[States, dict[str, Any], list[str]]]) -> None:
    states = runs[1][0]
    y = states.labels.points[:, 1]
    temperature = states.field("temperature").values[:, :, 0]
    np.testing.assert_allclose(temperature[:, y > 0.04 - 1e-9], np.array([[100.0], [775.0]]) + 0.0 * y[y > 0.04 - 1e-9])
    assert np.all(temperature >= 20.0) and np.all(
        temperature[:, y < 1e-9] < temperature[:, y > 0.04 - 1e-9].min(1)[:, None]
    )
    residual = load_model("thermal-stress", SMALL).admissibility()
    for state, value in enumerate(states.scalars):
        figure = residual(value, {"stress": states.field("stress").values[state]})["equilibrium_residual"]
        assert 0.0 < figure < 0.1


def test_a_state_outside_the_material_card_comes_back_as_one_line(tmp_path: Path) -> None:
    model = load_model("thermal-stress", SMALL)
    with pytest.raises(InputError, match=r"^state hot-face temperature = 900 degC: 900 degC is outside"):
        solve_reference(model, TEMPERATURE, [100.0, 900.0], 2, tmp_path, print)


def test_states_must_increase(tmp_path: Path) -> None:
    model = load_model("thermal-stress", SMALL)
    with pytest.raises(InputError, match="states must increase"):
        solve_reference(model, TEMPERATURE, [100.0, 100.0], 1, tmp_path, print)


def test_an_interrupt_leaves_no_process_behind(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        solve_reference(load_model("thermal-stress", SMALL), TEMPERATURE, [100.0, 200.0], 2, tmp_path, interrupt)
    request = str(tmp_path / "request.json")
    left = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not any(request in command for command in left)


@pytest.mark.slow
def test_two_ranks_equal_one_in_plasticity(tmp_path: Path) -> None:
    parameters = {"mesh": {"file": "cantilever.geo", "size": 0.014}, "heating_step": 300.0}
    model = load_model("thermal-stress-plastic", parameters)
    one, two = (
        solve_reference(model, TEMPERATURE, [300.0, 700.0], ranks, tmp_path / str(ranks), print)[0] for ranks in (1, 2)
    )
    for name in ("stress", "equivalent_plastic_strain", "displacement"):
        left, right = one.field(name).values, two.field(name).values
        np.testing.assert_allclose(right, left, rtol=0.0, atol=1e-8 * np.abs(left).max())


KILLED = """
import sys
from functools import partial
from pathlib import Path
from cmgai_fem.mechanics.reference import load_model, solve_reference
from cmgai_fem.states.states import Coordinate
model = load_model("thermal-stress", {"mesh": {"file": "cantilever.geo", "size": 0.012}})
values = [float(value) for value in range(100, 700)]
solve_reference(model, Coordinate("temperature", "degC"), values, 2, Path(sys.argv[1]), partial(print, flush=True))
"""


def test_ranks_end_with_the_program_that_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        ranks = psutil.Process(program.pid).children(recursive=True)
        assert len(ranks) >= 3
        program.kill()
    _, alive = psutil.wait_procs(ranks, timeout=20.0)
    assert not alive
