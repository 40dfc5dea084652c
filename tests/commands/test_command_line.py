import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cmgai_fem.cli import main
from cmgai_fem.study.file import studies_folder

SMALL = """
name = "small"
title = "A coarse cantilever"
kind = "thermal-stress"

[coordinate]
name = "temperature"
unit = "degC"

[states]
known = [100.0, 250.0, 400.0]
interpolation = [175.0]

[mesh]
file = "cantilever.geo"
size = 0.016

[fields.stress]
derived = ["von_mises"]

[calibration]
dampings = []
pseudo_times = []

[[tolerances]]
name = "{name}"
nrmse = {limit}
"""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def test_options_that_a_states_file_says_itself_are_refused(tmp_path, capsys):
    path = tmp_path / "states.toml"
    path.write_text("", encoding="utf-8")
    assert run("generate", str(path), "--field", "stress", "--at", "1", "--out", str(tmp_path / "o.vtu")) == 2
    assert "--field: leave it out" in capsys.readouterr().err


def write_study(folder: Path, limit: float) -> Path:
    path = folder / "study.toml"
    path.write_text(SMALL.format(name="interpolation", limit=limit), encoding="utf-8")
    return path


@pytest.mark.medium
def test_a_whole_study_from_mesh_to_report(tmp_path, capfd):
    out = tmp_path / "results of a study"
    assert run("verify", str(write_study(tmp_path, 0.05)), "--out", str(out), "--ranks", "2") == 0
    said = capfd.readouterr().out
    assert "holds" in said
    with (out / "metrics.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["method"] for row in rows} >= {"fem", "pinn", "linear", "polynomial", "pod_gpr"}
    assert {row["split"] for row in rows} == {"known", "interpolation"}
    cross = [float(row["nrmse"]) for row in rows if (row["method"], row["against"]) == ("pinn", "fem")]
    assert cross
    assert max(cross) < 5e-4
    info = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert info["provenance"]["seed"] == 0
    assert {entry["figure"] for entry in info["admissibility"]} >= {"equilibrium_residual"}
    assert (out / "report.html").stat().st_size > 10_000
    assert list((out / "paraview").glob("*.vtu"))

    # The same study with a bound that nothing can keep: exit code 1 and the rows that fail.
    strict = write_study(tmp_path, 1e-12)
    assert run("verify", str(strict), "--out", str(tmp_path / "strict"), "--ranks", "1") == 1
    assert "FAILS" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "nothing"], "no study 'nothing'"),
        (["verify", "thermal-stress", "--set", "mesh.size=big"], "size"),
        (["verify", "thermal-stress", "--set", "states.known=[1.0]"], "1 known states: give at least 3"),
        (["verify", "thermal-stress", "--ranks", "0"], "ranks"),
        (["verify", "thermal-stress", "--ranks", "many"], "ranks"),
        (["verify", "thermal-stress", "--bogus", "1"], "--bogus"),
        (["verify", "thermal-stress", "--ablate", "everything"], "ablate"),
        (["verify", "codes", "--ablate", "law"], "--ablate: means nothing to the study 'codes'"),
        (["verify", "two-coordinates", "--ablate", "law"], "has several"),
        (["verify"], "study"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert message.lower() in error.lower()
    assert error.strip().count("\n") == 0
    assert "Traceback" not in error


def test_a_state_outside_the_material_card_is_refused(tmp_path, capsys):
    out = str(tmp_path / "out")
    assert run("verify", "thermal-stress", "--set", "states.extrapolation=[900.0]", "--out", out) == 2
    assert "900" in capsys.readouterr().err


def test_python_starts_the_command_line_by_the_name_of_the_package():
    done = subprocess.run([sys.executable, "-m", "cmgai_fem", "generate"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("cmgai-fem: ")


def test_help_imports_nothing_heavy():
    code = "import sys, cmgai_fem.cli; print(*[m for m in ('torch', 'dolfinx', 'pyvista', 'gmsh') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == ""


def test_help_of_verify_lists_the_shipped_studies(capsys):
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    listed = " ".join(capsys.readouterr().out.split()).partition("The shipped studies: ")[2].partition(".")[0]
    assert listed.split(", ") == sorted(path.parent.name for path in studies_folder().glob("*/study.toml"))
