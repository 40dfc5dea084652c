"""The rivals: exact where theory says so, equal to scipy and numpy where those do the same, and honest elsewhere."""

import functools

import numpy as np
import pytest
from numpy.polynomial import Polynomial
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial.distance import cdist

from cmgai_fem.errors import InputError
from cmgai_fem.rivals import RIVALS, rivals_for
from cmgai_fem.rivals.radial import KERNELS, PodRbf
from cmgai_fem.rivals.reduced import ReducedRival, StraightLine, decompose

KNOWN = np.array([100.0, 250.0, 400.0, 550.0, 700.0])
TARGETS = np.array([50.0, 175.0, 325.0, 400.0, 475.0, 625.0, 775.0])
POINTS = np.linspace(0.0, 1.0, 150)
INSIDE = (KNOWN[0] <= TARGETS) & (KNOWN[-1] >= TARGETS)
NAMES = rivals_for(KNOWN[:, None])


def smooth(values):
    s = np.asarray(values)[:, None]
    return np.sin(3.0 * POINTS + s / 400.0) * (s / 700.0) ** 1.3 + 0.1 * np.exp(-POINTS * s / 300.0)


def predict(name, known, snapshots, targets, weights=None):
    return RIVALS[name].fit(known[:, None], snapshots, weights)(targets[:, None])


@functools.cache
def fitted(name):
    """The rival, fitted once to the states that most tests share."""
    predictor = RIVALS[name].fit(KNOWN[:, None], smooth(KNOWN))
    return lambda targets: predictor(targets[:, None])


def test_registry_holds_every_rival_under_its_name():
    assert NAMES == [
        "linear", "natural_spline", "not_a_knot", "polynomial", "pchip", "pod_rbf", "pod_gpr", "fpca_gpr",
        "convex_stack",
    ]  # fmt: skip
    assert all(rival.name == name for name, rival in RIVALS.items())


def test_linear_continues_its_end_pieces():
    snapshots = smooth(KNOWN)
    found = predict("linear", KNOWN, snapshots, np.array([50.0, 175.0, 775.0]))
    slopes = np.diff(snapshots, axis=0) / 150.0
    expected = [snapshots[0] - 50.0 * slopes[0], snapshots[:2].mean(axis=0), snapshots[-1] + 75.0 * slopes[-1]]
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_natural_spline_inside_is_scipys():
    spline = CubicSpline(KNOWN, smooth(KNOWN), bc_type="natural")
    found = predict("natural_spline", KNOWN, smooth(KNOWN), TARGETS)
    np.testing.assert_allclose(found[INSIDE], spline(TARGETS[INSIDE]), atol=1e-12)


def test_natural_spline_outside_is_straight():
    spline = CubicSpline(KNOWN, smooth(KNOWN), bc_type="natural")
    outside = np.array([-300.0, 50.0, 775.0, 900.0])
    ends = np.clip(outside, 100.0, 700.0)
    expected = spline(ends) + (outside - ends)[:, None] * spline(ends, 1)
    np.testing.assert_allclose(predict("natural_spline", KNOWN, smooth(KNOWN), outside), expected, atol=1e-12)


def test_not_a_knot_is_scipys():
    spline = CubicSpline(KNOWN, smooth(KNOWN), bc_type="not-a-knot")
    np.testing.assert_allclose(predict("not_a_knot", KNOWN, smooth(KNOWN), TARGETS), spline(TARGETS), atol=1e-12)


def test_pchip_is_scipys():
    # More columns than one chunk holds, some of them flat or turning, where its slopes vanish.
    snapshots = np.tile(np.column_stack([smooth(KNOWN), np.ones(5), [0.0, 1.0, 0.0, 1.0, 0.0]]), 450)
    found = predict("pchip", KNOWN, snapshots, TARGETS)
    np.testing.assert_allclose(found, PchipInterpolator(KNOWN, snapshots)(TARGETS), atol=1e-12)


def test_polynomial_is_numpys():
    snapshots = smooth(KNOWN)
    found = predict("polynomial", KNOWN, snapshots, TARGETS)
    expected = [Polynomial.fit(KNOWN, column, 4)(TARGETS) for column in snapshots.T]
    np.testing.assert_allclose(found, np.transpose(expected), atol=1e-12)


def test_polynomial_reproduces_a_quartic():
    def quartic(s):
        t = np.asarray(s)[:, None] / 700.0
        return 1.0 - 2.0 * t + POINTS * t**2 - 3.0 * t**3 + POINTS**2 * t**4

    np.testing.assert_allclose(predict("polynomial", KNOWN, quartic(KNOWN), TARGETS), quartic(TARGETS), atol=1e-12)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_not_a_knot_with_few_states_is_the_polynomial(count):
    known = KNOWN[:count]
    found = predict("not_a_knot", known, smooth(known), TARGETS)
    np.testing.assert_allclose(found, predict("polynomial", known, smooth(known), TARGETS), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_two_states_give_a_straight_line(name):
    known, targets = KNOWN[[0, 4]], np.array([40.0, 300.0, 820.0])
    first, last = smooth(known)
    expected = first + (targets[:, None] - 100.0) / 600.0 * (last - first)
    np.testing.assert_allclose(predict(name, known, smooth(known), targets), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        *[(name, 1e-12) for name in ("linear", "natural_spline", "not_a_knot", "polynomial", "pchip")],
        # No smoothing is chosen on smooth data; scipy solves its kernel system to about the square root of round-off.
        ("pod_rbf", 1e-10),
        # The nugget of 1e-10 that keeps scikit-learn's covariance positive definite, times its inverse's growth.
        ("pod_gpr", 1e-6),
        # Observation noise: by intent it does not interpolate.
        ("fpca_gpr", 1e-2),
        ("convex_stack", 1e-10),
    ],
)
def test_known_states_are_met(name, tolerance):
    np.testing.assert_allclose(fitted(name)(KNOWN), smooth(KNOWN), atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [3, 6])
def test_any_number_of_states(name, count):
    known = np.linspace(100.0, 700.0, count)
    found = predict(name, known, smooth(known), TARGETS)
    assert found.shape == (len(TARGETS), len(POINTS))
    # Better than the nearest known state, which is the least that a method must do between the states.
    nearest = smooth(known)[np.argmin(np.abs(TARGETS[:, None] - known), axis=1)]
    truth = smooth(TARGETS)
    assert np.linalg.norm((found - truth)[INSIDE]) < np.linalg.norm((nearest - truth)[INSIDE])


@pytest.mark.parametrize("name", NAMES)
def test_equal_snapshots_stay_as_they_are(name):
    snapshots = np.repeat(smooth([300.0]), 5, axis=0)
    np.testing.assert_allclose(predict(name, KNOWN, snapshots, TARGETS), snapshots[:1].repeat(7, axis=0), atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_units_do_not_matter(name):
    # Pascal and kelvin instead of megapascal and degrees: the same field, to the conditioning of each method.
    found = predict(name, KNOWN + 273.15, 1e6 * smooth(KNOWN), TARGETS + 273.15)
    np.testing.assert_allclose(1e-6 * found, fitted(name)(TARGETS), atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_fit_is_deterministic_and_leaves_its_input_alone(name):
    snapshots = smooth(KNOWN)
    before = snapshots.copy()
    np.testing.assert_array_equal(predict(name, KNOWN, snapshots, TARGETS), fitted(name)(TARGETS))
    np.testing.assert_array_equal(snapshots, before)


@pytest.mark.parametrize(
    ("name", "limit"), [("polynomial", 2e-3), ("not_a_knot", 4e-3), ("pod_rbf", 4e-3), ("pod_gpr", 1e-2)]
)
def test_smooth_data_are_generated_well_inside(name, limit):
    """What a fairly tuned rival reaches; a broken tuning gives several per cent."""
    error = (fitted(name)(TARGETS) - smooth(TARGETS))[INSIDE]
    assert np.sqrt(np.mean(error**2)) / np.ptp(smooth(TARGETS)) < limit


def test_pod_gpr_follows_a_linear_trend_far_outside():
    known = smooth([0.0])[0] + np.outer(KNOWN, POINTS)
    found = predict("pod_gpr", KNOWN, known, np.array([1300.0]))
    expected = smooth([0.0])[0] + 1300.0 * POINTS
    np.testing.assert_allclose(found[0], expected, rtol=1e-3, atol=1e-3 * np.ptp(expected))


def test_smoothing_is_chosen_on_noisy_data():
    """The radial basis functions settle on another regression than on the clean data."""
    known = np.linspace(0.0, 1.0, 12)[:, None]
    clean = smooth(200.0 + 500.0 * known[:, 0])
    noisy = clean + 0.05 * np.random.default_rng(1).normal(size=clean.shape)
    rival = RIVALS["pod_rbf"]
    clean_choice, _ = rival.choose(known, decompose(clean, None).coefficients)
    noisy_choice, _ = rival.choose(known, decompose(noisy, None).coefficients)
    assert clean_choice.smoothing == 0.0
    assert noisy_choice != clean_choice


def test_decomposition_is_the_weighted_one():
    weights = np.random.default_rng(2).uniform(0.5, 2.0, len(POINTS))
    snapshots = smooth(KNOWN)
    parts = decompose(snapshots, weights)
    modes = parts.recovery @ snapshots
    np.testing.assert_allclose((modes * weights) @ modes.T, np.eye(len(modes)), atol=1e-9)
    np.testing.assert_allclose(parts.coefficients @ modes, snapshots - snapshots.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(parts.cardinal(parts.coefficients), np.eye(5), atol=1e-9)


def test_decomposition_in_chunks_is_that_of_the_whole(monkeypatch):
    whole = decompose(smooth(KNOWN), None)
    monkeypatch.setattr("cmgai_fem.rivals.reduced.CHUNK", 17)
    parts = decompose(smooth(KNOWN), None)
    np.testing.assert_allclose(np.abs(parts.coefficients), np.abs(whole.coefficients), atol=1e-11)


def test_straight_line_with_two_states():
    rival = RIVALS["pod_gpr"]
    assert rival.choose(np.array([[0.0], [1.0]]), np.array([[1.0], [-1.0]])) == (StraightLine(), StraightLine())


@pytest.mark.parametrize(
    ("values", "snapshots", "weights", "message"),
    [
        ([1.0], np.zeros((1, 4)), None, "at least 2 known states"),
        ([1.0, 1.0], np.zeros((2, 4)), None, "increase strictly"),
        ([1.0, 2.0], np.zeros((3, 4)), None, "2 states need"),
        ([1.0, 2.0], np.zeros((2, 4)), np.ones(3), "need 4 weights"),
        ([1.0, 2.0], np.array([[0.0, 1.0], [np.nan, 1.0]]), None, "state 2 is not finite"),
    ],
)
def test_bad_input_is_named(values, snapshots, weights, message):
    with pytest.raises(InputError, match=message):
        RIVALS["linear"].fit(np.array(values)[:, None], snapshots, weights)


def test_a_rival_of_one_coordinate_refuses_two():
    with pytest.raises(InputError, match="natural_spline: is not for 2 state coordinates"):
        RIVALS["natural_spline"].fit(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.zeros((3, 4)))
    with pytest.raises(InputError, match="thin_plate_spline: is not for 1 state coordinate"):
        RIVALS["thin_plate_spline"].fit(KNOWN[:, None], smooth(KNOWN))
    with pytest.raises(InputError, match=r"targets in 1 coordinates are \(T, 1\), not \(5,\)"):
        RIVALS["linear"].fit(KNOWN[:, None], smooth(KNOWN))(KNOWN)
    with pytest.raises(InputError, match=r"values of K states in m coordinates are \(K, m\), not \(5,\)"):
        RIVALS["linear"].fit(KNOWN, smooth(KNOWN))
    with pytest.raises(InputError, match="trials must be rows of the 5 known states"):
        RIVALS["linear"].fit(KNOWN[:, None], smooth(KNOWN), trials=np.array([5]))


@pytest.mark.parametrize("dimension", [1, 2])
def test_left_out_errors_of_radial_bases_are_those_of_solving_without_each_state(dimension):
    rng = np.random.default_rng(0)
    known, coefficients = rng.random((9, dimension)), rng.standard_normal((9, 3))
    rival, rows, eye = PodRbf(), np.array([1, 4, 7]), np.eye(9)
    candidates = rival.candidates(known, coefficients)
    assert {one.kernel for one in candidates} == set(KERNELS)
    for one in candidates:
        direct = ReducedRival.left_out_errors(rival, one, known, coefficients, rows)
        points = known * one.ratios
        # Flat kernels lose digits either way: as many as the condition of their matrix says.
        rounding = 1e-14 * np.linalg.cond(KERNELS[one.kernel](one.shape * cdist(points, points)) + one.smoothing * eye)
        found = rival.left_out_errors(one, known, coefficients, rows)
        np.testing.assert_allclose(found, direct, rtol=max(rounding, 1e-9))
