"""States from files, grids and arrays: one way for one to three coordinates, labels as the body has them."""

import numpy as np
import pytest
import pyvista
from bodies import block, stress_at

from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FileStates, read_states
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.states.labels import labels_on_mesh
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States


def square():
    """A grid of two triangles in the plane z = 1."""
    points = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    return pyvista.UnstructuredGrid({5: np.array([[0, 1, 2], [0, 2, 3]])}, points)


def test_a_flat_body_has_labels_in_its_plane():
    grids = []
    for value in (1.0, 2.0):
        grid = square()
        grid.point_data["u"], grid.cell_data["w"] = value * np.arange(4.0), value * np.arange(2.0)
        grids.append(grid)
    at_nodes = read_states(grids, field="u", values=[1.0, 2.0]).labels
    assert at_nodes.points.shape == (4, 2)
    assert at_nodes.cells["triangle"].shape == (2, 3)
    np.testing.assert_allclose(at_nodes.weights, [1 / 3, 1 / 6, 1 / 3, 1 / 6])
    states = read_states(grids, field="w", values=[1.0, 2.0])
    assert (states.labels.location, states.labels.count) == ("cell", 2)
    np.testing.assert_allclose(states.labels.positions, [[2 / 3, 1 / 3], [1 / 3, 2 / 3]])
    assert states.grid(w=np.ones(2)).cell_data["w"].tolist() == [1.0, 1.0]


def test_a_grid_that_changes_later_changes_nothing():
    grid = block()
    grid["u"] = np.ones(grid.n_points)
    states = read_states([grid, grid], field="u", values=[0.0, 1.0])
    grid["u"] = np.zeros(grid.n_points)
    assert np.all(states.field("u").values == 1.0)
    assert isinstance(states, FileStates)
    assert [path.name for path in states.files] == ["grid 1", "grid 2"]


def test_states_of_two_coordinates_in_one_npz(tmp_path):
    mesh = labels_on_mesh(np.array([[0.0], [1.0], [3.0]]), {"line": np.array([[0, 1], [1, 2]])})
    values = np.array([[0.0, 5.0], [1.0, 5.0], [0.0, 7.0]])
    field = Field(np.arange(18.0).reshape(3, 3, 2), "Pa", ("x", "y"))
    two = Coordinates((Coordinate("t", "K"), Coordinate("f")))
    States(mesh, two, values, {"u": field}).save(tmp_path / "all.npz")
    read = read_states(tmp_path / "all.npz", field="u", coordinate=["t", "f"], unit=["K", ""])
    np.testing.assert_array_equal(read.values, values)
    np.testing.assert_array_equal(read.field("u").values, field.values)
    np.testing.assert_array_equal(read.labels.weights, mesh.weights)
    assert all(snapshot.time is None for snapshot in read_snapshots(tmp_path / "all.npz"))
    assert read.rows(np.array([2, 0])).files[0].name == "all.npz"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"coordinate": ["a", "a"], "values": [[0, 1], [1, 1]]}, "must differ in name, not a, a"),
        ({"coordinate": ["a", "b"], "unit": ["K"], "values": [[0, 1], [1, 1]]}, "1 units for 2 state coordinates"),
        ({"values": [[0.0, 1.0], [1.0, 1.0]]}, "2 values for the coordinate state: give one each"),
        ({"values": [0.0, 1.0], "values_from": "x"}, "not both"),
        ({"values": [0.0, 0.0]}, "grid 1 and grid 2 both have state = 0"),
        ({"values": [0.0, 1.0], "points": np.zeros((4, 2))}, "points belong to arrays"),
        ({"values": [0.0, 1.0], "field": ""}, "say which field"),
        ({"values": [0.0, 1.0], "field": "s"}, "grid 1: no field 's'; the file has: stress"),
    ],
)
def test_what_cannot_be_read(change, match):
    grids = []
    for value in (0.0, 1.0):
        grid = block()
        grid["stress"] = stress_at(grid.points, value)
        grids.append(grid)
    with pytest.raises(InputError, match=match):
        read_states(grids, **{"field": "stress"} | change)


def test_blocks_are_one_body():
    left, right = block(), block().translate((2.0, 0.0, 0.0))
    for part in (left, right):
        part["u"] = np.asarray(part.points)[:, 0]
    blocks = pyvista.MultiBlock([left, None, right])
    states = read_states([blocks, blocks], field="u", values=[0.0, 1.0])
    np.testing.assert_array_equal(states.field("u").values[1, :, 0], states.labels.points[:, 0])
    assert states.labels.points[:, 0].max() == 4.0


def test_volumes_of_the_labels_may_be_told_by_a_field(tmp_path):
    """Axial symmetry: a label stands for a ring, and the plane mesh does not tell its volume."""
    import pyvista

    paths = []
    for value in (1.0, 2.0):
        grid = pyvista.ImageData(dimensions=(3, 4, 1)).cast_to_unstructured_grid()
        grid.point_data["u"] = value * grid.points[:, 0]
        grid.point_data["ring"] = 2.0 * np.pi * (grid.points[:, 0] + 0.5)
        grid.point_data["zero"] = np.zeros(12)
        grid.point_data["pair"] = np.ones((12, 2))
        paths.append(tmp_path / f"{value:g}.vtu")
        grid.save(paths[-1])
    states = read_states(paths, field="u", values=[1.0, 2.0], volumes="ring")
    np.testing.assert_allclose(states.labels.weights, 2.0 * np.pi * (states.labels.points[:, 0] + 0.5))
    with pytest.raises(InputError, match="stands for a volume of 0"):
        read_states(paths, field="u", values=[1.0, 2.0], volumes="zero")
    with pytest.raises(InputError, match="one number a label, not 2"):
        read_states(paths, field="u", values=[1.0, 2.0], volumes="pair")
    with pytest.raises(InputError, match="ring2"):
        read_states(paths, field="u", values=[1.0, 2.0], volumes="ring2")
