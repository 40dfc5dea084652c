from pathlib import Path

import pytest

from cmgai_fem.errors import CmgaiError, InputError
from cmgai_fem.mechanics import reference
from cmgai_fem.mechanics.reference import load_model, solve_reference
from cmgai_fem.states.states import Coordinate


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"colour": 1}, r"^reference 'thermal-stress': unknown key 'colour'$"),
        ({"mesh": {"file": "cantilever.geo", "sise": 1.0}}, r"unknown key 'mesh.sise'"),
        ({"tip_force": "strong"}, r"tip_force = 'strong': Input should be a valid number"),
        ({"mesh": {"file": "cantilever.geo", "size": -1.0}}, r"mesh.size = -1.0: Input should be greater than 0"),
    ],
)
def test_bad_parameters_are_one_line(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_model("thermal-stress", parameters)
    assert "\n" not in str(caught.value)


def test_unknown_kind_lists_those_there_are() -> None:
    with pytest.raises(InputError, match="no reference model 'fluid'; there are: thermal-stress, "):
        load_model("fluid", {})


def test_a_process_that_dies_is_an_error_that_names_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "find_mpiexec", lambda: "/bin/false")
    with pytest.raises(CmgaiError, match=r"ended with exit code 1; what it said is in .*solve.log"):
        solve_reference(load_model("thermal-stress", {}), Coordinate("T"), [100.0], 1, tmp_path, print)


def test_no_ranks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="0 ranks"):
        solve_reference(load_model("thermal-stress", {}), Coordinate("T"), [100.0], 0, tmp_path, print)


def test_a_mesh_file_that_gmsh_refuses_comes_back_as_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.geo"
    broken.write_text("Point(1) = {0, 0};\n")
    model = load_model("thermal-stress", {"mesh": {"file": str(broken)}})
    with pytest.raises(InputError, match=r"gmsh could not mesh broken.geo: .*broken.geo', line 1"):
        solve_reference(model, Coordinate("T"), [100.0], 1, tmp_path / "run", print)
