"""Known states left out: nothing is read of them, and matrices made anew agree with methods fitted anew."""

import numpy as np
import pytest
from scipy.stats import qmc

from cmgai_fem.rivals import RIVALS, LinearRival, Rival, radial, rivals_for

LINE = np.array([[100.0], [220.0], [400.0], [560.0], [700.0]])
PLANE = np.array([600.0, 6e3]) * qmc.Halton(2, rng=0).random(9)
SPACE = np.array([600.0, 6e3, 1.0]) * qmc.Halton(3, rng=0).random(7)
GRID = np.array([[x, y] for x in (0.0, 1.0, 2.0, 3.0, 5.0) for y in (0.0, 0.4, 0.7, 1.5, 2.0)])
X = np.linspace(0.0, 1.0, 12)
# Those that are quick to tune anew.
QUICK = [name for name in RIVALS if not name.endswith("gpr")]


@pytest.fixture(autouse=True)
def one_ratio(monkeypatch):
    monkeypatch.setattr(radial, "RATIOS", (1.0,))


def field(values: np.ndarray) -> np.ndarray:
    """Vectors of two components at 12 labels, flattened."""
    s, t = values[:, :1] / values[:, :1].max(), values[:, -1:] / values[:, -1:].max()
    return np.concatenate([np.sin(2.0 * s + 3.0 * X) * (1.0 + t**2), np.exp(s * X) - t], axis=1)


@pytest.mark.parametrize("values", [LINE, PLANE, SPACE])
def test_matrices_made_anew_are_methods_fitted_anew(values):
    linear = [RIVALS[name] for name in rivals_for(values) if isinstance(RIVALS[name], LinearRival)]
    assert len(linear) >= 2
    trials = np.arange(len(values))
    for rival in linear:
        anew = [Rival.leave_out(rival, row, values, field(values), None, trials) for row in trials]
        np.testing.assert_allclose(rival.left_out(values, field(values), trials=trials), anew, rtol=1e-11, atol=1e-11)


def test_by_default_the_inner_states_are_left_out_along_a_line_and_all_elsewhere():
    linear, snapshots = RIVALS["linear"], field(LINE)
    errors = linear.left_out(LINE, snapshots)
    share = (LINE[1] - LINE[0]) / (LINE[2] - LINE[0])
    np.testing.assert_allclose(errors[0], (1.0 - share) * snapshots[0] + share * snapshots[2] - snapshots[1])
    assert len(errors) == 3
    assert len(linear.left_out(PLANE, field(PLANE))) == 9


@pytest.mark.parametrize(
    ("name", "values"),
    [
        *[(name, LINE) for name in [*QUICK, "fpca_gpr"] if RIVALS[name].admits(LINE)],
        *[(name, PLANE) for name in QUICK if RIVALS[name].admits(PLANE)],
        ("grid_spline", GRID),
    ],
)
def test_a_state_that_is_left_out_is_not_read(name, values):
    rival = RIVALS[name]
    snapshots, row = field(values), 3
    changed = snapshots.copy()
    changed[row] += 1e3 * np.cos(9.0 * np.arange(snapshots.shape[1]))
    made = [rival.left_out(values, data, trials=np.array([row]))[0] + data[row] for data in (snapshots, changed)]
    np.testing.assert_allclose(*made, rtol=1e-9, atol=1e-9)
    assert np.all(np.isfinite(made[0]))


def test_a_grid_leaves_out_the_lines_that_hold_the_state():
    trials = np.arange(len(GRID))
    errors = RIVALS["grid_spline"].left_out(GRID, field(GRID), trials=trials)
    for row, value in enumerate(GRID):
        rest = np.all(GRID != value, axis=1)
        expected = RIVALS["grid_spline"].fit(GRID[rest], field(GRID)[rest])(value[None])[0]
        np.testing.assert_allclose(errors[row] + field(GRID)[row], expected, atol=1e-10)


def test_states_that_the_others_do_not_span_have_infinite_errors():
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    for name in ("linear", "thin_plate_spline", "response_surface", "pod_rbf"):
        errors = RIVALS[name].left_out(corner, field(corner + 1.0), trials=np.array([1, 3]))
        assert np.all(np.isfinite(errors[0]))
        assert np.all(np.isinf(errors[1]))
    two = np.array([[x, y] for x in (0.0, 1.0) for y in (0.0, 1.0, 2.0)])
    assert np.all(np.isinf(RIVALS["grid_spline"].left_out(two, field(two + 1.0))))
