"""A known force of label values, as the finite elements take it."""

from collections.abc import Callable
from dataclasses import dataclass

from cmgai_fem.states.states import Array
from cmgai_fem.transport.forces import KnownForce
from cmgai_fem.transport.problem import Problem

Reorder = Callable[[Array], Array]


@dataclass(frozen=True)
class ForceOnDofs:
    """A known force of label values as one of degrees of freedom."""

    force: KnownForce
    to_dofs: Reorder
    to_labels: Reorder

    def __call__(self, displacement: Array, s: float) -> Array:
        """Force (D,) at a displacement (D,)."""
        return self.to_dofs(self.force(self.to_labels(displacement), s))

    def slope(self, displacement: Array, s: float) -> Array:
        """Its derivative (D,), entry by entry."""
        return self.to_dofs(self.force.slope(self.to_labels(displacement), s))


def force_on_dofs(problem: Problem, to_dofs: Reorder, to_labels: Reorder) -> ForceOnDofs | None:
    """The known force of a problem on degrees of freedom; None if it has none."""
    return None if problem.known_force is None else ForceOnDofs(problem.known_force, to_dofs, to_labels)
