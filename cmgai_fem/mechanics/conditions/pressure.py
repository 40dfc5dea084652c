"""Normal pressure."""

from typing import Any, ClassVar

import ufl

from cmgai_fem.mechanics.conditions.base import Condition, Physics, WeakForm
from cmgai_fem.mechanics.inputs import Value


class Pressure(Condition):
    """Pressure on a face, t = -p n, against the outer normal n of the undeformed body.

    Args:
        value: p [Pa].
    """

    table: ClassVar[str] = "pressure"
    physics: ClassVar[Physics] = "mechanics"
    value: Value

    def residual(self, weak: WeakForm) -> Any:
        """See `Condition.residual`."""
        pressure = weak.inputs.scalar(self.value, self.name)
        return weak.integral(pressure * ufl.dot(weak.normal, weak.test), self.on)
