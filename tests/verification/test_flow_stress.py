"""Published flow-stress models against closed forms and their own differential equation."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cmgai_fem.curves.flow_stress import JohnsonCook, ZerilliArmstrong
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

STUDY = studies_folder() / "stress-strain"
flow_stress, truth = study_module(STUDY, "flow_stress"), study_module(STUDY, "truth")
fit_models = study_module(STUDY, "constitutive_fits").fit_models
MechanicalThreshold = flow_stress.MechanicalThreshold
MATERIALS, OFHC_COPPER, STEEL_4340 = truth.MATERIALS, truth.OFHC_COPPER, truth.STEEL_4340
make_tests = truth.make_tests


def test_johnson_cook_at_its_reference_state() -> None:
    assert STEEL_4340(np.array([1.0]), 1.0, 298.0) == pytest.approx(792e6 + 510e6)


def test_johnson_cook_vanishes_at_melting() -> None:
    model = JohnsonCook(1e8, 2e8, 0.3, 0.01, 1.2, melting=1500.0)
    assert model(np.array([0.1]), 1.0, 1500.0) == pytest.approx(0.0, abs=1e-6)


def test_zerilli_armstrong_at_zero_kelvin_and_rate_one() -> None:
    model = ZerilliArmstrong(1e7, 2e7, 3e7, 1e-3, 1e-4, 4e7, 0.5)
    assert model(np.array([0.25]), 1.0, 0.0) == pytest.approx(1e7 + 2e7 + 3e7 * 0.5 + 4e7 * 0.5)


def test_threshold_grows_by_its_differential_equation() -> None:
    model = MechanicalThreshold(0.0, 0.0, 770e6, 2390e6, 12e6, 1.696e6, g0=1e12, g0_es=0.2625)
    temperature, rate = 500.0, 10.0
    modulus = model.shear_modulus(temperature)
    barrier = model.k_over_b3 * temperature / modulus * np.log(model.rate0 / rate)
    saturation = model.sigma_es0 * np.exp(-barrier / model.g0_es)
    hardening = model.theta_0 + model.theta_1 * np.log(rate) + model.theta_2 * np.sqrt(rate)
    strain = np.linspace(0.0, 0.5, 6)
    solved = solve_ivp(
        lambda _, x: hardening * (1.0 - np.tanh(2.0 * x / saturation) / np.tanh(2.0)),
        (0.0, 0.5), [0.0], t_eval=strain, rtol=1e-10, atol=1.0,
    ).y[0]  # fmt: skip
    np.testing.assert_allclose(model(strain, rate, temperature), solved * modulus / model.mu0, rtol=1e-5, atol=1e3)


def test_copper_is_softer_when_hot_and_harder_when_fast() -> None:
    strain = np.array([0.1])
    assert OFHC_COPPER(strain, 1e-3, 800.0) < OFHC_COPPER(strain, 1e-3, 300.0) < OFHC_COPPER(strain, 1e3, 300.0)


def test_total_strain_curve_starts_elastic_and_keeps_the_flow_stress() -> None:
    copper = MATERIALS["ofhc_copper"]
    modulus = 2.0 * 1.34 * OFHC_COPPER.shear_modulus(300.0)
    assert copper.stress(np.array([0.0, 1e-4]), 300.0, 1e-3) == pytest.approx([0.0, 1e-4 * modulus])
    stress = copper.stress(np.array([0.2]), 300.0, 1e-3)
    assert OFHC_COPPER(0.2 - stress / modulus, 1e-3, 300.0) == pytest.approx(stress, rel=1e-5)


def test_noise_is_seeded_and_of_the_stated_size() -> None:
    steel = MATERIALS["steel_4340"]
    settings = {"points": 2000, "largest_strain": 0.3, "repeats": 2, "noise": 0.02}
    one, two = (make_tests(steel, [(300.0, 1.0)], seed=seed, **settings) for seed in (3, 3))
    test = one.states[0].tests[0]
    np.testing.assert_array_equal(test.stress, two.states[0].tests[0].stress)
    relative = test.stress / steel.stress(test.strain, 300.0, 1.0) - 1.0
    assert np.std(relative) == pytest.approx(0.02, rel=0.1)
    assert not np.array_equal(test.strain, one.states[0].tests[1].strain)


def test_fit_recovers_the_model_that_made_the_tests() -> None:
    states = [(300.0, 1e-3), (300.0, 100.0), (500.0, 1e-3), (700.0, 1.0)]
    table = make_tests(MATERIALS["steel_4340"], states, points=15, largest_strain=0.3, repeats=1, noise=0.0, seed=0)
    fits = {fit.name: fit for fit in fit_models(table, 300.0, 1.0)}
    assert set(fits) == {"johnson_cook", "zerilli_armstrong", "mechanical_threshold"}
    assert fits["johnson_cook"].misfit < 0.01
    strain = np.array([0.05, 0.2])
    expected = STEEL_4340(strain, 10.0, 600.0)
    np.testing.assert_allclose(fits["johnson_cook"].curve(strain, 600.0, 10.0), expected, rtol=0.02)
