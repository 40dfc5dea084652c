"""Maps of labels between known states by a coordinate network: a check of those of the finite elements.

    psi(X) = X + N(X)

N a network of the coordinates (`pinn.coordinate_network`). The functional is that of `features.label_map`, taken at
points inside the simplices with the exact gradient of the network; the states are smoothed by a Gaussian. That the map
slides along the boundary, whatever its shape, is asked by a penalty on how far the boundary's nodes leave it, and what
remains is projected away at the end. Basis, quadrature, smoothing, boundary and solver are the network's own. It is
trained by Levenberg-Marquardt in float64.

Source: the functional as in Burger, Modersitzki and Ruthotto, SIAM J. Sci. Comput. 35 (2013) B132-B148; the damping as
in H. B. Nielsen, Damping parameter in Marquardt's method (1999), section 3; the rest is our choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import linalg

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import ALIKE, CLOSING, DEFAULT_LAW, LADDER, OPEN, LabelMap, SmoothedPair, at_rest
from cmgai_fem.pinn.coordinate_network import Units
from cmgai_fem.pinn.torch_ops import OPERATIONS, first_piola_kirchhoff
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.states.location import Location
from cmgai_fem.transport.laws import Law

# Levels end when the functional falls by less than a part of itself, or after so many steps: coarse ones, the last.
FALL, MOST_STEPS = (1e-2, 5e-4), (6, 30)
# Damping of a step at the start of a level, relative to the law's own stiffness.
DAMPING, LEAST_DAMPING = 1e-3, 1e-6
# A step is taken if it lowers the functional by this part of what was foretold; another is damped by ever more.
LEAST_GAIN, RISE, ATTEMPTS = 1e-4, 10.0, 8
# Mean squared distance from the boundary, in lengths of the body, against the elastic energy.
HELD = 1e5
# Rows of the curvature for each weight, beside the damping; those of more points tell nothing new.
ROWS = 1.0
# Points of the functional for each weight: with fewer a map is smooth at the points and folds between them.
POINTS = 4.0
# Nodes smoothed together.
CHUNK = 500


@dataclass(frozen=True)
class NetworkMap:
    """A map on the way.

    Args:
        weights: (g, m) of the network.
        nodes: (N, g) places of the nodes, put back onto the boundary.
        left: (B, g) how far the boundary's nodes had left it.
        gradient: (P, g, g) gradient of the map at the points.
        cells: (P,) simplices that hold the moved points.
        residual: (P, C) second state there minus the first.
        slopes: (P, C, g) gradients of the second state there.
        misfit: relative misfit.
        energy: mean elastic energy.
        penalty: of what has left the boundary, relative to the elastic energy.
        jacobian: least J, of the network at the points and of the moved mesh.
    """

    weights: Array
    nodes: Array
    left: Array
    gradient: Array
    cells: IntArray
    residual: Array
    slopes: Array
    misfit: float
    energy: float
    penalty: float
    jacobian: float

    def total(self, stiffness: float) -> float:
        """The functional with the penalty."""
        return self.misfit + stiffness * (self.energy + self.penalty)


class NetworkRegistration:
    """Registers neighbouring states of one field; see `features.label_map.Register`.

    Args:
        body: the body.
        values: (K, N, C) known states.
        law: constitutive law of the body; its stiffness is not looked at.
        seed: of the network.

    Raises:
        InputError: the body is a surface.
    """

    def __init__(self, body: LabelBody, values: Array, law: Law = DEFAULT_LAW, seed: int = 0) -> None:
        if body.is_surface:
            raise InputError("the independent network maps labels of lines and bodies, not those of a surface in space")
        self.body, self._values, self._law, self._seed = body, values, replace(law, stiffness=1.0), seed
        mesh = body.mesh
        units = Units.drawn(body.points, body.shares, body.length, np.random.default_rng(seed))
        self._size = units.mixing.shape[1]
        several = len(mesh.cells) < POINTS * self._size * body.dimension
        self._inside = points_inside(mesh.cells.shape, several)
        self._shares = mesh.volumes[self._inside.cells]
        self._shares /= self._shares.sum()
        self._points = mesh.place(self._inside)
        self._units, self._turned = units.at(self._points)
        self._nodes = units.values(body.points)
        self._smoothed: dict[float, Array] = {0.0: values}
        self._found: dict[int, list[tuple[Array, Array]]] = {}

    def __call__(
        self, pair: int, stiffness: float, start: Array | None = None, ladder: Sequence[float] = LADDER
    ) -> LabelMap:
        """The map of one pair; see `Register`. A start is the places of a map that was found here.

        Raises:
            InputError: the start is another.
        """
        weights, cells, steps, found = self._start(pair, start), self._inside.cells, 0, None
        for width in ladder:
            level = self._pair(pair, width)
            if level.change <= ALIKE * float(np.mean(self._values[pair] ** 2)):
                return at_rest(self.body.points, stiffness)
            begun = self._iterate(level, weights, cells, 0.0)
            if begun is None:
                raise ConvergenceError(f"label map {pair}: it starts with simplices turned over")
            found, taken = self._descend(level, begun, stiffness, width == ladder[-1])
            weights, cells, steps = found.weights, found.cells, steps + taken
        assert found is not None
        self._found.setdefault(pair, []).append((found.nodes, found.weights))
        return LabelMap(found.nodes, stiffness, found.misfit, found.energy, found.jacobian, steps)

    def _start(self, pair: int, start: Array | None) -> Array:
        if start is None:
            return np.zeros((self.body.dimension, self._size))
        for places, weights in self._found.get(pair, []):
            if places is start:
                return weights
        raise InputError(f"label map {pair}: a network goes on from maps that it found itself")

    def _descend(self, pair: SmoothedPair, here: NetworkMap, stiffness: float, last: bool) -> tuple[NetworkMap, int]:
        """Levenberg-Marquardt steps at one level, damped by how well the last one was foretold."""
        damping, total = DAMPING, here.total(stiffness)
        # Smoothed states ask for smooth maps: the units that all hidden ones have most of, which come last.
        trained = slice(0 if last else self._size // 2, None)
        for step in range(1, MOST_STEPS[last] + 1):
            gradient, curvature = self._linearise(pair, here, stiffness, trained)
            # The units are orthonormal in values and slopes.
            unit, rise = stiffness * np.eye(len(curvature)), RISE
            for _ in range(ATTEMPTS):
                factor = linalg.cho_factor(curvature + damping * unit, check_finite=False)
                direction = -linalg.cho_solve(factor, gradient, check_finite=False)
                weights = here.weights.copy()
                weights[:, trained] += direction.reshape(len(weights), -1)
                moved = self._iterate(pair, weights, here.cells, CLOSING * min(here.jacobian, OPEN))
                foretold = -float(direction @ (gradient + 0.5 * curvature @ direction))
                fall = -np.inf if moved is None else total - moved.total(stiffness)
                if moved is not None and fall > LEAST_GAIN * foretold:
                    break
                damping, rise = damping * rise, 2.0 * rise
            else:
                return here, step
            damping = max(damping * max(1.0 / 5.0, 1.0 - (2.0 * fall / foretold - 1.0) ** 3), LEAST_DAMPING)
            here, total = moved, total - fall
            if fall < FALL[last] * max(total, 1e-3):
                return here, step
        return here, MOST_STEPS[last]

    def _iterate(self, pair: SmoothedPair, weights: Array, cells: IntArray, floor: float) -> NetworkMap | None:
        """The functional at a map; None where J is not above `floor` everywhere."""
        body, mesh, sliding = self.body, self.body.mesh, self.body.sliding
        strain = np.stack([one @ weights.T for one in self._turned], axis=2)
        gradient, free = strain + np.eye(body.dimension), body.points + self._nodes @ weights.T
        nodes = body.project(free)
        jacobian = float(min(np.linalg.det(gradient).min(), body.jacobians(nodes).min()))
        if not jacobian > floor:
            return None
        location = mesh.locate(self._points + self._units @ weights.T, cells)
        residual = mesh.value(pair.second, location, pair.slopes) - pair.first
        slopes = np.einsum("pi,picd->pcd", location.shares, pair.slopes[mesh.cells[location.cells]])
        misfit = float(self._shares @ np.sum(residual**2, axis=1)) / pair.change
        energy = float(self._shares @ self._law.energy(torch.as_tensor(strain), OPERATIONS).numpy())
        left = (free - nodes)[sliding]
        penalty = 0.5 * self._held * float(np.sum(left**2))
        return NetworkMap(
            weights, nodes, left, gradient, location.cells, residual, slopes, misfit, energy, penalty, jacobian
        )

    @property
    def _held(self) -> float:
        return HELD / (len(self.body.sliding) * self.body.length**2)

    def _linearise(self, pair: SmoothedPair, here: NetworkMap, stiffness: float, trained: slice) -> tuple[Array, Array]:
        """(P,) gradient of the functional in the trained weights, and (P, P) curvature of Gauss and Newton."""
        g, nodes = self.body.dimension, self.body.sliding
        units, slopes, ends = self._units[:, trained], self._turned[:, :, trained], self._nodes[nodes, trained]
        stress = first_piola_kirchhoff(self._law, torch.as_tensor(here.gradient - np.eye(g))).numpy()
        image = np.einsum("n,nc,ncd->nd", 2.0 * self._shares / pair.change, here.residual, here.slopes)
        elastic = stiffness * self._shares[:, None, None] * stress
        gradient = image.T @ units + sum(elastic[:, :, a].T @ slopes[a] for a in range(g))
        gradient += stiffness * self._held * here.left.T @ ends
        # Every so many points, with what those between weigh.
        components = here.slopes.shape[1]
        stride = max(1, int((components + g * g) * len(self._shares) / (ROWS * gradient.size)))
        picked = np.arange(self._seed % stride, len(self._shares), stride)
        shares = self._shares[picked] / self._shares[picked].sum()
        data = np.sqrt(2.0 * shares / pair.change)[:, None, None] * here.slopes[picked]
        root = np.sqrt(stiffness * shares)[:, None, None] * self._root(here.gradient[picked])
        turned = np.swapaxes(slopes[:, picked], 0, 1)
        frames = np.sqrt(stiffness * self._held) * self.body.frames(nodes, here.nodes[nodes])
        rows = np.concatenate(
            [
                np.einsum("pko,pm->pkom", data, units[picked]).reshape(-1, gradient.size),
                (root.reshape(len(picked), -1, g) @ turned).reshape(-1, gradient.size),
                np.einsum("pko,pm->pkom", frames, ends).reshape(-1, gradient.size),
            ]
        )
        return gradient.ravel(), rows.T @ rows

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
