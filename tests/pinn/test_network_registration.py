"""Maps of labels by a coordinate network: its derivatives, its limits, and the maps of the finite elements."""

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import LabelMap
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.fem.registration import FemRegistration
from cmgai_fem.pinn.coordinate_network import Units
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
def test_units_are_orthonormal_and_their_slopes_are_theirs(sides: list[float]) -> None:
    generator, size = np.random.default_rng(0), np.array(sides)
    points, shares = size * generator.random((800, len(size))), np.full(800, 1.0 / 800)
    units = Units.drawn(points, shares, 3.0, generator)
    values, slopes = units.at(points)
    gram = (values.T * shares) @ values / 9.0 + sum((one.T * shares) @ one for one in slopes)
    assert gram == pytest.approx(np.eye(len(gram)), abs=1e-4)
    step, few = 1e-5, points[:9]
    differences = [units.values(few + step * axis) - units.values(few - step * axis) for axis in np.eye(len(size))]
    scale = float(np.abs(slopes[:, :9]).max())
    assert slopes[:, :9] == pytest.approx(np.stack(differences) / (2.0 * step), abs=1e-5 * scale)
    assert units.values(few) == pytest.approx(values[:9], abs=1e-9 * scale)


def test_the_gradient_is_that_of_the_functional(labels: Labels, values: Array) -> None:
    register, generator = NetworkRegistration(LabelBody.of(labels), values), np.random.default_rng(1)
    level, cells = register._pair(0, 0.1), register._inside.cells
    weights, move = (0.01 * generator.standard_normal((2, register._size)) for _ in range(2))
    here = register._iterate(level, weights, cells, 0.0)
    assert here is not None and np.abs(here.left).max() > 1e-4
    gradient, curvature = register._linearise(level, here, 0.3, slice(None))
    step, totals = 1e-4, []
    for side in (1, -1):
        there = register._iterate(level, weights + side * step * move, cells, 0.0)
        assert there is not None
        totals.append(there.total(0.3))
    assert gradient @ move.ravel() == pytest.approx((totals[0] - totals[1]) / (2.0 * step), rel=0.02)
    assert np.linalg.eigvalsh(curvature)[0] > -1e-9 * np.trace(curvature)


def ring_of_triangles() -> Labels:
    """Triangles between two circles."""
    angles, radii = np.linspace(0.0, 2.0 * np.pi, 60, endpoint=False), np.linspace(0.3, 1.0, 13)
    points = (radii[:, None, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)).reshape(-1, 2)
    inner = (np.arange(12)[:, None] * 60 + np.arange(60)).ravel()
    beside = (np.arange(12)[:, None] * 60 + (np.arange(60) + 1) % 60).ravel()
    cells = np.concatenate(
        [np.column_stack([inner, inner + 60, beside]), np.column_stack([inner + 60, beside + 60, beside])]
    )
    return labels_on_mesh(points, {"triangle": cells})


def test_on_a_body_of_any_shape_it_slides_along_the_boundary() -> None:
    ring = ring_of_triangles()
    body = LabelBody.of(ring)
    angles = np.arctan2(*ring.points.T[::-1])
    # A crest over the whole width of the ring, which turns: what is best is to slide along both circles.
    values = np.array(
        [np.exp(-(((angles - at + np.pi) % (2.0 * np.pi) - np.pi) ** 2) / 0.3)[:, None] for at in (0, 0.3)]
    )
    network, elements = (kind(body, values)(0, 0.3) for kind in (NetworkRegistration, FemRegistration))
    # The ring turns as a whole, against nothing; where it does not move the functional is 1.
    assert network.total < 0.01 and network.least_jacobian > 0.5
    edge = body.sliding
    assert body.project(network.places)[edge] == pytest.approx(network.places[edge], abs=1e-12)
    # Away from the crest the motion is not determined.
    seen = edge[values[0, edge, 0] > 0.1]
    slips = [np.linalg.norm((one.places - ring.points)[seen], axis=1) for one in (network, elements)]
    assert slips[1].max() > 0.25 and slips[0] == pytest.approx(slips[1], abs=0.01)


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


def test_a_body_turned_moves_alike(labels: Labels, values: Array, found: tuple[object, LabelMap]) -> None:
    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    turned = NetworkRegistration(LabelBody.of(labels_on_mesh(labels.points @ turn, labels.cells)), values)(0, 0.3)
    assert turned.places @ turn.T == pytest.approx(found[1].places, abs=0.02)


def test_surfaces_in_space_are_refused(labels: Labels, values: Array) -> None:
    bent = np.column_stack([labels.points, labels.points[:, 0] ** 2])
    with pytest.raises(InputError, match="not those of a surface in space"):
        NetworkRegistration(LabelBody.of(labels_on_mesh(bent, labels.cells)), values)


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
