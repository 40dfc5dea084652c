"""Diffusion by an operator that is off, as that of every mesh is: `x' = -(D K + E) x + r`, E told by the states.

The known states are of another mesh, or of no mesh at all, so that their slow modes are not quite those of K: what the
law leaves of them is small, but it goes with the states themselves, as no white remainder does. Between eigenmodes

    E_ij ~ N(0, tau² lam_i lam_j²),

the interpolation error `h |v_j|_2 |v_i|_1` of linear elements; tau, the remainder and the noise are what makes the
known states most probable, and noise leaves no tau. Every amplitude is moved by the paths of the others: the mended
motion in the first order of E, with paths and rates E_ii brought up to date until they settle.

Source: ours; the bound is Strang's lemma (P. G. Ciarlet, The Finite Element Method for Elliptic Problems, 1978, 4.1).
With no prior and no law this is the dynamic mode decomposition, which tells E alone.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.optimize import minimize

from cmgai_fem.motions.modal_law import BOUNDS, INTENSITIES, NOISES, Amplitudes, ModalLaw, pull_of
from cmgai_fem.states.labels import Array, IntArray

# Logarithm of tau² where the search starts, beside how far the remainder falls by it; its bounds.
STARTS, FALLS, WITHIN = (-30.0, -20.0, -14.0, -8.0), (0.0, -8.0), (-40.0, 4.0)
# Rounds in which paths and rates settle, and searches; steps of each.
ROUNDS, SEARCHES, STEPS = 3, 3, 40
# Of a rate, the most that is mended.
MOST = 0.2
# Difference of two rates over which one moves the other as if they were the same.
ALIKE = 1e-6
DIFFERENCE = 1e-5


@dataclass(frozen=True, eq=False)
class Paths:
    """What the modes of an operator that is off move along.

    Args:
        known: the known amplitudes, with eigenvalues that are mended.
        moving: (J,) rows of the modes that move others.
        values: (K, J) their amplitudes at the known times, from what all of the body goes to.
    """

    known: Amplitudes
    moving: IntArray
    values: Array


@dataclass(frozen=True)
class MendedLaw(ModalLaw):
    """Diffusion by an operator that is off.

    Args:
        off: logarithm of tau², in the units of `entries`.
    """

    off: float = WITHIN[0]

    jitter: ClassVar[float] = 1e-13

    @property
    def right(self) -> bool:
        """Whether the operator is as good as right."""
        return self.off <= STARTS[0]

    def fit(self, known: Amplitudes) -> "MendedLaw":
        """The most probable law; the search for D starts from this one alone, if it has entries."""
        # Of a law that was mended before, remainder and noise are too small to go on from without.
        start = max(self.intensity, INTENSITIES[1]), max(self.noise, NOISES[-1])
        plain = ModalLaw(self.order, self.lifts, self.entries, *start).fit(known)
        law = MendedLaw(plain.order, plain.lifts, plain.entries, plain.intensity, plain.noise)
        best = replace(law, evidence=-law._cost(law._settled(known)))
        for _ in range(SEARCHES):
            law = law._searched(law._settled(known))
            law = replace(law, evidence=-law._cost(law._settled(known)))
            if law.evidence <= best.evidence:
                break
            best = law
        return best

    def _states(self, known: Amplitudes, times: Array) -> Array:
        """See `ModalLaw._states`."""
        return self._mended(self._settled(known), times)

    def _mended(self, paths: Paths, times: Array) -> Array:
        """(M, T, 1, T, 1) covariance of the amplitudes."""
        more = np.exp(self.off) * _squares(self._pushed(paths, times))
        return super()._states(paths.known, times) + more[:, :, None, :, None]

    def _pushed(self, paths: Paths, times: Array) -> Array:
        """(M, T, J) what every mode is moved by, by the others along their paths, with E_ij of its prior's size."""
        rates, starts = self.rate * paths.known.relative, paths.known.times
        moving, row = rates[paths.moving], 0
        found, current = np.zeros((len(times), len(rates), len(moving))), np.zeros((len(rates), len(moving)))
        for place, time in enumerate(times):
            while row + 1 < len(starts) and starts[row + 1] <= time:
                current = _carried(rates, moving, starts[row + 1] - starts[row], current, paths.values[row])
                row += 1
            found[place] = _carried(rates, moving, time - starts[row], current, paths.values[row])
        return np.swapaxes(found, 0, 1) * np.sqrt(rates)[:, None, None] * moving

    def _settled(self, known: Amplitudes) -> Paths:
        """Paths and rates that agree with the law."""
        moving = np.flatnonzero(np.isin(known.eigenvalues, known.telling.eigenvalues))
        paths, states = Paths(known, moving, known.scaled[:, moving]), super()._states(known, known.times)
        for turn in range(ROUNDS + 1):
            covariance = states[:, :, 0, :, 0]
            pull, _ = pull_of(self._noisy(covariance, known), known)
            shifted = paths.known
            if turn:
                own = self._pushed(paths, known.times)[moving, :, np.arange(len(moving))]
                size = np.sqrt(self.rate * shifted.relative[moving]) * self.rate * shifted.relative[moving]
                mend = np.exp(self.off) * size * np.sum(own * pull[moving], axis=1) / (self.rate / shifted.unit)
                eigenvalues = shifted.eigenvalues.copy()
                near = known.eigenvalues[moving]
                eigenvalues[moving] = np.clip(eigenvalues[moving] - mend, (1.0 - MOST) * near, (1.0 + MOST) * near)
                shifted = replace(shifted, eigenvalues=eigenvalues)
            paths = Paths(shifted, moving, np.einsum("mtk,mk->tm", covariance, pull)[:, moving])
            if turn < ROUNDS:
                states = self._mended(paths, known.times)
        return paths

    def _searched(self, paths: Paths) -> "MendedLaw":
        """The most probable remainder, noise and tau for paths and rates."""
        starts, spread = (part[0] for part in self._parts(np.array([self.entries]), paths.known))
        pushed = _squares(self._pushed(paths, paths.known.times))

        def cost(vector: Array) -> float:
            intensity, noise, off = vector
            parts = (starts + np.exp(off) * pushed)[None], spread[None]
            return float(self._costs(parts, paths.known, intensity, noise)[0])

        tried = [np.array([self.intensity + fall, self.noise, off]) for fall in FALLS for off in STARTS]
        least = minimize(
            cost, min(tried, key=cost), method="L-BFGS-B", bounds=[*BOUNDS[1:], WITHIN], options={"maxiter": STEPS}
        )
        intensity, noise, off = (float(part) for part in least.x)
        return replace(self, intensity=intensity, noise=noise, off=off)

    def _cost(self, paths: Paths) -> float:
        """Less the logarithm of the evidence."""
        starts, spread = self._parts(np.array([self.entries]), paths.known)
        starts = starts + np.exp(self.off) * _squares(self._pushed(paths, paths.known.times))
        return float(self._costs((starts, spread), paths.known, self.intensity, self.noise)[0])


def _squares(pushed: Array) -> Array:
    """(M, T, T) from (M, T, J)."""
    return pushed @ np.swapaxes(pushed, 1, 2)


def _carried(rates: Array, moving: Array, step: float, current: Array, values: Array) -> Array:
    """(M, J) what rates (M,) have of a start and of a push by amplitudes (J,) that fall with rates of their own."""
    fallen, falling = np.exp(-rates * step)[:, None], np.exp(-moving * step)
    apart = rates[:, None] - moving
    alike = np.abs(apart) * step < ALIKE
    answer = np.where(alike, step * fallen, (falling - fallen) / np.where(alike, 1.0, apart))
    return np.asarray(fallen * current + answer * values)
