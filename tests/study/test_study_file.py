import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.study.field_file import load_study
from cmgai_fem.study.file import find_study, studies_folder

GOOD = """
name = "small"
title = "A small study"
kind = "thermal-stress"

[coordinate]
name = "temperature"
unit = "degC"

[states]
known = [100, 250.0, 400.0]
interpolation = [175.0]
extrapolation = [450.0]

[fields.stress]
derived = ["von_mises"]
"""


def write(folder, text):
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_study_is_read_and_its_states_are_split(tmp_path):
    study = load_study(write(tmp_path, GOOD))
    assert study.states.held_out == [175.0, 450.0]
    assert [study.states.split(value) for value in (100.0, 175.0, 450.0)] == ["known", "interpolation", "extrapolation"]


def test_overrides_are_toml_values_or_bare_words(tmp_path):
    path = write(tmp_path, GOOD)
    study = load_study(path, ["mesh.size=0.004", "mesh.file=beam.geo", "states.extrapolation=[]", "pinn.seed=7"])
    assert study.parameters["mesh"] == {"size": 0.004, "file": "beam.geo"}
    assert study.states.extrapolation == []
    assert study.pinn.seed == 7
    assert study.hash != load_study(path).hash


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace('title = "A small study"', 'titel = "A small study"'), "title: Field required"),
        (lambda t: t + "colour = 3\n", r"fields.stress.colour: unknown key"),
        (lambda t: t.replace("[100, 250.0", '["100", 250.0'), r"states.known.0: Input should be a valid number"),
        (lambda t: t.replace("[175.0]", "[250.0]"), "state 250 is held out and known more than once"),
        (lambda t: t.replace("[175.0]", "[475.0]"), "interpolation state 475 lies outside the known states 100 to 400"),
        (lambda t: t.replace("[450.0]", "[300.0]"), "extrapolation state 300 lies between the known states"),
        (lambda t: t.replace("[100, 250.0, 400.0]", "[100.0, 400.0]"), "2 known states: give at least 3"),
        (lambda t: t.replace("[175.0]", "[]").replace("[450.0]", "[]"), "no state is held out"),
        (lambda t: t.replace('"small"', '"../small"'), "name: String should match pattern"),
        (lambda t: t.replace('["von_mises"]', '["tresca"]'), r"fields.stress.derived.0: Input should be 'von_mises'"),
        (lambda t: t.replace("[coordinate]", "[coordinate"), "not a TOML file"),
    ],
)
def test_a_bad_study_file_is_one_clear_line(tmp_path, change, message):
    path = write(tmp_path, change(GOOD))
    with pytest.raises(InputError, match=message) as caught:
        load_study(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("text", ["mesh.size", "=3", "mesh..size=3", "name.size=3"])
def test_a_bad_override_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="--set"):
        load_study(write(tmp_path, GOOD), [text])


def test_studies_are_found_by_name_path_and_folder(tmp_path):
    assert find_study("thermal-stress") == studies_folder() / "thermal-stress" / "study.toml"
    path = write(tmp_path, GOOD)
    assert find_study(str(path)) == path
    assert find_study(str(tmp_path)) == path
    with pytest.raises(InputError, match=r"no study 'nothing'; there are: .*thermal-stress"):
        find_study("nothing")
    with pytest.raises(InputError, match="no such study file"):
        find_study(str(tmp_path / "other.toml"))


def test_every_shipped_study_is_valid():
    for path in studies_folder().glob("*/study.toml"):
        if "\n[coordinate]" in path.read_text(encoding="utf-8"):
            assert load_study(path).name == path.parent.name
