"""Units at the edge, by pint: the user's own on the way in and out, SI between."""

import re
from dataclasses import dataclass
from functools import cache
from tokenize import TokenError
from typing import Any

from cmgai_fem.errors import InputError
from cmgai_fem.files.trust import printable

# Spellings of tables that pint reads otherwise, or not at all.
SPELLINGS = {
    "C": "degC",
    "F": "degF",
    "℃": "degC",
    "℉": "degF",
    "": "dimensionless",
    "-": "dimensionless",
    "1": "dimensionless",
}
UNIT = re.compile(r"[A-Za-zΩµμ°%·*/^()⁻¹²³0-9.+\s-]{1,60}$")
# Powers as text: "mm2", "s-1". A product by point or space: "Pa.s".
POWER = re.compile(r"(?<![\w.])([A-Za-zΩµμ°]+)([-+]?\d)(?![\d.])")
POINT = re.compile(r"(?<=[A-Za-z\d])\.(?=[A-Za-z])")
LARGEST_POWER = 9.0
# A value so large that a shifted zero leaves all digits of the factor.
FAR = 512.0
QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*)$")


@dataclass(frozen=True)
class Unit:
    """A unit: value in SI = factor * value + shift.

    Args:
        name: as the user writes it.
        factor: see above.
        shift: see above; 0 but for temperatures.
        dimension: of the quantities that have it, e.g. "[length] / [time]".
    """

    name: str
    factor: float
    shift: float
    dimension: str

    def to_si(self, value: float) -> float:
        """A value in this unit in SI."""
        return self.factor * value + self.shift

    def of_si(self, value: float) -> float:
        """A value in SI in this unit, to the digits that its own rounding leaves."""
        result = (value - self.shift) / self.factor
        return float(f"{result:.13g}") if self.shift else result


@cache
def _registry() -> Any:
    # Half a second, which only runs with units pay.
    from pint import UnitRegistry

    return UnitRegistry()


@cache
def unit_of(text: str) -> Unit:
    """The unit that a text names; "", "-" and "1" name none.

    Raises:
        InputError: it names no unit that is known.
    """
    plain = text.strip()
    plain = SPELLINGS.get(plain, plain)
    plain = POINT.sub("*", POWER.sub(r"\1^\2", plain))
    unknown = InputError(f"unit {printable(text)!r} is unknown; write it as a product, e.g. MPa, degC, 1/s, kN/mm^2")
    if not UNIT.match(plain):
        raise unknown
    from pint import PintError

    registry = _registry()
    try:
        unit = registry.parse_units("1" + plain if plain.startswith("/") else plain)
        zero, one, far = (registry.Quantity(value, unit).to_base_units().magnitude for value in (0.0, 1.0, FAR))
    except (PintError, ValueError, TypeError, ArithmeticError, AttributeError, SyntaxError, TokenError):
        raise unknown from None
    factor = (far - zero) / FAR
    linear = abs(one - zero - factor) <= 1e-9 * factor
    if not linear or any(abs(power) > LARGEST_POWER for power in dict(unit._units).values()):
        raise unknown
    # Tables of conversion round to some fifteen digits: 0.3048 and not 0.30479999999999996.
    return Unit(text, float(f"{factor:.14g}"), float(f"{zero:.14g}"), str(unit.dimensionality))


def value_in(text: str, unit: Unit) -> float:
    """A number as it may be written with a unit of its own, e.g. "598 K", in the unit.

    Raises:
        InputError: it is no number, or its unit is one of another quantity.
    """
    found = QUANTITY.match(text)
    if found is None:
        raise InputError(f"{printable(text.strip())!r} is no number")
    number, own = float(found[1]), found[2].strip()
    if not own:
        return number
    given = unit_of(own)
    if given.dimension != unit.dimension:
        raise InputError(
            f"{printable(text.strip())!r}: {printable(own)} is no unit of what is in {unit.name or 'no unit'}"
        )
    return unit.of_si(given.to_si(number))
