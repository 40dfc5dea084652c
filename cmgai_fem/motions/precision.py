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
from cmgai_fem.states.labels import Array, BoolArray


def line_precision(nodes: Array, order: int, damping: float = 0.0) -> Array:
    """Precision of the splines of least `int |D^q u + eta D^(q-1) u|^2 ds` along a line.

    Args:
        nodes: (N, n) increasing nodes of N motions at once, n > q.
        order: q >= 1; q >= 2 where there is damping.
        damping: eta.

    Returns:
        (N, n, n) symmetric forms.

    Source: divided differences of order q annul polynomials; R is their Gram matrix as B-splines, by Gauss quadrature.
        With damping two neighbours of order q - 1 are joined so that the exponential is annulled as well (L. Schumaker,
        Spline Functions: Basic Theory, 1981, chapter 10).
    """
    if damping:
        differences, splines, pieces, weights = _damped(nodes, order, damping)
    else:
        points, weights = _gauss(order)
        differences, pieces = _differences(nodes, order), np.diff(nodes, axis=1)
        splines = _peano(nodes, differences, order, nodes[:, :-1, None] + pieces[..., None] * points)
    rows = (splines * np.sqrt(pieces[..., None] * weights)[..., None]).reshape(len(nodes), -1, differences.shape[2])
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


def sorted_line(points: Array, order: int, damping: float = 0.0) -> Array:
    """`line_precision` of (N, n, 1) points in any order."""
    places = points[..., 0]
    rank = np.argsort(np.argsort(places, axis=1, kind="stable"), axis=1)
    found = line_precision(np.sort(places, axis=1), order, damping)
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


def _peano(nodes: Array, differences: Array, order: int, places: Array) -> Array:
    """(N, n - 1, g, n - q) kernels of differences of order q, `sum_k d_k u_k = int M D^q u`, at g places a piece."""
    beyond = np.maximum(nodes[:, None, None, :] - places[..., None], 0.0)
    if order == 1:
        powers = (nodes[:, None, None, :] > places[..., None]).astype(float)
    else:
        powers = beyond ** (order - 1) / factorial(order - 1)
    count = differences.shape[2]
    return np.asarray((powers @ differences[:, None]) * _held(nodes.shape[1] - 1, count, order))


def _held(pieces: int, count: int, order: int) -> BoolArray:
    """(1, pieces, 1, count) where kernels of differences of order q live; rounding leaves something elsewhere."""
    piece, window = np.arange(pieces)[:, None], np.arange(count)
    return ((piece >= window) & (piece < window + order))[None, :, None, :]


def _damped(nodes: Array, order: int, damping: float) -> tuple[Array, Array, Array, Array]:
    """Differences that annul polynomials of degree q - 2 and `exp(-eta s)`, and their kernels at Gauss points.

    The kernel m of `sum_k d_k u_k = int m (D + eta) D^(q-1) u` solves `m' = eta m - h`, with h that of the differences
    of order q - 1, from the right end of its support on.

    Returns:
        (N, n, n - q) differences, (N, n - 1, g, n - q) kernels, (N, n - 1) pieces and (g,) weights.
    """
    pieces = np.diff(nodes, axis=1)
    # Exponentials are integrated as polynomials of some more degrees.
    points, weights = _gauss(order + 6 + int(np.ceil(min(damping * float(pieces.max()), 30.0))))
    plain = _differences(nodes, order - 1)
    kernels = _peano(nodes, plain, order - 1, nodes[:, :-1, None] + pieces[..., None] * points)
    # What each of the plain differences makes of the exponential that is 1 at its first node.
    apart = nodes[:, :-1, None, None] + (pieces[..., None] * points)[..., None] - nodes[:, None, None, : plain.shape[2]]
    told = np.exp(-damping * np.maximum(apart, 0.0)) * kernels * (pieces[..., None] * weights)[..., None]
    moments = told.sum(axis=(1, 2))
    first = moments[:, 1:] * np.exp(-damping * np.diff(nodes, axis=1)[:, : plain.shape[2] - 1])
    second = -moments[:, :-1]
    size = np.maximum(np.abs(first), np.abs(second))
    first, second = first / size, second / size
    differences = plain[..., :-1] * first[:, None] + plain[..., 1:] * second[:, None]
    right = kernels[..., :-1] * first[:, None, None] + kernels[..., 1:] * second[:, None, None]
    between, inner, inner_weights = _from_each_point(len(points))
    length = pieces[:, :, None, None] * (1.0 - points)[:, None]
    decayed = np.exp(-damping * length * inner) * inner_weights * length
    splines = np.einsum("npgi,gil,nplc->npgc", decayed, between, right)
    whole = np.exp(-damping * pieces[..., None] * points) * weights * pieces[..., None]
    carried = np.zeros((len(nodes), differences.shape[2]))
    for piece in range(pieces.shape[1] - 1, -1, -1):
        left = np.exp(-damping * pieces[:, piece, None] * (1.0 - points))
        splines[:, piece] += left[..., None] * carried[:, None]
        carried = np.einsum("ng,ngc->nc", whole[:, piece], right[:, piece]) + (
            np.exp(-damping * pieces[:, piece])[:, None] * carried
        )
    return differences, splines * _held(pieces.shape[1], differences.shape[2], order), pieces, weights


def _inverse_form(gram: Array, differences: Array) -> Array:
    """`Q R^-1 Q'`, with R brought to a unit diagonal first."""
    scale = 1.0 / np.sqrt(np.maximum(np.einsum("nii->ni", gram), np.finfo(float).tiny))
    scaled = differences * scale[:, None, :]
    return scaled @ np.linalg.solve(gram * scale[:, :, None] * scale[:, None, :], np.swapaxes(scaled, 1, 2))


@lru_cache(maxsize=32)
def _from_each_point(count: int) -> tuple[Array, Array, Array]:
    """Quadrature from each Gauss point of the unit piece to its end, of a polynomial known at the Gauss points.

    Returns:
        (g, g, g) values at the inner points of each point by those at all, (g,) inner points and (g,) weights of the
        rest of the piece.
    """
    points, weights = _gauss(count)
    inner = points[:, None] + (1.0 - points)[:, None] * points
    basis = np.polynomial.legendre.legvander(2.0 * points - 1.0, count - 1)
    values = np.polynomial.legendre.legvander(2.0 * inner - 1.0, count - 1) @ np.linalg.inv(basis)
    return values, points, weights


@lru_cache(maxsize=32)
def _gauss(count: int) -> tuple[Array, Array]:
    points, weights = np.polynomial.legendre.leggauss(count)
    return 0.5 * (points + 1.0), 0.5 * weights
