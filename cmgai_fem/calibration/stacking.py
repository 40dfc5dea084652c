"""Convex weights that make the left-out error of a superposition least, for the whole body or label by label.

A member that is good where the field is smooth is not the one that is good at a kink or a front. Weights that vary over
the body follow that: each label's are fitted to the left-out errors of its neighbourhood, with a share of the whole
body's so that few data cannot lead them astray.

Source: Wolpert, Neural Networks 5 (1992) 241-259; Breiman, Machine Learning 24 (1996) 49-64 (stacked regressions); the
accelerated projected gradient is that of Beck and Teboulle, SIAM J. Imaging Sci. 2 (2009) 183-202.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from cmgai_fem.states.labels import Array, IntArray, Labels

LEAST_WEIGHT = 0.02  # members below this mean weight are dropped and the rest fitted anew
NEIGHBOURS = 128  # labels in a neighbourhood
WHOLE_SHARE = 1.0  # weight of the whole body's errors beside a neighbourhood's
STEPS = 400
# With fewer labels than this there are no neighbourhoods to speak of.
FEW = 64


@dataclass(frozen=True)
class Mix:
    """Convex weights of members and what their superposition gets wrong.

    Args:
        rows: the members that are kept, of greatest mean weight first.
        weights: their mean weights.
        error: left-out error of the superposition.
        local: (members, L) weights of every label; None for one weight a member.
    """

    rows: IntArray
    weights: tuple[float, ...]
    error: float
    local: Array | None


def superpose(errors: Array, labels: Labels, local: bool, most: int | None = None) -> Mix:
    """The convex superposition of least left-out error.

    Args:
        errors: (m, T, L, n) left-out errors of the members, scaled so that squares add up to those of the mean.
        labels: the labels.
        local: let the weights vary over the body, where it has labels enough.
        most: the most members to keep; as many as have weight by default.
    """
    if local and labels.count > FEW:
        rows, weights = stack_locally(errors, labels.positions, labels.weights, most)
    else:
        rows, weights = stack_globally(errors.reshape(len(errors), -1), most)
    everywhere = weights if weights.ndim == 2 else weights[:, None]
    mixed = np.einsum("ml,mtlc->tlc", np.broadcast_to(everywhere, (len(rows), labels.count)), errors[rows])
    shares = labels.weights / labels.weights.sum()
    return Mix(
        rows,
        tuple(float(weight) for weight in (weights @ shares if weights.ndim == 2 else weights)),
        float(np.sqrt(np.sum(mixed**2) / len(mixed))),
        weights if weights.ndim == 2 else None,
    )


def stack_globally(errors: Array, most: int | None = None) -> tuple[IntArray, Array]:
    """One weight a member.

    Args:
        errors: (m, R) left-out errors of the members.
        most: the most members to keep.

    Returns:
        Rows of the members that are kept, best first, and their weights (kept,), adding up to one.
    """

    def fit(rows: IntArray) -> Array:
        chosen = errors[rows]
        return least_on_simplex((chosen @ chosen.T)[None])[0][:, None]

    rows, weights = _prune(np.arange(len(errors)), fit, np.ones(1), most)
    return rows, weights[:, 0]


def stack_locally(errors: Array, points: Array, volumes: Array, most: int | None = None) -> tuple[IntArray, Array]:
    """One weight a member and label.

    Args:
        errors: (m, T, L, n) left-out errors of the members: trials, labels, components.
        points: (L, g) positions of the labels.
        volumes: (L,) volumes of the labels.
        most: the most members to keep.

    Returns:
        Rows of the members that are kept, of greatest mean weight first, and their weights (kept, L), adding up to one
        at every label.
    """
    kernel = _neighbourhoods(points)

    def fit(rows: IntArray) -> Array:
        chosen = errors[rows]
        count = len(rows)
        local = np.einsum("mtlc,ntlc->lmn", chosen, chosen).reshape(len(points), count * count)
        mean = local.mean(axis=0)
        near = kernel @ local + WHOLE_SHARE * mean
        return least_on_simplex(near.reshape(-1, count, count)).T

    return _prune(np.arange(len(errors)), fit, volumes / volumes.sum(), most)


def least_on_simplex(grams: Array) -> Array:
    """`argmin x.G.x` over convex weights, for many positive semidefinite matrices at once.

    Args:
        grams: (B, m, m).

    Returns:
        (B, m) weights, not negative, adding up to one.
    """
    batch, count = grams.shape[:2]
    traces = np.trace(grams, axis1=1, axis2=2)
    scaled = grams / np.where(traces > 0.0, traces, 1.0)[:, None, None]
    step = 1.0 / np.linalg.norm(scaled, axis=(1, 2))[:, None].clip(1e-12)
    weights = np.full((batch, count), 1.0 / count)
    ahead, momentum = weights, 1.0
    for _ in range(STEPS):
        gradient = np.einsum("bmn,bn->bm", scaled, ahead)
        moved = project_on_simplex(ahead - step * gradient)
        faster = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * momentum**2))
        ahead = moved + (momentum - 1.0) / faster * (moved - weights)
        weights, momentum = moved, faster
    return weights


def project_on_simplex(points: Array) -> Array:
    """The nearest convex weights to each row (B, m).

    Source: Duchi et al., ICML 2008, figure 1.
    """
    ordered = -np.sort(-points, axis=1)
    excess = (np.cumsum(ordered, axis=1) - 1.0) / np.arange(1, points.shape[1] + 1)
    last = np.count_nonzero(ordered > excess, axis=1) - 1
    return np.maximum(points - excess[np.arange(len(points)), last][:, None], 0.0)


def _prune(rows: IntArray, fit: Callable[[IntArray], Array], shares: Array, most: int | None) -> tuple[IntArray, Array]:
    weights = fit(rows)
    mean = weights @ shares
    while np.any(mean < LEAST_WEIGHT) or (most is not None and len(rows) > most):
        kept = mean >= LEAST_WEIGHT
        if kept.all():
            # One at a time: members that are much alike share a weight that one of them would have.
            kept[np.argmin(mean)] = False
        rows = rows[kept]
        weights = fit(rows)
        mean = weights @ shares
    order = np.argsort(-mean, kind="stable")
    return rows[order], weights[order]


def _neighbourhoods(points: Array) -> sparse.csr_array:
    """(L, L) Gaussian weights of each label's neighbours, rows adding up to one."""
    count = min(NEIGHBOURS, len(points))
    distances, columns = cKDTree(points).query(points, k=count)
    distances, columns = distances.reshape(len(points), -1), columns.reshape(len(points), -1)
    width = 0.5 * distances[:, -1:] + np.finfo(float).tiny
    values = np.exp(-0.5 * (distances / width) ** 2)
    values /= values.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(points)), count)
    return sparse.csr_array((values.ravel(), (rows, columns.ravel())), shape=(len(points), len(points)))
