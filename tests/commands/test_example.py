import tomllib
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.cli import main
from cmgai_fem.commands.compare import compare
from cmgai_fem.commands.example import AMBIENT, DIFFUSIVITY, HELD_OUT, KNOWN, example, plate, temperature
from cmgai_fem.commands.states_file import load_states_file
from cmgai_fem.errors import InputError
from cmgai_fem.files.curve_table import read_curves
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.metrics import nrmse


def run(line: str) -> int:
    """A command as `example` prints it, its patterns and quotes resolved as a shell would."""
    words = [word.strip("'") for word in line.split()[1:]]
    paths = [str(file) for word in words for file in (sorted(Path().glob(word)) if "*" in word else [word])]
    with pytest.raises(SystemExit) as ended:
        main(paths)
    return int(ended.value.code or 0)


@pytest.mark.medium
def test_the_commands_that_it_prints_work_and_the_transport_wins(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    commands = [line.strip() for line in example(Path("example")) if line.strip().startswith("cmgai-fem")]
    assert len(commands) == 3
    assert run(commands[0]) == 0
    # Errors of left-out states: ours, and the best of the rivals.
    lines = capsys.readouterr().out.splitlines()
    start = next(row for row, line in enumerate(lines) if line.startswith("left-out errors"))
    (first, ours), (_, rival) = (line.split() for line in lines[start + 1 : start + 3])
    assert first == "transport"
    assert float(rival) > 10.0 * float(ours)
    # The advice stands before all tables.
    assert any("use the transport" in line for line in lines[:start])
    assert run(commands[1] + " --tolerance 0.01") == 0
    assert run(commands[1] + " --tolerance 1e-6") == 1
    assert run(commands[2]) == 0
    assert Path("curve_573K.csv").is_file()


def test_the_held_out_state_is_beyond_linear_interpolation(tmp_path):
    example(tmp_path / "e")
    known = [read_snapshots(tmp_path / "e" / f"t={value}.vtu")[0].grid["temperature"] for value in (3, 4)]
    held_out = read_snapshots(tmp_path / "e" / "held_out" / f"t={HELD_OUT}.vtu")[0].grid["temperature"]
    assert nrmse(0.5 * (known[0] + known[1]), held_out) > 0.03
    file = tmp_path / "e" / "held_out" / f"t={HELD_OUT}.vtu"
    assert compare(file, file, "temperature").error.largest == 0.0


def test_files_beside_the_states(tmp_path):
    example(tmp_path / "e")
    inputs = load_states_file(tmp_path / "e" / "states.toml")
    assert [value for (value,) in inputs.values] == list(KNOWN)
    assert (inputs.coordinates, inputs.units, inputs.field) == (("time",), ("s",), "temperature")
    tomllib.loads((tmp_path / "e" / "states.toml").read_text())
    assert len(read_curves(tmp_path / "e" / "tests.csv").states) == 4


def test_the_temperature_solves_the_heat_equation_and_keeps_its_heat():
    """Far behind the spot nothing is heated: there the heat equation has no source."""
    step, dt, points = 5e-5, 1e-3, np.array([[0.03, 0.012], [0.01, 0.03]])
    time = 4.0
    rate = (temperature(points, time + dt) - temperature(points, time - dt)) / (2.0 * dt)
    shifts = step * np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    around = sum(temperature(points + shift, time) for shift in shifts)
    laplacian = (around - 4.0 * temperature(points, time)) / step**2
    np.testing.assert_allclose(rate, DIFFUSIVITY * laplacian, rtol=3e-4)
    # Insulated edges, steady power: the heat in the plate grows as time does.
    points = np.asarray(plate().points, dtype=float)[:, :2]
    ends, sides = (np.isin(np.round(points[:, axis], 9), (0.0, size)) for axis, size in enumerate((0.12, 0.04)))
    share = 0.5 ** (1.0 * ends + sides)
    heat = [share @ (temperature(points, time) - AMBIENT) for time in (2.0, 4.0)]
    assert heat[1] == pytest.approx(2.0 * heat[0], rel=5e-3)


def test_nothing_is_replaced(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is there already"):
        example(tmp_path)
    with pytest.raises(InputError, match="is there already"):
        example(tmp_path / "mine.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
