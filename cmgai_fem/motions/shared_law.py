"""A law of motion that all labels share, found in the known states: `x^(m) = A_0 x + ... + A_{m-1} x^(m-1) + c + r`.

The matrices A_j are the same for every label, the remainder r is least (white, of one intensity q), or its p-th
derivative is. For given matrices the motion is exact and linear in the known states: one matrix of weights, whatever
the number of labels, and no grid of time. With no matrices it is the natural spline, with no remainder the dynamic mode
decomposition; between the two it passes through every known state. Matrices, q and the noise s² of the states are what
makes the known states most probable, all at once.

Source: kernels of linear stochastic systems as in G. Wahba, Spline Models for Observational Data (1990), sections 1.2
(L-splines) and 4.8 (evidence); that the law is shared by all labels of a continuum is our choice.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.optimize import minimize

from cmgai_fem.errors import InputError
from cmgai_fem.motions.linear_flow import companion, response
from cmgai_fem.states.labels import Array

# Variance of the start beside that of the states, and how it grows with each derivative.
START, RISE = 100.0, 16.0
# Rates may grow by this power of e over the known states, and may turn by this part of half a period between two.
GROWTH, TURNING = 1.0, 0.95
# Weights of what goes beyond, and of any rate at all.
GROWING, ALIASED, RATE = 10.0, 100.0, 1e-5
# Logarithms of q and s²: where the search starts, and its bounds; states without noise.
INTENSITIES, NOISE, EXACT = (0.0, -5.0), -8.0, -26.0
BOUNDS = (-26.0, 12.0), (-26.0, -1.0)
STEPS = 40, 12
# Precision of a constant force, known beforehand.
WEAK = 1e-6
IMPOSSIBLE = 1e10
# Step of a slope.
DIFFERENCE = 1e-6
# Rates and frequencies where the search for a law starts, per known range.
RATES, TURNS, SWINGS = (1.0, 4.0, 10.0), (1.5, 4.0), ((1.5, 0.0), (3.0, 0.0), (6.0, 0.0), (3.0, 0.3), (4.0, 1.2))
FASTEST = 12.0


@dataclass(frozen=True)
class Moments:
    """What the known states say of any law that their labels share.

    Args:
        times: (K,) pseudo-times.
        mean: (n,) mean of the values, which is taken off.
        scale: what they are divided by.
        rows: (K n, L) scaled values, component fastest.
        weights: (L,) shares of the labels, adding up to one.
    """

    times: Array
    mean: Array
    scale: float
    rows: Array
    weights: Array

    @classmethod
    def of(cls, times: Array, values: Array, weights: Array) -> Self:
        """The moments of values (K, L, n)."""
        shares = weights / weights.sum()
        mean = np.einsum("l,kln->n", shares, values) / len(values)
        centred = values - mean
        scale = float(np.sqrt(np.einsum("l,kln->", shares, centred**2) / len(values) / values.shape[2])) or 1.0
        rows = (centred / scale).transpose(0, 2, 1).reshape(-1, values.shape[1])
        return cls(times, mean, scale, rows, shares)

    @property
    def components(self) -> int:
        """n."""
        return len(self.mean)

    @cached_property
    def gram(self) -> Array:
        """(K n, K n) mean product of the values over the labels."""
        return np.asarray((self.rows * self.weights) @ self.rows.T)

    @cached_property
    def average(self) -> Array:
        """(K n, 1) mean over the labels."""
        return np.asarray(self.rows @ self.weights)[:, None]

    @property
    def traced(self) -> Array:
        """(K, K) mean product of the values over the labels, summed over the components."""
        count, size = len(self.times), self.components
        return np.asarray(np.einsum("kclc->kl", self.gram.reshape(count, size, count, size)))

    @property
    def by_component(self) -> Array:
        """(K, n) mean of each component over the labels."""
        return self.average.reshape(len(self.times), -1)


@dataclass(frozen=True)
class SharedLaw:
    """A law that all labels share.

    Args:
        order: m, the derivative that the law tells, from 1.
        lifts: p, the derivative of the remainder that is least; from 1 on every label has a constant force of its own.
        matrix: matrices of all components; one number times the identity else.
        own: every label has a constant force of its own, and the remainder itself is least, with `lifts` of 0.
        entries: of A_0 to A_{m-1}, per pseudo-time to the power m - j.
        intensity: logarithm of q.
        noise: logarithm of s², the variance of the noise in the states against that of the values.
        evidence: logarithm of the evidence, a label.
    """

    order: int
    lifts: int = 0
    matrix: bool = False
    own: bool = False
    entries: tuple[float, ...] = ()
    intensity: float = 0.0
    noise: float = EXACT
    evidence: float = -np.inf

    def matrices(self, components: int) -> Array:
        """(m, n, n) A_0 to A_{m-1}."""
        if not self.entries:
            return np.zeros((self.order, components, components))
        if self.matrix:
            return np.reshape(self.entries, (self.order, components, components))
        return np.reshape(self.entries, (-1, 1, 1)) * np.eye(components)

    def rates(self, components: int) -> NDArray[np.complex128]:
        """Eigenvalues of the law, per pseudo-time: decay and growth, and how fast it turns."""
        return np.linalg.eigvals(companion(list(self.matrices(components)), 0)).astype(complex)

    def fit(self, moments: Moments) -> "SharedLaw":
        """The most probable law of this kind; the search starts from this one, too, if it has entries.

        Raises:
            InputError: fewer states than the law has to be held against.
        """
        if len(moments.times) - self.order - self.lifts < 1:
            raise InputError(f"a law of order {self.order} needs {self.order + self.lifts + 1} states or more")
        starts = [replace(self, noise=max(self.noise, NOISE))] if self.entries else self.starts(moments)
        vectors = np.array([(*one.entries, one.intensity, one.noise) for one in starts])
        ranked = vectors[np.argsort(self._costs(vectors, moments), kind="stable")[: 1 if self.entries else 2]]
        return max((self._search(vector, moments) for vector in ranked), key=lambda law: law.evidence)

    def at(self, moments: Moments, times: Array, derivative: int = 0) -> tuple[Array, Array]:
        """Values (T, L, n) at pseudo-times (T,), and the deviation (T, n) that the remainder and the noise leave.

        Args:
            moments: the known states.
            times: pseudo-times, which may lie outside the known ones.
            derivative: of the values in pseudo-time, less than m + p.
        """
        count, size, asks = len(moments.times), self._size(moments), len(times)
        every = np.unique(np.concatenate([moments.times, times]))
        led, spread = self._response(size, every)
        constants = self._constants(list(self.matrices(size)), every)
        known, asked = np.searchsorted(every, moments.times), np.searchsorted(every, times)
        place, rows = np.arange(size), np.arange(size) + derivative * size
        q, noise = np.exp(self.intensity), np.exp(self.noise)
        rest = q * spread[np.ix_(known, place, known, place)].reshape(count * size, -1)
        covariance = rest + noise * np.eye(len(rest))
        cross = q * spread[np.ix_(asked, rows, known, place)].reshape(asks * size, -1)
        own = q * np.einsum("tntn->tn", spread[np.ix_(asked, rows, asked, rows)]).ravel()
        led, constants = self._freed(led, constants)
        free, reach = led[known][:, place].reshape(count * size, -1), led[asked][:, rows].reshape(asks * size, -1)
        weights, variance = _kriging(covariance, free, cross, reach)
        values = weights @ moments.rows.reshape(count * size, -1)
        if constants.shape[2]:
            # One constant force for all labels: it is told by their mean, where the noise of each is averaged out.
            pushed, pushes = constants[known][:, place].reshape(count * size, -1), constants[asked][:, rows]
            mean = moments.average.reshape(count * size, -1)
            shared = _least_squares(covariance, free, pushed, mean)
            left = pushes.reshape(asks * size, -1) - weights @ pushed
            values += np.repeat(left @ shared, values.shape[1] // shared.shape[1], axis=1)
        values = values.reshape(asks, moments.components, -1).transpose(0, 2, 1)
        deviation = np.sqrt(np.maximum(own - variance, 0.0)).reshape(asks, size) * np.ones(moments.components)
        return values * moments.scale + (0.0 if derivative else moments.mean), deviation * moments.scale

    def _size(self, moments: Moments) -> int:
        """Components that the law couples: where it acts alike on all, each is one by itself."""
        return moments.components if self.matrix else 1

    def _response(self, components: int, times: Array) -> tuple[Array, Array]:
        return response(companion(list(self.matrices(components)), self.lifts), components, times)

    def _freed(self, free: Array, constants: Array) -> tuple[Array, Array]:
        """Free motions, and constant forces that labels share: where each has its own, these are free motions, too."""
        if self.own:
            return np.concatenate([free, constants], axis=-1), constants[..., :0]
        return free, constants

    def _constants(self, matrices: Sequence[Array], times: Array) -> Array:
        """(..., T, d, n) answer to a constant force of one in each component; none where labels have their own."""
        size = matrices[0].shape[-1]
        if self.lifts or not self.entries:
            return np.zeros((*matrices[0].shape[:-2], len(times), size * (self.order + self.lifts), 0))
        led, _ = response(companion(matrices, 1), size, times)
        # Of the lifted system the last derivative is x^(m), which is the force where x and its slopes start at zero.
        return led[..., :-size, -size:]

    def _costs(self, vectors: Array, moments: Moments) -> Array:
        """(B,) less the logarithms of the evidence of (B, entries and 2), and what is held against laws beforehand."""
        size, count, times = self._size(moments), len(moments.times), moments.times
        copies = moments.components // size
        gram, average = (moments.gram, moments.average) if self.matrix else (moments.traced, moments.by_component)
        laws = [self._of(vector) for vector in vectors]
        matrices = list(np.swapaxes([law.matrices(size) for law in laws], 0, 1))
        with np.errstate(all="ignore"):
            led, spread = response(companion(matrices, self.lifts), size, times)
            constants = laws[0]._constants(matrices, times)[..., :size, :].reshape(len(laws), count * size, -1)
            free = led[..., :size, :].reshape(len(laws), count * size, -1)
            free, constants = self._freed(free, constants)
            prior = np.repeat(START * RISE ** np.arange(free.shape[-1] // size), size)
            covariance = (free * prior) @ np.swapaxes(free, 1, 2)
            rest = spread[..., :size, :, :size].reshape(covariance.shape)
            covariance += np.exp(vectors[:, -2])[:, None, None] * rest
            jitter = 1e-12 * np.trace(covariance, axis1=1, axis2=2) / (count * size)
            covariance += (np.exp(vectors[:, -1]) + jitter)[:, None, None] * np.eye(count * size)
        found = np.full(len(laws), IMPOSSIBLE)
        sound = np.all(np.isfinite(covariance), axis=(1, 2)) & np.all(np.isfinite(constants), axis=(1, 2))
        try:
            factor = np.linalg.cholesky(covariance[sound])
        except np.linalg.LinAlgError:
            return found
        inverse = np.linalg.inv(covariance[sound])
        misfit = np.einsum("bij,ji->b", inverse, gram)
        if constants.shape[2]:
            seen = inverse @ constants[sound]
            pull = np.swapaxes(seen, 1, 2) @ average
            told = np.swapaxes(constants[sound], 1, 2) @ seen + WEAK * np.eye(size)
            misfit -= np.einsum("bnc,bnc->b", pull, np.linalg.solve(told, pull))
        costs = copies * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1) + 0.5 * misfit
        costs += [law._against(moments) for law, kept in zip(laws, sound, strict=True) if kept]
        found[sound] = np.where(np.isfinite(costs), costs, IMPOSSIBLE)
        return found

    def _sloped(self, vector: Array, moments: Moments) -> tuple[float, Array]:
        """Less the logarithm of the evidence, and its slope by differences, all at once."""
        costs = self._costs(np.vstack([vector, vector + DIFFERENCE * np.eye(len(vector))]), moments)
        return float(costs[0]), (costs[1:] - costs[0]) / DIFFERENCE

    def _against(self, moments: Moments) -> float:
        """Growth and turns that the states cannot tell from others."""
        rates = self.rates(self._size(moments))
        turned = np.abs(rates.imag) * float(np.diff(moments.times).min()) / np.pi
        growing, aliased = np.maximum(rates.real - GROWTH, 0.0), np.maximum(turned - TURNING, 0.0)
        held = GROWING * growing**2 + ALIASED * aliased**2 + RATE * np.abs(rates) ** 2
        return float(np.sum(held))

    def _of(self, vector: Array) -> "SharedLaw":
        *entries, intensity, noise = (float(part) for part in vector)
        return replace(self, entries=tuple(entries), intensity=intensity, noise=noise)

    def _search(self, vector: Array, moments: Moments) -> "SharedLaw":
        bounds = [(-400.0, 400.0)] * (len(vector) - 2) + list(BOUNDS)
        options = {"maxiter": STEPS[bool(self.entries)]}
        found = minimize(
            self._sloped, vector, args=(moments,), jac=True, method="L-BFGS-B", bounds=bounds, options=options
        )
        # The evidence is flat in the noise of states that have none: the law is sought once more without.
        still = np.append(found.x[:-1], EXACT)
        if not self.entries and self._costs(still[None], moments)[0] < found.fun:
            found = minimize(
                self._sloped, still, args=(moments,), jac=True, method="L-BFGS-B", bounds=bounds, options=options
            )
        return replace(self._of(found.x), evidence=-float(found.fun))

    def starts(self, moments: Moments) -> list["SharedLaw"]:
        """Laws at rest, that decay, swing and turn."""
        size = moments.components if self.matrix else 1
        unit, nothing = np.eye(size), np.zeros((size, size))
        turn = np.array([[0.0, -1.0], [1.0, 0.0]]) if size == 2 else None
        laws = [[nothing] * self.order]
        if self.order == 1:
            laws += [[-rate * unit] for rate in RATES]
            laws += [[sign * rate * turn] for rate in TURNS for sign in (-1.0, 1.0) if turn is not None]
        fastest = min(0.8 * np.pi / float(np.diff(moments.times).min()), FASTEST)
        if self.order == 2:
            laws += [[-(w**2) * unit, -2.0 * z * w * unit] for w, z in (*SWINGS, (fastest, 0.0))]
            laws += [[nothing, -rate * unit] for rate in RATES[1:]]
        if self.order == 3:
            laws += [[nothing, -(w**2) * unit, -z * unit] for w in (2.0, 4.0, 7.0) for z in (0.0, 2.0)]
            laws += [[-6.0 * unit, -11.0 * unit, -6.0 * unit]]
        entries = [tuple(np.ravel(law)) for law in laws]
        return [replace(self, entries=one, intensity=q, noise=NOISE) for one in entries for q in INTENSITIES]


def _kriging(covariance: Array, free: Array, cross: Array, reach: Array) -> tuple[Array, Array]:
    """Weights of the states where the motions in the columns of `free` cost nothing, and the variance they take off.

    Args:
        covariance: (N, N) of the states.
        free: (N, f) free motions at the states.
        cross: (T, N) covariance of targets and states.
        reach: (T, f) free motions at the targets.
    """
    whole, scale, sizes = _bordered(covariance, free)
    right = np.hstack([cross / scale, reach / sizes])
    solved = _solved(whole, right.T).T
    return solved[:, : len(covariance)], scale * np.sum(solved * right, axis=1)


def _least_squares(covariance: Array, free: Array, shapes: Array, values: Array) -> Array:
    """(c, V) factors of (N, c) shapes that explain (N, V) values best beside free motions (N, f)."""
    whole, scale, _ = _bordered(covariance, free)
    below = np.zeros((free.shape[1], shapes.shape[1]))
    seen = _solved(whole, np.vstack([shapes, below]))[: len(covariance)] / scale
    return np.asarray(linalg.solve(shapes.T @ seen + WEAK * np.eye(shapes.shape[1]), seen.T @ values))


def _solved(whole: Array, right: Array) -> Array:
    """Solution of a bordered system; the shortest where states that the law makes of each other leave several."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", linalg.LinAlgWarning)
        try:
            return np.asarray(linalg.solve(whole, right, assume_a="sym"))
        except (linalg.LinAlgWarning, linalg.LinAlgError):
            return np.asarray(linalg.lstsq(whole, right)[0])


def _bordered(covariance: Array, free: Array) -> tuple[Array, float, Array]:
    """The matrix of kriging with free motions, and what covariances and free motions are divided by in it."""
    sizes = np.linalg.norm(free, axis=0)
    scale = float(np.trace(covariance)) / len(covariance)
    rest = np.zeros((free.shape[1], free.shape[1]))
    return np.block([[covariance / scale, free / sizes], [(free / sizes).T, rest]]), scale, sizes
