"""The rivals over several state coordinates."""

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator, RBFInterpolator, RectBivariateSpline
from scipy.stats import qmc

from cmgai_fem.errors import InputError
from cmgai_fem.rivals import RIVALS, rivals_for

GRID = np.array([[x, y] for x in np.linspace(0.0, 1.0, 5) for y in np.linspace(0.0, 1.0, 4)])
LOW, SPAN = np.array([100.0, 2e3]), np.array([600.0, 6e3])


def smooth(places: np.ndarray) -> np.ndarray:
    """(T, 25) snapshots: a few smooth modes of two coordinates in [0, 1]."""
    x = np.linspace(0.0, 1.0, 25)
    s, t = places[:, :1], places[:, 1:]
    return np.sin(1.5 * s + x) * (1.0 + t) + x * t**2


def scattered(count: int, seed: int = 0) -> np.ndarray:
    return qmc.Halton(2, rng=seed).random(count)


def predict(name: str, places: np.ndarray, asked: np.ndarray, snapshots: np.ndarray | None = None) -> np.ndarray:
    data = smooth(places) if snapshots is None else snapshots
    trials = np.arange(len(places))
    return RIVALS[name].fit(LOW + SPAN * places, data, trials=trials)(LOW + SPAN * asked)


def test_linear_and_thin_plate_are_scipys():
    places, asked = scattered(16), 0.3 + 0.4 * scattered(5, 1)
    scaled = (places - places.min(axis=0)) / np.ptp(places, axis=0)
    there = (asked - places.min(axis=0)) / np.ptp(places, axis=0)
    linear = LinearNDInterpolator(scaled, smooth(places))(there)
    np.testing.assert_allclose(predict("linear", places, asked), linear, atol=1e-12)
    thin = RBFInterpolator(scaled, smooth(places), kernel="thin_plate_spline")(there)
    np.testing.assert_allclose(predict("thin_plate_spline", places, asked), thin, atol=1e-9)


def test_the_grid_spline_is_scipys_bivariate_spline():
    asked = scattered(5, 1)
    data = smooth(GRID)
    expected = RectBivariateSpline(np.linspace(0, 1, 5), np.linspace(0, 1, 4), data[:, 7].reshape(5, 4), kx=3, ky=3)
    np.testing.assert_allclose(predict("grid_spline", GRID, asked)[:, 7], expected.ev(*asked.T), atol=1e-10)
    assert rivals_for(GRID) == [
        "linear", "thin_plate_spline", "response_surface", "grid_spline", "pod_rbf", "pod_gpr", "fpca_gpr",
        "convex_stack",
    ]  # fmt: skip
    assert "grid_spline" not in rivals_for(scattered(9))
    with pytest.raises(InputError, match="do not fill a grid"):
        predict("grid_spline", scattered(9), asked)


def test_the_response_surface_chooses_the_degree_of_the_data():
    places, asked = scattered(16), scattered(5, 1) * 1.4 - 0.2

    def second(p: np.ndarray) -> np.ndarray:
        return (1.0 + p[:, :1] - p[:, 1:] + p[:, :1] * p[:, 1:]) * np.linspace(1.0, 2.0, 25)

    np.testing.assert_allclose(predict("response_surface", places, asked, second(places)), second(asked), atol=1e-8)


@pytest.mark.parametrize("name", ["pod_rbf", "pod_gpr", "fpca_gpr"])
def test_reduced_rivals_are_good_on_smooth_states(name):
    places, asked = scattered(14), 0.25 + 0.5 * scattered(5, 1)
    error = np.sqrt(np.mean((predict(name, places, asked) - smooth(asked)) ** 2)) / np.ptp(smooth(asked))
    assert error < (5e-3 if name != "fpca_gpr" else 3e-2)


@pytest.mark.parametrize("name", ["pod_rbf", "pod_gpr"])
def test_the_more_important_coordinate_is_found(name):
    """Fields of one coordinate alone, wavy in it: a rival of one length for both would be worse."""
    places, asked = scattered(14), 0.25 + 0.5 * scattered(5, 1)

    def one(p: np.ndarray) -> np.ndarray:
        return np.sin(5.0 * p[:, :1]) * np.linspace(1.0, 2.0, 25)

    error = np.abs(predict(name, places, asked, one(places)) - one(asked)).max()
    isotropic = np.abs(predict("thin_plate_spline", places, asked, one(places)) - one(asked)).max()
    assert error < 0.5 * isotropic


@pytest.mark.parametrize("name", rivals_for(scattered(9)))
def test_equal_snapshots_stay_and_units_do_not_matter(name):
    places, asked = scattered(9), scattered(3, 1)
    still = np.repeat(smooth(places)[:1], 9, axis=0)
    np.testing.assert_allclose(predict(name, places, asked, still), still[:3], atol=1e-9)


def test_malformed_requests_are_refused():
    with pytest.raises(InputError, match=r"9 states need \(9, D\) snapshots"):
        predict("linear", scattered(9), scattered(3), smooth(scattered(8)))
    with pytest.raises(InputError, match="one value alone"):
        predict("linear", scattered(9) * [1.0, 0.0], scattered(3))
    diagonal = np.repeat(np.linspace(0.0, 1.0, 6)[:, None], 2, axis=1)
    with pytest.raises(InputError, match="all lie on one line"):
        predict("linear", diagonal, scattered(3), smooth(diagonal))
