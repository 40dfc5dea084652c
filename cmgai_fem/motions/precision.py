"""The Gaussian process whose mean a least-force motion is: all that a motion tells of itself, from one matrix.

The energy of the motion through n hard states is a quadratic form B of their data, and B is the precision of an
intrinsic Gaussian process. Leaving state i out errs by `(B y)_i / B_ii`, with variance `sigma^2 / B_ii`; a place that
is asked for is one more state that is left out. So the weights and the variance at a target come from the form through
the states and the target, without a refit.

Source: G. Wahba, Spline Models for Observational Data (1990), chapters 1 and 2.
"""

from collections.abc import Callable
from functools import lru_cache
from math import factorial

import numpy as np

from cmgai_fem.motions.green import green_function
from cmgai_fem.motions.polyharmonic import monomials, normalisation
from cmgai_fem.states.labels import Array


def line_precision(nodes: Array, order: int) -> Array:
    """Precision of the natural splines of least `int |D^q u|^2 ds` along a line.

    Args:
        nodes: (N, n) increasing nodes of N motions at once, n > q.
        order: q >= 1.

    Returns:
        (N, n, n) symmetric forms.

    Source: divided differences of order q annul polynomials; R is their Gram matrix as B-splines, by Gauss quadrature.
    """
    differences = _differences(nodes, order)
    pieces = np.diff(nodes, axis=1)
    points, weights = _gauss(order)
    places = nodes[:, :-1, None] + pieces[..., None] * points
    beyond = np.maximum(nodes[:, None, None, :] - places[..., None], 0.0)
    if order == 1:
        powers = (nodes[:, None, None, :] > places[..., None]).astype(float)
    else:
        powers = beyond ** (order - 1) / factorial(order - 1)
    count = differences.shape[2]
    piece, window = np.arange(pieces.shape[1])[:, None], np.arange(count)
    held = (piece >= window) & (piece < window + order)
    splines = (powers @ differences[:, None]) * held[None, :, None, :]
    rows = (splines * np.sqrt(pieces[..., None] * weights)[..., None]).reshape(len(nodes), -1, count)
    return _inverse_form(np.swapaxes(rows, 1, 2) @ rows, differences)


def scattered_precision(nodes: Array, order: int) -> Array:
    """Precision of Duchon's splines of least `int |D^q u|^2 ds` in several coordinates.

    Args:
        nodes: (N, n, m) points of N motions at once.
        order: q >= 2.

    Returns:
        (N, n, n) symmetric forms, up to one positive factor.
    """
    count, dimension = nodes.shape[1:]
    tail = monomials(nodes.reshape(-1, dimension), order - 1).reshape(len(nodes), count, -1)
    free = np.linalg.qr(tail, mode="complete")[0][..., tail.shape[2] :]
    distances = np.linalg.norm(nodes[:, :, None] - nodes[:, None], axis=-1)
    form = np.swapaxes(free, 1, 2) @ green_function(distances, order, dimension) @ free
    return np.asarray(free @ np.linalg.solve(0.5 * (form + np.swapaxes(form, 1, 2)), np.swapaxes(free, 1, 2)))


def answer(nodes: Array, targets: Array, precision: Callable[[Array], Array]) -> tuple[Array, Array]:
    """Weights of the states and variances, in units of sigma^2, at targets.

    Args:
        nodes: (K, m) points of the states.
        targets: (T, m) points that are asked for, none of them a node.
        precision: from (T, K + 1, m) points, whose last are the targets, to (T, K + 1, K + 1) forms.

    Returns:
        (T, K) weights and (T,) variances.
    """
    joined = np.concatenate([np.broadcast_to(nodes, (len(targets), *nodes.shape)), targets[:, None]], axis=1)
    last = precision(joined)[:, -1]
    return -last[:, :-1] / last[:, -1:], 1.0 / last[:, -1]


def sorted_line(points: Array, order: int) -> Array:
    """`line_precision` of (N, n, 1) points in any order."""
    places = points[..., 0]
    rank = np.argsort(np.argsort(places, axis=1, kind="stable"), axis=1)
    found = line_precision(np.sort(places, axis=1), order)
    return np.take_along_axis(np.take_along_axis(found, rank[:, :, None], axis=1), rank[:, None, :], axis=2)


def centred(points: Array, nodes: Array) -> Array:
    """Points (..., m) about the centre of states at (K, m), in the unit in which these lie within 1 of it."""
    centre, size = normalisation(nodes)
    return np.asarray((points - centre) / size)


def _differences(nodes: Array, order: int) -> Array:
    """(N, n, n - q) divided differences of each q + 1 neighbours, of largest entry 1."""
    count = nodes.shape[1] - order
    window = np.arange(count)[:, None] + np.arange(order + 1)
    held = nodes[:, window]
    held = (held - held[..., :1]) / (held[..., -1:] - held[..., :1])
    apart = held[..., :, None] - held[..., None, :]
    apart[..., np.arange(order + 1), np.arange(order + 1)] = 1.0
    entries = 1.0 / np.prod(apart, axis=-1)
    entries /= np.max(np.abs(entries), axis=-1, keepdims=True)
    found = np.zeros((*nodes.shape, count))
    for step in range(order + 1):
        found[:, np.arange(count) + step, np.arange(count)] = entries[..., step]
    return found


def _inverse_form(gram: Array, differences: Array) -> Array:
    """`Q R^-1 Q'`, with R brought to a unit diagonal first."""
    scale = 1.0 / np.sqrt(np.maximum(np.einsum("nii->ni", gram), np.finfo(float).tiny))
    scaled = differences * scale[:, None, :]
    return scaled @ np.linalg.solve(gram * scale[:, :, None] * scale[:, None, :], np.swapaxes(scaled, 1, 2))


@lru_cache(maxsize=32)
def _gauss(count: int) -> tuple[Array, Array]:
    points, weights = np.polynomial.legendre.leggauss(count)
    return 0.5 * (points + 1.0), 0.5 * weights
