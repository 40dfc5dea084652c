"""Reference model "mechanics": a user's own body, materials and conditions, said in a file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.conditions import (
    CONDITIONS,
    BodyForce,
    Condition,
    Convection,
    Fixed,
    Flux,
    Foundation,
    Gravity,
    HeatSource,
    InitialVelocity,
    MovingSource,
    Pressure,
    Symmetry,
    Temperature,
    Traction,
    Wall,
)  # fmt: skip
from cmgai_fem.mechanics.material_card import MaterialCard
from cmgai_fem.mechanics.meshing import MeshParameters
from cmgai_fem.mechanics.probes import Probe
from cmgai_fem.mechanics.problem import Analysis, BodyProblem, Steps
from cmgai_fem.mechanics.reference import (
    Admissibility,
    ReferenceModel,
    check_values,
    plastic_strain_check,
)
from cmgai_fem.mechanics.sharing import solve_states
from cmgai_fem.mechanics.thermoelastic import Setting
from cmgai_fem.progress import Report
from cmgai_fem.states.states import States

if TYPE_CHECKING:
    from mpi4py import MPI


class Physics(BaseModel):
    """`[physics]`: what is solved.

    Args:
        setting: "solid", "plane strain", "plane stress" or "axisymmetric" (x the radius, y the axis).
        analysis: see `problem.BodyProblem`.
        degree: polynomial degree of the displacement, or of the temperature in an analysis without displacement.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    setting: Setting = "solid"
    analysis: Analysis = "static"
    degree: int = Field(default=2, ge=1, le=4)


class Output(BaseModel):
    """`[output]`: which fields are kept; all that the analysis has if left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    fields: list[
        Literal[
            "temperature", "displacement", "stress", "equivalent_plastic_strain", "equivalent_plastic_strain_history"
        ]
    ] = Field(default_factory=list)


class Mechanics(ReferenceModel):
    """A body of a .msh or .geo file under conditions; each table is described in docs/mechanics.md.

    Args:
        mesh: the file.
        physics: what is solved.
        material: a card by group of cells.
        steps: how time runs.
        output: which fields are kept.
        probe: values to be told.
        fixed, symmetry, pressure, traction, body_force, gravity, foundation: on the displacement.
        initial_velocity, wall: on a body in motion.
        temperature, convection, flux, heat_source, source: on the temperature.
    """

    kind: ClassVar[str] = "mechanics"

    mesh: MeshParameters
    physics: Physics = Physics()
    material: dict[str, MaterialCard] = Field(min_length=1)
    steps: Steps = Steps()
    output: Output = Output()
    probe: list[Probe] = Field(default_factory=list)
    fixed: list[Fixed] = Field(default_factory=list)
    symmetry: list[Symmetry] = Field(default_factory=list)
    pressure: list[Pressure] = Field(default_factory=list)
    traction: list[Traction] = Field(default_factory=list)
    body_force: list[BodyForce] = Field(default_factory=list)
    gravity: list[Gravity] = Field(default_factory=list)
    foundation: list[Foundation] = Field(default_factory=list)
    initial_velocity: list[InitialVelocity] = Field(default_factory=list)
    wall: list[Wall] = Field(default_factory=list)
    temperature: list[Temperature] = Field(default_factory=list)
    convection: list[Convection] = Field(default_factory=list)
    flux: list[Flux] = Field(default_factory=list)
    heat_source: list[HeatSource] = Field(default_factory=list)
    source: list[MovingSource] = Field(default_factory=list)
    _told: list[dict[str, Any]] = PrivateAttr(default_factory=list)

    def problem(self, comm: "MPI.Comm") -> BodyProblem:
        """The problem on its mesh. Collective."""
        body = self.mesh.read(comm)
        physics = self.physics
        problem = BodyProblem(body, self.material, physics.setting, physics.analysis, self.steps, physics.degree)
        conditions: list[Condition] = [one for kind in CONDITIONS for one in getattr(self, kind.table)]
        return problem.add(*conditions)

    def solve(self, comm: "MPI.Comm", values: Sequence[float], report: Report) -> States | None:
        """See `ReferenceModel.solve`."""
        check_values(values, "state")
        states, self._told[:] = solve_states(comm, values, self.problem, report, self.probe)
        if states is None or not self.output.fields:
            return states
        if missing := [name for name in self.output.fields if name not in states.fields]:
            raise InputError(f"output.fields: the analysis {self.physics.analysis!r} has no {missing[0]!r}")
        return states.only(*self.output.fields)

    def facts(self) -> dict[str, Any]:
        """What was told by the probes."""
        return {"probes": self._told}

    def admissibility(self) -> Admissibility:
        """Largest negative plastic strain, and largest decrease of its history; no check is known for other fields."""
        return plastic_strain_check
