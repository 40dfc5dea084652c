"""Fields that travel, are born, jump or swing: what a weighted sum of snapshots finds hard."""

import numpy as np
from scipy.special import roots_hermite

from cmgai_fem.states.labels import Array
from cmgai_fem.transport.feature_space import Admissible

from .bodies import bar, ellipsoid, square
from .cases import Case, Draw, Question, Truth, along

KNOWN = (0.0, 0.25, 0.5, 0.75, 1.0)
ASKED = (0.125, 0.375, 0.625, 0.875, 1.08, 1.25)
POSITIVE = Admissible(lower=0.0)
VISCOSITY = 0.02


def front_on_a_bar(draw: Draw) -> tuple[Question, Truth]:
    """A front on a bar that slows down, with a rising plateau behind it."""
    start, speed, width = draw(0.1, 0.2), draw(0.5, 0.6), draw(0.03, 0.05)

    def front(points: Array, s: float) -> Array:
        place = start + speed * s - 0.12 * s**2
        return np.asarray(0.5 * (1.0 + 0.4 * s) * (1.0 - np.tanh((points[:, 0] - place) / width)))

    return along(bar(), front, KNOWN, ASKED, bounds=POSITIVE)


def round_front(draw: Draw) -> tuple[Question, Truth]:
    """A front that spreads over a square from near a corner, ever slower, as a square root; it never goes back."""
    x, y, reach, width = draw(0.0, 0.15), draw(0.0, 0.15), draw(0.75, 0.9), draw(0.06, 0.09)

    def front(points: Array, s: float) -> Array:
        radius = np.hypot(points[:, 0] - x, 1.15 * (points[:, 1] - y))
        return np.asarray(0.5 * (1.0 - np.tanh((radius - reach * np.sqrt(0.08 + s)) / width)))

    return along(square(), front, KNOWN, ASKED, bounds=Admissible(lower=0.0, monotone=True))


def pulse_on_a_bar(draw: Draw) -> tuple[Question, Truth]:
    """A narrow pulse on a bar that travels ever faster, widens and grows."""
    start, speed, width = draw(0.15, 0.25), draw(0.35, 0.45), draw(0.05, 0.07)

    def pulse(points: Array, s: float) -> Array:
        place = start + speed * s + 0.1 * s**2
        return np.asarray((1.0 + 0.3 * s) * np.exp(-(((points[:, 0] - place) / (width + 0.02 * s)) ** 2)))

    return along(bar(), pulse, KNOWN, ASKED, bounds=POSITIVE)


def oblique_pulse(draw: Draw) -> tuple[Question, Truth]:
    """A long pulse that crosses a square on a bend, ever faster, and turns, stretches and grows."""
    start, speed, turn = draw(0.18, 0.26), draw(0.32, 0.42), draw(0.3, 0.7)

    def pulse(points: Array, s: float) -> Array:
        x = points[:, 0] - start - speed * s - 0.15 * s**2
        y = points[:, 1] - 0.25 - 0.2 * s - 0.25 * s**2
        angle = np.pi / 6 + turn * s
        u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
        return np.asarray((1.0 + 0.3 * s) * np.exp(-((u / (0.13 + 0.05 * s)) ** 2) - (v / (0.1 - 0.01 * s)) ** 2))

    return along(square(), pulse, KNOWN, ASKED, bounds=POSITIVE)


def pulse_on_an_arc(draw: Draw) -> tuple[Question, Truth]:
    """A round pulse that runs along an arc of a circle on a square."""
    first, sweep, width = draw(0.0, 2.0 * np.pi), draw(0.8, 1.1) * np.pi, draw(0.1, 0.13)

    def pulse(points: Array, s: float) -> Array:
        angle = first + sweep * s
        x, y = points[:, 0] - 0.5 - 0.26 * np.cos(angle), points[:, 1] - 0.5 - 0.26 * np.sin(angle)
        return np.asarray(np.exp(-(x * x + y * y) / width**2))

    return along(square(), pulse, KNOWN, ASKED, bounds=POSITIVE)


def crossing_pulses(draw: Draw) -> tuple[Question, Truth]:
    """Two pulses of different height whose ways cross on a square."""
    speed, width, height = draw(0.5, 0.6), draw(0.1, 0.12), draw(0.6, 0.9)

    def pulses(points: Array, s: float) -> Array:
        def pulse(x: float, y: float) -> Array:
            return np.asarray(np.exp(-((points[:, 0] - x) ** 2 + (points[:, 1] - y) ** 2) / width**2))

        return pulse(0.2 + speed * s, 0.25 + 0.45 * s) + height * pulse(0.2 + speed * s, 0.75 - 0.45 * s)

    return along(square(), pulses, KNOWN, ASKED, bounds=POSITIVE)


def signed_wave(draw: Draw) -> tuple[Question, Truth]:
    """A plane wave of both signs that runs obliquely over a square and grows: the pattern turns through 0.8 periods."""
    phase, lean, turns = draw(0.0, 2.0 * np.pi), draw(0.5, 1.1), draw(0.7, 0.9)

    def wave(points: Array, s: float) -> Array:
        along_wave = 2.0 * np.pi * (1.3 * points[:, 0] + lean * points[:, 1] - turns * s)
        return np.asarray((1.0 + 0.2 * s) * np.sin(along_wave + phase))

    return along(square(), wave, KNOWN, ASKED)


def birth(draw: Draw) -> tuple[Question, Truth]:
    """Nothing up to a state between two known ones, then a zone that is born in a corner and spreads, such as yield."""
    begin, speed = draw(0.28, 0.4), draw(0.8, 1.0)

    def zone(points: Array, s: float) -> Array:
        age = max(s - begin, 0.0)
        radius = np.hypot(points[:, 0], points[:, 1])
        return np.asarray(min(1.0, age / 0.15) * 0.5 * (1.0 - np.tanh((radius - 0.1 - speed * age) / 0.08)))

    return along(square(), zone, KNOWN, ASKED, bounds=Admissible(lower=0.0, monotone=True))


def jump(draw: Draw) -> tuple[Question, Truth]:
    """A jump that crosses a square obliquely; the level behind it grows, and a label knows the one or the other."""
    lean, start, speed = np.deg2rad(draw(20.0, 50.0)), draw(0.15, 0.25), draw(0.6, 0.75)

    def field(points: Array, s: float) -> Array:
        depth = points[:, 0] * np.cos(lean) + points[:, 1] * np.sin(lean)
        return np.where(depth < start + speed * s + 0.12 * s**2, 1.0 + 0.5 * s - 0.3 * points[:, 1], 0.0)

    return along(square(), field, KNOWN, ASKED, bounds=POSITIVE)


def burgers_shock(draw: Draw) -> tuple[Question, Truth]:
    """A sine wave that steepens into a shock and runs along a bar, by Burgers' equation; the coordinate is time.

    Exact by the transformation of Cole and Hopf.
    """
    drift, phase = draw(0.2, 0.4), draw(-0.2, 0.2)
    nodes, weights = roots_hermite(60)

    def wave(points: Array, time: float) -> Array:
        # du/dt + u du/dx = nu d2u/dx2 from -sin(pi x), seen from a frame that moves.
        x = points[:, 0] - phase - drift * time
        eta = x[:, None] - nodes * np.sqrt(4.0 * VISCOSITY * time)
        mass = weights * np.exp(-np.cos(np.pi * eta) / (2.0 * np.pi * VISCOSITY))
        return np.asarray(drift - (mass * np.sin(np.pi * eta)).sum(axis=1) / mass.sum(axis=1))

    known, asked = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8), (0.125, 0.275, 0.425, 0.575, 0.725, 0.86, 1.0)
    return along(bar(-1.0, 1.0), wave, known, asked, coordinates=["time"])


def patch_on_a_closed_surface(draw: Draw) -> tuple[Question, Truth]:
    """A patch of pressure that travels over an ellipsoid, a closed surface in space, and grows."""
    first, sweep, sharpness = draw(0.0, 2.0 * np.pi), draw(1.0, 1.4), draw(5.0, 7.0)

    def patch(points: Array, s: float) -> Array:
        unit = points / np.linalg.norm(points, axis=1)[:, None]
        angle, height = first + sweep * s, 0.3 - 0.5 * s
        centre = np.array([np.cos(angle), np.sin(angle), height]) / np.hypot(1.0, height)
        return np.asarray((1.0 + 0.5 * s) * np.exp(sharpness * (unit @ centre - 1.0)))

    return along(ellipsoid(), patch, KNOWN, ASKED, bounds=POSITIVE)


CASES = (
    Case("front on a bar", front_on_a_bar),
    Case("round front", round_front),
    Case("pulse on a bar", pulse_on_a_bar),
    Case("oblique pulse", oblique_pulse),
    Case("pulse on an arc", pulse_on_an_arc),
    Case("crossing pulses", crossing_pulses),
    Case("signed wave", signed_wave),
    Case("birth", birth),
    Case("jump", jump),
    Case("Burgers shock", burgers_shock),
    Case("closed surface", patch_on_a_closed_surface),
)
