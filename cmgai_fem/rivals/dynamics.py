"""Rivals along a time that fit a linear law to the modes of the known states: decompositions and operator inference.

They extrapolate, as the rivals of `RIVALS` hardly do, and are for states along a time alone. Rank, delay, order and
ridge of each are chosen by known states that are left out, as for the other rivals.

Source: T. Askham, J. N. Kutz, SIAM J. Appl. Dyn. Syst. 17 (2018) 380-416 (optimised DMD) and S. Le Clainche,
J. M. Vega, SIAM J. Appl. Dyn. Syst. 16 (2017) 882-925 (higher order DMD), both as PyDMD has them (MIT);
B. Peherstorfer, K. Willcox, Comput. Methods Appl. Mech. Eng. 306 (2016) 196-215 (operator inference).
"""

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from itertools import product
from typing import ClassVar

import numpy as np
from scipy import linalg
from scipy.interpolate import make_interp_spline

from cmgai_fem.rivals.base import Predictor, Rival, inside_or_outside
from cmgai_fem.states.labels import Array, IntArray

RIDGES = (1e-10, 1e-6, 1e-3, 1e-1)


class Dynamics(Rival):
    """A law that is fitted to the amplitudes of the known states in their own modes."""

    dimensions: ClassVar[range] = range(1, 2)
    package: ClassVar[str] = ""
    """What must be installed."""
    even: ClassVar[bool] = False
    """Whether the states must be at equal distances, so that ends alone can be left out."""

    @abstractmethod
    def settings(self, count: int) -> Sequence[tuple[float, ...]]:
        """What is chosen from, for so many known states."""

    @abstractmethod
    def amplitudes(self, setting: tuple[float, ...], known: Array, values: Array, asked: Array) -> Array:
        """(T, r) amplitudes at asked times (T,) from those (K, r) at known times (K,)."""

    def objection(self, values: Array) -> str:
        """See `Rival.objection`."""
        if objection := super().objection(values):
            return objection
        steps = np.diff(values[:, 0])
        if self.even and np.ptp(steps) > 1e-6 * steps.mean():
            return "needs known states at equal distances"
        return "" if len(values) > 3 else f"needs at least 4 known states, not {len(values)}"

    def fit_scaled(self, known: Array, snapshots: Array, weights: Array | None, trials: IntArray | None) -> Predictor:
        """See `Rival.fit_scaled`."""
        root = np.sqrt(np.ones(snapshots.shape[1]) if weights is None else weights)
        left, sizes, right = np.linalg.svd(snapshots * root, full_matrices=False)
        values, times = left * sizes, known[:, 0]
        count = len(times)
        # Of one end alone: to leave out two takes the highest ranks from the list.
        ends = [(count - 1,)]
        inner = ends if self.even else [(row,) for row in range(1, count - 1)]
        inside, outside = (self._chosen(times, values, groups) for groups in (inner, ends))

        def at(setting: tuple[float, ...], targets: Array) -> Array:
            return self._amplitudes(setting, times, values, targets[:, 0]) @ right / root

        return lambda targets: inside_or_outside(targets, lambda t: at(inside, t), lambda t: at(outside, t))

    def _chosen(self, times: Array, values: Array, groups: Sequence[tuple[int, ...]]) -> tuple[float, ...]:
        """The setting of least error at states that are left out."""
        errors = {}
        for setting in self.settings(len(times) - max(map(len, groups))):
            squares = 0.0
            for group in map(list, groups):
                rest = np.delete(np.arange(len(times)), group)
                found = self._amplitudes(setting, times[rest], values[rest], times[group])
                squares += float(np.mean((found - values[group]) ** 2))
            errors[setting] = squares if np.isfinite(squares) else np.inf
        return min(errors, key=lambda setting: errors[setting])

    def _amplitudes(self, setting: tuple[float, ...], known: Array, values: Array, asked: Array) -> Array:
        try:
            # The packages warn, and print, of fits that did not converge: those lose against others here.
            with warnings.catch_warnings(), np.errstate(all="ignore"), redirect_stdout(StringIO()):
                warnings.simplefilter("ignore")
                return self.amplitudes(setting, known, values, asked)
        except (np.linalg.LinAlgError, ValueError, OverflowError):
            return np.full((len(asked), values.shape[1]), np.inf)


class OptimisedDmd(Dynamics):
    """PyDMD's optimised decomposition: the rank, with rates that may grow or not."""

    name = "optimised_dmd"
    package = "pydmd"

    def settings(self, count: int) -> Sequence[tuple[float, ...]]:
        """Rank, and whether rates may grow."""
        return list(product(range(1, count), (0.0, 1.0)))

    def amplitudes(self, setting: tuple[float, ...], known: Array, values: Array, asked: Array) -> Array:
        """See `Dynamics.amplitudes`."""
        from pydmd import BOPDMD

        model = BOPDMD(svd_rank=int(setting[0]), num_trials=0, eig_constraints={"stable"} if setting[1] else set())
        model.fit(values.T, t=known)
        return np.asarray((model.modes * model.amplitudes @ np.exp(np.outer(model.eigs, asked))).real.T)


class HigherOrderDmd(Dynamics):
    """PyDMD's decomposition with delays: rank and delay; with no delay the exact decomposition."""

    name = "higher_order_dmd"
    package = "pydmd"
    even = True

    def settings(self, count: int) -> Sequence[tuple[float, ...]]:
        """Rank and delay."""
        return [(rank, delay) for delay in range(1, count - 1) for rank in range(1, count - delay + 1)]

    def amplitudes(self, setting: tuple[float, ...], known: Array, values: Array, asked: Array) -> Array:
        """See `Dynamics.amplitudes`."""
        # The states stand in their own modes already, which is what PyDMD's HODMD adds to this.
        from pydmd import HankelDMD

        model = HankelDMD(svd_rank=int(setting[0]), d=int(setting[1]), exact=True, opt=True).fit(values.T)
        steps = (asked - known[0]) / (known[1] - known[0])
        modes, rates = model.modes[: values.shape[1]], model.eigs.astype(complex)
        return np.asarray((modes * model.amplitudes @ rates[:, None] ** steps).real.T)


class ExactDmd(Dynamics):
    """The exact decomposition of full rank: nothing is chosen, and noise is fitted as it stands.

    Source: J. H. Tu et al., J. Comput. Dyn. 1 (2014) 391-421.
    """

    name = "dmd"
    even = True

    def settings(self, count: int) -> Sequence[tuple[float, ...]]:
        """One."""
        return [()]

    def amplitudes(self, setting: tuple[float, ...], known: Array, values: Array, asked: Array) -> Array:
        """See `Dynamics.amplitudes`."""
        left, sizes, right = np.linalg.svd(values[:-1].T, full_matrices=False)
        rates, vectors = np.linalg.eig(left.T @ values[1:].T @ right.T / sizes)
        start = np.linalg.solve(vectors, (left.T @ values[0]).astype(complex))
        powers = rates.astype(complex) ** (((asked - known[0]) / (known[1] - known[0]))[:, None])
        return np.asarray(((powers * start) @ vectors.T @ left.T).real)


class OperatorInference(Dynamics):
    """`a^(m) = A a + B a' + c`, by least squares with a ridge: order, rank and ridge; slopes from a spline."""

    name = "operator_inference"

    def settings(self, count: int) -> Sequence[tuple[float, ...]]:
        """Order, rank and ridge."""
        return list(product((1, 2), range(1, count), RIDGES))

    def amplitudes(self, setting: tuple[float, ...], known: Array, values: Array, asked: Array) -> Array:
        """See `Dynamics.amplitudes`."""
        order, rank = int(setting[0]), int(setting[1])
        scale = float(np.linalg.norm(values)) or 1.0
        kept = values[:, :rank] / scale
        spline = make_interp_spline(known, kept, min(3, len(known) - 1))
        slopes = [kept, *(spline(known, nu=part) for part in range(1, order + 1))]
        state = np.hstack(slopes[:order])
        data = np.hstack([state, np.ones((len(known), 1))])
        size = np.linalg.norm(data, axis=0) + 1e-300
        gram = (data / size).T @ (data / size) + setting[2] * np.eye(data.shape[1])
        law = np.linalg.solve(gram, (data / size).T @ slopes[order]) / size[:, None]
        width = state.shape[1]
        system = np.zeros((width + 1, width + 1))
        system[: width - rank, rank:width] = np.eye(width - rank)
        system[width - rank : width] = law.T
        begin = np.append(state[0], 1.0)
        found = [(linalg.expm(system * (time - known[0])) @ begin)[:rank] for time in asked]
        # Modes beyond the rank stay at their mean.
        whole = np.tile(values.mean(axis=0), (len(asked), 1))
        whole[:, :rank] = np.array(found) * scale
        return whole


_ALL: tuple[Dynamics, ...] = (ExactDmd(), OptimisedDmd(), HigherOrderDmd(), OperatorInference())
DYNAMICS = {rival.name: rival for rival in _ALL}


def installed() -> list[Dynamics]:
    """Those whose package is there."""
    return [rival for rival in DYNAMICS.values() if not rival.package or find_spec(rival.package)]
