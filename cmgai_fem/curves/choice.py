"""What calibration may choose for the transport of curves: feature, pseudo-times, order and softness of the states.

The stress enters the feature space by a power (Box and Cox): logarithm, root or itself. A logarithm makes one motion of
factors that act on the whole curve, as temperature and rate do in most metals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate

STRESS_UNIT = 1e8
# What is carried, by the power of the stress that it grows with.
FEATURES = {0.0: "log stress", 0.5: "root of stress", 1.0: "stress"}
POWERS = tuple(FEATURES)


@dataclass(frozen=True)
class Choice:
    """One choice of everything that may be chosen over one state coordinate or two.

    Args:
        power: of the stress in the feature space; 0 is the logarithm.
        axes: kind of the map from each coordinate to its pseudo-time.
        order: p of the least force.
        soft: the states hold within the measured scatter; otherwise exactly.
        filtered: modes of the known curves that the measured scatter alone could have made are left out.
        scale: length of one unit of the second pseudo-time in units of the first; of two coordinates.
    """

    power: float = 1.0
    axes: tuple[str, ...] = ("linear",)
    order: int = 0
    soft: bool = False
    filtered: bool = False
    scale: float = 1.0

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
        facts: dict[str, Any] = {
            "feature": FEATURES[self.power],
            "pseudo_time": self.axes[0],
            "order": self.order,
            "states": "soft" if self.soft else "hard",
            "modes": "above the scatter" if self.filtered else "all",
        }
        if len(self.axes) > 1:
            facts |= {"pseudo_time": f"{' and '.join(self.axes)}, 1 to {self.scale:.3g}", "scale": self.scale}
        return facts

    def __str__(self) -> str:
        parts = self.describe()
        extras = f", modes {parts['modes']}" if self.filtered else ""
        extras += f", against {self.axes[1]} pseudo-time by {self.scale:.3g}" if len(self.axes) > 1 else ""
        return (
            f"{parts['feature']} over {self.axes[0]} pseudo-time, order {self.order}, {parts['states']} states{extras}"
        )


def unchanged(choice: Choice) -> Choice:
    """The choice itself."""
    return choice


@dataclass(frozen=True)
class Offer:
    """What calibration may choose from: everything, or less, to tell what a part of the method is worth.

    Args:
        change: what a choice becomes; None where it is not offered.
        ways: kinds of ways that are offered; all if empty.
        superposed: several choices, and several ways, may share a curve.
        fits: constitutive models may join.
    """

    change: Callable[[Choice], Choice | None] = unchanged
    ways: tuple[str, ...] = ()
    superposed: bool = True
    fits: bool = True

    def of(self, choices: Sequence[Choice]) -> list[Choice]:
        """The choices that are offered; all where none of them is, as to a way that knows no such choice."""
        changed = [self.change(choice) for choice in choices]
        return list(dict.fromkeys(choice for choice in changed if choice is not None)) or list(choices)


EVERYTHING = Offer()


def axes_for(coordinate: Coordinate, values: Array) -> tuple[str, ...]:
    """Kinds of pseudo-time to try for a coordinate with these values, known ones and those asked for.

    A strain rate counts by its logarithm (dislocations overcome obstacles by thermal activation, and the stress goes
    with ln rate); a temperature by itself or its logarithm; anything else as a temperature.
    """
    if "rate" in coordinate.name:
        if values.min() <= 0.0:
            raise InputError(f"{coordinate.name} {values.min():g}: a rate must be positive")
        return ("log",)
    return ("linear", "log") if values.min() > 0.0 else ("linear",)


def stretch(axis: str, values: Array) -> Array:
    """The coordinate on a pseudo-time axis, "linear" or "log", increasing with it."""
    if axis == "linear":
        return np.asarray(values, dtype=float)
    if np.min(values) <= 0.0:
        raise InputError(f"state {float(np.min(values)):g} has no place on a {axis} pseudo-time: it must be positive")
    return np.log(values)
