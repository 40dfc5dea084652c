"""Forces of the state: recovered from four states of a family of oscillators, whose force is `-9 (x - 1/5)`."""

import numpy as np
import pytest

from cmgai_fem.pinn.solver import solve_pinn
from cmgai_fem.states.labels import Array, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Autonomous, ForceModel, Free, Least, Potential
from cmgai_fem.transport.problem import Problem

X = np.linspace(-1.0, 1.0, 21)[:, None]
TIMES = np.array([0.0, 0.3, 0.6, 1.0])


def position(time: float) -> Array:
    return 0.2 + X * np.cos(3.0 * time)


def error(force: ForceModel, time: float) -> float:
    states = States(
        labels_on_points(X),
        Coordinate("time", "s"),
        TIMES,
        {"x": Field(np.stack([position(at) for at in TIMES]), "m", ("",))},
    )
    solution = solve_pinn(Problem(states, force=force).with_reach(0.0, 1.1))
    return float(np.max(np.abs(solution.at(time) - position(time))))


@pytest.mark.medium
@pytest.mark.parametrize("force", [Autonomous(), pytest.param(Potential(), marks=pytest.mark.slow)])
def test_a_force_of_the_state_extrapolates(force: ForceModel) -> None:
    assert error(force, 1.1) < 2e-3
    assert error(Least(1), 1.1) > 1e-2


def test_a_free_force_goes_through_the_states_and_no_more() -> None:
    assert error(Free(), 0.3) < 1e-9
    assert error(Free(), 0.45) < 2e-2
