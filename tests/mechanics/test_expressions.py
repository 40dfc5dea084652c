"""Formulas: arithmetic and nothing else."""

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.expressions import Backend, Expression
from cmgai_fem.mechanics.properties import NUMPY, at_temperatures

NAMES = ("x", "y")
X, Y = np.array([0.5, 1.0, 2.0]), np.array([3.0, -1.0, 0.5])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3", 3.0),
        ("-x + 2*y/4 - (x - y)", -X + 2 * Y / 4 - (X - Y)),
        ("x^2 + y**3", X**2 + Y**3),
        ("2**x", 2**X),
        ("sin(pi*x)*exp(-y) + sqrt(abs(y))", np.sin(np.pi * X) * np.exp(-Y) + np.sqrt(np.abs(Y))),
        ("min(x, y) + max(x, 1) + atan2(y, x)", np.minimum(X, Y) + np.maximum(X, 1) + np.arctan2(Y, X)),
        ("1e6 if x <= 1 else -2.5", np.where(X <= 1, 1e6, -2.5)),
    ],
)
def test_formulas_are_what_they_say(text, expected):
    found = Expression(text, NAMES)(Backend(NUMPY), {"x": X, "y": Y})
    np.testing.assert_allclose(np.broadcast_to(found, X.shape), np.broadcast_to(expected, X.shape), rtol=1e-14)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no formula"),
        ("x +", "is no formula"),
        ("q*x", r"'q\*x': 'q' is unknown; there are: x, y, pi"),
        ("__import__('os').system('true')", "may not stand in a formula"),
        ("x.real", "'x.real' may not stand in a formula"),
        ("open(x)", "'open' is no function of it; there are: sqrt"),
        ("sin(x, y)", "'sin' is no function of it"),
        ("x[0]", "may not stand in a formula"),
        ("[x for x in y]", "may not stand in a formula"),
        ("lambda: x", "may not stand in a formula"),
        ("True", "may not stand in a formula"),
        ("'a'", "may not stand in a formula"),
        ("x < y", "may not stand in a formula"),
        ("1 if x < y < 2 else 0", "may not stand in a formula"),
        ("-" * 100 + "x", "nested deeper"),
        ("(" * 5000 + "x" + ")" * 5000, "is no formula"),
    ],
)
def test_anything_else_is_refused_in_one_line(text, message):
    with pytest.raises(InputError, match=message) as caught:
        Expression(text, NAMES)
    assert "\n" not in str(caught.value)


def test_properties_at_temperatures():
    temperature = np.array([20.0, 260.0, 500.0])
    polynomial = {"coefficients": [200e9, -100e9], "low": 20.0, "high": 500.0}
    for value in (polynomial, [[20.0, 200e9], [500.0, 100e9]], "200e9 - 100e9*(T - 20)/480"):
        np.testing.assert_allclose(at_temperatures(value, temperature), [200e9, 150e9, 100e9])
    np.testing.assert_allclose(at_temperatures(5.0, temperature), 5.0)
