"""Curves of pseudo-time given by a network, with known states, or a start, that hold exactly.

    a(s) = scale (N(s) + sum_k l_k(s) (A_k - N(s_k))),

where l_k are the cardinal functions of spline interpolation at the hard states: whatever the weights, the curve passes
through them. A body force has no such states and is `scale N(s)` alone.
"""

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np
import torch
from numpy.polynomial import polynomial
from scipy.interpolate import BSpline, make_interp_spline
from torch import Tensor

from cmgai_fem.pinn.networks import Network, TimeFeatures
from cmgai_fem.states.labels import Array


@dataclass(frozen=True)
class Anchors:
    """Hard states of a curve.

    Args:
        nodes: (k,) pseudo-times; may be empty.
        values: (k, m) values in units of the curve's scale.
        degree: of the interpolating spline whose cardinal functions carry the corrections; k - 1 is the polynomial.
        clamped: two conditions at one pseudo-time, its value and its velocity, instead of values at several: the curve
            starts (or, marched backwards, ends) there.
    """

    nodes: Array
    values: Array
    degree: int
    clamped: bool = False

    @classmethod
    def start(cls, s: float, value: Array, velocity: Array) -> "Anchors":
        """Hard initial value and velocity (m,) at s."""
        return cls(np.full(2, s), np.stack([value, velocity]), 1, clamped=True)

    @property
    def orders(self) -> tuple[int, ...]:
        """(k,) derivative that each hard value is of."""
        return (0, 1) if self.clamped else (0,) * len(self.nodes)

    @cached_property
    def _cardinal(self) -> BSpline:
        return make_interp_spline(self.nodes, np.eye(len(self.nodes)), min(self.degree, len(self.nodes) - 1))

    def jets(self, s: Array, order: int) -> Array:
        """Taylor coefficients (order + 1, points, k) of the cardinal functions at s (points,)."""
        if len(self.nodes) == 0:
            return np.zeros((order + 1, len(s), 0))
        if self.clamped:
            line = np.zeros((order + 1, len(s), 2))
            line[0] = np.stack([np.ones(len(s)), s - self.nodes[0]], axis=1)
            line[1:2, :, 1] = 1.0
            return line
        # scipy differentiates a spline of degree k at most k times.
        return np.stack(
            [
                self._cardinal(s, nu=k) / factorial(k) if k <= self._cardinal.k else np.zeros((len(s), len(self.nodes)))
                for k in range(order + 1)
            ]
        )


@dataclass(frozen=True)
class CurveTable:
    """Everything about a curve's inputs at fixed points that does not depend on the weights.

    Args:
        features: (order + 1, points + k, f) jets of the inputs at the points and the k hard states.
        cardinals: (order + 1, points, k) jets of the cardinal functions.
        values: (k, m) hard values in units of the curve's scale.
        points: number of points.
        order: highest derivative wanted at the points; at the hard states it may be higher.
    """

    features: Tensor
    cardinals: Tensor
    values: Tensor
    points: int
    order: int


@dataclass(frozen=True)
class NetworkCurve:
    """A curve without its weights.

    Args:
        features: inputs of the network.
        network: the network.
        anchors: hard states.
        scale: (m,) unit of each output.
    """

    features: TimeFeatures
    network: Network
    anchors: Anchors
    scale: Array

    def table(self, s: Array, order: int, device: torch.device) -> CurveTable:
        """Inputs at s (points,), for jets up to `order`."""
        places = np.concatenate([s, self.anchors.nodes])
        held = max((order, *self.anchors.orders))
        arrays = self.features.jets(places, held), self.anchors.jets(s, order), self.anchors.values
        tensors = [torch.as_tensor(array, dtype=torch.float64, device=device) for array in arrays]
        return CurveTable(tensors[0], tensors[1], tensors[2], len(s), order)

    def jets(self, weights: Tensor, table: CurveTable) -> Tensor:
        """Taylor coefficients (order + 1, points, m) in units of the scale."""
        raw = self.network(weights, table.features)
        if not len(self.anchors.nodes):
            return raw
        misfit = table.values - self._held(raw, table)
        return raw[: table.order + 1, : table.points] + table.cardinals @ misfit

    def jacobian(self, weights: Tensor, table: CurveTable) -> Tensor:
        """Derivative (order + 1, points, m, size) of the jets with respect to the weights."""
        raw = self.network.jacobian(weights, table.features)
        if not len(self.anchors.nodes):
            return raw
        held = self._held(raw, table).flatten(1)
        return raw[: table.order + 1, : table.points] - (table.cardinals @ held).unflatten(2, raw.shape[2:])

    def _held(self, raw: Tensor, table: CurveTable) -> Tensor:
        """(k, ...) what the network gives where hard states hold."""
        at_states = raw[:, table.points :]
        return torch.stack([at_states[order, k] for k, order in enumerate(self.anchors.orders)])

    def evaluate(self, weights: Array, s: float, derivative: int) -> Array:
        """(m,) values or a derivative at one pseudo-time."""
        table = self.table(np.array([s]), derivative, torch.device("cpu"))
        with torch.no_grad():
            jet = self.jets(torch.as_tensor(weights), table)
        return self.scale * jet[derivative, 0].numpy() * factorial(derivative)


@dataclass(frozen=True)
class TrainedCurve:
    """A curve with its weights.

    Args:
        curve: the curve.
        weights: (size,) weights of its network.
    """

    curve: NetworkCurve
    weights: Array

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(m,) values, or their derivative in s."""
        return self.curve.evaluate(self.weights, s, derivative)


@dataclass(frozen=True)
class WindowedCurve:
    """Curves in consecutive windows of pseudo-time; the first and last go on outside.

    Args:
        breaks: (w - 1,) pseudo-times between the windows.
        pieces: w curves.
    """

    breaks: Array
    pieces: "tuple[Curve, ...]"

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(m,) values, or their derivative in s (from the right at a break)."""
        return self.pieces[int(np.searchsorted(self.breaks, s, side="right"))](s, derivative)


@dataclass(frozen=True)
class GroupedCurve:
    """Curves of groups of modes, one group after another.

    Args:
        pieces: the groups' curves.
    """

    pieces: "tuple[Curve, ...]"

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(m,) values of all groups, or their derivative in s."""
        return np.concatenate([piece(s, derivative) for piece in self.pieces])


@dataclass(frozen=True)
class TanhNetwork:
    """One layer of tanh units of the pseudo-time alone, `a(s) = sum_h outputs_h tanh(slopes_h s + offsets_h)`.

    Args:
        slopes: (h,) of the units.
        offsets: (h,) of the units.
        outputs: (h, m) output weights.
    """

    slopes: Array
    offsets: Array
    outputs: Array

    def __post_init__(self) -> None:
        # As in `ModalPath`: the last digits of a product depend on how its factors lie in memory.
        object.__setattr__(self, "outputs", np.ascontiguousarray(self.outputs))

    def units(self, s: Array, derivative: int = 0) -> Array:
        """(points, h) units at s (points,), or a derivative in s."""
        value = np.tanh(s[:, None] * self.slopes + self.offsets)
        # With y = tanh z each derivative in z is a polynomial of y, since y' = 1 - y².
        slope = polynomial.Polynomial([0.0, 1.0])
        for _ in range(derivative):
            slope = slope.deriv() * polynomial.Polynomial([1.0, 0.0, -1.0])
        return np.asarray(self.slopes**derivative * slope(value))

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(m,) outputs at one pseudo-time, or their derivative in s."""
        return np.asarray(self.units(np.array([s]), derivative)[0] @ self.outputs)


@dataclass(frozen=True)
class PolynomialCurve:
    """A polynomial: the force beyond the known states, where its restriction `D^p b = 0` leaves nothing else.

    Args:
        centre: pseudo-time that it is expanded at.
        coefficients: (p, m) Taylor coefficients.
    """

    centre: float
    coefficients: Array

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(m,) values, or their derivative in s."""
        slopes = polynomial.polyder(self.coefficients, derivative)
        return np.asarray(polynomial.polyval(s - self.centre, slopes))


@dataclass(frozen=True)
class ZeroCurve:
    """The curve that is zero.

    Args:
        count: number of outputs m.
    """

    count: int

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """(m,) zeros."""
        return np.zeros(self.count)


Curve = TrainedCurve | TanhNetwork | WindowedCurve | GroupedCurve | PolynomialCurve | ZeroCurve
