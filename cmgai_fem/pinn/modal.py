"""Least-force transport mode by mode: two networks, one residual.

Each mode j moves by `a'' + eta a' + lambda_j a = b_j`. Of all motions through the states the network pair is trained to
the one of least `1/2 int |d^p b/ds^p|²` over the whole span: outside the known states, too, nothing but the force's
restriction speaks. The momentum balance enters by the method of multipliers, so that it holds to rounding and not to a
penalty's accuracy.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from cmgai_fem.pinn.coupling import CouplingAt
from cmgai_fem.pinn.curves import Anchors, NetworkCurve
from cmgai_fem.pinn.jets import derivative
from cmgai_fem.pinn.networks import Network, TimeFeatures
from cmgai_fem.quadrature import gauss_on_pieces
from cmgai_fem.states.labels import Array

# Degree of the interpolant where the force has no jumps at the states.
SMOOTH = 7
# Degree of the B-splines that the networks of a long problem between known states are fed with.
LOCAL = 9
# Highest power of the pseudo-time that the networks of a window beyond the known states are fed with.
MARCH = 11


@dataclass(frozen=True)
class ModalTransport:
    """The modal problem in one window of pseudo-time.

    Args:
        nodes: (K,) pseudo-times of the known states in the window.
        values: (K, m) amplitudes there, in units of `scale`.
        scale: (m,) unit of each mode.
        span: first and last pseudo-time to cover.
        order: p of the least force; -1 asks for no force at all inside the window.
        damping: eta.
        eigenvalues: (m,) stiffness of each mode per mass.
        softness: (K,) weight of a state's misfit relative to the force; 0 where it holds exactly.
        force: "least", "free" (a network of pseudo-time restricted by weight decay alone) or "state" (what couples the
            modes holds the force).
        decay: weight of the squared weights of a force that is not the least.
        coupling: what couples the modes, given Gauss points.
        rate: angular frequency of the fastest mode, coupled or not.
        breaks: pseudo-times between windows of a long problem between known states (`networks`); empty for none.
        start: value and velocity (2, m) at `nodes[0]`, in units of `scale`, of a window beyond the known states; None
            between them.
        given: force (m,) of a pseudo-time in such a window.
    """

    nodes: Array
    values: Array
    scale: Array
    span: tuple[float, float]
    order: int
    damping: float
    eigenvalues: Array
    softness: Array
    force: str = "least"
    decay: float = 0.0
    coupling: CouplingAt | None = None
    rate: float = 0.0
    breaks: Array = attribute(default_factory=lambda: np.zeros(0))
    start: Array | None = None
    given: Callable[[float], Array] | None = None

    @property
    def has_force_network(self) -> bool:
        """Whether a network of pseudo-time gives the force."""
        return self.force == "free" or (self.force == "least" and self.order >= 0)

    def windows(self) -> Iterator["ModalTransport"]:
        """The problem itself, or for p = -1 one problem between each two states: the blows break the motion there."""
        if self.force != "least" or self.order >= 0:
            yield self
            return
        last = len(self.nodes) - 2
        for k, (left, right) in enumerate(pairwise(self.nodes)):
            span = (self.span[0] if k == 0 else float(left), self.span[1] if k == last else float(right))
            nodes, values = self.nodes[k : k + 2], self.values[k : k + 2]
            breaks = self.breaks[(self.breaks > span[0]) & (self.breaks < span[1])]
            yield replace(self, nodes=nodes, values=values, span=span, softness=np.zeros(2), breaks=breaks)

    def networks(self, hidden: tuple[int, ...]) -> tuple[NetworkCurve, NetworkCurve]:
        """Displacement curve and force curve.

        Between known states a window cannot be solved before its neighbours: the states on both sides and the least
        force decide together. So long problems have networks of local support, solved at once: their inputs are
        B-splines on the windows, of which each point sees a few. They are continuous in all derivatives that the
        balance and the restriction use, so no joint conditions are needed beside those of the states.
        """
        kinks = self.nodes if self.force == "least" and self.order >= 0 else np.zeros(0)
        hard = self.softness == 0.0
        degree = max(2 * self.order + 3, 1) if self.force == "least" else SMOOTH
        anchors = Anchors(self.nodes[hard], self.values[hard], degree)
        nothing = Anchors(np.zeros(0), np.zeros((0, len(self.scale))), 1)
        # Stiffness follows the first jump by weaker ones in every other derivative, damping in every one.
        further = [0] + [1, 2] * (self.damping > 0.0) + [2, 4] * (self.rate > 0.0)
        swings = min(int(np.ceil(2.4 * np.pi * self.periods(self.span))), 9)
        if self.start is not None:
            return self._march_networks(hidden)
        curves = []
        for power, held in ((2 * self.order + 3, anchors), (2 * self.order + 1, nothing)):
            # The motions that the restriction does not see are polynomials of this degree; stiffness bends them.
            plain = max((power - 1) // 2, 1) + swings
            powers = tuple(power + more for more in sorted(set(further)))
            features = TimeFeatures.over(self.span, LOCAL if len(self.breaks) else plain, kinks, powers, self.breaks)
            curves.append(NetworkCurve(features, Network(features.count, hidden, len(self.scale)), held, self.scale))
        return curves[0], curves[1]

    def periods(self, span: tuple[float, float]) -> float:
        """Periods of the fastest mode over a span."""
        return self.rate * (span[1] - span[0]) / (2.0 * np.pi)

    def windowed(self, periods: float) -> "ModalTransport":
        """The same problem with networks of local support: windows of half as many periods between the known states."""
        count = int(np.ceil(2.0 * self.periods(self.span) / periods))
        return replace(self, breaks=np.linspace(*self.span, count + 1)[1:-1])

    def marching(self, periods: float, forwards: bool) -> Iterator[tuple[float, float]]:
        """Equal windows (from, to) of at most so many periods, from the last or first known state outwards."""
        begin, end = (self.nodes[-1], self.span[1]) if forwards else (self.nodes[0], self.span[0])
        count = int(np.ceil(self.rate * abs(end - begin) / (2.0 * np.pi * periods) - 1e-9))
        yield from ((float(a), float(b)) for a, b in pairwise(np.linspace(begin, end, count + 1)))

    def beyond(self, window: tuple[float, float], start: Array, given: Callable[[float], Array]) -> "ModalTransport":
        """The initial-value problem of one window beyond the known states, where the force is given."""
        return replace(
            self, nodes=np.array([window[0]]), values=start[:1], span=(min(window), max(window)), order=-1,
            softness=np.zeros(1), start=start, given=given,
        )  # fmt: skip

    def _march_networks(self, hidden: tuple[int, ...]) -> tuple[NetworkCurve, NetworkCurve]:
        assert self.start is not None
        features = TimeFeatures.over(self.span, MARCH, np.zeros(0), ())
        network, s = Network(features.count, hidden, len(self.scale)), float(self.nodes[0])
        nothing = Anchors(np.zeros(0), np.zeros((0, len(self.scale))), 1)
        moving = NetworkCurve(features, network, Anchors.start(s, *self.start), self.scale)
        return moving, NetworkCurve(features, network, nothing, self.scale)

    @property
    def pieces(self) -> Array:
        """(n + 1,) pseudo-times between which all is smooth: states, ends of windows and of the span."""
        return np.unique(np.concatenate([self.nodes, self.breaks, self.span]))


class ModalResidual:
    """Residual rows of a modal problem as a function of the weights of both networks.

    Args:
        problem: the modal problem.
        curves: displacement and force.
        points: Gauss points a piece.
        penalty: weight of the restriction against the momentum balance.
        device: of the tensors.
    """

    def __init__(
        self,
        problem: ModalTransport,
        curves: tuple[NetworkCurve, NetworkCurve],
        points: int,
        penalty: float,
        device: torch.device,
    ) -> None:
        self.problem, self.curves, self.penalty = problem, curves, penalty
        s, weights = gauss_on_pieces(problem.pieces, points)
        self.split = curves[0].network.size
        self._end = self.split + (curves[1].network.size if problem.has_force_network else 0)
        self._coupling = problem.coupling(s) if problem.coupling else None
        self.count = self._end + (self._coupling.size if self._coupling else 0)
        self._root = torch.as_tensor(np.sqrt(weights), device=device)[:, None]
        self._moving = curves[0].table(s, 2, device)
        self._forcing = curves[1].table(s, max(problem.order, 0) if problem.force == "least" else 0, device)
        given = [problem.given(float(t)) for t in s] if problem.given else np.zeros((1, len(problem.scale)))
        self._given = torch.as_tensor(np.array(given), device=device)
        self._eigenvalues = torch.as_tensor(problem.eigenvalues, device=device)
        self._soft = problem.softness > 0.0
        self._at_states = curves[0].table(problem.nodes[self._soft], 0, device)
        self._wanted = torch.as_tensor(problem.values[self._soft], device=device)
        self._misfit = torch.as_tensor(1.0 / problem.softness[self._soft], device=device)[:, None]
        # d^p b grows with the p-th power of the inverse distance of states; this keeps the rows of one size.
        self._unit = float(np.mean(np.diff(problem.nodes))) ** problem.order if problem.order > 0 else 1.0
        self.multiplier = torch.zeros((len(s), len(problem.scale)), dtype=torch.float64, device=device)

    def initial(self, generator: torch.Generator) -> Tensor:
        """Starting weights."""
        parts = [self.curves[0].network.initial(generator)]
        if self.problem.has_force_network:
            parts.append(self.curves[1].network.initial(generator))
        if self._coupling:
            parts.append(self._coupling.initial(generator))
        return torch.cat(parts).to(self._root.device)

    def balance(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Momentum residual and acceleration (points, m) at the Gauss points, in units of the scale."""
        motion = self.curves[0].jets(weights[: self.split], self._moving)
        acceleration = derivative(motion, 2)
        force = self._force(weights)
        balance = acceleration + self.problem.damping * motion[1] + self._eigenvalues * motion[0] - self._given
        if self._coupling:
            balance = balance + self._coupling.value(motion[0], weights[self._end :])
        return (balance if force is None else balance - force[0]), acceleration

    def __call__(self, weights: Tensor) -> Tensor:
        """All residual rows."""
        balance = (self.balance(weights)[0] + self.multiplier) / self.penalty
        rows = [(self._root * balance).ravel()]
        force = self._force(weights)
        if force is not None and self.problem.force == "least":
            rows.append((self._root * self._unit * derivative(force, self.problem.order)).ravel())
        if self.problem.force != "least":
            rows.append(self.problem.decay**0.5 * weights[self.split :])
        if np.any(self._soft):
            motion = self.curves[0].jets(weights[: self.split], self._at_states)
            rows.append((self._unit * self._misfit * (motion[0] - self._wanted)).ravel())
        return torch.cat(rows)

    def jacobian(self, weights: Tensor) -> Tensor:
        """Jacobian (rows, count) of the residual rows."""
        problem, root = self.problem, self._root[..., None]
        jets = self.curves[0].jacobian(weights[: self.split], self._moving)
        balance = derivative(jets, 2) + problem.damping * jets[1] + self._eigenvalues[:, None] * jets[0]
        parts = [balance]
        if problem.has_force_network:
            forces = self.curves[1].jacobian(weights[self.split : self._end], self._forcing)
            parts.append(-forces[0])
        if self._coupling:
            motion = self.curves[0].jets(weights[: self.split], self._moving)[0]
            in_motion, in_own = self._coupling.slopes(motion, weights[self._end :])
            parts[0] = balance + in_motion @ jets[0]
            parts.append(in_own)
        rows = [(root / self.penalty * torch.cat(parts, dim=-1)).flatten(0, 1)]
        if problem.force == "least" and problem.order >= 0:
            lifted = (root * self._unit * derivative(forces, problem.order)).flatten(0, 1)
            rows.append(pad(lifted, (self.split, self.count - self._end)))
        if problem.force != "least":
            eye = torch.eye(self.count, dtype=weights.dtype, device=weights.device)
            rows.append(problem.decay**0.5 * eye[self.split :])
        if np.any(self._soft):
            held = self.curves[0].jacobian(weights[: self.split], self._at_states)[0]
            rows.append(pad((self._unit * self._misfit[..., None] * held).flatten(0, 1), (0, self.count - self.split)))
        return torch.cat(rows)

    def update_multiplier(self, weights: Tensor) -> None:
        """One round of the method of multipliers: what the balance still lacks is asked for once more."""
        with torch.no_grad():
            self.multiplier = self.multiplier + self.balance(weights)[0]

    def relative_residual(self, weights: Tensor) -> float:
        """Root mean square of the momentum residual over that of the accelerations and of the states' own size."""
        with torch.no_grad():
            balance, acceleration = self.balance(weights)
            size = torch.sqrt(torch.sum((self._root * acceleration) ** 2) + 1.0)
            return float(torch.sqrt(torch.sum((self._root * balance) ** 2)) / size)

    def _force(self, weights: Tensor) -> Tensor | None:
        if not self.problem.has_force_network:
            return None
        return self.curves[1].jets(weights[self.split : self._end], self._forcing)
