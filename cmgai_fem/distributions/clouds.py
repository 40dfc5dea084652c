"""Clouds of samples at unseen states: rows have no identity, so that who goes where is told by optimal transport.

Each cloud is coupled to the one before it by the exact plan; the labelled points then move by one of a few motions:
straight from cloud to cloud (displacement interpolation), the natural spline through them (Wasserstein spline), or a
law of motion that all points share. The motion is chosen by known clouds that are left out, the couplings made anew
without them, and by the Wasserstein distance to the cloud itself, never by rows.

Source: R. J. McCann, Adv. Math. 128 (1997) 153-179 (displacement interpolation); S. Chewi et al., Fast and smooth
interpolation on Wasserstein space, AISTATS 2021 (splines through couplings of consecutive clouds); the choice is ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.distributions.measures import Wasserstein, wasserstein
from cmgai_fem.distributions.optimal_transport import label_clouds
from cmgai_fem.errors import InputError
from cmgai_fem.motions.line import Line
from cmgai_fem.motions.shared_law import EXACT, Moments, SharedLaw
from cmgai_fem.progress import steps
from cmgai_fem.states.labels import Array, floats

# Laws that points may share.
LAWS = {
    "law of first order": SharedLaw(1, matrix=True),
    "law of first order, own force": SharedLaw(1, matrix=True, own=True),
    "law of first order, own rest": SharedLaw(1, 1),
    "law of second order": SharedLaw(2),
}
# Components up to which one matrix of all of them is a law with few enough numbers.
MOST_COMPONENTS = 3
# Points of a cloud that left-out distances are measured with.
MEASURED = 1_000
# The plain motions, and the left-out distance, in that of the best of them, up to which a law is taken.
STRAIGHT, SPLINE = "displacement interpolation", "Wasserstein spline"
TAKEN = 0.8
# Of laws whose left-out distances differ by less, the first.
TIE = 1.25


class PointMotion(Protocol):
    """A motion of labelled points."""

    def __call__(self, times: Array, positions: Array, asked: Array) -> Array:
        """Positions (T, N, n) at times (T,), of points at (K, N, n) at increasing times (K,)."""


@dataclass(frozen=True)
class GeneratedClouds:
    """Clouds at unseen states, and how they were made.

    Args:
        values: (T,) states asked for.
        clouds: (N, n) each.
        chosen: the motion of each.
        left_out: mean Wasserstein distances to the clouds left out, by motion, between and beyond the known clouds as
            asked for; infinite where the others carry no such motion.
        finding: what a law says of the clouds; empty where none was taken.
    """

    values: Array
    clouds: tuple[Array, ...]
    chosen: tuple[str, ...]
    left_out: Mapping[str, Mapping[str, Wasserstein]]
    finding: str = ""

    def at(self, value: float) -> Array:
        """The cloud (N, n) at a state that was asked for."""
        rows = np.flatnonzero(np.isclose(self.values, value, rtol=1e-12, atol=0.0))
        if not len(rows):
            raise InputError(f"{value:g}: no such state was asked for; there are: {', '.join(map(str, self.values))}")
        return self.clouds[int(rows[0])]

    def describe(self) -> dict[str, Any]:
        """How the clouds were made, as plain data."""
        told = {
            side: {name: {"W1": one.first, "W2": one.second} for name, one in found.items() if np.isfinite(one.first)}
            for side, found in self.left_out.items()
        }
        return {"chosen": list(self.chosen), "left_out": told, "law_of_motion": self.finding}


def generate_clouds(clouds: Sequence[ArrayLike], values: ArrayLike, at: ArrayLike, motion: str = "") -> GeneratedClouds:
    """Generate clouds of samples at unseen states.

    Args:
        clouds: K arrays (N_k, n) of samples, in any order of their rows; the first says how many are generated.
        values: (K,) state of each.
        at: states asked for, a number or (T,).
        motion: name of the motion; chosen by clouds that are left out by default.

    Raises:
        InputError: fewer than three clouds, of unlike coordinates or states, or a motion that is unknown.
        ConvergenceError: a coupling was not solved to its optimum.
    """
    times, known = _ordered(clouds, values)
    asked = np.atleast_1d(floats("states asked for", at))
    positions = label_clouds(known)
    motions = _motions(times, positions)
    if motion and motion not in motions:
        raise InputError(f"motion {motion!r} is unknown; there are: {', '.join(motions)}")
    left_out: dict[str, dict[str, Wasserstein]] = {}
    chosen = []
    made = []
    for value in asked:
        side = _side(times, value)
        if side not in left_out:
            left_out[side] = {name: _left_out(one, times, known, side) for name, one in motions.items()}
        chosen.append(motion or _best(left_out[side]))
        made.append(motions[chosen[-1]](times, positions, np.array([value]))[0])
    law = next((one for name in chosen if isinstance(one := motions[name], PointLaw)), None)
    return GeneratedClouds(asked, tuple(made), tuple(chosen), left_out, "" if law is None else law.in_words())


def _ordered(clouds: Sequence[ArrayLike], values: ArrayLike) -> tuple[Array, list[Array]]:
    """Increasing states, and their clouds with as many rows as the first given, taken evenly or again."""
    times, arrays = floats("states of clouds", values), [floats("a cloud", cloud) for cloud in clouds]
    arrays = [cloud[:, None] if cloud.ndim == 1 else cloud for cloud in arrays]
    if times.shape != (len(arrays),) or len(arrays) < 3:
        raise InputError(f"clouds need one state each, three or more: {len(arrays)} clouds, {times.size} states")
    if len({cloud.shape[1] for cloud in arrays}) > 1:
        raise InputError(f"clouds must have the same coordinates, not {[cloud.shape[1] for cloud in arrays]} columns")
    order = np.argsort(times, kind="stable")
    if np.any(np.diff(times[order]) <= 0.0):
        raise InputError("two clouds have the same state: join them")
    count = len(arrays[0])
    shuffle = np.random.default_rng(0)
    sized = [resized(cloud, count, shuffle) for cloud in arrays]
    return times[order], [sized[row] for row in order]


def resized(cloud: Array, count: int, shuffle: np.random.Generator) -> Array:
    """As many rows as asked for: every row equally often, but for a remainder that is drawn."""
    if len(cloud) == count:
        return cloud
    whole, rest = divmod(count, len(cloud))
    rows = np.concatenate([np.tile(np.arange(len(cloud)), whole), shuffle.permutation(len(cloud))[:rest]])
    return cloud[rows]


def _side(times: Array, value: float) -> str:
    return "before" if value < times[0] else "after" if value > times[-1] else "between"


def _groups(count: int, side: str) -> list[list[int]]:
    """Rows that are left out together: each inner one, or the last, by itself and with the one before it."""
    if side == "between":
        return [[row] for row in range(1, count - 1)]
    ends = [0, 1] if side == "before" else [count - 1, count - 2]
    return [ends[:1], ends] if count > 3 else [ends[:1]]


def _left_out(motion: PointMotion, times: Array, clouds: Sequence[Array], side: str) -> Wasserstein:
    """Mean distances to clouds that are left out, the others coupled anew."""
    found = []
    for group in steps(_groups(len(times), side), "left-out clouds"):
        rest = np.delete(np.arange(len(times)), group)
        try:
            made = motion(times[rest], label_clouds([clouds[row] for row in rest.tolist()]), times[group])
        except (InputError, np.linalg.LinAlgError):
            return Wasserstein(np.inf, np.inf)
        found += [wasserstein(some(one), some(clouds[row])) for one, row in zip(made, group, strict=True)]
    return Wasserstein(*(float(np.mean(each)) for each in zip(*found, strict=True)))


def some(cloud: Array) -> Array:
    """As many rows of a cloud as distances are measured with."""
    if len(cloud) <= MEASURED:
        return cloud
    return cloud[np.random.default_rng(0).choice(len(cloud), MEASURED, replace=False)]


def _best(left_out: Mapping[str, Wasserstein]) -> str:
    """The simplest law of nearly least left-out distance, if that is clearly less than of the better plain motion."""
    plain = min((STRAIGHT, SPLINE), key=lambda name: left_out[name].first)
    least = min(one.first for one in left_out.values())
    if least >= TAKEN * left_out[plain].first:
        return plain
    return next(name for name in LAWS if name in left_out and left_out[name].first <= TIE * least)


def _straight(times: Array, positions: Array, asked: Array) -> Array:
    return np.asarray(np.tensordot(Line(-1).weights(times, asked), positions, axes=1))


def _spline(times: Array, positions: Array, asked: Array) -> Array:
    if len(times) < 3:
        return _straight(times, positions, asked)
    return np.asarray(np.tensordot(Line(0).weights(times, asked), positions, axes=1))


@dataclass(frozen=True)
class PointLaw:
    """A motion by a law that all points share.

    Args:
        law: that of all known clouds, from which the search goes on where some are left out.
        unit: of its time.
        components: n.
    """

    law: SharedLaw
    unit: float
    components: int

    def __call__(self, times: Array, positions: Array, asked: Array) -> Array:
        """See `PointMotion`."""
        moments = Moments.of((times - times[0]) / self.unit, positions, np.ones(positions.shape[1]))
        # What couplings get wrong looks like noise of the rows, but the clouds have none: the known ones come back.
        return replace(self.law.fit(moments), noise=EXACT).at(moments, (asked - times[0]) / self.unit)[0]

    def in_words(self) -> str:
        """What the law says of the points."""
        rates = self.law.rates(self.components if self.law.matrix else 1) / self.unit
        parts = []
        for rate in sorted(set(np.round(rates[rates.imag >= 0.0], 9)), key=lambda one: (-one.imag, one.real)):
            turn = f"period {2.0 * np.pi / rate.imag:.3g}, " if rate.imag > 1e-6 * np.abs(rates).max() else ""
            parts.append(f"{turn}{'decay' if rate.real <= 0.0 else 'growth'} {abs(rate.real):.3g}")
        return f"a law of motion found, the same for all points: {'; '.join(parts)}"


def _motions(times: Array, positions: Array) -> dict[str, PointMotion]:
    """The motions that the clouds can carry when one is left out."""
    found: dict[str, PointMotion] = {STRAIGHT: _straight, SPLINE: _spline}
    count, unit = len(times), float(np.ptp(times))
    moments = Moments.of((times - times[0]) / unit, positions, np.ones(positions.shape[1]))
    for name, law in LAWS.items():
        if count - 2 > law.order + law.lifts and not (law.matrix and positions.shape[2] > MOST_COMPONENTS):
            found[name] = PointLaw(law.fit(moments), unit, positions.shape[2])
    return found
