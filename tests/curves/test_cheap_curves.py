"""Cheap models of curves: what they tell comes back, and what does not lower left-out errors is refused."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.cli import main
from cmgai_fem.curves.calibrate import curve_error
from cmgai_fem.curves.cheap import CheapCurves
from cmgai_fem.curves.generate import fit_models, lay_out
from cmgai_fem.curves.mean import mean_curves
from cmgai_fem.curves.table import CurveState, CurveTests, Test
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, Coordinates

STRAIN = np.linspace(0.02, 0.3, 8)
KNOWN, TARGETS = (300.0, 400.0, 500.0, 600.0, 700.0, 800.0), [(850.0,), (900.0,)]
Law = Callable[[float], Array]


def blue_brittle(temperature: float) -> Array:
    """A hump over the temperature that no pseudo-time straightens (dynamic strain ageing), and softening [Pa]."""
    hump = 0.25 * np.exp(-(((temperature - 560.0) / 120.0) ** 2))
    return 6e8 * (1.0 + hump - 4e-4 * (temperature - 300.0)) * (0.5 + STRAIN**0.4)


def alloy(temperature: float) -> Array:
    """Another batch of the same metal: harder, and softer with the temperature."""
    return 1.2 * np.exp(-3e-4 * temperature) * blue_brittle(temperature) * (1.0 + STRAIN)


def wavy(temperature: float) -> Array:
    """What no metal does."""
    return blue_brittle(300.0) * (1.0 + 0.3 * np.sin(temperature / 35.0))


def table(law: Law, temperatures: Sequence[float], scatter: float = 0.0) -> CurveTests:
    random = np.random.default_rng(1)

    def test(temperature: float) -> Test:
        return Test(STRAIN, law(temperature) * (1.0 + scatter * random.standard_normal(len(STRAIN))))

    states = tuple(CurveState((t,), tuple(test(t) for _ in range(3 if scatter else 1))) for t in sorted(temperatures))
    return CurveTests(Coordinates((Coordinate("temperature", "K"),)), states, plastic=True)


def made(tests: CurveTests, cheap: CurveTests, targets=TARGETS):
    layout = lay_out(mean_curves(tests), lambda line: None)
    models = [CheapCurves.of("cheap", mean_curves(cheap), layout.curves, targets)]
    (model,) = fit_models(layout, targets, lambda line: None, True, cheap=models)
    return model


EVERY = (*KNOWN, 850.0, 900.0)


def test_a_motion_that_differs_by_a_straight_factor_comes_back() -> None:
    model = made(table(alloy, KNOWN), table(blue_brittle, EVERY))
    (guidance,) = model.guidance
    assert guidance.used and guidance.error < 1e-9 < 0.01 < guidance.without
    for (temperature,) in TARGETS:
        np.testing.assert_allclose(model.at((temperature,)).stress, alloy(temperature), rtol=1e-8)


def test_with_scatter_the_error_falls_and_the_band_holds_the_truth() -> None:
    tests = table(alloy, KNOWN, 0.02)
    guided = made(tests, table(blue_brittle, EVERY))
    plain = made(tests, table(lambda t: blue_brittle(300.0), EVERY))
    assert guided.guidance[0].used and not plain.guidance[0].used
    for state in TARGETS:
        truth, near, far = alloy(*state), guided.at(state), plain.at(state)
        assert np.mean((near.stress - truth) ** 2) < 0.25 * np.mean((far.stress - truth) ** 2)
        assert np.all(np.abs(near.stress - truth) < 3.0 * near.error)


def test_the_left_out_error_is_that_of_the_tests_and_not_of_the_rest() -> None:
    model = made(table(alloy, KNOWN, 0.02), table(blue_brittle, EVERY))
    curves = mean_curves(table(alloy, KNOWN, 0.02))
    errors = []
    for trial, (known, generated) in zip(model.trials, model.generator.superposed(model.trials), strict=True):
        np.testing.assert_allclose(known, curves.stress[trial.row], rtol=1e-12)
        errors.append(curve_error(generated, curves.stress[trial.row], curves))
    assert model.generator.mixed.error == pytest.approx(np.sqrt(np.mean(np.square(errors))), rel=1e-12)


@pytest.mark.parametrize("law", [lambda t: blue_brittle(300.0), wavy])
def test_what_tells_nothing_of_the_tests_is_refused_and_changes_nothing(law: Law) -> None:
    tests = table(alloy, KNOWN, 0.02)
    model = made(tests, table(law, EVERY))
    assert not model.guidance[0].used and "refused, it does not lower the error" in str(model.guidance[0])
    layout = lay_out(mean_curves(tests), lambda line: None)
    (alone,) = fit_models(layout, TARGETS, lambda line: None, True)
    np.testing.assert_array_equal(model.at(TARGETS[0]).stress, alone.at(TARGETS[0]).stress)


def test_held_out_curves_of_the_tests_are_in_no_ones_hands() -> None:
    """The cheap model at a target is asked for, and nothing else there: half of it is half of the curve."""
    tests, cheap = table(alloy, KNOWN), table(blue_brittle, EVERY)
    half = table(lambda t: blue_brittle(t) * (0.5 if t == 900.0 else 1.0), EVERY)
    whole, halved = made(tests, cheap), made(tests, half)
    np.testing.assert_allclose(halved.at((900.0,)).stress, 0.5 * whole.at((900.0,)).stress, rtol=1e-12)
    np.testing.assert_array_equal(halved.at((850.0,)).stress, whole.at((850.0,)).stress)


def test_the_scatter_of_both_is_carried() -> None:
    noisy = made(table(alloy, KNOWN, 0.02), table(blue_brittle, EVERY, 0.02))
    clean = made(table(alloy, KNOWN, 0.02), table(blue_brittle, EVERY))
    assert noisy.guidance[0].used and clean.guidance[0].used
    state = TARGETS[0]
    own = noisy.generator.cheap.error(state)
    # Three tests of 2 %, as far as the spline over the strain does not average them.
    assert 0.004 < own.mean() < 0.02 and not clean.generator.cheap.error(state).any()
    curve = noisy.at(state)
    assert np.all(curve.error >= own * curve.stress)


def test_over_a_grid() -> None:
    rates = (0.1, 1.0, 10.0, 100.0)

    def grid(law: Law, states: Sequence[tuple[float, float]]) -> CurveTests:
        tests = [CurveState((t, r), (Test(STRAIN, law(t) * (1.0 + 0.02 * np.log(r))),)) for t, r in sorted(states)]
        both = Coordinates((Coordinate("temperature", "K"), Coordinate("strain_rate", "1/s")))
        return CurveTests(both, tuple(tests), plastic=True)

    known, target = [(t, r) for t in KNOWN for r in rates], (900.0, 1000.0)
    model = made(grid(alloy, known), grid(blue_brittle, [*known, target]), [target])
    assert model.guidance[0].used
    np.testing.assert_allclose(model.at(target).stress, alloy(900.0) * (1.0 + 0.02 * np.log(1000.0)), rtol=1e-3)


@pytest.mark.parametrize(
    ("cheap", "said"),
    [
        (
            table(blue_brittle, KNOWN),
            "has no curve at temperature = 850 K; a cheap model is needed at",
        ),
        (table(blue_brittle, EVERY[1:]), "has no curve at temperature = 300 K"),
    ],
)
def test_a_state_that_the_cheap_model_lacks_is_named(cheap: CurveTests, said: str) -> None:
    with pytest.raises(InputError, match=said):
        made(table(alloy, KNOWN), cheap)


def write(path: Path, tests: CurveTests, strain: str = "plastic_strain", share: int = 8) -> Path:
    rows = [
        f"{state.coordinates[0]},{e},{s / 1e6!r}"
        for state in tests.states
        for test in state.tests
        for e, s in zip(test.strain[:share], test.stress[:share].tolist(), strict=True)
    ]
    path.write_text("\n".join([f"temperature [K],{strain},stress [MPa]", *rows, ""]))
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def test_from_the_command_line(tmp_path, capsys) -> None:
    path, cheap = write(tmp_path / "t.csv", table(alloy, KNOWN)), write(tmp_path / "c.csv", table(blue_brittle, EVERY))
    out = tmp_path / "o.csv"
    assert run("generate", path, "--at", 900, "--cheap", cheap, "--cheap", path.with_name("c*.csv"), "--out", out) == 0
    said = capsys.readouterr().out
    assert "c.csv: used, left-out error" in said
    (one, _) = json.loads((tmp_path / "o.provenance.json").read_text())["cheap"]
    assert one["used"] and one["left_out_error_with"] < 1e-6 < one["left_out_error_without"]
    stress = np.genfromtxt(out, delimiter=",", skip_header=1, usecols=2)
    np.testing.assert_allclose(1e6 * stress, alloy(900.0), rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cheap", "none.csv"), "none.csv: no such file"),
        (("--cheap", "c.csv", "--save-model", "m.safetensors"), "--save-model: leave it out; what sensors or a cheap"),
        (("--cheap", "c.csv", "--ablate", "order"), "--ablate: leave it out; it tells what parts are worth without a"),
        (
            ("--cheap", "short.csv"),
            "cmgai-fem: short.csv: the curve at temperature = 300 K ends at strain 0.18, before",
        ),
        (("--cheap", "total.csv"), "cmgai-fem: total.csv: strains are total ones, those of the tests plastic"),
        (("--cheap", "t.csv"), "t.csv: has no curve at temperature = 900 K"),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, monkeypatch, capsys, options, said) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "t.csv", table(alloy, KNOWN))
    write(tmp_path / "c.csv", table(blue_brittle, EVERY))
    write(tmp_path / "short.csv", table(blue_brittle, EVERY), share=5)
    write(tmp_path / "total.csv", table(blue_brittle, EVERY), strain="strain")
    assert run("generate", "t.csv", "--at", "900", "--out", "o.csv", *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not list(tmp_path.glob("o.*")) and not (tmp_path / "m.safetensors").exists()
