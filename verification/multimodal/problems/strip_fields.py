"""Fields of a strip whose material scatters: stress and plastic strain as a random field at states never solved.

The state is the pull. At each known pull some specimens were loaded, each of its own material and to that pull only, so
no specimen is seen at two states. The stress is that of the elastic strip, which the pull alone decides, plus a
residual stress. Plastic strain and residual stress are described by their leading modes (proper orthogonal
decomposition of snapshots at known pulls), each field by its own; equilibrium and compatibility tie the two together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from cmgai_fem.distributions.constraints import Constraint
from cmgai_fem.distributions.physics_priors import AlgebraicResidual, Monotonicity, Prior, SteadyShares
from cmgai_fem.transport.feature_space import Modes

from .base import Array, Card, IntArray, Problem

if TYPE_CHECKING:
    from ..perforated_strip import PerforatedStrip, StripResponse

# Coefficients are root mean squares over the strip: of plastic strain in 1e-4, of stress in MPa.
PLASTIC_UNIT, STRESS_UNIT = 1e-4, 1e6
PLASTIC_MODES, STRESS_MODES = 3, 3
MODES = {"plastic": PLASTIC_MODES, "residual": STRESS_MODES}
GAUGE_ERRORS = np.array([0.02] * PLASTIC_MODES + [0.2] * STRESS_MODES)
MEGA = 1e6
SNAPSHOTS = 60
# Two heats are told apart where their median specimens are this many gauge errors from each other.
APART = 6.0
# Components xx, yy, zz, sqrt(2) xy, so that the sum of squares is the tensor's norm.
MANDEL = np.array([1.0, 1.0, 1.0, np.sqrt(2.0)])


@dataclass(frozen=True)
class FieldBasis:
    """Modes of plastic strain and residual stress, and what ties their coefficients.

    Args:
        plastic: modes of the plastic strain (P, 4), Mandel's components, in `PLASTIC_UNIT`.
        residual: modes of the residual stress (P, 4), Mandel's components, in `STRESS_UNIT`.
        offset: (s,) stress coefficients where the plastic ones are zero.
        tie: (s, p) what the plastic coefficients add to them: the residual stress of each mode.
    """

    plastic: Modes
    residual: Modes
    offset: Array
    tie: Array

    def coefficients(self, volumes: Array, plastic_strain: Array, residual_stress: Array) -> Array:
        """Coefficients (p + s,) of fields (P, 4) in SI units."""
        fields = ((self.plastic, plastic_strain / PLASTIC_UNIT), (self.residual, residual_stress / STRESS_UNIT))
        return np.concatenate([amplitudes(modes, volumes, field * MANDEL) for modes, field in fields])

    def fields(self, coefficients: Array) -> tuple[Array, Array]:
        """Plastic strain and residual stress (n, P, 4) in SI units of coefficients (n, p + s)."""
        count = self.plastic.count
        plastic = self.plastic.origin + np.tensordot(coefficients[:, :count], self.plastic.shapes, axes=1)
        residual = self.residual.origin + np.tensordot(coefficients[:, count:], self.residual.shapes, axes=1)
        return plastic * PLASTIC_UNIT / MANDEL, residual * STRESS_UNIT / MANDEL

    def mismatch(self, x: Tensor, u: Tensor) -> Tensor:
        """Stress coefficients (..., s) beyond those that the plastic strain calls for [MPa]."""
        offset, tie = (torch.as_tensor(part, dtype=u.dtype, device=u.device) for part in (self.offset, self.tie))
        count = self.plastic.count
        return u[..., count:] - (offset + u[..., :count] @ tie.mT)


@dataclass(frozen=True)
class Heat:
    """A heat of the metal: its specimens' yield stress is normal [MPa]."""

    share: float
    mean: float
    deviation: float


@dataclass(frozen=True)
class StripFields(Problem):
    """Specimens from two heats; hardening modulus log-normal; pulled to one of the known states each.

    Args:
        known: pulls at which specimens were loaded [MPa].
        unseen: pulls at which the law of the fields is asked for [MPa]; no sample is ever drawn there to learn from.
        heats: the two heats, the softer one first.
        modulus: median hardening modulus [MPa].
        modulus_deviation: standard deviation of its logarithm.
    """

    known: tuple[float, ...] = (70.0, 85.0, 100.0, 115.0, 130.0)
    unseen: tuple[float, ...] = (92.5, 122.5, 140.0)
    heats: tuple[Heat, Heat] = (Heat(0.6, 240.0, 8.0), Heat(0.4, 300.0, 10.0))
    modulus: float = 5000.0
    modulus_deviation: float = 0.15

    card = Card(
        "strip_fields", "Stress and plastic strain fields of a strip with a hole, at unseen pulls", ("pull [MPa]",),
        tuple(f"{field} {k + 1}" for field, count in MODES.items() for k in range(count)),
        (70.0,), (140.0,), ("soft heat", "hard heat"), 2, "full",
        "residual stress that is not the plastic strain's, root mean square over 1 MPa",
        (1.0,) * PLASTIC_MODES + (10.0,) * STRESS_MODES,
    )  # fmt: skip

    @cached_property
    def strip(self) -> "PerforatedStrip":
        """The reference solver."""
        # Imported here: the other problems need no DOLFINx.
        from ..perforated_strip import PerforatedStrip

        return PerforatedStrip()

    @cached_property
    def basis(self) -> FieldBasis:
        """Modes of `SNAPSHOTS` specimens at the known pulls, drawn from a source of chance of their own."""
        rng = np.random.default_rng([SNAPSHOTS, 2601])
        pulls = np.resize(self.known, SNAPSHOTS)
        responses = [self.respond([pull], *specimen) for pull, specimen in zip(pulls, self._draw(rng), strict=True)]
        volumes = self.strip.volumes
        strains = np.concatenate([item.plastic_strain for item in responses]) / PLASTIC_UNIT
        stresses = np.concatenate(
            [self.residual_stress([pull], item) for pull, item in zip(pulls, responses, strict=True)]
        )
        plastic = leading_modes(strains * MANDEL, volumes, PLASTIC_MODES, pulls)
        residual = leading_modes(stresses / STRESS_UNIT * MANDEL, volumes, STRESS_MODES, pulls)
        left = [
            self.strip.residual_stress(shape * PLASTIC_UNIT / MANDEL) / STRESS_UNIT * MANDEL
            for shape in (plastic.origin, *plastic.shapes)
        ]
        nothing, mean, *each = (amplitudes(residual, volumes, field) for field in (np.zeros_like(left[0]), *left))
        return FieldBasis(plastic, residual, mean, np.stack([part - nothing for part in each], axis=1))

    def specimens(self, count: int, rng: np.random.Generator) -> tuple[Array, Array, IntArray]:
        """Yield stress (n,) [MPa], hardening modulus (n,) [MPa] and heat (n,) of `count` specimens."""
        heat = (rng.uniform(size=count) >= self.heats[0].share).astype(np.int64)
        mean, deviation = (np.array([getattr(item, name) for item in self.heats]) for name in ("mean", "deviation"))
        strength = mean[heat] + deviation[heat] * rng.normal(size=count)
        return strength, self.modulus * np.exp(self.modulus_deviation * rng.normal(size=count)), heat

    def respond(self, pulls: Sequence[float] | Array, yield_stress: float, modulus: float) -> "StripResponse":
        """Fields of one specimen at increasing pulls; all in MPa."""
        return self.strip.march([pull * MEGA for pull in pulls], yield_stress * MEGA, modulus * MEGA)

    def residual_stress(self, pulls: Sequence[float] | Array, response: "StripResponse") -> Array:
        """Stress (S, P, 4) [Pa] of a response beyond the elastic one of its pulls [MPa]."""
        return response.stress - np.multiply.outer(np.array(pulls) * MEGA, self.strip.unit_stress)

    def stress(self, pull: float, residual_stress: Array) -> Array:
        """Stress (n, P, 4) [Pa] at a pull [MPa] of residual stresses (n, P, 4)."""
        return residual_stress + pull * MEGA * self.strip.unit_stress

    def read(self, pulls: Sequence[float] | Array, response: "StripResponse", rng: np.random.Generator | None) -> Array:
        """Coefficients (S, d) of a response's fields, with gauge error where there is a source of chance."""
        pairs = zip(response.plastic_strain, self.residual_stress(pulls, response), strict=True)
        clean = np.stack([self.basis.coefficients(self.strip.volumes, *pair) for pair in pairs])
        return clean if rng is None else clean + rng.normal(size=clean.shape) * GAUGE_ERRORS

    def values(self, x: Array, rng: np.random.Generator) -> tuple[Array, IntArray]:
        """Coefficients of a specimen's fields at each pull, one solve each; the regime is its heat."""
        strength, modulus, heat = self.specimens(len(x), rng)
        found = [
            self.read([pull], self.respond([pull], *constants), rng)[0]
            for pull, *constants in zip(x[:, 0], strength, modulus, strict=True)
        ]
        return np.stack(found), heat

    def sample(self, count: int, rng: np.random.Generator) -> tuple[Array, Array, IntArray]:
        """`count` specimens, dealt out evenly among the known pulls, in random order."""
        x = rng.permutation(np.resize(self.known, count))[:, None]
        u, heat = self.values(x, rng)
        return x, u, heat

    def test_conditions(self, count: int) -> Array:
        """The unseen pulls (C, 1), however many conditions the other problems are asked at."""
        return np.array(self.unseen)[:, None]

    def modes(self, x: Array, u: Array) -> IntArray:
        """The heat whose median specimen is nearer, where the two are apart."""
        soft, hard = (self._median(x[:, 0], k) for k in (0, 1))
        to_soft, to_hard = (np.linalg.norm((u - median) / GAUGE_ERRORS, axis=1) for median in (soft, hard))
        apart = np.linalg.norm((soft - hard) / GAUGE_ERRORS, axis=1) > APART
        return np.where(apart, (to_hard < to_soft).astype(np.int64), -1)

    def residual(self, x: Array, u: Array) -> Array:
        """Root mean square of the residual stress that the plastic strain does not call for [MPa]."""
        error = self.basis.mismatch(torch.as_tensor(x), torch.as_tensor(u)).numpy()
        return np.asarray(np.sqrt((error**2).mean(axis=1)))

    def constraint(self) -> Constraint:
        """Equilibrium and compatibility, linear in the coefficients."""
        # The basis is made when it is needed: a plan asks whether there is a constraint before anything is solved.
        return Constraint(lambda x, u: self.basis.mismatch(x, u))

    def priors(self) -> Sequence[Prior]:
        """Equilibrium and compatibility of every specimen, not of the mean of a component alone."""
        return (AlgebraicResidual(self.basis.mismatch, spread=True),)

    def regime_priors(self) -> Sequence[Prior]:
        """More is known of a component that is a heat: it keeps its specimens, and their plastic strain grows."""
        return (*self.priors(), SteadyShares(scale=0.01), Monotonicity(value=0, scale=0.01))

    def _draw(self, rng: np.random.Generator) -> list[tuple[float, float]]:
        strength, modulus, _ = self.specimens(SNAPSHOTS, rng)
        return list(zip(strength.tolist(), modulus.tolist(), strict=True))

    @cached_property
    def _medians(self) -> tuple[Array, Array]:
        """Pulls (G,) and coefficients (2, G, d) of each heat's median specimen."""
        pulls = np.linspace(self.card.low[0], self.card.high[0], 29)
        found = [self.read(pulls, self.respond(pulls, heat.mean, self.modulus), None) for heat in self.heats]
        return pulls, np.array(found)

    def _median(self, pulls: Array, heat: int) -> Array:
        grid, medians = self._medians
        return np.stack([np.interp(pulls, grid, column) for column in medians[heat].T], axis=1)


def leading_modes(fields: Array, volumes: Array, count: int, pulls: Array) -> Modes:
    """First modes of fields (n, P, 4) about their mean, signed so that their coefficients grow with the pull (n,)."""
    every = Modes.of(np.concatenate([fields.mean(axis=0)[None], fields]), volumes)
    signs = np.where((pulls - pulls.mean()) @ every.amplitudes[1:, :count] < 0.0, -1.0, 1.0)
    return Modes(every.origin, every.shapes[:count] * signs[:, None, None], every.amplitudes[:, :count] * signs)


def amplitudes(modes: Modes, volumes: Array, field: Array) -> Array:
    """Coefficients (m,) of a field (P, 4) in the units and components of its modes."""
    shares = (volumes / volumes.sum())[:, None]
    return np.asarray(np.tensordot(modes.shapes, (field - modes.origin) * shares, axes=2))
