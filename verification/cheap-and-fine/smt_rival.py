"""SMT's co-kriging of two fidelities as a rival, where that package is installed."""

import importlib.util
from dataclasses import dataclass

import numpy as np

from cmgai_fem.rivals.base import Predictor
from cmgai_fem.rivals.cheap import CheapRival
from cmgai_fem.rivals.reduced import decompose
from cmgai_fem.states.labels import Array, IntArray

INSTALLED = importlib.util.find_spec("smt") is not None
# Modes below this share of the first one's amplitude are left to the mean: SMT's search for them ends in rounding.
LEAST_MODE = 1e-3


@dataclass(frozen=True)
class MultiFidelityKriging(CheapRival):
    """`smt.applications.MFK` as it comes, one for the amplitude of each POD mode of the known states.

    The cheap amplitudes are those of the first cheap model, known at every state that it was solved at. Source: P.
    Saves et al., SMT 2.0, Advances in Engineering Software 188 (2024) 103571.
    """

    name = "smt_mfk"

    def fit_scaled(self, known: Array, snapshots: Array, weights: Array | None, trials: IntArray | None) -> Predictor:
        """See `Rival.fit_scaled`."""
        from smt.applications import MFK

        parts = decompose(snapshots, weights)
        volumes = np.ones(snapshots.shape[1]) if weights is None else weights
        mean, modes, amplitudes = snapshots.mean(axis=0), parts.recovery @ snapshots, parts.coefficients
        sizes = np.abs(amplitudes).max(axis=0)
        kept = np.flatnonzero(sizes > LEAST_MODE * sizes.max(initial=0.0))
        places = self.models.points
        cheap = ((self._cheap(places)[0] - mean) * volumes) @ modes.T
        fitted = []
        for mode in kept:
            model = MFK(print_global=False)
            model.set_training_values(places, cheap[:, mode], name=0)
            model.set_training_values(known, amplitudes[:, mode])
            model.train()
            fitted.append(model)

        def predict(targets: Array) -> Array:
            found = np.zeros((len(targets), len(modes)))
            for mode, model in zip(kept, fitted, strict=True):
                found[:, mode] = model.predict_values(targets)[:, 0]
            return np.asarray(mean + found @ modes)

        return predict
