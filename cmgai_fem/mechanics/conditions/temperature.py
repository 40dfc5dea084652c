"""Given temperature."""

from typing import Any, ClassVar

from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions.base import KINDS, Condition, Physics
from cmgai_fem.mechanics.inputs import Value


class Temperature(Condition):
    """Given temperature, T = value: where heat is conducted, on cells, faces, edges or points; else of whole cells.

    Args:
        value: [degC or K, one unit in a file].
    """

    table: ClassVar[str] = "temperature"
    physics: ClassVar[Physics] = "heat"
    places = (*KINDS[:3], "cells")
    value: Value

    def given(self, body: Body) -> list[tuple[int, Any]]:
        """See `Condition.given`."""
        return [(0, self.value)]
