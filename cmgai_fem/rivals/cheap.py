"""Rivals that have the same cheap model: corrections of it by a simple method, and surrogates of two fidelities.

They are tuned on the known states, and know the cheap model at these, at the states that are left out and at those
asked for, as the transport does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cmgai_fem.calibration.cheap import CheapModels, Gains, bending
from cmgai_fem.rivals.base import Predictor, Rival, UnitBox
from cmgai_fem.rivals.gaussian_process import likeliest, matern
from cmgai_fem.rivals.radial import PodRbf
from cmgai_fem.rivals.reduced import RANK_TOLERANCE, decompose
from cmgai_fem.rivals.splines import NaturalSpline
from cmgai_fem.rivals.surfaces import ThinPlateSpline
from cmgai_fem.states.labels import Array, IntArray

# Of the largest cheap value: what is added to both in a ratio, so that zeros have one.
RATIO_FLOOR = 0.02
# Ridge of a regression on cheap amplitudes, of the first one's square.
RIDGE = 1e-3


@dataclass(frozen=True)
class CheapRival(Rival):
    """A method that is given cheap models beside the known states.

    Args:
        models: the cheap models.
    """

    models: CheapModels

    def objection(self, values: Array) -> str:
        """See `Rival.objection`; a gain is told by three states at least."""
        return super().objection(values) or ("" if len(values) > 2 else "needs at least 3 known states")

    def fit(
        self, values: Array, snapshots: Array, weights: Array | None = None, trials: IntArray | None = None
    ) -> Predictor:
        """See `Rival.fit`; targets are states at which the cheap models are known."""
        values = np.asarray(values, dtype=float)
        scaled = replace(self.models, points=UnitBox.of(values)(self.models.points))
        return Rival.fit(replace(self, models=scaled), values, snapshots, weights, trials)

    def _cheap(self, values: Array) -> Array:
        found = self.models.over(values)
        return found.reshape(*found.shape[:2], -1)


@dataclass(frozen=True)
class Corrected(CheapRival):
    """The cheap model, corrected by what a simple method makes of its error at the known states.

    Args:
        models: the cheap models; of a difference or a ratio the first counts.
        base: the simple method.
        how: "gain": of the least rest, as the transport has it; "difference"; "ratio".
    """

    base: Rival
    how: Literal["gain", "difference", "ratio"]

    @property
    def name(self) -> str:  # type: ignore[override]
        """Of the rival."""
        return f"{self.how}_{self.base.name}"

    def objection(self, values: Array) -> str:
        """See `Rival.objection`; a ratio needs values that are not negative."""
        if self.how == "ratio" and self.models.fields[0].min() < 0.0:
            return "ratios are of values that are not negative"
        return super().objection(values) or self.base.objection(values)

    def fit_scaled(self, known: Array, snapshots: Array, weights: Array | None, trials: IntArray | None) -> Predictor:
        """See `Rival.fit_scaled`."""
        cheap = self._cheap(known)
        if self.how == "ratio":
            floor = RATIO_FLOOR * float(cheap[0].max()) + np.finfo(float).tiny
            rest = self.base.fit(known, (snapshots + floor) / (cheap[0] + floor), weights, trials)
            return lambda targets: (self._cheap(targets)[0] + floor) * rest(targets) - floor
        if self.how == "gain":
            volumes = np.ones(snapshots.shape[1]) if weights is None else weights
            flat = np.concatenate([snapshots[None], cheap]) * np.sqrt(volumes / volumes.sum())
            gains = Gains(known, np.tensordot(flat, flat, axes=(2, 2))).all
        else:
            gains = np.eye(len(cheap))[0]
        rest = self.base.fit(known, snapshots - np.tensordot(gains, cheap, axes=1), weights, trials)
        return lambda targets: np.tensordot(gains, self._cheap(targets), axes=1) + rest(targets)


@dataclass(frozen=True)
class TwoFidelities(CheapRival):
    """Surrogates of two fidelities on the amplitudes of the known states' POD modes; the first cheap model counts.

    Args:
        models: the cheap models.
        how: "cokriging": a gain a mode and a Gaussian process of the difference (Kennedy and O'Hagan 2000, AR1);
            "nonlinear_cokriging": a process over the state and the cheap amplitude (Perdikaris et al. 2017, NARGP);
            "pod_regression": affine in the cheap model's own amplitudes.
    """

    how: Literal["cokriging", "nonlinear_cokriging", "pod_regression"]

    @property
    def name(self) -> str:  # type: ignore[override]
        """Of the rival."""
        return self.how

    def fit_scaled(self, known: Array, snapshots: Array, weights: Array | None, trials: IntArray | None) -> Predictor:
        """See `Rival.fit_scaled`."""
        cheap, parts = self._cheap(known)[0], decompose(snapshots, weights)
        volumes = np.ones(snapshots.shape[1]) if weights is None else weights
        if parts.coefficients.shape[1] == 0:
            return lambda targets: np.repeat(snapshots[:1], len(targets), axis=0)
        if self.how == "pod_regression":
            return self._regression(snapshots, cheap, volumes)
        modes = parts.recovery @ snapshots
        mean = snapshots.mean(axis=0)
        amplitudes = parts.coefficients

        def project(fields: Array) -> Array:
            return np.asarray(((fields - mean) * volumes) @ modes.T)

        seen = project(cheap)

        def predict(targets: Array) -> Array:
            asked = project(self._cheap(targets)[0])
            found = np.empty((len(targets), amplitudes.shape[1]))
            for mode in range(amplitudes.shape[1]):
                own, low, new = amplitudes[:, [mode]], seen[:, [mode]], asked[:, [mode]]
                if self.how == "cokriging":
                    form = bending(known)
                    energy = float((low.T @ form @ low)[0, 0])
                    gain = float((low.T @ form @ own)[0, 0]) / energy if energy > 0.0 else 0.0
                    found[:, [mode]] = gain * new + _process(known, own - gain * low, targets)
                else:
                    size = float(np.ptp(low)) or 1.0
                    inputs = [np.hstack([at, level / size]) for at, level in ((known, low), (targets, new))]
                    found[:, [mode]] = _process(inputs[0], own, inputs[1])
            return np.asarray(mean + found @ modes)

        return predict

    def _regression(self, snapshots: Array, cheap: Array, weights: Array) -> Predictor:
        parts = decompose(cheap, weights)
        kept = parts.coefficients.shape[1]
        kept = min(kept, max(1, len(snapshots) - 2))
        modes, mean = parts.recovery[:kept] @ cheap, cheap.mean(axis=0)
        inputs = parts.coefficients[:, :kept]
        ridge = RIDGE * float(np.sum(inputs[:, :1] ** 2)) + RANK_TOLERANCE
        centre = snapshots.mean(axis=0)
        factors = np.linalg.solve(inputs.T @ inputs + ridge * np.eye(kept), inputs.T @ (snapshots - centre))

        def predict(targets: Array) -> Array:
            amplitudes = ((self._cheap(targets)[0] - mean) * weights) @ modes.T
            return np.asarray(centre + amplitudes @ factors)

        return predict


def _process(known: Array, values: Array, targets: Array) -> Array:
    """(T, 1) mean of the likeliest Matern 5/2 process through values (K, 1)."""
    return likeliest(matern(known.shape[1]), known, values)(known, values, targets)


def rivals_with(models: CheapModels) -> Mapping[str, Rival]:
    """All rivals that have cheap models, by name."""
    bases: tuple[Rival, ...] = (NaturalSpline(), ThinPlateSpline(), PodRbf())
    found: list[CheapRival] = [
        Corrected(models, base, how) for how in ("gain", "difference", "ratio") for base in bases
    ]
    found += [TwoFidelities(models, how) for how in ("cokriging", "nonlinear_cokriging", "pod_regression")]
    return {rival.name: rival for rival in found}
