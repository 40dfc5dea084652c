"""`generate` under mpiexec: ranks share a large body, to the last digit as one does; a small one is the first's."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvista
from bodies import in_pieces

from cmgai_fem.mechanics.reference import find_mpiexec

PROGRAM = """
import sys
from cmgai_fem.states import portion
portion.MOST_WHOLE, portion.BLOCK = int(sys.argv.pop(1)), 7
from cmgai_fem.cli import main
main()
"""
VALUES = ("--values-from", "s=([0-9.]+)", "--field", "f", "--at")


def run(ranks: int, paths: list[Path], most: int, at: str, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-c", PROGRAM, str(most), "generate"]
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
