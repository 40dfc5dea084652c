"""Units at the edge: the user's own on the way in and out, SI between.

A unit is a product of powers of symbols with their prefixes ("kN/mm^2", "1/s", "degC"); one that is not known is
refused. pint does more and is not among the dependencies.
"""

import re
from dataclasses import dataclass

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.files.trust import printable

Dimension = tuple[int, int, int, int, int]
"""Powers of length, mass, time, temperature and current."""

NONE, LENGTH, MASS, TIME, HEAT = (0, 0, 0, 0, 0), (1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (0, 0, 1, 0, 0), (0, 0, 0, 1, 0)
CURRENT, FORCE, PRESSURE = (0, 0, 0, 0, 1), (1, 1, -2, 0, 0), (-1, 1, -2, 0, 0)
ENERGY, POWER, RATE, VOLT = (2, 1, -2, 0, 0), (2, 1, -3, 0, 0), (0, 0, -1, 0, 0), (2, 1, -3, 0, -1)
# Symbols with their size in SI; those of the first table take prefixes.
PREFIXED: dict[str, tuple[float, Dimension]] = {
    "m": (1.0, LENGTH), "g": (1e-3, MASS), "s": (1.0, TIME), "K": (1.0, HEAT), "A": (1.0, CURRENT),
    "N": (1.0, FORCE), "Pa": (1.0, PRESSURE), "J": (1.0, ENERGY), "W": (1.0, POWER), "Hz": (1.0, RATE),
    "V": (1.0, VOLT), "eV": (1.602176634e-19, ENERGY), "bar": (1e5, PRESSURE), "l": (1e-3, (3, 0, 0, 0, 0)),
    "L": (1e-3, (3, 0, 0, 0, 0)), "rad": (1.0, NONE), "strain": (1.0, NONE),
}  # fmt: skip
PLAIN: dict[str, tuple[float, Dimension]] = {
    "%": (1e-2, NONE), "ppm": (1e-6, NONE), "deg": (np.pi / 180.0, NONE), "°": (np.pi / 180.0, NONE),
    "min": (60.0, TIME), "h": (3600.0, TIME), "d": (86400.0, TIME), "rpm": (1.0 / 60.0, RATE),
    "t": (1e3, MASS), "lb": (0.45359237, MASS), "lbf": (4.4482216152605, FORCE), "in": (0.0254, LENGTH),
    "ft": (0.3048, LENGTH), "psi": (6894.757293168, PRESSURE), "ksi": (6894757.293168, PRESSURE),
    "atm": (101325.0, PRESSURE), "degC": (1.0, HEAT), "degF": (5.0 / 9.0, HEAT),
}  # fmt: skip
PREFIXES = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "d": 0.1, "h": 100.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
# Zero of the scales that do not start at absolute zero [K].
ZEROS = {"degC": 273.15, "degF": 459.67 * 5.0 / 9.0}
SPELLINGS = {
    "°C": "degC", "℃": "degC", "C": "degC", "°F": "degF", "F": "degF", "µ": "u", "μ": "u", "·": "*", "**": "^",
    "²": "^2", "³": "^3", "⁻": "^-", "¹": "1",
}  # fmt: skip
POWER_OF = re.compile(r"(%|°|[A-Za-z]+)\^?([-+]?\d+)?$")
QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*)$")


@dataclass(frozen=True)
class Unit:
    """A unit: value in SI = factor * value + shift.

    Args:
        name: as the user writes it.
        factor: see above.
        shift: see above; 0 but for temperatures.
        dimension: of the quantities that have it.
    """

    name: str
    factor: float
    shift: float
    dimension: Dimension

    def to_si(self, value: float) -> float:
        """A value in this unit in SI."""
        return self.factor * value + self.shift

    def of_si(self, value: float) -> float:
        """A value in SI in this unit, to the digits that its own rounding leaves."""
        result = (value - self.shift) / self.factor
        return float(f"{result:.13g}") if self.shift else result


def unit_of(text: str) -> Unit:
    """The unit that a text names; "", "-" and "1" name none.

    Raises:
        InputError: it names no unit that is known.
    """
    plain = text.strip()
    for spelling in ("°C", "°F", "**", "℃", "µ", "μ", "·", "²", "³", "⁻", "¹"):
        plain = plain.replace(spelling, SPELLINGS[spelling])
    plain = SPELLINGS.get(plain, plain)
    if plain in ("", "-", "1"):
        return Unit(text, 1.0, 0.0, NONE)
    if plain in ZEROS:
        return Unit(text, PLAIN[plain][0], ZEROS[plain], HEAT)
    factor, powers = 1.0, np.zeros(5, dtype=int)
    for place, below in enumerate(plain.split("/")):
        for part in filter(None, re.split(r"[*.\s]+", below)):
            if part == "1":
                continue
            size, dimension, power = _part(text, part)
            power = power if place == 0 else -power
            factor *= size**power
            powers += power * np.array(dimension)
    length, mass, time, heat, current = (int(power) for power in powers)
    return Unit(text, factor, 0.0, (length, mass, time, heat, current))


def _part(text: str, part: str) -> tuple[float, Dimension, int]:
    """Size, dimension and power of one symbol."""
    found = POWER_OF.match(part)
    symbol, power = (found[1], int(found[2] or 1)) if found else ("", 1)
    if abs(power) > 9:
        symbol = ""
    for table, prefix in ((PREFIXED | PLAIN, ""), (PREFIXED, symbol[:1])):
        rest = symbol[len(prefix) :]
        if rest in table and (not prefix or prefix in PREFIXES):
            size, dimension = table[rest]
            return PREFIXES.get(prefix, 1.0) * size, dimension, power
    raise InputError(f"unit {printable(text)!r} is unknown; write it as a product, e.g. MPa, degC, 1/s, kN/mm^2")


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
