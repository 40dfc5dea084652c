"""Constitutive models as rivals: fitted to the tests of the known states alone, by least squares."""

from collections.abc import Sequence

import numpy as np

from cmgai_fem.curves.flow_stress import (
    ELASTIC,
    MELTING,
    FitSetup,
    FittedModel,
    fit_model,
    johnson_cook_setup,
    zerilli_armstrong_setup,
)
from cmgai_fem.curves.table import CurveTests
from cmgai_fem.states.labels import Array

from .flow_stress import MechanicalThreshold


def mechanical_threshold_setup() -> FitSetup:
    """Mechanical threshold stress: sigma_a, sigma_i, sigma_es0 [100 MPa], theta_0 [GPa], theta_1 [10 MPa], g0, g0_es.

    The moduli and reference rates are not free: those of copper, whose relative softening is common to metals.
    """
    return FitSetup(
        "mechanical_threshold",
        lambda x: MechanicalThreshold(
            x[0] * 1e8, x[1] * 1e8, x[2] * 1e8, x[3] * 1e9, x[4] * 1e7, 0.0, g0=x[5], g0_es=x[6]
        ),
        [(0.4, 0.0, 8.0, 2.0, 1.0, 1.5, 0.3), (2.0, 8.0, 6.0, 4.0, 1.0, 1.2, 0.5)],
        (0.0, 0.0, 0.5, 0.05, 0.0, 0.2, 0.05),
        (20.0, 50.0, 50.0, 50.0, 20.0, 20.0, 20.0),
    )


def fit_models(table: CurveTests, temperature: float, rate: float) -> list[FittedModel]:
    """Johnson-Cook, Zerilli-Armstrong and mechanical threshold stress, fitted to the tests of `table`.

    Args:
        table: known states.
        temperature: of all states [K], where it is no coordinate of the table.
        rate: of all states [1/s], where it is no coordinate.
    """
    data = _points(table, temperature, rate)
    room = float(np.min(data[2])) - 1e-6
    setups = [johnson_cook_setup(MELTING, room), zerilli_armstrong_setup(), mechanical_threshold_setup()]
    return [fit_model(setup, *data) for setup in setups]


Points = tuple[Array, Array, Array, Array]


def conditions(table: CurveTests, state: Sequence[float], temperature: float, rate: float) -> tuple[float, float]:
    """Temperature [K] and rate [1/s] of a state; the given ones where they are no coordinates."""
    values = dict(zip((coordinate.name for coordinate in table.coordinates), state, strict=True))
    return float(values.get("temperature", temperature)), float(values.get("strain_rate", rate))


def _points(table: CurveTests, temperature: float, rate: float) -> Points:
    """Strain, stress, temperature and rate of every point that is not elastic."""
    strains, stresses, temperatures, rates = [], [], [], []
    for state in table.states:
        kelvin, speed = conditions(table, state.coordinates, temperature, rate)
        for test in state.tests:
            kept = np.ones(len(test.strain), dtype=bool) if table.plastic else test.strain > ELASTIC
            strains.append(test.strain[kept])
            stresses.append(test.stress[kept])
            temperatures.append(np.full(int(kept.sum()), kelvin))
            rates.append(np.full(int(kept.sum()), speed))
    return np.concatenate(strains), np.concatenate(stresses), np.concatenate(temperatures), np.concatenate(rates)
