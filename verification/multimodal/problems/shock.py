"""Shock states behind an impact on an aluminium plate: elastic precursor and plastic wave, which merge when overdriven.

A gauge inside the plate reads stress, particle velocity and compression at an instant that is uniform in a window
after the first arrival. Between the two waves it reads the elastic limit, after them the plastic state. Both modes
come from physics: where the plastic wave outruns the elastic one, the first mode is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.distributions.constraints import Constraint
from cmgai_fem.distributions.physics_priors import AlgebraicResidual, Prior, RegimeResidual

from .base import Array, Card, IntArray, Problem

# The window after first arrival in which the gauge is read, as a fraction of the elastic travel time.
WINDOW = 0.25
GAUGE_ERRORS = np.array([0.1, 0.01, 0.002])
RESIDUAL_SCALES = (0.5, 0.05, 0.01)


@dataclass(frozen=True)
class ElasticPlasticShock(Problem):
    """6061-T6 aluminium; the condition is the impact velocity of the surface [km/s].

    Values: stress [GPa], particle velocity [km/s], compression 1 - v/v0. Elastic wave speed and elastic limit follow
    from Young's modulus, Poisson's ratio and yield stress; the plastic wave runs at `c0 + s u`. Between samples the
    yield stress scatters by 5 %, c0 by 1 %.

    Args:
        density: initial density [g/cm^3].
        sound_speed: c0 of the Hugoniot [km/s].
        slope: s of the Hugoniot.
        young_modulus: [GPa].
        poisson_ratio: of the alloy.
        yield_stress: [GPa].

    Source: Hugoniot of Al 6061 us = 5.35 + 1.34 up km/s at 2.70 g/cm^3; Johnson-Cook A = 324 MPa for 6061-T6; elastic
    constants from handbooks. Jump conditions of mass and momentum in the labels (Lagrangian wave speeds).
    """

    density: float = 2.7
    sound_speed: float = 5.35
    slope: float = 1.34
    young_modulus: float = 68.9
    poisson_ratio: float = 0.33
    yield_stress: float = 0.324

    card = Card(
        "shock", "Shock states with an elastic precursor", ("impact velocity [km/s]",),
        ("stress [GPa]", "particle velocity [km/s]", "compression"), (0.1,), (1.1,), ("elastic", "plastic"), 2, "full",
        "jump conditions, root mean square of stress/0.5 GPa, velocity/0.05 km/s, compression/0.01",
        (5.0, 0.3, 0.05), tuple(GAUGE_ERRORS),
    )  # fmt: skip

    @property
    def elastic_speed(self) -> float:
        """Longitudinal elastic wave speed [km/s]."""
        nu = self.poisson_ratio
        modulus = self.young_modulus * (1.0 - nu) / ((1.0 + nu) * (1.0 - 2.0 * nu))
        return float(np.sqrt(modulus / self.density))

    @property
    def elastic_limit(self) -> float:
        """Hugoniot elastic limit [GPa]: the axial stress at yield in uniaxial strain."""
        return self.yield_stress * (1.0 - self.poisson_ratio) / (1.0 - 2.0 * self.poisson_ratio)

    @property
    def overdriven_from(self) -> float:
        """Impact velocity [km/s] above which there is one wave."""
        return (self.elastic_speed - self.sound_speed) / self.slope

    def values(self, x: Array, rng: np.random.Generator) -> tuple[Array, IntArray]:
        """Gauge readings with gauge error; the regime is elastic (0) or plastic (1)."""
        count = len(x)
        limit = self.elastic_limit * (1.0 + 0.05 * rng.normal(size=count))
        speed = self.sound_speed * (1.0 + 0.01 * rng.normal(size=count)) + self.slope * x[:, 0]
        fast = self.elastic_speed
        elastic = np.stack(self._behind_precursor(limit), axis=1)
        rise = x[:, 0] - elastic[:, 1]
        plastic = elastic + np.stack([self.density * speed * rise, rise, rise / speed], axis=1)
        between = np.maximum(fast / speed - 1.0, 0.0) / WINDOW
        regime = (rng.uniform(size=count) >= between).astype(np.int64)
        reading = np.where(regime[:, None] == 1, plastic, elastic)
        return reading + GAUGE_ERRORS * rng.normal(size=reading.shape), regime

    def modes(self, x: Array, u: Array) -> IntArray:
        """Elastic or plastic, whichever particle velocity is nearer."""
        middle = 0.5 * (x[:, 0] + self.elastic_limit / (self.density * self.elastic_speed))
        return (u[:, 1] > middle).astype(np.int64)

    def trapped(self, x: Array, u: Array) -> IntArray:
        """Between the two states, where no wave leaves the material (asked where they are well apart)."""
        start = self.elastic_limit / (self.density * self.elastic_speed)
        way = (u[:, 1] - start) / (x[:, 0] - start)
        return np.where(x[:, 0] > 0.25, ((way > 0.25) & (way < 0.75)).astype(np.int64), -1)

    def residual(self, x: Array, u: Array) -> Array:
        """Root mean square of the three scaled jump conditions."""
        error = self._jumps(torch.as_tensor(x), torch.as_tensor(u)).numpy()
        return np.asarray(np.sqrt((error**2).mean(axis=1)))

    def constraint(self) -> Constraint:
        """The jump conditions with the alloy's medians; a sample's own constants miss them a little."""
        return Constraint(self._jumps)

    def priors(self) -> Sequence[Prior]:
        """Mass and momentum are kept across the plastic wave, which takes the material to the impact velocity."""
        return (AlgebraicResidual(self._jumps),)

    def regime_priors(self) -> Sequence[Prior]:
        """The elastic component is the precursor's state, the plastic one satisfies the jump conditions."""
        return (RegimeResidual((self._precursor, self._plastic_jumps)),)

    def _behind_precursor[Number: (float, Array)](self, limit: Number) -> tuple[Number, Number, Number]:
        """Stress [GPa], particle velocity [km/s] and compression at an elastic limit [GPa]."""
        fast = self.elastic_speed
        return limit, limit / (self.density * fast), limit / (self.density * fast**2)

    def _precursor(self, x: Tensor, u: Tensor) -> Tensor:
        """Scaled distances (..., 3) from the elastic limit."""
        scales = torch.tensor(RESIDUAL_SCALES, dtype=u.dtype, device=u.device)
        limit = torch.tensor(self._behind_precursor(self.elastic_limit), dtype=u.dtype, device=u.device)
        return (u - limit) / scales

    def _plastic_jumps(self, x: Tensor, u: Tensor) -> Tensor:
        """The jump conditions without the elastic way out: the material moves at the impact velocity."""
        momentum, _, mass = self._jumps(x, u).unbind(dim=-1)
        return torch.stack([momentum, (u[..., 1] - x[..., 0]) / RESIDUAL_SCALES[1], mass], dim=-1)

    def _jumps(self, x: Tensor, u: Tensor) -> Tensor:
        """Scaled residuals (..., 3), zero both at the elastic limit and behind the plastic wave."""
        limit, velocity, strain = self._behind_precursor(self.elastic_limit)
        impact = x[..., 0]
        speed = self.sound_speed + self.slope * impact
        stress, rise, compression = u[..., 0] - limit, u[..., 1] - velocity, u[..., 2] - strain
        momentum = (stress - self.density * speed * rise) / RESIDUAL_SCALES[0]
        either = rise * (u[..., 1] - impact) / (impact * RESIDUAL_SCALES[1])
        mass = (compression - rise / speed) / RESIDUAL_SCALES[2]
        return torch.stack([momentum, either, mass], dim=-1)
