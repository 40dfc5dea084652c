"""Material cards: properties as polynomials in temperature, with the range that they hold over."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.hardening import HardeningLaw, JohnsonCookHardening, LinearHardening, VoceHardening
from cmgai_fem.mechanics.properties import Property, at_temperatures


@dataclass(frozen=True)
class TemperaturePolynomial:
    """A property p(T) = sum_i coefficients[i] * tau^i with tau = (T - low)/(high - low).

    Args:
        coefficients: polynomial coefficients, in the property's unit.
        low: lowest temperature that the polynomial holds at [degC].
        high: highest temperature that the polynomial holds at [degC].
    """

    coefficients: tuple[float, ...]
    low: float
    high: float

    def __call__(self, temperature: Any) -> Any:
        """The property at `temperature` [degC]: number, array or UFL expression, as comes back."""
        tau = (temperature - self.low) / (self.high - self.low)
        value = self.coefficients[-1] + 0.0 * tau
        for coefficient in reversed(self.coefficients[:-1]):
            value = value * tau + coefficient
        return value


@dataclass(frozen=True)
class Material:
    """An isotropic thermo-elastic material with temperature-dependent properties.

    Args:
        name: what it is.
        young: Young's modulus E(T) [Pa].
        poisson: Poisson's ratio [-].
        expansion: secant coefficient of thermal expansion alpha(T) from `reference_temperature` [1/K].
        conductivity: thermal conductivity k(T) [W/(m K)].
        reference_temperature: temperature at which the body is free of thermal strain [degC].
        low: lowest temperature of the card [degC].
        high: highest temperature of the card [degC].
    """

    name: str
    young: TemperaturePolynomial
    poisson: float
    expansion: TemperaturePolynomial
    conductivity: TemperaturePolynomial
    reference_temperature: float
    low: float
    high: float

    def check(self, lowest: float, highest: float, state: str, margin: float = 0.0) -> None:
        """Refuse temperatures outside the card.

        Args:
            lowest: lowest temperature that occurs [degC].
            highest: highest temperature that occurs [degC].
            state: the state, for the message.
            margin: overshoot of a discrete solution that is let pass [K].

        Raises:
            InputError: the range is left; the text names the state.
        """
        outside = next((t for t in (lowest, highest) if not self.low - margin <= t <= self.high + margin), None)
        if outside is not None:
            raise InputError(
                f"state {state}: {outside:g} degC is outside the card of {self.name} "
                f"({self.low:g} to {self.high:g} degC)"
            )


def austenitic_steel() -> Material:
    """A representative austenitic stainless steel, 20 to 800 degC.

    The end values are typical of 304/316 data (E 193 to 125 GPa, secant alpha 15.9e-6 to 19e-6 /K, k 13.4 to 24
    W/(m K)); the polynomials between them are our choice and stand for no particular cast.
    """
    low, high = 20.0, 800.0
    return Material(
        name="austenitic steel",
        young=TemperaturePolynomial((193e9, -58e9, -2e9, -8e9), low, high),
        poisson=0.3,
        expansion=TemperaturePolynomial((15.9e-6, 4.1e-6, -1.0e-6), low, high),
        conductivity=TemperaturePolynomial((13.4, 11.4, -0.8), low, high),
        reference_temperature=20.0,
        low=low,
        high=high,
    )


class JohnsonCookTable(BaseModel):
    """Johnson-Cook hardening (stresses in Pa, temperatures in the unit of all temperatures, rates in 1/s).

    Source: Johnson and Cook, 7th Int. Symp. on Ballistics (1983) 541-547.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    law: Literal["johnson-cook"] = "johnson-cook"
    initial_stress: float = Field(gt=0.0)
    hardening_stress: float = Field(ge=0.0)
    exponent: float = Field(gt=0.0)
    rate_factor: float = Field(ge=0.0)
    thermal_exponent: float = Field(gt=0.0)
    melting_temperature: float
    room_temperature: float
    reference_rate: float = Field(default=1.0, gt=0.0)

    def build(self) -> HardeningLaw:
        """The hardening law."""
        return JohnsonCookHardening(**self.model_dump(exclude={"law"}))


class LinearTable(BaseModel):
    """Linear hardening (stresses in Pa); the yield stress may depend on the temperature."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    law: Literal["linear"]
    yield_stress: Property
    modulus: float = Field(default=0.0, ge=0.0)

    def build(self) -> HardeningLaw:
        """The hardening law."""
        start = self.yield_stress
        return LinearHardening(start if isinstance(start, float) else partial(at_temperatures, start), self.modulus)

    @field_validator("yield_stress")
    @classmethod
    def _positive(cls, value: Any) -> Any:
        if value is None or (isinstance(value, float) and value <= 0.0):
            raise ValueError("Input should be greater than 0")
        return value


class VoceTable(BaseModel):
    """Saturating hardening (stresses in Pa)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    law: Literal["voce"]
    yield_stress: float = Field(gt=0.0)
    saturation_stress: float = Field(gt=0.0)
    rate: float = Field(gt=0.0)
    modulus: float = Field(default=0.0, ge=0.0)

    def build(self) -> HardeningLaw:
        """The hardening law."""
        return VoceHardening(self.yield_stress, self.saturation_stress, self.rate, self.modulus)
