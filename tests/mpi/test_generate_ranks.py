"""`generate` under mpiexec: ranks share a large body, to the last digit as one does; a small one is the first's."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvista
from bodies import in_pieces, pieced_field

from cmgai_fem.files.writers import write_grid
from cmgai_fem.mechanics.reference import find_mpiexec

PROGRAM = """
import sys
from cmgai_fem.states import portion
portion.MOST_WHOLE, portion.BLOCK = int(sys.argv.pop(1)), int(sys.argv.pop(1))
from cmgai_fem.calibration import explore
explore.SAMPLE = 40
from cmgai_fem.cli import main
main()
"""
Done = subprocess.CompletedProcess[str]
VALUES = ("--values-from", "s=([0-9.]+)", "--field", "f", "--at")


def run(ranks: int, paths: list[Path], most: int, at: str, out: Path, *more: str, block: int = 7) -> Done:
    command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-c", PROGRAM, str(most), str(block), "generate"]
    command += [*map(str, paths), *VALUES, at, "--out", str(out), *more]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=alone, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.medium
@pytest.mark.parametrize("at", ["2.5", "5.5"])
def test_ranks_agree_to_the_last_digit(tmp_path: Path, at: str) -> None:
    paths, found = in_pieces(tmp_path, 5), {}
    for ranks in (1, 2, 4):
        done = run(ranks, paths, 20, at, tmp_path / f"on{ranks}.pvtu")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("left-out errors") == 1
        found[ranks] = pyvista.read(tmp_path / f"on{ranks}.pvtu")
    for name in ("f", "f_error_estimate"):
        for ranks in (2, 4):
            np.testing.assert_array_equal(np.asarray(found[ranks][name]), np.asarray(found[1][name]))


@pytest.mark.medium
def test_models_made_and_used_on_ranks_answer_the_same_digits(tmp_path: Path) -> None:
    paths, found = in_pieces(tmp_path, 5), {}
    for made in (1, 2):
        model = tmp_path / f"model{made}.safetensors"
        done = run(made, paths, 20, "2.5", tmp_path / f"made{made}.pvtu", "--save-model", str(model))
        assert done.returncode == 0, done.stderr
        for used in (1, 2):
            out = tmp_path / f"made{made}used{used}.pvtu"
            command = [find_mpiexec(), "-n", str(used), sys.executable, "-c", PROGRAM, "20", "7", "generate"]
            done = subprocess.run(
                [*command, str(model), "--model", "--at", "2.5", "--out", str(out)],
                env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert done.stdout.count("trusted") == 1
            found[made, used] = pyvista.read(out)
    serial = pyvista.read(tmp_path / "made1.pvtu")
    for each in found.values():
        for name in ("f", "f_error_estimate"):
            np.testing.assert_array_equal(np.asarray(each[name]), np.asarray(serial[name]))


def in_one_file(folder: Path, suffix: str, location: str) -> list[Path]:
    """The bar of `in_pieces`, one file a state."""
    paths = []
    for value in (1.0, 2.0, 3.0, 4.0, 5.0):
        grid = pyvista.ImageData(dimensions=(7, 4, 4), spacing=(0.2,) * 3).cast_to_unstructured_grid()
        places = grid.points if location == "point" else grid.cell_centers().points
        data = grid.point_data if location == "point" else grid.cell_data
        data["f"] = pieced_field(np.asarray(places), value)
        grid.cell_data["material"] = np.arange(grid.n_cells)
        paths.append(folder / f"s={value:g}{suffix}")
        write_grid(paths[-1], grid, {}, value)
    return paths


@pytest.mark.medium
@pytest.mark.parametrize(
    ("suffix", "location", "at"),
    [(".vtu", "point", "2.5"), (".vtu", "cell", "5.5"), (".vtkhdf", "point", "2.5"), (".xdmf", "cell", "2.5")],
)
def test_ranks_share_a_body_in_one_file(tmp_path: Path, suffix: str, location: str, at: str) -> None:
    paths, found = in_one_file(tmp_path, suffix, location), {}
    for ranks in (1, 2):
        out = tmp_path / f"on{ranks}.vtu"
        done = run(ranks, paths, 20, at, out)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("left-out errors") == 1
        found[ranks] = pyvista.read(out)
    assert found[2].n_cells == found[1].n_cells == 54
    assert np.array_equal(found[2]["material"], found[1]["material"])
    for name in ("f", "f_error_estimate"):
        np.testing.assert_array_equal(np.asarray(found[2][name]), np.asarray(found[1][name]))


@pytest.mark.medium
def test_ranks_without_a_block_have_nothing_to_do(tmp_path: Path) -> None:
    paths = in_one_file(tmp_path, ".vtu", "point")
    # Two blocks of 60 and 52 labels for four ranks.
    done = run(4, paths, 20, "2.5", tmp_path / "out.vtu", block=60)
    assert done.returncode == 0, done.stderr
    alone = run(1, paths, 20, "2.5", tmp_path / "alone.vtu", block=60)
    assert alone.returncode == 0, alone.stderr
    one, two = (np.asarray(pyvista.read(tmp_path / name)["f"]) for name in ("alone.vtu", "out.vtu"))
    np.testing.assert_array_equal(two, one)


@pytest.mark.medium
@pytest.mark.parametrize("option", ["--resume", "--rivals"])
def test_what_takes_all_of_a_body_is_the_first_ranks_work(tmp_path: Path, option: str) -> None:
    done = run(2, in_one_file(tmp_path, ".vtu", "point"), 20, "2.5", tmp_path / "out.vtu", option)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("left-out errors") == 1


@pytest.mark.medium
def test_what_is_wrong_with_a_shared_file_ends_all(tmp_path: Path) -> None:
    paths = in_one_file(tmp_path, ".vtu", "point")
    paths[2].write_bytes(paths[2].read_bytes()[:1500])
    done = run(2, paths, 20, "2.5", tmp_path / "out.vtu")
    assert done.returncode != 0
    assert "s=3.vtu" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out.vtu").exists()


@pytest.mark.medium
def test_a_missing_file_ends_all(tmp_path: Path) -> None:
    done = run(2, [tmp_path / "s=1.vtu", tmp_path / "s=2.vtu"], 20, "1.5", tmp_path / "out.vtu")
    assert done.returncode != 0
    assert "s=1.vtu: no such file" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.medium
def test_a_small_body_is_the_first_ranks_work(tmp_path: Path) -> None:
    paths = in_pieces(tmp_path, 3)
    for ranks in (1, 2):
        done = run(ranks, paths, 1000, "2.5", tmp_path / f"on{ranks}.vtu", "--no-moving")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("left-out errors") == 1
    one, two = (pyvista.read(tmp_path / f"on{ranks}.vtu") for ranks in (1, 2))
    np.testing.assert_array_equal(np.asarray(two["f"]), np.asarray(one["f"]))


@pytest.mark.medium
def test_what_is_wrong_with_one_ranks_piece_ends_all(tmp_path: Path) -> None:
    paths = in_pieces(tmp_path, 3)
    damaged = tmp_path / "s=3_2.vtu"
    damaged.write_bytes(damaged.read_bytes()[:1500])
    done = run(2, paths, 20, "2.5", tmp_path / "out.pvtu")
    assert done.returncode != 0
    assert "s=3_2.vtu" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.pvtu").exists()


@pytest.mark.medium
def test_more_ranks_than_pieces_are_refused(tmp_path: Path) -> None:
    done = run(4, in_pieces(tmp_path, 3), 20, "2.5", tmp_path / "out.pvtu")
    assert done.returncode != 0
    assert "3 pieces for 4 ranks" in done.stderr
