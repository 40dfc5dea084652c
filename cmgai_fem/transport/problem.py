"""The one statement of the problem that both discretisations take.

Momentum balance in the feature space (theory after CM-GAI, arXiv 2601.20462), along one state coordinate:

    rho0 d2u/ds2 + eta du/ds = Div P(grad u) + rho0 b,      u(X, s_k) = U_k(X),

with the force `b` restricted by a force model (`forces`), the law `P = dW/dF` from `laws`, and `s` the pseudo-time.
With m = 2 or 3 coordinates s is a point of an m-dimensional space and the balance without a law reads
`rho0 lap_s u = rho0 b`; `least(p)` then asks for the motion of least `1/2 int_{R^m} rho0 |D_s^{p+2} u|^2 ds`, Duchon's
polyharmonic spline, which for m = 1 is the natural spline. The paper has one coordinate: several are our choice.
"""

from dataclasses import dataclass, replace
from dataclasses import field as attribute
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.errors import InputError
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.motions.base import ExactMotion
from cmgai_fem.motions.line import LineMotion, left_out_map, line_motion
from cmgai_fem.motions.nested import Nested
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.states.axes import PseudoTime
from cmgai_fem.states.labels import Array, BoolArray
from cmgai_fem.states.states import Field, States
from cmgai_fem.transport.feature_space import Admissible, Modes, Scaling
from cmgai_fem.transport.forces import Autonomous, Free, KnownForce, Least, Potential, StateForce
from cmgai_fem.transport.laws import Law, NoLaw

Force = Least | StateForce | Scattered | Nested | Potential | Autonomous | Free


@dataclass(frozen=True)
class Problem:
    """Known states of one field, and the law, damping and force that carry it from state to state.

    Args:
        states: the known states alone; held-out states never enter here.
        field: name of the field to generate; the only one of `states` by default.
        law: constitutive law of the feature space; of one coordinate.
        damping: eta >= 0, per pseudo-time; of one coordinate.
        force: restriction of the body force. Over several coordinates it is `Scattered` (`Least(p)` stands for
            `Scattered(p)`) or `Nested`, which say how each coordinate is mapped and damped themselves.
        pseudo_time: kind of the map from one state coordinate to s ("linear", "log" or "power").
        exponent: of the power pseudo-time.
        origin: coordinate at which a log or power pseudo-time starts.
        reach: coordinates (lowest, highest) that will be asked for; the known range by default; of one coordinate.
        tolerance: root-mean-square misfit allowed at each known state, in the field's unit: 0 for hard states, one
            number, or (K,) numbers. Several coordinates take soft states with `Scattered` of order 0 or more.
        admissible: bounds of the field, enforced by projection.
        transform: what the field's states are carried as instead of themselves (`features.mass.MassTransform`,
            `features.moving.MovingLabels`), made from these very states; None carries the field values label by label.
        density: (L,) rho0 of the labels, None for 1; the damping acts per mass, eta = damping * rho0 (our choice).
        known_force: a force that acts besides the restricted one, with `Least(-1)` or `Least(0)`; None for none.
        fixed: (L,) True where a label does not move, whatever the law does: the Dirichlet part of the label boundary.
            The known states must agree there. None leaves the whole boundary free of traction.
    """

    states: States
    field: str = ""
    law: Law = attribute(default_factory=NoLaw)
    damping: float = 0.0
    force: Force = attribute(default_factory=Least)
    pseudo_time: str = "linear"
    exponent: float = 1.0
    origin: float = 0.0
    reach: tuple[float, float] | None = None
    tolerance: float | tuple[float, ...] = 0.0
    admissible: Admissible = attribute(default_factory=Admissible)
    transform: "Transform | MovingLabels | None" = None
    density: Array | None = None
    known_force: KnownForce | None = None
    fixed: BoolArray | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.states, States):
            raise InputError(f"a problem needs States, which read_states reads, not {type(self.states).__name__}")
        if not self.field:
            if len(self.states.fields) != 1:
                raise InputError(f"say which field to generate: {', '.join(sorted(self.states.fields))}")
            object.__setattr__(self, "field", next(iter(self.states.fields)))
        if self.damping < 0.0:
            raise InputError(f"the damping must not be negative, it is {self.damping:g}")
        if len(self.states.coordinates) > 1:
            if isinstance(self.force, Least):
                object.__setattr__(self, "force", Scattered(self.force.order))
            self._check_several()
        self.force.check(len(self.states))
        self.states.only(self.field).check_finite()
        if self.density is not None and (
            self.density.shape != (self.states.labels.count,) or self.density.min() <= 0.0
        ):
            raise InputError(f"the density must be one positive number a label, {self.states.labels.count} in all")
        if self.known_force is not None and not (isinstance(self.force, Least) and self.force.order <= 0):
            raise InputError(f"a known force goes with least(-1) or least(0), not with {self.force}")
        self._check_fixed()
        self.admissible.check_known(self.field, self.states.values, self.known.values, self.states.labels.portion)

    def _check_several(self) -> None:
        """Refuse what several coordinates do not have, saying why."""
        count, rises = len(self.states.coordinates), self.admissible.monotone
        if self.law.stiffness > 0.0:
            raise InputError(
                f"law {self.law.name!r}: in {count} state coordinates a law with stiffness leaves waves in every "
                "direction that no states determine: use none, or one coordinate"
            )
        if not isinstance(self.force, Scattered | Nested):
            raise InputError(f"force {self.force}: {count} state coordinates take least, scattered or nested forces")
        if self.damping or self.pseudo_time != "linear":
            raise InputError(
                f"{count} state coordinates: damping and pseudo-time are said for each of them, by the force "
                "(Scattered: tension and kinds; Nested: its lines)"
            )
        if rises is True or (isinstance(rises, tuple) and len(rises) != count):
            raise InputError(
                f"field {self.field!r}: say for each of the {count} coordinates whether it is monotone in it"
            )

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

    def __repr__(self) -> str:
        return f"Problem({self.field}, {self.states!r}, {self.force})"

    @property
    def known(self) -> Field:
        """The field's known values."""
        return self.states.field(self.field)

    @property
    def features(self) -> States:
        """The states that are transported: the field itself, or what its transform makes of it."""
        return self.states.only(self.field) if self.transform is None else self.transform.features

    @cached_property
    def carried(self) -> Field:
        """The values that are transported: the only field of `features`."""
        (only,) = self.features.fields.values()
        return only

    @property
    def law_free(self) -> bool:
        """Whether every label moves by itself, so that all share the weights of the known states."""
        least = isinstance(self.force, Least | Scattered | Nested)
        return least and self.law.stiffness == 0.0 and self.law.is_linear and self.known_force is None

    @cached_property
    def time(self) -> PseudoTime:
        """The map from one state coordinate to s."""
        known = self.states.scalars
        return PseudoTime(float(known[0]), float(known[-1]), self.pseudo_time, self.exponent, self.origin)

    @cached_property
    def nodes(self) -> Array:
        """(K,) pseudo-times of the known states, 0 to 1; of one coordinate."""
        return self.time(self.states.scalars)

    @cached_property
    def span(self) -> tuple[float, float]:
        """Pseudo-times that the motion must cover: the known states and the reach; of one coordinate."""
        known = self.states.scalars
        ends = self.time(np.array(self.reach or (known[0], known[-1]), dtype=float))
        return min(0.0, float(ends[0])), max(1.0, float(ends[1]))

    @cached_property
    def scaling(self) -> Scaling:
        """Map between field values and features."""
        return Scaling.of(self.carried)

    @cached_property
    def modes(self) -> Modes:
        """Displacement modes of the known states."""
        return Modes.of(self.encoded, self.features.labels.weights)

    @cached_property
    def encoded(self) -> Array:
        """(K, L, n) features of the known states."""
        return self.scaling.encode(self.carried.values)

    @cached_property
    def softness(self) -> Array:
        """(K,) allowed root-mean-square misfit of each known state in features; zeros where states are hard."""
        allowed = np.broadcast_to(np.asarray(self.tolerance, dtype=float), (len(self.states),))
        if not np.all(allowed >= 0.0):
            raise InputError("state tolerances must not be negative")
        return allowed / self.scaling.scale if allowed.any() else np.zeros(len(allowed))

    @cached_property
    def held(self) -> Force:
        """The force with the softness that the tolerance asks for, where the force is what knows it; see `soften`."""
        return self.force if isinstance(self.force, Least) else soften(self.force, self.softness)

    @cached_property
    def motion(self) -> ExactMotion:
        """The exact motion of all labels where there is no law, asked at values (T, m) of the coordinates.

        Raises:
            InputError: the states do not admit the force.
        """
        if isinstance(self.force, Least):
            return TimedMotion(self)
        held = self.held
        assert isinstance(held, Scattered | Nested)
        return held.motion(self.states.coordinates, self.states.values)

    @cached_property
    def line(self) -> LineMotion:
        """The exact motion along one pseudo-time where there is no law."""
        assert isinstance(self.force, Least)
        soft = tuple(float(misfit) for misfit in self.softness) if np.any(self.softness) else None
        return line_motion(tuple(map(float, self.nodes)), self.force.order, self.damping, self.span, soft)

    def with_reach(self, *values: ArrayLike) -> "Problem":
        """The same problem, reaching the given states; several coordinates reach everywhere."""
        if len(self.states.coordinates) > 1:
            return self
        places = [float(part) for value in values for part in np.ravel(value)]
        known = self.states.scalars
        return replace(self, reach=(min(*places, *known), max(*places, *known)))

    def with_reach_admitted(self) -> "Problem":
        """The same problem, without the part of its reach where its pseudo-time has no value, below the origin."""
        if self.reach is None or self.time.admits(self.reach[0]):
            return self
        return replace(self, reach=(float(self.states.scalars[0]), self.reach[1]))

    def check_reach(self, value: ArrayLike) -> Array:
        """A state (m,) that the problem reaches.

        Raises:
            InputError: it lies outside the reach, or has another number of coordinates.
        """
        point = self.states.coordinates.point(value)
        if len(point) == 1:
            s, (low, high) = float(self.time(point[0])), self.span
            if not low - 1e-9 <= s <= high + 1e-9:
                raise InputError(
                    f"{self.states.coordinates.label(point)} is outside the reach this transport was solved for"
                )
        return point

    def describe(self) -> dict[str, Any]:
        """What was chosen, as plain data for files and reports."""
        facts = {"field": self.field, "force": str(self.force), "law": self.law.name, "stiffness": self.law.stiffness}
        if len(self.states.coordinates) == 1:
            facts |= {"damping": self.damping, "pseudo_time": str(self.time)}
        return facts | {"carried": "label by label" if self.transform is None else str(self.transform)}


def soften(force: Force, softness: Array) -> Force:
    """A force over several coordinates with the softness (K,) of its states, in features.

    Raises:
        InputError: a force that holds its states exactly.
    """
    if not np.any(softness):
        return force
    if not isinstance(force, Scattered) or force.order < 0:
        raise InputError(f"{force} holds its states exactly: soft states need a least force of order 0 or more")
    return replace(force, allowed=tuple(float(misfit) for misfit in softness))


@dataclass(frozen=True)
class TimedMotion:
    """The exact motion of a problem along one coordinate without a law, asked at values of the coordinate."""

    problem: Problem

    def weights(self, points: Array) -> Array:
        """(T, K) weights of the known states at values (T, 1)."""
        return self.problem.line.weights(self.problem.time(points[:, 0]))

    @property
    def left_out(self) -> Array:
        """See `motions.base.ExactMotion.left_out`; the pseudo-time stays that of all states."""
        problem = self.problem
        assert isinstance(problem.force, Least)
        return left_out_map(tuple(map(float, problem.nodes)), problem.force.order, problem.damping)


class Transform(Protocol):
    """A field's states as something else that is transported, and the way back."""

    @property
    def features(self) -> States:
        """The transported states: one field, on labels of their own."""

    def decode(self, features: Array, state: str = "generated state") -> Array:
        """The field (L, n) of transported features (L', n'); `state` is for messages."""
