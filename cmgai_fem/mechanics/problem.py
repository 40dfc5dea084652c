"""BodyProblem: a body, its materials and conditions, solved at states into nodal fields."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.analyses import ANALYSES
from cmgai_fem.mechanics.body import Body, jacobians
from cmgai_fem.mechanics.conditions import Condition, Fixed, Pressure
from cmgai_fem.mechanics.inputs import StateInputs
from cmgai_fem.mechanics.material_card import MaterialCard, Materials
from cmgai_fem.mechanics.probes import Probe, Region, told
from cmgai_fem.mechanics.recording import Recorder
from cmgai_fem.mechanics.thermoelastic import Setting
from cmgai_fem.states.states import Coordinate, States

Analysis = Literal[
    "static", "heat", "transient heat", "thermo-elastic", "transient thermo-elastic", "plastic", "thermo-plastic",
    "explicit",
]  # fmt: skip
NEEDED: dict[str, tuple[str, ...]] = {
    "static": ("young", "poisson"),
    "heat": ("conductivity",),
    "transient heat": ("conductivity", "density", "specific_heat"),
    "thermo-elastic": ("young", "poisson", "conductivity", "expansion", "reference_temperature"),
}
NEEDED |= {"plastic": NEEDED["static"], "thermo-plastic": NEEDED["thermo-elastic"]}
NEEDED["explicit"] = (*NEEDED["static"], "density")
NEEDED["transient thermo-elastic"] = (*NEEDED["thermo-elastic"], "density", "specific_heat")


# Keys of `Steps` that bodies in motion do not know, and those that only they know.
STEPPING = ("count", "tolerance")
MARCHING = ("courant", "allowed_drift", "history", "checkpoint_folder", "checkpoint_steps")


class Steps(BaseModel):
    """How time runs.

    Args:
        end: each state is a run of its own, from time 0 to this one [s]; without it the states are moments of one run.
        time_per_state: time of a moment, for one unit of the state coordinate [s].
        start: state that the one run starts at.
        count: equal steps to the end, or between two moments; without it their sizes keep the tolerance.
        tolerance: largest error of a step, relative to the range of the field.
        initial_temperature: of the whole body at the start.
        courant: share of the stable step that a body in motion is marched with; it knows no count and tolerance.
        allowed_drift: largest drift of its energy balance, a share of its energy.
        history: times at which the plastic strain of a body in motion is kept besides, with an `end` [s].
        checkpoint_folder: where its unfinished runs are kept, so that a killed solve goes on from there; "" keeps none.
        checkpoint_steps: time steps between two checkpoints.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    end: float | None = Field(default=None, gt=0.0)
    time_per_state: float = Field(default=1.0, gt=0.0)
    start: float = 0.0
    count: int | None = Field(default=None, ge=1)
    tolerance: float = Field(default=1e-4, gt=0.0, lt=1.0)
    initial_temperature: float | None = None
    courant: float = Field(default=0.9, gt=0.0, le=1.0)
    allowed_drift: float = Field(default=0.02, gt=0.0)
    history: list[Annotated[float, Field(gt=0.0)]] = Field(default_factory=list)
    checkpoint_folder: str = ""
    checkpoint_steps: int = Field(default=1000, ge=1)

    @model_validator(mode="after")
    def _history_lies_in_the_run(self) -> Self:
        times = self.history
        if times and (self.end is None or times != sorted(set(times)) or times[-1] > self.end):
            raise ValueError("history: times must increase, none after end")
        return self


class BodyProblem:
    """A body under conditions. Everything is collective over the mesh's communicator.

    Args:
        body: the meshed body.
        material: of the whole body, or by group of cells.
        setting: "solid", "plane strain", "plane stress" or "axisymmetric" (x the radius, y the axis).
        analysis: "static", "heat", "transient heat", "thermo-elastic", "transient thermo-elastic", "plastic",
            "thermo-plastic" (steady conduction along the path of loads) or "explicit" (a body in motion).
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
        refused = STEPPING if analysis == "explicit" else MARCHING
        for key, field in Steps.model_fields.items():
            default = field.get_default(call_default_factory=True)
            if key in refused and getattr(self.steps, key) != default:
                raise InputError(f"steps.{key}: has no place in the analysis {analysis!r}")
        self.materials = Materials(body, material)
        self.materials.need(NEEDED[analysis], analysis)
        for name, card in self.materials.cards.items():
            if card.expansion is not None and card.reference_temperature is None:
                raise InputError(f"material.{name}.reference_temperature: missing; expansion needs it")
        if self.transient and self.steps.initial_temperature is None:
            raise InputError(f"steps.initial_temperature: missing; the analysis {analysis!r} needs it")
        check_cells(body)
        self.inputs = StateInputs(body.mesh)
        self.conditions: list[Condition] = []
        self.told: list[dict[str, Any]] = []

    def add(self, *conditions: Condition) -> Self:
        """Add loads and supports; the same problem, so that calls can be chained."""
        for condition in conditions:
            condition.check(self.body)
            if condition.dynamic and self.analysis != "explicit":
                raise InputError(f"{condition.name}: is for the analysis 'explicit' alone")
            if condition.physics == "heat" and self.analysis == "explicit":
                raise InputError(f"{condition.name}: a body in motion heats by its plastic work alone")
            if condition.physics == "mechanics" and not self.deforms:
                raise InputError(f"{condition.name}: has no place in the analysis {self.analysis!r}")
            if condition.physics == "heat" and not self.conducts and not self.prescribes(condition):
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
        solver = ANALYSES[self.analysis](self)
        places = [probe.place(self.body) for probe in probes]
        recorder = Recorder(self.body, solver.functions, solver.recovered, self.axisymmetric, solver.components)
        self.told = []
        for number, value in enumerate(values):
            label = coordinate.label(value)
            note = solver.reach(values, number, label)
            recorder.record(label)
            for probe, place in zip(probes, places, strict=True):
                if isinstance(place, Region):
                    found = place.value(probe, recorder.latest())
                else:
                    found = solver.probe(probe, place)
                self.told.append(told(probe, found, value))
            if self.body.mesh.comm.rank == 0:
                report(f"reference {number + 1}/{len(values)}: {label}{note}")
        return recorder.states(coordinate, values)

    @property
    def deforms(self) -> bool:
        """Whether there is a displacement."""
        return self.analysis not in ("heat", "transient heat")

    @property
    def conducts(self) -> bool:
        """Whether heat is conducted."""
        return self.analysis not in ("static", "plastic", "explicit")

    @property
    def transient(self) -> bool:
        """Whether heat is stored."""
        return self.analysis.startswith("transient")

    @property
    def independent(self) -> bool:
        """Whether each state is solved from nothing, not from the one before."""
        marches = self.transient or self.analysis in ("plastic", "thermo-plastic", "explicit")
        return not marches or self.steps.end is not None

    @property
    def axisymmetric(self) -> bool:
        """Whether x is a radius."""
        return self.setting == "axisymmetric"

    def prescribes(self, condition: Condition) -> bool:
        """Whether a condition gives the temperature of whole cells, without conduction."""
        return condition.table == "temperature" and self.body.group(condition.on).dimension == self.body.dimension


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
