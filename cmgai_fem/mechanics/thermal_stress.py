"""Reference model "thermal-stress": a cantilever heated from one side, with a hole, clamped and loaded at its tip."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Parameter

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import fem

from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions import Convection, Foundation, Temperature, Traction
from cmgai_fem.mechanics.equilibrium import EquilibriumCheck
from cmgai_fem.mechanics.heat import Conduction
from cmgai_fem.mechanics.materials import Material, austenitic_steel
from cmgai_fem.mechanics.meshing import MeshParameters
from cmgai_fem.mechanics.recording import Recorder
from cmgai_fem.mechanics.recovery import NodalProjection, symmetric_components
from cmgai_fem.mechanics.reference import Admissibility, ReferenceModel, check_values
from cmgai_fem.mechanics.thermoelastic import ThermoElasticity
from cmgai_fem.progress import Report
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, States

if TYPE_CHECKING:
    from mpi4py import MPI

HOT_FACE = Coordinate("hot-face temperature", "degC")
# Linear elements keep no maximum principle on every mesh: let the discrete temperature leave the card by this much.
OVERSHOOT = 0.5


class ThermalStress(ReferenceModel):
    """Steady conduction through the beam's height, then thermo-elastic stress. The state is the hot face's temperature.

    Args:
        mesh: the .geo file and its parameters; boundaries clamp, tip, hot and cold.
        heat_transfer: heat transfer coefficient of the cold face [W/(m^2 K)].
        ambient: temperature of the air at the cold face [degC].
        foundation: stiffness of the clamp's elastic foundation in every direction [N/m^3]. A rigid clamp would put a
            singular stress at its edge, which grows with refinement and inflates the range that errors are divided by.
        tip_force: force on the tip, downwards (-y), spread evenly [N].
        degree: polynomial degree of the displacement; the temperature's is one lower.
    """

    kind: ClassVar[str] = "thermal-stress"

    mesh: MeshParameters = MeshParameters(file="cantilever.geo")
    heat_transfer: float = Parameter(default=200.0, ge=0.0)
    ambient: float = 20.0
    foundation: float = Parameter(default=1e12, gt=0.0)
    tip_force: float = 2000.0
    degree: int = Parameter(default=2, ge=2, le=3)

    def solve(self, comm: "MPI.Comm", values: Sequence[float], report: Report) -> States | None:
        """Temperature [degC], displacement [m] and stress [Pa] at the mesh's nodes for every hot-face temperature."""
        material = self._steel(values)
        body = self.mesh.read(comm)
        heat = self.conduction(body, material)
        elastic = self._elasticity(body, material, heat.temperature)
        stress = NodalProjection(body.mesh, symmetric_components(elastic.stress), 2 * self.degree)
        functions = {"temperature": heat.temperature, "displacement": elastic.displacement}
        recorder = Recorder(body, functions, {"stress": stress}, units={"temperature": "degC"})
        for number, value in enumerate(values, start=1):
            state = HOT_FACE.label(value)
            heat.inputs.begin(value)
            temperature = heat.solve(state)
            check_temperature(comm, temperature, material, state)
            iterations = elastic.solve(state)
            recorder.record(state)
            if comm.rank == 0:
                report(f"reference {number}/{len(values)}: {state}, {iterations} iterations")
        return recorder.states(HOT_FACE, values)

    def _steel(self, values: Sequence[float]) -> Material:
        """The steel; refuses hot-face temperatures that its card does not hold for."""
        material = austenitic_steel()
        check_values(values, HOT_FACE.label())
        for value in values:
            material.check(min(value, self.ambient), max(value, self.ambient), HOT_FACE.label(value))
        return material

    def admissibility(self) -> Admissibility:
        """Weak equilibrium of the generated stress with the tip load; see `equilibrium.EquilibriumCheck`."""
        from mpi4py import MPI

        check = self.equilibrium_check(self.mesh.read(MPI.COMM_SELF), austenitic_steel())

        def figures(value: float, fields: Mapping[str, Array]) -> dict[str, float]:
            return {"equilibrium_residual": check.residual(fields["stress"])} if "stress" in fields else {}

        return figures

    def equilibrium_check(self, body: Body, material: Material) -> EquilibriumCheck:
        """The check of weak equilibrium with the tip load, in the norm of the body at the reference temperature."""
        young = float(material.young(material.reference_temperature))
        return EquilibriumCheck(body, young, material.poisson, "clamp", {"tip": self.traction(body)})

    def conduction(self, body: Body, material: Material) -> Conduction:
        """Heat conduction from the hot face, whose temperature is the state, to the air at the cold one."""
        return Conduction(
            body,
            {"": material.conductivity},
            [
                Temperature(on="hot", value="state"),
                Convection(on="cold", coefficient=self.heat_transfer, ambient=self.ambient),
            ],
            degree=self.degree - 1,
        )

    def _elasticity(self, body: Body, material: Material, temperature: fem.Function) -> ThermoElasticity:
        return ThermoElasticity(
            body,
            material.young(temperature),
            material.poisson,
            material.expansion(temperature) * (temperature - material.reference_temperature),
            degree=self.degree,
            conditions=[
                Foundation(on="clamp", stiffness=self.foundation),
                Traction(on="tip", y=self.traction(body)[1]),
            ],
        )

    def traction(self, body: Body) -> tuple[float, float, float]:
        """The tip force over the tip's area [Pa]."""
        return (0.0, -self.tip_force / boundary_area(body, "tip"), 0.0)


def boundary_area(body: Body, name: str) -> float:
    """Area of a boundary [m^2]. Collective."""
    from mpi4py import MPI

    one = fem.Constant(body.mesh, 1.0)
    return float(body.mesh.comm.allreduce(fem.assemble_scalar(fem.form(one * body.ds(name))), op=MPI.SUM))


def check_temperature(comm: "MPI.Comm", temperature: fem.Function, material: Material, state: str) -> None:
    """Refuse a solved temperature that leaves the material card by more than a discrete overshoot. Collective."""
    from mpi4py import MPI

    lowest = comm.allreduce(float(temperature.x.array.min(initial=np.inf)), op=MPI.MIN)
    highest = comm.allreduce(float(temperature.x.array.max(initial=-np.inf)), op=MPI.MAX)
    material.check(lowest, highest, state, margin=OVERSHOOT)
