"""Labels that move over the body: exact motions come back, known states exactly, folded meshes are refused."""

from itertools import pairwise

import numpy as np
import pytest

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import LabelMap
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.motions.line import Line
from cmgai_fem.states.label_meshes import square_mesh
from cmgai_fem.states.states import Coordinate, Field, States

KNOWN = np.array([0.0, 0.3, 0.6, 1.0])


def displaced(points: np.ndarray, s: float) -> np.ndarray:
    """Where the labels of s = 0 are at s: a bulge inside the square that grows linearly; its boundary slides."""
    x, y = points.T
    return points + s * np.column_stack([0.6 * x * (1.0 - x), 0.3 * y * (1.0 - y) * (1.0 + x)])


def found_at(points: np.ndarray, s: float) -> np.ndarray:
    """The labels of s = 0 that are at these points at s."""
    start = points.copy()
    for _ in range(100):
        start = points - (displaced(start, s) - start)
    return start


def carried_field(points: np.ndarray, s: float) -> np.ndarray:
    """A wave whose crests move with the labels, and grow."""
    x, y = found_at(points, s).T
    return ((1.0 + s) * np.sin(25.0 * x + 5.0 * y) + s**2)[:, None]


def moving(count: int = 49) -> MovingLabels:
    labels = square_mesh(count)
    body = LabelBody.of(labels)
    values = np.array([carried_field(body.points, s) for s in KNOWN])
    states = States(labels, Coordinate("s"), KNOWN, {"f": Field(values, "", ("",))})
    maps = []
    for here, there in pairwise(KNOWN):
        places = displaced(found_at(body.points, here), there)
        maps.append(LabelMap(places, 0.3, 0.0, 0.0, float(body.jacobians(places).min()), 0))
    return MovingLabels(states, body, tuple(maps))


def test_known_states_come_back_exactly() -> None:
    carrier = moving(17)
    known = carrier.states.field("f").values
    for row, weights in enumerate(np.eye(len(KNOWN))):
        np.testing.assert_allclose(carrier.at(weights, KNOWN[row]), known[row], atol=1e-12)


@pytest.mark.parametrize("s", [0.1, 0.45, 0.85])
def test_between_states_the_crests_are_where_the_labels_are(s: float) -> None:
    errors = []
    for count in (33, 65):
        carrier = moving(count)
        truth = carried_field(carrier.body.points, s)
        motion, by_label = (Line(order).weights(KNOWN, np.array([s]))[0] for order in (1, 1))
        made = carrier.at(motion, s)
        plain = np.tensordot(by_label, carrier.states.field("f").values, axes=1)
        errors.append(np.sqrt(np.mean((made - truth) ** 2)))
    assert errors[1] < 0.2 * np.sqrt(np.mean((plain - truth) ** 2))
    # Half the mesh width: an eighth of the error inside, a quarter where the boundary's slopes are one-sided.
    assert errors[1] < 0.4 * errors[0]


def test_paths_follow_the_labels_both_ways() -> None:
    carrier = moving()
    for reference in (0, 2, 3):
        paths = carrier.paths(reference)
        start = found_at(carrier.body.points, KNOWN[reference])
        for row, s in enumerate(KNOWN):
            np.testing.assert_allclose(paths.places[row], displaced(start, s), atol=1e-3)
        np.testing.assert_array_equal(paths.places[reference], carrier.body.points)


def test_a_hidden_state_is_no_reference() -> None:
    carrier = moving(17)
    known = carrier.states.field("f").values
    weights = Line(1).left_out(KNOWN)[1].copy()
    weights[1] = 0.0
    hidden = carrier.at(weights, KNOWN[1], hidden=1)
    assert 1e-6 < np.abs(hidden - known[1]).max() < 0.6
    some = np.array([3, 50, 200])
    np.testing.assert_array_equal(carrier.at(weights, KNOWN[1], hidden=1, nodes=some), hidden[some])


def test_motion_of_labels_and_its_jacobian() -> None:
    carrier = moving()
    s = 0.2
    displacement, jacobian = carrier.motion(Line(0).weights(KNOWN, np.array([s]))[0], s)
    # The nearest known state is that at 0.3.
    exact = displaced(found_at(carrier.body.points, 0.3), s) - carrier.body.points
    np.testing.assert_allclose(displacement, exact, atol=1e-3)
    assert 0.8 < jacobian.min() < jacobian.max() < 1.2


def test_a_mesh_that_folds_is_refused() -> None:
    carrier = moving(17)
    with pytest.raises(ConvergenceError, match="turns over"):
        carrier.at(np.array([-9.0, 0.0, 0.0, 10.0]), 0.1)
