"""Convex weights that make the left-out error of a superposition least, for the whole body or label by label.

A member that is good where the field is smooth is not the one that is good at a kink or a front. Weights that vary over
the body follow that: each label's are fitted to the left-out errors of its neighbourhood, with a share of the whole
body's so that few data cannot lead them astray.

Source: Wolpert, Neural Networks 5 (1992) 241-259; Breiman, Machine Learning 24 (1996) 49-64 (stacked regressions); the
active set is that of P. Wolfe, Mathematical Programming 11 (1976) 128-149 (nearest point in a polytope).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from cmgai_fem.states.labels import Array, BoolArray, IntArray, Labels

LEAST_WEIGHT = 0.02  # members below this mean weight are dropped and the rest fitted anew
NEIGHBOURS = 128  # labels in a neighbourhood
WHOLE_SHARE = 1.0  # weight of the whole body's errors beside a neighbourhood's
# Of the trace: what is added to the diagonal. Of `x.G.x`: a member that would lower it by less does not enter.
RIDGE, AT_REST = 1e-14, 1e-10
# Weights fitted to the errors of fewer left-out states than this follow them to the last digit: each member is then
# thought to owe this part of the best one's squared error to luck of its own.
TELLING, LUCK = 3, 0.01
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


def superpose(errors: Array, labels: Labels, local: bool, most: int | None = None, luck: float = 0.0) -> Mix:
    """The convex superposition of least left-out error.

    Args:
        errors: (m, T, L, n) left-out errors of the members, scaled so that squares add up to those of the mean.
        labels: the labels.
        local: let the weights vary over the body, where it has labels enough.
        most: the most members to keep; as many as have weight by default.
        luck: what each member is thought to owe to luck of its own, of the best one's squared error.
    """
    if local and labels.count > FEW:
        rows, weights = stack_locally(errors, labels.positions, labels.weights, most, luck)
    else:
        rows, weights = stack_globally(errors.reshape(len(errors), -1), most, luck)
    everywhere = weights if weights.ndim == 2 else weights[:, None]
    mixed = np.einsum("ml,mtlc->tlc", np.broadcast_to(everywhere, (len(rows), labels.count)), errors[rows])
    shares = labels.weights / labels.weights.sum()
    return Mix(
        rows,
        tuple(float(weight) for weight in (weights @ shares if weights.ndim == 2 else weights)),
        float(np.sqrt(np.sum(mixed**2) / len(mixed))),
        weights if weights.ndim == 2 else None,
    )


def luck_of(count: int) -> float:
    """What members are thought to owe to luck where `count` states are left out; see `superpose`."""
    return LUCK if count < TELLING else 0.0


def stack_globally(errors: Array, most: int | None = None, luck: float = 0.0) -> tuple[IntArray, Array]:
    """One weight a member.

    Args:
        errors: (m, R) left-out errors of the members.
        most: the most members to keep.
        luck: see `superpose`.

    Returns:
        Rows of the members that are kept, best first, and their weights (kept,), adding up to one.
    """

    def fit(rows: IntArray) -> Array:
        chosen = errors[rows]
        return least_on_simplex(_lucky((chosen @ chosen.T)[None], luck))[0][:, None]

    rows, weights = _prune(np.arange(len(errors)), fit, np.ones(1), most)
    return rows, weights[:, 0]


def stack_locally(
    errors: Array, points: Array, volumes: Array, most: int | None = None, luck: float = 0.0
) -> tuple[IntArray, Array]:
    """One weight a member and label.

    Args:
        errors: (m, T, L, n) left-out errors of the members: trials, labels, components.
        points: (L, g) positions of the labels.
        volumes: (L,) volumes of the labels.
        most: the most members to keep.
        luck: see `superpose`.

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
        return least_on_simplex(_lucky(near.reshape(-1, count, count), luck)).T

    return _prune(np.arange(len(errors)), fit, volumes / volumes.sum(), most)


def _lucky(grams: Array, luck: float) -> Array:
    """Gram matrices (B, m, m) of errors to which each member adds some of its own, which no other cancels."""
    own = luck * np.einsum("bmm->bm", grams).min(axis=1)
    return np.asarray(grams + own[:, None, None] * np.eye(grams.shape[1]))


def least_on_simplex(grams: Array) -> Array:
    """`argmin x.G.x` over convex weights, for many positive semidefinite matrices at once.

    From the best member on, the one enters that lowers `x.G.x` fastest, and those leave whose weights the least one
    over all that have entered would make negative: it ends at the minimum itself, after as many solutions of small
    systems as members came and went.

    Args:
        grams: (B, m, m).

    Returns:
        (B, m) weights, not negative, adding up to one.
    """
    batch, count = grams.shape[:2]
    traces = np.trace(grams, axis1=1, axis2=2)
    # Members that are alike share their weight, and no system is singular.
    scaled = grams / np.where(traces > 0.0, traces, 1.0)[:, None, None] + RIDGE * np.eye(count)
    weights = np.eye(count)[np.argmin(np.einsum("bmm->bm", scaled), axis=1)]
    rows, last = np.arange(batch), np.full(batch, np.inf)
    while len(rows):
        slopes = np.einsum("bmn,bn->bm", scaled[rows], weights[rows])
        value = np.einsum("bm,bm->b", slopes, weights[rows])
        slopes[weights[rows] > 0.0] = np.inf
        # Where the sum no longer falls, the rest is rounding.
        on = (slopes.min(axis=1) < (1.0 - AT_REST) * value) & (value < last[rows])
        last[rows] = value
        rows, entering = rows[on], slopes[on].argmin(axis=1)
        held = weights[rows] > 0.0
        held[np.arange(len(rows)), entering] = True
        weights[rows] = _least_among(scaled[rows], weights[rows], held)
    return weights


def _least_among(grams: Array, weights: Array, held: BoolArray) -> Array:
    """(B, m) least convex weights of the members that are held (B, m), or of those that are left on the way there."""
    weights, held, rows = weights.copy(), held.copy(), np.arange(len(weights))
    while len(rows):
        move = _least_on_plane(grams[rows], held[rows]) - weights[rows]
        short = held[rows] & (weights[rows] + move <= 0.0)
        parts = np.divide(weights[rows], -move, out=np.full(move.shape, np.inf), where=short)
        step = np.minimum(parts.min(axis=1, keepdims=True), 1.0)
        leaving = short & (parts <= step)
        weights[rows] = np.where(held[rows] & ~leaving, weights[rows] + step * move, 0.0)
        held[rows] &= ~leaving
        rows = rows[leaving.any(axis=1)]
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _least_on_plane(grams: Array, held: BoolArray) -> Array:
    """(B, m) weights of the members that are held, adding up to one, that make `x.G.x` least, of any sign."""
    found, sizes = np.zeros(held.shape), held.sum(axis=1)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)[:, None]
        members = np.nonzero(held[rows[:, 0]])[1].reshape(-1, size)
        small = grams[rows[..., None], members[:, :, None], members[:, None]]
        solved = np.linalg.solve(small, np.ones((len(rows), size, 1)))[..., 0]
        found[rows, members] = solved / solved.sum(axis=1, keepdims=True)
    return found


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
