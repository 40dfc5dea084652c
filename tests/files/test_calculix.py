"""Results of CalculiX: the reader on a file written by hand, and a cantilever that CalculiX solves itself."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.files.readers import read_snapshots

STUDY = Path(__file__).parents[2] / "verification" / "own-states" / "calculix_cantilever.py"


def value(number):
    return f"{number:12.5E}"


def hand_made(numbers=(3, 7, 9, 12), show=value):
    """A tetrahedron with scattered node numbers, two steps, a vector and a tensor."""
    points = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]
    lines = ["    1C", f"    2C{4:30d}{1:38d}"]
    lines += [f" -1{n:10d}{''.join(map(show, p))}" for n, p in zip(numbers, points, strict=True)]
    lines += [" -3", f"    3C{1:30d}{1:38d}", f" -1{1:10d}{3:5d}{0:5d}{1:5d}"]
    lines += [" -2" + "".join(f"{n:10d}" for n in numbers), " -3"]
    for step, time in ((1, 100.0), (2, 250.0)):
        head = f"  100CL  101{value(time)}{4:12d}{'':20s}{0:2d}{step:5d}{'':10s}{1:2d}"
        lines += [head, " -4  DISP        4    1"]
        lines += [f" -5  D{i}          1    2    {i}    0" for i in (1, 2, 3)]
        lines += [" -5  ALL         1    2    0    0    1ALL"]
        lines += [f" -1{n:10d}{show(time)}{show(n)}{show(-n)}" for n in numbers]
        lines += [" -3", head, " -4  STRESS      6    1"]
        lines += [f" -5  S{c}         1    4    1    1" for c in ("XX", "YY", "ZZ", "XY", "YZ", "ZX")]
        lines += [f" -1{n:10d}" + "".join(show(time * i + n) for i in range(6)) for n in numbers]
        lines += [" -3"]
    return "\n".join([*lines, " 9999", ""])


def test_read_frd(tmp_path):
    (tmp_path / "job.frd").write_text(hand_made())
    first, second = read_snapshots(tmp_path / "job.frd")
    assert (first.time, second.time) == (100.0, 250.0)
    assert first.grid.n_points == 4
    assert list(first.grid.celltypes) == [10]
    assert list(first.grid.cell_connectivity) == [0, 1, 2, 3]
    assert second.grid["DISP"][3].tolist() == [250.0, 12.0, -12.0]
    assert second.grid["STRESS"][1].tolist() == [7.0, 257.0, 507.0, 757.0, 1007.0, 1257.0]


def windows(number):
    """A number as CalculiX writes it under Windows: exponents of three digits, 13 characters where it is negative."""
    mantissa, exponent = f"{number:.5E}".split("E")
    return f"{mantissa}E{exponent[0]}{int(exponent[1:]):03d}"


def test_values_of_calculix_with_exponents_of_three_digits(tmp_path):
    path = tmp_path / "job.frd"
    path.write_text(hand_made(show=windows))
    first, second = read_snapshots(path)
    assert (first.time, second.time) == (100.0, 250.0)
    for state in (first, second):
        assert state.grid["DISP"].tolist() == [[state.time, float(n), float(-n)] for n in (3, 7, 9, 12)]
    path.write_text(hand_made(show=windows).replace(windows(-12.0), f"{windows(-12.0)} 7"))
    with pytest.raises(InputError, match="line"):
        read_snapshots(path)


def test_inp_takes_its_results_from_beside(tmp_path):
    (tmp_path / "job.frd").write_text(hand_made())
    (tmp_path / "job.inp").write_text("*NODE\n1, 0, 0, 0\n")
    assert len(read_snapshots(tmp_path / "job.inp")) == 2


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        (" -3\n    3C", "    3C", "does not begin with -1"),
        (f"{12:10d}\n -3", f"{13:10d}\n -3", "names node 13"),
        (f"{3:5d}{0:5d}{1:5d}", f"{77:5d}{0:5d}{1:5d}", "type 77"),
        (value(100.0), "     1.0E+zz", "is no number|is damaged"),
        (f" -1{12:10d}{value(100.0)}", f" -1{13:10d}{value(100.0)}", "names node 13"),
    ],
)
def test_damaged_frd_names_the_line(tmp_path, old, new, match):
    text = hand_made()
    assert old in text
    (tmp_path / "job.frd").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=match) as refusal:
        read_snapshots(tmp_path / "job.frd")
    assert "line" in str(refusal.value)


def test_truncated_and_binary_frd(tmp_path):
    text = hand_made()
    (tmp_path / "job.frd").write_text(text[: text.index("STRESS") + 200])
    with pytest.raises(InputError, match="truncated"):
        read_snapshots(tmp_path / "job.frd")
    (tmp_path / "job.frd").write_text(text.replace(f"    2C{4:30d}{1:38d}", f"    2C{4:30d}{2:38d}"))
    with pytest.raises(InputError, match="binary"):
        read_snapshots(tmp_path / "job.frd")


@pytest.mark.skipif(shutil.which("ccx") is None, reason="CalculiX (ccx) is not installed")
def test_cantilever_of_calculix(tmp_path):
    """The paper's own cantilever is generated to 0.56 %; here every state is another program's."""
    specification = importlib.util.spec_from_file_location("calculix_cantilever", STUDY)
    study = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(study)
    assert study.run(tmp_path, divisions=2) < 0.0056
    (snapshot,) = read_snapshots(tmp_path / "beam_T=325.frd")
    assert snapshot.grid.volume == pytest.approx(study.LENGTH * study.HEIGHT * study.WIDTH, rel=1e-4)
    bottom = snapshot.grid["NDTEMP"][np.isclose(snapshot.grid.points[:, 1], 0.0)]
    assert np.allclose(bottom, 325.0)


@pytest.mark.skipif(shutil.which("ccx") is None, reason="CalculiX (ccx) is not installed")
def test_modes_are_no_states_of_the_load(tmp_path):
    specification = importlib.util.spec_from_file_location("calculix_cantilever", STUDY)
    study = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(study)
    study.write_deck(tmp_path / "beam.inp", 300.0, 2)
    text = (tmp_path / "beam.inp").read_text().replace("*SOLID", "*DENSITY\n7850.\n*SOLID")
    modes = "*STEP, PERTURBATION\n*FREQUENCY\n3\n*NODE FILE\nU\n*END STEP\n"
    for name, deck in (("both", text + modes), ("modes", text.partition("*STEP")[0] + modes)):
        (tmp_path / f"{name}.inp").write_text(deck)
        subprocess.run(["ccx", "-i", name], cwd=tmp_path, check=True, capture_output=True)
    (static,) = read_snapshots(tmp_path / "both.frd")
    assert {"DISP", "STRESS", "NDTEMP"} <= set(static.grid.point_data)
    frequencies = [mode.time for mode in read_snapshots(tmp_path / "modes.frd")]
    # A slender clamped beam bends first over its width; Euler and Bernoulli's frequency, where the hot steel softens.
    slender = 1.875104**2 / (2 * np.pi) * np.sqrt(1.9e11 / 7850 / 12) * study.WIDTH / study.LENGTH**2
    assert frequencies == sorted(frequencies)
    assert frequencies[0] == pytest.approx(slender, rel=0.1)
