"""Maps of labels by a coordinate network: its derivatives, its limits, and the maps of the finite elements."""

from dataclasses import replace

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import LabelMap
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.fem.registration import FemRegistration
from cmgai_fem.pinn.coordinate_network import CoordinateNetwork
from cmgai_fem.pinn.registration import NetworkRegistration
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array, Labels, labels_on_mesh
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem

S = np.array([0.0, 0.5, 1.0])


def square(size: int) -> Labels:
    """The unit square in triangles."""
    axis = np.linspace(0.0, 1.0, size + 1)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    corner = (np.arange(size)[:, None] * (size + 1) + np.arange(size)).ravel()
    up, across = corner + size + 1, corner + 1
    cells = np.concatenate([np.column_stack([corner, up, across]), np.column_stack([up, up + 1, across])])
    return labels_on_mesh(points, {"triangle": cells})


def pulse(points: Array, s: float) -> Array:
    """A pulse that moves and grows."""
    x, y = points[:, 0] - 0.3 - 0.3 * s, points[:, 1] - 0.4 - 0.1 * s
    return np.asarray((1.0 + 0.2 * s) * np.exp(-(x**2 + y**2) / 0.15**2))[:, None]


@pytest.fixture(scope="module")
def labels() -> Labels:
    return square(20)


@pytest.fixture(scope="module")
def values(labels: Labels) -> Array:
    return np.array([pulse(labels.points, s) for s in S])


@pytest.fixture(scope="module")
def found(labels: Labels, values: Array) -> tuple[NetworkRegistration, LabelMap]:
    register = NetworkRegistration(LabelBody.of(labels), values)
    return register, register(0, 0.3)


@pytest.mark.parametrize("sides", [[2.0], [1.0, 3.0], [1.0, 2.0, 0.5]])
def test_derivatives_are_those_of_the_map(sides: list[float]) -> None:
    generator, size = np.random.default_rng(0), np.array(sides)
    network = CoordinateNetwork.at_rest(-size, size, generator)
    count = len(network.weights)
    network = replace(network, weights=network.weights + 0.1 * generator.standard_normal(count))
    points = size * (2.0 * generator.random((6, len(size))) - 1.0)
    signals = network.signals(network.enter(points))
    of_places, of_gradient = network.jacobian(signals)
    step, move = 1e-6, generator.standard_normal(count)
    more, less = (
        replace(network, weights=network.weights + side * step * move).signals(signals.entering) for side in (1, -1)
    )
    assert of_places @ move == pytest.approx((more.places - less.places) / (2.0 * step), abs=1e-8)
    assert of_gradient @ move == pytest.approx((more.gradient - less.gradient) / (2.0 * step), abs=1e-8)
    axes = step * np.eye(len(size))
    sides = [[network.places(network.enter(points + side * axis)) for side in (1, -1)] for axis in axes]
    differences = [(more - less) / (2.0 * step) for more, less in sides]
    assert signals.gradient == pytest.approx(np.stack(differences, axis=2), abs=1e-8)
    assert signals.places == pytest.approx(network.places(signals.entering), abs=1e-14)
    force, stress = generator.standard_normal(signals.places.shape), generator.standard_normal(signals.gradient.shape)
    pulled = np.einsum("pg,pgw->w", force, of_places) + np.einsum("pga,pgaw->w", stress, of_gradient)
    assert network.pull_back(signals, force, stress) == pytest.approx(pulled, abs=1e-12)


def test_whatever_the_weights_walls_stay_walls() -> None:
    generator = np.random.default_rng(1)
    network = CoordinateNetwork.at_rest(np.zeros(2), np.ones(2), generator)
    network = replace(network, weights=generator.standard_normal(len(network.weights)))
    along = np.linspace(0.0, 1.0, 9)
    moved = network.places(network.enter(np.column_stack([np.ones(9), along])))
    assert np.array_equal(moved[:, 0], np.ones(9))
    assert np.array_equal(moved[[0, -1], 1], [0.0, 1.0]) and np.any(moved[1:-1, 1] != along[1:-1])


def test_the_map_is_that_of_the_finite_elements(labels: Labels, values: Array, found: tuple[object, LabelMap]) -> None:
    body, (_, network) = LabelBody.of(labels), found
    elements = FemRegistration(body, values)(0, 0.3)
    assert network.total < 1.05 * elements.total
    assert network.least_jacobian == pytest.approx(elements.least_jacobian, abs=0.1)
    assert network.misfit < 0.05
    middle = [
        MovingLabels(
            States(labels, Coordinate("s"), S[:2], {"u": Field(values[:2], "", ("",))}), body, (one,)
        ).at(np.array([0.5, 0.5]), 0.25)
        for one in (network, elements)
    ]  # fmt: skip
    assert np.sqrt(np.mean((middle[0] - middle[1]) ** 2)) < 2e-3 * np.ptp(values)


def test_it_does_not_fold(labels: Labels, found: tuple[object, LabelMap]) -> None:
    body, (_, network) = LabelBody.of(labels), found
    assert 0.0 < network.least_jacobian <= body.jacobians(network.places).min()


def test_a_softer_map_goes_on_from_a_stiffer(values: Array, found: tuple[NetworkRegistration, LabelMap]) -> None:
    register, stiffer = found
    softer = register(0, 0.1, stiffer.places, (0.0,))
    assert softer.misfit < stiffer.misfit and softer.steps < stiffer.steps
    with pytest.raises(InputError, match="goes on from maps that it found itself"):
        register(0, 0.1, stiffer.places.copy())


def test_states_that_are_alike_do_not_move(labels: Labels, values: Array) -> None:
    at_rest = NetworkRegistration(LabelBody.of(labels), values[[0, 0]])(0, 0.3)
    assert np.array_equal(at_rest.places, labels.points) and at_rest.misfit == 0.0


def test_a_body_that_is_no_box_is_refused(values: Array) -> None:
    one = square(20)
    turned = labels_on_mesh(one.points @ np.array([[0.8, -0.6], [0.6, 0.8]]), one.cells)
    with pytest.raises(InputError, match="boxes along the axes alone"):
        NetworkRegistration(LabelBody.of(turned), values)


def test_the_solver_registers_moving_labels_anew(labels: Labels, values: Array) -> None:
    body = LabelBody.of(labels)
    states = States(labels, Coordinate("s"), S, {"u": Field(values, "", ("",))})
    elements = FemRegistration(body, values)
    carrier = MovingLabels(states, body, tuple(elements(pair, 0.3) for pair in range(2)))
    solver = Solver("independent")
    own = solver.moving(carrier)
    assert own.stiffness == 0.3 and all(a is not b for a, b in zip(own.maps, carrier.maps, strict=True))
    assert Solver("fem").moving(carrier) is carrier
    by_elements = Solver("fem")(Problem(states, force=Least(0), transform=carrier))
    by_network = solver(Problem(states, force=Least(0), transform=own))
    assert by_network.momentum_residual(0.3) < 1e-5
    difference = by_network.at(0.3) - by_elements.at(0.3)
    assert np.sqrt(np.mean(difference**2)) < 2e-3 * np.ptp(values)
    for row, at in enumerate(S):
        assert by_network.at(at) == pytest.approx(values[row], abs=1e-5)
