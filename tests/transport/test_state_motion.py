"""Fields under the operator of the label mesh: against series solutions that no mesh has seen."""

import numpy as np
import pytest
from scipy.optimize import brentq

from cmgai_fem.errors import InputError
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import Array, Labels, labels_on_mesh, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import StateForce
from cmgai_fem.transport.operator_modes import MeshOperator
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.state_motion import MeshOperators, StateMotion

KNOWN, ASKED = np.linspace(0.0, 2.0, 6), np.array([0.5, 1.4, 2.6])


def rod(length: float = 2.0, count: int = 61) -> Labels:
    points = np.linspace(0.0, length, count)[:, None]
    return labels_on_mesh(points, {"line": np.stack([np.arange(count - 1), np.arange(1, count)], axis=1)})


def solved(labels: Labels, values: Array, force: StateForce) -> tuple[StateMotion, Array]:
    states = States.of(labels, Coordinate("time", "s"), KNOWN, {"u": Field(values[:, :, None], "K", ("",))})
    solution = solve(Problem(states, force=force, reach=(0.0, 3.0)))
    assert isinstance(solution.path, StateMotion)
    return solution.path, np.array([solution.at(time)[:, 0] for time in ASKED])


def test_diffusion_in_an_insulated_rod() -> None:
    labels = rod()
    x = labels.points[:, 0]

    def values(times: Array) -> Array:
        terms = [
            np.exp(-0.1 * (k * np.pi / 2.0) ** 2 * times[:, None]) * np.cos(k * np.pi / 2.0 * x) / k
            for k in range(1, 9)
        ]
        return 3.0 + np.sum(terms, axis=0)

    motion, found = solved(labels, values(KNOWN), StateForce(1, acts="operator"))
    assert np.abs(found - values(ASKED)).max() < 2e-3
    assert motion.diffusivity == pytest.approx(0.1, rel=0.01)
    assert motion.noise < 1e-3 and np.all(motion.deviation(1.5) >= 0.0)


def test_diffusion_with_an_end_held() -> None:
    labels = rod()
    x = labels.points[:, 0]
    waves = (np.arange(8) + 0.5) * np.pi / 2.0

    def values(times: Array) -> Array:
        return 5.0 + np.sum([np.exp(-0.1 * k**2 * times[:, None]) * np.sin(k * x) / k for k in waves], axis=0)

    motion, found = solved(labels, values(KNOWN), StateForce(1, acts="operator", held=True))
    assert np.abs(found - values(ASKED)).max() < 2e-3
    assert motion.diffusivity == pytest.approx(0.1, rel=0.01)
    still = MeshOperators(labels).still(values(KNOWN))
    assert still[0] and still.sum() == 1


def test_a_string_that_swings() -> None:
    labels = rod(1.0)
    x = labels.points[:, 0]

    def values(times: Array) -> Array:
        terms = [np.cos(0.9 * k * np.pi * times[:, None]) * np.sin(k * np.pi * x) / k**2 for k in (1, 2, 3)]
        return np.sum(terms, axis=0)

    motion, found = solved(labels, values(KNOWN), StateForce(2, acts="operator", held=True))
    assert np.abs(found - values(ASKED)).max() < 0.02
    assert motion.diffusivity is None and motion.speed == pytest.approx(0.9, rel=0.01)


def test_exchange_with_what_is_around_has_the_modes_of_robin() -> None:
    operator = MeshOperator.of(rod(1.0), exchange=3.0)
    # Both ends exchange: even modes obey k tan(k / 2) = h.
    first = brentq(lambda k: k * np.tan(0.5 * k) - 3.0, 0.1, 3.1)
    assert operator.eigenmodes[0][0] == pytest.approx(first**2, rel=1e-4)


def test_what_the_operator_is_not_for() -> None:
    labels = labels_on_points(np.arange(4.0)[:, None])
    with pytest.raises(InputError, match="bare points"):
        solved(labels, np.ones((6, 4)), StateForce(1, acts="operator"))
    states = States.of(rod(), Coordinate("time", "s"), KNOWN, {"u": Field(np.zeros((6, 61, 2)), "m", ("x", "y"))})
    with pytest.raises(InputError, match="scalar field"):
        solve(Problem(states, force=StateForce(1, acts="operator")))
    with pytest.raises(InputError, match="order 3"):
        StateForce(3, acts="operator")
