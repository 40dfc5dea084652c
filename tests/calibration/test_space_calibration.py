from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.stats import qmc

from cmgai_fem.calibration.calibrate import Calibration, calibrate
from cmgai_fem.calibration.candidates import Candidate, Search
from cmgai_fem.calibration.explore import Explored, explore
from cmgai_fem.calibration.trials import inside_hull, trials_for
from cmgai_fem.errors import InputError
from cmgai_fem.motions.line import Line
from cmgai_fem.motions.nested import Nested, NestedMotion, grid_axes
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.solve import Solver, solve
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import Membrane
from cmgai_fem.transport.problem import Problem

LOW, SPAN = np.array([100.0, 2.0]), np.array([600.0, 6.0])
LINEAR = Search(kinds=())
GRID = np.array([[x, y] for x in (0.0, 0.3, 0.6, 1.0) for y in (0.0, 0.4, 0.7, 1.0)])


def front(places: np.ndarray) -> np.ndarray:
    """(T, 30, 1) smooth fields of two coordinates in [0, 1]."""
    x = np.linspace(0.0, 1.0, 30)
    s, t = places[:, :1], places[:, 1:2]
    return (np.sin(2.0 * s + x) * (1.0 + t) + t**2 * x)[:, :, None]


def known(places: np.ndarray, fields: np.ndarray | None = None) -> States:
    axes = Coordinates((Coordinate("temperature", "K"), Coordinate("load", "N")))
    labels = labels_on_points(np.linspace(0.0, 1.0, 30)[:, None])
    values = LOW + SPAN * places
    return States(labels, axes, values, {"f": Field(front(places) if fields is None else fields, "Pa", ("",))})


def explored(states: States) -> Explored:
    """The wide search itself, which few labels are too few for."""
    point = (LOW + SPAN * 0.5)[None]
    return explore(Problem(states), point, trials_for(states, point), Search(), Solver(), False)


def scattered(count: int, seed: int = 0) -> np.ndarray:
    return qmc.Halton(2, rng=seed).random(count)


def test_the_field_is_the_weighted_sum_of_the_known_ones():
    states = known(scattered(12))
    solution = solve(Problem(states, force=Scattered(1)))
    weights = solution.weights([400.0, 5.0])
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    expected = np.tensordot(weights, states.field("f").values, axes=1)
    np.testing.assert_allclose(solution.at([400.0, 5.0]), expected, atol=1e-14)
    np.testing.assert_allclose(solution.at(states.values[3]), states.field("f").values[3], atol=1e-9)


@pytest.mark.parametrize(
    "choice",
    [
        Scattered(-1),
        Scattered(1, (("log", 1.0), ("power", 0.5)), (1.0, 2.0), 4.0, 0.1),
        Nested((Line(0), Line(1, 4.0, ("log", 1.0)))),
    ],
)
def test_units_of_the_coordinates_change_nothing(choice):
    states = known(GRID)
    scaled = States(states.labels, states.coordinates, states.values * [1e-3, 1e6], states.fields)
    one = solve(Problem(states, force=choice)).at([333.0, 5.1])
    other = solve(Problem(scaled, force=choice)).at([0.333, 5.1e6])
    np.testing.assert_allclose(one, other, rtol=1e-9)


def test_a_grid_of_straight_lines_is_scipys():
    states = known(GRID)
    motion = solve(Problem(states, force=Nested((Line(-1), Line(-1)))))
    table = states.field("f").values.reshape(4, 4, 30)
    axes = [LOW[i] + SPAN[i] * np.unique(GRID[:, i]) for i in (0, 1)]
    expected = RegularGridInterpolator(axes, table)([[333.0, 5.1]])[0]
    np.testing.assert_allclose(motion.at([333.0, 5.1])[:, 0], expected, atol=1e-12)


@pytest.mark.parametrize("damping", [0.0, 4.0])
def test_a_grid_is_the_product_of_its_coordinates_by_either_path(damping):
    """Along the first coordinate and then the second, each by the transport of one coordinate."""
    states, target = known(GRID), [333.0, 5.1]
    lines = (Line(0, damping), Line(1, 0.0, ("power", 2.0)))
    whole = solve(Problem(states, force=Nested(lines))).at(target)
    axes = [LOW[i] + SPAN[i] * np.unique(GRID[:, i]) for i in (0, 1)]
    for first, second in ((0, 1), (1, 0)):
        carried = []
        for value in axes[second]:
            rows = np.flatnonzero(np.isclose(states.values[:, second], value))
            carried.append(along(states.field("f").values[rows], axes[first], lines[first], target[first]))
        found = along(np.array(carried), axes[second], lines[second], target[second])
        np.testing.assert_allclose(whole, found, rtol=1e-9, atol=1e-9)


def along(fields: np.ndarray, axis: np.ndarray, line: Line, target: float) -> np.ndarray:
    labels = labels_on_points(np.linspace(0.0, 1.0, 30)[:, None])
    states = States(labels, Coordinate("line"), axis, {"f": Field(fields, "", ("",))})
    problem = Problem(
        states, force=Least(line.order), damping=line.damping, pseudo_time=line.kind[0], exponent=line.kind[1]
    )
    return solve(problem).at(target)


def nested(values: np.ndarray) -> NestedMotion:
    return Nested((Line(0), Line(0))).motion(Coordinates((Coordinate("a"), Coordinate("b"))), values)


def test_errors_of_states_left_out_of_a_grid_know_neither_of_their_lines():
    motion = nested(GRID)
    data = np.random.default_rng(0).random(16)
    row = 5  # the second value of both coordinates
    kept = (GRID[:, 0] != GRID[row, 0]) & (GRID[:, 1] != GRID[row, 1])
    alone = nested(GRID[kept]).weights(GRID[[row]])[0] @ data[kept]
    assert (motion.left_out @ data)[row] == pytest.approx(alone - data[row], rel=1e-9)


def test_what_fills_a_grid():
    assert grid_axes(GRID) is not None
    assert grid_axes(GRID[1:]) is None
    assert grid_axes(scattered(9)) is None
    with pytest.raises(InputError, match="do not fill a grid"):
        solve(Problem(known(scattered(9)), force=Nested((Line(0), Line(0)))))


@pytest.mark.parametrize(
    "choice",
    [Scattered(2, (("log", 1.0), ("power", 0.5)), (1.0, 4.0), 4.0, 0.1), Scattered(), Nested((Line(1, 4.0), Line()))],
)
def test_a_choice_survives_as_plain_data(choice):
    assert type(choice).read(choice.describe()) == choice


def test_a_law_with_stiffness_is_refused_and_says_why():
    with pytest.raises(InputError, match="waves in every direction that no states determine"):
        Problem(known(scattered(9)), law=Membrane(1.0))


def test_bounds_hold_along_the_coordinates_that_they_are_declared_for():
    """Rising along the temperature: states at the same load bound what is generated between them."""
    places = np.array([[0.0, 0.5], [1.0, 0.5], [0.4, 0.0], [0.6, 1.0], [0.2, 0.8]])
    fields = np.array([0.0, 1.0, 3.0, 3.0, 3.0])[:, None, None] * np.ones((5, 30, 1))
    free = solve(Problem(known(places, fields), force=Scattered(0)))
    bound = solve(Problem(known(places, fields), force=Scattered(0), admissible=Admissible(0.0, (True, False))))
    target = LOW + SPAN * [0.5, 0.5]
    assert free.at(target).max() > 1.0
    assert bound.at(target).max() == 1.0
    off = LOW + SPAN * [0.5, 0.51]
    np.testing.assert_array_equal(bound.at(off), np.maximum(free.at(off), 0.0))


def test_known_states_that_break_their_bounds_are_named():
    places = np.array([[0.0, 0.5], [1.0, 0.5], [0.4, 0.0]])
    fields = np.array([1.0, 0.0, 3.0])[:, None, None] * np.ones((3, 30, 1))
    with pytest.raises(InputError, match="decreases before state 700, 5"):
        Problem(known(places, fields), admissible=Admissible(None, (True, False)))
    with pytest.raises(InputError, match="say for each of the 2 coordinates"):
        Problem(known(places, fields), admissible=Admissible(None, True))


def test_tolerances_make_states_soft_as_in_one_coordinate():
    """One coordinate, the same states and tolerances: the transport of `Problem`."""
    values = np.array([0.0, 0.2, 0.45, 0.7, 1.0])
    field = Field(np.random.default_rng(0).random((5, 30, 1)), "Pa", ("",))
    labels = labels_on_points(np.linspace(0.0, 1.0, 30)[:, None])
    tolerance = (0.01, 0.03, 0.02, 0.05, 0.01)
    one = Problem(States(labels, Coordinate("load"), values, {"f": field}), force=Least(0), tolerance=tolerance)
    axis = Coordinates((Coordinate("load"),))
    several = Problem(States(labels, axis, values[:, None], {"f": field}), force=Scattered(0), tolerance=tolerance)
    for value in (0.1, 0.45, 0.9):
        np.testing.assert_allclose(solve(several).at([value]), solve(one).at(value), atol=1e-8)
    with pytest.raises(InputError, match="soft states need a least force of order 0"):
        solve(replace(several, force=Scattered(-1)))
    with pytest.raises(InputError, match="must not be negative"):
        solve(Problem(several.states, tolerance=-1.0))


def solvable(calibration: Calibration) -> list[Candidate]:
    found = [choice for choice, error in calibration.table if np.isfinite(error)]
    assert found and all(isinstance(choice.force, Scattered) for choice in found)
    return found


def test_calibration_of_soft_states_leaves_hard_choices_away():
    calibration = calibrate(Problem(known(scattered(10)), tolerance=0.05), [LOW + SPAN * 0.5], search=LINEAR)
    assert all(choice.force.order >= 0 for choice in solvable(calibration))


def test_a_state_of_the_wrong_size_is_refused():
    solution = solve(Problem(known(scattered(9))))
    for value in ([300.0], [300.0, 2.0, 3.0], [np.nan, 3.0]):
        with pytest.raises(InputError, match="is 2 finite numbers"):
            solution.at(value)
    with pytest.raises(InputError, match="method 'magic' is unknown"):
        solve(solution.problem, "magic")


def test_what_lies_inside_the_hull():
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.5]])
    assert inside_hull(square, np.array([0.3, 0.4]))
    assert inside_hull(square, np.array([1.0, 0.4]))
    assert not inside_hull(square, np.array([1.01, 0.4]))
    # In any units of the coordinates.
    assert inside_hull(square * [1e6, 1e-3], np.array([1e6, 5e-4]))
    assert not inside_hull(square * [1e6, 1e-3], np.array([1.01e6, 5e-4]))


def test_inner_states_are_left_out_for_targets_inside_and_all_for_targets_outside():
    places = np.vstack([[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]], 0.2 + 0.6 * scattered(5)])
    states = known(places)
    assert trials_for(states, [LOW + SPAN * 0.5]).tolist() == [4, 5, 6, 7, 8]
    assert trials_for(states, [LOW + SPAN * [1.2, 0.5]]).tolist() == list(range(9))
    # Too few inside: all states are left out.
    assert trials_for(known(places[:6]), [LOW + SPAN * 0.5]).tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(InputError, match="at least 4 states in 2 coordinates"):
        trials_for(known(places[:3]), [LOW + SPAN * 0.5])


def test_calibration_finds_the_polynomial_that_the_states_are():
    places = scattered(14)
    s, t = places.T
    field = (1.0 + s + 2.0 * t + s * t - t**2)[:, None, None] * np.linspace(1.0, 2.0, 30)[:, None]
    states = known(places, field)
    target = np.array([0.45, 0.55])
    calibration = calibrate(Problem(states), [LOW + SPAN * target])
    assert calibration.error < 1e-8
    generated = calibration.solve(Problem(states), solve).at(LOW + SPAN * target)
    exact = 1.0 + target[0] + 2.0 * target[1] + target.prod() - target[1] ** 2
    np.testing.assert_allclose(generated[:, 0], exact * np.linspace(1.0, 2.0, 30), rtol=1e-7)


def test_calibration_is_better_than_a_fixed_spline_and_finds_anisotropy():
    places, asked = scattered(20), 0.15 + 0.7 * scattered(6, 3)
    states = known(places)
    targets = list(LOW + SPAN * asked)
    problem = Problem(states)
    solution = calibrate(problem, targets, local=True).solve(problem, solve)
    plain = solve(replace(problem, force=Scattered(0)))
    truth = front(asked)
    errors = [
        np.linalg.norm([made.at(x) - y for x, y in zip(targets, truth, strict=True)]) for made in (solution, plain)
    ]
    assert errors[0] < 0.3 * errors[1]


@pytest.mark.medium
def test_a_grid_is_among_the_candidates():
    rough = np.round(7.0 * GRID[:, :1]) % 2.0  # a zigzag along one coordinate that only straight pieces bear
    fields = (rough + GRID[:, 1:] ** 2)[:, :, None] * np.ones((16, 30, 1))
    assert any(isinstance(choice.force, Nested) for choice, _ in explored(known(GRID, fields)).table)


def test_calibration_is_plain_data_and_reads_nothing_but_known_states():
    states = known(scattered(10))
    calibration = calibrate(Problem(states), [LOW + SPAN * 0.5])
    described = calibration.describe()
    assert described["chosen"] == str(calibration)
    assert sum(member["weight"] for member in described["members"]) == pytest.approx(1.0)
    assert len(described["left_out_states"]) == len(calibration.left_out)


def test_where_the_other_states_lie_on_a_line_only_tension_can_answer():
    places = np.array([[0.0, 0.0], [0.3, 0.0], [0.6, 0.0], [1.0, 0.0], [0.5, 1.0]])
    assert all(choice.force.tension > 0.0 for choice in solvable(explored(known(places))))


def test_a_state_that_the_others_cannot_answer_for_does_not_stop_the_rule():
    places = np.array([[0.0, 0.0], [0.3, 0.0], [0.6, 0.0], [1.0, 0.0], [0.5, 1.0]])
    target = LOW + SPAN * [0.5, 0.5]
    made = calibrate(Problem(known(places)), [target]).solve(Problem(known(places)), solve)
    assert np.abs(made.at(target) - front(np.array([[0.5, 0.5]]))[0]).max() < 0.5
    assert np.all(made.error(target) > 0.0)


@pytest.mark.parametrize("count", [4, 5, 7])
def test_few_scattered_states_are_calibrated(count):
    states, target = known(scattered(count)), LOW + SPAN * 0.45
    made = calibrate(Problem(states), [target]).solve(Problem(states), solve)
    error = np.abs(made.at(target) - front(np.array([[0.45, 0.45]]))[0])
    assert np.mean(error <= 3.0 * made.error(target)) > 0.9


def test_states_asked_together_are_those_asked_alone():
    problem = Problem(known(scattered(9)))
    targets = LOW + SPAN * np.array([(0.4, 0.5), (0.6, 0.3), (2.0, 1.5)])
    calibration = calibrate(problem, targets[:2])
    together, alone = (calibration.solve(problem, solve) for _ in range(2))
    fields = together.at(targets)
    for target, field in zip(targets, fields, strict=True):
        np.testing.assert_allclose(field, alone.at(target), rtol=1e-9)
        np.testing.assert_allclose(together.error(target), alone.error(target), rtol=1e-9)
