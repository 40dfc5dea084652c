import numpy as np
import pytest
from scipy.stats import qmc

from cmgai_fem.motions.line import Line
from cmgai_fem.motions.nested import Nested
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.pinn import space_training as networks
from cmgai_fem.pinn.space_quadrature import even_directions, fuzzy_cells, mean_power
from cmgai_fem.pinn.space_training import SpaceResidual, SpaceTraining
from cmgai_fem.pinn.state_space import solve_pinn_space
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States
from cmgai_fem.transport.problem import Problem


def unit_states(nodes: np.ndarray) -> States:
    names = tuple(Coordinate(name) for name in "abc"[: nodes.shape[1]])
    count = len(nodes)
    field = Field(np.eye(count)[:, :, None], "", ("",))
    return States(labels_on_points(np.arange(count)[:, None]), Coordinates(names), nodes, {"unit": field})


def scattered(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    return qmc.Halton(dimension, rng=seed).random(count)


@pytest.mark.parametrize(
    ("dimension", "choice"),
    [
        (1, Scattered(0)),
        (2, Scattered(0)),
        (2, Scattered(1, None, (1.0, 3.0))),
        (2, Scattered(1, tension=4.0)),
        (2, Scattered(0, softness=0.3)),
        (2, Scattered(0, allowed=(0.05,) * 9)),
    ],
)
def test_networks_find_the_least_force(dimension, choice):
    nodes, places = scattered(9, dimension), scattered(12, dimension, 1)
    nodes = np.sort(nodes, axis=0) if dimension == 1 else nodes
    problem = Problem(unit_states(nodes), force=choice)
    exact, trained = solve(problem), solve(problem, "pinn", seed=0)
    difference = trained.motion.weights(places) - exact.motion.weights(places)
    assert np.sqrt(np.mean(difference**2)) < 2e-3
    if not choice.softness and choice.allowed is None:
        np.testing.assert_allclose(trained.motion.weights(nodes), np.eye(9), atol=1e-9)


@pytest.mark.slow
def test_networks_find_the_least_force_in_three_coordinates():
    nodes, places = scattered(9, 3), scattered(12, 3, 1)
    problem = Problem(unit_states(nodes), force=Scattered(0))
    difference = solve_pinn_space(problem).motion.weights(places) - problem.motion.weights(places)
    assert np.sqrt(np.mean(difference**2)) < 5e-3


def test_the_lines_of_a_grid_are_trained():
    nodes = np.array([[x, y] for x in (0.0, 0.4, 1.0) for y in (0.0, 0.3, 0.7, 1.0)])
    problem = Problem(unit_states(nodes), force=Nested((Line(0), Line(1, 2.0))))
    places = scattered(6, 2)
    trained = solve(problem, "pinn").motion.weights(places)
    np.testing.assert_allclose(trained, problem.motion.weights(places), atol=1e-3)


def test_simplices_leave_nothing_to_learn():
    problem = Problem(unit_states(scattered(9, 2)), force=Scattered(-1))
    places = scattered(6, 2, 1)
    trained = solve(problem, "pinn")
    np.testing.assert_array_equal(trained.motion.weights(places), problem.motion.weights(places))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_the_quadrature_reaches_to_infinity(dimension):
    """A sum of bumps of finite tail about the states, whose integral is known."""
    nodes = scattered(8, dimension)
    points, weights = fuzzy_cells(nodes)
    apart = np.sum((points[:, None] - nodes) ** 2, axis=2)
    found = weights @ np.mean(np.exp(-8.0 * apart), axis=1)
    assert found == pytest.approx((np.pi / 8.0) ** (0.5 * dimension), rel=5e-3)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("order", [2, 3])
def test_directions_average_an_energy(dimension, order):
    directions, shares = even_directions(dimension, order)
    for axis in np.vstack([np.eye(dimension), np.ones((1, dimension)) / np.sqrt(dimension)]):
        mean = shares @ (directions @ axis) ** (2 * order)
        assert mean == pytest.approx(mean_power(order, dimension), rel=1e-12)


@pytest.mark.parametrize("tension", [0.0, 3.0])
def test_the_energy_of_the_exact_motion_is_its_bending(tension):
    """Directions, quadrature and Green's functions together give the quadratic form of the kernel."""
    nodes, choice = scattered(9, 2), Scattered(1, tension=tension)
    training = SpaceTraining.of(nodes, choice)
    spline = choice.through(nodes)
    blows = spline.bending * training.size ** (2 * training.highest - 2)
    combined = training.combination.T @ blows
    points, weights = fuzzy_cells(training.nodes)
    energy = np.zeros_like(blows)
    directions, shares = even_directions(2, training.highest)
    for direction, share in zip(directions, shares, strict=True):
        jets = training.raw(points, direction, training.highest)[:, :, : combined.shape[0]] @ combined
        for order, factor in ((training.highest, 1.0), (training.highest - 1, training.tension**2)):
            rows = jets[order] * float(np.prod(np.arange(1, order + 1)))
            energy += factor * share / mean_power(order, 2) * (rows.T * weights) @ rows
    size = np.sqrt(np.diag(blows))
    assert np.max(np.abs(energy - blows) / np.outer(size, size)) < 1e-2


def test_an_energy_that_does_not_come_to_rest_is_an_error(monkeypatch):
    from cmgai_fem.errors import ConvergenceError

    monkeypatch.setattr(networks, "STEPS", 1)
    with pytest.raises(ConvergenceError, match="still falls"):
        solve(Problem(unit_states(scattered(7, 2))), "pinn")


class InterruptionError(Exception):
    pass


def test_interrupted_trainings_go_on_motion_by_motion(tmp_path, monkeypatch):
    nodes, places = scattered(9, 2), scattered(12, 2, 1)
    problem = Problem(unit_states(nodes), force=Scattered(0))
    whole = solve_pinn_space(problem)
    finished = []

    def interrupt(self, weights, rows):
        finish(self, weights, rows)
        finished.append(len(rows))
        if len(finished) == 3:
            raise InterruptionError

    finish = networks.Checkpoint.finish
    monkeypatch.setattr(networks.Checkpoint, "finish", interrupt)
    with pytest.raises(InterruptionError):
        solve_pinn_space(problem, checkpoint=tmp_path)
    monkeypatch.undo()
    trained = []
    monkeypatch.setattr(networks, "SpaceResidual", lambda *given: trained.append(1) or SpaceResidual(*given))
    resumed = solve_pinn_space(problem, checkpoint=tmp_path)
    # Three motions are there, the others are trained; then all are there.
    assert len(trained) == len(whole.motion.motion.weights_of) - 3
    np.testing.assert_array_equal(resumed.motion.weights(places), whole.motion.weights(places))
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]
    solve_pinn_space(problem, checkpoint=tmp_path)
    assert len(trained) == len(whole.motion.motion.weights_of) - 3
    assert len(list(tmp_path.iterdir())) == 1
    # Another seed has a file of its own.
    solve_pinn_space(problem, seed=1, checkpoint=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_lines_of_a_grid_keep_their_trainings(tmp_path):
    nodes = np.array([[x, y] for x in (0.0, 0.4, 1.0) for y in (0.0, 0.3, 0.7, 1.0)])
    problem = Problem(unit_states(nodes), force=Nested((Line(0), Line(1))))
    places = scattered(5, 2, 1)
    plain = solve_pinn_space(problem).motion.weights(places)
    kept = solve(problem, "pinn", checkpoint=tmp_path).motion.weights(places)
    np.testing.assert_array_equal(kept, plain)
    assert list(tmp_path.glob("*.safetensors"))
