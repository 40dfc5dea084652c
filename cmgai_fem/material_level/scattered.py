"""States scattered over two coordinates: along a line of the other states where one leads to the state, or a path.

A line is what tests are planned along: one temperature and several rates, or one rate and several temperatures. Where
none leads to a state, one path goes through all states, its direction chosen by leaving states out. Temperature and
strain rate move a metal's curve the same way, a slow test is like a hot one, so the path's coordinate is a combination
of both: `T - gamma ln(rate)`, or the activation `T (1 - beta ln(rate))` of thermally activated flow, with one free
number, and the transport along it is soft, since states that lie close on the path need not agree exactly.
"""

from dataclasses import dataclass

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.choices import Choice, axes_for, stretch
from cmgai_fem.material_level.curve_calibration import calibrate_lines
from cmgai_fem.material_level.curve_transport import Line, Solve, assemble, carry, parts_of, place
from cmgai_fem.material_level.mean_curves import MeanCurves
from cmgai_fem.states.states import Array, Coordinate

# Degrees that a factor e of the rate is worth [K], and inverse logarithms of the attempt rate.
GAMMAS = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0)
BETAS = (0.01, 0.02, 0.03, 0.045, 0.06, 0.08)
# States closer than this share of the path's length are one state.
MERGE = 2e-3
# Largest ratio (logarithm of) of temperatures and of rates that count as the same.
SAME = (0.01, 0.25)


@dataclass(frozen=True)
class Path:
    """A scalar state coordinate of temperature [K] and strain rate [1/s].

    Args:
        kind: "shift", `T - number ln(rate)`, or "activation", `T (1 - number ln(rate))`.
        number: gamma [K] or beta [-].
    """

    kind: str
    number: float

    def __call__(self, states: Array) -> Array:
        """(K,) coordinate [K] of states (K, 2)."""
        temperature, rate = states[:, 0], np.log(states[:, 1])
        if self.kind == "shift":
            return temperature - self.number * rate
        return temperature * (1.0 - self.number * rate)

    def __str__(self) -> str:
        form = "T - {0:g} K ln(rate)" if self.kind == "shift" else "T (1 - {0:g} ln(rate))"
        return form.format(self.number)


@dataclass(frozen=True)
class PathTransport:
    """Chosen path and choice for scattered states.

    Args:
        curves: known states.
        path: the path.
        choice: feature, order and softness.
        error: left-out error over all known states.
    """

    curves: MeanCurves
    path: Path
    choice: Choice
    error: float

    @classmethod
    def fit(cls, curves: MeanCurves) -> "PathTransport":
        """Choose path and choice by leaving each known state out."""
        if len(curves.states) < 4:
            raise InputError(f"scattered states need at least 4 to choose a path by, there are {len(curves.states)}")
        paths = [Path("shift", gamma) for gamma in GAMMAS] + [Path("activation", beta) for beta in BETAS]
        choices = [Choice(power, "linear", order, soft=True, filtered=True) for power in (0.0, 1.0) for order in (0, 1)]
        tried = [(path, choice, _left_out(curves, path, choice)) for path in paths for choice in choices]
        path, choice, error = min(tried, key=lambda item: item[2])
        return cls(curves, path, choice, error)

    def at(self, state: Array, solve: Solve) -> Array:
        """(L,) stress [Pa] at temperature [K] and rate [1/s]; NaN at labels that fewer than two states know."""
        value = float(self.path(np.asarray(state, dtype=float)[None])[0])
        line = path_line(self.curves, self.path)
        stress = np.full(len(self.curves.strain), np.nan)
        stress[np.isin(self.curves.strain, line.curves.strain)] = carry(line, self.choice, [value], solve).at(value)
        return stress


def generate_scattered(curves: MeanCurves, state: Array, solve: Solve) -> tuple[Array, str]:
    """Curve at a state of temperature and rate from scattered states, and how it was found.

    Args:
        curves: known states, temperatures [K] and rates [1/s].
        state: (2,) temperature and rate.
        solve: the transport solver.

    Returns:
        (L,) stress [Pa], NaN at labels that fewer than two states on the way know; and a line of text.
    """
    lines = [found for axis in (0, 1) if (found := line_to(curves, state, axis)) is not None]
    if not lines:
        transport = PathTransport.fit(curves)
        return transport.at(state, solve), f"along the path {transport.path}"
    axis, line, _ = min(lines, key=lambda item: item[2])
    value = float(state[axis])
    if len(line.values) >= 3:
        choice = calibrate_lines([line], [value]).chosen
    else:
        choice = Choice(0.0, axes_for(line.coordinate.name, line.values)[0], -1)
    stress = np.full(len(curves.strain), np.nan)
    stress[np.isin(curves.strain, line.curves.strain)] = carry(line, choice, [value], solve).at(value)
    return stress, f"along {line.coordinate.name} through {len(line.values)} states: {choice}"


def line_to(curves: MeanCurves, state: Array, axis: int) -> tuple[int, Line, float] | None:
    """The known states that differ from `state` in coordinate `axis` alone, if two or more do.

    Returns:
        The axis, the line, and how far the state lies from its nearest known ones relative to their distance (between
        states: less than 1; beyond: relative to the known range, on top of 1).
    """
    other = 1 - axis
    near = np.abs(np.log(curves.states[:, other] / state[other])) <= SAME[other]
    rows = np.flatnonzero(near & (curves.states[:, axis] != state[axis]))
    values = curves.states[rows, axis]
    if len(np.unique(values)) < 2 or len(np.unique(values)) < len(values):
        return None
    coordinate = (Coordinate("temperature", "K"), Coordinate("strain_rate", "1/s"))[axis]
    line = Line.of(coordinate, values, curves.only(rows))
    places = stretch(axes_for(coordinate.name, values)[0], np.append(line.values, state[axis]))
    known, place = places[:-1], places[-1]
    outside = max(known[0] - place, place - known[-1])
    if outside > 0.0:
        return axis, line, 1.0 + float(outside / (known[-1] - known[0]))
    right = int(np.searchsorted(known, place))
    return axis, line, float((known[right] - known[right - 1]) / (known[-1] - known[0]))


def path_line(curves: MeanCurves, path: Path) -> Line:
    """The known states in their order along the path; those that lie together are averaged."""
    values = path(curves.states)
    order = np.argsort(values, kind="stable")
    groups: list[list[int]] = []
    for row in order:
        if groups and values[row] - values[groups[-1][0]] <= MERGE * float(np.ptp(values)):
            groups[-1].append(int(row))
        else:
            groups.append([int(row)])
    counts = [np.maximum(curves.known[group].sum(axis=0), 1) for group in groups]
    filled = np.where(curves.known, np.log(np.where(curves.known, curves.stress, 1.0)), 0.0)
    stress = [
        np.where(curves.known[group].any(axis=0), np.exp(filled[group].sum(axis=0) / count), np.nan)
        for group, count in zip(groups, counts, strict=True)
    ]
    noise = [
        np.sqrt(np.sum(curves.noise[group] ** 2, axis=0)) / count[:, None]
        for group, count in zip(groups, counts, strict=True)
    ]
    places = np.array([values[group].mean() for group in groups])
    merged = MeanCurves(
        places[:, None], curves.strain, curves.weights, np.array(stress), np.array(noise), curves.scatter,
        curves.plastic, curves.notes,
    )  # fmt: skip
    return Line(Coordinate("path", "K"), places, merged)


def _left_out(curves: MeanCurves, path: Path, choice: Choice) -> float:
    squares = []
    for row in range(len(curves.states)):
        generated = generate_without(curves, path, choice, row)
        if np.any(np.isfinite(generated) & curves.known[row]):
            squares.append(level_error(generated, curves.stress[row]) ** 2)
    return float(np.sqrt(np.mean(squares))) if squares else np.inf


def generate_without(curves: MeanCurves, path: Path, choice: Choice, row: int) -> Array:
    """(L,) stress [Pa] at the state of `row` from the others along a path; NaN where they do not tell."""
    kept = curves.only(np.delete(np.arange(len(curves.states)), row))
    line = path_line(kept, path)
    generated = np.full(len(curves.strain), np.nan)
    if len(line.values) >= 2:
        value = float(path(curves.states[[row]])[0])
        parts = parts_of(line, choice, [value])
        made = assemble(line, choice, parts, [part.feature(place(choice, value)) for part in parts])
        generated[np.isin(curves.strain, kept.strain)] = made
    return generated


def level_error(generated: Array, measured: Array) -> float:
    """Root mean square error / root mean square of the measured stress, over the labels where both are known.

    Tests of two points span no range to speak of, so the error is measured against the stress itself.
    """
    both = np.isfinite(generated) & np.isfinite(measured)
    return float(np.sqrt(np.mean((generated[both] - measured[both]) ** 2) / np.mean(measured[both] ** 2)))
