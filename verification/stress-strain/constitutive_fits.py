"""Constitutive models as rivals: fitted to the tests of the known states alone, by least squares.

The residuals are relative to the stress, as the scatter of tests is. Fits start from several points, since the models
are not linear in their constants; the best fit counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from cmgai_fem.curves.table import CurveTests
from cmgai_fem.errors import ConvergenceError
from cmgai_fem.states.labels import Array

from .flow_stress import JohnsonCook, MechanicalThreshold, ZerilliArmstrong

FlowStress = Callable[[Array, float, float], Array]
MELTING = 1800.0
# Strains below which a total strain is mostly elastic: these models say nothing of it.
ELASTIC = 0.002


@dataclass(frozen=True)
class FitSetup:
    """How a model is made from free constants: their names do not matter to the fit, their scale does.

    Args:
        name: of the rival.
        make: maps scaled constants to the model.
        starts: scaled constants to start from.
        lower: bounds of the scaled constants.
        upper: see `lower`.
    """

    name: str
    make: Callable[[Array], FlowStress]
    starts: Sequence[Sequence[float]]
    lower: Sequence[float]
    upper: Sequence[float]


def johnson_cook_setup(melting: float, room: float) -> FitSetup:
    """Johnson-Cook with free A, B [100 MPa], n, C, m; the melting and the reference temperature [K] are given."""
    return FitSetup(
        "johnson_cook",
        lambda x: JohnsonCook(x[0] * 1e8, x[1] * 1e8, x[2], x[3], x[4], melting, room),
        [(2.0, 3.0, 0.3, 0.01, 1.0), (8.0, 5.0, 0.3, 0.01, 1.0), (0.5, 3.0, 0.6, 0.02, 0.7)],
        (0.0, 0.0, 0.02, -0.05, 0.2),
        (50.0, 50.0, 1.5, 0.2, 4.0),
    )


def zerilli_armstrong_setup() -> FitSetup:
    """Zerilli-Armstrong, bcc and fcc terms together: c0, c1, c2, c5 [100 MPa], c3, c4 [1e-3 / K], n."""
    return FitSetup(
        "zerilli_armstrong",
        lambda x: ZerilliArmstrong(x[0] * 1e8, x[1] * 1e8, x[2] * 1e8, x[3] * 1e-3, x[4] * 1e-3, x[5] * 1e8, x[6]),
        [(0.5, 0.5, 5.0, 2.0, 0.1, 0.5, 0.5), (2.0, 10.0, 1.0, 3.0, 0.2, 3.0, 0.3)],
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.02),
        (50.0, 50.0, 100.0, 20.0, 2.0, 50.0, 1.5),
    )


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


@dataclass(frozen=True)
class FittedModel:
    """A fitted model.

    Args:
        name: of the rival.
        model: flow stress [Pa] of plastic strain, strain rate [1/s] and temperature [K].
        misfit: root mean square misfit of the known tests, relative to the stress.
    """

    name: str
    model: FlowStress
    misfit: float

    def curve(self, strain: Array, temperature: float, rate: float) -> Array:
        """Stress [Pa] at strains [-]; elastic strains are not told from plastic ones."""
        return self.model(strain, rate, temperature)


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
    return [_fit(setup, data) for setup in setups]


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


def _fit(setup: FitSetup, data: Points) -> FittedModel:
    strain, stress, temperature, rate = data
    states, row = np.unique(np.column_stack([temperature, rate]), axis=0, return_inverse=True)

    def residual(x: Array) -> Array:
        model = setup.make(x)
        found = np.empty_like(stress)
        for index, (kelvin, speed) in enumerate(states):
            at = row == index
            found[at] = model(strain[at], float(speed), float(kelvin))
        return found / stress - 1.0

    fits = [
        least_squares(residual, start, bounds=(setup.lower, setup.upper), x_scale=np.maximum(np.abs(start), 0.1))
        for start in setup.starts
    ]
    done = [fit for fit in fits if fit.status > 0 and np.all(np.isfinite(fit.fun))]
    if not done:
        raise ConvergenceError(f"{setup.name}: no fit to the known states converged")
    best = min(done, key=lambda fit: fit.cost)
    return FittedModel(setup.name, setup.make(best.x), float(np.sqrt(np.mean(best.fun**2))))
