"""Traction, and the force that it sums up to."""

from typing import Any, ClassVar

import ufl

from cmgai_fem.mechanics.conditions.base import Condition, Physics, WeakForm, vector
from cmgai_fem.mechanics.inputs import Value


class Traction(Condition):
    """Force an area on a face, t = (x, y, z).

    Args:
        x, y, z: components [Pa].
    """

    table: ClassVar[str] = "traction"
    physics: ClassVar[Physics] = "mechanics"
    x: Value = 0.0
    y: Value = 0.0
    z: Value = 0.0

    def residual(self, weak: WeakForm) -> Any:
        """See `Condition.residual`."""
        traction = vector(weak, (self.x, self.y, self.z), self.name)
        return -weak.integral(ufl.inner(traction, weak.test), self.on)
