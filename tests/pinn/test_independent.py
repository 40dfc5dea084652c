"""The independent network: tanh units of the pseudo-time alone, against exact motions and the finite elements."""

from typing import Any

import numpy as np
import pytest

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.pinn import independent
from cmgai_fem.pinn.export import export_weights, motion_from_weights
from cmgai_fem.pinn.independent import solve_independent
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import labels_on_mesh, labels_on_points
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States
from cmgai_fem.transport.forces import Free, Least
from cmgai_fem.transport.laws import Membrane, make_law
from cmgai_fem.transport.problem import Problem

KNOWN = np.array([100.0, 250.0, 400.0, 550.0, 700.0])
INSIDE, OUTSIDE = (130.0, 200.0, 330.0, 500.0, 640.0), (50.0, 775.0)
X = np.linspace(0.0, 1.0, 21)


def problem(**statement: Any) -> Problem:
    """A bar whose fields bend and grow with the temperature."""
    s = KNOWN[:, None] / 700.0
    values = np.exp(s * np.cos(np.pi * X)) + 0.5 * s**2 * np.sin(4.0 * s + X) * np.cos(2.0 * np.pi * X)
    labels = labels_on_mesh(X[:, None], {"line": np.stack([np.arange(20), np.arange(1, 21)], axis=1)})
    states = States(labels, Coordinate("temperature"), KNOWN, {"u": Field(values[..., None], "", ("",))})
    return Problem(states, reach=(50.0, 775.0), **statement)


def worst(statement: Problem, places: tuple[float, ...]) -> float:
    """Largest difference to the finite elements, root mean square over the known range."""
    fem, network = solve(statement), solve(statement, "independent")
    differences = [np.sqrt(np.mean((network.at(at) - fem.at(at)) ** 2)) for at in places]
    return max(differences) / float(np.ptp(statement.known.values))


@pytest.mark.parametrize("damping", [0.0, 4.0])
@pytest.mark.parametrize("order", [-1, 0, 1, 2, 3])
def test_it_finds_the_motion_of_the_finite_elements(order: int, damping: float) -> None:
    statement = problem(force=Least(order), damping=damping)
    assert worst(statement, INSIDE) < 5e-4
    assert worst(statement, OUTSIDE) < 3e-3


def test_it_finds_the_motion_in_other_pseudo_times() -> None:
    for kind, exponent in (("log", 1.0), ("power", 2.0)):
        assert worst(problem(force=Least(0), pseudo_time=kind, exponent=exponent), INSIDE + OUTSIDE) < 5e-4


@pytest.mark.parametrize(("order", "damping"), [(-1, 2.0), (0, 0.0), (1, 2.0)])
def test_under_a_law_every_mode_has_networks_of_its_own(order: int, damping: float) -> None:
    statement = problem(force=Least(order), damping=damping, law=Membrane(1.0))
    assert worst(statement, INSIDE) < 5e-4
    assert worst(statement, OUTSIDE) < 3e-3


@pytest.mark.parametrize("order", [-1, 0, 2])
def test_before_its_training_the_balance_is_far_from_met(order: int) -> None:
    """Inputs that hold the answer would meet the balance from the first: the residual at step 0 tells the two apart."""
    solution = solve_independent(problem(force=Least(order)))
    untrained, trained = ([row["momentum_residual"] for row in solution.history[part::2]] for part in (0, 1))
    assert min(untrained) > 0.1
    assert max(trained) < 1e-5
    losses = [row["loss"] for row in solution.history]
    assert all(after < 1e-3 * before for before, after in zip(losses[::2], losses[1::2], strict=True))


def test_the_residual_is_that_of_the_generated_field() -> None:
    solution = solve_independent(problem(force=Least(0), damping=2.0))
    assert solution.path is not None and solution.force is not None
    for at in INSIDE:
        s = float(solution.problem.time(at))
        lacking = solution.path(s, 2) + 2.0 * solution.path(s, 1) - solution.force(s)
        scale = solution.problem.scaling.scale / np.ptp(solution.problem.known.values)
        weights = solution.problem.states.labels.weights
        expected = scale * np.sqrt(np.average(lacking[:, 0] ** 2, weights=weights))
        assert solution.momentum_residual(at) == pytest.approx(expected, rel=1e-6, abs=1e-13)


def test_soft_states_are_missed_as_the_finite_elements_miss_them() -> None:
    assert worst(problem(force=Least(0), tolerance=0.05), INSIDE + tuple(KNOWN)) < 5e-4


def test_states_that_do_not_move_stay() -> None:
    still = Field(np.ones((3, 2, 1)), "", ("",))
    states = States(labels_on_points(np.arange(2.0)[:, None]), Coordinate("s"), np.arange(3.0), {"u": still})
    solution = solve_independent(Problem(states))
    assert np.array_equal(solution.at(0.5), np.ones((2, 1)))
    assert solution.momentum_residual(0.5) == 0.0


@pytest.mark.parametrize("order", [-1, 1])
def test_its_weights_are_kept_and_read(order: int) -> None:
    solution = solve_independent(problem(force=Least(order)))
    read = motion_from_weights(export_weights(solution))
    assert np.array_equal(read(0.37), solution.path(0.37))  # type: ignore[misc]


def test_the_seed_decides_its_digits() -> None:
    first, again, other = (solve_independent(problem(), seed=seed).at(200.0) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_what_it_does_not_take_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    square = States(
        labels_on_points(np.arange(2.0)[:, None]),
        Coordinates((Coordinate("a"), Coordinate("b"))),
        np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]),
        {"u": Field(np.arange(8.0).reshape(4, 2, 1), "", ("",))},
    )
    for statement in (problem(force=Free()), problem(law=make_law("neo_hookean", 1.0)), Problem(square)):
        with pytest.raises(InputError, match="independent network takes one coordinate"):
            solve_independent(statement)
    monkeypatch.setattr(independent, "TOLERANCE", 0.0)
    with pytest.raises(ConvergenceError, match="momentum residual of the independent network is"):
        solve_independent(problem())
