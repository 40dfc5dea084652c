"""What calibration may choose for the transport of curves: feature, pseudo-time, order and softness of the states.

The stress enters the feature space by a power (Box and Cox): logarithm, root or itself. A logarithm makes one motion of
factors that act on the whole curve, as temperature and rate do in most metals.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.states.states import Array

STRESS_UNIT = 1e8
POWERS = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Choice:
    """One choice of everything that may be chosen along one state coordinate.

    Args:
        power: of the stress in the feature space; 0 is the logarithm.
        axis: kind of the map from the coordinate to pseudo-time.
        order: p of the least force.
        soft: the states hold within the measured scatter; otherwise exactly.
        filtered: modes of the known curves that the measured scatter alone could have made are left out.
        damping: eta.
    """

    power: float = 1.0
    axis: str = "linear"
    order: int = 0
    soft: bool = False
    filtered: bool = False
    damping: float = 0.0

    def encode(self, stress: Array) -> Array:
        """Feature of stresses [Pa]."""
        ratio = stress / STRESS_UNIT
        return np.log(ratio) if self.power == 0.0 else (ratio**self.power - 1.0) / self.power

    def decode(self, feature: Array) -> Array:
        """Stresses [Pa] of features; a feature below that of zero stress is zero stress."""
        if self.power == 0.0:
            return STRESS_UNIT * np.exp(feature)
        return STRESS_UNIT * np.maximum(1.0 + self.power * feature, 0.0) ** (1.0 / self.power)

    def slope(self, stress: Array) -> Array:
        """Change of the feature for a relative change of the stress: `stress * d feature / d stress`."""
        return (stress / STRESS_UNIT) ** self.power

    def describe(self) -> dict[str, Any]:
        """The choice as plain data."""
        return {
            "feature": {0.0: "log stress", 0.5: "root of stress", 1.0: "stress"}[self.power],
            "pseudo_time": self.axis,
            "order": self.order,
            "states": "soft" if self.soft else "hard",
            "modes": "above the scatter" if self.filtered else "all",
            "damping": self.damping,
        }

    def __str__(self) -> str:
        parts = self.describe()
        extras = f", modes {parts['modes']}" if self.filtered else ""
        extras += f", damping {self.damping:g}" if self.damping else ""
        return f"{parts['feature']} over {self.axis} pseudo-time, order {self.order}, {parts['states']} states{extras}"


def axes_for(name: str, values: Array) -> tuple[str, ...]:
    """Kinds of pseudo-time to try for the coordinate called `name` with these known values.

    A strain rate counts by its logarithm (dislocations overcome obstacles by thermal activation, and the stress goes
    with ln rate); a temperature by itself, its logarithm or its square; anything else as a temperature.
    """
    if "rate" in name:
        if values.min() <= 0.0:
            raise InputError(f"{name} {values.min():g}: a rate must be positive")
        return ("log",)
    return ("linear", "log") if values.min() > 0.0 else ("linear",)


def stretch(axis: str, values: Array) -> Array:
    """The coordinate on a pseudo-time axis, increasing with it."""
    if axis == "linear":
        return np.asarray(values, dtype=float)
    if np.min(values) <= 0.0:
        raise InputError(f"state {float(np.min(values)):g} has no place on a {axis} pseudo-time: it must be positive")
    if axis == "log":
        return np.log(values)
    if axis == "square":
        return np.asarray(values, dtype=float) ** 2
    raise InputError(f"pseudo-time {axis!r} is unknown; there are: linear, log, square")


def candidates(axes: tuple[str, ...], states: int, soft: bool, highest_order: int = 1) -> list[Choice]:
    """Everything to try with `states` known states, the plainest first."""
    plain = [
        Choice(power, axis, order)
        for axis in axes
        for power in reversed(POWERS)
        for order in range(-1, min(highest_order + 1, states - 1))
    ]
    if not soft:
        return plain
    # Soft states go with filtered modes: what scatter alone could have made is not worth smoothing.
    softened = [replace(choice, soft=True) for choice in plain if choice.order >= 0]
    return plain + [replace(choice, filtered=True) for choice in plain + softened]
