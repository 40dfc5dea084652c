import numpy as np
import pytest

from cmgai_fem.solve import solve
from cmgai_fem.states.states import Coordinate, Field, StateSet, labels_on_mesh
from cmgai_fem.transport.cardinal import CardinalSolver
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import Membrane
from cmgai_fem.transport.problem import TransportProblem

CELLS = 12
NODES = np.linspace(0.0, 1.0, CELLS + 1)[:, None]
LABELS = labels_on_mesh(NODES, {"line": np.column_stack([np.arange(CELLS), np.arange(1, CELLS + 1)])})


def states(seed: int) -> StateSet:
    values = np.array([0.0, 0.3, 0.5, 1.0])
    field = np.random.default_rng(seed).normal(size=(4, LABELS.count, 2))
    return StateSet(LABELS, Coordinate("t"), values, {"f": Field(field, "", ("x", "y"))})


@pytest.mark.parametrize("order", [-1, 0, 1, 2])
def test_unit_states_carry_every_field(order):
    solver = CardinalSolver(solve)
    for seed in (0, 1):
        problem = TransportProblem(states(seed), force=Least(order), damping=2.0).with_reach(1.3)
        direct, carried = solve(problem), solver(problem)
        for value in (0.1, 0.7, 1.3):
            assert carried.at(value) == pytest.approx(direct.at(value), abs=1e-10)
        assert direct.force is not None
        assert carried.force is not None
        assert carried.force(0.4) == pytest.approx(direct.force(0.4), abs=1e-8 * np.abs(direct.force(0.4)).max() + 1e-9)
        assert carried.motion(0.4, 1) == pytest.approx(direct.motion(0.4, 1), abs=1e-9)


def test_a_choice_is_solved_once_and_a_law_never_by_units():
    solved = []

    def counting(problem):
        solved.append(problem)
        return solve(problem)

    solver = CardinalSolver(counting)
    for seed in range(3):
        solver(TransportProblem(states(seed)))
    assert len(solved) == 1
    stiff = TransportProblem(states(0), law=Membrane(1e-3))
    assert solver(stiff).at(0.7) == pytest.approx(solve(stiff).at(0.7), abs=1e-12)
    assert solved[-1] is stiff
