"""Fields under the operator of the label mesh: against series solutions that no mesh has seen."""

import numpy as np
import pytest
from scipy.optimize import brentq

from cmgai_fem.errors import InputError
from cmgai_fem.solve import solve
from cmgai_fem.states.label_meshes import square_mesh
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


@pytest.mark.parametrize("swing", [0.4, 1.45])
def test_waves_that_swing_far_between_states_are_told_from_slower_ones(swing: float) -> None:
    labels = square_mesh(41)
    x, y = labels.points.T
    waves = [(m, n) for m in (1, 2, 3) for n in (1, 2, 3)]

    def values(times: Array) -> Array:
        rates = {wave: swing * np.pi / (KNOWN[1] - KNOWN[0]) * np.hypot(*wave) / np.sqrt(2.0) for wave in waves}
        return np.sum([
            np.cos(rate * times[:, None] + m + 2 * n) * np.sin(m * np.pi * x) * np.sin(n * np.pi * y) / (m * n)
            for (m, n), rate in rates.items()
        ], axis=0)  # fmt: skip

    rim = (np.abs(labels.points - 0.5) > 0.5 - 1e-9).any(axis=1)
    motion, found = solved(labels, np.where(rim, 0.0, values(KNOWN)), StateForce(2, acts="operator", held=True))
    assert motion.swing == pytest.approx(swing, rel=0.01)
    assert np.sqrt(np.mean((found - values(ASKED)) ** 2)) < 0.02 * np.ptp(values(ASKED))


def test_a_rod_cools_to_what_is_around_it() -> None:
    labels = rod(1.0)
    x = labels.points[:, 0]
    roots = [
        brentq(lambda k: k * np.tan(0.5 * k) - 3.0, 2 * n * np.pi + 0.1, (2 * n + 1) * np.pi - 1e-6) for n in (0, 1)
    ]

    def values(times: Array) -> Array:
        shapes = [np.exp(-0.3 * k**2 * times[:, None]) * np.cos(k * (x - 0.5)) for k in roots]
        return 0.5 + shapes[0] + 0.3 * shapes[1]

    motion, found = solved(labels, values(KNOWN), StateForce(1, acts="operator", exchange=3.0))
    assert motion.diffusivity == pytest.approx(0.3, rel=0.01)
    # Long after the last state all of the rod is as warm as what is around it.
    late = motion.problem.scaling.decode(motion(5.0))
    assert np.abs(late - 0.5).max() < 2e-3 and np.abs(found - values(ASKED)).max() < 2e-3


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


@pytest.mark.parametrize(
    ("force", "words"),
    [
        (StateForce(1, acts="operator"), "diffusion"),
        (StateForce(1, acts="operator", held=True), "diffusion (held boundary)"),
        (StateForce(1, 1, "operator", exchange=0.5), "diffusion (constant forces, exchange 0.5)"),
        (StateForce(2, acts="operator"), "waves"),
        (StateForce(3, acts="matrix"), "third-order law (one matrix)"),
        (StateForce(2, 1), "second-order law (every component alike, constant forces)"),
    ],
)
def test_a_law_of_motion_is_said_in_words(force: StateForce, words: str) -> None:
    assert str(force) == words
