"""What every solver returns: a motion through the known states that can be asked for the field at a state."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.motions.base import Motion
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States
from cmgai_fem.transport.problem import Problem

# Of the known range: step of a difference that is a derivative.
STEP = 1e-4


class Path(Protocol):
    """A feature-space motion along one pseudo-time, evaluated by whatever discretisation found it."""

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """Features (L, n) at pseudo-time `s`, or their derivative in s."""


@dataclass(frozen=True)
class ModalPath:
    """Motion `origin + sum_j a_j(s) shape_j`.

    Args:
        origin: (L, n) features of the first state.
        shapes: (m, L, n) mode shapes.
        amplitudes: maps (s, derivative) to (m,) amplitudes.
    """

    origin: Array
    shapes: Array
    amplitudes: Callable[[float, int], Array]

    def __post_init__(self) -> None:
        # The last digits of a sum over modes depend on how they lie in memory: one way, read from a file or not.
        object.__setattr__(self, "shapes", np.ascontiguousarray(self.shapes))

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """Features (L, n) at `s`, or their derivative in s."""
        moved = np.tensordot(self.amplitudes(s, derivative), self.shapes, axes=1)
        return self.origin + moved if derivative == 0 else moved


@dataclass(frozen=True)
class CarriedPath:
    """Motion `sum_k w_k(s) U_k`: the known states, carried by weights that all labels share.

    Args:
        problem: holds the known states.
        weights: maps (s, derivative) to (K,) weights.
    """

    problem: Problem
    weights: Callable[[float, int], Array]

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """Features (L, n) at `s`, or their derivative in s."""
        return np.tensordot(self.weights(s, derivative), self.problem.encoded, axes=1)


@dataclass(frozen=True)
class Solution:
    """A solved transport: ask it for the field at any state it reaches.

    Args:
        problem: the statement that was solved.
        method: "fem", "pinn" or "independent".
        motion: weights of the known states at values of the coordinates, where all labels share them: with no law.
        path: the feature-space motion along the pseudo-time; with one coordinate alone.
        force: the body force b (L, n) per pseudo-time squared as a path of the same kind, where it is known.
        seconds: wall time of the solve [s].
        history: one row a training or solver step, as plain data.
        info: what the solver reports of itself.
        residual: what the balance of momentum still lacks, as a path of features per pseudo-time squared, where the
            solver tells it.
    """

    problem: Problem
    method: str
    motion: Motion | None = None
    path: Path | None = None
    force: Path | None = None
    seconds: float = 0.0
    history: tuple[Mapping[str, float], ...] = ()
    info: Mapping[str, Any] = attribute(default_factory=dict)
    residual: Path | None = None

    def at(self, value: ArrayLike) -> Array:
        """The generated field (L, n) at the state `value`, a number or (m,), in the field's unit; (T, L, n) at several.

        Raises:
            InputError: a state lies outside the reach of the problem, or has another number of coordinates.
        """
        problem, coordinates = self.problem, self.problem.states.coordinates
        if coordinates.several(value):
            return np.array([self.at(one) for one in coordinates.points(value)])
        return problem.states.labels.portion.join(self.carry(value))

    def carry(self, value: ArrayLike) -> Callable[[slice], Array]:
        """What generates the field (l, n) of some labels at one state; see `at`."""
        problem = self.problem
        point, known = problem.check_reach(value), problem.known.values
        if self.motion is None or problem.transform is not None:
            generated = self._whole(point)

            def made(block: slice) -> Array:
                return generated[block]
        else:
            weights = self.motion.weights(point[None])[0]

            def made(block: slice) -> Array:
                return np.asarray(np.tensordot(weights, known[:, block], axes=1))

        places = problem.states.values
        return lambda block: problem.admissible.project(point, made(block), places, known[:, block])

    @cached_property
    def shared(self) -> bool:
        """Whether the field is the known ones, each times a weight that all labels share, and nothing else."""
        return self.motion is not None and self.problem.transform is None and not self.problem.admissible.bounds

    def _whole(self, point: Array) -> Array:
        """(L, n) the field at a state before it is made admissible, where a law or a transform couples the labels."""
        problem, transform = self.problem, self.problem.transform
        if isinstance(transform, MovingLabels):
            assert self.motion is not None
            return transform.at(self.motion.weights(point[None])[0], point)
        if self.motion is not None:
            generated = np.tensordot(self.motion.weights(point[None])[0], problem.carried.values, axes=1)
        else:
            assert self.path is not None
            generated = problem.scaling.decode(self.path(float(problem.time(point[0]))))
        return generated if transform is None else transform.decode(generated, problem.states.coordinates.label(point))

    def weights(self, value: ArrayLike) -> Array:
        """(K,) weights of the known states in what is carried to `value`, adding up to one.

        Raises:
            InputError: a law couples the labels, so that no weights are shared by all.
        """
        if self.motion is None:
            raise InputError(f"law {self.problem.law.name!r}: labels share no weights of the known states")
        return self.motion.weights(self.problem.check_reach(value)[None])[0]

    def derivative(self, value: ArrayLike, axis: int = 0) -> Array:
        """(L, n) rate of the field at a state, in the field's unit per that of a coordinate; see `rate`."""
        return rate(self.at, self.problem.states, value, axis)

    def momentum_residual(self, value: ArrayLike) -> float:
        """Root mean square over the volume of the `residual` at a state, in known ranges per pseudo-time squared."""
        assert self.residual is not None
        lacking = self.residual(float(self.problem.time(self.problem.check_reach(value)[0])))
        weights, known = self.problem.features.labels.weights, self.problem.carried.values
        mean = np.average(np.mean(lacking**2, axis=1), weights=weights)
        return float(np.sqrt(mean) * self.problem.scaling.scale / (np.ptp(known) or 1.0))

    def describe(self) -> dict[str, Any]:
        """What was solved and how, as plain data."""
        return {**self.problem.describe(), "method": self.method, "seconds": self.seconds, **self.info}

    def __repr__(self) -> str:
        return f"Solution({self.problem!r}, {self.method}, {self.seconds:.2g} s)"


def rate(at: Callable[[Array], Array], states: States, value: ArrayLike, axis: int = 0) -> Array:
    """(L, n) derivative of a field along one coordinate, by central differences of second order.

    At the ends of the known range and beyond, from the side of the known states: what lies farther may not be reached.

    Args:
        at: the field (L, n) at a state (m,), which reaches the known ones.
        states: the known states.
        value: (m,) the state, or a number.
        axis: which of the coordinates.
    """
    point = states.coordinates.point(value)
    low, high = states.values[:, axis].min(), states.values[:, axis].max()
    step = np.zeros(len(point))
    step[axis] = STEP * (high - low)
    if low + step[axis] <= point[axis] <= high - step[axis]:
        return np.asarray((at(point + step) - at(point - step)) / (2.0 * step[axis]))
    step *= 1.0 if point[axis] < 0.5 * (low + high) else -1.0
    return np.asarray((4.0 * at(point + step) - at(point + 2.0 * step) - 3.0 * at(point)) / (2.0 * step[axis]))


@dataclass(frozen=True, eq=False)
class Superposed:
    """A superposition of transports at one state, which generates the field (l, n) of some labels.

    Args:
        members: the transports; all of the same states, field and bounds.
        shares: one weight each, or (L,) weights each.
        point: (m,) the state, which the transports reach.
    """

    members: Sequence[Solution]
    shares: Sequence[float | Array] | Array
    point: Array

    @cached_property
    def weights(self) -> Array | None:
        """(K,) weights of the known states; None where labels do not share them."""
        if self._local or self._others or not self._alike:
            return None
        return np.asarray(self._alike_everywhere)

    def __call__(self, block: slice) -> Array:
        """The field of some labels, an array of its own."""
        if not self._alike:
            return np.asarray(self._other(block))
        known = self.members[0].problem.known.values
        start, stop, _ = block.indices(known.shape[1])
        if self._local:
            turned = np.array([weights for _, weights in self._local]).T
            weights = turned @ np.array([share[block] for share, _ in self._local])
            weights += np.reshape(self._alike_everywhere, (-1, 1))
            found = np.einsum("kl,kln->ln", weights, known[:, start:stop])
        else:
            # As a matrix of rows side by side the block is not copied.
            flat = known.reshape(len(known), -1)[:, start * known.shape[2] : stop * known.shape[2]]
            found = (self._alike_everywhere @ flat).reshape(stop - start, -1)
        return np.asarray(self._other(block) + found if self._others else found)

    def _other(self, block: slice) -> Array | float:
        """What the transports generate whose labels do not share the weights of the known states."""
        return sum((share[block] if share.ndim else share).reshape(-1, 1) * one(block) for share, one in self._others)

    @cached_property
    def _alike(self) -> list[tuple[Array, Array]]:
        rows = [(share, one.motion) for share, one in self._each if one.shared]
        return [(share, motion.weights(self.point[None])[0]) for share, motion in rows if motion is not None]

    @cached_property
    def _others(self) -> list[tuple[Array, Callable[[slice], Array]]]:
        return [(share, one.carry(self.point)) for share, one in self._each if not one.shared]

    @cached_property
    def _local(self) -> list[tuple[Array, Array]]:
        return [(share, weights) for share, weights in self._alike if share.ndim]

    @cached_property
    def _alike_everywhere(self) -> Array | float:
        return sum(share * weights for share, weights in self._alike if not share.ndim)

    @property
    def _each(self) -> list[tuple[Array, Solution]]:
        # A transport without a share is not asked: the state may have no value in its pseudo-time.
        each = [(np.asarray(share), one) for share, one in zip(self.shares, self.members, strict=True)]
        return [(share, one) for share, one in each if share.ndim or share != 0.0]


class Answer(ABC):
    """What generation asks of a field's transports, however they were chosen and mixed."""

    if TYPE_CHECKING:
        # For readers of types alone: a dataclass would take the property for the default of its field.
        @property
        @abstractmethod
        def members(self) -> tuple[Solution, ...]:
            """The transports."""

    @abstractmethod
    def at(self, value: ArrayLike) -> Array:
        """The generated field (L, n) at the state `value`, (T, L, n) at several; see `Solution.at`."""

    def error(self, value: ArrayLike) -> Array | None:
        """(L, n) standard deviation of the generated field at a state, in the field's unit; None if none is known."""
        return None

    def size(self, value: ArrayLike) -> float | None:
        """Root mean square of `error` over the volume, relative to the known range."""
        return None

    def numbers(self, value: ArrayLike) -> float | None:
        """Independent left-out numbers behind the choice at a state; None where they are not counted."""
        return None

    def on(self, value: ArrayLike, labels: slice = slice(None)) -> tuple[Array, Array | None]:
        """(l, n) generated field of some labels at one state, and `error`: both in one go."""
        spread = self.error(value)
        return self.at(value)[labels], None if spread is None else spread[labels]

    def expect(self, values: Iterable[ArrayLike]) -> None:  # noqa: B027 - most are as quick one by one
        """Make ready for many states that will be asked for one by one, where that is quicker together."""

    @property
    def seconds(self) -> float:
        """Wall time of all members [s]."""
        return sum(member.seconds for member in self.members)


@dataclass(frozen=True)
class Superposition(Answer):
    """A convex combination of transports of one field: what calibration makes of several good ones.

    Args:
        members: the transports; all of the same states, field and bounds.
        shares: one weight each, or (L,) weights each; not negative, adding up to one.
    """

    members: tuple[Solution, ...]
    shares: tuple[float | Array, ...]

    def at(self, value: ArrayLike) -> Array:
        """The generated field at the state `value`; see `Solution.at`. Admissible if the members are."""
        problem = self.members[0].problem
        coordinates = problem.states.coordinates
        if coordinates.several(value):
            return np.array([self.at(one) for one in coordinates.points(value)])
        together = Superposed(self.members, self.shares, problem.check_reach(value))
        return problem.states.labels.portion.join(together)

    def __repr__(self) -> str:
        return f"Superposition({len(self.members)} members: {', '.join(map(repr, self.members))})"
