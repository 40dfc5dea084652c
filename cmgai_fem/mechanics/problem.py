"""BodyProblem: a body, its materials and conditions, solved at states into nodal fields."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from dolfinx import fem
from pydantic import BaseModel, ConfigDict, Field

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.body import Body, jacobians
from cmgai_fem.mechanics.conditions import Condition, Fixed, Pressure
from cmgai_fem.mechanics.heat import Conduction
from cmgai_fem.mechanics.inputs import StateInputs
from cmgai_fem.mechanics.material_card import MaterialCard, MaterialPoints, Materials
from cmgai_fem.mechanics.probes import Place, Probe, told
from cmgai_fem.mechanics.recording import Recorder
from cmgai_fem.mechanics.stepping import Stepper
from cmgai_fem.mechanics.thermoelastic import Setting, ThermoElasticity, elastic_stress, quadrature_degree
from cmgai_fem.states.states import Coordinate, States

Analysis = Literal["static", "heat", "transient heat", "thermo-elastic", "transient thermo-elastic"]
NEEDED: dict[str, tuple[str, ...]] = {
    "static": ("young", "poisson"),
    "heat": ("conductivity",),
    "transient heat": ("conductivity", "density", "specific_heat"),
    "thermo-elastic": ("young", "poisson", "conductivity", "expansion", "reference_temperature"),
}
NEEDED["transient thermo-elastic"] = (*NEEDED["thermo-elastic"], "density", "specific_heat")


class Steps(BaseModel):
    """How time runs.

    Args:
        end: each state is a run of its own, from time 0 to this one [s]; without it the states are moments of one run.
        time_per_state: time of a moment, for one unit of the state coordinate [s].
        start: state that the one run starts at.
        count: equal steps to the end, or between two moments; without it their sizes keep the tolerance.
        tolerance: largest error of a step, relative to the range of the field.
        initial_temperature: of the whole body at the start.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    end: float | None = Field(default=None, gt=0.0)
    time_per_state: float = Field(default=1.0, gt=0.0)
    start: float = 0.0
    count: int | None = Field(default=None, ge=1)
    tolerance: float = Field(default=1e-4, gt=0.0, lt=1.0)
    initial_temperature: float | None = None


class BodyProblem:
    """A body under conditions. Everything is collective over the mesh's communicator.

    Args:
        body: the meshed body.
        material: of the whole body, or by group of cells.
        setting: "solid", "plane strain", "plane stress" or "axisymmetric" (x the radius, y the axis).
        analysis: "static", "heat", "transient heat", "thermo-elastic" or "transient thermo-elastic".
        steps: how time runs, where it does.
        degree: polynomial degree of the displacement; the temperature's is one lower where both are solved for.

    Attributes:
        told: of each probe at each state, after `solve`.

    Raises:
        InputError: a material or setting that does not fit the mesh and the analysis.
    """

    def __init__(
        self,
        body: Body,
        material: MaterialCard | Mapping[str, MaterialCard],
        setting: Setting = "solid",
        analysis: Analysis = "static",
        steps: Steps | None = None,
        degree: int = 2,
    ) -> None:
        flat = body.mesh.geometry.dim < 3
        if flat == (setting == "solid") and not (flat and analysis in ("heat", "transient heat")):
            raise InputError(f"setting {setting!r} is not for a {body.mesh.geometry.dim}-D mesh")
        self.body, self.setting, self.analysis, self.degree = body, setting, analysis, degree
        self.steps = steps or Steps()
        self.materials = Materials(body, material)
        self.materials.need(NEEDED[analysis], analysis)
        for name, card in self.materials.cards.items():
            if card.expansion is not None and card.reference_temperature is None:
                raise InputError(f"material.{name}.reference_temperature: missing; expansion needs it")
        if self._transient and self.steps.initial_temperature is None:
            raise InputError(f"steps.initial_temperature: missing; the analysis {analysis!r} needs it")
        check_cells(body)
        self.inputs = StateInputs(body.mesh)
        self.conditions: list[Condition] = []
        self.told: list[dict[str, Any]] = []

    def add(self, *conditions: Condition) -> Self:
        """Add loads and supports; the same problem, so that calls can be chained."""
        for condition in conditions:
            condition.check(self.body)
            if condition.physics == "mechanics" and not self._elastic:
                raise InputError(f"{condition.name}: has no place in the analysis {self.analysis!r}")
            if condition.physics == "heat" and not self._conducts and not self._prescribes(condition):
                raise InputError(f"{condition.name}: the analysis {self.analysis!r} conducts no heat")
        self.conditions += conditions
        return self

    def fix(self, on: str, **components: Any) -> Self:
        """Give displacements x, y, z [m] on a group; all zero if none is named."""
        return self.add(Fixed(on=on, **components))

    def press(self, on: str, value: Any) -> Self:
        """Press on faces [Pa]."""
        return self.add(Pressure(on=on, value=value))

    def solve(
        self,
        values: Sequence[float],
        coordinate: Coordinate | None = None,
        probes: Sequence[Probe] = (),
        report: Callable[[str], None] = lambda line: None,
    ) -> States | None:
        """Solve at every state.

        Args:
            values: (K,) values of the state coordinate, increasing.
            coordinate: its name and unit.
            probes: values to be told.
            report: takes a line of progress a state, on rank 0.

        Returns:
            temperature, displacement [m] and stress [Pa], as far as the analysis has them, at the corners of the cells;
            None on the other ranks.

        Raises:
            InputError: a condition or state that cannot be solved for.
            ConvergenceError: a solve that failed; the text names the state.
        """
        coordinate = coordinate or Coordinate("state")
        heat = self._conduction() if self._conducts else None
        points = MaterialPoints(self.body, self.materials, self._quadrature) if self._elastic else None
        elastic = self._elasticity(points) if points is not None else None
        places = [Place(self.body, probe.at, probe.name) for probe in probes]
        temperature = self._prescribed() if heat is None else heat.temperature
        recorder = Recorder(self.body, temperature, elastic, self._quadrature, self.setting == "axisymmetric")
        stepper, self.told = Stepper(self.steps.tolerance, self.steps.count), []
        for number, value in enumerate(values):
            label = coordinate.label(value)
            if heat is not None and self._transient:
                self._march(heat, stepper, values, number, label)
            else:
                self.inputs.begin(value)
                self.inputs.move(0.0, label)
            if heat is None:
                self._prescribe(temperature)
            elif not self._transient:
                heat.solve(label)
            if elastic is not None and points is not None:
                points.temperature[:] = points.at(temperature)
                points.update(label)
                elastic.solve(label)
            recorder.record(label)
            self.told += [
                told(probe, self._probe(probe, place, temperature, elastic), value)
                for probe, place in zip(probes, places, strict=True)
            ]
            if self.body.mesh.comm.rank == 0:
                report(f"reference {number + 1}/{len(values)}: {label}" + self._steps_said(stepper))
        return recorder.states(coordinate, values)

    @property
    def _elastic(self) -> bool:
        return self.analysis not in ("heat", "transient heat")

    @property
    def _conducts(self) -> bool:
        return self.analysis != "static"

    @property
    def _transient(self) -> bool:
        return self.analysis.startswith("transient")

    @property
    def _quadrature(self) -> int:
        return quadrature_degree(self.body.mesh, self.degree)

    def _prescribes(self, condition: Condition) -> bool:
        """Whether a condition gives the temperature of whole cells, without conduction."""
        return condition.table == "temperature" and self.body.group(condition.on).dimension == self.body.dimension

    def _conduction(self) -> Conduction:
        return Conduction(
            self.body,
            self.materials.conductivity(self.inputs),
            [condition for condition in self.conditions if condition.physics == "heat"],
            self.inputs,
            self.materials.capacity(self.inputs) if self._transient else None,
            self.setting == "axisymmetric",
            max(1, self.degree - 1) if self._elastic else self.degree,
        )

    def _elasticity(self, points: MaterialPoints) -> ThermoElasticity:
        return ThermoElasticity(
            self.body,
            points.young,
            points.poisson,
            points.thermal_strain,
            setting=self.setting,
            degree=self.degree,
            conditions=[condition for condition in self.conditions if condition.physics == "mechanics"],
            inputs=self.inputs,
            density=lambda group: self.inputs.number(self.materials.density(group)),
        )

    def _march(self, heat: Conduction, stepper: Stepper, values: Sequence[float], number: int, label: str) -> None:
        steps, initial = self.steps, self.steps.initial_temperature
        assert initial is not None
        if steps.end is not None:
            self.inputs.begin(values[number])
            heat.begin(initial)
            stepper.size = 0.0
            stepper.advance(heat, 0.0, steps.end, label)
            return
        if number == 0:
            if values[0] < steps.start:
                raise InputError(f"state {label}: lies before steps.start = {steps.start:g}")
            heat.begin(initial)
        self.inputs.begin(values[number], steps.time_per_state)
        before = values[number - 1] if number else steps.start
        stepper.advance(heat, before * steps.time_per_state, values[number] * steps.time_per_state, label)
        self.inputs.move(values[number] * steps.time_per_state, label)

    def _prescribed(self) -> fem.Function:
        """The temperature without conduction: given in some groups of cells, the materials' own in the others."""
        function = fem.Function(fem.functionspace(self.body.mesh, ("DG", max(1, self.degree - 1))))
        dofs = function.function_space.dofmap.list
        for name, card in self.materials.cards.items():
            function.x.array[dofs[self.body.groups[name].entities]] = card.reference_temperature or 0.0
        return function

    def _prescribe(self, temperature: fem.Function) -> None:
        for condition in self.conditions:
            if self._prescribes(condition):
                ((_, value),) = condition.given(self.body)
                points = temperature.function_space.element.interpolation_points
                expression = fem.Expression(self.inputs.scalar(value, condition.name), points)
                temperature.interpolate(expression, cells0=self.body.group(condition.on).entities)

    def _probe(self, probe: Probe, place: Place, temperature: fem.Function, elastic: ThermoElasticity | None) -> float:
        axes = ["xyz".find(letter) for letter in probe.component]
        if probe.field == "temperature" and not axes:
            return float(place.mean(place.values(temperature)[0])[0])
        if elastic is not None and axes and min(axes) >= 0:
            moved, gradient = place.values(elastic.displacement)
            if probe.field == "displacement" and len(axes) == 1 and axes[0] < moved.shape[1]:
                return float(place.mean(moved)[axes[0]])
            if probe.field == "stress" and len(axes) == 2:
                warmth = place.values(temperature)[0][:, 0]
                young, poisson, thermal = self.materials.at(place.cells, warmth)
                radius = place.point[0] if self.setting == "axisymmetric" else None
                stress = elastic_stress(moved, gradient, radius, thermal, young, poisson, self.setting)
                return float(place.mean(stress)[axes[0], axes[1]])
        raise InputError(f"probe {probe.name}: the analysis {self.analysis!r} has no such value")

    def _steps_said(self, stepper: Stepper) -> str:
        if not self._transient:
            return ""
        error = "" if stepper.error is None else f", largest error of a step {stepper.error:.1e}"
        return f", {stepper.steps} steps{error}"


def check_cells(body: Body) -> None:
    """Refuse cells whose mapping turns over.

    Raises:
        InputError: there is one; the text says where. Collective.
    """
    determinants, middles = jacobians(body)
    bad = np.flatnonzero(determinants.min(axis=1) * determinants.max(axis=1) <= 0.0)
    worst = body.mesh.comm.allgather(middles[bad[0]].tolist() if len(bad) else None)
    if places := [place for place in worst if place is not None]:
        where = ", ".join(f"{part:g}" for part in places[0])
        raise InputError(f"a cell near ({where}) has a negative Jacobian: mend the mesh")
