"""Precision matrices: those of the splines that solve the same problem, and of leaving states out one by one."""

from functools import partial

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from cmgai_fem.motions.line import left_out_map, line_motion
from cmgai_fem.motions.polyharmonic import PolyharmonicSpline
from cmgai_fem.motions.precision import answer, line_precision, scattered_precision, sorted_line

NODES = np.array([0.0, 0.13, 0.3, 0.55, 0.7, 0.82, 1.0])
PLANE = np.random.default_rng(3).uniform(-1.0, 1.0, (14, 2))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_left_out_errors_along_a_line_are_those_of_the_splines(order):
    form = line_precision(NODES[None], order)[0]
    np.testing.assert_allclose(form @ np.vander(NODES, order), 0.0, atol=1e-9 * np.abs(form).max())
    inner = slice(1, -1) if order == 1 else slice(None)
    found = -form / np.diag(form)[:, None]
    np.testing.assert_allclose(found[inner], left_out_map(tuple(NODES), order - 2)[inner], atol=1e-7)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_weights_at_targets_are_those_of_the_splines(order):
    targets = np.array([-0.2, 0.05, 0.4, 1.3])
    found, _ = answer(NODES[:, None], targets[:, None], partial(sorted_line, order=order))
    wanted = line_motion(tuple(NODES), order - 2, 0.0, (-0.2, 1.3)).weights(targets)
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-8)


def test_the_variance_of_straight_pieces_is_that_of_a_brownian_bridge():
    target = np.array([[0.4]])
    _, variance = answer(NODES[:, None], target, partial(sorted_line, order=1))
    np.testing.assert_allclose(variance, (0.4 - 0.3) * (0.55 - 0.4) / 0.25, rtol=1e-12)


def test_the_variance_of_the_cubic_grows_with_the_cube_beyond_the_states_and_falls_to_nothing_at_one():
    targets = np.array([[1.0 + 1e-4], [3.0], [5.0], [9.0]])
    _, variance = answer(NODES[:, None], targets, partial(sorted_line, order=2))
    assert variance[0] < 1e-8
    # Far out the slope's own variance, of second power, gives way to the cube.
    assert 2.0**2 < variance[3] / variance[2] < 2.0**3
    assert variance[1] < variance[2] < variance[3]


def test_the_cubic_is_scipys_natural_spline():
    values, targets = np.sin(5.0 * NODES), np.array([0.2, 0.6, 0.9])
    weights, _ = answer(NODES[:, None], targets[:, None], partial(sorted_line, order=2))
    np.testing.assert_allclose(weights @ values, CubicSpline(NODES, values, bc_type="natural")(targets), atol=1e-12)


@pytest.mark.parametrize("order", [2, 3])
def test_over_a_plane_left_out_errors_and_weights_are_those_of_duchons_splines(order):
    form = scattered_precision(PLANE[None], order)[0]
    spline = PolyharmonicSpline(PLANE, order - 2)
    np.testing.assert_allclose(-form / np.diag(form)[:, None], spline.left_out, atol=1e-8)
    targets = np.array([[0.1, -0.3], [1.4, 0.2]])
    found, variance = answer(PLANE, targets, partial(scattered_precision, order=order))
    np.testing.assert_allclose(found, spline.weights(targets), atol=1e-8)
    assert variance[0] < variance[1]
