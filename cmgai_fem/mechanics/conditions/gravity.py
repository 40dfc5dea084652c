"""Forces on the volume: weight, and any other."""

from typing import Any, ClassVar

import ufl

from cmgai_fem.mechanics.conditions.base import Condition, Physics, WeakForm, vector
from cmgai_fem.mechanics.inputs import Value


class BodyForce(Condition):
    """Force a volume on a group of cells, b = (x, y, z).

    Args:
        x, y, z: components [N/m^3].
    """

    table: ClassVar[str] = "body_force"
    physics: ClassVar[Physics] = "mechanics"
    places = ("cells",)
    x: Value = 0.0
    y: Value = 0.0
    z: Value = 0.0

    def residual(self, weak: WeakForm) -> Any:
        """See `Condition.residual`."""
        return -weak.integral(ufl.inner(vector(weak, (self.x, self.y, self.z), self.name), weak.test), self.on)


class Gravity(BodyForce):
    """Weight of a group of cells, b = rho (x, y, z), rho the density of its material.

    Args:
        x, y, z: acceleration [m/s^2].
    """

    table: ClassVar[str] = "gravity"

    def residual(self, weak: WeakForm) -> Any:
        """See `Condition.residual`."""
        return weak.density(self.on) * super().residual(weak)
