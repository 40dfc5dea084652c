"""Maps of labels between states by finite elements: they lie at a minimum, keep J > 0, and turn with the body."""

import numpy as np
import pytest

from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import register_stiff
from cmgai_fem.fem.registration import FemRegistration
from cmgai_fem.states.label_meshes import line_mesh, square_mesh
from cmgai_fem.states.labels import Labels, labels_on_mesh
from cmgai_fem.transport.laws import LAWS, NumpyOperations, make_law


def rough_square(count: int = 19) -> Labels:
    """A square whose inner nodes are shaken, so that no place is special."""
    labels = square_mesh(count)
    inner = np.all((labels.points > 0.01) & (labels.points < 0.99), axis=1)
    shaken = labels.points.copy()
    shaken[inner] += np.random.default_rng(0).uniform(-0.2, 0.2, (int(inner.sum()), 2)) / count
    return labels_on_mesh(shaken, labels.cells)


def pulse(points: np.ndarray, centre: tuple[float, ...]) -> np.ndarray:
    return np.exp(-np.sum((points - np.array(centre)) ** 2, axis=1) / 0.18**2)[:, None]


def pair(points: np.ndarray) -> np.ndarray:
    return np.stack([pulse(points, (0.4, 0.45)), 1.2 * pulse(points, (0.55, 0.52))])


def functional(body: LabelBody, values: np.ndarray, places: np.ndarray, law: str, stiffness: float) -> float:
    """The functional as it is written down, by other means."""
    slopes = body.mesh.slopes(values[1])
    there = body.mesh.value(values[1], body.mesh.locate(places), slopes)
    misfit = body.shares @ np.sum((there - values[0]) ** 2, axis=1)
    misfit /= body.shares @ np.sum((values[1] - values[0]) ** 2, axis=1)
    gradients = np.einsum("mia,mib->mab", (places - body.points)[body.mesh.cells], body.mesh.gradients)
    energy = make_law(law, 1.0).energy(gradients, NumpyOperations())
    return float(misfit + stiffness * (body.mesh.volumes @ energy) / body.volume)


@pytest.mark.parametrize("law", sorted(set(LAWS) - {"none"}))
def test_the_map_is_a_minimum_of_the_functional(law: str) -> None:
    body = LabelBody.of(rough_square())
    values = pair(body.points)
    found = FemRegistration(body, values, make_law(law))(0, 0.3)
    assert functional(body, values, found.places, law, 0.3) == pytest.approx(found.total, rel=1e-9)
    assert found.total < 0.35
    assert body.jacobians(found.places).min() == pytest.approx(found.least_jacobian)
    assert found.least_jacobian > 0.0
    random = np.random.default_rng(3)
    for _ in range(5):
        push = random.normal(size=body.points.shape)
        push = np.stack([body.mesh.averaged(push[body.mesh.cells].mean(axis=1)[:, a]) for a in range(2)], axis=1)
        for size in (-0.01, 0.01):
            other = body.project(found.places + size * push)
            assert functional(body, values, other, law, 0.3) > found.total * (1.0 - 2e-3)


def test_a_rigid_body_does_not_move_and_a_soft_one_follows() -> None:
    body = LabelBody.of(rough_square())
    values = pair(body.points)
    register = FemRegistration(body, values)
    misfits = [register(0, stiffness).misfit for stiffness in (1e6, 3.0, 0.3)]
    assert misfits[0] > 0.999
    assert misfits[0] > misfits[1] > 10.0 * misfits[2]


def test_alike_states_leave_the_labels_where_they_are() -> None:
    body = LabelBody.of(rough_square(7))
    values = np.repeat(pair(body.points)[:1], 2, axis=0)
    found = FemRegistration(body, values)(0, 0.3)
    np.testing.assert_array_equal(found.places, body.points)
    assert found.steps == 0


@pytest.mark.parametrize("change", ["scale", "shift", "turn"])
def test_what_the_map_does_not_depend_on(change: str) -> None:
    labels = rough_square()
    values = pair(labels.points)
    body = LabelBody.of(labels)
    found = register_stiff(FemRegistration(body, values), 0, 0.3)
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    altered = {"scale": 3e5 * values, "shift": values + 2.0, "turn": values}[change]
    shift, size = np.zeros(2), 1.0
    if change == "turn":
        shift, size = np.array([3.0, -1.0]), 5.0
        body = LabelBody.of(labels_on_mesh(size * labels.points @ turn.T + shift, labels.cells))
    else:
        turn = np.eye(2)
    again = register_stiff(FemRegistration(body, altered), 0, 0.3)
    np.testing.assert_allclose((again.places - shift) @ turn / size, found.places, atol=1e-8)


def test_components_share_one_map() -> None:
    body = LabelBody.of(rough_square())
    values = pair(body.points)
    alone = FemRegistration(body, values)(0, 0.3)
    twice = FemRegistration(body, np.concatenate([values, -2.0 * values, np.zeros_like(values)], axis=2))(0, 0.3)
    np.testing.assert_allclose(twice.places, alone.places, atol=1e-9)


def test_on_a_line_labels_keep_their_order() -> None:
    labels = line_mesh(81)
    body = LabelBody.of(labels)
    values = np.stack([pulse(labels.points, (0.35,)), pulse(labels.points, (0.5,))])
    found = FemRegistration(body, values)(0, 0.1)
    assert np.all(np.diff(found.places[:, 0]) > 0.0)
    np.testing.assert_array_equal(found.places[[0, -1]], labels.points[[0, -1]])
    assert found.places[28, 0] == pytest.approx(0.5, abs=2e-3)
    assert found.misfit < 1e-2


def test_factors_blocks_of_nodes_and_multigrid_find_one_map(monkeypatch: pytest.MonkeyPatch) -> None:
    from test_body import box

    body = LabelBody.of(box((7, 7, 7)))
    values = np.stack([pulse(body.points, centre) for centre in ((0.4, 0.5, 0.45), (0.5, 0.55, 0.5))])
    found = [FemRegistration(body, values, tolerance=1e-12)(0, 0.3)]
    for blocked in (10**6, 0):
        monkeypatch.setattr("cmgai_fem.fem.slip.FACTORED", (0, 0, 0))
        monkeypatch.setattr("cmgai_fem.fem.slip.BLOCKED", (blocked, blocked, blocked))
        found.append(FemRegistration(body, values, tolerance=1e-12)(0, 0.3))
    assert found[0].misfit < 0.5
    for other in found[1:]:
        assert other.steps == found[0].steps
        np.testing.assert_allclose(other.places, found[0].places, atol=1e-8)


def test_in_a_box_and_on_a_sphere_labels_follow_the_pulse() -> None:
    from test_body import box, sphere

    for labels, tolerance in ((box((9, 9, 9)), 0.04), (sphere(), 0.05)):
        body = LabelBody.of(labels)
        goal = np.array([0.6, 0.5, 0.55]) if not body.is_surface else np.array([0.0, 0.6, 0.8])
        start = np.array([0.45, 0.5, 0.5]) if not body.is_surface else np.array([0.0, 0.35, np.sqrt(1 - 0.35**2)])
        values = np.stack([np.exp(-np.sum((body.points - c) ** 2, axis=1) / 0.3**2)[:, None] for c in (start, goal)])
        found = register_stiff(FemRegistration(body, values), 0, 0.3)
        assert found.misfit < 0.1
        assert body.jacobians(found.places).min() > 0.0
        nearest = np.argsort(np.sum((body.points - start) ** 2, axis=1))[:3]
        shift = (found.places - body.points)[nearest].mean(axis=0)
        np.testing.assert_allclose(shift, goal - start, atol=tolerance)
        np.testing.assert_allclose(body.project(found.places), found.places, atol=1e-9)
