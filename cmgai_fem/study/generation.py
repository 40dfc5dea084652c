"""Generation: fields at unseen states from the known states alone, by both transports and by the rivals.

Nothing in this module has held-out data in its hands: it takes the known states and the values that are asked for.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.calibration.calibrate import Calibration, calibrate, extrapolation_trials, interpolation_trials
from cmgai_fem.errors import InputError
from cmgai_fem.metrics import von_mises
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.rivals import RIVALS, rivals_for
from cmgai_fem.solve import METHODS, solve
from cmgai_fem.states.states import Array, Field, States
from cmgai_fem.study.field_file import CalibrationTable, FieldTable, Split
from cmgai_fem.transport.cardinal import CardinalSolver, Solve
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.laws import Membrane
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Superposition

Report = Callable[[str], None]
PSEUDO_TIMES = {"log": ("log", 1.0), "square_root": ("power", 0.5), "square": ("power", 2.0)}


@dataclass(frozen=True)
class Request:
    """What is asked of the known states.

    Args:
        fields: fields to generate.
        interpolation: values between the known states.
        extrapolation: values beyond them.
        calibration: what may be chosen.
        seed: of the networks.
        device: torch device of the networks.
        training: how the networks are trained.
        checkpoints: folder that keeps unfinished and finished trainings, so that a killed run goes on; None for none.
    """

    fields: Mapping[str, FieldTable]
    interpolation: tuple[float, ...] = ()
    extrapolation: tuple[float, ...] = ()
    calibration: CalibrationTable = field(default_factory=CalibrationTable)
    seed: int = 0
    device: str = "cpu"
    training: TrainingSettings = field(default_factory=TrainingSettings)
    checkpoints: Path | None = None

    @property
    def pinn(self) -> Solve:
        """The networks' solver."""
        return partial(
            solve, method="pinn", seed=self.seed, device=self.device, settings=self.training,
            checkpoint=self.checkpoints,
        )  # fmt: skip

    def values(self, split: Split) -> tuple[float, ...]:
        """The values asked for in one split."""
        return self.interpolation if split == "interpolation" else self.extrapolation


@dataclass(frozen=True)
class Generation:
    """Generated states by method, and how they were made.

    Args:
        states: all values (known and asked for) by method; the methods are "fem", "pinn" and the rivals.
        seconds: wall time by (method, field).
        calibrations: choice by (split, field).
        solutions: superposed transports by (method, split, field).
    """

    states: Mapping[str, States]
    seconds: Mapping[tuple[str, str], float]
    calibrations: Mapping[tuple[Split, str], Calibration]
    solutions: Mapping[tuple[str, Split, str], Superposition]


def generate(known: States, request: Request, report: Report) -> Generation:
    """Generate every asked-for state by both transports and all rivals.

    Args:
        known: the known states.
        request: what is asked.
        report: takes lines of progress.
    """
    values = np.unique([*known.values, *request.interpolation, *request.extrapolation])
    made: dict[str, dict[str, Array]] = {}
    seconds: dict[tuple[str, str], float] = {}
    calibrations: dict[tuple[Split, str], Calibration] = {}
    solutions: dict[tuple[str, Split, str], Superposition] = {}
    solvers: dict[str, Solve] = {
        "fem": CardinalSolver(solve),
        # One network of label and pseudo-time is not linear in the known states: it is trained for each field.
        "pinn": CardinalSolver(request.pinn) if request.training.encoding == "spectral" else request.pinn,
    }
    for name in request.fields:
        for split in splits(request):
            problem, calibration = calibrated_problem(known, name, request, split, solvers["fem"])
            calibrations[split, name] = calibration
            report(f"{name}, {split}: {calibration} (left-out error {100 * calibration.error:.3g} %)")
            for method, solver in solvers.items():
                start = time.perf_counter()
                solutions[method, split, name] = calibration.solve(problem, solver)
                spent = time.perf_counter() - start
                seconds[method, name] = seconds.get((method, name), 0.0) + spent
                report(f"{name}, {split}: {method} solved in {spent:.1f} s")
        for method in METHODS:
            made.setdefault(method, {})[name] = np.array(
                [_answer(value, method, name, known, request, solutions).at(value) for value in map(float, values)]
            )
        for rival in rivals_for(known.values[:, None]):
            start = time.perf_counter()
            made.setdefault(rival, {})[name] = run_rival(rival, known, name, values)
            seconds[rival, name] = time.perf_counter() - start
    states = {method: _as_states(known, values, fields, request) for method, fields in made.items()}
    return Generation(states, seconds, calibrations, solutions)


def splits(request: Request) -> list[Split]:
    """The splits that have values to generate."""
    both: tuple[Split, Split] = ("interpolation", "extrapolation")
    return [split for split in both if request.values(split)]


def field_problem(known: States, name: str, request: Request, split: Split) -> Problem:
    """The transport problem of one field in one split, nothing chosen yet."""
    table = request.fields[name]
    return Problem(known.only(name), admissible=Admissible(table.lower, table.monotone, table.ordered)).with_reach(
        *request.values(split)
    )


def calibrated_problem(
    known: States, name: str, request: Request, split: Split, solver: Solve
) -> tuple[Problem, Calibration]:
    """The transport problem of one field, and what calibration chooses for it in one split."""
    table, choice = request.fields[name], request.calibration
    problem = field_problem(known, name, request, split)
    trials = (
        interpolation_trials(known)
        if split == "interpolation"
        else extrapolation_trials(known, request.values("extrapolation"))
    )
    calibration = calibrate(
        problem,
        trials,
        solver,
        targets=request.values(split),
        dampings=choice.dampings,
        laws=[Membrane(stiffness) for stiffness in choice.stiffnesses],
        pseudo_times=[PSEUDO_TIMES[kind] for kind in choice.pseudo_times],
        mass_axes=[tuple("xyz".index(axis) for axis in axes) for axes in table.mass_axes],
        local=True,
    )
    return problem, calibration


def run_rival(rival: str, known: States, name: str, values: Array) -> Array:
    """States (T, L, n) of one field at `values` by the rival called `rival`."""
    field = known.field(name)
    count, labels, components = field.values.shape
    weights = np.repeat(known.labels.weights, components)
    predictor = RIVALS[rival].fit(known.values[:, None], field.values.reshape(count, -1), weights)
    return predictor(values[:, None]).reshape(len(values), labels, components)


def derive[S: States[Any]](states: S, fields: Mapping[str, FieldTable]) -> S:
    """`states` with the derived scalars of each field, computed from its components."""
    added = dict(states.fields)
    for name, table in fields.items():
        if "von_mises" in table.derived:
            stress = states.field(name)
            if len(stress.components) != 6:
                raise InputError(
                    f"fields.{name}: a von Mises stress needs 6 components, the field has {len(stress.components)}"
                )
            added["von_mises"] = Field(von_mises(stress.values)[..., None], stress.unit, ("",))
    return replace(states, fields=added)


def _answer(
    value: float,
    method: str,
    name: str,
    known: States,
    request: Request,
    solutions: Mapping[tuple[str, Split, str], Superposition],
) -> Superposition:
    """The solution that was calibrated for where `value` lies."""
    inside = known.values[0] <= value <= known.values[-1]
    wanted: Split = "interpolation" if inside and request.interpolation else "extrapolation"
    if (method, wanted, name) not in solutions:
        wanted = "interpolation"
    return solutions[method, wanted, name]


def _as_states(known: States, values: Array, fields: Mapping[str, Array], request: Request) -> States:
    made = {name: Field(array, known.field(name).unit, known.field(name).components) for name, array in fields.items()}
    return derive(States.of(known.labels, known.coordinate, values, made), request.fields)


def measured(states: States[Any], index: int, fields: Mapping[str, FieldTable]) -> dict[str, Array]:
    """What is measured at one state: each field (L, n), its components (L,) if asked, and its derived scalars."""
    figures: dict[str, Array] = {}
    for name, table in fields.items():
        field = states.field(name)
        for derived in table.derived:
            figures[derived] = states.field(derived).values[index, :, 0]
        figures[name] = field.values[index]
        if table.components:
            for column, component in enumerate(field.components):
                figures[f"{name}_{component}"] = field.values[index, :, column]
    return figures


def training_history(solutions: Mapping[tuple[str, Split, str], Superposition]) -> list[dict[str, Any]]:
    """Rows of the training of each superposition's heaviest member, marked with split and field."""
    return [
        {"split": split, "field": name, **row}
        for (method, split, name), solution in solutions.items()
        if method == "pinn"
        for row in solution.members[0].history
    ]
