"""One door to both discretisations, and networks that learn unit states once for all fields."""

import sys

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.motions.nested import Nested
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.solve import Solver, solve
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States
from cmgai_fem.transport.forces import Least, Potential
from cmgai_fem.transport.laws import Membrane
from cmgai_fem.transport.problem import Problem

VALUES = np.array([0.0, 1.0, 2.5, 4.0])


def states(labels: int = 7, components: int = 2) -> States:
    rng = np.random.default_rng(3)
    field = Field(rng.normal(size=(len(VALUES), labels, components)), "Pa", tuple("xyz"[:components]))
    return States.of(labels_on_points(rng.random((labels, 2))), Coordinate("load", "kN"), VALUES, {"stress": field})


@pytest.mark.parametrize("damping", [0.0, 2.0])
@pytest.mark.parametrize("order", [-1, 0, 1])
def test_networks_of_unit_states_carry_a_field_as_networks_of_the_field_do(order: int, damping: float) -> None:
    problem = Problem(states(), force=Least(order), damping=damping).with_reach(4.5)
    carried, direct = Solver("pinn")(problem), solve(problem, "pinn")
    exact = solve(problem)
    for value in (0.4, 3.1, 4.5):
        size = np.abs(exact.at(value)).max()
        assert carried.at(value) == pytest.approx(direct.at(value), abs=3e-4 * size)
        assert carried.at(value) == pytest.approx(exact.at(value), abs=3e-4 * size)
        assert carried.weights(value).sum() == pytest.approx(1.0, abs=1e-12)
    assert carried.path is not None and exact.path is not None
    assert carried.path(0.4, 1) == pytest.approx(exact.path(0.4, 1), abs=1e-2)


def test_unit_states_are_trained_once_for_a_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def counting(problem: Problem, method: str, **options: object) -> object:
        seen.append(problem.states.labels.count)
        return solve(problem, method, **options)

    monkeypatch.setattr(sys.modules[Solver.__module__], "solve", counting)
    solver = Solver("pinn")
    for labels in (3, 8):
        solver(Problem(states(labels), force=Least(0)))
    solver(Problem(states(3), force=Least(1)))
    # As many labels as states: the unit states of either choice.
    assert seen == [len(states(3)), len(states(3))]


def test_weights_are_linear_in_the_data_and_refused_under_a_law() -> None:
    problem = Problem(states(), force=Least(1))
    solution = solve(problem)
    expected = np.tensordot(solution.weights(1.7), problem.known.values, axes=1)
    np.testing.assert_allclose(solution.at(1.7), expected, rtol=1e-13)
    labels = labels_on_points(np.linspace(0.0, 1.0, 4)[:, None])
    on_mesh = States.of(
        type(labels)(labels.points, np.full(4, 0.25), {"line": np.array([[0, 1], [1, 2], [2, 3]])}),
        Coordinate("load"), VALUES, {"u": Field(np.random.default_rng(0).normal(size=(4, 4, 1)), "", ("",))},
    )  # fmt: skip
    with pytest.raises(InputError, match="labels share no weights"):
        solve(Problem(on_mesh, law=Membrane(1e-3))).weights(1.0)


def test_several_values_at_once_and_values_that_fit_no_state() -> None:
    solution = solve(Problem(states()).with_reach(5.0))
    np.testing.assert_array_equal(solution.at([0.5, 5.0]), [solution.at(0.5), solution.at(5.0)])
    with pytest.raises(InputError, match="is outside the reach"):
        solution.at(5.1)
    with pytest.raises(InputError, match="one finite number"):
        solution.at([[1.0, 2.0]])


def test_several_coordinates_go_through_the_same_door() -> None:
    values = np.array([[t, f] for t in (0.0, 1.0, 3.0) for f in (0.0, 2.0, 3.0)])
    field = Field((values @ [[2.0], [-1.0]])[:, None], "", ("",))
    two = Coordinates((Coordinate("temperature"), Coordinate("load")))
    known = States(labels_on_points(np.zeros((1, 1))), two, values, {"u": field})
    for force in (Least(0), Scattered(-1), Scattered(1)):
        np.testing.assert_allclose(solve(Problem(known, force=force)).at([2.0, 1.0]), [[3.0]], atol=1e-12)
    assert isinstance(Problem(known, force=Least(1)).force, Scattered)
    with pytest.raises(InputError, match="damping and pseudo-time are said for each"):
        Problem(known, damping=1.0)
    with pytest.raises(InputError, match="take least, scattered or nested"):
        Problem(known, force=Potential())
    with pytest.raises(InputError, match="do not fill a grid"):
        solve(Problem(known.without(4), force=Nested(()))).at([2.0, 1.0])
    with pytest.raises(InputError, match="method 'x' is unknown"):
        solve(Problem(known), "x")
