"""Heat that crosses the surface or arises inside: convection, flux, source."""

from typing import Any, ClassVar

from cmgai_fem.mechanics.conditions.base import Condition, Physics, WeakForm
from cmgai_fem.mechanics.inputs import Value


class Convection(Condition):
    """Heat lost to a fluid, q . n = h (T - T_a), on faces; on the cells of a plate, of both its faces by thickness.

    Args:
        coefficient: h [W/(m^2 K)]; on cells [W/(m^3 K)].
        ambient: T_a, temperature of the fluid.
    """

    table: ClassVar[str] = "convection"
    physics: ClassVar[Physics] = "heat"
    places = ("faces", "cells")
    coefficient: Value
    ambient: Value

    def residual(self, weak: WeakForm) -> Any:
        """See `Condition.residual`."""
        h = weak.inputs.scalar(self.coefficient, f"coefficient of {self.name}")
        ambient = weak.inputs.scalar(self.ambient, f"ambient of {self.name}")
        return weak.integral(h * (weak.unknown - ambient) * weak.test, self.on)


class Flux(Condition):
    """Heat that flows in through a face, -q . n = value.

    Args:
        value: [W/m^2].
    """

    table: ClassVar[str] = "flux"
    physics: ClassVar[Physics] = "heat"
    value: Value

    def residual(self, weak: WeakForm) -> Any:
        """See `Condition.residual`."""
        return -weak.integral(weak.inputs.scalar(self.value, self.name) * weak.test, self.on)


class HeatSource(Flux):
    """Heat that arises in a volume.

    Args:
        value: [W/m^3].
    """

    table: ClassVar[str] = "heat_source"
    places = ("cells",)
