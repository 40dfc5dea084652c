import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.materials import TemperaturePolynomial, austenitic_steel


def test_polynomial_is_in_the_normalised_temperature() -> None:
    law = TemperaturePolynomial((1.0, 2.0, 3.0), 20.0, 120.0)
    assert law(20.0) == 1.0
    assert law(120.0) == 6.0
    np.testing.assert_allclose(law(np.array([70.0])), 1.0 + 1.0 + 0.75)


@pytest.mark.parametrize(
    ("name", "cold", "hot"), [("young", 193e9, 125e9), ("expansion", 15.9e-6, 19e-6), ("conductivity", 13.4, 24.0)]
)
def test_steel_meets_its_end_values_and_is_monotone(name: str, cold: float, hot: float) -> None:
    law = getattr(austenitic_steel(), name)
    np.testing.assert_allclose([law(20.0), law(800.0)], [cold, hot], rtol=1e-14)
    slope = np.diff(law(np.linspace(20.0, 800.0, 200)))
    assert np.all(slope * np.sign(hot - cold) > 0.0)


def test_range_is_kept_with_the_state_named() -> None:
    steel = austenitic_steel()
    steel.check(20.0, 800.0, "T = 800 degC")
    steel.check(19.9, 800.4, "T = 800 degC", margin=0.5)
    with pytest.raises(InputError, match=r"state T = 900 degC: 900 degC is outside .* \(20 to 800 degC\)"):
        steel.check(20.0, 900.0, "T = 900 degC")
    with pytest.raises(InputError, match="state cold: -5 degC"):
        steel.check(-5.0, 100.0, "cold")
