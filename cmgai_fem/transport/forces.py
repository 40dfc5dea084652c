"""Force models: what the body force of the feature-space continuum may be.

Any motion at all satisfies the momentum balance with *some* body force, so the balance says nothing between two
states until the force is restricted. Each class below is one restriction. `Least` is the default; `Free` is the
restriction by network size alone that the CM-GAI paper describes (arXiv 2601.20462, no equation was available to us);
`Least`, `Potential` and `Autonomous` are our choice.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from cmgai_fem.errors import InputError
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


ForceModel = Least | Potential | Autonomous | Free


def make_force(name: str, order: int = 0) -> ForceModel:
    """The force model called `name` ("least", "potential", "autonomous", "free")."""
    models = {"potential": Potential, "autonomous": Autonomous, "free": Free}
    if name == Least.name:
        return Least(order)
    if name not in models:
        raise InputError(f"force model {name!r} is unknown; there are: least, {', '.join(models)}")
    return models[name]()


def _need_two(states: int) -> None:
    if states < 2:
        raise InputError(f"transport needs at least two known states, there is {states}")
