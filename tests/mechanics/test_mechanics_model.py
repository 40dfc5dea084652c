"""The reference model "mechanics": said in a file alone, solved as a process, and refused in one line."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmgai_fem.cli import main
from cmgai_fem.errors import InputError
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.mechanics.reference import load_model
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.file import read_study, studies_folder, validated
from cmgai_fem.study.model_file import model_of_file

GEO = """SetFactory("OpenCASCADE");
Rectangle(1) = {0, 0, 0, 2, 1};
Transfinite Curve {1, 3} = 5; Transfinite Curve {2, 4} = 3; Transfinite Surface {1}; Recombine Surface {1};
Physical Surface("plate") = {1};
Physical Curve("left") = {4};
Physical Curve("right") = {2};
Physical Curve("loaded") = {2};
Physical Point("corner") = {1};
"""
TOML = """kind = "mechanics"
[mesh]
file = "plate.geo"
[physics]
setting = "plane stress"
[material.plate]
young = 200e9
poisson = 0.25
[[fixed]]
on = "left"
x = 0.0
[[fixed]]
on = "corner"
y = 0.0
[[traction]]
on = "loaded"
x = "state"
[[probe]]
field = "displacement"
component = "y"
at = [2.0, 1.0]
target = -1.25e-6
tolerance = 1e-12
"""
STUDY = """name = "pull"
title = "Pull"
[coordinate]
name = "pull"
unit = "Pa"
[states]
known = [1e6, 2e6, 3e6]
interpolation = [1.5e6]
[fields.stress]
"""


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    (tmp_path / "plate.geo").write_text(GEO)
    (tmp_path / "plate.toml").write_text(TOML)
    return tmp_path / "plate.toml"


def ended(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


def test_solve_writes_the_state_and_tells_its_probes(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = plate.with_name("pulled.vtu")
    assert ended(["solve", str(plate), "--at", "1e6", "--ranks", "2", "--out", str(out)]) == 0
    assert "displacement y at (2, 1)" in capsys.readouterr().out
    (snapshot,) = read_snapshots(out)
    stress = np.asarray(snapshot.grid.point_data["stress"])
    np.testing.assert_allclose(stress, np.tile([1e6, 0, 0, 0, 0, 0], (len(stress), 1)), atol=1.0)


def test_a_probe_that_misses_its_target_ends_with_1(plate: Path) -> None:
    assert ended(["solve", str(plate), "--at", "2e6", "--ranks", "1"]) == 1


def test_a_study_says_the_model_at_its_top(plate: Path) -> None:
    plate.write_text(
        STUDY.replace('title = "Pull"', 'title = "Pull"\n' + TOML.splitlines()[0]) + TOML.partition("\n")[2]
    )
    study = validated(FieldStudy, plate, read_study(plate))
    assert set(study.reference) == {"physics", "material", "fixed", "traction", "probe"}
    model = load_model(study.kind, study.parameters(study.points[0]), study.folder)
    assert model == model_of_file(plate)[0]


def test_a_coordinate_may_set_a_key_of_a_material(plate: Path) -> None:
    head = STUDY.replace("[coordinate]", "[[coordinates]]").replace("1e6, 2e6, 3e6", "[1e6,1],[2e6,1],[1e6,2],[3e6,3]")
    head = head.replace("[1.5e6]", "[[1.5e6, 1.25]]").replace(
        "[states]", '[[coordinates]]\nname = "E"\nparameter = "material.plate.young"\nscale = 1e9\n[states]'
    )
    plate.write_text(TOML.splitlines()[0] + "\n" + head + TOML.partition("\n")[2])
    study = validated(FieldStudy, plate, read_study(plate))
    assert study.parameters((1e6, 2.0))["material"]["plate"] == {"young": 2e9, "poisson": 0.25}
    assert study.reference["material"]["plate"]["young"] == 200e9


BAD = {
    ("[[traction]]", "[[tractoin]]"): "reference 'mechanics': unknown key 'tractoin'",
    ('on = "loaded"', 'on = "loadd"'): r"\[\[traction\]\] on 'loadd': the mesh has no group 'loadd'; it has: corner",
    ("young = 200e9", "yuong = 200e9"): "unknown key 'material.plate.yuong'",
    ("young = 200e9\n", ""): "material.plate.young: missing; the analysis 'static' needs it",
    ("poisson = 0.25", "poisson = 0.5"): "material.plate.poisson = 0.5: Input should be less than 0.5",
    ("young = 200e9", 'young = "200e9*q"'): "material.plate.young = .*: '200e9.q': 'q' is unknown; there are: T, pi",
    ("young = 200e9", "young = true"): "material.plate.young = True: give a number, a table",
    ("young = 200e9", "young = [[1.0, 2.0]]"): "material.plate.young = .*: give a number, a table",
    ("young = 200e9", "young = {low = 0.0}"): "material.plate.young = .*: give a number, a table",
    ("[material.plate]", "[material.lid]"): "material.lid: no such group of cells; the mesh has: plate",
    ('x = "state"', 'x = "sin(z)"'): r"x of \[\[traction\]\] on 'loaded': 'sin\(z\)' uses 'z', which a 2-D mesh",
    ('x = "state"', 'x = "import os"'): "traction.0.x = 'import os': 'import os' is no formula",
    ('x = "state"', "x = [[0.0, 1.0], [0.0, 2.0]]"): "traction.0.x = .*: a table over time has two or more rows",
    ('x = "state"', "x = nan"): "traction.0.x = nan: give a finite number",
    ('x = "state"', "z = 1.0"): r"\[\[traction\]\] on 'loaded': a 2-D mesh has no z",
    ('on = "loaded"', 'on = "corner"'): r"\[\[traction\]\] on 'corner': is a group of points; it acts on faces",
    ('on = "loaded"', 'on = ""'): "traction.0.on = '': String should have at least 1 character",
    ('on = "corner"\ny = 0.0', 'on = "corner"\nx = 1.0\ny = 0.0'): "give one place different x-displacements",
    ('[[fixed]]\non = "corner"\ny = 0.0\n', ""): "nothing holds the body against displacement along y",
    ("plane stress", "plane stres"): "physics.setting = 'plane stres': Input should be 'solid'",
    ('"plane stress"', '"plane stress"\nanalysis = "modal"'): "physics.analysis = 'modal': Input should be 'static'",
    ('"plane stress"', '"plane stress"\ndegree = 9'): "physics.degree = 9: Input should be less than or equal to 4",
    ("plate.geo", "plat.geo"): "no mesh file 'plat.geo'",
    ('"plate.geo"', '"plate.geo"\nnumbers = {h = 1.0}'): "plate.geo has no parameter 'h'",
    ("at = [2.0, 1.0]", "at = [2.0, 1.0, 0.0]"): r"displacement y at \(2, 1, 0\): give 2 coordinates",
    ("at = [2.0, 1.0]", "at = [3.0, 1.0]"): r"displacement y at \(3, 1\): the point lies outside the mesh",
    ("at = [2.0, 1.0]", 'at = [2.0, 1.0]\non = "right"'): "probe.0 = .*: give a point `at` or a group `on`",
    ("at = [2.0, 1.0]", 'on = "rihgt"'): "probe largest displacement y on rihgt: the mesh has no group 'rihgt'",
    ('field = "displacement"\ncomponent = "y"\nat', 'field = "extent"\nat'): "an extent is that of a group",
    ("[physics]", "[[wall]]\npoint = [0.0, 0.0]\nnormal = [1.0, 0.0]\n[physics]"): (
        r"\[\[wall\]\]: is for the analysis 'explicit' alone"
    ),
    ("[physics]", "[[wall]]\npoint = [0.0, 0.0]\nnormal = [0.0, 0.0]\n[physics]"): "a wall has a normal of some length",
    ("[physics]", "[steps]\nhistory = [1.0]\n[physics]"): "steps = .*: history: times must increase, none after end",
    ('component = "y"', 'component = "z"'): "probe displacement z at .*: the analysis 'static' has no such value",
    ('kind = "mechanics"', 'kind = "mechanic"'): "no reference model 'mechanic'; there are: .*mechanics",
    ('kind = "mechanics"', ""): 'kind: missing; say kind = "mechanics"',
    ("[physics]", '[output]\nfields = ["temperatur"]\n[physics]'): "output.fields.0 = 'temperatur': Input should be",
    ("[physics]", "[steps]\ncount = 0\n[physics]"): "steps.count = 0: Input should be greater than or equal to 1",
}  # fmt: skip


@pytest.mark.parametrize("change", BAD, ids=lambda change: change[1][:30].replace("\n", " "))
def test_bad_input_is_one_line_and_ends_with_2(
    plate: Path, change: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    from mpi4py import MPI

    assert change[0] in TOML
    plate.write_text(TOML.replace(*change, 1))
    with pytest.raises(InputError, match=BAD[change]) as caught:
        model_of_file(plate)[0].solve(MPI.COMM_SELF, [1e6], print)
    assert "\n" not in str(caught.value)


def test_bad_input_comes_through_the_command(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plate.write_text(TOML.replace("loaded", "loadd"))
    assert ended(["solve", str(plate), "--at", "1e6", "--ranks", "2"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "cmgai-fem: [[traction]] on 'loadd': the mesh has no group 'loadd'; it has: corner, left, loaded, plate, right"
    ]


def test_groups_that_cannot_be_used_are_refused(plate: Path) -> None:
    from mpi4py import MPI

    for before, after, message in (
        ('Physical Surface("plate") = {1};', "", "plate.geo: no physical group of cells"),
        (
            'Physical Surface("plate") = {1};',
            'Physical Surface("plate") = {1}; Physical Surface("b") = {1};',
            "too: keep",
        ),
        ('Physical Curve("right")', 'Physical Curve("plate")', "two physical groups are called 'plate'"),
        (
            "Rectangle(1) = {0, 0, 0, 2, 1};",
            "Rectangle(1) = {0, 0, 0, 2, 1}; Rectangle(2) = {3, 0, 0, 1, 1};",
            "some cells",
        ),
    ):
        plate.with_name("plate.geo").write_text(GEO.replace(before, after))
        with pytest.raises(InputError, match=message):
            model_of_file(plate)[0].solve(MPI.COMM_SELF, [1e6], print)


def test_a_user_s_own_model_lies_beside_the_study(plate: Path) -> None:
    plate.with_name("own.py").write_text(
        "from cmgai_fem.mechanics.mechanics_model import Mechanics\n\n\nclass Own(Mechanics):\n"
        "    def solve(self, comm, values, report):\n"
        "        return super().solve(comm, [2.0 * value for value in values], report)\n"
    )
    plate.write_text(TOML.replace('"mechanics"', '"own.py:Own"').replace("1.25e-6", "2.5e-6"))
    assert ended(["solve", str(plate), "--at", "1e6", "--ranks", "2"]) == 0
    for kind, message in {
        "own.py:Other": "own.py has no subclass 'Other' of ReferenceModel",
        "oen.py:Own": "oen.py is no file",
    }.items():
        with pytest.raises(InputError, match=message):
            load_model(kind, {}, plate.parent)


def test_the_page_s_python_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[2] / "docs" / "mechanics.md"
    (code,) = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(studies_folder() / "codes" / "cases")
    names: dict[str, Any] = {}
    exec(compile(code, "mechanics.md", "exec"), names)
    stress = names["states"].field("stress").values
    np.testing.assert_allclose(stress[2], 3.0 * stress[0], rtol=1e-8, atol=1e-3)
