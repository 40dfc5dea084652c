"""Rows of HDF5 files are what reading the files whole gives, or are not read so."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from bodies import VALUES, block, stress_at, write_states

from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.slabs import Slabs, read_slabs
from cmgai_fem.files.writers import write_grid
from cmgai_fem.states import portion

READING = {
    "coordinate": "temperature",
    "unit": "",
    "values": None,
    "values_from": r"T=(\d+)",
    "volumes": "",
    "paired": 0,
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies of a few labels count as large."""
    monkeypatch.setattr(portion, "MOST_WHOLE", 5)


def cut(paths: list[Path], **others: object) -> Slabs | None:
    return read_slabs(paths, field="stress", **(READING | others))  # type: ignore[arg-type]


@pytest.mark.parametrize("location", ["point", "cell"])
@pytest.mark.parametrize("suffix", [".vtkhdf", ".xdmf"])
def test_rows_are_those_of_the_whole_file(tmp_path: Path, suffix: str, location: str) -> None:
    paths = write_states(tmp_path, suffix, values=VALUES[::-1], location=location)
    whole, slabs = read_states(paths, field="stress", coordinate="temperature", values_from=r"T=(\d+)"), cut(paths)
    assert slabs is not None
    rows = slice(3, 9)
    np.testing.assert_array_equal(slabs.values(rows), whole.field("stress").values[:, rows])
    np.testing.assert_array_equal(slabs.values(slice(None)), whole.field("stress").values)
    for name in ("values", "files", "template_value", "varying", "notes", "coordinates"):
        assert np.array_equal(getattr(slabs.states, name), getattr(whole, name)), name
    np.testing.assert_array_equal(slabs.states.labels.weights, whole.labels.weights)
    assert slabs.states.field("stress").components == whole.field("stress").components
    assert "temperature" in whole.varying


def test_the_files_own_numbers_tell_their_state(tmp_path: Path) -> None:
    paths = []
    for row, value in enumerate(VALUES):
        grid = block()
        grid.point_data["stress"] = stress_at(grid.points, value)
        grid.field_data["temperature"] = [value]
        paths.append(write_grid(tmp_path / f"{row}.vtkhdf", grid, {}, float(row)) or tmp_path / f"{row}.vtkhdf")
    slabs = cut(paths, values_from=None)
    assert slabs is not None
    np.testing.assert_array_equal(slabs.states.values[:, 0], VALUES)


@pytest.mark.parametrize("suffix", [".vtkhdf", ".xdmf"])
def test_another_mesh_is_read_whole(tmp_path: Path, suffix: str) -> None:
    paths = write_states(tmp_path, suffix)
    with h5py.File(paths[2] if suffix == ".vtkhdf" else paths[2].with_suffix(".h5"), "r+") as stored:
        points = stored["VTKHDF/Points" if suffix == ".vtkhdf" else "data0"]
        points[1] = points[1] + 1e-9
    assert cut(paths) is None


def test_what_has_no_rows_to_read_is_read_whole(tmp_path: Path) -> None:
    paths = write_states(tmp_path, ".vtkhdf")
    assert cut(paths, where_known=True) is None
    assert cut(paths[:1]) is None
    assert cut([*paths[:2], *write_states(tmp_path, ".vtu")[2:]]) is None
    assert read_slabs(paths, field="strain", **READING) is None  # type: ignore[arg-type]
    portion.MOST_WHOLE = 10**6
    assert cut(paths) is None
