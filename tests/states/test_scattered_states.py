import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States

AXES = Coordinates((Coordinate("temperature", "degC"), Coordinate("load", "kN")))
VALUES = np.array([[100.0, 2.0], [250.0, 7.0], [400.0, 3.0]])


def states(values: np.ndarray = VALUES, field: np.ndarray | None = None) -> States:
    data = np.arange(2.0 * len(values)).reshape(-1, 2, 1) if field is None else field
    return States(labels_on_points(np.array([[0.0], [1.0]])), AXES, values, {"f": Field(data, "Pa", ("",))})


def test_coordinates_name_themselves_and_a_state():
    assert AXES.label() == "temperature [degC], load [kN]"
    assert AXES.label([325.0, 3.0]) == "temperature = 325 degC, load = 3 kN"
    assert AXES.name == "temperature, load"


def test_states_are_found_by_their_values_in_the_order_asked():
    picked = states().at([[400.0, 3.0], [100.0, 2.0]])
    np.testing.assert_array_equal(picked.values, VALUES[[2, 0]])
    np.testing.assert_array_equal(picked.field("f").values[0, :, 0], [4.0, 5.0])
    assert len(states().without(1)) == 2
    with pytest.raises(InputError, match="no state at temperature = 1 degC, load = 2 kN"):
        states().index([1.0, 2.0])


def test_a_file_gives_the_same_states_back(tmp_path):
    path = tmp_path / "states.npz"
    states().save(path)
    loaded = States.load(path)
    assert loaded.coordinates == AXES
    np.testing.assert_array_equal(loaded.values, VALUES)
    np.testing.assert_array_equal(loaded.field("f").values, states().field("f").values)


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        (VALUES[:, :1], None, r"need \(K, 2\) values, not \(3, 1\)"),
        (np.vstack([VALUES, VALUES[:1]]), None, "two states have temperature = 100 degC, load = 2 kN"),
        (np.array([[1.0, np.nan]]), None, "must be finite"),
        (VALUES, np.zeros((2, 2, 1)), "expected"),
    ],
)
def test_malformed_states_are_refused(values, field, text):
    with pytest.raises(InputError, match=text):
        states(values, field)


def test_a_value_that_is_not_finite_is_named():
    field = np.zeros((3, 2, 1))
    field[1, 1] = np.inf
    with pytest.raises(InputError, match="not finite at temperature = 250 degC, load = 7 kN, label 1"):
        states(field=field).check_finite()
