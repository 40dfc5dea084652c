"""What a problem's analysis does at each state: conduction, elasticity, plasticity, or one after the other."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import ufl
from dolfinx import fem

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.conditions import Condition
from cmgai_fem.mechanics.explicit_body import ExplicitBody
from cmgai_fem.mechanics.heat import Conduction
from cmgai_fem.mechanics.material_card import MaterialPoints
from cmgai_fem.mechanics.nodal_fields import NodalFields
from cmgai_fem.mechanics.plastic_load import PlasticLoad
from cmgai_fem.mechanics.probes import Place, Probe
from cmgai_fem.mechanics.recording import Recovered
from cmgai_fem.mechanics.recovery import NodalProjection, symmetric_components
from cmgai_fem.mechanics.stepping import Steppable, Stepper
from cmgai_fem.mechanics.thermoelastic import ThermoElasticity, elastic_stress, quadrature_degree

if TYPE_CHECKING:
    from cmgai_fem.mechanics.problem import BodyProblem

# Beyond this strain the small-strain theory is no theory of the body any more.
LARGE_STRAIN = 0.05


class Thermal:
    """The temperature alone: conducted, steady or over time, or given.

    Args:
        problem: what is solved.

    Attributes:
        functions: solution functions by field.
        recovered: fields that are recovered from quadrature points.
    """

    def __init__(self, problem: "BodyProblem") -> None:
        self.problem, steps = problem, problem.steps
        self.stepper = Stepper(steps.tolerance, steps.count)
        self.heat = self._conduction() if problem.conducts else None
        self.temperature = self.heat.temperature if self.heat else self._given_temperature()
        self.functions: dict[str, fem.Function] = {"temperature": self.temperature}
        self.recovered: Mapping[str, Recovered] = {}
        self.components: Mapping[str, tuple[str, ...]] = {}

    def reach(self, values: Sequence[float], number: int, label: str) -> str:
        """Solve for a state, the one before being solved. Collective.

        Args:
            values: all states.
            number: which of them.
            label: its name, for messages.

        Returns:
            What is to be said of it.
        """
        problem = self.problem
        if not problem.transient:
            problem.inputs.begin(values[number])
            problem.inputs.move(0.0, label)
            self.warm(label)
            return ""
        initial = problem.steps.initial_temperature
        assert self.heat is not None and initial is not None
        heat = self.heat
        return self._march(heat, lambda: heat.begin(initial), values, number, label)

    def warm(self, label: str) -> fem.Function:
        """The steady or given temperature of the present state and time."""
        if self.heat is not None:
            return self.heat.solve(label)
        problem, temperature = self.problem, self.temperature
        for condition in problem.conditions:
            if problem.prescribes(condition):
                ((_, value),) = condition.given(problem.body)
                points = temperature.function_space.element.interpolation_points
                expression = fem.Expression(problem.inputs.scalar(value, condition.name), points)
                temperature.interpolate(expression, cells0=problem.body.group(condition.on).entities)
        return temperature

    def probe(self, probe: Probe, place: Place) -> float:
        """A probe's value now. Collective.

        Raises:
            InputError: the analysis has no such value.
        """
        if probe.field == "temperature" and not probe.component:
            return float(place.mean(place.values(self.temperature)[0])[0])
        axis = "xyz".find(probe.component or "?")
        if (
            probe.field == "displacement"
            and 0 <= axis < self.problem.body.mesh.geometry.dim
            and len(self.functions) > 1
        ):
            return float(place.mean(place.values(self.functions["displacement"])[0])[axis])
        raise InputError(f"probe {probe.name}: the analysis {self.problem.analysis!r} has no such value")

    def _march(
        self, system: Steppable, begin: Callable[[], None], values: Sequence[float], number: int, label: str
    ) -> str:
        """Step to a state: from time 0 to the end, or from the state before."""
        steps, inputs, stepper = self.problem.steps, self.problem.inputs, self.stepper
        if steps.end is not None:
            inputs.begin(values[number])
            time, end = 0.0, steps.end
        else:
            inputs.begin(values[number], steps.time_per_state)
            before = values[number - 1] if number else steps.start
            time, end = before * steps.time_per_state, values[number] * steps.time_per_state
        if number == 0 or steps.end is not None:
            begin()
            stepper.size = 0.0
            if end < time:
                raise InputError(f"state {label}: lies before steps.start = {steps.start:g}")
            if end == time:
                # The first moment itself: nothing has happened yet.
                inputs.move(end, label)
                return ""
        for target in inputs.kinks(time, end):
            stepper.advance(system, time, target, label)
            time = target
        inputs.move(end, label)
        error = "" if stepper.error is None else f", largest error of a step {stepper.error:.1e}"
        return f", {stepper.steps} steps{error}"

    def _conduction(self) -> Conduction:
        problem = self.problem
        return Conduction(
            problem.body,
            problem.materials.conductivity(problem.inputs),
            [condition for condition in problem.conditions if condition.physics == "heat"],
            problem.inputs,
            problem.materials.capacity(problem.inputs) if problem.transient else None,
            problem.axisymmetric,
            max(1, problem.degree - 1) if problem.deforms else problem.degree,
        )

    def _given_temperature(self) -> fem.Function:
        """The temperature without conduction, at first the materials' own."""
        problem = self.problem
        function = fem.Function(fem.functionspace(problem.body.mesh, ("DG", max(1, problem.degree - 1))))
        dofs = function.function_space.dofmap.list
        for name, card in problem.materials.cards.items():
            function.x.array[dofs[problem.body.groups[name].entities]] = card.reference_temperature or 0.0
        return function


class Elastic(Thermal):
    """The temperature, then the elastic stress at it."""

    def __init__(self, problem: "BodyProblem") -> None:
        super().__init__(problem)
        degree = quadrature_degree(problem.body.mesh, problem.degree)
        self._points = points = MaterialPoints(problem.body, problem.materials, degree)
        self._elastic = ThermoElasticity(
            problem.body,
            points.young,
            points.poisson,
            points.thermal_strain,
            setting=problem.setting,
            degree=problem.degree,
            conditions=mechanical(problem),
            inputs=problem.inputs,
            density=lambda group: problem.inputs.number(problem.materials.density(group)),
        )
        weight = ufl.SpatialCoordinate(problem.body.mesh)[0] if problem.axisymmetric else 1.0
        components = symmetric_components(self._elastic.stress)
        self.functions["displacement"] = self._elastic.displacement
        self.recovered = {"stress": NodalProjection(problem.body.mesh, components, degree, weight)}

    def reach(self, values: Sequence[float], number: int, label: str) -> str:
        """See `Thermal.reach`."""
        note = super().reach(values, number, label)
        self._points.temperature[:] = self._points.at(self.temperature)
        self._points.update(label)
        self._elastic.solve(label)
        return note

    def probe(self, probe: Probe, place: Place) -> float:
        """See `Thermal.probe`."""
        axes, problem = ["xyz".find(letter) for letter in probe.component], self.problem
        if probe.field != "stress" or len(axes) != 2 or min(axes) < 0:
            return super().probe(probe, place)
        moved, gradient = place.values(self._elastic.displacement)
        young, poisson, thermal = problem.materials.at(place.cells, place.values(self.temperature)[0][:, 0])
        radius = place.point[0] if problem.axisymmetric else None
        stress = elastic_stress(moved, gradient, radius, thermal, young, poisson, problem.setting)
        return float(place.mean(stress)[axes[0], axes[1]])


class Plastic(Thermal):
    """A J2 metal along a path of loads. Nodal values are volume-weighted means of the points around (see `recover`)."""

    def __init__(self, problem: "BodyProblem") -> None:
        super().__init__(problem)
        mesh = problem.body.mesh
        if problem.setting == "plane stress":
            raise InputError("physics.setting: plasticity is for solids, plane strain and axial symmetry")
        full = quadrature_degree(mesh, problem.degree)
        # On simplices one degree less: P2 with four points in a tetrahedron neither locks nor is under-integrated.
        quadrature = max(1, full - 1) if full == 2 * problem.degree - 1 else full
        self._load = PlasticLoad(
            problem.body, problem.materials, mechanical(problem), problem.inputs, self.warm, problem.axisymmetric,
            problem.degree, quadrature,
        )  # fmt: skip
        self._start = self._load.save()
        self.functions["displacement"] = self._load.displacement
        self._nodal = NodalFields(mesh, {"stress": 6, "equivalent_plastic_strain": 1})
        self.recovered = self._nodal.recovered

    def reach(self, values: Sequence[float], number: int, label: str) -> str:
        """See `Thermal.reach`."""
        note = self._march(self._load, lambda: self._load.restore(self._start), values, number, label)
        solver = self._load.solver
        stress = solver.stress.x.array.reshape(solver.plastic_strain.shape)
        self._nodal.set("stress", solver.recover(stress))
        self._nodal.set("equivalent_plastic_strain", solver.recover(solver.equivalent_plastic_strain[:, None]))
        strain = self._load.largest_strain()
        warning = f"; PLASTIC STRAIN {strain:.1%}: small-strain theory ends near {LARGE_STRAIN:.0%}"
        return note + (warning if strain > LARGE_STRAIN else "")

    def probe(self, probe: Probe, place: Place) -> float:
        """See `Thermal.probe`; stress and plastic strain are those of the nodal fields."""
        found = self._nodal.probe(probe, place)
        return super().probe(probe, place) if found is None else found


def mechanical(problem: "BodyProblem") -> list[Condition]:
    """The problem's conditions on the displacement."""
    return [condition for condition in problem.conditions if condition.physics == "mechanics"]


ANALYSES: dict[str, type[Thermal | ExplicitBody]] = {
    "static": Elastic, "heat": Thermal, "transient heat": Thermal, "thermo-elastic": Elastic,
    "transient thermo-elastic": Elastic, "plastic": Plastic, "thermo-plastic": Plastic,
    "explicit": ExplicitBody,
}  # fmt: skip
