"""Which label is which: deformed meshes, sides of contacts and cracks, and which file is which state."""

import numpy as np
import pytest
import pyvista
from bodies import block

from cmgai_fem.commands.compare import compare
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.readers import read_snapshots


@pytest.mark.parametrize("way", [0.004, 0.4])
def test_equal_cells_are_equal_labels_although_the_nodes_move(tmp_path, way):
    grid = pyvista.ImageData(dimensions=(21, 6, 1), spacing=(0.05, 0.2, 1.0)).cast_to_unstructured_grid()
    places = np.array(grid.points, dtype=float)
    for state in (1, 2, 3):
        grid["eps"] = state * np.sin(40.0 * places[:, 0])
        grid.points = places * [1.0 + way * state, 1.0, 1.0]
        grid.save(tmp_path / f"{state}.vtu")
    states = read_states([tmp_path / f"{state}.vtu" for state in (1, 2, 3)], field="eps", values=[1, 2, 3])
    np.testing.assert_allclose(
        states.field("eps").values[:, :, 0], np.outer([1, 2, 3], np.sin(40 * places[:, 0])), atol=1e-6
    )
    assert not states.mapped
    assert any("nodes move" in note and "3.vtu" in note for note in states.notes)


def test_a_body_in_another_unit_of_length_is_refused():
    grids = [block() for _ in range(3)]
    for state, grid in enumerate(grids, start=1):
        grid["eps"] = state * grid.points[:, 0]
    grids[1].points = 1000.0 * grids[1].points
    with pytest.raises(InputError, match=r"1000 times as large as that of .*another unit of length"):
        read_states(grids, field="eps", values=[1, 2, 3])


def test_points_without_cells_that_move_are_no_labels():
    clouds = [
        pyvista.PolyData(np.random.default_rng(seed).random((5, 3))).cast_to_unstructured_grid() for seed in (1, 2)
    ]
    for cloud in clouds:
        cloud["T"] = np.arange(5.0)
    with pytest.raises(InputError, match="no cells to interpolate in"):
        read_states(clouds, field="T", values=[1.0, 2.0])


def bonded(divisions, crack=False):
    """Two blocks bonded at x = 1, or one cracked there above y = 0.5: u is x on the left and 10 + x on the right."""
    parts = []
    for shift in (0.0, 1.0):
        counts = np.array([divisions, 2 * divisions, 1]) + 1
        image = pyvista.ImageData(dimensions=counts, spacing=1.0 / (counts - 1), origin=(shift, 0.0, 0.0))
        part = image.cast_to_unstructured_grid()
        x, y = np.asarray(part.points)[:, :2].T
        jump = 10.0 * np.maximum(y - 0.5, 0.0) if crack else 10.0
        part["u"] = x + (jump if shift else 0.0) * (1.0 if not crack else (2.0 - x))
        parts.append(part)
    if not crack:
        return pyvista.merge(parts, merge_points=False)
    whole = pyvista.merge(parts, merge_points=False)
    points = np.asarray(whole.points, dtype=float)
    # Below the tip the two faces are one: the same place and value.
    face = np.isclose(points[:, 0], 1.0) & (points[:, 1] > 0.5 + 1e-9)
    keys = np.column_stack([points, np.where(face, whole["u"], 0.0)])
    _, first, rows = np.unique(keys.round(6), axis=0, return_index=True, return_inverse=True)
    cells = whole.cells.reshape(-1, 9).copy()
    cells[:, 1:] = rows.ravel()[cells[:, 1:]]
    joined = pyvista.UnstructuredGrid(cells.ravel(), whole.celltypes, points[first])
    joined["u"] = whole["u"][first]
    return joined


@pytest.mark.parametrize("crack", [False, True])
@pytest.mark.parametrize(("source", "target"), [(4, 2), (2, 4), (4, 6)])
def test_labels_keep_their_side(tmp_path, source, target, crack):
    grids = [bonded(divisions, crack) for divisions in (source, target)]
    states = read_states(grids, field="u", values=[1.0, 2.0])
    one, other = states.field("u").values[:, :, 0]
    np.testing.assert_allclose(one, other, atol=0.05 if crack else 1e-6)
    for grid, name in zip(grids, "ab", strict=True):
        grid.save(tmp_path / f"{name}.vtu")
    assert compare(tmp_path / "a.vtu", tmp_path / "b.vtu", "u").error.max_error < (0.005 if crack else 1e-6)


def test_a_mapping_that_loses_the_field_is_refused(tmp_path):
    grids = [block(2), block(3)]
    for grid in grids:
        grid["u"] = np.sin(3.0 * np.pi * np.asarray(grid.points)[:, 0])
        grid.save(tmp_path / f"{grid.n_cells}.vtu")
    with pytest.raises(InputError, match="and back the field changes by"):
        read_states(grids, field="u", values=[1.0, 2.0])
    paths = [tmp_path / f"{grid.n_cells}.vtu" for grid in grids]
    with pytest.raises(InputError, match="and back the field changes by"):
        compare(*paths, "u")


def runs(folder, numbers, name="run_{:g}.vtu"):
    for number in numbers:
        grid = block(1)
        grid["T"] = np.full(grid.n_points, float(number))
        grid.save(folder / name.format(number))
    return sorted(folder.glob("*.vtu"))


@pytest.mark.parametrize(
    ("numbers", "values", "match"),
    [
        ((100, 250, 400, 1000), (100, 250, 400, 1000), r"run_1000\.vtu is given state = 250"),
        ((1, 2, 10), (20.0, 50.0, 90.0), r"run_10\.vtu|run_2\.vtu"),
        ((5, 6, 7), (6.0, 5.0, 7.0), r"run_5\.vtu is given state = 6"),
    ],
)
def test_values_that_the_names_contradict(tmp_path, numbers, values, match):
    paths = runs(tmp_path, numbers)
    with pytest.raises(InputError, match=match):
        read_states(paths, field="T", values=values)
    assert len(read_states(paths, field="T", values=values, paired=True)) == len(numbers)


@pytest.mark.parametrize(("numbers", "values"), [((1, 2, 3), (20.0, 50.0, 90.0)), ((3, 4, 9), (9.0, 4.0, 3.0)[::-1])])
def test_values_that_the_names_do_not_contradict(tmp_path, numbers, values):
    states = read_states(runs(tmp_path, numbers), field="T", values=values)
    assert list(states.scalars) == list(values)
    assert states.notes[0] == f"run_{numbers[0]:g}.vtu -> {values[0]:g} (given)"


def test_who_says_the_values_is_said(tmp_path):
    paths = runs(tmp_path, (100, 250, 1000))
    states = read_states(paths, field="T", coordinate="temperature", values_from=r"_(\d+)")
    assert list(states.scalars) == [100.0, 250.0, 1000.0]
    assert states.field("T").values[:, 0, 0].tolist() == [100.0, 250.0, 1000.0]
    assert "run_1000.vtu -> 1000 (from its name)" in states.notes
    for path in paths:
        (read,) = read_snapshots(path)
        read.grid.field_data["TimeValue"] = [float(path.stem[4:])]
        read.grid.save(path)
    states = read_states(paths, field="T", coordinate="temperature")
    assert "run_250.vtu -> 250 (its time)" in states.notes
    assert any("times in the files are taken for temperature" in note for note in states.notes)
