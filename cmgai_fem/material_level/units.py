"""Units of the columns of a curve table, as they stand in brackets in its header."""

from collections.abc import Mapping

# Factor and shift to SI: value in SI = factor * value + shift.
STRESS = {"Pa": 1.0, "kPa": 1e3, "MPa": 1e6, "GPa": 1e9, "N/mm2": 1e6, "N/mm^2": 1e6, "psi": 6894.757, "ksi": 6894757.0}
STRAIN = {"": 1.0, "-": 1.0, "1": 1.0, "mm/mm": 1.0, "m/m": 1.0, "%": 1e-2}
RATE = {"1/s": 1.0, "/s": 1.0, "s^-1": 1.0, "s-1": 1.0, "1/min": 1.0 / 60.0, "/min": 1.0 / 60.0}
TEMPERATURE = {"K": (1.0, 0.0), "degC": (1.0, 273.15), "°C": (1.0, 273.15), "C": (1.0, 273.15),
               "degF": (5.0 / 9.0, 459.67 * 5.0 / 9.0), "°F": (5.0 / 9.0, 459.67 * 5.0 / 9.0)}  # fmt: skip


def _plain(table: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    return {unit: (factor, 0.0) for unit, factor in table.items()}


# By quantity: what a column may be called, the SI unit, and the units that it may have.
QUANTITIES: dict[str, tuple[tuple[str, ...], str, dict[str, tuple[float, float]]]] = {
    "strain": (("strain", "total_strain"), "", _plain(STRAIN)),
    "plastic_strain": (("plastic_strain",), "", _plain(STRAIN)),
    "stress": (("stress", "true_stress", "flow_stress"), "Pa", _plain(STRESS)),
    "temperature": (("temperature",), "K", TEMPERATURE),
    "strain_rate": (("strain_rate", "rate"), "1/s", _plain(RATE)),
}
