"""The Taylor rod: a metal cylinder that strikes a rigid wall end on, at several velocities or watched at several times.

One case of a body in motion (`BodyProblem` with the analysis "explicit"), whose mesh, metal and conditions are given.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from mpi4py import MPI
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions import InitialVelocity, Symmetry, Wall
from cmgai_fem.mechanics.explicit import ExplicitDynamics
from cmgai_fem.mechanics.explicit_body import ExplicitBody
from cmgai_fem.mechanics.material_card import MaterialCard
from cmgai_fem.mechanics.materials import JohnsonCookTable, LinearTable, VoceTable
from cmgai_fem.mechanics.meshing import MeshParameters
from cmgai_fem.mechanics.problem import BodyProblem, Steps
from cmgai_fem.mechanics.reference import Admissibility, ReferenceModel, check_values, plastic_strain_check
from cmgai_fem.mechanics.sharing import solve_states
from cmgai_fem.progress import Report
from cmgai_fem.states.states import Coordinate, States

MICROSECOND = 1e-6
SHIPPED_MESHES = {"taylor_rod.geo": 2, "taylor_rod_3d.geo": 3}
# Johnson and Cook's OFHC copper.
COPPER = JohnsonCookTable(
    initial_stress=90e6, hardening_stress=292e6, exponent=0.31, rate_factor=0.025, thermal_exponent=1.09,
    melting_temperature=1356.0, room_temperature=293.0,
)  # fmt: skip


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
    hardening: Annotated[JohnsonCookTable | LinearTable | VoceTable, Field(discriminator="law")] = COPPER

    @property
    def card(self) -> MaterialCard:
        """The same for a body of any shape."""
        return MaterialCard(
            young=self.youngs_modulus,
            poisson=self.poissons_ratio,
            density=self.density,
            specific_heat=self.specific_heat,
            taylor_quinney=self.taylor_quinney,
            hardening=self.hardening,
        )


class RodModel(ReferenceModel):
    """What both studies of the rod share.

    Args:
        mesh: `taylor_rod.geo` (axisymmetric, x the radius, y along the rod) or `taylor_rod_3d.geo` (a quarter of the
            rod, z along it), with their parameters, or a file alike.
        dimension: 2 or 3, as the mesh file is.
        material: the metal.
        courant: share of the stable time step that is used.
        allowed_drift: largest drift of the energy balance, a share of the energy.
        checkpoint_folder: where unfinished runs are kept, so that a killed solve goes on from there; "" keeps none.
        checkpoint_steps: time steps between two checkpoints.
    """

    mesh: MeshParameters = MeshParameters(file="taylor_rod.geo")
    dimension: Literal[2, 3] = 2
    material: RodMaterial = RodMaterial()
    courant: float = Field(default=0.9, gt=0.0, le=1.0)
    allowed_drift: float = Field(default=0.02, gt=0.0)
    checkpoint_folder: str = ""
    checkpoint_steps: int = Field(default=1000, ge=1)

    @model_validator(mode="after")
    def _mesh_has_the_dimension(self) -> Self:
        needed = SHIPPED_MESHES.get(Path(self.mesh.file).name, self.dimension)
        if needed != self.dimension:
            raise ValueError(f"mesh {self.mesh.file!r} is for dimension = {needed}, not {self.dimension}")
        return self

    def admissibility(self) -> Admissibility:
        """Largest negative plastic strain, and largest decrease of its history where there is one; both 0 at best."""
        return plastic_strain_check

    def problem(self, body: Body, velocity: Any, **steps: Any) -> BodyProblem:
        """The rod before the wall.

        Args:
            body: the meshed rod.
            velocity: impact velocity [m/s], a `Value`.
            steps: keys of `Steps`.
        """
        axis, flat = "xyz"[self.dimension - 1], self.dimension == 2
        kept = {
            key: getattr(self, key) for key in ("courant", "allowed_drift", "checkpoint_folder", "checkpoint_steps")
        }
        steps |= kept | {"initial_temperature": self.material.initial_temperature}
        problem = BodyProblem(body, self.material.card, "axisymmetric" if flat else "solid", "explicit", Steps(**steps))
        normal = [0.0] * (self.dimension - 1) + [1.0]
        problem.add(InitialVelocity(**{axis: velocity}), Wall(point=[0.0] * self.dimension, normal=normal))
        return problem if flat else problem.add(Symmetry(on="x_plane"), Symmetry(on="y_plane"))

    def start(self, body: Body, velocity: float) -> ExplicitDynamics:
        """The rod at the moment of impact at a velocity [m/s]."""
        return ExplicitBody(self.problem(body, -velocity)).begin(velocity, 0.0, f"velocity = {velocity:g} m/s")

    def solved(
        self,
        comm: MPI.Comm,
        values: Sequence[float],
        coordinate: Coordinate,
        report: Report,
        velocity: Any,
        **steps: Any,
    ) -> States | None:
        """States of `problem`, with a temperature in kelvin."""

        def problem(group: MPI.Comm) -> BodyProblem:
            return self.problem(self.mesh.read(group, self.dimension), velocity, **steps)

        states, _ = solve_states(comm, values, problem, report, coordinate=coordinate)
        if states is None:
            return None
        fields = dict(states.fields)
        return replace(states, fields=fields | {"temperature": replace(fields["temperature"], unit="K")})


class TaylorRod(RodModel):
    """The rod after impact at several velocities [m/s]: the state coordinate is the impact velocity.

    Fields at the mesh nodes at the end: equivalent_plastic_strain, temperature [K], stress [Pa] (xx radial, yy axial,
    zz hoop in 2-D), displacement [m]; and equivalent_plastic_strain_history, a component a time.

    Args:
        end_time: duration of each run [s].
        history_times: times of the history [s], increasing, none after `end_time`.
    """

    kind: ClassVar[str] = "taylor-rod"
    end_time: float = Field(default=80e-6, gt=0.0)
    history_times: list[float] = Field(default=[16e-6, 32e-6, 48e-6, 64e-6, 80e-6], min_length=1)

    def solve(self, comm: MPI.Comm, values: Sequence[float], report: Report) -> States | None:
        """See `ReferenceModel.solve`; `values` are impact velocities [m/s]."""
        check_values(values, "impact velocity [m/s]")
        if values[0] <= 0.0:
            raise InputError(f"impact velocity = {values[0]:g} m/s: must be above zero")
        check_values(self.history_times, "history_times [s]")
        if self.history_times[0] <= 0.0 or self.history_times[-1] > self.end_time:
            raise InputError(f"history_times must lie above 0 and not after end_time = {self.end_time:g} s")
        coordinate = Coordinate("velocity", "m/s")
        return self.solved(comm, values, coordinate, report, "-s", end=self.end_time, history=self.history_times)


class TaylorRodTime(RodModel):
    """One impact watched in time: the state coordinate is the time since impact in microseconds.

    Fields at the mesh nodes: equivalent_plastic_strain, temperature [K], stress [Pa], displacement [m].

    Args:
        impact_velocity: [m/s].
    """

    kind: ClassVar[str] = "taylor-rod-time"
    impact_velocity: float = Field(default=227.0, gt=0.0)

    def solve(self, comm: MPI.Comm, values: Sequence[float], report: Report) -> States | None:
        """See `ReferenceModel.solve`; `values` are times since impact [microseconds]."""
        check_values(values, "time [us]")
        if values[0] <= 0.0:
            raise InputError(f"time = {values[0]:g} us: must be after the impact, above zero")
        coordinate = Coordinate("time", "us")
        return self.solved(comm, values, coordinate, report, -self.impact_velocity, time_per_state=MICROSECOND)
