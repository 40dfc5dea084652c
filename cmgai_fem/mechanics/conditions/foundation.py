"""Elastic foundation."""

from typing import Any, ClassVar

import ufl

from cmgai_fem.mechanics.conditions.base import Condition, Physics, WeakForm
from cmgai_fem.mechanics.inputs import Value


class Foundation(Condition):
    """Springs under a face, t = -k u, or t = -k (u . n) n.

    Args:
        stiffness: k [N/m^3].
        normal: springs act along the normal alone.
    """

    table: ClassVar[str] = "foundation"
    physics: ClassVar[Physics] = "mechanics"
    stiffness: Value
    normal: bool = False

    def residual(self, weak: WeakForm) -> Any:
        """See `Condition.residual`."""
        u, v, n = weak.unknown, weak.test, weak.normal
        work = ufl.dot(u, n) * ufl.dot(v, n) if self.normal else ufl.inner(u, v)
        return weak.integral(weak.inputs.scalar(self.stiffness, self.name) * work, self.on)
