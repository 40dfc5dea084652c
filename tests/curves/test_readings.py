"""Points of a curve that was tested in part correct the rest of it, where they help at states left out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.commands.curves import generate_from_table
from cmgai_fem.errors import InputError
from cmgai_fem.files.curve_table import read_curves

STRAIN = np.linspace(0.0, 0.3, 16)
STATES = (300, 380, 460, 540, 620, 700)
TARGET = 500


def plain(heat: float) -> np.ndarray:
    return (200.0 + 400.0 * STRAIN) * (1.0 - heat / 2000.0)


def batches(heat: float) -> np.ndarray:
    """Every state is another batch: stronger or weaker by up to 5 %, at all strains alike."""
    return plain(heat) * (1.0 + 0.05 * np.sin(0.37 * heat))


def waves(heat: float) -> np.ndarray:
    """Errors of a state come and go within 0.01 of strain, and say nothing of each other."""
    return plain(heat) * (1.0 + 0.02 * np.random.default_rng(heat).standard_normal(len(STRAIN)))


def write(path: Path, law: Callable[[float], np.ndarray]) -> Path:
    rows = [f"{heat},{e:.6f},{s:.9f}" for heat in STATES for e, s in zip(STRAIN, law(heat), strict=True)]
    path.write_text("\n".join(["temperature [K],plastic_strain,stress [MPa]", *rows]))
    return path


def points(path: Path, law: Callable[[float], np.ndarray], rows: tuple[int, ...], tolerance: float = 0.01) -> Path:
    stress = law(TARGET)
    lines = [f"{STRAIN[row]:.6f},{stress[row]:.9f},{tolerance}" for row in rows]
    path.write_text("\n".join(["plastic_strain,stress [MPa],tolerance [MPa]", *lines]))
    return path


def generated(folder: Path, law: Callable[[float], np.ndarray], sensors: Path | None, said: list[str]) -> np.ndarray:
    out = folder / f"out_{sensors is not None}.csv"
    table = write(folder / "tests.csv", law)
    generate_from_table(table, [], [str(TARGET)], out, said.append, hardening=False, sensors=sensors)
    return np.loadtxt(out, delimiter=",", skiprows=1, usecols=(1, 2, 3))


def test_a_few_points_tell_the_level_of_a_curve(tmp_path):
    said: list[str] = []
    without = generated(tmp_path, batches, None, said)
    with_ = generated(tmp_path, batches, points(tmp_path / "p.csv", batches, (1, 3)), said)
    truth = batches(TARGET)
    wrong, left = (np.abs(np.interp(STRAIN, *each[:, :2].T) - truth).max() for each in (without, with_))
    assert wrong > 0.02 * truth.max()
    assert left < 0.05 * wrong
    # The band holds what is left, and is narrower than without.
    assert np.all(with_[:, 2] <= without[:, 2]) and with_[:, 2].max() < 0.25 * without[:, 2].max()
    assert any("taken" in line and "not taken" not in line for line in said)


def test_points_that_tell_nothing_of_the_rest_are_not_taken_or_change_it_little(tmp_path):
    said: list[str] = []
    without = generated(tmp_path, waves, None, said)
    with_ = generated(tmp_path, waves, points(tmp_path / "p.csv", waves, (0,)), said)
    far = without[:, 0] > 0.1
    assert np.abs(with_[far, 1] / without[far, 1] - 1.0).max() < 0.01


def test_a_hardening_curve_still_rises(tmp_path):
    table, sensors = write(tmp_path / "tests.csv", plain), tmp_path / "p.csv"
    sensors.write_text("plastic_strain,stress [MPa],tolerance [MPa]\n0.1,190,0.5\n0.12,186,0.5\n")
    out = tmp_path / "out.csv"
    generate_from_table(table, [], [str(TARGET)], out, lambda line: None, hardening=True, sensors=sensors)
    assert np.all(np.diff(np.loadtxt(out, delimiter=",", skiprows=1, usecols=2)) >= 0.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plastic_strain,stress [MPa]\n0.1,200\n", "column tolerance is missing"),
        ("strain,stress [MPa],tolerance [MPa]\n0.1,200,1\n", "column 'strain' is unknown"),
        ("plastic_strain,stress,tolerance [MPa]\n0.1,200,1\n", "write its unit"),
        ("plastic_strain,stress [MPa],tolerance [MPa]\n", "no rows"),
        ("plastic_strain,stress [MPa],tolerance [MPa]\n0.1,x,1\n", "row 2, column stress: 'x' is not a number"),
        ("plastic_strain,stress [MPa],tolerance [MPa]\n0.1,200,0\n", "row 2: stress and tolerance must be positive"),
        ("plastic_strain,stress [MPa],tolerance [MPa]\n0.4,200,1\n", "row 2 at strain 0.4 lies off"),
    ],
)
def test_points_that_cannot_be_used_are_one_clear_line(tmp_path, text, said):
    sensors = tmp_path / "p.csv"
    sensors.write_text(text)
    with pytest.raises(InputError) as caught:
        generated(tmp_path, plain, sensors, [])
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_points_belong_to_one_state(tmp_path):
    table = write(tmp_path / "tests.csv", plain)
    assert len(read_curves(table)) == len(STATES)
    with pytest.raises(InputError, match="one state"):
        sensors = points(tmp_path / "p.csv", plain, (1,))
        generate_from_table(table, [], ["500", "520"], tmp_path / "out.csv", print, sensors=sensors)
