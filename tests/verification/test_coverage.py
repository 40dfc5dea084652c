"""Bands of generated curves: what they hold of curves and points whose place is known, and of laws drawn anew."""

import numpy as np
import pytest

from cmgai_fem.curves.generate import generate_curves
from cmgai_fem.curves.generated import GeneratedCurve
from cmgai_fem.curves.mean import mean_curves
from cmgai_fem.curves.table import CurveState, CurveTests, Test
from cmgai_fem.states.states import Coordinates
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

STUDY = studies_folder() / "stress-strain"
coverage = study_module(STUDY, "coverage")
share_of_curve, share_of_points = coverage.share_of_curve, coverage.share_of_points
TEMPERATURE = study_module(STUDY, "truth").TEMPERATURE
STRAIN = np.linspace(0.0, 1.0, 101)


def flat(error: float, scatter: float = 0.0) -> GeneratedCurve:
    level = np.full(len(STRAIN), 100.0)
    return GeneratedCurve(STRAIN, level, np.full_like(level, error), np.full_like(level, scatter), True)


def test_share_of_a_curve_that_leaves_the_band_half_way() -> None:
    rising = 100.0 + 20.0 * STRAIN
    assert share_of_curve(flat(5.0), STRAIN, rising) == pytest.approx(0.5, abs=0.01)
    assert share_of_curve(flat(10.0), STRAIN, rising) == 1.0
    assert share_of_curve(flat(5.0), STRAIN, rising + 20.0) == 0.0


def test_a_band_of_two_deviations_holds_as_many_normal_points() -> None:
    random = np.random.default_rng(0)
    stress = 100.0 + np.hypot(3.0, 4.0) * random.standard_normal(40_000)
    tests = [Test(random.uniform(0.0, 1.2, 40_000), stress)]
    assert share_of_points(flat(3.0, 4.0), tests) == pytest.approx(0.9545, abs=0.005)


def test_the_band_of_the_mean_holds_laws_that_are_continued_exactly() -> None:
    temperatures, strain = np.array([300.0, 400.0, 500.0, 600.0, 700.0]), np.linspace(0.0, 0.3, 30)

    def law(temperature: float, at: np.ndarray) -> np.ndarray:
        return (1e9 - 5e5 * temperature) * (1.0 + np.sqrt(at))

    shares = []
    for seed in range(12):
        random = np.random.default_rng(seed)
        states = tuple(
            CurveState(
                (value,),
                tuple(Test(strain, law(value, strain) * (1.0 + 0.02 * random.standard_normal(30))) for _ in range(3)),
            )
            for value in temperatures
        )
        curves = mean_curves(CurveTests(Coordinates((TEMPERATURE,)), states, plastic=True))
        curve = generate_curves(curves, [(800.0,)], lambda _: None)[800.0,].curve
        shares.append(share_of_curve(curve, curves.strain, law(800.0, curves.strain)))
    # 95 % is what is meant; the scatter of twelve draws leaves some play below.
    assert np.mean(shares) > 0.85
