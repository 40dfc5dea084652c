"""Monotone rearrangement of densities on a rectilinear grid: mass to labels and back, in one and two dimensions.

Label `q` in the unit cube is where the fraction q of the mass lies below, first along one axis, then along the other
on that line: optimal transport in one dimension, the Knothe-Rosenblatt rearrangement in two.

Source: Knothe, Michigan Math. J. 4 (1957); Rosenblatt, Ann. Math. Stat. 23 (1952).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.interpolate import PchipInterpolator

from cmgai_fem.errors import InputError
from cmgai_fem.states.states import Array

FINE = 8  # points a grid cell at which the cumulative mass is inverted


@dataclass(frozen=True)
class Rearrangement:
    """The labels of one family of densities on a grid.

    The labels are the lines between parcels of mass. They hold every grid line of every known state, so that the
    known densities come back as they were.

    Args:
        edges: one or two arrays of grid lines.
        first: (S + 1,) mass fractions of the lines along the first axis.
        second: (S, T + 1) mass fractions of the lines along the second axis within each strip; None in 1-D.
        known: (K, R) positions of all labels, axis by axis, at the known states.
    """

    edges: tuple[Array, ...]
    first: Array
    second: Array | None
    known: Array

    @classmethod
    def of(cls, edges: Sequence[Array], masses: Array) -> Self:
        """Rearrange the known states.

        Args:
            edges: one or two arrays of grid lines.
            masses: (K, n1) or (K, n1, n2) masses of the grid cells, positive.
        """
        if len(edges) not in (1, 2) or masses.ndim != len(edges) + 1 or not np.all(masses > 0.0):
            raise InputError("a rearrangement needs positive masses on a grid in one or two dimensions")
        fractions = masses / masses.reshape(len(masses), -1).sum(axis=1).reshape(-1, *[1] * len(edges))
        along = fractions if len(edges) == 1 else fractions.sum(axis=2)
        cumulative = _cumulative(along)
        first = np.unique(cumulative)
        lines = np.stack([_invert(edges[0], row, first) for row in cumulative])
        if len(edges) == 1:
            return cls(tuple(edges), first, None, lines)
        middles = 0.5 * (first[1:] + first[:-1])
        # The cumulative mass across each strip, between the columns left and right of where the strip is.
        across = []
        for state, columns in enumerate(_cumulative(fractions / along[:, :, None])):
            where = _invert(edges[0], cumulative[state], middles)
            across.append(_between_columns(0.5 * (edges[0][1:] + edges[0][:-1]), columns, where))
        second = np.sort(np.concatenate([*[rows[:, 1:-1] for rows in across], across[0][:, [0, -1]]], axis=1), axis=1)
        crossings = [
            np.stack([_invert(edges[1], row, q) for row, q in zip(rows, second, strict=True)]) for rows in across
        ]
        return cls(
            tuple(edges),
            first,
            second,
            np.stack([np.concatenate([lines[k], crossings[k].ravel()]) for k in range(len(masses))]),
        )

    def fractions(self, positions: Array) -> tuple[Array, float]:
        """Mass fraction of every grid cell when the labels are at `positions` (R,), and the fraction that crossed.

        Each parcel spreads evenly between its lines; parcels beyond the grid go to its outermost cells, so the
        fractions add up to one.
        """
        count = len(self.first)
        lines, crossed = positions[:count], _crossed(positions[:count], self.first)
        # Mass below each grid line: strips by columns.
        below = _fraction_below(np.sort(lines), self.edges[0])
        if self.second is None:
            return np.diff(np.interp(below, np.arange(count), self.first)), crossed
        strips = np.arange(count - 1)
        covered = np.diff(np.clip(below[:, None] - strips, 0.0, 1.0), axis=0)
        crossings = positions[count:].reshape(self.second.shape)
        cells = np.empty((count - 1, len(self.edges[1]) - 1))
        parcels = np.diff(self.first)
        for strip in strips:
            row, q = crossings[strip], self.second[strip]
            crossed += parcels[strip] * _crossed(row, q)
            at = _fraction_below(np.sort(row), self.edges[1])
            cells[strip] = np.diff(np.interp(at, np.arange(len(q)), q))
        return (covered * parcels) @ cells, crossed


def _cumulative(fractions: Array) -> Array:
    """Cumulative fractions at the grid lines along the last axis, exactly 0 and 1 at its ends."""
    total = np.concatenate([np.zeros((*fractions.shape[:-1], 1)), np.cumsum(fractions, axis=-1)], axis=-1)
    total /= total[..., -1:]
    return total


def _invert(edges: Array, cumulative: Array, fractions: Array) -> Array:
    """Positions at which a cumulative mass, given at the grid lines, reaches `fractions`."""
    steps = np.arange(FINE) / FINE
    fine = np.append((edges[:-1, None] + np.diff(edges)[:, None] * steps).ravel(), edges[-1])
    # Monotone cubic between the grid lines: third order, and never a negative density.
    return np.interp(fractions, PchipInterpolator(edges, cumulative)(fine), fine)


def _between_columns(middles: Array, columns: Array, where: Array) -> Array:
    """Linear interpolation of the columns' cumulative masses (n1, n2 + 1) at positions `where` (S,)."""
    if len(middles) == 1:
        return np.repeat(columns, len(where), axis=0)
    left = np.clip(np.searchsorted(middles, where) - 1, 0, len(middles) - 2)
    part = np.clip((where - middles[left]) / (middles[left + 1] - middles[left]), 0.0, 1.0)[:, None]
    return (1.0 - part) * columns[left] + part * columns[left + 1]


def _fraction_below(lines: Array, edges: Array) -> Array:
    """How many parcels lie below each grid line, as a real number; all of them below the last."""
    count = np.interp(edges, lines, np.arange(len(lines), dtype=float))
    count[0], count[-1] = 0.0, len(lines) - 1.0
    return count


def _crossed(lines: Array, fractions: Array) -> float:
    """Mass fraction between lines that have changed places."""
    return float(np.sum(np.diff(fractions)[np.diff(lines) < 0.0]))
