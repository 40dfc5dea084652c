import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.hardening import HardeningLaw, JohnsonCookHardening, LinearHardening, VoceHardening
from cmgai_fem.mechanics.plasticity import Metal
from cmgai_fem.mechanics.small_strain import SmallStrainJ2
from cmgai_fem.mechanics.tensors import BLOCK, Layout

YOUNG, POISSON = 200e9, 0.3
LINEAR = LinearHardening(400e6, 2e9)
VOCE = VoceHardening(200e6, 350e6, 12.0, 1e8)
COPPER = JohnsonCookHardening(90e6, 292e6, 0.31, 0.025, 1.09, 1356.0)


def stretch(metal: Metal, strain: float, rate: float, steps: int) -> tuple[float, float, float]:
    """Mises stress, plastic strain and plastic work after isochoric stretching at a constant rate."""
    model = SmallStrainJ2(metal, Layout.of(BLOCK))
    state = model.undeformed(1)
    out = np.empty((5, 1))
    for total in np.linspace(0.0, strain, steps + 1)[1:]:
        gradient = np.array([[1.0 + total], [0.0], [0.0], [1.0 - 0.5 * total], [1.0 - 0.5 * total]])
        model.deviatoric(gradient, state, strain / steps / rate, out)
    return float(state.flow_stress[0]), float(state.plastic_strain[0]), float(state.plastic_work[0])


def test_linear_law_follows_the_bilinear_curve() -> None:
    metal = Metal(YOUNG, POISSON, 7850.0, LINEAR)
    stress, plastic, _ = stretch(metal, 0.02, 1.0, steps=7)
    stiffness = 3.0 * metal.shear_modulus
    exact = (stiffness * 0.02 - 400e6) / (stiffness + 2e9)
    assert plastic == pytest.approx(exact, rel=1e-12)
    assert stress == pytest.approx(400e6 + 2e9 * exact, rel=1e-12)


def test_linear_law_in_closed_form_is_what_newton_finds() -> None:
    trial, strain = np.array([3e8, 4.5e8, 9e8]), np.array([0.0, 0.01, 0.2])
    stiffness, temperature, before = np.full(3, 2.3e11), np.full(3, 293.0), np.zeros(3)
    closed = LINEAR.plastic_increment(trial, stiffness, strain, 1e-6, temperature, before)
    newton = HardeningLaw.plastic_increment(LINEAR, trial, stiffness, strain, 1e-6, temperature, before)
    np.testing.assert_allclose(closed, newton, rtol=1e-10)
    assert closed[0] == 0.0


def test_voce_law_follows_its_curve() -> None:
    metal = Metal(YOUNG, POISSON, 7850.0, VOCE)
    stress, plastic, _ = stretch(metal, 0.3, 1.0, steps=11)

    def curve(p: float) -> float:
        return float(200e6 + 150e6 * (1.0 - np.exp(-12.0 * p)) + 1e8 * p)

    exact = brentq(lambda p: 3.0 * metal.shear_modulus * (0.3 - p) - curve(p), 0.0, 0.3, xtol=1e-15)
    assert plastic == pytest.approx(exact, rel=1e-9)
    assert stress == pytest.approx(curve(exact), rel=1e-9)


def test_johnson_cook_law_with_heating_follows_the_separated_equation() -> None:
    metal = Metal(124e9, 0.34, 8960.0, COPPER, taylor_quinney=0.9, specific_heat=383.0)
    rate = 1e4
    stress, plastic, work = stretch(metal, 0.8, rate, steps=2000)
    # dT / (1 - T*^m) = chi / (rho c) (1 + C ln rate)(A + B p^n) dp; the plastic rate is the total one but for 0.1 %.
    factor = 1.0 + 0.025 * np.log(rate)
    done = 0.9 / (8960.0 * 383.0) * factor * (90e6 * plastic + 292e6 * plastic**1.31 / 1.31)

    def heat(temperature: float) -> float:
        return float(quad(lambda t: 1.0 / (1.0 - ((t - 293.0) / 1063.0) ** 1.09), 293.0, temperature)[0] - done)

    temperature = brentq(heat, 293.0, 900.0)
    exact = (90e6 + 292e6 * plastic**0.31) * factor * (1.0 - ((temperature - 293.0) / 1063.0) ** 1.09)
    assert float(metal.temperature(np.array(work))) - 293.0 == pytest.approx(temperature - 293.0, rel=2e-3)
    assert stress == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("law", [VOCE, COPPER])
def test_return_finds_increments_over_many_decades(law: HardeningLaw) -> None:
    increments = np.logspace(-9, -1.5, 60)
    strain = np.tile([0.0, 1e-6, 0.02, 0.9, 3.0], 12)
    step, stiffness = 1e-8, np.full(60, 1.4e11)
    temperature = np.linspace(293.0, 900.0, 60)
    stress = law.curve(temperature)(strain + increments, increments / step)[0]
    trial = stress + stiffness * increments
    for before in (np.zeros(60), stress):
        found = law.plastic_increment(trial, stiffness, strain, step, temperature, before)
        # What is asked of the root is the stress: a tiny increment hides behind the rounding of the trial.
        np.testing.assert_allclose(trial - stiffness * found, stress, rtol=1e-8)


def test_slopes_are_derivatives() -> None:
    strain, rate, temperature = np.array([0.01, 0.4, 2.0]), np.array([10.0, 1e3, 1e6]), np.array([300.0, 500.0, 900.0])
    for law in (LINEAR, VOCE, COPPER):
        curve = law.curve(temperature)
        _, by_strain, by_rate = curve(strain, rate)
        differences = (curve(strain * (1 + 1e-6), rate)[0] - curve(strain * (1 - 1e-6), rate)[0]) / (2e-6 * strain)
        np.testing.assert_allclose(by_strain, differences, rtol=1e-5)
        differences = (curve(strain, rate * (1 + 1e-6))[0] - curve(strain, rate * (1 - 1e-6))[0]) / (2e-6 * rate)
        np.testing.assert_allclose(by_rate, differences, rtol=1e-5, atol=1e-12)


def test_yield_stress_may_depend_on_temperature() -> None:
    law = LinearHardening(lambda temperature: 205e6 - 1e5 * temperature, 1e9)
    stress = law.curve(np.array([20.0, 800.0]))(np.zeros(2), np.zeros(2))[0]
    np.testing.assert_allclose(stress, [203e6, 125e6])


def test_melting_below_room_temperature_is_refused() -> None:
    with pytest.raises(InputError, match="melting temperature"):
        JohnsonCookHardening(90e6, 292e6, 0.31, 0.025, 1.09, 200.0)
