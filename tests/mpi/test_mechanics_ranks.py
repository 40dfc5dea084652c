"""Bodies of a user's own: the same states and probes on 1, 2 and 4 ranks, some of which have no cell."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmgai_fem.mechanics.reference import ReferenceModel, solve_reference
from cmgai_fem.states.states import Coordinate, States
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.model_file import model_of_file

CASES = {
    "cook": (1.0, ["mesh.numbers.cells=6"]),
    "cylinder": (100.0, ["mesh.numbers.radial=6"]),
    "slab": (2.0, ["mesh.numbers.cells=6", "steps.tolerance=1e-3"]),
    "r0049": (4.0, ["steps.tolerance=1e-3"]),
}

Solved = tuple[States, dict[str, Any]]
SLOW = ("cook", "cylinder", "r0049")


@pytest.mark.medium
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=pytest.mark.slow) if case in SLOW else case for case in CASES]
)
def test_ranks_change_nothing(case: str, tmp_path: Path) -> None:
    state, overrides = CASES[case]
    model, _ = model_of_file(studies_folder() / "codes" / "cases" / f"{case}.toml", overrides)
    (one, alone), *others = (
        solve_reference(model, Coordinate("state"), [state], ranks, tmp_path / str(ranks), lambda line: None)
        for ranks in (1, 2, 4)
    )
    for other in others:
        assert_same(other, (one, alone))


# Two metals, a wall, a given motion and a load, so that each crosses the ranks.
MOVING = """kind = "mechanics"
[mesh]
file = "block.geo"
[physics]
setting = "SETTING"
analysis = "explicit"
[steps]
end = 2e-5
initial_temperature = 20.0
history = [1e-5, 2e-5]
[material.lower]
young = 120e9
poisson = 0.34
density = 8900.0
specific_heat = 383.0
taylor_quinney = 0.9
hardening = {law = "linear", yield_stress = 1e8, modulus = 1e8}
[material.upper]
young = 200e9
poisson = 0.3
density = 7800.0
hardening = {law = "voce", yield_stress = 2e8, saturation_stress = 3e8, rate = 10.0}
[[initial_velocity]]
VERTICAL = "-s"
[[wall]]
point = ZEROS
normal = NORMAL
[[fixed]]
on = "side"
x = "2*t"
[[pressure]]
on = "top"
value = [[0.0, 0.0], [1.0, 1e13]]
[[probe]]
field = "extent"
component = "x"
on = "foot"
[[probe]]
field = "equivalent_plastic_strain"
on = "lower"
"""
SQUARES = """Rectangle(1) = {0, 0, 0, 0.01, 0.01}; Rectangle(2) = {0, 0.01, 0, 0.01, 0.01}; Coherence;
Transfinite Curve {:} = 7; Transfinite Surface {:};
Physical Surface("lower") = {1}; Physical Surface("upper") = {2};
Physical Curve("foot") = Curve In BoundingBox {-e, -e, -e, 1, e, e};
Physical Curve("top") = Curve In BoundingBox {-e, 0.02 - e, -e, 1, 1, e};
Physical Curve("side") = Curve In BoundingBox {0.01 - e, -e, -e, 1, 1, e};
"""
CUBES = """Box(1) = {0, 0, 0, 0.01, 0.01, 0.01}; Box(2) = {0, 0, 0.01, 0.01, 0.01, 0.01}; Coherence;
Transfinite Curve {:} = 4; Transfinite Surface {:}; Transfinite Volume {:};
Physical Volume("lower") = {1}; Physical Volume("upper") = {2};
Physical Surface("foot") = Surface In BoundingBox {-e, -e, -e, 1, 1, e};
Physical Surface("top") = Surface In BoundingBox {-e, -e, 0.02 - e, 1, 1, 1};
Physical Surface("side") = Surface In BoundingBox {0.01 - e, -e, -e, 1, 1, 1};
"""


def in_motion(folder: Path, setting: str, extra: str = "") -> ReferenceModel:
    flat = setting != "solid"
    words = {"SETTING": setting, "VERTICAL": "y" if flat else "z", "ZEROS": "[0.0, 0.0]", "NORMAL": "[0.0, 1.0]"}
    if not flat:
        words |= {"ZEROS": "[0.0, 0.0, 0.0]", "NORMAL": "[0.0, 0.0, 1.0]"}
    text = MOVING
    for word, value in words.items():
        text = text.replace(word, value)
    (folder / "block.geo").write_text('SetFactory("OpenCASCADE"); e = 1e-6;\n' + (SQUARES if flat else CUBES) + extra)
    (folder / "block.toml").write_text(text)
    return model_of_file(folder / "block.toml")[0]


def assert_same(found: Solved, expected: Solved) -> None:
    (states, facts), (one, alone) = found, expected
    np.testing.assert_array_equal(states.labels.points, one.labels.points)
    for name, field in one.fields.items():
        scale = np.abs(field.values).max()
        np.testing.assert_allclose(states.field(name).values, field.values, rtol=0.0, atol=1e-8 * scale, err_msg=name)
    for here, there in zip(facts["probes"], alone["probes"], strict=True):
        assert here["state"] == there["state"] and here["value"] == pytest.approx(there["value"], rel=1e-8)


@pytest.mark.parametrize(
    ("setting", "extra", "ranks"),
    [
        ("plane strain", "", 2),
        pytest.param("axisymmetric", "Recombine Surface {:};", 2, marks=pytest.mark.slow),
        # Two cells: some ranks have none.
        pytest.param("axisymmetric", "Transfinite Curve {:} = 2; Recombine Surface {:};", 4, marks=pytest.mark.slow),
        pytest.param("solid", "", 2, marks=pytest.mark.slow),
        ("solid", "Recombine Surface {:};", 2),
    ],
)
def test_a_body_in_motion_is_the_same_on_more_ranks(setting: str, extra: str, ranks: int, tmp_path: Path) -> None:
    model = in_motion(tmp_path, setting, extra)
    one, two = (
        solve_reference(model, Coordinate("speed"), [100.0], number, tmp_path / str(number), lambda line: None)
        for number in (1, ranks)
    )
    assert one[0].field("equivalent_plastic_strain").values.max() > 0.01
    assert one[0].field("equivalent_plastic_strain_history").values.shape[2] == 2
    assert_same(two, one)


def test_ranks_share_the_states_of_a_small_mesh(tmp_path: Path) -> None:
    model, said = in_motion(tmp_path, "plane strain", "Recombine Surface {:};"), []
    one, two = (
        solve_reference(model, Coordinate("speed"), [80.0, 100.0, 120.0], ranks, tmp_path / str(ranks), said.append)
        for ranks in (1, 2)
    )
    assert_same(two, one)
    # Of three states the first rank had two of its own, on two ranks.
    assert [line.partition(":")[0] for line in said] == [f"reference {n}" for n in ("1/3", "2/3", "3/3", "1/1")]
