"""A known force in the PINN: closed forms, and the finite elements under a law."""

import numpy as np
import pytest

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.solve import solve
from cmgai_fem.states.label_meshes import line_mesh
from cmgai_fem.states.labels import Array, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Autonomous, Least
from cmgai_fem.transport.laws import make_law
from cmgai_fem.transport.problem import Problem


class Spring:
    """Each label is drawn to its first place: `-9 u`, and pushed by 2."""

    def __call__(self, displacement: Array, s: float) -> Array:
        return 2.0 - 9.0 * displacement

    def slope(self, displacement: Array, s: float) -> Array:
        return np.full_like(displacement, -9.0)


def test_a_spring_gives_the_oscillation() -> None:
    q = np.linspace(-1.0, 1.0, 5)[:, None]
    states = States.of(
        labels_on_points(q), Coordinate("t"), np.array([0.0, 1.0]), {"x": Field(np.stack([q, 1.5 * q]), "m", ("",))}
    )
    problem = Problem(states, force=Least(-1), known_force=Spring())
    for settings in (TrainingSettings(), TrainingSettings(warm_up=20)):
        solution = solve(problem, "pinn", settings=settings)
        # u'' = 2 - 9 u, u(0) = 0, u(1) = q / 2.
        rest, end = 2.0 / 9.0, 0.5 * q
        sine = (end - rest + rest * np.cos(3.0)) / np.sin(3.0)
        for s in (0.2, 0.5, 0.9):
            exact = q + rest * (1.0 - np.cos(3.0 * s)) + sine * np.sin(3.0 * s)
            np.testing.assert_allclose(solution.at(s), exact, atol=2e-4)


@pytest.mark.medium
def test_law_and_known_force_agree_with_the_finite_elements() -> None:
    labels = line_mesh(9)
    x = labels.points
    moved = [x * (1.0 + 0.2 * s) + 0.05 * s**2 * np.sin(2.0 * x) for s in (0.0, 0.4, 1.0)]
    states = States.of(labels, Coordinate("t"), np.array([0.0, 0.4, 1.0]), {"x": Field(np.stack(moved), "m", ("",))})
    problem = Problem(states, law=make_law("neo_hookean", 0.3), force=Least(0), known_force=Spring())
    fem, pinn = solve(problem, "fem"), solve(problem, "pinn")
    for s in (0.2, 0.7):
        assert np.max(np.abs(fem.at(s) - pinn.at(s))) < 2e-3 * np.ptp(problem.known.values)


def test_what_a_known_force_cannot_do_is_said() -> None:
    q = np.zeros((3000, 1))
    states = States.of(
        labels_on_points(q), Coordinate("t"), np.array([0.0, 1.0]), {"x": Field(np.stack([q, q + 1.0]), "m", ("",))}
    )
    with pytest.raises(InputError, match="use the finite elements"):
        solve(Problem(states, force=Least(-1), known_force=Spring()), "pinn")
    three = States.of(
        labels_on_points(q), Coordinate("t"), np.arange(3.0), {"x": Field(np.stack([q, q + 1.0, q]), "m", ("",))}
    )
    with pytest.raises(InputError, match="known force goes with"):
        Problem(three, force=Least(1), known_force=Spring())


@pytest.mark.medium
def test_a_force_of_the_point_alone_says_why_it_balances_no_crossing() -> None:
    s = np.linspace(0.0, 1.0, 5)
    values = np.stack([s**2, 1.0 - s**2], axis=1)[:, :, None]
    states = States.of(labels_on_points(np.arange(2.0)[:, None]), Coordinate("t"), s, {"x": Field(values, "m", ("",))})
    with pytest.raises(ConvergenceError, match="pass one feature point with unlike accelerations"):
        solve(Problem(states, force=Autonomous(width=4)), "pinn", settings=TrainingSettings(rounds=1, steps=3))
