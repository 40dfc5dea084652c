"""The forward march: free flight, oscillator, orders, and the replay of transports."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.fem.least_force import ForceOnDofs
from cmgai_fem.fem.spaces import LabelSpace
from cmgai_fem.solve import solve
from cmgai_fem.states.label_meshes import square_mesh
from cmgai_fem.states.labels import labels_on_mesh, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import make_law
from cmgai_fem.transport.problem import Problem

STUDY = studies_folder() / "transport-laws"
ForwardMarch, replay = study_module(STUDY, "forward").ForwardMarch, study_module(STUDY, "replay").replay


def flight(steps, method="midpoint"):
    """A neo-Hookean square, stretched, thrown and spun, free of any force."""
    labels = square_mesh(5)
    space = LabelSpace(labels, 2)
    march = ForwardMarch.on_mesh(space, make_law("neo_hookean", 0.5))
    X = labels.points - 0.5
    u = space.to_dofs(0.2 * X * np.array([1.0, -0.5]))
    v = space.to_dofs(np.array([0.7, -0.3]) + 2.0 * np.column_stack([-X[:, 1], X[:, 0]]))
    history = getattr(march, method)(u, v, np.linspace(0.0, 1.0, steps + 1))
    return space, march, history


def test_free_flight_keeps_momenta_to_rounding():
    space, march, history = flight(40)
    labels_x = space.to_dofs(square_mesh(5).points).reshape(-1, 2)
    linear, angular = [], []
    for u, v in zip(history.displacement, history.velocity, strict=True):
        momentum = (march.mass @ v).reshape(-1, 2)
        x = labels_x + u.reshape(-1, 2)
        linear.append(momentum.sum(axis=0))
        angular.append(np.sum(x[:, 0] * momentum[:, 1] - x[:, 1] * momentum[:, 0]))
    np.testing.assert_allclose(linear, np.tile(linear[0], (41, 1)), atol=1e-12)
    np.testing.assert_allclose(angular, angular[0], atol=1e-12)


@pytest.mark.parametrize("method", ["midpoint", "generalised_alpha"])
def test_energy_error_of_free_flight_is_second_order(method):
    drift = []
    for steps in (40, 80):
        _, march, history = flight(steps, method)
        energy = [march.energy(u, v) for u, v in zip(history.displacement, history.velocity, strict=True)]
        drift.append(np.abs(np.array(energy) - energy[0]).max() / energy[0])
    assert 1.7 < np.log2(drift[0] / drift[1]) < 2.6


@pytest.mark.parametrize("method", ["midpoint", "generalised_alpha"])
def test_membrane_mode_is_the_damped_oscillator(method):
    """u = cos(pi X) on [0, 1] free at its ends: y'' + eta y' + kappa pi^2 y = 0 but for the mesh's own eigenvalue."""
    count, stiffness, eta = 41, 4.0, 1.5
    points = np.linspace(0.0, 1.0, count)[:, None]
    cells = np.column_stack([np.arange(count - 1), np.arange(1, count)]).astype(np.int64)
    space = LabelSpace(labels_on_mesh(points, {"line": cells}), 1)
    march = ForwardMarch.on_mesh(space, make_law("membrane", stiffness), eta)
    shape = space.to_dofs(np.cos(np.pi * points))
    h = np.pi / (count - 1)
    eigenvalue = stiffness * (np.pi / h) ** 2 * 6.0 * (1.0 - np.cos(h)) / (2.0 + np.cos(h))
    rate = np.sqrt(eigenvalue - 0.25 * eta**2)
    exact = np.exp(-0.5 * eta) * (np.cos(rate) + 0.5 * eta / rate * np.sin(rate))
    errors = []
    for steps in (100, 200):
        history = getattr(march, method)(shape, 0.0 * shape, np.linspace(0.0, 1.0, steps + 1))
        end = history.displacement[-1]
        np.testing.assert_allclose(end, shape * (end @ shape) / (shape @ shape), atol=1e-9)
        errors.append(abs(end @ shape / (shape @ shape) - exact))
    assert errors[1] < 2e-3
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)


def test_labels_on_their_own_follow_a_given_force_exactly():
    march = ForwardMarch(sparse.identity(3, format="csr"), None)
    times = np.linspace(0.0, 2.0, 9)
    history = march.midpoint(np.zeros(3), np.ones(3), times, lambda s: np.array([0.0, 1.0, 3.0]))
    expected = times[:, None] + 0.5 * times[:, None] ** 2 * np.array([0.0, 1.0, 3.0])
    np.testing.assert_allclose(history.displacement, expected, atol=1e-13)


def wave_states():
    labels = square_mesh(7)
    X, Y = labels.points.T
    values = np.linspace(0.0, 1.0, 4)
    fields = [np.column_stack([0.3 * s**2 * np.sin(2 * X) + s * Y, 0.2 * np.sin(2 * s) * X * Y]) for s in values]
    return States.of(labels, Coordinate("load"), values, {"u": Field(np.stack(fields), "m", ("x", "y"))})


@pytest.mark.parametrize(
    ("name", "damping"), [("none", 0.0), ("none", 1.0), ("membrane", 0.0), ("linear_elastic", 0.5)]
)
def test_the_force_of_a_transport_gives_its_motion_back(name, damping):
    law = make_law(name) if name == "none" else make_law(name, 0.002)
    solution = solve(Problem(wave_states(), law=law, damping=damping, force=Least(0)), "fem")
    coarse, fine = replay(solution, 50), replay(solution, 100)
    assert fine.worst < 1e-3
    assert np.log2(coarse.worst / fine.worst) > 1.8


class StiffeningSpring:
    """Draws each label value back, the more the later and the farther."""

    def __call__(self, displacement, s):
        return -(4.0 + s) * displacement - 2.0 * displacement**3

    def slope(self, displacement, s):
        return -(4.0 + s) - 6.0 * displacement**2


@pytest.mark.parametrize(
    ("name", "damping", "method"),
    [
        ("none", 0.5, "fem"),
        ("membrane", 0.0, "fem"),
        pytest.param("none", 0.0, "pinn", marks=pytest.mark.slow),
    ],
)
def test_a_known_force_acts_in_the_replay(name, damping, method):
    law = make_law(name) if name == "none" else make_law(name, 0.002)
    statement = Problem(wave_states(), law=law, damping=damping, force=Least(0), known_force=StiffeningSpring())
    solution = solve(statement, method)
    assert replay(solution, 200).worst < 1e-3
    without = replace(solution, problem=replace(statement, known_force=None))
    assert replay(without, 200).worst > 0.05


@pytest.mark.parametrize("march", ["midpoint", "generalised_alpha"])
def test_the_march_takes_a_known_force_in_second_order(march):
    spring = ForceOnDofs(LinearSpring(), np.ravel, np.ravel)
    errors = []
    for steps in (100, 200):
        body = ForwardMarch(sparse.identity(1, format="csr"), None, known=spring)
        times = np.linspace(0.0, 2.0, steps + 1)
        found = getattr(body, march)(np.ones(1), np.zeros(1), times).displacement[:, 0]
        errors.append(np.abs(found - np.cos(3.0 * times)).max())
    assert errors[1] < 1e-3
    assert np.log2(errors[0] / errors[1]) > 1.8


class LinearSpring:
    """`-9 u`."""

    def __call__(self, displacement, s):
        return -9.0 * displacement

    def slope(self, displacement, s):
        return np.full_like(displacement, -9.0)


def test_bad_input_and_failed_steps_are_errors():
    space, march, _ = flight(1)
    u = np.zeros(march.mass.shape[0])
    with pytest.raises(InputError, match="increasing pseudo-times"):
        march.midpoint(u, u, np.array([0.0, 0.0]))
    with pytest.raises(InputError, match="spectral radius 2"):
        march.generalised_alpha(u, u, np.array([0.0, 1.0]), spectral_radius=2.0)
    with pytest.raises(ConvergenceError, match="failed at s = 1"):
        march.midpoint(u, space.to_dofs(1e3 * square_mesh(5).points[:, ::-1] ** 2), np.array([0.0, 1.0]))
    still = Field(np.zeros((2, 1, 1)), "1", ("",))
    states = States.of(labels_on_points(np.zeros((1, 1))), Coordinate("s"), np.array([0.0, 1.0]), {"u": still})
    solution = solve(Problem(states, force=Least(0)), "fem")
    with pytest.raises(InputError, match="a blow at each state between"):
        replay(solve(Problem(wave_states(), force=Least(-1)), "fem"))
    object.__setattr__(solution, "force", None)
    with pytest.raises(InputError, match="reports no force"):
        replay(solution)
