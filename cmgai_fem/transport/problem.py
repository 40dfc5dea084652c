"""The one statement of the problem that both discretisations take, and the solution that both return.

Momentum balance in the feature space (theory after CM-GAI, arXiv 2601.20462):

    rho0 d2u/ds2 + eta du/ds = Div P(grad u) + rho0 b,      u(X, s_k) = U_k(X),

with the force `b` restricted by a force model (`forces`), the law `P = dW/dF` from `constitutive`, and `s` the
pseudo-time. `cmgai_fem.solve(problem, method)` hands the statement to the PINN or to the finite elements.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.states.pseudo_time import PseudoTime
from cmgai_fem.states.states import Array, BoolArray, Field, StateSet
from cmgai_fem.transport.feature_space import Admissible, Modes, Scaling
from cmgai_fem.transport.forces import ForceModel, KnownForce, Least
from cmgai_fem.transport.laws import Law, NoLaw


@dataclass(frozen=True)
class TransportProblem:
    """Known states of one field, and the law, damping and force that carry it from state to state.

    Args:
        states: the known states alone; held-out states never enter here.
        field: name of the field to generate; the only one of `states` by default.
        law: constitutive law of the feature space.
        damping: eta >= 0, per pseudo-time.
        force: restriction of the body force.
        pseudo_time: kind of the map from the state coordinate to s ("linear", "log" or "power").
        exponent: of the power pseudo-time.
        origin: coordinate at which a log or power pseudo-time starts.
        reach: coordinates (lowest, highest) that will be asked for; the known range by default.
        tolerance: root-mean-square misfit allowed at each known state, in the field's unit: 0 for hard states, one
            number, or (K,) numbers.
        admissible: bounds of the field, enforced by projection.
        transform: what the field's states are carried as instead of themselves (`mass_mode.MassTransform`), made from
            these very states; None carries the field values label by label.
        density: (L,) rho0 of the labels, None for 1; the damping acts per mass, eta = damping * rho0 (our choice).
        known_force: a force that acts besides the restricted one, with `Least(-1)` or `Least(0)`; None for none.
        fixed: (L,) True where a label does not move, whatever the law does: the Dirichlet part of the label boundary.
            The known states must agree there. None leaves the whole boundary free of traction.
    """

    states: StateSet
    field: str = ""
    law: Law = attribute(default_factory=NoLaw)
    damping: float = 0.0
    force: ForceModel = attribute(default_factory=Least)
    pseudo_time: str = "linear"
    exponent: float = 1.0
    origin: float = 0.0
    reach: tuple[float, float] | None = None
    tolerance: float | tuple[float, ...] = 0.0
    admissible: Admissible = attribute(default_factory=Admissible)
    transform: "Transform | None" = None
    density: Array | None = None
    known_force: KnownForce | None = None
    fixed: BoolArray | None = None

    def __post_init__(self) -> None:
        if not self.field:
            if len(self.states.fields) != 1:
                raise InputError(f"say which field to generate: {', '.join(sorted(self.states.fields))}")
            object.__setattr__(self, "field", next(iter(self.states.fields)))
        if self.damping < 0.0:
            raise InputError(f"the damping must not be negative, it is {self.damping:g}")
        self.force.check(len(self.states))
        self.states.only(self.field).check_finite()
        if self.density is not None and (
            self.density.shape != (self.states.labels.count,) or self.density.min() <= 0.0
        ):
            raise InputError(f"the density must be one positive number a label, {self.states.labels.count} in all")
        if self.known_force is not None and not (isinstance(self.force, Least) and self.force.order <= 0):
            raise InputError(f"a known force goes with least(-1) or least(0), not with {self.force}")
        self._check_fixed()
        self.admissible.check_known(self.field, self.states.values, self.known.values)

    def _check_fixed(self) -> None:
        if self.fixed is None:
            return
        if self.fixed.shape != (self.states.labels.count,) or self.fixed.dtype != np.bool_:
            raise InputError(f"fixed labels: give one True or False a label, {self.states.labels.count} in all")
        if self.transform is not None:
            raise InputError(f"fixed labels: a field carried {self.transform} has labels of its own; fix none of them")
        moved = np.abs(self.known.values - self.known.values[0]).max(axis=(0, 2))
        if np.any(loose := self.fixed & (moved > 1e-12 * np.abs(self.known.values).max())):
            raise InputError(
                f"field {self.field!r}: label {int(np.argmax(loose))} is fixed, but its known states differ by up to "
                f"{moved[loose].max():g}: fix only labels that do not move"
            )

    @property
    def known(self) -> Field:
        """The field's known values."""
        return self.states.field(self.field)

    @property
    def carried(self) -> StateSet:
        """The states that are transported: the field itself, or what its transform makes of it."""
        return self.states.only(self.field) if self.transform is None else self.transform.features

    @cached_property
    def _carried_field(self) -> Field:
        (only,) = self.carried.fields.values()
        return only

    @cached_property
    def time(self) -> PseudoTime:
        """The map from the state coordinate to s."""
        first, last = float(self.states.values[0]), float(self.states.values[-1])
        return PseudoTime(first, last, self.pseudo_time, self.exponent, self.origin)

    @cached_property
    def nodes(self) -> Array:
        """(K,) pseudo-times of the known states, 0 to 1."""
        return self.time(self.states.values)

    @cached_property
    def span(self) -> tuple[float, float]:
        """Pseudo-times that the motion must cover: the known states and the reach."""
        low, high = self.reach or (self.states.values[0], self.states.values[-1])
        ends = self.time(np.array([low, high], dtype=float))
        return min(0.0, float(ends[0])), max(1.0, float(ends[1]))

    @cached_property
    def scaling(self) -> Scaling:
        """Map between field values and features."""
        return Scaling.of(self._carried_field)

    @cached_property
    def modes(self) -> Modes:
        """Displacement modes of the known states."""
        return Modes.of(self.scaling.encode(self._carried_field.values), self.carried.labels.weights)

    @cached_property
    def softness(self) -> Array:
        """(K,) allowed root-mean-square misfit of each known state in features; zeros where states are hard."""
        allowed = np.broadcast_to(np.asarray(self.tolerance, dtype=float), (len(self.states),))
        if np.any(allowed < 0.0):
            raise InputError("state tolerances must not be negative")
        return allowed / self.scaling.scale

    def with_reach(self, *values: float) -> "TransportProblem":
        """The same problem, reaching the given coordinates."""
        known = self.states.values
        return replace(self, reach=(min(*values, *known), max(*values, *known)))

    def describe(self) -> dict[str, Any]:
        """What was chosen, as plain data for files and reports."""
        return {
            "field": self.field,
            "force": str(self.force),
            "law": self.law.name,
            "stiffness": self.law.stiffness,
            "damping": self.damping,
            "pseudo_time": str(self.time),
            "carried": "label by label" if self.transform is None else str(self.transform),
        }


class Transform(Protocol):
    """A field's states as something else that is transported, and the way back."""

    @property
    def features(self) -> StateSet:
        """The transported states: one field, on labels of their own."""

    def decode(self, features: Array, state: str = "generated state") -> Array:
        """The field (L, n) of transported features (L', n'); `state` is for messages."""


class Motion(Protocol):
    """A feature-space motion, evaluated by whatever discretisation found it."""

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """Features (L, n) at pseudo-time `s`, or their first or second derivative in s."""


@dataclass(frozen=True)
class ModalMotion:
    """Motion `origin + sum_j a_j(s) shape_j`.

    Args:
        origin: (L, n) features of the first state.
        shapes: (m, L, n) mode shapes.
        amplitudes: maps (s, derivative) to (m,) amplitudes.
    """

    origin: Array
    shapes: Array
    amplitudes: Callable[[float, int], Array]

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """Features (L, n) at `s`, or their derivative in s."""
        moved = np.tensordot(self.amplitudes(s, derivative), self.shapes, axes=1)
        return self.origin + moved if derivative == 0 else moved


@dataclass(frozen=True)
class TransportSolution:
    """A solved transport: ask it for the field at any state it reaches.

    Args:
        problem: the statement that was solved.
        method: "fem" or "pinn".
        motion: the feature-space motion.
        force: the body force b (L, n) per pseudo-time squared as a motion of the same kind, where it is known.
        seconds: wall time of the solve [s].
        history: one row a training or solver step, as plain data.
        info: what the solver reports of itself.
    """

    problem: TransportProblem
    method: str
    motion: Motion
    force: Motion | None = None
    seconds: float = 0.0
    history: tuple[Mapping[str, float], ...] = ()
    info: Mapping[str, Any] = attribute(default_factory=dict)

    def at(self, value: float) -> Array:
        """The generated field (L, n) at the state `value`, in the field's unit.

        Raises:
            InputError: the state lies outside the reach of the problem.
        """
        problem = self.problem
        s = float(problem.time(value))
        low, high = problem.span
        if not low - 1e-9 <= s <= high + 1e-9:
            raise InputError(
                f"{problem.states.coordinate.label(value)} is outside the reach this transport was solved for"
            )
        generated = problem.scaling.decode(self.motion(s))
        if problem.transform is not None:
            generated = problem.transform.decode(generated, problem.states.coordinate.label(value))
        return problem.admissible.project(value, generated, problem.states.values, problem.known.values)


class Answering(Protocol):
    """A solved transport that can be asked for the field at a state."""

    @property
    def seconds(self) -> float:
        """Wall time of the solve [s]."""

    def at(self, value: Any) -> Array:
        """The generated field (L, n) at a state, in the field's unit."""


@dataclass(frozen=True)
class Superposition[M: Answering]:
    """A convex combination of transports of one field: what calibration makes of several good ones.

    Args:
        members: the transports; all of the same states, field and bounds.
        weights: one weight each, or (L,) weights each; not negative, adding up to one.
    """

    members: tuple[M, ...]
    weights: tuple[float | Array, ...]

    def at(self, value: Any) -> Array:
        """The generated field (L, n) at the state `value`, in the field's unit; admissible if its members are."""
        return np.asarray(
            sum(
                np.reshape(weight, (-1, 1)) * member.at(value)
                for weight, member in zip(self.weights, self.members, strict=True)
            )
        )

    @property
    def seconds(self) -> float:
        """Wall time of all members [s]."""
        return sum(member.seconds for member in self.members)
