"""Bodies of a user's own: the same states and probes on 1, 2 and 4 ranks, some of which have no cell."""

from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.mechanics.reference import solve_reference
from cmgai_fem.states.states import Coordinate
from cmgai_fem.study.field_file import model_of_file
from cmgai_fem.study.file import studies_folder

CASES = {
    "cook": (1.0, ["mesh.numbers.cells=6"]),
    "cylinder": (100.0, ["mesh.numbers.radial=6"]),
    "slab": (2.0, ["mesh.numbers.cells=6", "steps.tolerance=1e-3"]),
    "r0049": (4.0, ["steps.tolerance=1e-3"]),
}


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
    for states, facts in others:
        np.testing.assert_array_equal(states.labels.points, one.labels.points)
        for name, field in one.fields.items():
            scale = np.abs(field.values).max()
            np.testing.assert_allclose(states.field(name).values, field.values, rtol=0.0, atol=1e-8 * scale)
        for here, there in zip(facts["probes"], alone["probes"], strict=True):
            assert here["value"] == pytest.approx(there["value"], rel=1e-8)
