"""A rigid wall that a body in motion may strike."""

from typing import Annotated, ClassVar

import numpy as np
from pydantic import AfterValidator

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions.base import Condition, Physics
from cmgai_fem.mechanics.inputs import Value
from cmgai_fem.states.labels import Array


def _direction(value: list[float]) -> list[float]:
    if not np.linalg.norm(value) > 0.0:
        raise ValueError("a wall has a normal of some length")
    return value


class Wall(Condition):
    """A rigid frictionless plane, n . (x + u - p) >= d, that nodes of the surface cannot pass and may leave again.

    Args:
        on: faces that may strike it; the whole surface if left out.
        point: p, a point of the plane at the start [m].
        normal: n, from the wall to the body, of any length.
        travel: d, how far it has moved along its normal [m]: a number, a table over time or a formula of s and t.
    """

    table: ClassVar[str] = "wall"
    physics: ClassVar[Physics] = "mechanics"
    dynamic: ClassVar[bool] = True
    places = ("faces", "cells")
    on: str = ""
    point: list[float]
    normal: Annotated[list[float], AfterValidator(_direction)]
    travel: Value = 0.0

    def plane(self, body: Body) -> tuple[Array, Array]:
        """Unit normal (g,) and point (g,) [m].

        Raises:
            InputError: they have another dimension than the mesh.
        """
        count = body.mesh.geometry.dim
        for key, value in (("point", self.point), ("normal", self.normal)):
            if len(value) != count:
                raise InputError(f"{self.name}: {key} has {len(value)} coordinates, the mesh {count}")
        return np.array(self.normal) / np.linalg.norm(self.normal), np.array(self.point)

    def check(self, body: Body) -> None:
        """See `Condition.check`."""
        super().check(body)
        self.plane(body)
