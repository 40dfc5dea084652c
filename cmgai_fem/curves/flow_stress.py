"""Constitutive models of the flow stress and their fits to known curves.

The residuals are relative to the stress, as the scatter of tests is. Fits start from several points, since the models
are not linear in their constants; the best fit counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.states.labels import Array

FlowStress = Callable[[Array, float, float], Array]
MELTING = 1800.0
# Strains below which a total strain is mostly elastic: these models say nothing of it.
ELASTIC = 0.002


@dataclass(frozen=True)
class JohnsonCook:
    """`(A + B e^n)(1 + C ln(rate / 1 per s))(1 - T*^m)`, `T* = (T - room) / (melting - room)`.

    Args:
        A: initial yield stress [Pa].
        B: hardening modulus [Pa].
        n: hardening exponent [-].
        C: rate sensitivity [-].
        m: softening exponent [-].
        melting: melting temperature [K].
        room: temperature without softening [K].

    Source: G. R. Johnson, W. H. Cook, 7th Int. Symp. on Ballistics (1983) 541.
    """

    A: float
    B: float
    n: float
    C: float
    m: float
    melting: float
    room: float = 298.0

    def __call__(self, plastic_strain: Array, rate: float, temperature: float) -> Array:
        """Flow stress [Pa] at plastic strains [-], a strain rate [1/s] and a temperature [K]."""
        homologous = (temperature - self.room) / (self.melting - self.room)
        # Below the reference temperature T*^m has no real value; the odd continuation keeps the slope's sign.
        softening = 1.0 - np.sign(homologous) * abs(homologous) ** self.m
        return (self.A + self.B * plastic_strain**self.n) * (1.0 + self.C * np.log(rate)) * softening


@dataclass(frozen=True)
class ZerilliArmstrong:
    """`c0 + (c1 + c2 sqrt(e)) exp(-c3 T + c4 T ln rate) + c5 e^n`: the bcc and the fcc form in one.

    Args:
        c0: athermal stress [Pa].
        c1: thermal stress without strain (bcc) [Pa].
        c2: thermal stress with the square root of strain (fcc) [Pa].
        c3: thermal softening [1/K].
        c4: rate sensitivity of the softening [1/K].
        c5: hardening modulus (bcc) [Pa].
        n: hardening exponent [-].

    Source: F. J. Zerilli, R. W. Armstrong, J. Appl. Phys. 61 (1987) 1816.
    """

    c0: float
    c1: float
    c2: float
    c3: float
    c4: float
    c5: float
    n: float

    def __call__(self, plastic_strain: Array, rate: float, temperature: float) -> Array:
        """Flow stress [Pa] at plastic strains [-], a strain rate [1/s] and a temperature [K]."""
        thermal = np.exp(-self.c3 * temperature + self.c4 * temperature * np.log(rate))
        return self.c0 + (self.c1 + self.c2 * np.sqrt(plastic_strain)) * thermal + self.c5 * plastic_strain**self.n


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


@dataclass(frozen=True)
class FittedModel:
    """A fitted model.

    Args:
        name: of the model.
        make: the model of scaled constants.
        constants: scaled constants.
        factor: (P, P) factor of the covariance of the constants, each state's curve counted as one number a point.
        misfit: root mean square misfit of the known points, relative to the stress.
    """

    name: str
    make: Callable[[Array], FlowStress]
    constants: Array
    factor: Array
    misfit: float

    def curve(self, strain: Array, temperature: float, rate: float) -> Array:
        """Stress [Pa] at strains [-]; elastic strains are not told from plastic ones."""
        return self.make(self.constants)(strain, rate, temperature)

    def error(self, strain: Array, temperature: float, rate: float) -> Array:
        """(L,) standard error that the constants bring to the curve, relative to it."""
        stress, steps = self.curve(strain, temperature, rate), 1e-4 * np.maximum(np.abs(self.constants), 0.01)
        slopes = []
        for step in np.diag(steps):
            moved = self.make(self.constants + step)(strain, rate, temperature)
            slopes.append((moved - stress) / (step.sum() * stress))
        return np.asarray(np.linalg.norm(np.array(slopes).T @ self.factor, axis=1))


def fit_model(setup: FitSetup, strain: Array, stress: Array, temperature: Array, rate: Array) -> FittedModel:
    """A model fitted to points.

    Args:
        setup: the model.
        strain: (P,) plastic strains [-].
        stress: (P,) [Pa].
        temperature: (P,) [K].
        rate: (P,) [1/s].

    Raises:
        ConvergenceError: no fit converged.
    """
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
    misfit = float(np.sqrt(np.mean(best.fun**2)))
    # What a model gets wrong of a curve it gets wrong all along it.
    spread = misfit * np.sqrt(len(stress) / len(states))
    left, sizes, _ = np.linalg.svd(np.linalg.pinv(best.jac, rcond=1e-6), full_matrices=False)
    return FittedModel(setup.name, setup.make, best.x, spread * left * sizes, misfit)
