"""MaterialCard: what a file says of a material, and its properties at the quadrature points of a body."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import basix
import basix.ufl
import numpy as np
from dolfinx import fem
from mpi4py import MPI
from pydantic import BaseModel, ConfigDict, Field

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.inputs import StateInputs
from cmgai_fem.mechanics.materials import JohnsonCookTable, LinearTable, VoceTable
from cmgai_fem.mechanics.plasticity import Metal
from cmgai_fem.mechanics.properties import Property, at_temperatures, in_ufl, span
from cmgai_fem.states.labels import Array, IntArray

# Linear elements keep no maximum principle on every mesh: let a temperature leave a property's range by this share.
OVERSHOOT = 1e-3


class MaterialCard(BaseModel):
    """An isotropic material. What an analysis does not need may be left out; nothing else has a default.

    Args:
        young: Young's modulus E(T) [Pa].
        poisson: Poisson's ratio [-].
        expansion: secant coefficient of thermal expansion alpha(T) from `reference_temperature` [1/K].
        reference_temperature: where the body is free of thermal strain [the unit of all temperatures].
        conductivity: k(T) [W/(m K)].
        density: [kg/m^3].
        specific_heat: c(T) [J/(kg K)].
        taylor_quinney: share of the plastic work that becomes heat where a body in motion has no time to lose it; none
            if left out.
        hardening: yield stress and hardening law.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    young: Property = None
    poisson: float | None = Field(default=None, gt=-1.0, lt=0.5)
    expansion: Property = None
    reference_temperature: float | None = None
    conductivity: Property = None
    density: float | None = Field(default=None, gt=0.0)
    specific_heat: Property = None
    taylor_quinney: float | None = Field(default=None, ge=0.0, le=1.0)
    hardening: Annotated[JohnsonCookTable | LinearTable | VoceTable, Field(discriminator="law")] | None = None

    def elastic(self, temperature: Array) -> tuple[Array, Array, Array]:
        """Young's modulus [Pa], Poisson's ratio and free thermal strain at temperatures (P,)."""
        thermal = np.zeros_like(temperature)
        if self.expansion is not None:
            assert self.reference_temperature is not None
            thermal = at_temperatures(self.expansion, temperature) * (temperature - self.reference_temperature)
        return at_temperatures(self.young, temperature), np.full_like(temperature, self.poisson), thermal


class Materials:
    """The material of every group of cells.

    Args:
        body: the meshed body.
        cards: by group of cells; a single card stands for all of them.

    Raises:
        InputError: a group of cells without a card, or a card without such a group.
    """

    def __init__(self, body: Body, cards: Mapping[str, MaterialCard] | MaterialCard) -> None:
        groups = [name for name, group in body.groups.items() if group.dimension == body.dimension]
        if isinstance(cards, MaterialCard):
            cards = dict.fromkeys(groups, cards)
        for name in cards:
            if name not in groups:
                raise InputError(f"material.{name}: no such group of cells; the mesh has: {', '.join(groups)}")
        if missing := [name for name in groups if name not in cards]:
            raise InputError(f"the group of cells {missing[0]!r} has no material: add [material.{missing[0]}]")
        self.cards, self._body = dict(cards), body

    def need(self, keys: Sequence[str], analysis: str) -> None:
        """Refuse a card without what an analysis needs."""
        for name, card in self.cards.items():
            for key in keys:
                if getattr(card, key) is None:
                    raise InputError(f"material.{name}.{key}: missing; the analysis {analysis!r} needs it")

    def density(self, group: str) -> float:
        """Mass density [kg/m^3] of a group of cells."""
        density = self.cards[group].density
        if density is None:
            raise InputError(f"material.{group}.density: missing; gravity needs it")
        return density

    def metal(self, group: str, initial_temperature: float | None) -> Metal:
        """The metal of a group of cells of a body in motion.

        Raises:
            InputError: a property that is missing, that such a body has not, or that changes with the temperature.
        """
        card, where = self.cards[group], f"material.{group}"
        for key in ("young", "specific_heat"):
            if not isinstance(getattr(card, key), int | float | None):
                raise InputError(f"{where}.{key}: a body in motion takes a number, whatever its temperature")
        if card.expansion is not None:
            raise InputError(f"{where}.expansion: a body in motion has no thermal strain: leave it out")
        heated = bool(card.taylor_quinney)
        if heated and card.specific_heat is None:
            raise InputError(f"{where}.specific_heat: missing; taylor_quinney needs it")
        if initial_temperature is None and (heated or isinstance(card.hardening, JohnsonCookTable)):
            raise InputError(f"steps.initial_temperature: missing; the heat and hardening of {where} need it")
        assert card.poisson is not None and card.density is not None
        return Metal(
            card.young,
            card.poisson,
            card.density,
            None if card.hardening is None else card.hardening.build(),
            card.taylor_quinney or 0.0,
            card.specific_heat or 1.0,
            initial_temperature or 0.0,
        )

    def at(self, cells: IntArray, temperature: Array) -> tuple[Array, Array, Array]:
        """Young's modulus [Pa], Poisson's ratio and thermal strain of cells (N,) at temperatures (N,)."""
        found = np.zeros((3, len(cells)))
        for name, card in self.cards.items():
            own = np.isin(cells, self._body.groups[name].entities)
            found[:, own] = card.elastic(temperature[own])
        return found[0], found[1], found[2]

    def conductivity(self, inputs: StateInputs) -> dict[str, Callable[[Any], Any]]:
        """k(T) by group."""
        return {name: partial(in_ufl, card.conductivity, inputs=inputs) for name, card in self.cards.items()}

    def capacity(self, inputs: StateInputs) -> dict[str, Callable[[Any], Any]]:
        """rho c(T) by group."""

        def of(card: MaterialCard, temperature: Any) -> Any:
            assert card.density is not None
            return inputs.number(card.density) * in_ufl(card.specific_heat, temperature, inputs)

        return {name: partial(of, card) for name, card in self.cards.items()}


class MaterialPoints:
    """Properties at the quadrature points of owned and ghost cells, as DOLFINx functions: no number is compiled in.

    Args:
        body: the meshed body.
        materials: of its groups of cells.
        degree: of the quadrature.

    Attributes:
        young, poisson, thermal_strain: quadrature functions.
    """

    def __init__(self, body: Body, materials: Materials, degree: int) -> None:
        self._body, self._materials = body, materials
        cell = body.mesh.basix_cell()
        self.points, _ = basix.make_quadrature(cell, degree)
        cells = body.mesh.topology.index_map(body.dimension)
        self.cells = np.arange(cells.size_local + cells.num_ghosts, dtype=np.int32)
        space = fem.functionspace(body.mesh, basix.ufl.quadrature_element(cell, value_shape=(), degree=degree))
        self.young, self.poisson, self.thermal_strain = (fem.Function(space) for _ in range(3))
        self.temperature = np.zeros((len(self.cells), len(self.points)))

    def at(self, expression: Any) -> Array:
        """Values (cells, points) of a scalar UFL expression."""
        compiled = fem.Expression(expression, self.points)
        return np.asarray(compiled.eval(self._body.mesh, self.cells)).reshape(len(self.cells), len(self.points))

    def update(self, label: str) -> None:
        """Fill the functions from `temperature` (cells, points).

        Args:
            label: the state, for messages.

        Raises:
            InputError: a temperature outside a property's range; the text names group, key and state.
        """
        for name, card in self._materials.cards.items():
            own = self._body.groups[name].entities
            temperature = self.temperature[own]
            for key in ("young", "expansion"):
                self._check(getattr(card, key), temperature, f"{key} of material {name!r}", label)
            targets = (self.young, self.poisson, self.thermal_strain)
            for function, values in zip(targets, card.elastic(temperature), strict=True):
                function.x.array.reshape(len(self.cells), len(self.points))[own] = values

    def _check(self, value: Any, temperature: Array, what: str, label: str) -> None:
        low, high = span(value)
        comm, margin = self._body.mesh.comm, OVERSHOOT * (high - low) if np.isfinite(high) else 0.0
        least = comm.allreduce(float(temperature.min(initial=np.inf)), op=MPI.MIN)
        most = comm.allreduce(float(temperature.max(initial=-np.inf)), op=MPI.MAX)
        for found in (least, most):
            if not low - margin <= found <= high + margin:
                raise InputError(f"state {label}: {found:g} is outside the {what} ({low:g} to {high:g})")
