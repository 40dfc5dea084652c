"""Fields that stay where they are and change in size: what most sweeps of a parameter are."""

import numpy as np

from cmgai_fem.states.labels import Array
from cmgai_fem.transport.feature_space import Admissible

from .bodies import HOLE, bar, holed_plate, square
from .cases import Case, Draw, Question, Truth, along

TEMPERATURES = (100.0, 250.0, 400.0, 550.0, 700.0)
HOT = (175.0, 325.0, 475.0, 625.0, 50.0, 775.0)


def smooth(draw: Draw) -> tuple[Question, Truth]:
    """A smooth field on a square that bends with the state, by an exponential and a square."""
    rate, slope, phase = draw(0.6, 1.0), draw(2.5, 3.5), draw(0.0, np.pi)

    def field(points: Array, s: float) -> Array:
        x, y = points.T
        return np.asarray(np.exp(rate * s * np.sin(slope * x + y + phase)) + s * s * x)

    return along(square(), field, (0.0, 0.25, 0.5, 0.75, 1.0), (0.125, 0.375, 0.625, 0.875, 1.08, 1.25))


def saturating(draw: Draw) -> tuple[Question, Truth]:
    """Softening with temperature that levels off, `1/(1 + T/200)`, beside a transition, `tanh((T - 400)/150)`."""
    scale, middle = draw(170.0, 230.0), draw(360.0, 440.0)

    def field(points: Array, temperature: float) -> Array:
        x = points[:, 0]
        return (1.0 - x) / (1.0 + temperature / scale) + 0.5 * x**2 * np.tanh((temperature - middle) / 150.0)

    return along(bar(), field, TEMPERATURES, HOT, coordinates=["temperature"])


def kinked(draw: Draw) -> tuple[Question, Truth]:
    """Stress of a bar in bending that yields: at each point it rises with the load, then hardens at a tenth of that."""
    first, spread = draw(0.2, 0.3), draw(0.7, 0.9)

    def stress(points: Array, load: float) -> Array:
        share = 1.0 - 0.8 * points[:, 0]
        limit = first + spread * points[:, 0] * share
        return np.minimum(load * share, limit + 0.1 * (load * share - limit))

    known, asked = (0.1, 0.3, 0.5, 0.7, 0.9, 1.1), (0.2, 0.4, 0.6, 0.8, 1.0, 1.18, 1.35)
    return along(bar(), stress, known, asked, coordinates=["load"])


def even_sweep(draw: Draw) -> tuple[Question, Truth]:
    """A load that is swept to both sides, with answers that are even in it: `1/(1 + v^2)` beside `|v|`.

    Every left-out error may vanish though the answer is far off.
    """
    width, share = draw(0.9, 1.3), draw(0.1, 0.2)

    def field(points: Array, v: float) -> Array:
        x = points[:, 0]
        return (1.0 - x) / (1.0 + (v / width) ** 2) + share * x * abs(v)

    return along(bar(), field, (-5.0, -3.0, -1.0, 1.0, 3.0, 5.0), (-4.0, -2.0, 0.0, 2.0, 4.0, 5.6, 7.0),
                 coordinates=["angle"])  # fmt: skip


def odd_sweep(draw: Draw) -> tuple[Question, Truth]:
    """A load that is swept to both sides, with an answer that is odd in it and saturates, `tanh(2 v)`."""
    slope = draw(1.6, 2.4)

    def field(points: Array, v: float) -> Array:
        x = points[:, 0]
        return np.asarray(np.tanh(slope * v * (1.0 - 0.6 * x)) + 0.2 * x * v)

    known, asked = (-2.0, -1.0, 0.0, 1.0, 2.0), (-1.5, -0.5, 0.5, 1.5, 2.3, 3.0)
    return along(bar(), field, known, asked, coordinates=["force"])


def three_states(draw: Draw) -> tuple[Question, Truth]:
    """Three states alone of a field that decays with temperature as an exponential."""
    scale, phase = draw(250.0, 400.0), draw(0.0, np.pi)

    def field(points: Array, temperature: float) -> Array:
        x, y = points.T
        return np.asarray(np.exp(-temperature / scale * (1.0 + 0.5 * np.sin(3.0 * x + phase))) * (1.0 + y))

    known, asked = (100.0, 400.0, 700.0), (250.0, 550.0, 730.0, 775.0)
    return along(square(), field, known, asked, coordinates=["temperature"], bounds=Admissible(lower=0.0))


def log_spaced(draw: Draw) -> tuple[Question, Truth]:
    """Flow stress at strain rates over eight decades: a logarithm of the rate beside a small power of it."""
    strain_rate_share, power = draw(0.015, 0.025), draw(0.08, 0.14)

    def field(points: Array, rate: float) -> Array:
        x = points[:, 0]
        return np.asarray((1.0 + x) * (1.0 + strain_rate_share * np.log(rate)) + 0.02 * x**2 * rate**power)

    known, asked = (1e-4, 1e-2, 1.0, 1e2, 1e4), (1e-3, 0.1, 10.0, 1e3, 3e4, 1e5)
    return along(bar(), field, known, asked, coordinates=["strain rate"])


def noisy(draw: Draw) -> tuple[Question, Truth]:
    """Nine states of a smooth field with noise of 1 % of its range on every value; the truth is without."""
    rate, phase, source = draw(1.0, 1.6), draw(0.0, np.pi), np.random.default_rng(int(draw(0.0, 2.0**32)))

    def field(points: Array, s: float) -> Array:
        x, y = points.T
        return np.asarray(np.sin(rate * 2.0 * s + 2.0 * x + phase) * (1.0 + y) + s * x)

    def spoil(values: Array) -> Array:
        return values + 0.01 * np.ptp(values) * source.standard_normal(values.shape)

    inner = (0.0625, 0.3125, 0.5625, 0.8125)
    return along(square(), field, np.linspace(0.0, 1.0, 9), (*inner, 1.05, 1.15), spoil=spoil)


def vectors(draw: Draw) -> tuple[Question, Truth]:
    """Displacement vectors of a strip that is bent to an arc of a circle: its end turns by 100 degrees."""
    most, height = draw(1.5, 2.0), draw(0.15, 0.25)

    def displacement(points: Array, s: float) -> Array:
        along_strip, off = points[:, 0], height * (points[:, 1] - 0.5)
        curvature = most * s + 1e-9
        angle, radius = curvature * along_strip, 1.0 / curvature
        x, y = (radius - off) * np.sin(angle), radius - (radius - off) * np.cos(angle)
        return np.column_stack([x - along_strip, y - off])

    known, asked = (0.0, 0.25, 0.5, 0.75, 1.0), (0.125, 0.375, 0.625, 0.875, 1.08, 1.25)
    return along(square(), displacement, known, asked, coordinates=["moment"], unit="m")


def tensors(draw: Draw) -> tuple[Question, Truth]:
    """Stress tensors in a plate with a hole under a pull whose direction turns by 80 degrees (Kirsch's solution)."""
    first, sweep, side = draw(0.0, 45.0), draw(75.0, 90.0), draw(0.1, 0.3)

    def stress(points: Array, s: float) -> Array:
        return kirsch(points, np.deg2rad(first + sweep * s), side)

    known, asked = (0.0, 0.25, 0.5, 0.75, 1.0), (0.125, 0.375, 0.625, 0.875, 1.08, 1.25)
    return along(holed_plate(), stress, known, asked, coordinates=["direction"], unit="Pa")


def kirsch(points: Array, direction: float, side: float) -> Array:
    """(L, 6) stress about a hole under a unit pull along a direction [rad] and `side` of it across.

    Source: S. Timoshenko and J. N. Goodier, Theory of Elasticity, 3rd ed. (1970), section 35, twice superposed.
    """
    angle = np.arctan2(points[:, 1], points[:, 0])
    ratio = np.minimum(HOLE / np.hypot(points[:, 0], points[:, 1]), 1.0) ** 2
    radial, hoop, shear = np.zeros((3, len(points)))
    for pull, turn in ((1.0, direction), (side, direction + np.pi / 2.0)):
        double = 2.0 * (angle - turn)
        radial += 0.5 * pull * (1.0 - ratio + (1.0 - 4.0 * ratio + 3.0 * ratio**2) * np.cos(double))
        hoop += 0.5 * pull * (1.0 + ratio - (1.0 + 3.0 * ratio**2) * np.cos(double))
        shear -= 0.5 * pull * (1.0 + 2.0 * ratio - 3.0 * ratio**2) * np.sin(double)
    cos, sin = np.cos(angle), np.sin(angle)
    xx = radial * cos**2 + hoop * sin**2 - 2.0 * shear * sin * cos
    yy = radial * sin**2 + hoop * cos**2 + 2.0 * shear * sin * cos
    xy = (radial - hoop) * sin * cos + shear * (cos**2 - sin**2)
    zero = np.zeros_like(xx)
    return np.column_stack([xx, yy, zero, xy, zero, zero])


CASES = (
    Case("smooth", smooth),
    Case("saturating", saturating),
    Case("kinked", kinked),
    Case("even sweep", even_sweep),
    Case("odd sweep", odd_sweep),
    Case("three states", three_states),
    Case("log-spaced", log_spaced),
    Case("noisy", noisy),
    Case("vectors", vectors),
    Case("tensors", tensors),
)
