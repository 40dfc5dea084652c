import numpy as np
import pytest

from cmgai_fem.calibration.calibrate import Calibration, calibrate
from cmgai_fem.calibration.candidates import Candidate, Search
from cmgai_fem.calibration.explore import Explored, explore
from cmgai_fem.calibration.left_out import LeftOut
from cmgai_fem.calibration.stacking import LEAST_WEIGHT
from cmgai_fem.calibration.trials import trials_for
from cmgai_fem.errors import InputError
from cmgai_fem.solve import Solver, solve
from cmgai_fem.states.labels import labels_on_mesh, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.laws import Membrane
from cmgai_fem.transport.problem import Problem

LABELS = labels_on_points(np.linspace(0.0, 1.0, 25)[:, None])
X = LABELS.points[:, 0]


def states_of(function, values) -> States:
    field = np.array([function(value) for value in values])[..., None]
    return States(LABELS, Coordinate("t", "s"), np.asarray(values, dtype=float), {"f": Field(field, "", ("",))})


def calibrated(states: States, targets=None, **options) -> Calibration:
    inside = [0.5 * (states.scalars[0] + states.scalars[1])]
    return calibrate(Problem(states), inside if targets is None else targets, search=Search(**options))


def explored(states: States, target: float, **options) -> Explored:
    """The wide search itself, which few labels are too few for."""
    problem, point = Problem(states).with_reach(target), np.array([[target]])
    return explore(problem, point, trials_for(states, point), Search(**options), Solver(), False)


def best(calibration: Calibration | Explored) -> Candidate:
    return calibration.table[0][0]


def test_a_smooth_dependence_gets_the_highest_order():
    states = states_of(lambda t: np.exp(0.5 * t * X) + 0.1 * t**2 * np.sin(X), np.linspace(1.0, 2.0, 5))
    assert calibrated(states).members == (Candidate(None),)


def test_a_steep_front_gets_straight_pieces():
    states = states_of(lambda t: np.tanh(50.0 * (t - X)), np.linspace(0.0, 1.0, 5))
    assert best(calibrated(states, dampings=(), kinds=())).order == -1


def test_a_decaying_motion_gets_a_damping_near_its_own():
    rate = 4.0
    states = states_of(lambda t: -np.expm1(-rate * t) * (1.0 + X), np.linspace(0.0, 1.0, 6))
    found = best(explored(states, 1.5, kinds=()))
    assert found.damping == rate
    solution = solve(found.apply(Problem(states).with_reach(1.5)))
    assert solution.at(1.5)[:, 0] == pytest.approx(-np.expm1(-rate * 1.5) * (1.0 + X), rel=1e-6)


def test_a_logarithmic_dependence_gets_a_logarithmic_pseudo_time():
    states = states_of(lambda t: np.log(t) * (1.0 + X) + 0.2 * np.log(t) ** 2, [1.0, 3.0, 10.0, 40.0, 90.0])
    assert best(calibrated(states)).pseudo_time == "log"


def test_trials_leave_out_what_the_targets_ask_for():
    states = states_of(lambda t: t * X, np.arange(5.0))
    assert list(trials_for(states, [0.5, 3.2])) == [1, 2, 3]
    assert list(trials_for(states, [4.5])) == [4]
    assert list(trials_for(states, [-0.5, 4.5])) == [0, 4]
    assert list(trials_for(states, [8.0])) == [4]


def test_calibration_sees_the_known_states_alone():
    """The same choice whatever stands in a state that was taken out before."""
    every = states_of(lambda t: np.sin(3.0 * t * X), np.linspace(0.0, 1.0, 7))
    known = [float(value) for value in every.scalars[::2]]
    spoiled = states_of(lambda t: np.sin(3.0 * t * X) if t in known else np.full_like(X, np.nan), every.scalars)
    tables = [calibrated(states.at(known)).table for states in (every, spoiled)]
    assert tables[0] == tables[1]


def test_a_candidate_that_cannot_be_solved_is_never_chosen():
    states = states_of(lambda t: t**2 * X, np.linspace(0.0, 1.0, 5))
    result = calibrated(states, laws=(Membrane(1.0),))
    assert all(member.law.stiffness == 0.0 for member in result.members)
    assert max(error for _, error in result.table) == np.inf


def test_superposed_choices_are_convex_and_no_worse_than_the_best_alone():
    states = states_of(lambda t: np.tanh(4.0 * (t - X)) + 0.3 * np.abs(t - 0.3), np.linspace(0.0, 1.0, 6))
    result = calibrated(states)
    assert sum(result.weights) == pytest.approx(1.0, abs=1e-12)
    assert min(result.weights) >= LEAST_WEIGHT
    assert result.error <= result.table[0][1]


def test_a_moving_front_is_carried_as_mass():
    nodes = np.linspace(0.0, 1.0, 81)
    labels = labels_on_mesh(nodes[:, None], {"line": np.column_stack([np.arange(80), np.arange(1, 81)])})
    values = np.linspace(0.0, 1.0, 5)
    field = np.array([np.exp(-(((nodes - 0.2 - 0.6 * t) / 0.06) ** 2)) for t in values])[..., None]
    states = States(labels, Coordinate("t", "s"), values, {"f": Field(field, "", ("",))})
    problem = Problem(states)
    result = calibrate(problem, [0.375], search=Search(mass_axes=((0,),)))
    stacked = result.members[: len(result.blend.stacked)]
    assert stacked
    assert all(member.mass_axes == (0,) for member in stacked)
    generated = result.solve(problem, solve).at(0.375)[:, 0]
    truth = np.exp(-(((nodes - 0.425) / 0.06) ** 2))
    assert np.sqrt(np.mean((generated - truth) ** 2)) < 0.01


def test_two_states_cannot_be_calibrated():
    states = states_of(lambda t: t * X, [0.0, 1.0])
    with pytest.raises(InputError, match="needs at least 3 states, there are 2"):
        trials_for(states, [0.5])


@pytest.mark.parametrize("bounds", [Admissible(), Admissible(lower=0.0, monotone=True)])
@pytest.mark.parametrize("rows", [[1, 2, 3], [0, 5]])
def test_left_out_errors_in_closed_form_are_those_of_solving_anew(bounds, rows):
    """The closed form against every choice solved for the states that stay, bounds of the field included."""
    states = states_of(lambda t: np.maximum(t - X, 0.0) ** 2, [0.1, 0.3, 0.4, 0.8, 0.9, 1.3])
    judge = LeftOut(Problem(states, admissible=bounds), np.array(rows), Solver())
    chosen = [
        Candidate(order, damping, pseudo_time=kind) for order in range(-1, 4) for damping in (0.0, 3.0)
        for kind in ("linear", "log")
    ]  # fmt: skip
    closed, anew = judge.errors(chosen), judge._refitted(chosen)
    sizes = judge.sizes(chosen)
    for candidate in chosen:
        np.testing.assert_allclose(closed[candidate], anew[candidate], atol=1e-9, err_msg=str(candidate))
        size = np.sqrt(np.mean(anew[candidate] ** 2)) / np.ptp(states.field("f").values)
        assert sizes[candidate] == pytest.approx(size, rel=1e-7, abs=1e-12)
