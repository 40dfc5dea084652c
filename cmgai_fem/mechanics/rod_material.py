"""The `material` table of a Taylor rod: elasticity, heating and one of the hardening laws."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cmgai_fem.mechanics.hardening import HardeningLaw, JohnsonCookHardening, LinearHardening, VoceHardening
from cmgai_fem.mechanics.plasticity import Metal


class JohnsonCookTable(BaseModel):
    """Johnson-Cook hardening; the defaults are OFHC copper (stresses in Pa, temperatures in K).

    Source: Johnson and Cook, 7th Int. Symp. on Ballistics (1983) 541-547.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    law: Literal["johnson-cook"] = "johnson-cook"
    initial_stress: float = Field(default=90e6, gt=0.0)
    hardening_stress: float = Field(default=292e6, ge=0.0)
    exponent: float = Field(default=0.31, gt=0.0)
    rate_factor: float = Field(default=0.025, ge=0.0)
    thermal_exponent: float = Field(default=1.09, gt=0.0)
    melting_temperature: float = Field(default=1356.0, gt=0.0)
    room_temperature: float = Field(default=293.0, gt=0.0)

    def build(self) -> HardeningLaw:
        """The hardening law."""
        return JohnsonCookHardening(**self.model_dump(exclude={"law"}))


class Linear(BaseModel):
    """Linear hardening (stresses in Pa)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    law: Literal["linear"]
    yield_stress: float = Field(gt=0.0)
    modulus: float = Field(default=0.0, ge=0.0)

    def build(self) -> HardeningLaw:
        """The hardening law."""
        return LinearHardening(self.yield_stress, self.modulus)


class Voce(BaseModel):
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


class RodMaterial(BaseModel):
    """The rod's metal; the defaults are OFHC copper.

    Args:
        youngs_modulus: [Pa].
        poissons_ratio: [-].
        density: [kg/m^3].
        specific_heat: [J/(kg K)].
        taylor_quinney: share of the plastic work that becomes heat; 0 is isothermal.
        initial_temperature: [K].
        hardening: the hardening law and its parameters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    youngs_modulus: float = Field(default=124e9, gt=0.0)
    poissons_ratio: float = Field(default=0.34, gt=-1.0, lt=0.5)
    density: float = Field(default=8960.0, gt=0.0)
    specific_heat: float = Field(default=383.0, gt=0.0)
    taylor_quinney: float = Field(default=0.9, ge=0.0, le=1.0)
    initial_temperature: float = Field(default=293.0, gt=0.0)
    hardening: Annotated[JohnsonCookTable | Linear | Voce, Field(discriminator="law")] = JohnsonCookTable()

    def build(self) -> Metal:
        """The metal of the constitutive update."""
        return Metal(
            self.youngs_modulus,
            self.poissons_ratio,
            self.density,
            self.hardening.build(),
            self.taylor_quinney,
            self.specific_heat,
            self.initial_temperature,
        )
