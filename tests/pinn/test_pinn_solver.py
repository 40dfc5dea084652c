"""The PINN against exact least-force motions, computed here by means of their own."""

from collections.abc import Callable
from math import factorial

import numpy as np
import pytest

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.pinn.export import export_weights, motion_from_weights
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.pinn.solver import solve_pinn
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import Array, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution

TEMPERATURES = np.array([100.0, 250.0, 400.0, 550.0, 700.0])
X = np.linspace(0.0, 1.0, 60)


def stress(temperature: float) -> Array:
    return (np.sin(3.0 * X + temperature / 200.0) * np.exp(X * temperature / 900.0))[:, None]


def states(values: Array = TEMPERATURES) -> States:
    field = Field(np.stack([stress(value) for value in values]), "Pa", ("",))
    return States(labels_on_points(X[:, None]), Coordinate("temperature", "degC"), values, {"stress": field})


def natural_spline(nodes: Array, values: Array, order: int) -> Callable[[float], Array]:
    """Natural spline of degree 2 order + 3 as radial powers with vanishing moments and a polynomial tail."""
    degree, tail = 2 * order + 3, order + 2
    kernel = np.abs(nodes[:, None] - nodes) ** degree
    powers = nodes[:, None] ** np.arange(tail)
    system = np.block([[kernel, powers], [powers.T, np.zeros((tail, tail))]])
    solved = np.linalg.solve(system, np.vstack([values, np.zeros((tail, values.shape[1]))]))

    def curve(s: float) -> Array:
        return np.abs(s - nodes) ** degree @ solved[: len(nodes)] + s ** np.arange(tail) @ solved[len(nodes) :]

    return curve


def damped_spline(nodes: Array, values: Array, order: int, eta: float) -> Callable[[float], Array]:
    """Exact least-force motion with damping: a sum of Green's functions of `D^2p (D² - eta D)(D² + eta D)`.

    G(s) = |s|^(2p + 1) convolved with the two exponentials reduces, for p = 0 and 1, to |s|^(2p + 1) powers and
    exp(-eta |s|); its moments against the operator's own motions (powers up to s^p and exp(-eta s)) vanish.
    """

    # D^(2p+2) (D² - eta²) G = delta: exp(-eta|s|) minus its Taylor terms that the powers |s|, |s|³, ... cancel.
    def green(s: Array) -> Array:
        size = np.abs(s)
        total = np.exp(-eta * size)
        for power in range(1, 2 * order + 2, 2):
            total = total + (eta * size) ** power / factorial(power)
        return total

    def tail(s: Array) -> Array:
        return np.stack([*(s**power for power in range(order + 1)), np.exp(-eta * s)], axis=-1)

    count = order + 2
    kernel, motions = green(nodes[:, None] - nodes), tail(nodes)
    # Beyond the last state b is the restriction's own motion, so the sources are orthogonal to the adjoint's motions.
    moments = np.stack([*(nodes**power for power in range(order + 1)), np.exp(-eta * nodes)], axis=-1)
    system = np.block([[kernel, motions], [moments.T, np.zeros((count, count))]])
    solved = np.linalg.solve(system, np.vstack([values, np.zeros((count, values.shape[1]))]))
    return lambda s: green(s - nodes) @ solved[: len(nodes)] + tail(np.array(s)) @ solved[len(nodes) :]


def error(solution: Solution, exact: Callable[[float], Array], value: float) -> float:
    """Root mean square difference over the range of the known data."""
    problem = solution.problem
    expected = problem.scaling.decode(problem.modes.features(exact(float(problem.time(value)))))
    return float(np.sqrt(np.mean((solution.at(value) - expected) ** 2)) / np.ptp(problem.known.values))


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_reaches_the_natural_spline(order: int) -> None:
    problem = Problem(states(), force=Least(order)).with_reach(50.0, 760.0)
    solution = solve_pinn(problem)
    exact = natural_spline(problem.nodes, problem.modes.amplitudes, order)
    for value in (175.0, 325.0, 475.0, 625.0):
        assert error(solution, exact, value) < 5e-5
    for value in (50.0, 760.0):
        assert error(solution, exact, value) < 3e-4


@pytest.mark.parametrize("order", [0, 1])
def test_reaches_the_damped_spline(order: int) -> None:
    problem = Problem(states(), force=Least(order), damping=3.0).with_reach(50.0, 760.0)
    solution = solve_pinn(problem)
    exact = damped_spline(problem.nodes, problem.modes.amplitudes, order, 3.0)
    for value in (175.0, 325.0, 475.0, 625.0):
        assert error(solution, exact, value) < 5e-5
    for value in (50.0, 760.0):
        assert error(solution, exact, value) < 3e-4


def test_blows_alone_give_straight_pieces() -> None:
    problem = Problem(states(), force=Least(-1)).with_reach(50.0, 775.0)
    solution = solve_pinn(problem)
    known = problem.known.values
    np.testing.assert_allclose(solution.at(325.0), 0.5 * (known[1] + known[2]), rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(solution.at(775.0), known[4] + 0.5 * (known[4] - known[3]), rtol=0.0, atol=1e-10)


def test_blows_with_damping_give_exponentials() -> None:
    problem = Problem(states(), force=Least(-1), damping=3.0).with_reach(50.0, 775.0)
    solution = solve_pinn(problem)
    known, s = problem.known.values, problem.nodes
    middle, ends = np.exp(-3.0 * float(problem.time(490.0))), np.exp(-3.0 * s[2:4])
    share = (middle - ends[0]) / (ends[1] - ends[0])
    expected = known[2] + share * (known[3] - known[2])
    assert np.max(np.abs(solution.at(490.0) - expected)) < 1e-6 * np.ptp(known)


def test_known_states_hold_exactly_and_the_seed_decides() -> None:
    problem = Problem(states(), force=Least(1))
    first, second = solve_pinn(problem, seed=3), solve_pinn(problem, seed=3)
    for index, value in enumerate(TEMPERATURES):
        np.testing.assert_allclose(first.at(value), problem.known.values[index], rtol=0.0, atol=1e-11)
    np.testing.assert_array_equal(first.at(325.0), second.at(325.0))
    assert set(first.history[-1]) == {"step", "loss", "momentum_residual", "seconds"}


def test_force_balances_the_motion() -> None:
    problem = Problem(states(), force=Least(1), damping=3.0)
    solution = solve_pinn(problem)
    assert solution.force is not None
    for s in (0.1, 0.37, 0.8):
        balance = solution.path(s, 2) + 3.0 * solution.path(s, 1) - solution.force(s)
        assert np.max(np.abs(balance)) < 2e-3 * np.max(np.abs(solution.path(s, 2)))


def test_soft_states_trade_misfit_for_force() -> None:
    hard = Problem(states(), force=Least(0))
    soft = Problem(states(), force=Least(0), tolerance=(0.0, 0.05, 0.0, 0.05, 0.0))
    solution = solve_pinn(soft)
    weights = np.where(soft.softness > 0.0, soft.softness, 1.0)
    # Smoothing spline with the kernel |s|³/12 and a linear tail: the misfit is softness² times the source.
    nodes = soft.nodes
    kernel = np.abs(nodes[:, None] - nodes) ** 3 / 12.0 + np.diag(np.where(soft.softness > 0.0, weights**2, 0.0))
    powers = nodes[:, None] ** np.arange(2)
    system = np.block([[kernel, powers], [powers.T, np.zeros((2, 2))]])
    solved = np.linalg.solve(system, np.vstack([soft.modes.amplitudes, np.zeros((2, soft.modes.count))]))
    s = float(soft.time(250.0))
    exact = np.abs(s - nodes) ** 3 / 12.0 @ solved[:5] + s ** np.arange(2) @ solved[5:]
    assert error(solution, lambda _: exact, 250.0) < 5e-5
    assert np.max(np.abs(solution.at(250.0) - hard.known.values[1])) > 1e-4


@pytest.mark.parametrize("order", [-1, 0])
def test_weights_go_out_and_come_back(order: int) -> None:
    solution = solve_pinn(Problem(states(), force=Least(order)))
    arrays = export_weights(solution)
    motion, force = motion_from_weights(arrays), motion_from_weights(arrays, "force")
    for s in (0.0, 0.3, 1.0):
        np.testing.assert_allclose(motion(s, 1), solution.path(s, 1), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(force(s), solution.force(s), rtol=1e-12, atol=1e-12)
    with pytest.raises(InputError, match="hold no 'motion'"):
        motion_from_weights({})


def test_a_field_that_never_moves_needs_no_training() -> None:
    still = Field(np.ones((5, 60, 1)), "Pa", ("",))
    problem = Problem(States(states().labels, Coordinate("t"), TEMPERATURES, {"still": still}))
    np.testing.assert_array_equal(solve_pinn(problem).at(300.0), still.values[0])


def test_bad_settings_and_devices_are_named() -> None:
    with pytest.raises(InputError, match="encoding 'wavelets'"):
        TrainingSettings(encoding="wavelets")
    with pytest.raises(InputError, match="device 'tape' is not available"):
        solve_pinn(Problem(states()), device="tape")


def test_training_cut_short_is_an_error() -> None:
    problem = Problem(states(), force=Least(2), damping=3.0)
    with pytest.raises(ConvergenceError, match="field 'stress': the momentum residual stayed at"):
        solve_pinn(problem, settings=TrainingSettings(rounds=1, steps=1, tolerance=1e-9))


@pytest.mark.medium
def test_rough_weights_meet_the_balance_between_the_points_too() -> None:
    settings = TrainingSettings(optimiser="ssbroyden", quasi_newton=300)
    solution = solve_pinn(Problem(states(), force=Least(2)), settings=settings)
    assert float(str(solution.info["momentum_residual"])) < 2e-3


def test_ssbroyden_hands_over_to_the_same_answer() -> None:
    problem = Problem(states(), force=Least(0))
    solution = solve_pinn(problem, settings=TrainingSettings(optimiser="ssbroyden", quasi_newton=50))
    exact = natural_spline(problem.nodes, problem.modes.amplitudes, 0)
    assert error(solution, exact, 325.0) < 5e-5
    assert solution.history[40]["loss"] < 0.1 * solution.history[0]["loss"]


def test_a_balance_that_is_met_at_the_gauss_points_alone_is_trained_on_more_of_them() -> None:
    """Order 2 with damping through states that crowd in pseudo-time: sixteen points a piece leave 3e-3 between them."""
    values = np.array([100.0, 250.0, 400.0, 550.0, 700.0])
    field = Field(np.eye(5)[:, :, None], "", ("",))
    states = States.of(labels_on_points(np.arange(5.0)[:, None]), Coordinate("T"), values, {"unit": field})
    problem = Problem(states, force=Least(2), damping=4.0, pseudo_time="power", exponent=2.0)
    trained, exact = solve_pinn(problem), solve(problem)
    assert trained.info["momentum_residual"] < 2e-3
    for value in (175.0, 325.0, 625.0):
        np.testing.assert_allclose(trained.at(value), exact.at(value), atol=1e-3)
