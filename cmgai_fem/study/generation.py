"""Generation: fields at unseen states from the known states alone, by both transports and by the rivals.

Nothing in this module has held-out data in its hands: it takes the known states and the states that are asked for.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.calibration.calibrate import (
    Chosen,
    calibrate,
    carry,
    extrapolation_trials,
    interpolation_trials,
    left_out_errors,
)
from cmgai_fem.calibration.space import calibrate_space, trials_for
from cmgai_fem.errors import InputError
from cmgai_fem.metrics import von_mises
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.rivals import BASELINES
from cmgai_fem.rivals.scattered import SCATTERED_BASELINES
from cmgai_fem.rivals.scattered import rivals_for as scattered_rivals
from cmgai_fem.solve import METHODS, solve
from cmgai_fem.states.scattered import Coordinates, ScatteredStates
from cmgai_fem.states.states import Array, Field, IntArray, Labels, States, StateSet
from cmgai_fem.study.field_file import FieldStudy, FieldTable, Point
from cmgai_fem.study.file import Split
from cmgai_fem.study.pipelines import Report
from cmgai_fem.transport.cardinal import CardinalSolver, Solve
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.laws import Membrane
from cmgai_fem.transport.problem import Superposition, TransportProblem
from cmgai_fem.transport.space import SpaceProblem, solve_space

Known = Any
"""Known states along one coordinate (`StateSet`) or of several (`ScatteredStates`)."""
PSEUDO_TIMES = {"log": ("log", 1.0), "square_root": ("power", 0.5), "square": ("power", 2.0)}


@dataclass(frozen=True)
class Networks:
    """How and where networks are trained, beside what the study's `[pinn]` says.

    Args:
        seed: of their starting weights.
        device: torch device.
        checkpoints: folder that keeps unfinished and finished trainings, so that a killed run goes on; None for none.
    """

    seed: int = 0
    device: str = "cpu"
    checkpoints: Path | None = None


@dataclass(frozen=True)
class Transports:
    """Both transports of a study: states of one coordinate or several -> problem -> calibration -> solutions.

    Args:
        study: says what is asked of the known states.
        networks: how they are trained.
        options: of the finite elements.
    """

    study: FieldStudy
    networks: Networks = field(default_factory=Networks)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def single(self) -> bool:
        """Whether there is one state coordinate."""
        return len(self.study.axes) == 1

    @cached_property
    def fem(self) -> CardinalSolver:
        """The finite elements along one coordinate."""
        return CardinalSolver(partial(solve, **self.options))

    @cached_property
    def pinn(self) -> Solve:
        """The networks along one coordinate."""
        settings, own = TrainingSettings(**self.study.pinn.training), self.networks
        train = partial(
            solve, method="pinn", seed=own.seed, device=own.device, settings=settings, checkpoint=own.checkpoints
        )
        # One network of label and pseudo-time is not linear in the known states: it is trained for each field.
        return CardinalSolver(train) if settings.encoding == "spectral" else train

    def problem(self, known: Known, name: str, split: Split) -> Any:
        """The transport problem of one field in one split, nothing chosen yet."""
        table, rises = self.study.fields[name], self.study.rising(name)
        if self.single:
            return TransportProblem(
                known.only(name), admissible=Admissible(table.lower, rises[0], table.ordered)
            ).with_reach(*[point[0] for point in self.study.asked(split)])
        admissible = Admissible(table.lower, rises if any(rises) else False, table.ordered)
        return SpaceProblem(known.only(name), admissible=admissible)

    def trials(self, known: Known, split: Split) -> list[IntArray]:
        """Rows of the known states to leave out together, one array a trial."""
        targets = self.study.asked(split)
        if not self.single:
            return list(trials_for(known, [np.array(point) for point in targets])[:, None])
        if split == "interpolation":
            return interpolation_trials(known)
        return extrapolation_trials(known, [point[0] for point in targets])

    def calibrate(self, problem: Any, split: Split) -> Chosen[Any]:
        """What is chosen for a problem in one split."""
        choice, targets = self.study.calibration, [place(point) for point in self.study.asked(split)]
        kinds = [PSEUDO_TIMES[kind] for kind in choice.pseudo_times]
        if not self.single:
            return calibrate_space(problem, targets, kinds=[("linear", 1.0), *kinds], local=True)
        return calibrate(
            problem,
            self.trials(problem.states, split),
            self.fem,
            targets=targets,
            dampings=choice.dampings,
            laws=[Membrane(stiffness) for stiffness in choice.stiffnesses],
            pseudo_times=kinds,
            mass_axes=[
                tuple("xyz".index(axis) for axis in axes) for axes in self.study.fields[problem.field].mass_axes
            ],
            local=True,
        )

    def solve(self, problem: Any, calibration: Any, method: str) -> Superposition[Any]:
        """The calibrated superposition by one of the methods."""
        if self.single:
            return calibration.solve(problem, self.fem if method == "fem" else self.pinn)
        return calibration.solve(problem, method, self.networks.seed)

    def solve_choice(self, problem: Any, choice: Any) -> Any:
        """One choice by itself, by finite elements."""
        if self.single:
            return self.fem(choice.apply(carry(problem, [choice])[choice.mass_axes]))
        return solve_space(problem.with_choice(choice))

    def left_out(self, problem: Any, choice: Any, split: Split) -> float | None:
        """Left-out error of a choice that calibration did not try; None where a state less does not carry it."""
        trials = self.trials(problem.states, split)
        top = len(problem.states) - max(len(rows) for rows in trials) - 2
        if not self.single or (choice.order is not None and choice.order > top):
            return None
        error = left_out_errors(problem, [choice], trials, self.fem)[choice]
        return None if error is None else float(np.sqrt(np.sum(error**2) / len(error)))


@dataclass(frozen=True)
class Generation:
    """Generated states by method, and how they were made.

    Args:
        states: all states of the study by method; the methods are "fem", "pinn" and the rivals.
        seconds: wall time by (method, field).
        calibrations: choice by (split, field).
        solutions: superposed transports by (method, split, field).
    """

    states: Mapping[str, States[Any]]
    seconds: Mapping[tuple[str, str], float]
    calibrations: Mapping[tuple[Split, str], Chosen[Any]]
    solutions: Mapping[tuple[str, Split, str], Superposition[Any]]

    def training_history(self) -> list[dict[str, Any]]:
        """Rows of the training of each superposition's heaviest member, marked with split and field."""
        return [
            {"split": split, "field": name, **row}
            for (method, split, name), solution in self.solutions.items()
            if method == "pinn"
            for row in solution.members[0].history
        ]

    def solvers(self) -> list[dict[str, Any]]:
        """What each solver reports of itself, a row a member."""
        return [
            {"method": method, "split": split, "field": name, "choice": str(choice), **member.info}
            for (method, split, name), solution in self.solutions.items()
            for choice, member in zip(self.calibrations[split, name].members, solution.members, strict=True)
        ]


def generate(known: Known, study: FieldStudy, networks: Networks, report: Report) -> Generation:
    """Generate every state of a study by both transports and all rivals.

    Args:
        known: the known states.
        study: says what is asked of them.
        networks: how they are trained.
        report: takes lines of progress.
    """
    transports = Transports(study, networks)
    made: dict[str, dict[str, Array]] = {}
    seconds: dict[tuple[str, str], float] = {}
    calibrations: dict[tuple[Split, str], Chosen[Any]] = {}
    solutions: dict[tuple[str, Split, str], Superposition[Any]] = {}
    first = study.splits[0]
    # The known states are answered by whatever is calibrated first: inside, where there is an inside.
    wanted = [first if (split := study.split(point)) == "known" else split for point in study.points]
    rivals = rivals_for(points_of(known))
    for name in study.fields:
        for split in study.splits:
            problem = transports.problem(known, name, split)
            calibrations[split, name] = calibration = transports.calibrate(problem, split)
            report(f"{name}, {split}: {calibration} (left-out error {100 * calibration.error:.3g} %)")
            for method in METHODS:
                start = time.perf_counter()
                solutions[method, split, name] = transports.solve(problem, calibration, method)
                spent = time.perf_counter() - start
                seconds[method, name] = seconds.get((method, name), 0.0) + spent
                report(f"{name}, {split}: {method} solved in {spent:.1f} s")
        for method in METHODS:
            made.setdefault(method, {})[name] = np.array(
                [
                    solutions[method, split, name].at(place(point))
                    for point, split in zip(study.points, wanted, strict=True)
                ]
            )
        for rival in rivals:
            start = time.perf_counter()
            fields = np.empty((len(study.points), *known.field(name).values.shape[1:]))
            for split in study.splits:
                rows = [row for row, own in enumerate(wanted) if own == split]
                trials = np.concatenate(transports.trials(known, split))
                fields[rows] = run_rival(rival, known, name, np.array([study.points[row] for row in rows]), trials)
            made.setdefault(rival, {})[name] = fields
            seconds[rival, name] = time.perf_counter() - start
    states = {method: _as_states(known, study, fields) for method, fields in made.items()}
    return Generation(states, seconds, calibrations, solutions)


def rivals_for(values: Array) -> list[str]:
    """Names of the rivals that known states at (K, m) values admit."""
    return list(BASELINES) if values.shape[1] == 1 else scattered_rivals(values)


def run_rival(rival: str, known: Known, name: str, targets: Array, trials: IntArray) -> Array:
    """States (T, L, n) of one field at (T, m) `targets` by a rival; `trials` are the rows that it may leave out."""
    snapshots, values = known.field(name).values, points_of(known)
    flat, weights = snapshots.reshape(len(values), -1), np.repeat(known.labels.weights, snapshots.shape[2])
    if values.shape[1] == 1:
        found = BASELINES[rival].fit(values[:, 0], flat, weights)(targets[:, 0])
    else:
        found = SCATTERED_BASELINES[rival].predict(values, flat, targets, trials, weights)
    return found.reshape(len(targets), *snapshots.shape[1:])


def make_states(labels: Labels, study: FieldStudy, points: Sequence[Point], fields: Mapping[str, Field]) -> States[Any]:
    """States of a study's coordinates at some points."""
    if len(study.axes) == 1:
        return StateSet(labels, study.axes[0], np.array(points)[:, 0], fields)
    return ScatteredStates(labels, Coordinates(study.axes), np.array(points), fields)


def points_of(states: States[Any]) -> Array:
    """(K, m) values of states of one coordinate or several."""
    return states.values.reshape(len(states), -1)


def place(point: Sequence[float]) -> Any:
    """A state as states and solutions are asked for it: a number along one coordinate, (m,) numbers of several."""
    return float(point[0]) if len(point) == 1 else np.array(point)


def select(states: Any, points: Sequence[Sequence[float]]) -> Any:
    """The states at some points alone."""
    return states.at([place(point) for point in points])


def values_at(states: Any, point: Sequence[float], name: str) -> Array:
    """One field (L, n) of one state."""
    return np.asarray(states.field(name).values[states.index(place(point))])


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


def _as_states(known: Known, study: FieldStudy, fields: Mapping[str, Array]) -> States[Any]:
    made = {name: Field(array, known.field(name).unit, known.field(name).components) for name, array in fields.items()}
    return derive(make_states(known.labels, study, study.points, made), study.fields)


def measured(states: States[Any], index: int, fields: Mapping[str, FieldTable]) -> dict[str, Array]:
    """What is measured at one state: each field (L, n), its components (L,) if asked, and its derived scalars."""
    figures: dict[str, Array] = {}
    for name, table in fields.items():
        values = states.field(name)
        for derived in table.derived:
            figures[derived] = states.field(derived).values[index, :, 0]
        figures[name] = values.values[index]
        if table.components:
            for column, component in enumerate(values.components):
                figures[f"{name}_{component}"] = values.values[index, :, column]
    return figures
