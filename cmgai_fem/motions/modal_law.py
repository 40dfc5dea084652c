"""Diffusion and waves: a law of motion with the operator K of the label mesh, found in the known states.

    first order   x'  = -D K x + r,                        second order   x'' = -kappa K x - (c_0 + c_1 K) x' + r

for the whole field x, the remainder r (or its p-th derivative) least. In the eigenmodes `K v = lam M v` every amplitude
moves by itself, under the same few numbers. They, the intensity of the remainder and the noise of the states are what
makes the known amplitudes most probable: a profile over the rate first, since the evidence has many peaks along it.

Source: as `shared_law`; the operator inference of B. Peherstorfer, K. Willcox, Comput. Methods Appl. Mech. Eng. 306
(2016) 196-215 fits small matrices instead, with no operator and no remainder. The prior of amplitudes is our choice.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from scipy.optimize import minimize

from cmgai_fem.errors import InputError
from cmgai_fem.motions.linear_flow import companion, response
from cmgai_fem.states.labels import Array, IntArray

# Modes with this much more energy than the median one rise above the noise.
ABOVE = 6.0
# The most of them that a law is sought in.
MOST = 48
# Profile over the rate, in that of the slowest mode; the starts of damping, intensity and noise beside it.
RATES = np.geomspace(1e-3, 300.0, 161)
# Half periods of the slowest wave between two states up to which the profile goes, and of the fastest one over all
# states from one rate to the next: a peak of the evidence is about one wide.
SWINGS, APART = 2.0, 0.5
DAMPINGS = (0.02, 1.0)
INTENSITIES, NOISES = (-2.0, -8.0, -14.0), (-10.0, -13.0, -16.0)
RELATIVE = -9.0
CHUNK = 16
BOUNDS = (-14.0, 10.0), (-28.0, 12.0), (-36.0, -2.0)
STEPS = 60, 20
# Variance of a mode's start beside its energy, and the least rate by which it grows with each derivative. No more than
# that: states that see a swing at its nodes alone would let noise have any size between them.
START, SLOWEST = 2.0, 4.0
# Of the energy of a mode, what noise leaves at least.
LEAST = 1e-3
IMPOSSIBLE = 1e12
# Step of a slope.
DIFFERENCE = 1e-6


@dataclass(frozen=True)
class Amplitudes:
    """Known states in the eigenmodes of the label mesh.

    Args:
        times: (K,) pseudo-times.
        values: (K, M) amplitudes in mass-orthonormal modes.
        eigenvalues: (M,) not negative.
        noisy: (M,) variance of the noise in each, in that of an eigenmode: more where a mode stands for many.
        scale: root mean square over the states of what varies.
        unit: the least eigenvalue that is not zero.
        steady: (M,) amplitudes of the field one, where all of the body goes to one value, which the law then tells;
            zeros where there is none.
    """

    times: Array
    values: Array
    eigenvalues: Array
    noisy: Array
    scale: float
    unit: float
    steady: Array

    @classmethod
    def of(cls, times: Array, values: Array, eigenvalues: Array, noisy: Array, steady: Array | None = None) -> Self:
        """Amplitudes with their own scale and unit."""
        scale = float(np.sqrt(np.sum((values - values.mean(axis=0)) ** 2) / len(times))) or 1.0
        unit = float(eigenvalues[eigenvalues > 1e-9 * eigenvalues.max()].min())
        steady = np.zeros(len(eigenvalues)) if steady is None else steady
        return cls(times, values, eigenvalues, noisy, scale, unit, steady)

    @cached_property
    def scaled(self) -> Array:
        """(K, M) amplitudes over `scale`."""
        return self.values / self.scale

    @cached_property
    def energies(self) -> Array:
        """(M,) mean squares of the scaled amplitudes."""
        squares = np.mean(self.scaled**2, axis=0)
        return np.maximum(squares, 1e-9 * squares.max())

    @cached_property
    def relative(self) -> Array:
        """(M,) eigenvalues over `unit`."""
        return self.eigenvalues / self.unit

    @cached_property
    def telling(self) -> "Amplitudes":
        """The eigenmodes that rise above the noise."""
        own = self.noisy == 1.0
        energies = self.energies[own]
        least = max(ABOVE * np.median(energies), np.sort(energies)[-min(MOST, len(energies))])
        above = own & (self.energies >= min(least, energies.max()))
        parts = {name: getattr(self, name)[above] for name in ("eigenvalues", "noisy", "steady")}
        return replace(self, values=self.values[:, above], **parts)

    def around(self, white: Array, steady: Array) -> Array:
        """(...) value over `scale` that all of the body goes to, by generalised least squares; 0 where there is none.

        Args:
            white: (..., M, K) states divided by the root of their covariance.
            steady: (..., M, K) the field one, the same.
        """
        told = np.sum(steady**2, axis=(-1, -2))
        return np.asarray(np.sum(white * steady, axis=(-1, -2)) / np.where(told > 0.0, told, np.inf))


@dataclass(frozen=True)
class ModalLaw:
    """A law with the operator of the label mesh.

    Args:
        order: 1, diffusion, or 2, waves.
        lifts: p, the derivative of the remainder that is least; from 1 on every mode has a constant force of its own.
        entries: logarithms of D, or of kappa, c_0 and c_1, in the least eigenvalue and per pseudo-time.
        intensity: logarithm of the remainder's intensity, in the energy of each mode.
        noise: logarithm of the variance of the noise in an amplitude.
        evidence: logarithm of the evidence.
    """

    order: int
    lifts: int = 0
    entries: tuple[float, ...] = ()
    intensity: float = 0.0
    noise: float = -36.0
    evidence: float = -np.inf

    jitter: ClassVar[float] = 1e-11
    """Of a variance, what keeps its matrix from being singular."""

    @property
    def rate(self) -> float:
        """D or kappa times the least eigenvalue, per pseudo-time or its square."""
        return float(np.exp(self.entries[0]))

    def fit(self, known: Amplitudes) -> "ModalLaw":
        """The most probable law of this kind; the search starts from this one alone, if it has entries.

        Raises:
            InputError: fewer states than the law has to be held against.
        """
        if len(known.times) - self.order - self.lifts < 1:
            raise InputError(f"a law of order {self.order} needs {self.order + self.lifts + 1} states or more")
        telling = known.telling
        starts = [self] if self.entries else self._profile(telling)
        found = []
        for start in starts:
            bounds = [BOUNDS[0]] * len(start.entries) + list(BOUNDS[1:])
            vector = (*start.entries, start.intensity, start.noise)
            options = {"maxiter": STEPS[bool(self.entries)]}
            least = minimize(
                self._sloped, vector, args=(telling,), jac=True, method="L-BFGS-B", bounds=bounds, options=options
            )
            found.append(replace(self._of(least.x), evidence=-float(least.fun)))
        return max(found, key=lambda law: law.evidence)

    def at(self, known: Amplitudes, times: Array, derivative: int = 0) -> tuple[Array, Array]:
        """Amplitudes (T, M) at pseudo-times (T,), or a derivative of less than m + p, and their variances (T, M)."""
        every = np.unique(np.concatenate([known.times, times]))
        rows, asked = np.searchsorted(every, known.times), np.searchsorted(every, times)
        return self._conditioned(self._states(known, every), known, rows, asked, derivative)

    def _states(self, known: Amplitudes, times: Array) -> Array:
        """(M, T, d, T, d) covariance of the amplitudes and their derivatives before any state is known."""
        energies = self._moving(known)
        led, spread = response(self._systems(np.array([self.entries]), known.relative)[0], 1, times)
        prior = self._prior(np.array([self.entries]), known, energies)[0]
        started = np.einsum("mtid,md,msjd->mtisj", led, prior, led)
        return np.asarray(started + np.exp(self.intensity) * energies[:, None, None, None, None] * spread)

    def _moving(self, known: Amplitudes) -> Array:
        """(M,) energies without noise: what is no more than noise has no motion."""
        noise = np.exp(self.noise) * known.noisy
        return np.maximum(known.energies - 2.0 * noise, LEAST * known.energies)

    def _conditioned(
        self, states: Array, known: Amplitudes, rows: IntArray, asked: IntArray, derivative: int = 0
    ) -> tuple[Array, Array]:
        """Amplitudes (T, M) and their variances at rows of times of a covariance, told by the known ones at others."""
        covariance = self._noisy(states[:, rows, 0][:, :, rows, 0], known)
        cross = states[:, asked, derivative][:, :, rows, 0]
        pull, rest = pull_of(covariance, known)
        values = np.einsum("mtk,mk->tm", cross, pull) + (0.0 if derivative else rest)
        seen = np.einsum("mtk,mkt->tm", cross, np.linalg.solve(covariance, np.swapaxes(cross, 1, 2)))
        own = states[:, asked, derivative, asked, derivative].T
        return values * known.scale, np.maximum(own - seen, 0.0) * known.scale**2

    def _noisy(self, covariance: Array, known: Amplitudes) -> Array:
        """(M, K, K) covariance of known states with their noise."""
        jitter = self.jitter * np.trace(covariance, axis1=1, axis2=2) / len(known.times)
        noise = np.exp(self.noise) * known.noisy
        return np.asarray(covariance + (noise + jitter)[:, None, None] * np.eye(len(known.times)))

    def _systems(self, entries: Array, relative: Array) -> Array:
        """(B, M, d, d) first-order systems of laws with entries (B, e)."""
        told = np.exp(entries)[:, :, None]
        rate = told[:, 0] * relative
        if self.order == 2:
            damping = told[:, 1] + told[:, 2] * relative
            return companion([-rate[:, :, None, None], -damping[:, :, None, None]], self.lifts)
        if not self.lifts:
            return -rate[:, :, None, None]
        # A mode goes to a rest of its own, and that may drift.
        found = np.zeros((*rate.shape, 2, 2))
        found[..., 0, 0], found[..., 0, 1] = -rate, np.maximum(rate, SLOWEST)
        return found

    def _response(self, entries: Array, known: Amplitudes, times: Array) -> tuple[Array, Array]:
        """(B, M, T, d) states that unit starts lead to, and (B, M, T, T) their covariance under the noise."""
        led, spread = response(self._systems(entries, known.relative), 1, times)
        return led[..., 0, :], spread[..., 0, :, 0]

    def _prior(self, entries: Array, known: Amplitudes, energies: Array) -> Array:
        """(B, M, d) variances of the start: its energy, and its rate squared with each derivative."""
        rates = np.maximum(SLOWEST, np.sqrt(np.exp(entries[:, :1]) * known.relative))
        # The rest that a mode goes to is as large as the mode.
        powers = np.zeros(1 + self.lifts) if self.order == 1 else 2.0 * np.arange(2 + self.lifts)
        return np.asarray(START * energies[:, None] * rates[..., None] ** powers)

    def _sloped(self, vector: Array, known: Amplitudes) -> tuple[float, Array]:
        """Less the logarithm of the evidence, and its slope by differences: of all entries at once."""
        entries, told = vector[:-2], vector[-2:]
        moved = np.vstack([entries, entries + DIFFERENCE * np.eye(len(entries))])
        starts, spread = self._parts(moved, known)
        costs = self._costs((starts, spread), known, *told)
        beside = [
            self._costs((starts[:1], spread[:1]), known, *(told + DIFFERENCE * one))[0] for one in np.eye(len(told))
        ]
        return float(costs[0]), (np.append(costs[1:], beside) - costs[0]) / DIFFERENCE

    def _parts(self, entries: Array, known: Amplitudes) -> tuple[Array, Array]:
        """(B, M, K, K) covariances of the starts, and of the remainder of unit intensity."""
        with np.errstate(all="ignore"):
            led, spread = self._response(entries, known, known.times)
            prior = self._prior(entries, known, known.energies)
            starts = (led * prior[:, :, None, :]) @ np.swapaxes(led, -1, -2)
            return starts, spread * known.energies[:, None, None]

    def _costs(self, parts: tuple[Array, Array], known: Amplitudes, intensity: float, noise: float) -> Array:
        """(B,) less the logarithms of the evidence."""
        covariance = parts[0] + np.exp(intensity) * parts[1]
        count = len(known.times)
        sound = np.all(np.isfinite(covariance), axis=(1, 2, 3))
        found = np.full(len(covariance), IMPOSSIBLE)
        jitter = self.jitter * np.trace(covariance[sound], axis1=2, axis2=3)
        covariance = covariance[sound] + (np.exp(noise) + jitter)[:, :, None, None] * np.eye(count)
        try:
            factor = np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError:
            return found
        white, steady = _whitened(factor, known)
        white -= known.around(white, steady)[..., None, None] * steady
        costs = np.log(np.diagonal(factor, axis1=2, axis2=3)).sum(axis=(1, 2)) + 0.5 * np.sum(white**2, axis=(1, 2))
        found[sound] = np.where(np.isfinite(costs), costs, IMPOSSIBLE)
        return found

    def starts(self, known: Amplitudes) -> Array:
        """(B, e) entries that a search starts from."""
        beside = [()] if self.order == 1 else [(np.log(damping), RELATIVE) for damping in DAMPINGS]
        rates = RATES if self.order == 1 else _wave_rates(known)
        return np.array([(np.log(rate), *rest) for rate in rates for rest in beside])

    def _profile(self, known: Amplitudes) -> list["ModalLaw"]:
        """The best two starts along the rate."""
        entries = self.starts(known)
        found: list[tuple[float, ModalLaw]] = []
        for some in np.array_split(entries, max(len(entries) // CHUNK, 1)):
            parts = self._parts(some, known)
            for intensity in INTENSITIES:
                for noise in NOISES:
                    costs = self._costs(parts, known, intensity, noise)
                    row = int(np.argmin(costs))
                    found.append((float(costs[row]), self._of(np.array([*some[row], intensity, noise]))))
        found.sort(key=lambda one: one[0])
        best = found[0][1]
        apart = [law for _, law in found if abs(law.entries[0] - best.entries[0]) > 0.3]
        return [best, *apart[:1]]

    def _of(self, vector: Array) -> "ModalLaw":
        *entries, intensity, noise = (float(part) for part in vector)
        return replace(self, entries=tuple(entries), intensity=intensity, noise=noise)


def pull_of(covariance: Array, known: Amplitudes) -> tuple[Array, Array]:
    """(M, K) states in the inverse of their covariance, and (M,) what all of the body goes to, which is taken off."""
    white, steady = _whitened(np.linalg.cholesky(covariance), known)
    rest = known.around(white, steady) * known.steady
    return np.linalg.solve(covariance, (known.scaled - rest).T[..., None])[..., 0], rest


def _whitened(factor: Array, known: Amplitudes) -> tuple[Array, Array]:
    """(..., M, K) states and field one, divided by the root (..., M, K, K) of the covariance of each mode."""
    ones = np.broadcast_to(known.steady[:, None], known.values.T.shape)
    both = np.linalg.solve(factor, np.stack([known.scaled.T, ones], axis=-1))
    return both[..., 0], both[..., 1]


def _wave_rates(known: Amplitudes) -> Array:
    """Rates of the slowest wave: even in its angular frequency where that tells waves apart, and few below."""
    span, nearest = float(np.ptp(known.times)), float(np.diff(known.times).min())
    step = APART * np.pi / (span * float(np.sqrt(known.relative.max())))
    even = np.arange(step, SWINGS * np.pi / nearest, step) ** 2
    return np.concatenate([RATES[RATES < even[0]], even])
