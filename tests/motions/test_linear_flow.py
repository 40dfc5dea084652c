"""Linear systems under noise: against the matrix exponential, quadrature, and closed forms where the law is stiff."""

import numpy as np
from scipy.integrate import quad_vec
from scipy.linalg import expm

from cmgai_fem.motions.linear_flow import companion, flow, response


def test_a_step_is_the_matrix_exponential_and_its_noise_the_integral() -> None:
    generator = np.random.default_rng(0)
    system = companion([generator.normal(size=(2, 2)) * 5.0, generator.normal(size=(2, 2))], 1)
    carry, spread = flow(system, 2, np.array([0.3, 0.7]))
    driven = np.zeros((6, 2))
    driven[-2:] = np.eye(2)

    def rate(s: float) -> np.ndarray:
        moved = expm(system * s) @ driven
        return moved @ moved.T

    exact = quad_vec(rate, 0.0, 0.7, epsabs=1e-12)[0]
    np.testing.assert_allclose(carry[1], expm(system * 0.7), atol=1e-12)
    np.testing.assert_allclose(spread[1], exact, atol=1e-11)


def test_decay_is_exact_however_stiff() -> None:
    rates = np.geomspace(1.0, 1e6, 20)
    times = np.array([0.0, 0.2, 0.5, 1.0])
    led, spread = response(-rates[:, None, None], 1, times)
    np.testing.assert_allclose(led[:, :, 0, 0], np.exp(-rates[:, None] * times), atol=1e-12)
    own = np.array([spread[:, k, 0, k, 0] for k in range(1, 4)]).T
    exact = (1.0 - np.exp(-2.0 * rates[:, None] * times[1:])) / (2.0 * rates[:, None])
    np.testing.assert_allclose(own, exact, rtol=1e-9)
    np.testing.assert_allclose(spread[:, 1, 0, 2, 0], np.exp(-0.3 * rates) * exact[:, 0], rtol=1e-8, atol=1e-14)
