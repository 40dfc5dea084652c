"""The mechanical threshold stress, a published flow-stress model beside those that the package fits.

It takes plastic strain, strain rate and temperature and returns the flow stress. It serves as the truth of copper and,
fitted to the known states, as a rival.
"""

from dataclasses import dataclass

import numpy as np

from cmgai_fem.states.labels import Array


@dataclass(frozen=True)
class MechanicalThreshold:
    """`sigma_a + (S_i sigma_i + S_e sigma_e(e)) mu / mu0`, the mechanical threshold stress model.

    The threshold grows by `d sigma_e / d e = theta0 (1 - tanh(2 X) / tanh 2)`, `X = sigma_e / sigma_es`, from zero.

    Args:
        sigma_a: athermal stress [Pa].
        sigma_i: intrinsic threshold, without strain [Pa].
        sigma_es0: saturation threshold at 0 K [Pa].
        theta_0: initial hardening rate at 1 per s [Pa].
        theta_1: growth of the hardening rate with ln rate [Pa].
        theta_2: growth of the hardening rate with sqrt(rate) [Pa s^0.5].
        g0: normalised activation energy of the flow stress [-].
        g0_es: normalised activation energy of the saturation [-].
        rate0: reference rate of the flow stress and the saturation [1/s].
        mu0: shear modulus at 0 K [Pa].
        D: softening of the shear modulus [Pa].
        T0: temperature of that softening [K].
        k_over_b3: Boltzmann constant over Burgers vector cubed [Pa/K].
        p: exponent of the obstacle profile [-].
        q: exponent of the obstacle profile [-].

    Source: P. S. Follansbee, U. F. Kocks, Acta Metall. 36 (1988) 81.
    """

    sigma_a: float
    sigma_i: float
    sigma_es0: float
    theta_0: float
    theta_1: float
    theta_2: float
    g0: float
    g0_es: float
    rate0: float = 1e7
    mu0: float = 47.7e9
    D: float = 3.0e9
    T0: float = 180.0
    k_over_b3: float = 0.823e6
    p: float = 2.0 / 3.0
    q: float = 1.0

    def shear_modulus(self, temperature: float) -> float:
        """Shear modulus [Pa] at a temperature [K]."""
        return self.mu0 - self.D / float(np.expm1(self.T0 / temperature))

    def __call__(self, plastic_strain: Array, rate: float, temperature: float) -> Array:
        """Flow stress [Pa] at plastic strains [-], a strain rate [1/s] and a temperature [K]."""
        modulus = self.shear_modulus(temperature)
        barrier = self.k_over_b3 * temperature / modulus * np.log(self.rate0 / rate)
        share = max(1.0 - (barrier / self.g0) ** (1.0 / self.q), 0.0) ** (1.0 / self.p)
        saturation = self.sigma_es0 * np.exp(-barrier / self.g0_es)
        hardening = max(self.theta_0 + self.theta_1 * np.log(rate) + self.theta_2 * np.sqrt(rate), 1.0)
        threshold = saturation * _threshold_curve(np.asarray(plastic_strain) * hardening / saturation)
        return self.sigma_a + share * (self.sigma_i + threshold) * modulus / self.mu0


def _threshold_curve(z: Array) -> Array:
    """X(z) of `dX/dz = 1 - tanh(2 X) / tanh 2`, X(0) = 0: z(X) in closed form, inverted on a fine table."""
    top = np.tanh(2.0)
    X = 1.0 - np.concatenate([np.linspace(1.0, 0.02, 1500, endpoint=False), np.geomspace(0.02, 1e-12, 1500)])
    y = np.tanh(2.0 * X)
    # With y = tanh 2X the integral of dX / (1 - y / top) is rational in y; these are its partial fractions.
    z_of_X = 0.5 * (
        -top / (1.0 - top**2) * np.log1p(-y / top)
        + top / (2.0 * (1.0 - top)) * np.log1p(-y)
        + top / (2.0 * (1.0 + top)) * np.log1p(y)
    )
    return np.interp(z, z_of_X, X)
