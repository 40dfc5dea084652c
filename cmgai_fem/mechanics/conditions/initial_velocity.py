"""Velocity at the start."""

from typing import Any, ClassVar

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions.base import Condition, Physics
from cmgai_fem.mechanics.inputs import Value


class InitialVelocity(Condition):
    """Velocity at the start.

    Args:
        on: cells; the whole body if left out.
        x, y, z: components [m/s]: numbers, or formulas of x, y, z and s.
    """

    table: ClassVar[str] = "initial_velocity"
    physics: ClassVar[Physics] = "mechanics"
    dynamic: ClassVar[bool] = True
    places = ("cells",)
    on: str = ""
    x: Value = 0.0
    y: Value = 0.0
    z: Value = 0.0

    def components(self, body: Body) -> list[Any]:
        """Its `Value`s, one a coordinate of the mesh.

        Raises:
            InputError: a component that the mesh has not.
        """
        count = body.mesh.geometry.dim
        parts = [self.x, self.y, self.z]
        if any(part != 0.0 for part in parts[count:]):
            raise InputError(f"{self.name}: a {count}-D mesh has no z")
        return parts[:count]
