"""Units at the edge: products of powers and prefixes, temperatures with their zeros, one line for all others."""

import pytest

from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.commands.options import asked_points
from cmgai_fem.errors import InputError
from cmgai_fem.files.units import unit_of, value_in


@pytest.mark.parametrize(
    ("text", "value", "si"),
    [
        ("MPa", 2.0, 2e6),
        ("N/mm2", 2.0, 2e6),
        ("N/mm^2", 2.0, 2e6),
        ("kN mm**-2", 2.0, 2e9),
        ("ksi", 1.0, 6894757.293168),
        ("degC", 325.0, 598.15),
        ("°C", -273.15, 0.0),
        ("degF", 32.0, 273.15),
        ("kg/m3", 7850.0, 7850.0),
        ("MPa m^0.5", 1.0, 1e6),
        ("1/degC", 1e-5, 1e-5),
        ("%", 5.0, 0.05),
        ("mm/mm", 5.0, 5.0),
        ("", 5.0, 5.0),
        ("1/min", 60.0, 1.0),
        ("/s", 3.0, 3.0),
        ("s^-1", 3.0, 3.0),
        ("km/h", 36.0, 10.0),
        ("µm", 1.0, 1e-6),
        ("W/(m K)".replace("(", "").replace(")", ""), 1.0, 1.0),
    ],
)
def test_units_and_back(text, value, si):
    unit = unit_of(text)
    assert unit.to_si(value) == pytest.approx(si, rel=1e-12, abs=1e-12)
    assert unit.of_si(si) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("text", ["MPa!", "m^99", "qqPa", "1e3", "kdegC", "dB", "(((("])
def test_unknown_units(text):
    with pytest.raises(InputError, match="is unknown"):
        unit_of(text)
    with pytest.raises(InputError, match="is unknown"):
        Inputs((), "T", units=(text,))


def test_a_unit_of_another_quantity():
    with pytest.raises(InputError, match="'furlong' measures no temperature"):
        Inputs((), "T", coordinates=("temperature",), units=("furlong",))


def test_numbers_with_units_of_their_own():
    assert value_in("598.15 K", unit_of("degC")) == pytest.approx(325.0)
    assert value_in("1e3", unit_of("degC")) == 1000.0
    assert asked_points(["-20", "598.15 K:30 kPa"], ["degC", "Pa"]) == [(-20.0,), (pytest.approx(325.0), 30000.0)]
    for text in ("325 s", "K", "1 2"):
        with pytest.raises(InputError):
            asked_points([text], ["degC"])
