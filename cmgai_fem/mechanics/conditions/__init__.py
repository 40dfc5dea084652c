"""Conditions: loads and supports, one small class each, by the name of their tables in a file."""

from cmgai_fem.mechanics.conditions.base import Condition, WeakForm
from cmgai_fem.mechanics.conditions.fixed import Fixed, Symmetry
from cmgai_fem.mechanics.conditions.foundation import Foundation
from cmgai_fem.mechanics.conditions.gravity import BodyForce, Gravity
from cmgai_fem.mechanics.conditions.heat_exchange import Convection, Flux, HeatSource
from cmgai_fem.mechanics.conditions.initial_velocity import InitialVelocity
from cmgai_fem.mechanics.conditions.moving_source import MovingSource
from cmgai_fem.mechanics.conditions.pressure import Pressure
from cmgai_fem.mechanics.conditions.temperature import Temperature
from cmgai_fem.mechanics.conditions.traction import Traction
from cmgai_fem.mechanics.conditions.wall import Wall

CONDITIONS: tuple[type[Condition], ...] = (
    Fixed, Symmetry, Pressure, Traction, BodyForce, Gravity, Foundation, InitialVelocity, Wall,
    Temperature, Convection, Flux, HeatSource, MovingSource,
)  # fmt: skip

__all__ = [*(kind.__name__ for kind in CONDITIONS), "CONDITIONS", "Condition", "WeakForm"]
