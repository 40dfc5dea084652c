import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from cmgai_fem.errors import InputError
from cmgai_fem.generate import Networks
from cmgai_fem.metrics import von_mises
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.solve import METHODS, solve
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Coordinate, Field, States
from cmgai_fem.study.field_file import CalibrationTable, FieldStudy, FieldTable, PinnTable, StatesTable
from cmgai_fem.study.generation import Generation, derive, generate_fields, measured

KNOWN = [100.0, 250.0, 400.0, 550.0, 700.0]
HELD_OUT = [325.0, 775.0]
X = np.linspace(0.0, 1.0, 20)


def stress(temperature: float) -> np.ndarray:
    t = temperature / 700.0
    return np.stack([np.sin(t * X + k) * np.exp(0.3 * t * k) for k in range(6)], axis=1) * 1e8


def reference(poisoned: bool = False) -> States:
    values = np.array(sorted([*KNOWN, *HELD_OUT]))
    field = np.array([stress(value) for value in values])
    if poisoned:
        field[np.isin(values, HELD_OUT)] = np.nan
    fields = {"stress": Field(field, "Pa", SYMMETRIC_TENSOR)}
    return States.of(labels_on_points(X[:, None]), Coordinate("temperature", "degC"), values, fields)


STUDY = FieldStudy(
    name="synthetic",
    title="Synthetic",
    coordinate={"name": "temperature", "unit": "degC"},
    states={"known": KNOWN, "interpolation": [325.0], "extrapolation": [775.0]},
    kind="thermal-stress",
    fields={"stress": {"components": True, "derived": ["von_mises"]}},
    calibration=CalibrationTable(dampings=[], pseudo_times=[]),
)
SCALAR = STUDY.model_copy(
    update={"fields": {"xx": FieldTable()}, "states": StatesTable(known=KNOWN, interpolation=[325.0])}
)


def generated(states: States, study: FieldStudy = STUDY, checkpoints: Path | None = None) -> Generation:
    networks = Networks(settings=TrainingSettings(**study.pinn.training), checkpoints=checkpoints)
    return generate_fields(states.at(KNOWN), study, networks, silent)


def silent(_: str) -> None:
    """Progress nobody looks at."""


def counted(monkeypatch) -> list[int]:
    """Numbers of labels of the problems that the networks are trained on."""
    trained: list[int] = []

    def spy(problem, method="fem", **options):
        if method == "pinn":
            trained.append(problem.states.labels.count)
        return solve(problem, method, **options)

    monkeypatch.setattr(sys.modules[solve.__module__], "solve", spy)
    return trained


def test_the_study_file_says_how_the_networks_are_trained(monkeypatch):
    trained = counted(monkeypatch)
    whole = reference()
    scalar = replace(whole, fields={"xx": Field(whole.field("stress").values[..., :1], "Pa", ("",))})
    table = PinnTable(encoding="fourier", hidden=[4], frequencies=2)
    one = generated(scalar, SCALAR.model_copy(update={"pinn": table}))
    # Each field by itself, on all of its labels.
    assert set(trained) == {len(X)}
    trained.clear()
    modes = generated(scalar, SCALAR)
    assert set(trained) == {len(KNOWN)}
    made, expected = (found.states["pinn"].field("xx").values for found in (one, modes))
    assert made == pytest.approx(expected, abs=2e-3 * np.ptp(expected))
    assert np.any(made != expected)


def test_training_keys_change_the_hash_and_their_absence_does_not():
    assert PinnTable().training == {}
    assert STUDY.model_copy(update={"pinn": PinnTable(points=20)}).hash != STUDY.hash
    with pytest.raises(ValidationError, match="encoding"):
        PinnTable(encoding="wavelets")


@pytest.mark.medium
def test_a_killed_study_goes_on_with_its_trainings(monkeypatch, tmp_path):
    whole = generated(reference())
    generated(reference(), checkpoints=tmp_path / "training")
    kept = {path: path.read_bytes() for path in (tmp_path / "training").iterdir()}
    assert kept
    again = generated(reference(), checkpoints=tmp_path / "training")
    assert {path: path.read_bytes() for path in (tmp_path / "training").iterdir()} == kept
    for states in (again.states, whole.states):
        np.testing.assert_array_equal(
            states["pinn"].field("stress").values, whole.states["pinn"].field("stress").values
        )


@pytest.mark.medium
def test_poison_in_the_held_out_states_changes_nothing():
    """NaN planted in every held-out state: were one of them read, some generated field would show it."""
    clean, poisoned = (generated(reference(poison)) for poison in (False, True))
    assert clean.states.keys() == poisoned.states.keys()
    for method, states in clean.states.items():
        made = states.field("stress").values
        assert np.all(np.isfinite(made))
        assert np.array_equal(made, poisoned.states[method].field("stress").values), method
    calibrations = [[generator.calibration for *_, generator in found.sides()] for found in (clean, poisoned)]
    assert calibrations[0] == calibrations[1] and len(calibrations[0]) == 2


def test_both_transports_generate_a_smooth_field_and_agree():
    generation = generated(reference())
    for value in HELD_OUT:
        truth = stress(value)
        made = {m: generation.states[m].field("stress").values[generation.states[m].index(value)] for m in METHODS}
        for method in METHODS:
            assert np.abs(made[method] - truth).max() < 2e-3 * np.ptp(truth)
        assert np.abs(made["pinn"] - made["fem"]).max() < 5e-4 * np.ptp(truth)
    for value in KNOWN:
        for method in METHODS:
            states = generation.states[method]
            assert states.field("stress").values[states.index(value)] == pytest.approx(stress(value), rel=1e-9)


def test_von_mises_comes_from_the_generated_components_of_every_method():
    inside = STUDY.model_copy(update={"states": SCALAR.states})
    for states in generated(reference(), inside).states.values():
        components = states.field("stress").values
        assert states.field("von_mises").values[..., 0] == pytest.approx(von_mises(components), rel=1e-14)


def test_what_is_measured_are_fields_components_and_derived_scalars():
    states = derive(reference(), STUDY.fields)
    figures = measured(states, 0, STUDY.fields)
    assert list(figures) == ["von_mises", "stress", *(f"stress_{name}" for name in SYMMETRIC_TENSOR)]
    assert figures["stress_xy"] == pytest.approx(stress(100.0)[:, 3])


def test_a_von_mises_stress_of_a_vector_is_refused():
    states = reference()
    vector = Field(states.field("stress").values[:, :, :3], "Pa", ("x", "y", "z"))
    with pytest.raises(InputError, match="needs 6 components, the field has 3"):
        derive(replace(states, fields={"stress": vector}), {"stress": FieldTable(derived=["von_mises"])})
