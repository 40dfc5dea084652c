"""Maps of labels between known states by a coordinate network: a check of those of the finite elements.

    psi(X) = X + b(X) N(X),

N two layers of tanh units of the coordinates and of sines of random waves, b_a the product of the distances to the
walls that stop axis a: the map slides along them whatever the weights. The functional is that of `features.label_map`,
taken at points inside the simplices with the exact gradient of the network; the states are smoothed by a Gaussian.
Basis, quadrature, smoothing and solver are the network's own. It is trained by Levenberg-Marquardt in float64.

Source: the functional as in Burger, Modersitzki and Ruthotto, SIAM J. Sci. Comput. 35 (2013) B132-B148; the random
waves as in Tancik et al., Fourier features let networks learn high frequency functions in low dimensional domains
(2020), section 6.1; the damping as in H. B. Nielsen, Damping parameter in Marquardt's method (1999), section 3; the
rest is our choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import linalg

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import ALIKE, CLOSING, DEFAULT_LAW, LADDER, OPEN, LabelMap, SmoothedPair, at_rest
from cmgai_fem.pinn.coordinate_network import CoordinateNetwork, Signals
from cmgai_fem.pinn.torch_ops import OPERATIONS, first_piola_kirchhoff
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.states.location import Location
from cmgai_fem.transport.laws import Law

# Levels end when the functional falls by less than a part of itself, or after so many steps: coarse ones, the last.
FALL, MOST_STEPS = (1e-2, 1e-4), (6, 40)
# Damping of a step at the start of a level, relative to the mean curvature of the weights.
DAMPING, LEAST_DAMPING = 1e-2, 1e-9
# A step is taken if it lowers the functional by this part of what was foretold; another is damped by ever more.
LEAST_GAIN, RISE, ATTEMPTS = 1e-4, 2.0, 8
# Rows of the curvature for each weight; those of more points tell nothing new.
ROWS = 2.0
# Points of the functional for each weight: with fewer a map is smooth at the points and folds between them.
POINTS = 4.0
# Nodes smoothed together.
CHUNK = 500


@dataclass(frozen=True)
class NetworkMap:
    """A map on the way.

    Args:
        network: with its weights.
        signals: of its layers at the points.
        cells: (M,) simplices that hold the moved points.
        residual: (M, C) second state there minus the first.
        slopes: (M, C, g) gradients of the second state there.
        misfit: relative misfit.
        energy: mean elastic energy.
        jacobian: least J, of the network at the points and of the moved mesh.
    """

    network: CoordinateNetwork
    signals: Signals
    cells: IntArray
    residual: Array
    slopes: Array
    misfit: float
    energy: float
    jacobian: float


class NetworkRegistration:
    """Registers neighbouring states of one field; see `features.label_map.Register`.

    Args:
        body: the body; its boundary are the walls of a box.
        values: (K, N, C) known states.
        law: constitutive law of the body; its stiffness is not looked at.
        seed: of the networks.

    Raises:
        InputError: the body is no box.
    """

    def __init__(self, body: LabelBody, values: Array, law: Law = DEFAULT_LAW, seed: int = 0) -> None:
        self.body, self._values, self._law, self._seed = body, values, replace(law, stiffness=1.0), seed
        mesh = body.mesh
        if not body.is_box:
            raise InputError("the independent network maps labels of boxes along the axes alone, and this body is none")
        self._walls = body.points.min(axis=0), body.points.max(axis=0)
        network = CoordinateNetwork.at_rest(*self._walls, np.random.default_rng(seed))
        self._inside = points_inside(mesh.cells.shape, several=len(mesh.cells) < POINTS * len(network.weights))
        self._shares = mesh.volumes[self._inside.cells]
        self._shares /= self._shares.sum()
        # Networks differ in their weights alone.
        self._points, self._nodes = network.enter(mesh.place(self._inside)), network.enter(body.points)
        self._smoothed: dict[float, Array] = {0.0: values}
        self._found: dict[int, list[tuple[Array, CoordinateNetwork]]] = {}

    def __call__(
        self, pair: int, stiffness: float, start: Array | None = None, ladder: Sequence[float] = LADDER
    ) -> LabelMap:
        """The map of one pair; see `Register`. A start is the places of a map that was found here.

        Raises:
            InputError: the start is another.
        """
        network, cells, steps, found = self._start(pair, start), self._inside.cells, 0, None
        for width in ladder:
            level = self._pair(pair, width)
            if level.change <= ALIKE * float(np.mean(self._values[pair] ** 2)):
                return at_rest(self.body.points, stiffness)
            begun = self._iterate(level, network, cells, 0.0)
            if begun is None:
                raise ConvergenceError(f"label map {pair}: it starts with simplices turned over")
            found, taken = self._descend(level, begun, stiffness, width == ladder[-1])
            network, cells, steps = found.network, found.cells, steps + taken
        assert found is not None
        places = found.network.places(self._nodes)
        self._found.setdefault(pair, []).append((places, found.network))
        return LabelMap(places, stiffness, found.misfit, found.energy, found.jacobian, steps)

    def _start(self, pair: int, start: Array | None) -> CoordinateNetwork:
        if start is None:
            return CoordinateNetwork.at_rest(*self._walls, np.random.default_rng(self._seed))
        for places, network in self._found.get(pair, []):
            if places is start:
                return network
        raise InputError(f"label map {pair}: a network goes on from maps that it found itself")

    def _descend(self, pair: SmoothedPair, here: NetworkMap, stiffness: float, last: bool) -> tuple[NetworkMap, int]:
        """Levenberg-Marquardt steps at one level, damped by how well the last one was foretold."""
        damping, total = DAMPING, here.misfit + stiffness * here.energy
        for step in range(1, MOST_STEPS[last] + 1):
            gradient, curvature = self._linearise(pair, here, stiffness)
            unit = np.eye(len(curvature)) * float(np.trace(curvature)) / len(curvature)
            rise = RISE
            for _ in range(ATTEMPTS):
                factor = linalg.cho_factor(curvature + damping * unit, check_finite=False)
                direction = -linalg.cho_solve(factor, gradient, check_finite=False)
                network = replace(here.network, weights=here.network.weights + direction)
                moved = self._iterate(pair, network, here.cells, CLOSING * min(here.jacobian, OPEN))
                foretold = -float(direction @ (gradient + 0.5 * curvature @ direction))
                fall = -np.inf if moved is None else total - moved.misfit - stiffness * moved.energy
                if moved is not None and fall > LEAST_GAIN * foretold:
                    break
                damping, rise = damping * rise, 2.0 * rise
            else:
                return here, step
            damping = max(damping * max(1.0 / 3.0, 1.0 - (2.0 * fall / foretold - 1.0) ** 3), LEAST_DAMPING)
            here, total = moved, total - fall
            if fall < FALL[last] * max(total, 1e-3):
                return here, step
        return here, MOST_STEPS[last]

    def _iterate(
        self, pair: SmoothedPair, network: CoordinateNetwork, cells: IntArray, floor: float
    ) -> NetworkMap | None:
        """The functional at a map; None where J is not above `floor` everywhere."""
        mesh = self.body.mesh
        signals = network.signals(self._points)
        moved = self.body.jacobians(network.places(self._nodes)).min()
        jacobian = float(min(np.linalg.det(signals.gradient).min(), moved))
        if not jacobian > floor:
            return None
        location = mesh.locate(signals.places, cells)
        residual = mesh.value(pair.second, location, pair.slopes) - pair.first
        slopes = np.einsum("pi,picd->pcd", location.shares, pair.slopes[mesh.cells[location.cells]])
        misfit = float(self._shares @ np.sum(residual**2, axis=1)) / pair.change
        strain = torch.as_tensor(signals.gradient - np.eye(self.body.dimension))
        energy = float(self._shares @ self._law.energy(strain, OPERATIONS).numpy())
        return NetworkMap(network, signals, location.cells, residual, slopes, misfit, energy, jacobian)

    def _linearise(self, pair: SmoothedPair, here: NetworkMap, stiffness: float) -> tuple[Array, Array]:
        """(P,) gradient of the functional in the weights, and (P, P) curvature of Gauss and Newton."""
        strain = torch.as_tensor(here.signals.gradient - np.eye(self.body.dimension))
        stress = first_piola_kirchhoff(self._law, strain).numpy()
        image = np.einsum("n,nc,ncd->nd", 2.0 * self._shares / pair.change, here.residual, here.slopes)
        elastic = stiffness * self._shares[:, None, None] * stress
        gradient = here.network.pull_back(here.signals, image, elastic)
        # Every so many points, with what those between weigh.
        components, size = here.slopes.shape[1], len(gradient)
        each = components + self.body.dimension**2
        stride = max(1, int(each * len(self._shares) / (ROWS * size)))
        picked = np.arange(self._seed % stride, len(self._shares), stride)
        shares = self._shares[picked] / self._shares[picked].sum()
        of_places, of_gradient = here.network.jacobian(here.signals.at(picked))
        data = np.sqrt(2.0 * shares / pair.change)[:, None, None] * here.slopes[picked]
        root = np.sqrt(stiffness * shares)[:, None, None] * self._root(here.signals.gradient[picked])
        rows = np.empty((len(picked), each, size))
        np.matmul(data, of_places, out=rows[:, :components])
        np.matmul(root, of_gradient.reshape(len(picked), -1, size), out=rows[:, components:])
        rows = rows.reshape(-1, size)
        return gradient, rows.T @ rows

    def _root(self, gradient: Array) -> Array:
        """(M, g², g²) root of the law's tangent, replaced by a positive definite one as in the finite elements."""
        count, g = len(gradient), self.body.dimension
        shear, lame = float(getattr(self._law, "shear", 1.0)), float(getattr(self._law, "lame", 1.0))
        unit = np.eye(g * g).reshape(g * g, g, g)
        pulled = np.einsum("mka,eal->mekl", np.linalg.inv(gradient), unit)
        even = (0.5 * (pulled + np.swapaxes(pulled, 2, 3))).reshape(count, g * g, g * g)
        trace = np.einsum("mekk->me", pulled)
        tangent = shear * (np.eye(g * g) + even @ np.swapaxes(even, 1, 2))
        return np.swapaxes(np.linalg.cholesky(tangent + lame * trace[:, :, None] * trace[:, None, :]), 1, 2)

    def _pair(self, pair: int, width: float) -> SmoothedPair:
        values, mesh = self._smooth(width), self.body.mesh
        first = mesh.value(values[pair], self._inside, mesh.slopes(values[pair]))
        second, slopes = values[pair + 1], mesh.slopes(values[pair + 1])
        change = mesh.value(second, self._inside, slopes) - first
        return SmoothedPair(first, second, slopes, float(self._shares @ np.sum(change**2, axis=1)))

    def _smooth(self, width: float) -> Array:
        """All states, smoothed by a Gaussian of that standard deviation, in lengths of the body."""
        if width not in self._smoothed:
            points, smoothed = self.body.points / (width * self.body.length), np.empty_like(self._values)
            halves, shares = 0.5 * np.sum(points**2, axis=1), self.body.shares[:, None]
            for start in range(0, len(points), CHUNK):
                part = slice(start, start + CHUNK)
                # In place: the exponential of that many numbers takes longer than all else.
                kernel = points[part] @ points.T
                kernel -= halves[part, None]
                kernel -= halves
                np.exp(kernel, out=kernel)
                smoothed[:, part] = (kernel @ (shares * self._values)) / (kernel @ shares)
            self._smoothed[width] = smoothed
        return self._smoothed[width]


def points_inside(shape: tuple[int, ...], several: bool) -> Location:
    """The centre of each of (M, t + 1) simplices, or as many points as corners, exact for quadratic fields.

    Source: Hammer, Marlowe and Stroud, Math. Tables Other Aids Comput. 10 (1956) 130-137.
    """
    count, corners = shape
    if not several:
        return Location(np.arange(count), np.full(shape, 1.0 / corners))
    away = (1.0 - 1.0 / np.sqrt(corners + 1.0)) / corners
    shares = away + (1.0 - corners * away) * np.eye(corners)
    return Location(np.repeat(np.arange(count), corners), np.tile(shares, (count, 1)))
