"""Components go by name, in every reader, writer and comparison."""

import numpy as np
import pytest
import pyvista
from bodies import block

from cmgai_fem.commands.compare import compare
from cmgai_fem.errors import InputError
from cmgai_fem.files.components import component_order, set_names
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.sensors import Sensor, observe
from cmgai_fem.files.writers import write_grid

VALUES = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
OURS = ("xx", "yy", "zz", "xy", "yz", "xz")
# Names as programs write them, and the place of each in our order.
ORDERS = {
    "VTK": (("XX", "YY", "ZZ", "XY", "YZ", "XZ"), [0, 1, 2, 3, 4, 5]),
    "Abaqus": (("S11", "S22", "S33", "S12", "S13", "S23"), [0, 1, 2, 3, 5, 4]),
    "CalculiX": (("SXX", "SYY", "SZZ", "SXY", "SYZ", "SZX"), [0, 1, 2, 3, 4, 5]),
    "MOOSE": (("stress_xx", "stress_xy", "stress_zx", "stress_yy", "stress_yz", "stress_zz"), [0, 3, 5, 1, 4, 2]),
}


def tensor(scale, order, path=None, name="S"):
    names, rows = ORDERS[order]
    grid = block(1)
    grid[name] = np.tile(scale * VALUES[rows], (grid.n_points, 1))
    set_names(grid.point_data[name], names)
    if path is not None:
        grid.save(path)
    return path or grid


@pytest.mark.parametrize("order", ORDERS)
def test_a_tensor_in_any_order(tmp_path, order):
    (read,) = read_snapshots(tensor(2.0, order, tmp_path / "a.vtu"))
    np.testing.assert_array_equal(read.grid["S"][0], 2.0 * VALUES)


@pytest.mark.parametrize(
    ("names", "order", "ours"),
    [
        (("yy", "xx", "xy", "yx"), [1, 2, 3, 0], ("xx", "xy", "yx", "yy")),
        (("xx", "yy", "zz", "xy"), [0, 1, 2, 3], ("xx", "yy", "zz", "xy")),
        (("D1", "D2", "D3"), [0, 1, 2], ("x", "y", "z")),
        (("u_y", "u_x"), [1, 0], ("x", "y")),
        (("S33", "S11", "S22", "S21"), [1, 2, 0, 3], ("xx", "yy", "zz", "xy")),
        (("radial", "hoop"), [0, 1], ("radial", "hoop")),
        (("xx", "XX", "yy"), [0, 1, 2], ("xx", "XX", "yy")),
    ],
)
def test_order_by_names(names, order, ours):
    assert component_order(names) == (order, ours)


def test_states_whose_files_disagree(tmp_path):
    paths = [tensor(scale, order, tmp_path / f"{scale}.vtu") for scale, order in ((1.0, "VTK"), (2.0, "Abaqus"))]
    states = read_states([*paths, tensor(3.0, "MOOSE")], field="S", values=[1.0, 2.0, 3.0])
    assert states.field("S").components == OURS
    np.testing.assert_array_equal(states.field("S").values[:, 0], np.outer([1.0, 2.0, 3.0], VALUES))
    for name in ("xz", "zx", "S13"):
        (found,) = observe(states, [Sensor(1, 0, "S", name, 0.0, 1.0)])
        assert found.component == 5
    with pytest.raises(InputError, match="no component 'S14'"):
        observe(states, [Sensor(1, 0, "S", "S14", 0.0, 1.0)])


def test_compare_goes_by_name(tmp_path):
    one, other = (tensor(1.0, order, tmp_path / f"{order}.vtu") for order in ("VTK", "Abaqus"))
    assert compare(one, other, "S").error.nrmse == 0.0


def test_components_that_cannot_be_matched_are_refused():
    one, other = block(1), block(1)
    for grid, names in ((one, ("xx", "xy", "yx", "yy")), (other, ("xx", "yy", "zz", "xy"))):
        grid["S"] = np.tile(np.arange(4.0), (grid.n_points, 1))
        set_names(grid.point_data["S"], names)
    with pytest.raises(InputError, match="has the components xx, yy, zz, xy, elsewhere xx, xy, yx, yy"):
        read_states([one, other], field="S", values=[1.0, 2.0])


@pytest.mark.parametrize("suffix", [".msh", ".exo", ".xdmf", ".vtk", ".npz", ".vtkhdf"])
def test_what_is_written_keeps_the_components_apart(tmp_path, suffix):
    states = read_states([tensor(scale, "Abaqus") for scale in (1.0, 2.0)], field="S", values=[1.0, 2.0])
    write_grid(tmp_path / f"a{suffix}", states.grid(S=states.field("S").values[1]), {})
    (read,) = read_snapshots(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(read.grid["S"][0], 2.0 * VALUES)


@pytest.mark.parametrize("suffix", [".exo", ".xdmf", ".npz", ".vtk"])
def test_a_plane_tensor_keeps_its_names(tmp_path, suffix):
    grid = pyvista.ImageData(dimensions=(3, 3, 1)).cast_to_unstructured_grid()
    grid["S"] = np.tile([1.0, 2.0, 3.0, 4.0], (9, 1))
    set_names(grid.point_data["S"], ("xx", "xy", "yx", "yy"))
    write_grid(tmp_path / f"a{suffix}", grid, {})
    states = read_states([tmp_path / f"a{suffix}"], field="S", values=[1.0])
    assert states.field("S").components == ("xx", "xy", "yx", "yy")
    np.testing.assert_array_equal(states.field("S").values[0, 0], [1.0, 2.0, 3.0, 4.0])


def test_in_memory_grids_stay_as_they_are():
    grid = tensor(1.0, "Abaqus")
    read_states([grid, grid], field="S", values=[1.0, 2.0])
    assert grid.point_data["S"].VTKObject.GetComponentName(4) == "S13"
    assert grid["S"][0].tolist() == VALUES[[0, 1, 2, 3, 5, 4]].tolist()
