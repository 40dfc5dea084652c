"""Constitutive models among the ways: they join where they are far better at left-out states, and not else."""

import numpy as np
import pytest
from test_generate_curves import GRID, STRAIN, factors, table_of

from cmgai_fem.curves.flow_stress import JohnsonCook, fit_model, johnson_cook_setup
from cmgai_fem.curves.generate import generate_curves
from cmgai_fem.curves.mean import mean_curves
from cmgai_fem.curves.ways.constitutive import constitutive_ways
from cmgai_fem.states.labels import Array

STEEL = JohnsonCook(792e6, 510e6, 0.26, 0.014, 1.03, 1800.0, 300.0)
HOT = (900.0, 50.0)


def steel(states: Array) -> Array:
    """(K, L) stresses of Johnson-Cook steel."""
    return np.array([STEEL(STRAIN, rate, temperature) for temperature, rate in states])


def test_a_fit_finds_the_constants_and_its_error_is_that_of_its_misfit() -> None:
    curves = mean_curves(table_of(GRID, steel))
    row, label = np.nonzero(curves.known)
    noisy = curves.stress[row, label] * (1.0 + 0.02 * np.random.default_rng(0).standard_normal(len(row)))
    points = (curves.strain[label], noisy, *curves.values[row].T)
    fitted = fit_model(johnson_cook_setup(1800.0, 300.0 - 1e-6), *points)
    assert fitted.misfit == pytest.approx(0.02, rel=0.1)
    apart = fitted.curve(STRAIN, *HOT) / steel(np.array([HOT]))[0] - 1.0
    assert np.all(np.abs(apart) < 3.0 * fitted.error(STRAIN, *HOT))
    assert fitted.error(STRAIN, *HOT).max() < 0.05


def test_the_right_model_joins_and_takes_over_beyond_the_grid() -> None:
    said: list[str] = []
    found = generate_curves(mean_curves(table_of(GRID, steel)), [HOT], said.append)[HOT]
    np.testing.assert_allclose(found.curve.stress, steel(np.array([HOT]))[0], rtol=2e-3)
    assert any("johnson-cook fitted" in line for line in said)


def test_a_metal_that_no_model_describes_is_carried_alone() -> None:
    said: list[str] = []
    generate_curves(mean_curves(table_of(GRID, factors)), [HOT], said.append)
    assert not any("fitted" in line for line in said)


def test_models_are_of_temperature_and_rate_alone() -> None:
    curves = mean_curves(table_of(GRID, steel))
    assert [way.setup.name for way in constitutive_ways(curves)] == ["johnson_cook", "zerilli_armstrong"]
    line = mean_curves(table_of([state for state in GRID if state[1] == 1.0], steel).along("temperature"))
    assert len(constitutive_ways(line)) == 2
