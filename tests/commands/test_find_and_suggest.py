"""`find` and `suggest` from files: the level, its place, the curve's table, and what is refused in one line."""

import csv

import numpy as np
import pytest
from bodies import block
from test_command_line import run

from cmgai_fem.files.writers import write_grid

VALUES = (100.0, 250.0, 400.0, 550.0, 700.0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in VALUES:
        one = block(2)
        s = value / 100.0
        one.point_data["heat"] = s * (1.0 + one.points[:, 0] * s)
        one.cell_data["material"] = np.where(one.cell_centers().points[:, 0] < 1.0, 1, 2)
        write_grid(tmp_path / f"run_T={value:g}.vtu", one, {}, value)
    return tmp_path


def command(name, *options, folder=None):
    files = [str(path) for path in sorted(folder.glob("run_*.vtu"))]
    read = ["--field", "heat", "--coordinate", "temperature", "--unit", "K", "--values-from", r"T=(\d+)"]
    return run(name, *files, *read, *options)


def test_a_level_its_place_and_the_curve(folder, capsys):
    level = 3.1 * (1.0 + 2.0 * 3.1)
    assert command("find", "--measure", "max", "--equals", f"{level}", "--curve", "curve.csv", folder=folder) == 0
    said = capsys.readouterr().out
    assert "max = 22.32 at temperature = 310 K (95 %: " in said
    assert said.strip().endswith(("at 2, 0, 0", "at 2, 1, 0", "at 2, 0, 0.5", "at 2, 1, 0.5"))
    with (folder / "curve.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["temperature", "max", "low", "high"]
    for row in rows:
        value, low, high = (float(row[key]) for key in ("max", "low", "high"))
        s = float(row["temperature"]) / 100.0
        assert value == pytest.approx(s * (1.0 + 2.0 * s), rel=1e-5)
        assert low <= value <= high
    assert command("find", "--measure", "mean", "--curve", "curve.csv", folder=folder) == 0


def test_a_part_of_the_body_and_a_range_beyond_the_known_states(folder, capsys):
    options = ["--measure", "max@material=1", "--equals", "72", "--to", "850"]
    assert command("find", *options, folder=folder) == 0
    # The nodes at x = 1 belong to both: s (1 + s) = 72.
    assert "at temperature = 800 K" in capsys.readouterr().out


def test_a_cheap_model_along_the_coordinate_finds_a_level_that_the_known_states_do_not_show(folder, capsys):
    def heat(points, value):
        return np.tanh((value - 300.0) / 60.0) + 1e-3 * value * points[:, 0]

    for name, values, gain in (("run", VALUES, 1.0), ("coarse", np.arange(100.0, 701.0, 25.0), 0.8)):
        for value in values:
            one = block(2)
            one.point_data["heat"] = gain * heat(one.points, value)
            write_grid(folder / f"{name}_T={value:g}.vtu", one, {}, value)
    level = f"{heat(block(2).points, 340.0).max()}"
    options = ["find", "--measure", "max", "--equals", level]
    found = []
    for more in ([], ["--cheap", "coarse_*.vtu"]):
        assert command(*options, *more, folder=folder) == 0
        found.append(float(capsys.readouterr().out.rsplit("at temperature = ", 1)[1].split(" K")[0]))
    assert abs(found[0] - 340.0) > 3.0
    assert abs(found[1] - 340.0) < 0.2
    assert command("suggest", "--cheap", "coarse_*.vtu", folder=folder) == 0
    assert "solve next" in capsys.readouterr().out
    (folder / "coarse_T=425.vtu").unlink()
    (folder / "coarse_T=475.vtu").unlink()
    (folder / "coarse_T=525.vtu").unlink()
    assert command(*options, "--cheap", "coarse_*.vtu", folder=folder) == 2
    assert "at 3 at least between each two of them; it is at 100, 125" in capsys.readouterr().err


def test_a_level_under_a_limit_from_the_files_with_a_cheap_model_of_what_hardens(folder, capsys):
    def fields(points, value):
        hard = np.tanh((value - 300.0) / 60.0) + 1.5
        return np.minimum(0.6 * value * (1.0 + points[:, 0]), 150.0 + 40.0 * hard), hard * np.ones(len(points))

    for name, values, gain in (("run", VALUES, 1.0), ("coarse", np.arange(100.0, 701.0, 25.0), 0.8)):
        for value in values:
            one = block(2)
            heat, hard = fields(one.points, value)
            one.point_data["heat"], one.point_data["hard"] = heat, gain * hard
            write_grid(folder / f"{name}_T={value:g}.vtu", one, {}, value)
    level = f"{fields(block(2).points, 340.0)[0].max()}"
    options = ["find", "--measure", "max", "--equals", level, "--limit", "150 + 40*hard", "--cheap", "coarse_*.vtu"]
    assert command(*options, "--lower", "0", "--monotone", folder=folder) == 0
    said = capsys.readouterr().out
    assert abs(float(said.rsplit("at temperature = ", 1)[1].split(" K")[0]) - 340.0) < 0.3
    assert "hard, between the known states" in said
    assert command(*options[:5], "--limit", "150 + 40*soft", folder=folder) == 2
    assert "'soft' is unknown; there are: temperature, heat, hard" in capsys.readouterr().err


def test_the_next_states_to_solve_lie_in_different_gaps(folder, capsys):
    assert command("suggest", "--count", "2", "--to", "800", folder=folder) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("solve next")]
    assert len(lines) == 2
    assert "temperature = 800 K (estimated error" in lines[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("find", "--measure", "max"), "say what to find: --equals LEVEL, --curve FILE.csv or both"),
        (("find", "--measure", "max", "--equals", "hot"), "--equals 'hot': no finite number"),
        (("find", "--measure", "max", "--equals", "1e9"), "it is nowhere 1e+09"),
        (("find", "--measure", "max:xx", "--equals", "9"), "no component 'xx'"),
        (("find", "--measure", "max@part=3", "--equals", "9"), "part 'part': the files have no such field"),
        (("find", "--measure", "max@material=3", "--equals", "9"), "no label has material = 3"),
        (("find", "--measure", "max", "--curve", "curve.txt"), "a table ends in .csv"),
        (("find", "--measure", "max", "--equals", "9", "--from", "400", "--to", "200"), "no range"),
        (("suggest", "--from", "700"), "no range"),
        (("suggest", "--from", "699", "--to", "701"), "next to a known one"),
    ],
)
def test_what_cannot_be_asked_is_one_line(options, message, folder, capsys):
    assert command(*options, folder=folder) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.strip().count("\n") == 0


def test_a_table_of_another_program_is_not_replaced(folder, capsys):
    (folder / "curve.csv").write_text("mine", encoding="utf-8")
    assert command("find", "--measure", "max", "--curve", "curve.csv", folder=folder) == 2
    assert "did not write" in capsys.readouterr().err
