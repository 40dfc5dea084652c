"""Both optimisers on published test problems (Moré, Garbow and Hillstrom, ACM TOMS 7, 1981)."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from cmgai_fem.pinn.levenberg_marquardt import LevenbergMarquardt
from cmgai_fem.pinn.ssbroyden import SSBroyden
from cmgai_fem.states.labels import Array


def rosenbrock(x: Tensor) -> Tensor:
    """Extended Rosenbrock function of ten variables, problem 21; minimum 0 at ones."""
    return torch.cat([10.0 * (x[1::2] - x[::2] ** 2), 1.0 - x[::2]])


def helical_valley(x: Tensor) -> Tensor:
    """Problem 7; minimum 0 at (1, 0, 0)."""
    angle = torch.atan2(x[1], x[0]) / (2.0 * torch.pi)
    radius = torch.sqrt(x[0] ** 2 + x[1] ** 2)
    return torch.stack([10.0 * (x[2] - 10.0 * angle), 10.0 * (radius - 1.0), x[2]])


PROBLEMS = [
    (rosenbrock, np.tile([-1.2, 1.0], 5), np.ones(10)),
    (helical_valley, np.array([-1.0, 1e-3, 0.0]), np.array([1.0, 0.0, 0.0])),
]


@pytest.mark.parametrize(("residual", "start", "minimum"), PROBLEMS)
def test_levenberg_marquardt_finds_the_minimum(
    residual: Callable[[Tensor], Tensor], start: Array, minimum: Array
) -> None:
    optimiser = LevenbergMarquardt(residual, torch.func.jacrev(residual), torch.as_tensor(start))
    for _ in range(200):
        if not optimiser.step():
            break
    np.testing.assert_allclose(optimiser.weights.numpy(), minimum, atol=1e-7)


@pytest.mark.parametrize(("residual", "start", "minimum"), PROBLEMS)
def test_ssbroyden_finds_the_minimum(residual: Callable[[Tensor], Tensor], start: Array, minimum: Array) -> None:
    def loss(x: Tensor) -> Tensor:
        return 0.5 * torch.sum(residual(x) ** 2)

    optimiser = SSBroyden(
        lambda x: float(loss(torch.as_tensor(x))),
        lambda x: torch.func.grad(loss)(torch.as_tensor(x)).numpy(),
        start,
    )
    for _ in range(400):
        if not optimiser.step():
            break
    np.testing.assert_allclose(optimiser.weights, minimum, atol=1e-6)
