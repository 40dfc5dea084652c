"""Motions through many periods: windows of s, against closed forms."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.pinn.checkpoint import Checkpoint
from cmgai_fem.pinn.export import export_weights, motion_from_weights
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.pinn.solver import solve_pinn
from cmgai_fem.states.labels import Array, labels_on_mesh, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.label_mesh import felt
from cmgai_fem.transport.laws import Membrane
from cmgai_fem.transport.problem import Problem


class Spring:
    """Draws every label value to zero, `-w² x`, of displacements from the first state x0."""

    def __init__(self, frequency: float, first: float) -> None:
        self.frequency, self.first = frequency, first

    def __call__(self, displacement: Array, s: float) -> Array:
        return -(self.frequency**2) * (displacement + self.first)

    def slope(self, displacement: Array, s: float) -> Array:
        return np.full_like(displacement, -(self.frequency**2))


def oscillator(periods: float, order: int, reach: tuple[float, float], count: int = 6) -> Problem:
    """States of `sin(w s + 0.3)` with as many periods between the first and the last."""
    nodes = np.linspace(0.0, 1.0, count)
    values = np.sin(2.0 * np.pi * periods * nodes + 0.3)[:, None, None]
    states = States(labels_on_points(np.zeros((1, 1))), Coordinate("s"), nodes, {"u": Field(values, "1", ("",))})
    spring = Spring(2.0 * np.pi * periods, float(np.sin(0.3)))
    return Problem(states, force=Least(order), known_force=spring).with_reach(*reach)


@pytest.mark.parametrize("order", [-1, 0])
@pytest.mark.parametrize("reach", [(0.0, 16.4), pytest.param((-7.0, 9.4), marks=pytest.mark.slow)])
def test_twenty_periods_of_an_oscillator(order: int, reach: tuple[float, float]) -> None:
    problem = oscillator(1.3, order, reach)
    solution = solve_pinn(problem)
    times = np.linspace(*reach, 201)
    found = np.array([solution.at(s)[0, 0] for s in times])
    np.testing.assert_allclose(found, np.sin(2.6 * np.pi * times + 0.3), rtol=0.0, atol=1e-4)
    arrays = export_weights(solution)
    np.testing.assert_array_equal(motion_from_weights(arrays)(reach[1]), solution.path(reach[1]))


@pytest.mark.slow
@pytest.mark.parametrize("order", [-1, 0])
def test_one_network_fails_where_windows_do_not(order: int) -> None:
    problem = oscillator(1.3, order, (0.0, 16.4))
    with pytest.raises(ConvergenceError, match="momentum residual stayed at"):
        solve_pinn(problem, settings=TrainingSettings(horizon=1e3))


@pytest.mark.slow
def test_the_window_that_fails_is_named() -> None:
    with pytest.raises(ConvergenceError, match=r"between s = 1 and 16\.4 "):
        solve_pinn(oscillator(1.3, -1, (0.0, 16.4)), settings=TrainingSettings(window=1e3))
    with pytest.raises(InputError, match="window = 0 must be positive"):
        TrainingSettings(window=0.0)


def least_oscillation(nodes: Array, values: Array, w: float, order: int) -> Callable[[Array], Array]:
    """Exact motion of least(0) or least(1) with `a'' + w² a = b`, anywhere: a sum of Green's functions.

    Those of `(D² + w²)² D^2p` in |s|, which jump first in derivative 2 p + 3; their moments against the operator's own
    motions vanish, so that `D^p b = 0` outside the states.
    """

    def green(r: Array) -> Array:
        size = np.abs(r)
        if order == 0:
            return np.sin(w * size) - w * size * np.cos(w * size)
        return size - 1.5 / w * np.sin(w * size) + 0.5 * size * np.cos(w * size)

    def own(s: Array) -> Array:
        return np.stack([np.cos(w * s), np.sin(w * s), np.ones_like(s)][: 2 + order], axis=-1)

    tail = own(nodes)
    system = np.block([[green(nodes[:, None] - nodes), tail], [tail.T, np.zeros((2 + order, 2 + order))]])
    solved = np.linalg.solve(system, np.concatenate([values, np.zeros(2 + order)]))
    return lambda s: green(s[:, None] - nodes) @ solved[: len(nodes)] + own(s) @ solved[len(nodes) :]


@pytest.mark.parametrize("order", [0, 1])
def test_membrane_mode_far_beyond_its_states(order: int) -> None:
    """Twenty periods of one eigenmode under a law, at no force and at the constant force of `D b = 0`."""
    x, nodes = np.linspace(0.0, 1.0, 9), np.linspace(0.0, 1.0, 9)
    cells = np.stack([np.arange(8), np.arange(1, 9)], axis=1)
    values = (np.exp(0.4 * nodes)[:, None] * np.cos(np.pi * x))[..., None]
    labels = labels_on_mesh(x[:, None], {"line": cells})
    states = States(labels, Coordinate("s"), nodes, {"u": Field(values, "1", ("",))})
    problem = Problem(states, law=Membrane(2.5), force=Least(order)).with_reach(0.0, 26.0)
    solution = solve_pinn(problem)
    # Eigenvalue of linear elements with their consistent mass.
    cosine = np.cos(np.pi / 8.0)
    stiffness = felt(np.array([2.5 * 384.0 * (1.0 - cosine) / (2.0 + cosine)]), nodes)[0]
    exact = least_oscillation(nodes, values[:, 0, 0] - 1.0, float(np.sqrt(stiffness)), order)
    times = np.linspace(0.0, 26.0, 131)
    found = np.array([solution.at(s)[0, 0] for s in times]) - 1.0
    np.testing.assert_allclose(found, exact(times), rtol=0.0, atol=2e-4 * np.abs(exact(times)).max())


@pytest.mark.parametrize(
    ("periods", "order"),
    [
        (2.3, 0),
        (5.3, 0),
        pytest.param(10.3, 0, marks=pytest.mark.slow),
        (5.3, -1),
        pytest.param(20.3, -1, marks=pytest.mark.slow),
    ],
)
def test_many_periods_between_the_states(periods: float, order: int) -> None:
    """Four states that fix the oscillation, from a little less to many times more than a period apart."""
    problem = oscillator(periods, order, (0.0, 1.0), count=4)
    solution = solve_pinn(problem)
    times = np.linspace(0.0, 1.0, 401)
    found = np.array([solution.at(s)[0, 0] for s in times])
    np.testing.assert_allclose(found, np.sin(2.0 * np.pi * periods * times + 0.3), rtol=0.0, atol=1e-4)
    np.testing.assert_array_equal(motion_from_weights(export_weights(solution))(0.37), solution.path(0.37))


@pytest.mark.medium
def test_a_training_that_was_met_when_it_was_interrupted_is_not_trained_further(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Through many periods the rounds end before they are used up, and a killed run must end there as well."""
    problem, file = oscillator(2.3, 0, (0.0, 1.0), count=4), tmp_path / "training.safetensors"
    # Rounds end by themselves, so that the checkpoint stands between the last and one that is not to come.
    settings = TrainingSettings(stall=1e-2)
    whole = solve_pinn(problem, settings=settings)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            solve_pinn(problem, settings=settings, checkpoint=file, save_every=0.0)
    resumed = solve_pinn(problem, settings=settings, checkpoint=file)
    assert len(resumed.history) == len(whole.history)
    np.testing.assert_array_equal(resumed.path(0.37), whole.path(0.37))
