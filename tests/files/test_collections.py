"""Files that list files: the parts of a step are one body, times are the collection's, ghosts are nobody's labels."""

import numpy as np
import pytest
import pyvista
from bodies import block

from cmgai_fem.errors import InputError
from cmgai_fem.files.parts import GHOSTS
from cmgai_fem.files.readers import read_snapshots

STEPS = (0.0, 10.0, 50.0)


def slab(step, shift=0.0):
    """A block whose field is 100 + t x."""
    grid = block(1).translate((shift, 0.0, 0.0))
    grid["T"] = 100.0 + step * np.asarray(grid.points)[:, 0]
    return grid


@pytest.fixture
def folder(tmp_path):
    """Two slabs side by side at three steps, with times of their own that are wrong."""
    (tmp_path / "sub dir").mkdir()
    for row, step in enumerate(STEPS):
        for name, shift in (("a", 0.0), ("b", 2.0)):
            grid = slab(step, shift)
            grid.field_data["TimeValue"] = [999.0 + row]
            grid.save(tmp_path / "sub dir" / f"{name} {row}.vtu")
    return tmp_path


def collection(folder, rows):
    text = "".join(f'<DataSet timestep="{time}" part="{part}" file="{file}"/>' for time, part, file in rows)
    (folder / "all.pvd").write_text(f'<VTKFile type="Collection"><Collection>{text}</Collection></VTKFile>')
    return read_snapshots(folder / "all.pvd")


def assert_right(states, times=STEPS):
    assert [state.time for state in states] == list(times)
    for state, step in zip(states, STEPS, strict=True):
        np.testing.assert_allclose(state.grid["T"], 100.0 + step * np.asarray(state.grid.points)[:, 0], rtol=1e-6)


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_times_are_the_collections(folder, separator):
    rows = [(time, 0, f"sub dir{separator}a {row}.vtu") for row, time in enumerate(STEPS)]
    assert_right(collection(folder, rows))
    assert_right(collection(folder, [*rows, rows[1]]))


def test_parts_of_a_step_are_one_body(folder):
    states = collection(
        folder, [(time, part, f"sub dir/{'ab'[part]} {row}.vtu") for row, time in enumerate(STEPS) for part in (0, 1)]
    )
    assert_right(states)
    assert {state.grid.n_cells for state in states} == {2 * block(1).n_cells}
    assert states[0].grid.bounds[1] == 4.0


def test_without_times_every_entry_is_a_state(folder):
    assert_right(collection(folder, [("", 0, f"sub dir/a {row}.vtu") for row in range(3)]), (999.0, 1000.0, 1001.0))


def test_two_files_for_one_part_are_refused(folder):
    with pytest.raises(InputError, match=r"names a 0\.vtu and a 1\.vtu for one part"):
        collection(folder, [(0.0, 0, "sub dir/a 0.vtu"), (0.0, 0, "sub dir/a 1.vtu")])


def test_a_field_that_a_part_lacks_is_unknown_there(tmp_path):
    one, other = slab(1.0), slab(1.0, 2.0)
    one.cell_data["q"] = np.ones(one.n_cells)
    pyvista.MultiBlock([one, other]).save(tmp_path / "a.vtm")
    (read,) = read_snapshots(tmp_path / "a.vtm")
    assert np.isnan(read.grid.cell_data["q"]).tolist() == [False] * one.n_cells + [True] * other.n_cells


@pytest.mark.parametrize("suffix", [".vti", ".vtr", ".vts", ".vtm"])
def test_structured_grids(tmp_path, suffix):
    grid = pyvista.ImageData(dimensions=(3, 4, 2))
    grid["T"] = np.asarray(grid.points)[:, 1]
    kinds = {".vtr": grid.cast_to_rectilinear_grid, ".vts": grid.cast_to_structured_grid}
    grid = pyvista.MultiBlock([grid]) if suffix == ".vtm" else kinds.get(suffix, lambda: grid)()
    grid.save(tmp_path / f"a{suffix}")
    (read,) = read_snapshots(tmp_path / f"a{suffix}")
    assert (read.grid.n_points, read.grid.n_cells) == (24, 6)
    np.testing.assert_array_equal(read.grid["T"], np.asarray(read.grid.points)[:, 1])


def pieces(folder, ghosts):
    """A row of four cells in two pieces that share a node each and hold a ghost of each other."""
    points = np.column_stack([np.arange(5.0), np.zeros(5), np.zeros(5)])
    for piece, numbers in enumerate(([0, 1, 2, 3], [1, 2, 3, 4])):
        grid = pyvista.UnstructuredGrid({3: np.array([[0, 1], [1, 2], [2, 3]])}, points[numbers])
        # Ghosts hold rubbish: the owner's value counts.
        own = np.array([0, 0, 0, 9] if piece == 0 else [9, 0, 0, 0])
        grid.point_data["T"] = np.asarray(grid.points)[:, 0] + 100.0 * own * ghosts
        grid.point_data["vtkOriginalPointIds"] = np.array(numbers)
        grid.cell_data[GHOSTS] = np.array([0, 0, 1] if piece == 0 else [1, 0, 0], dtype=np.uint8) * ghosts
        grid.save(folder / f"p{piece}.vtu")
    listed = "".join(f'<Piece Source="p{piece}.vtu"/>' for piece in (0, 1))
    (folder / "a.pvtu").write_text(
        f'<VTKFile type="PUnstructuredGrid"><PUnstructuredGrid>{listed}</PUnstructuredGrid></VTKFile>'
    )


def test_pieces_of_a_parallel_run_are_one_mesh(tmp_path):
    pieces(tmp_path, ghosts=1)
    (read,) = read_snapshots(tmp_path / "a.pvtu")
    assert (read.grid.n_points, read.grid.n_cells) == (5, 4)
    assert read.grid["T"].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert set(read.grid.point_data) == {"T"}


def test_ghosts_are_no_labels(tmp_path):
    pieces(tmp_path, ghosts=1)
    (read,) = read_snapshots(tmp_path / "p0.vtu")
    assert read.grid.n_cells == 2
    assert read.grid["T"].tolist() == [0.0, 1.0, 2.0]


def test_lists_of_lists_and_lists_that_reach_outside(tmp_path):
    pieces(tmp_path, ghosts=0)
    text = (tmp_path / "a.pvtu").read_text()
    for reference, match in (("a.pvtu", "lists lists"), ("../p0.vtu", "outside"), ("p9.vtu", "no such file")):
        (tmp_path / "b.pvtu").write_text(text.replace("p0.vtu", reference))
        with pytest.raises(InputError, match=match):
            read_snapshots(tmp_path / "b.pvtu")
