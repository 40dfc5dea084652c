"""Maps of a body onto itself that carry the labels from one known state to the next, and how they are sought.

Between states A and B the map psi is least in

    E(psi) = mean |B(psi) - A|^2 / mean |B - A|^2  +  kappa mean W(grad psi),

W a law with unit moduli, kappa the stiffness, which has no unit: the change of value that remains against the elastic
energy of the body. One half is equilibrium under the image force. Whoever solves it, finite elements or networks,
does so by `Register`; the order in which stiffnesses are tried, and second attempts, are the same for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cmgai_fem.states.labels import Array
from cmgai_fem.transport.laws import NeoHookean

# Widths of the smoothing from coarse to fine, in lengths of the body; for large motions and small features.
LADDER = (0.1, 0.03, 0.0)
WIDE_LADDER = (0.2, 0.1, 0.03, 0.0)
# Map and stiffness from which softer bodies are reached; stiffer ones start from rest.
STARTING_STIFFNESS = 0.3
SECOND_STIFFNESS = 1.0
# What remains of the misfit, and the least J, at which a map is sought a second time from a stiffer body.
POOR_MISFIT, POOR_JACOBIAN = 0.1, 0.05
# A step may lower the least J to this part of it, at once.
CLOSING, OPEN = 0.1, 0.5
# Squared change, relative to that of the values, below which two states are alike.
ALIKE = 1e-28
# The logarithm of J itself, down to where no map gets.
DEFAULT_LAW = NeoHookean(small_jacobian=1e-3)


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A map of the labels between two neighbouring known states.

    Args:
        places: (N, g) where each node's label is at the second state, in the coordinates of the body's mesh.
        stiffness: kappa.
        misfit: what remains of the change of value, relative to the change at each place; 1 where nothing moves.
        energy: mean elastic energy of unit moduli.
        least_jacobian: least J of all simplices.
        steps: steps of the solver.
    """

    places: Array
    stiffness: float
    misfit: float
    energy: float
    least_jacobian: float
    steps: int

    @property
    def total(self) -> float:
        """The functional at the map."""
        return self.misfit + self.stiffness * self.energy

    @property
    def poor(self) -> bool:
        """Whether a second attempt is worth its while."""
        return self.misfit > POOR_MISFIT or self.least_jacobian < POOR_JACOBIAN


@dataclass(frozen=True)
class SmoothedPair:
    """Two states at one level of smoothing, as a solver of the map sees them.

    Args:
        first: (n, C) first state where the functional is taken.
        second: (N, C) second state at the nodes.
        slopes: (N, C, g) its gradients.
        change: mean squared change from the first to the second.
    """

    first: Array
    second: Array
    slopes: Array
    change: float


class Register(Protocol):
    """Finds the map of one pair of neighbouring states."""

    def __call__(
        self, pair: int, stiffness: float, start: Array | None = None, ladder: Sequence[float] = LADDER
    ) -> LabelMap:
        """The map from state `pair` to the next.

        Args:
            pair: row of the first state.
            stiffness: kappa > 0.
            start: (N, g) places to start from; the labels' own by default.
            ladder: widths of the smoothing of both states, in lengths of the body, ending in 0.
        """


def register_stiff(register: Register, pair: int, stiffness: float) -> LabelMap:
    """The map of a stiffness of `STARTING_STIFFNESS` or more, from rest, with a second attempt where it is poor."""
    return second_attempt(register, pair, register(pair, stiffness))


def register_at(register: Register, pair: int, stiffness: float) -> LabelMap:
    """The map of any stiffness, from rest; of a soft body by way of a stiffer one."""
    found = register_stiff(register, pair, max(stiffness, STARTING_STIFFNESS))
    return found if stiffness >= STARTING_STIFFNESS else register_softer(register, pair, stiffness, found)


def second_attempt(register: Register, pair: int, found: LabelMap) -> LabelMap:
    """The map itself, or where it is poor the better of it and one that comes from a stiffer, smoother problem."""
    stiffness = found.stiffness
    if not found.poor or stiffness > SECOND_STIFFNESS:
        return found
    stiffer = register(pair, SECOND_STIFFNESS, ladder=WIDE_LADDER)
    again = stiffer if stiffness == SECOND_STIFFNESS else register(pair, stiffness, stiffer.places, (0.0,))
    return min(found, again, key=lambda one: one.total)


def register_softer(register: Register, pair: int, stiffness: float, stiffer: LabelMap) -> LabelMap:
    """The map of a softer body than that of the map `stiffer`, continued from it.

    A soft body that starts from rest falls into false minima of the coarse levels.
    """
    return register(pair, stiffness, stiffer.places, (0.0,))


def at_rest(places: Array, stiffness: float) -> LabelMap:
    """The map of states that are alike: nothing moves."""
    return LabelMap(places, stiffness, 0.0, 0.0, 1.0, 0)
