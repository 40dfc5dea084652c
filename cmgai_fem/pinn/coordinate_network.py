"""A network of the coordinates that maps a box onto itself, with its derivatives in place and weights by hand.

The gradient of the map is carried through the layers beside the map itself; what both change by in the weights is
carried back through the same layers. At these sizes that takes a tenth of the time of automatic differentiation.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from cmgai_fem.states.labels import Array, IntArray

# Units of each hidden layer, and random waves beside the coordinates, of that many radians over the longest side.
WIDTH, WAVES, RADIANS = 18, 16, 6.0


@dataclass(frozen=True)
class Entering:
    """What enters a network at points, whatever its weights.

    Args:
        points: (P, g) the points.
        inputs: (P, f) inputs of the first layer.
        turned: (g, P, f) derivatives of them along each axis.
        bubble: (P, g) boundary factor, component by component.
        slope: (P, g) its derivative along the axis of the component.
    """

    points: Array
    inputs: Array
    turned: Array
    bubble: Array
    slope: Array

    def at(self, picked: IntArray) -> Self:
        """The same at some of the points."""
        inputs, turned = self.inputs[picked], self.turned[:, picked]
        return type(self)(self.points[picked], inputs, turned, self.bubble[picked], self.slope[picked])


@dataclass(frozen=True)
class Signals:
    """What the layers of a network hold at points; arrays (g, P, h) are derivatives along each axis.

    Args:
        entering: what enters it.
        first: (P, h) outputs of the first layer.
        turned: (g, P, h) derivatives of what enters it.
        second: (P, h) outputs of the second layer.
        turned_second: (g, P, h) derivatives of what enters it.
        moves: (P, g) outputs N.
        places: (P, g) the mapped points.
        gradient: (P, g, g) gradient of the map.
    """

    entering: Entering
    first: Array
    turned: Array
    second: Array
    turned_second: Array
    moves: Array
    places: Array
    gradient: Array

    def at(self, picked: IntArray) -> Self:
        """The signals at some of the points."""
        flat = (one[picked] for one in (self.moves, self.places, self.gradient))
        first, second = self.first[picked], self.second[picked]
        turned, turned_second = self.turned[:, picked], self.turned_second[:, picked]
        return type(self)(self.entering.at(picked), first, turned, second, turned_second, *flat)


@dataclass(frozen=True, eq=False)
class CoordinateNetwork:
    """`psi(X) = X + b(X) N(X)` of a box, `b_a = (X_a - low_a) (high_a - X_a) / size_a`.

    Args:
        low: (g,) lowest coordinates of the box.
        high: (g,) highest.
        waves: (g, w) wave vectors.
        phases: (w,) phases.
        weights: (P,) of the two hidden layers and of the output.
    """

    low: Array
    high: Array
    waves: Array
    phases: Array
    weights: Array

    @classmethod
    def at_rest(cls, low: Array, high: Array, generator: np.random.Generator) -> Self:
        """Random hidden layers and the identity map."""
        g = len(low)
        waves = RADIANS / (high - low).max() * generator.standard_normal((g, WAVES))
        phases, inputs = 2.0 * np.pi * generator.random(WAVES), g + WAVES
        first = generator.standard_normal(inputs * WIDTH) / np.sqrt(inputs)
        second = generator.standard_normal(WIDTH * WIDTH) / np.sqrt(WIDTH)
        weights = np.concatenate([first, np.zeros(WIDTH), second, np.zeros(WIDTH), np.zeros(WIDTH * g + g)])
        return cls(low, high, waves, phases, weights)

    @cached_property
    def _layers(self) -> tuple[Array, Array, Array, Array, Array, Array]:
        g = len(self.low)
        shapes = [(g + WAVES, WIDTH), (WIDTH,), (WIDTH, WIDTH), (WIDTH,), (WIDTH, g), (g,)]
        parts = np.split(self.weights, np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1])
        first, shift, second, second_shift, last, last_shift = (
            part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)
        )
        return first, shift, second, second_shift, last, last_shift

    def enter(self, points: Array) -> Entering:
        """What enters at points (P, g): the same for all weights."""
        g, size = len(self.low), self.high - self.low
        phases = points @ self.waves + self.phases
        sides = 2.0 * points - self.low - self.high
        turned = np.zeros((g, len(points), g + WAVES))
        turned[np.arange(g), :, np.arange(g)] = (2.0 / size)[:, None]
        turned[:, :, g:] = np.cos(phases) * self.waves[:, None]
        bubble = (points - self.low) * (self.high - points) / size
        return Entering(points, np.hstack([sides / size, np.sin(phases)]), turned, bubble, -sides / size)

    def places(self, at: Entering) -> Array:
        """(P, g) the mapped points."""
        first, shift, second, second_shift, last, last_shift = self._layers
        layer = np.tanh(np.tanh(at.inputs @ first + shift) @ second + second_shift)
        return at.points + at.bubble * (layer @ last + last_shift)

    def signals(self, at: Entering) -> Signals:
        """Everything at points."""
        first, shift, second, second_shift, last, last_shift = self._layers
        layer = np.tanh(at.inputs @ first + shift)
        turned = at.turned @ first
        deeper = np.tanh(layer @ second + second_shift)
        turned_second = ((1.0 - layer**2) * turned) @ second
        moves = deeper @ last + last_shift
        gradient = at.bubble[:, :, None] * np.moveaxis(((1.0 - deeper**2) * turned_second) @ last, 0, 2)
        gradient += np.eye(len(self.low)) * (1.0 + at.slope * moves)[:, :, None]
        return Signals(at, layer, turned, deeper, turned_second, moves, at.points + at.bubble * moves, gradient)

    def pull_back(self, at: Signals, on_places: Array, on_gradient: Array) -> Array:
        """(P,) derivative in the weights of `sum on_places : places + on_gradient : gradient`.

        Args:
            at: signals at the points.
            on_places: (P, g) factors.
            on_gradient: (P, g, g) factors.
        """
        _, _, second, _, last, _ = self._layers
        entering = at.entering
        on_moves = on_places * entering.bubble + entering.slope * np.einsum("naa->na", on_gradient)
        # (g, P, g): of each axis's derivative of N.
        on_turned = np.moveaxis(entering.bubble[:, :, None] * on_gradient, 2, 0)
        flat, flatter = 1.0 - at.first**2, 1.0 - at.second**2
        turned_second, turned_first = flatter * at.turned_second, flat * at.turned
        of_last = at.second.T @ on_moves + np.einsum("anh,ano->ho", turned_second, on_turned)
        into_turned = on_turned @ last.T
        into_second = flatter * (on_moves @ last.T)
        into_second -= np.sum(2.0 * at.second * flatter * at.turned_second * into_turned, axis=0)
        into_turned = flatter * into_turned
        of_second = at.first.T @ into_second + np.einsum("anh,ank->hk", turned_first, into_turned)
        turned_back = into_turned @ second.T
        into_first = flat * (into_second @ second.T)
        into_first -= np.sum(2.0 * at.first * flat * at.turned * turned_back, axis=0)
        of_first = entering.inputs.T @ into_first + np.einsum("anf,anh->fh", entering.turned, flat * turned_back)
        parts = (of_first, into_first.sum(0), of_second, into_second.sum(0), of_last, on_moves.sum(0))
        return np.concatenate([np.ravel(part) for part in parts])

    def jacobian(self, at: Signals) -> tuple[Array, Array]:
        """Derivatives in the weights of the places (P, g, W) and of the gradient (P, g, g, W) at points."""
        count, g = at.moves.shape
        of_places = np.empty((count, g, len(self.weights)))
        of_gradient = np.empty((count, g, g, len(self.weights)))
        for o in range(g):
            self._rows(of_places[:, o], at, o, None)
            for a in range(g):
                self._rows(of_gradient[:, o, a], at, o, a)
        return of_places, of_gradient

    def _rows(self, rows: Array, at: Signals, o: int, axis: int | None) -> None:
        """Derivative of component o of the places, or along an axis of it, in the weights, into `rows` (P, W)."""
        _, _, second, _, last, _ = self._layers
        count, g = at.moves.shape
        flat, flatter = 1.0 - at.first**2, 1.0 - at.second**2
        bubble = at.entering.bubble[:, [o]]
        # The place is b N; its derivative along the axis b dN, and where the axis is its own b' N beside.
        of_move = bubble if axis is None else at.entering.slope[:, [o]] * (axis == o)
        into_second = of_move * flatter * last[:, o]
        of_last = of_move * at.second
        into_first = flat * (into_second @ second.T)
        if axis is not None:
            into_turned = bubble * flatter * last[:, o]
            turning = -2.0 * at.second * at.turned_second[axis] * into_turned
            into_second = into_second + turning
            turned_back = into_turned @ second.T
            into_first += flat * (turning @ second.T - 2.0 * at.first * at.turned[axis] * turned_back)
            of_last = of_last + bubble * flatter * at.turned_second[axis]
        of_first = at.entering.inputs[:, :, None] * into_first[:, None, :]
        of_second = at.first[:, :, None] * into_second[:, None, :]
        if axis is not None:
            of_first += at.entering.turned[axis][:, :, None] * (flat * turned_back)[:, None, :]
            of_second += (flat * at.turned[axis])[:, :, None] * into_turned[:, None, :]
        own = np.zeros((count, WIDTH, g))
        own[:, :, o] = of_last
        shift = np.zeros((count, g))
        shift[:, o] = of_move[:, 0]
        np.concatenate(
            [of_first.reshape(count, -1), into_first, of_second.reshape(count, -1), into_second, own.reshape(count, -1),
             shift], axis=1, out=rows,
        )  # fmt: skip
