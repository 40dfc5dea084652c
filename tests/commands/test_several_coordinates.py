"""Generating from files whose states have two coordinates, from the command line and from Python."""

import functools
from pathlib import Path

import numpy as np
import pytest
from bodies import block

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.cli import main
from cmgai_fem.commands.provenance import read_provenance
from cmgai_fem.commands.states_file import load_states_file
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.model import load_model
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.writers import write_grid
from cmgai_fem.states.states import Coordinate

STATES = [
    (100.0, 2.0), (100.0, 7.0), (250.0, 4.0), (300.0, 1.0), (400.0, 6.0), (450.0, 3.0),
    (500.0, 8.0), (600.0, 5.0), (650.0, 2.0), (700.0, 7.0), (200.0, 6.0), (550.0, 1.5),
]  # fmt: skip
POINTS = ",".join(f"{a:g}:{b:g}" for a, b in STATES)


def stress_at(points: np.ndarray, state: tuple[float, ...]) -> np.ndarray:
    """Second degree in temperature and load."""
    t, f = state[0] / 700.0, state[1] / 8.0
    x, y, z = np.asarray(points, dtype=float).T
    return 1e6 * (1.0 + x * t + y * f + z * t * f + 0.3 * x * y * t**2 + 0.2 * f**2)


def write_state(path: Path, state: tuple[float, float], own: bool = False) -> Path:
    grid = block().copy()
    grid.point_data["stress"] = stress_at(grid.points, state)
    if own:
        grid.field_data["temperature"], grid.field_data["load"] = [state[0]], [state[1]]
    write_grid(path, grid, {})
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("states")
    return [str(write_state(folder / f"T={a:g}_F={b:g}.vtu", (a, b))) for a, b in STATES]


@pytest.fixture(autouse=True)
def few_choices(monkeypatch):
    """What is tested is the way from files to files, not the choice."""
    plain = functools.partial(Search, ratios=(1.0,), tensions=(0.0,), softnesses=(0.0,))
    monkeypatch.setattr("cmgai_fem.study.field_file.Search", plain)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def two(*more: str) -> list[str]:
    return ["--field", "stress", "--coordinate", "temperature", "--coordinate", "load", *more]


def generated(path: Path) -> np.ndarray:
    return np.asarray(read_snapshots(path)[0].grid.point_data["stress"])


@pytest.mark.parametrize(
    "values", [["--values", POINTS], ["--values-from", r"T=([0-9.]+)_F=([0-9.]+)\.vtu"]], ids=["values", "names"]
)
def test_a_field_of_second_degree_comes_back_from_the_command_line(files, tmp_path, values, capsys):
    out = tmp_path / "out.vtu"
    assert run("generate", *files, *two(*values), "--at", "325:3", "--out", str(out)) == 0
    np.testing.assert_allclose(generated(out), stress_at(block().points, (325.0, 3.0)), rtol=1e-8)
    facts = read_provenance(out)
    assert facts["coordinate"] == ["temperature", "load"]
    assert facts["value"] == [325.0, 3.0]
    assert facts["known"][0]["value"] == [100.0, 2.0]
    grid = read_snapshots(out)[0].grid
    assert float(grid.field_data["load"][0]) == 3.0
    assert "stress_error_estimate" in grid.point_data
    said = capsys.readouterr().out
    assert "temperature, load = 100:2, 100:7" in said
    assert "temperature = 325, load = 3: " in said


@pytest.mark.slow
def test_states_inside_and_outside_go_to_files_of_their_own(files, tmp_path):
    out = tmp_path / "out_{value}.vtu"
    arguments = ["--at", "325:3", "--at", "750:9", "--resume", "--out", str(out)]
    assert run("generate", *files, *two("--values", POINTS), *arguments) == 0
    for state in ((325.0, 3.0), (750.0, 9.0)):
        path = tmp_path / f"out_{state[0]:g}_{state[1]:g}.vtu"
        np.testing.assert_allclose(generated(path), stress_at(block().points, state), rtol=1e-6)
    before = path.stat().st_mtime_ns
    assert run("generate", *files, *two("--values", POINTS), *arguments) == 0
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("method", ["fem", "pinn"])
def test_a_model_file_gives_the_same_field(files, tmp_path, method):
    direct, again, model = tmp_path / "direct.vtu", tmp_path / "again.vtu", tmp_path / "model.safetensors"
    assert run(
        "generate", *files, *two("--values", POINTS), "--at", "325:3", "--method", method, "--out", str(direct),
        "--save-model", str(model),
    ) == 0  # fmt: skip
    assert run("generate", str(model), "--model", "--at", "325:3", "--out", str(again)) == 0
    np.testing.assert_array_equal(generated(again), generated(direct))
    assert load_model(model).states.coordinates.each[1] == Coordinate("load", "")
    assert not model.with_suffix(".json").exists()


def test_a_model_file_answers_for_its_own_side_alone(files, tmp_path, capsys):
    model = tmp_path / "model.safetensors"
    out = ["--out", str(tmp_path / "out.vtu")]
    assert run("generate", *files, *two("--values", POINTS), "--at", "325:3", *out, "--save-model", str(model)) == 0
    capsys.readouterr()
    assert run("generate", str(model), "--model", "--at", "900:9", *out) == 2
    assert "temperature = 900, load = 9 does not lie between the known states" in capsys.readouterr().err
    assert run("generate", str(model), "--model", "--at", "900", *out) == 2
    assert "this model has 2 state coordinates" in capsys.readouterr().err


def test_a_states_file_of_two_coordinates(files, tmp_path):
    table = tmp_path / "states.toml"
    lines = ['field = "stress"', 'coordinates = ["temperature", "load"]', 'units = ["degC", "kN"]', "lower = 0.0"]
    for file, (a, b) in zip(files, STATES, strict=True):
        (tmp_path / Path(file).name).write_bytes(Path(file).read_bytes())
        lines += ["[[states]]", f'file = "{Path(file).name}"', f"value = [{a}, {b}]"]
    table.write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "out.vtu"
    assert run("generate", str(table), "--at", "325:3", "--out", str(out)) == 0
    np.testing.assert_allclose(generated(out), stress_at(block().points, (325.0, 3.0)), rtol=1e-8)
    loaded = load_states_file(table)
    assert loaded.read().coordinates.label((100.0, 2.0)) == "temperature = 100 degC, load = 2 kN"


def test_files_that_hold_their_own_values(tmp_path):
    paths = [write_state(tmp_path / f"{row}.vtu", state, own=True) for row, state in enumerate(STATES[:5])]
    states = read_states(paths, field="stress", coordinate=["temperature", "load"])
    np.testing.assert_array_equal(states.values, STATES[:5])
    grid = states.grid(stress=states.fields["stress"].values[0])
    assert grid.n_points == block().n_points


@pytest.fixture(scope="module")
def thermocouples(files, tmp_path_factory) -> tuple[list[str], Path]:
    """The files with a second field, and a table of it at a state that is not among them."""
    folder, paths = tmp_path_factory.mktemp("sensors"), []
    for state in STATES:
        grid = block().copy()
        grid.point_data["stress"] = stress_at(grid.points, state)
        grid.point_data["heat"] = heat_at(grid.points, state)
        paths.append(str(folder / f"T={state[0]:g}_F={state[1]:g}.vtu"))
        write_grid(Path(paths[-1]), grid, {})
    truth, lines = heat_at(block().points, (325.0, 3.0)), ["node, field, value, tolerance"]
    lines += [f"{node}, heat, {truth[node]}, 0.01" for node in (0, 5, 11, 20, 33, 44)]
    (folder / "heat.csv").write_text("\n".join(lines), encoding="utf-8")
    return paths, folder / "heat.csv"


def heat_at(points: np.ndarray, state: tuple[float, ...]) -> np.ndarray:
    t, f = state[0] / 700.0, state[1] / 8.0
    x, y, _ = np.asarray(points, dtype=float).T
    return 100.0 * (t * (1.0 + x) + f * (2.0 - y) + 0.2 * t**2 * y)


@pytest.mark.slow
def test_sensors_tell_a_state_of_two_coordinates(thermocouples, tmp_path, capsys):
    paths, table = thermocouples
    out = tmp_path / "out.vtu"
    names = ["--values-from", r"T=([0-9.]+)_F=([0-9.]+)\.vtu", "--sensors", str(table), "--out", str(out)]
    assert run("generate", *paths, *two(*names)) == 0
    facts = read_provenance(out)
    assert facts["value"] == pytest.approx([325.0, 3.0], rel=2e-3)
    assert len(facts["value_deviation"]) == 2
    assert facts["misfit"][1] <= 1.0
    assert "the sensors fit best at temperature = 325" in capsys.readouterr().out
    truth = stress_at(block().points, (325.0, 3.0))
    assert np.abs(generated(out) - truth).max() < 0.01 * np.ptp(truth)
    assert run("generate", *paths, *two(*names, "--at", "325:3")) == 0
    assert read_provenance(out)["value"] == [325.0, 3.0]
    np.testing.assert_allclose(generated(out), truth, rtol=1e-4)


@pytest.mark.slow
def test_one_sensor_cannot_tell_two_coordinates(thermocouples, tmp_path, capsys):
    paths, table = thermocouples
    (tmp_path / "one.csv").write_text("\n".join(table.read_text(encoding="utf-8").splitlines()[:2]), encoding="utf-8")
    names = ["--values-from", r"T=([0-9.]+)_F=([0-9.]+)\.vtu", "--sensors", str(tmp_path / "one.csv")]
    assert run("generate", *paths, *two(*names, "--out", str(tmp_path / "o.vtu"))) == 2
    said = capsys.readouterr().err
    assert "they cannot tell its value" in said or "an end of the search" in said


def test_states_may_be_negative(files, tmp_path):
    out = tmp_path / "out.vtu"
    some = [files[0], files[1], files[4]]
    assert run("generate", *some, *two("--values", "-100:-2,100:7,400:6"), "--at", "-20:-3", "--out", str(out)) == 0
    assert read_provenance(out)["value"] == [-20.0, -3.0]
    single = ["--field", "stress", "--values", "-100,100", "--at", "-20"]
    assert run("generate", *some[:2], *single, "--out", str(out)) == 0
    assert read_provenance(out)["value"] == -20.0


def test_three_states_of_two_coordinates_are_a_plane(files, tmp_path, capsys):
    out = tmp_path / "out.vtu"
    some = [files[0], files[1], files[4]]
    assert run("generate", *some, *two("--values", "100:2,100:7,400:6"), "--at", "200:5", "--out", str(out)) == 0
    assert "3 states: a straight plane through them, no error estimate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--values", POINTS, "--at", "325"], "--at 325: give 2 values, for temperature, load"),
        (["--values", POINTS, "--at", "325:x"], "'325:x' is no number"),
        (["--values", POINTS, "--at", "nan:2"], "not a finite number"),
        (["--values", POINTS], "say at which state to generate"),
        (["--values", POINTS.replace("100:2", "100", 1), "--at", "325:3"], "1 values for the coordinates"),
        (["--values", POINTS.replace("100:7", "100:2", 1), "--at", "325:3"], "both have temperature = 100, load = 2"),
        (["--values", "1:2,3:4", "--at", "325:3"], "2 values of temperature, load for 12 snapshots"),
        (["--at", "325:3"], "holds no data called 'temperature'"),
        (["--values-from", "T=(.*)", "--at", "325:3"], "needs 2 groups"),
        (["--values", POINTS, "--monotone", "--at", "325:3"], "--monotone-in NAME"),
        (["--values", POINTS, "--monotone-in", "speed", "--at", "325:3"], "monotone 'speed': no such coordinate"),
        (["--values", POINTS, "--unit", "K", "--at", "325:3"], "1 units for 2 state coordinates"),
        (["--values", POINTS, "--at", "325:3", "--sensors", "x.csv"], "x.csv: no such file"),
        (["--coordinate", "a", "--coordinate", "b", "--values", POINTS, "--at", "1:2"], "one, two or three"),
        (["--values", POINTS, "--at", "325:3", "--device", "cpu"], "--device: leave it out"),
        (["--values", POINTS, "--at", "325:3", "--seed", "1"], "--seed: leave it out"),
        (["--values", POINTS, "--at", "325:3", "--mass", "xx"], "mass 'xx': give axes in some order"),
        (["--values", POINTS, "--at", "325:3", "--mass", "x"], "tried along one state coordinate"),
        (["--values", POINTS, "--at", "325:3", "--stiffness", "1"], "tried along one state coordinate"),
        (["--values", POINTS, "--at", "325:3", "--pseudo-time", "cube"], "cube"),
        (["--values", POINTS, "--at", "325:3", "--ablate", "law"], "--ablate law: leave it out"),
        (["--values", POINTS, "--at", "325:3", "--sensors", "x.csv", "--rivals"], "--rivals: leave it out"),
    ],
)
def test_malformed_requests_get_one_line(files, tmp_path, more, text, capsys):
    assert run("generate", *files, *two(*more), "--out", str(tmp_path / "out.vtu")) == 2
    said = capsys.readouterr().err.strip()
    assert text in said
    assert "\n" not in said


def test_states_on_one_line_are_refused(files, tmp_path, capsys):
    values = ",".join(f"{100 * k}:{k}" for k in range(1, 13))
    assert run("generate", *files, *two("--values", values), "--at", "325:3", "--out", str(tmp_path / "o.vtu")) == 2
    assert "all lie on a line" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("value = [1.0]", "1 values for the coordinates temperature, load"),
        ("value = 1.0", "states.0.value"),
        ("value = [1.0, 2.0]\nspeed = 3", "unknown key"),
    ],
)
def test_malformed_states_files_get_one_line(files, tmp_path, line, text):
    (tmp_path / "a.vtu").write_bytes(Path(files[0]).read_bytes())
    table = tmp_path / "states.toml"
    head = 'field = "stress"\ncoordinates = ["temperature", "load"]\n[[states]]\nfile = "a.vtu"\n'
    table.write_text(head + line, encoding="utf-8")
    with pytest.raises(InputError, match=text.replace("[", r"\[")):
        load_states_file(table).read()
