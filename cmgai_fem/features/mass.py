"""Mass mode: a scalar field with a moving front or pulse, carried as mass and not label by label.

Each state's field is a density. Its total mass evolves as a scalar, the normalised density as the positions of the
labels of its monotone rearrangement. Both are features like any other: the same transport problem, force and
calibration carry them, with the law "none", and the field comes back by a conservative deposit. A field that changes
sign is two masses. What the grid cannot represent of the known states stays with the body's labels as a small
remainder of zero mass, so that the known states come back exactly.

The theory asks for total mass and normalised field; the rearrangement and the remainder are our choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.interpolate import PchipInterpolator, RegularGridInterpolator, griddata

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.states.labels import Array, IntArray, Labels, labels_on_points
from cmgai_fem.states.states import Field, States

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


FLOOR = 1e-9  # uniform background, relative to the largest value, so that there is mass everywhere
CROSSED = 1e-2  # fraction of the mass whose labels may cross before a generated state is refused
FEATURE = "transported"


@dataclass(frozen=True)
class MassTransform:
    """A scalar field's states as masses on the move, and the way back.

    Args:
        states: the known states of one scalar field.
        grid: the grid of the rearrangement.
        parts: what the field is made of, one or two masses: its sign, and the labels of its rearrangement.
        totals: (P, K) total mass of each part.
        remainder: (K, L) what the round trip leaves of the known states; its mass is zero.
        axes: order in which the label coordinates are rearranged.
    """

    states: States
    grid: "Grid"
    parts: tuple[tuple[float, Rearrangement], ...]
    totals: Array
    remainder: Array
    axes: tuple[int, ...]

    @classmethod
    def of(cls, states: States, axes: tuple[int, ...] | None = None, resolution: int = 64) -> Self:
        """Transform the known states.

        Args:
            states: known states of one scalar field; one- or two-dimensional labels.
            axes: order in which the label coordinates are rearranged, the direction of travel first.
            resolution: grid cells along each axis where the labels are no grid themselves.

        Raises:
            InputError: the field is not scalar, or the labels are not one- or two-dimensional.
        """
        ((name, field),) = states.fields.items()
        dimension = states.labels.points.shape[1]
        if field.values.shape[2] != 1:
            raise InputError(f"mass mode carries scalar fields; {name!r} has {field.values.shape[2]} components")
        axes = tuple(range(dimension)) if axes is None else axes
        if dimension > 2 or sorted(axes) != list(range(dimension)):
            raise InputError(f"mass mode needs labels in 1-D or 2-D and their axes in some order, not {axes}")
        grid = Grid.of(states.labels, axes, resolution)
        values, scale = field.values[:, :, 0], float(np.abs(field.values).max())
        if scale == 0.0:
            raise InputError(f"field {name!r} is zero at every state: there is no mass to carry")
        parts, totals = [], []
        for sign in (1.0, -1.0):
            part = np.maximum(sign * values, 0.0)
            if part.max() <= FLOOR * scale:
                continue
            totals.append(part @ states.labels.weights)
            part = part + FLOOR * scale
            masses = np.stack([grid.from_labels(row) for row in part]) * grid.volumes
            masses = np.maximum(masses, FLOOR * scale * grid.volumes)
            parts.append((sign, Rearrangement.of(grid.edges, masses)))
        bare = cls(states, grid, tuple(parts), np.array(totals), np.zeros_like(values), axes)
        back = np.stack([bare._rebuild(bare.totals[:, k], [r.known[k] for _, r in parts]) for k in range(len(states))])
        return cls(states, grid, tuple(parts), bare.totals, values - back, axes)

    @cached_property
    def features(self) -> States:
        """The transported states: bare labels with one scalar field, every entry of the order of one."""
        rows = [self.totals.T / self._mass_scale]
        for _, rearrangement in self.parts:
            rows.append(rearrangement.known / self._length)
        rows.append(self.remainder / self._value_scale)
        values = np.concatenate(rows, axis=1)
        labels = labels_on_points(np.arange(values.shape[1], dtype=float)[:, None])
        field = Field(values[:, :, None], "1", ("",))
        return States(labels, self.states.coordinates, self.states.values, {FEATURE: field})

    def __str__(self) -> str:
        return "mass, rearranged along axes " + ", ".join("xyz"[axis] for axis in self.axes)

    def decode(self, features: Array, state: str = "generated state") -> Array:
        """The field (L, 1) of transported features (L', 1); its mass is the transported mass to rounding.

        Raises:
            ConvergenceError: the labels of more than `CROSSED` of the mass have crossed (J <= 0).
        """
        flat = features[:, 0]
        count = len(self.parts)
        totals = flat[:count] * self._mass_scale
        if np.any(totals < 0.0):
            raise ConvergenceError(f"{state}: the transported mass is negative, {totals.min():g}; reach less far")
        positions, start = [], count
        for _, rearrangement in self.parts:
            stop = start + rearrangement.known.shape[1]
            positions.append(flat[start:stop] * self._length)
            start = stop
        return (self._rebuild(totals, positions, state) + flat[start:] * self._value_scale)[:, None]

    def _rebuild(self, totals: Array, positions: list[Array], state: str = "known state") -> Array:
        weights = self.states.labels.weights
        values = np.zeros(len(weights))
        for total, place, (sign, rearrangement) in zip(totals, positions, self.parts, strict=True):
            fractions, crossed = rearrangement.fractions(place)
            if crossed > CROSSED:
                raise ConvergenceError(
                    f"{state}: the labels of {crossed:.1%} of the mass cross (J <= 0): lower the order of the force, "
                    "give more states, or generate the field label by label"
                )
            part = np.maximum(self.grid.to_labels(fractions / self.grid.volumes), 0.0)
            floor = FLOOR * self._value_scale
            values += sign * (part * ((total + floor * weights.sum()) / (part @ weights)) - floor)
        return values

    @cached_property
    def _mass_scale(self) -> Array:
        return self.totals.mean(axis=1)

    @cached_property
    def _value_scale(self) -> float:
        ((_, field),) = self.states.fields.items()
        return float(np.abs(field.values).max())

    @cached_property
    def _length(self) -> float:
        return float(max(edge[-1] - edge[0] for edge in self.grid.edges))


@dataclass(frozen=True)
class Grid:
    """Rectilinear finite-volume grid over the labels.

    Args:
        edges: d arrays of grid lines, in the order in which the axes are rearranged.
        points: (L, d) labels in that order of axes.
        cells: (L,) grid cell of each label where the labels are such a grid themselves; None otherwise.
    """

    edges: tuple[Array, ...]
    points: Array
    cells: IntArray | None

    @classmethod
    def of(cls, labels: Labels, axes: tuple[int, ...], resolution: int) -> Self:
        """The labels' own grid where they lie on one, else `resolution` cells along each axis of their bounding box."""
        points = _where(labels)[:, axes]
        size = np.ptp(points, axis=0).max()
        lines = [np.unique(np.round(points[:, k] / size, 10)) * size for k in range(len(axes))]
        if len(points) != np.prod([len(line) for line in lines]):
            low, high = points.min(axis=0), points.max(axis=0)
            return cls(tuple(np.linspace(low[k], high[k], resolution + 1) for k in range(len(axes))), points, None)
        edges = tuple(_edges(line, labels.location) for line in lines)
        place = [np.argmin(np.abs(line - points[:, [k]]), axis=1) for k, line in enumerate(lines)]
        return cls(edges, points, np.ravel_multi_index(place, [len(line) for line in lines]))

    @cached_property
    def volumes(self) -> Array:
        """Volume of each grid cell."""
        return np.asarray(np.prod(np.meshgrid(*[np.diff(edge) for edge in self.edges], indexing="ij"), axis=0))

    @cached_property
    def middles(self) -> tuple[Array, ...]:
        """Cell centres along each axis."""
        return tuple(0.5 * (edge[1:] + edge[:-1]) for edge in self.edges)

    def from_labels(self, values: Array) -> Array:
        """Cell values from label values (L,); zero outside the body."""
        if self.cells is not None:
            found = np.empty(self.volumes.size)
            found[self.cells] = values
            return found.reshape(self.volumes.shape)
        if len(self.edges) == 1:
            order = np.argsort(self.points[:, 0])
            return np.interp(self.middles[0], self.points[order, 0], values[order])
        mesh = tuple(np.meshgrid(*self.middles, indexing="ij"))
        return np.asarray(griddata(self.points, values, mesh, method="linear", fill_value=0.0))

    def to_labels(self, cells: Array) -> Array:
        """Label values (L,) from cell values."""
        if self.cells is not None:
            return cells.ravel()[self.cells]
        inside = np.column_stack([np.clip(self.points[:, k], m[0], m[-1]) for k, m in enumerate(self.middles)])
        return np.asarray(RegularGridInterpolator(self.middles, cells)(inside))


def _where(labels: Labels) -> Array:
    """(L, d) coordinates of the labels: nodes, or cell centres."""
    if labels.location == "point":
        return labels.points
    return np.concatenate([labels.points[block].mean(axis=1) for block in labels.cells.values()])


def _edges(lines: Array, location: str) -> Array:
    """Grid lines about the labels' coordinates: nodes have half cells at the boundary, cells whole ones."""
    if len(lines) == 1:
        raise InputError("mass mode: all labels have one and the same coordinate along an axis")
    middles = 0.5 * (lines[1:] + lines[:-1])
    if location == "point":
        return np.concatenate([lines[:1], middles, lines[-1:]])
    return np.concatenate([[2 * lines[0] - middles[0]], middles, [2 * lines[-1] - middles[-1]]])
