"""A state force whose law is trained with the motion: exact motions, and the exact solution for a given law."""

from itertools import pairwise

import numpy as np
import pytest

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.motions.shared_law import SharedLaw
from cmgai_fem.pinn.law_network import NetworkMotion
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import Array, labels_on_mesh, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import StateForce
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.state_motion import StateMotion

KNOWN = np.linspace(0.0, 1.0, 6)
PLACES = np.random.default_rng(0).normal(size=(12, 2))


def turned(time: float) -> Array:
    """Places after 1.2 turns a second about a point."""
    angle = 2.0 * np.pi * 1.2 * time
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return PLACES @ turn.T + [0.3, 0.1]


def rotation(force: StateForce, noise: float = 0.0) -> Problem:
    values = np.stack([turned(time) for time in KNOWN])
    values += noise * np.ptp(values) * np.random.default_rng(1).normal(size=values.shape)
    states = States.of(labels_on_points(PLACES), Coordinate("time", "s"), KNOWN, {"x": Field(values, "m", ("x", "y"))})
    return Problem(states, force=force).with_reach([1.4])


@pytest.mark.parametrize("force", [StateForce(1, acts="matrix"), StateForce(2)])
def test_the_law_of_a_rotation_is_trained(force: StateForce) -> None:
    solution = solve(rotation(force), "pinn")
    for time in (0.5, 1.2, 1.4):
        np.testing.assert_allclose(solution.at(time), turned(time), atol=1e-4)
    assert isinstance(solution.path, NetworkMotion)
    np.testing.assert_allclose(np.abs(solution.path.rates.imag), 2.4 * np.pi, rtol=1e-4)
    step = 1e-4
    slope = (solution.path(0.5 + step) - solution.path(0.5 - step)) / (2.0 * step)
    np.testing.assert_allclose(solution.path(0.5, 1), slope, rtol=1e-4, atol=1e-4)


def test_noisy_states_give_the_law_and_motion_of_the_evidence() -> None:
    problem = rotation(StateForce(1, acts="matrix"), 0.01)
    exact, ours = solve(problem), solve(problem, "pinn", seed=3)
    for time in (0.5, 1.2, 1.4):
        assert np.abs(exact.at(time) - ours.at(time)).max() < 2e-3 * np.ptp(turned(time))


@pytest.mark.medium
def test_diffusion_is_trained_mode_by_mode() -> None:
    points = np.linspace(0.0, 1.0, 25)[:, None]
    labels = labels_on_mesh(points, {"line": np.array(list(pairwise(range(25))))})
    shapes = np.cos(np.outer([1, 2, 3], np.pi * points[:, 0]))

    def field(time: float) -> Array:
        return 2.0 + np.exp(-0.1 * (np.pi * np.array([1, 2, 3])) ** 2 * time) @ shapes

    values = np.stack([field(time) for time in KNOWN])
    states = States.of(labels, Coordinate("time", "s"), KNOWN, {"T": Field(values[:, :, None], "K", ("",))})
    solution = solve(Problem(states, force=StateForce(1, acts="operator")).with_reach([1.5]), "pinn")
    assert isinstance(solution.path, StateMotion)
    assert solution.path.diffusivity == pytest.approx(0.1, rel=0.01)
    for time in (0.1, 0.7, 1.5):
        assert np.abs(solution.at(time)[:, 0] - field(time)).max() < 2e-3


def test_what_the_networks_are_not_for() -> None:
    problem = rotation(StateForce(1, acts="matrix"))
    own = StateForce(2, law=SharedLaw(2, own=True, entries=(-50.0, 0.0)), unit=1.0)
    with pytest.raises(InputError, match="of each label's own: use fem"):
        solve(rotation(own), "pinn")
    with pytest.raises(ConvergenceError, match="turns and layers"):
        solve(problem.with_reach([60.0]), "pinn")
