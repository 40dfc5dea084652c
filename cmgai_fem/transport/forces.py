"""Force models: what the body force of the feature-space continuum may be.

Any motion at all satisfies the momentum balance with *some* body force, so the balance says nothing between two
states until the force is restricted. Each class below is one restriction. `Least` is the default; `Free` is the
restriction by network size alone that the CM-GAI paper describes (arXiv 2601.20462, no equation was available to us);
`Least`, `StateForce`, `Potential` and `Autonomous` are our choice.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal, Protocol, Self

from cmgai_fem.errors import InputError
from cmgai_fem.motions.mended_law import MendedLaw
from cmgai_fem.motions.modal_law import ModalLaw
from cmgai_fem.motions.shared_law import SharedLaw
from cmgai_fem.states.labels import Array


class KnownForce(Protocol):
    """A body force per mass that acts besides the restricted one, and is known: a pull, a weight, a field.

    It acts on the displacement from the first state, in the field's unit, each label value by itself.
    """

    def __call__(self, displacement: Array, s: float) -> Array:
        """Force (L, n) at a displacement (L, n) and pseudo-time s."""

    def slope(self, displacement: Array, s: float) -> Array:
        """Derivative (L, n) of each entry of the force in its own displacement."""


@dataclass(frozen=True)
class Least:
    """Among all motions through the states, the one of least `1/2 int rho0 |d^p b/ds^p|^2`.

    With no law and no damping every label follows the natural spline of order p + 2 through its states: p = -1
    straight pieces (a blow at each inner state, nothing between: optimal transport from state to state), p = 0 the
    natural cubic, p = 1 the natural quintic, p = K - 2 the polynomial through K states.

    Args:
        order: p, from -1 to K - 2.
    """

    name: ClassVar[str] = "least"
    order: int = 0

    def __post_init__(self) -> None:
        if self.order < -1:
            raise InputError(f"least force: the order must be -1 or more, not {self.order}")

    def check(self, states: int) -> None:
        """Refuse an order that `states` known states cannot determine."""
        if self.order > states - 2:
            raise InputError(
                f"least force of order {self.order} needs {self.order + 2} known states, there are {states}"
            )

    def __str__(self) -> str:
        return f"least({self.order})"


@dataclass(frozen=True)
class StateForce:
    """`b = A x + B x' + c + r`: a law of motion that all labels share, its remainder r least; along a time.

    The law is found in all known states at once, as the most probable one; the absolute field obeys it.

    Args:
        order: m, the derivative in time that the law tells: 1 decay, turns and diffusion, 2 swings and waves, 3 both.
        lifts: p, the derivative of the remainder that is least; from 1 on there is a constant force for every label.
        acts: "alike" on every component by the same numbers, by one "matrix" of all components, or by the "operator" of
            the label mesh, `-kappa K x - (c_0 + c_1 K) x'`, on a scalar field.
        held: labels on the boundary whose value never changes are held there; of the operator.
        exchange: with what is around, h in the inverse of the body's longest side; of the operator.
        bends: the label mesh is a plate, its held labels supported or clamped; of waves with the operator.
        mended: what the operator is off by is told by the states, too; of diffusion.
        law: the law that was found, None to find it.
        unit: of the law's pseudo-time, in that of the coordinate; the known range by default.
    """

    name: ClassVar[str] = "state"
    order: int = 1
    lifts: int = 0
    acts: Literal["alike", "matrix", "operator"] = "alike"
    held: bool = False
    exchange: float = 0.0
    mended: bool = False
    bends: Literal["", "supported", "clamped"] = ""
    law: SharedLaw | ModalLaw | None = None
    unit: float | None = None

    def __post_init__(self) -> None:
        if self.bends and (self.acts, self.order) != ("operator", 2):
            raise InputError("state force: a plate that bends has waves, of order 2, by the operator")
        if self.mended and (self.acts, self.order, self.lifts) != ("operator", 1, 0):
            raise InputError("state force: the operator of diffusion without constant forces alone is mended")
        if self.order not in ((1, 2) if self.acts == "operator" else (1, 2, 3)) or self.lifts not in (0, 1):
            raise InputError(f"state force: there is none of order {self.order} that acts by {self.acts}")

    def check(self, states: int) -> None:
        """Refuse a law that `states` known states cannot be held against."""
        if states < self.order + self.lifts + 1:
            raise InputError(
                f"{self} needs {self.order + self.lifts + 1} known states or more, there are {states}: leave it out"
            )

    @property
    def sought(self) -> "SharedLaw | ModalLaw":
        """The law, not found yet."""
        if self.acts != "operator":
            return SharedLaw(self.order, self.lifts, self.acts == "matrix")
        return (MendedLaw if self.mended else ModalLaw)(self.order, self.lifts)

    @property
    def unfitted(self) -> Self:
        """The same kind of law, not found yet."""
        return replace(self, law=None, unit=None)

    def describe(self) -> dict[str, Any]:
        """The force as plain data."""
        law = None if self.law is None else asdict(self.law)
        return {**{key: value for key, value in vars(self).items() if key != "law"}, "kind": self.name, "law": law}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Self:
        """The force that `describe` wrote."""
        told = {key: value for key, value in data.items() if key not in ("kind", "law")}
        law = data["law"]
        if law is not None:
            law = replace(cls(**told).sought, **law | {"entries": tuple(law["entries"])})
        return cls(**told, law=law)

    def __str__(self) -> str:
        if self.acts == "operator":
            head = "bending waves" if self.bends else ("diffusion", "waves")[self.order - 1]
        else:
            head = f"{('first', 'second', 'third')[self.order - 1]}-order law"
        parts = {"matrix": ["one matrix"], "alike": ["every component alike"], "operator": []}[self.acts]
        parts += ["constant forces"] if self.lifts else []
        parts += (
            [f"{self.bends or 'held'} boundary"]
            if self.held
            else [f"exchange {self.exchange:.3g}"]
            if self.exchange
            else []
        )
        parts += ["mended"] if self.mended else []
        return f"{head} ({', '.join(parts)})" if parts else head


@dataclass(frozen=True)
class Potential:
    """`b = -grad V(x)`, V a network of the feature point alone: the force depends on the state, not on the clock.

    Args:
        width: hidden units in each of two layers.
        weight_decay: weight of the squared network weights in the loss.
    """

    name: ClassVar[str] = "potential"
    width: int = 16
    weight_decay: float = 1e-8

    def check(self, states: int) -> None:
        """Two states are enough."""
        _need_two(states)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Autonomous(Potential):
    """`b = b(x)`: a force of the feature point without a potential."""

    name: ClassVar[str] = "autonomous"


@dataclass(frozen=True)
class Free(Potential):
    """`b(X, s)`, a network restricted by its size and weight decay alone (as in the paper)."""

    name: ClassVar[str] = "free"


ForceModel = Least | StateForce | Potential | Autonomous | Free


def _need_two(states: int) -> None:
    if states < 2:
        raise InputError(f"transport needs at least two known states, there is {states}")
