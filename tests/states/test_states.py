import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Labels, labels_on_mesh, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States

SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
TETRAHEDRA = np.array([[0, 1, 3, 7], [0, 3, 2, 7], [0, 2, 6, 7], [0, 6, 4, 7], [0, 4, 5, 7], [0, 5, 1, 7]])
CUBE = np.array([[x, y, z] for z in (0.0, 1.0) for y in (0.0, 1.0) for x in (0.0, 1.0)])


def line_states(values: list[float], field: np.ndarray) -> States:
    labels = labels_on_points(np.linspace(0.0, 1.0, field.shape[1])[:, None])
    return States.of(labels, Coordinate("load", "N"), values, {"f": Field(field, "Pa", ("",))})


@pytest.mark.parametrize(
    ("points", "cells", "volume"),
    [
        (np.array([[0.0], [0.5], [2.0]]), {"line": np.array([[0, 1], [1, 2]])}, 2.0),
        (SQUARE, {"quad": np.array([[0, 1, 2, 3]])}, 1.0),
        (SQUARE, {"triangle": np.array([[0, 1, 2], [0, 2, 3]])}, 1.0),
        (CUBE, {"hexahedron": np.array([[0, 1, 3, 2, 4, 5, 7, 6]])}, 1.0),
        (CUBE, {"tetra": TETRAHEDRA}, 1.0),
    ],
)
@pytest.mark.parametrize("location", ["point", "cell"])
def test_label_volumes_add_up_to_the_body(points, cells, volume, location):
    labels = labels_on_mesh(points, cells, location)
    assert labels.weights.sum() == pytest.approx(volume, rel=1e-14)


def test_a_curved_surface_in_space_has_its_area():
    tilted = np.column_stack([SQUARE, SQUARE[:, 0]])
    labels = labels_on_mesh(tilted, {"quad": np.array([[0, 1, 2, 3]])})
    assert labels.weights.sum() == pytest.approx(np.sqrt(2.0), rel=1e-12)


def test_states_are_sorted_and_found_by_value():
    states = line_states([3.0, 1.0, 2.0], np.arange(6.0).reshape(3, 2, 1))
    assert list(states.scalars) == [1.0, 2.0, 3.0]
    assert states.field("f").values[states.index(3.0)].ravel() == pytest.approx([0.0, 1.0])
    assert list(states.without(1).scalars) == [1.0, 3.0]
    assert list(states.at([3.0, 1.0]).scalars) == [1.0, 3.0]


def test_a_set_survives_the_disk(tmp_path):
    labels = labels_on_mesh(SQUARE, {"quad": np.array([[0, 1, 2, 3]])})
    field = Field(np.random.default_rng(1).normal(size=(2, 4, 3)), "m", ("x", "y", "z"))
    states = States(labels, Coordinate("tid", "µs"), np.array([1.0, 2.0]), {"u/ü": field})
    states.save(tmp_path / "states.npz")
    again = States.load(tmp_path / "states.npz")
    assert again.coordinates == states.coordinates
    assert again.field("u/ü").components == field.components
    assert np.array_equal(again.field("u/ü").values, field.values)
    assert np.array_equal(again.labels.cells["quad"], labels.cells["quad"])
    assert [item.name for item in tmp_path.iterdir()] == ["states.npz"]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: line_states([1.0, 1.0], np.zeros((2, 3, 1))), "two states have load = 1 N"),
        (lambda: line_states([1.0, np.nan], np.zeros((2, 3, 1))), "load must be finite"),
        (lambda: line_states([1.0, 2.0], np.zeros((2, 3, 1))).field("g"), "no field 'g'; the states have: f"),
        (lambda: line_states([1.0, 2.0], np.zeros((2, 3, 1))).index(5.0), "no state at load = 5 N"),
        (lambda: line_states([1.0, 2.0], np.full((2, 3, 1), np.inf)).check_finite(), "not finite at load = 1 N"),
        (lambda: Labels(SQUARE, np.array([1.0, 1.0, 0.0, 1.0]), {}), "label 2 stands for a volume of 0"),
        (lambda: Labels(SQUARE, np.ones(3), {}), "4 labels need 4 weights"),
        (lambda: Field(np.zeros((2, 3)), "Pa", ("",)), "field values must be"),
    ],
)
def test_bad_states_are_refused_in_one_line(build, message):
    with pytest.raises(InputError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)
