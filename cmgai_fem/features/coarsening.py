"""A coarser mesh of a body on some of its nodes, fine where its states vary: for what only steers a search.

Nodes are drawn along an edge into a neighbour, many at once, as long as the simplices about them stay well shaped and
keep their volume; nodes of faces and edges of the body move along these alone, corners stay. No edge grows beyond a
length that some thousand labels of the body have, and no node is drawn in whose known states are much different, so
that fronts and pulses keep their resolution wherever they are known.

Source: edge collapse as in Hoppe, Progressive meshes, SIGGRAPH 1996; the rules of what is drawn in are our choice.
"""

from itertools import combinations
from math import factorial, sqrt

import numpy as np

from cmgai_fem.features.body import LabelBody
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.states.location import faces_of

# (N, k) known states, and the least and the greatest of the nodes that each node has drawn in.
Ranges = tuple[Array, Array, Array]
# Edges grow up to the length that so many labels of a body in 2-D and 3-D have, and until there are no more than these.
COUNT = {2: 2_500, 3: 1_000}
# Largest change of a known state from a node to that which it is drawn into, relative to the range of all states.
CHANGE = 0.12
# Least shape of a simplex, 1 of a regular one, and the part of the volume about a node that a curved boundary may lose.
SHAPE, LOST = 0.2, 0.05
# Rounds, and the nodes that a round must draw in, a simplex, for another to follow.
ROUNDS, WORTH = 60, 1e-3
# Unequal lengths that the edges of a regular mesh are given, so that its nodes are not drawn all one way.
UNEVEN = 0.3
ROUNDING = 1e-6


def coarsened(body: LabelBody, values: Array) -> tuple[IntArray, IntArray]:
    """A coarser mesh of a body that is no surface.

    Args:
        body: the body.
        values: (K, N, C) known states.

    Returns:
        (n,) the nodes that are left, in their order, and (m, t + 1) simplices by their place among these.
    """
    states = np.swapaxes(values, 0, 1).reshape(len(body.points), -1) / (float(np.ptp(values)) or 1.0)
    count = COUNT[body.dimension]
    longest = (body.volume / count) ** (1.0 / body.dimension)
    generator, cells = np.random.default_rng(0), body.mesh.cells.copy()
    turned = np.linalg.det(body.mesh.edges) < 0.0
    cells[turned, :2] = cells[turned, 1::-1]
    low, high = states.copy(), states.copy()
    for _ in range(ROUNDS):
        drawn, onto = _drawn(body, (states, low, high), longest, cells, generator)
        # What a node has drawn in goes on with it: a crest does not wear away step by step.
        np.minimum.at(low, onto, low[drawn])
        np.maximum.at(high, onto, high[drawn])
        heads = np.arange(len(body.points))
        heads[drawn] = onto
        cells = heads[cells]
        kept = np.ones(len(cells), dtype=bool)
        for one, other in combinations(cells.T, 2):
            kept &= one != other
        cells = cells[kept]
        if len(drawn) < WORTH * len(cells) or len(np.unique(cells)) <= count:
            break
    nodes, numbers = np.unique(cells, return_inverse=True)
    return nodes, numbers.reshape(cells.shape)


def _drawn(
    body: LabelBody, ranges: Ranges, longest: float, cells: IntArray, generator: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Nodes that can be drawn in at the same time, and the neighbours that they are drawn into."""
    tails, heads, scores = _admitted(body, ranges, longest, cells, generator)
    order = np.lexsort((scores, tails))
    tails, first = np.unique(tails[order], return_index=True)
    heads, scores = heads[order][first], scores[order][first]
    count = len(body.points)
    target, best = np.full(count, -1), np.full(count, np.inf)
    target[tails], best[tails] = heads, scores
    corners = cells.ravel()
    rows = np.flatnonzero(target[corners] >= 0)
    nodes, whole, place = corners[rows], cells[rows // cells.shape[1]], rows % cells.shape[1]
    old_volumes, old_shapes = _volumes_and_shapes(body.points, whole)
    moved = whole.copy()
    moved[np.arange(len(rows)), place] = target[nodes]
    gone = np.any(whole == target[nodes][:, None], axis=1)
    volumes, shapes = _volumes_and_shapes(body.points, moved)
    worst = np.full(count, np.inf)
    np.minimum.at(worst, nodes, old_shapes)
    bad = ~gone & (shapes < (1.0 - ROUNDING) * np.minimum(SHAPE, worst[nodes]))
    before = np.bincount(nodes, old_volumes, count)
    after = np.bincount(nodes, np.where(gone, 0.0, volumes), count)
    refused = (np.bincount(nodes, bad, count) > 0.0) | (np.abs(after - before) > LOST * before)
    best[refused] = np.inf
    winners = np.isfinite(best)
    # Of the nodes of a simplex one alone: that of least score, of both ends of one edge the first.
    places = np.argsort(np.argsort(best, kind="stable"))[cells]
    beaten = corners[(places > places.min(axis=1, keepdims=True)).ravel()]
    winners[beaten] = False
    drawn = np.flatnonzero(winners)
    return drawn, target[drawn]


def _admitted(
    body: LabelBody, ranges: Ranges, longest: float, cells: IntArray, generator: np.random.Generator
) -> tuple[IntArray, IntArray, Array]:
    """Tails, heads and scores of the edges that may be drawn in, short ones first."""
    count, ranks = len(body.points), body.blocked[0]
    codes = _edge_codes(cells, count)
    one, other = np.divmod(codes, count)
    # What is equal stays equal where the body is turned.
    lengths = np.round(np.log(np.linalg.norm(body.points[one] - body.points[other], axis=1) / longest), 6)
    short = np.flatnonzero(lengths < 0.0)
    one, other, codes = one[short], other[short], codes[short]
    faces, _, _ = faces_of(cells)
    numbers = faces @ count ** np.arange(faces.shape[1])
    _, first, repeats = np.unique(numbers, return_index=True, return_counts=True)
    outside = np.isin(codes, _edge_codes(faces[first[repeats == 1]], count))
    scores = lengths[short] + UNEVEN * generator.random(len(short))
    states, low, high = ranges
    along = []
    for tail, head in ((one, other), (other, one)):
        change = np.maximum(high[tail] - states[head], states[head] - low[tail]).max(axis=1)
        slides = outside & (ranks[tail] <= ranks[head]) & (ranks[tail] < body.dimension)
        along.append((change <= CHANGE) & ((ranks[tail] == 0) | slides))
    tails, heads = np.concatenate([one[along[0]], other[along[1]]]), np.concatenate([other[along[0]], one[along[1]]])
    return tails, heads, np.concatenate([scores[along[0]], scores[along[1]]])


def _edge_codes(cells: IntArray, count: int) -> IntArray:
    """Each edge of simplices once, as a number: its lower node times `count`, and its higher."""
    pairs = [np.sort(cells[:, list(pair)], axis=1) for pair in combinations(range(cells.shape[1]), 2)]
    return np.unique(np.concatenate([pair[:, 0] * count + pair[:, 1] for pair in pairs]))


def _volumes_and_shapes(points: Array, cells: IntArray) -> tuple[Array, Array]:
    """(M,) signed volumes, and shapes: 1 of a regular simplex, 0 of a flat one, less of one that is turned over."""
    corners = points[cells]
    dimension = cells.shape[1] - 1
    volumes = np.linalg.det(corners[:, 1:] - corners[:, :1]) / factorial(dimension)
    pairs = list(combinations(range(dimension + 1), 2))
    squares = sum(np.sum((corners[:, a] - corners[:, b]) ** 2, axis=1) for a, b in pairs) / len(pairs)
    regular = sqrt(dimension + 1.0) / (factorial(dimension) * sqrt(2.0) ** dimension)
    return volumes, volumes / (regular * np.maximum(squares, np.finfo(float).tiny) ** (dimension / 2.0))
