"""Reference model "thermal-stress-plastic": the heated cantilever yields, at its clamp first and then at its hole."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Parameter

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import fem

from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.conditions import Foundation, Traction, WeakForm
from cmgai_fem.mechanics.hardening import LinearHardening
from cmgai_fem.mechanics.inputs import StateInputs
from cmgai_fem.mechanics.materials import Material, TemperaturePolynomial, austenitic_steel
from cmgai_fem.mechanics.meshing import MeshParameters, NodeGather
from cmgai_fem.mechanics.multigrid import set_two_level
from cmgai_fem.mechanics.plastic_load import ITERATIVE
from cmgai_fem.mechanics.quasi_static import QuasiStaticPlasticity
from cmgai_fem.mechanics.recording import Recorder
from cmgai_fem.mechanics.reference import Admissibility, Projection
from cmgai_fem.mechanics.thermal_stress import HOT_FACE, ThermalStress, check_temperature
from cmgai_fem.metrics import von_mises
from cmgai_fem.progress import Report
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States

if TYPE_CHECKING:
    from mpi4py import MPI

# Yield stress of the steel [Pa]: 205 MPa at 20 degC, 110 MPa at 800 degC.
YIELD_STRESS = TemperaturePolynomial((205e6, -120e6, 25e6), 20.0, 800.0)


class ThermalStressPlastic(ThermalStress):
    """The cantilever with a temperature-dependent yield stress and linear hardening, loaded cold and then heated.

    The tip is loaded at `ambient`; then the hot face is heated in even steps through all states, with small-strain J2
    plasticity by backward Euler. The tip force is larger than in the elastic model, so that the hole yields too.

    Stress and plastic strain at the nodes are volume-weighted means of the quadrature points around them (the lumped
    projection). The yield surface is convex, so that such a mean satisfies the mean yield condition of its points, and
    what is not negative stays so; the consistent projection of the elastic model keeps neither.

    Args:
        tip_force: force on the tip, downwards (-y) [N].
        hardening_modulus: slope of the yield stress over the equivalent plastic strain [Pa].
        heating_step: largest rise of the hot face's temperature in one step [K]; the same path whatever states are
            asked for, as long as they lie on it.
    """

    kind: ClassVar[str] = "thermal-stress-plastic"

    mesh: MeshParameters = MeshParameters(file="cantilever.geo", size=0.006)
    tip_force: float = 6000.0
    hardening_modulus: float = Parameter(default=2e9, ge=0.0)
    heating_step: float = Parameter(default=25.0, gt=0.0)

    def solve(self, comm: "MPI.Comm", values: Sequence[float], report: Report) -> States | None:
        """Stress [Pa], equivalent plastic strain, temperature [degC] and displacement [m] at the mesh's nodes."""
        material = self._steel(values)
        body = self.mesh.read(comm)
        heat = self.conduction(body, material)
        problem = HeatedPlasticity(body, material, self)
        gather = {count: _gather(body, count) for count in (1, 6)}
        recorder = Recorder(
            body,
            {"temperature": heat.temperature, "displacement": problem.displacement},
            {
                "stress": lambda _: gather[6](problem.recover(problem.stress.x.array.reshape(-1, 6)).ravel()),
                "equivalent_plastic_strain": lambda _: gather[1](
                    problem.recover(problem.equivalent_plastic_strain[:, None]).ravel()
                ),
            },
            units={"temperature": "degC"},
        )
        done = 0
        heat.inputs.begin(self.ambient)
        problem.heat_to(heat.solve("cold"), material)
        problem.solve(f"tip load at {self.ambient:g} degC")
        for value in heating_path(self.ambient, values, self.heating_step):
            state = HOT_FACE.label(value)
            heat.inputs.begin(value)
            temperature = heat.solve(state)
            check_temperature(comm, temperature, material, state)
            problem.heat_to(temperature, material)
            iterations = problem.solve(state)
            if value not in values:
                continue
            recorder.record(state)
            done += 1
            if comm.rank == 0:
                report(f"reference {done}/{len(values)}: {state}, {iterations} Newton iterations in its last step")
        return recorder.states(HOT_FACE, values)

    def admissibility(self) -> Admissibility:
        """Yield violation, negative plastic strain and equilibrium residual of generated fields.

        The yield violation is the largest excess of the von Mises stress over the yield stress, at the label's mean
        temperature and generated plastic strain, relative to that yield stress.
        """
        from mpi4py import MPI

        body = self.mesh.read(MPI.COMM_SELF)
        equilibrium = self.equilibrium_check(body, austenitic_steel())
        condition = YieldCondition(body, self)

        def figures(value: float, fields: Mapping[str, Array]) -> dict[str, float]:
            stress, plastic = fields.get("stress"), fields.get("equivalent_plastic_strain")
            result: dict[str, float] = {}
            if stress is not None:
                result["equilibrium_residual"] = equilibrium.residual(stress)
            if plastic is not None:
                result["negative_plastic_strain"] = float(max(0.0, -plastic.min()))
            if stress is not None and plastic is not None:
                limit = condition.yield_stress(value, plastic[:, 0])
                result["yield_violation"] = float(max(0.0, np.max(von_mises(stress) / limit - 1.0)))
            return result

        return figures

    def projection(self) -> Projection:
        """Generated stress beyond the yield surface of its temperature and plastic strain is put back on it.

        The elastic domain is convex and holds the truth; the radial return is the nearest point in the norm of the
        deviator, so it can only lower the error of the deviatoric stress for the right plastic strain.
        """
        from mpi4py import MPI

        condition = YieldCondition(self.mesh.read(MPI.COMM_SELF), self)

        def project(value: float, fields: Mapping[str, Array]) -> dict[str, Array]:
            result = dict(fields)
            if "stress" in fields and "equivalent_plastic_strain" in fields:
                limit = condition.yield_stress(value, fields["equivalent_plastic_strain"][:, 0])
                result["stress"] = radial_return(fields["stress"], limit)
            return result

        return project


def radial_return(stress: Array, yield_stress: Array) -> Array:
    """The stress with its deviator scaled back to the yield surface where it lies beyond.

    Args:
        stress: (L, 6) components xx, yy, zz, xy, yz, xz [Pa].
        yield_stress: (L,) [Pa].
    """
    mean = np.zeros_like(stress)
    mean[:, :3] = stress[:, :3].mean(axis=1, keepdims=True)
    equivalent = von_mises(stress)
    share = np.minimum(1.0, yield_stress / np.maximum(equivalent, np.finfo(float).tiny))
    return mean + share[:, None] * (stress - mean)


class YieldCondition:
    """Yield stress at the labels of the heated cantilever.

    Args:
        body: the meshed body, on one rank.
        model: the reference model.
    """

    def __init__(self, body: Body, model: ThermalStressPlastic) -> None:
        self._material = austenitic_steel()
        self._heat = model.conduction(body, self._material)
        self._problem = HeatedPlasticity(body, self._material, model)
        self._gather = _gather(body, 1)
        self._hardening_modulus = model.hardening_modulus
        self._initial: dict[float, Array] = {}

    def yield_stress(self, value: float, plastic_strain: Array) -> Array:
        """(L,) yield stress [Pa] at hot-face temperature `value` [degC] after equivalent plastic strain (L,)."""
        if value not in self._initial:
            self._heat.inputs.begin(value)
            temperature = self._heat.solve(HOT_FACE.label(value))
            self._problem.heat_to(temperature, self._material)
            nodal = self._gather(self._problem.recover(YIELD_STRESS(self._problem.temperature)[:, None]).ravel())
            assert nodal is not None
            self._initial[value] = nodal[:, 0]
        return self._initial[value] + self._hardening_modulus * np.maximum(plastic_strain, 0.0)


class HeatedPlasticity(QuasiStaticPlasticity):
    """Small-strain J2 plasticity of the cantilever on its elastic foundation, with the two-level linear solver.

    Args:
        body: the meshed body.
        material: the steel.
        model: tip force, foundation, hardening and degree.
    """

    def __init__(self, body: Body, material: Material, model: ThermalStressPlastic) -> None:
        space = fem.functionspace(body.mesh, ("Lagrange", model.degree, (3,)))
        displacement = fem.Function(space)
        weak = WeakForm(body, StateInputs(body.mesh), displacement, False, 2 * model.degree)
        springs = Foundation(on="clamp", stiffness=model.foundation)
        force = Traction(on="tip", y=model.traction(body)[1])
        law = LinearHardening(YIELD_STRESS, model.hardening_modulus)
        super().__init__(
            space, [], lambda test: -weak.residual([springs, force], test), material.poisson, law,
            quadrature_degree=2 * model.degree - 2, options=ITERATIVE, displacement=displacement,
        )  # fmt: skip
        self.precondition(set_two_level)

    def heat_to(self, temperature: fem.Function, material: Material) -> None:
        """Give every point its temperature [degC], thermal strain and Young's modulus."""
        self.temperature = self.at_points(temperature)
        self.thermal_strain = material.expansion(self.temperature) * (self.temperature - material.reference_temperature)
        self.young = material.young(self.temperature)


def heating_path(start: float, states: Sequence[float], step: float) -> list[float]:
    """Hot-face temperatures [degC] to solve at: multiples of `step` above `start`, and the states, increasing."""
    grid = np.arange(np.floor(start / step) + 1.0, np.ceil(states[-1] / step)) * step
    return sorted({float(value) for value in (*grid, *states) if value > start})


def _gather(body: Body, components: int) -> NodeGather:
    shape = () if components == 1 else (components,)
    return NodeGather(fem.functionspace(body.mesh, ("Lagrange", 1, shape)))
