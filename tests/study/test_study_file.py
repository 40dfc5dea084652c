"""The study file of a field study, of one coordinate and of several."""

import tomllib

import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.reference import load_model
from cmgai_fem.rivals import rivals_for
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.file import find_study, read_study, studies_folder, validated
from cmgai_fem.study.tolerances import check_tolerances

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
SEVERAL = """
name = "small"
title = "A small study"
kind = "thermal-stress"

[[coordinates]]
name = "temperature"
unit = "degC"

[[coordinates]]
name = "load"
unit = "kN"
parameter = "tip_force"
scale = 1000.0

[states]
known = [
    [100.0, 2.0], [700.0, 2.0], [100.0, 8.0], [700.0, 8.0], [300.0, 4.0],
    [500.0, 3.0], [400.0, 7.0], [550.0, 5.5], [200.0, 6.0], [650.0, 4.5],
]
interpolation = [[450.0, 5.0]]
extrapolation = [[750.0, 5.0]]

[fields.stress]
derived = ["von_mises"]

[[tolerances]]
name = "mean"
mean = true
rival_factor = 1.0
"""


def write(folder, text):
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def load(path, overrides=(), quick=False) -> FieldStudy:
    return validated(FieldStudy, path, read_study(path, overrides, quick))


def test_a_study_is_read_and_its_states_are_split(tmp_path):
    study = load(write(tmp_path, GOOD))
    assert study.held_out == [(175.0,), (450.0,)]
    assert study.points == [(100.0,), (175.0,), (250.0,), (400.0,), (450.0,)]
    assert [study.split([value]) for value in (100.0, 175.0, 450.0)] == ["known", "interpolation", "extrapolation"]
    assert study.axes.label([325.0]) == "temperature = 325 degC"


def test_a_study_of_several_coordinates_is_read_and_its_states_are_split(tmp_path):
    study = load(write(tmp_path, SEVERAL))
    assert study.held_out == [(450.0, 5.0), (750.0, 5.0)]
    assert study.points[:2] == [(100.0, 2.0), (700.0, 2.0)]
    assert [study.split(state) for state in study.points[-3:]] == ["known", "interpolation", "extrapolation"]
    assert study.axes.label((325.0, 3.0)) == "temperature = 325 degC, load = 3 kN"
    assert study.parameters((325.0, 3.0)) == {"tip_force": 3000.0}
    assert study.rising("stress") == (False, False)
    rising = load(write(tmp_path, SEVERAL.replace('derived = ["von_mises"]', 'monotone = ["load"]')))
    assert rising.rising("stress") == (False, True)


def test_overrides_are_toml_values_or_bare_words(tmp_path):
    path = write(tmp_path, GOOD)
    study = load(path, ["mesh.size=0.004", "mesh.file=beam.geo", "states.extrapolation=[]", "pinn.seed=7"])
    assert study.parameters([100.0])["mesh"] == {"size": 0.004, "file": "beam.geo"}
    assert study.states.extrapolation == []
    assert study.pinn.seed == 7
    assert study.hash != load(path).hash


ONE = [
    ('title = "A small study"', 'titel = "A small study"', "title: Field required"),
    ('derived = ["von_mises"]\n', 'derived = ["von_mises"]\ncolour = 3\n', r"fields.stress.colour: unknown key"),
    ("[100, 250.0", '["100", 250.0', r"states.known.0: Input should be a valid number"),
    ("[175.0]", "[250.0]", "state 250 is held out and known more than once"),
    ("[175.0]", "[475.0]", "interpolation state 475 lies outside the known states 100 to 400"),
    ("[450.0]", "[300.0]", "extrapolation state 300 lies inside the known states 100 to 400"),
    ("[100, 250.0, 400.0]", "[100.0, 400.0]", "2 known states: give at least 3"),
    ("[175.0]\nextrapolation = [450.0]", "[]", "no state is held out"),
    ('"small"', '"../small"', "name: String should match pattern"),
    ('["von_mises"]', '["tresca"]', r"fields.stress.derived.0: Input should be 'von_mises'"),
    ("[coordinate]", "[coordinate", "not a TOML file"),
    ("[coordinate]", "[[coordinates]]\nname = 'load'\n[coordinate]", "give one .coordinate., or"),
    ('kind = "thermal-stress"', 'kind = "thermal-stress"\ndeformed = true', "drawn displaced by its generated"),
]
MORE = [
    ("[[450.0, 5.0]]", "[[750.0, 5.5]]", "interpolation state 750:5.5 lies outside"),
    ("[[750.0, 5.0]]", "[[500.0, 5.0]]", "extrapolation state 500:5 lies inside"),
    ("[[450.0, 5.0]]", "[[300.0, 4.0]]", "held out and known more than once"),
    ("[[450.0, 5.0]]", "[[450.0]]", "state 450: give 2 values"),
    ('parameter = "tip_force"\n', "", "each further one sets a parameter"),
    ('derived = ["von_mises"]', 'monotone = ["speed"]', "no coordinate 'speed'"),
    ('derived = ["von_mises"]', "monotone = true", "fields.stress.monotone: name the coordinates"),
    ('derived = ["von_mises"]', 'mass_axes = ["yx"]', "fields.stress.mass_axes: there is none with 2"),
    (
        "[fields.stress]",
        "[calibration]\ndampings = [1.0]\n[fields.stress]",
        "calibration.dampings: there is none with 2",
    ),
    ("[fields.stress]", "[pinn]\npoints = 20\n[fields.stress]", "pinn.points: there is none with 2"),
    ("mean = true", "mean = 3", "tolerances.0.mean"),
    ('unit = "kN"', 'units = "kN"', "coordinates.1.units: unknown key"),
]


@pytest.mark.parametrize(
    ("text", "old", "new", "message"), [(GOOD, *item) for item in ONE] + [(SEVERAL, *item) for item in MORE]
)
def test_a_bad_study_file_is_one_clear_line(tmp_path, text, old, new, message):
    assert old in text
    path = write(tmp_path, text.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_known_states_on_one_line_are_refused(tmp_path):
    known = ", ".join(f"[{100.0 * k}, {k}.0]" for k in range(1, 8))
    start, end = SEVERAL.index("known = ["), SEVERAL.index("interpolation")
    with pytest.raises(InputError, match="all lie on a line"):
        load(write(tmp_path, SEVERAL[:start] + f"known = [{known}]\n" + SEVERAL[end:]))


@pytest.mark.parametrize(
    ("tolerance", "message"),
    [
        ("rivals = ['linear']", "'t' has no bound: give nrmse or rival_factor"),
        ("nrmse = 1.0\nmethods = ['pin']", "methods: no 'pin'; there are: fem, pinn, independent, linear"),
        ("nrmse = 1.0\nfields = ['strain']", "fields: no 'strain'; there are: von_mises, stress"),
        ("nrmse = 1.0\nfields = ['stress_xx']", "fields: no 'stress_xx'"),
        ("rival_factor = 1.0\nrivals = ['kriging']", "rivals: no 'kriging'"),
        ("nrmse = 1.0\nstates = [180.0]", "states: 180 is none of its splits"),
        ("nrmse = 1.0\nstates = [450.0]", "states: 450 is none of its splits .interpolation."),
        ("nrmse = 1.0\nsplits = []", "splits: no state is in none"),
        ("nrmse = 1.0\nmethods = ['fem']\nagainst = 'fem'", "networks alone are held against fem"),
    ],
)
def test_a_tolerance_that_fits_no_figure_is_refused(tmp_path, tolerance, message):
    study = load(write(tmp_path, f"{GOOD}\n[[tolerances]]\nname = 't'\n{tolerance}\n"))
    with pytest.raises(InputError, match=message) as caught:
        check_tolerances(study, rivals_for(study.known_values))
    assert "\n" not in str(caught.value)


def test_tolerances_may_bound_derived_scalars_and_components(tmp_path):
    text = GOOD.replace("derived =", "components = true\nderived =")
    bound = "[[tolerances]]\nname = 't'\nnrmse = 1.0\nfields = ['von_mises', 'stress', 'stress_xy']\nstates = [175]\n"
    check_tolerances(load(write(tmp_path, f"{text}\n{bound}")), ["linear"])
    with pytest.raises(InputError, match="no 'stress_yx'"):
        check_tolerances(load(write(tmp_path, f"{text}\n{bound.replace('xy', 'yx')}")), ["linear"])


@pytest.mark.parametrize("text", ["mesh.size", "=3", "mesh..size=3", "name.size=3"])
def test_a_bad_override_is_refused(tmp_path, text):
    with pytest.raises(InputError, match="--set"):
        load(write(tmp_path, GOOD), [text])


def test_studies_are_found_by_name_path_and_folder(tmp_path):
    assert find_study("thermal-stress") == studies_folder() / "thermal-stress" / "study.toml"
    path = write(tmp_path, GOOD)
    assert find_study(str(path)) == path
    assert find_study(str(tmp_path)) == path
    with pytest.raises(InputError, match=r"no study 'nothing'; there are: .*thermal-stress"):
        find_study("nothing")
    with pytest.raises(InputError, match="no such study file"):
        find_study(str(tmp_path / "other.toml"))


SHIPPED = [
    "dynamic-plasticity",
    "dynamic-plasticity-time",
    "moving-contact",
    "moving-source",
    "thermal-stress",
    "thermal-stress-plastic",
    "two-coordinates",
]


def test_the_shipped_field_studies_are_these():
    paths = studies_folder().glob("*/study.toml")
    found = [path.parent.name for path in paths if "\n[[coordinate" in (text := path.read_text()) or "\n[coord" in text]
    assert sorted(found) == SHIPPED


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_field_study_is_valid(name, quick):
    study = load(find_study(name), quick=quick)
    assert study.name == name
    check_tolerances(study, rivals_for(study.known_values))
    for point in study.points:
        load_model(study.kind, study.parameters(point))
    assert (study.hash == load(find_study(name)).hash) != quick


def test_parameters_of_the_shipped_study_of_two_coordinates():
    study = load(find_study("two-coordinates"), ["reference.heating_step=25.0"])
    assert study.parameters([100.0, 2.5]) == {
        "heating_step": 25.0, "mesh": {"file": "cantilever.geo", "size": 0.012}, "tip_force": 2500.0,
    }  # fmt: skip


@pytest.mark.parametrize("file", sorted(studies_folder().glob("*/study.toml")), ids=lambda file: file.parent.name)
def test_shipped_studies_say_how_long_they_take(file):
    assert tomllib.loads(file.read_text(encoding="utf-8"))["minutes"] > 0.0
