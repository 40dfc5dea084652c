"""A verification study of several state coordinates: reference solves -> generation -> comparison -> results folder."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import cmgai_fem
from cmgai_fem.calibration.space import SpaceCalibration, calibrate_space, inside_hull, trials_for
from cmgai_fem.machine import machine_facts
from cmgai_fem.mechanics.reference import load_model, solve_reference
from cmgai_fem.metrics import field_error
from cmgai_fem.rivals import RIVALS, rivals_for
from cmgai_fem.solve import METHODS
from cmgai_fem.states.states import Array, Field, States
from cmgai_fem.study.fields import StudyResult
from cmgai_fem.study.folder import verdict_rows
from cmgai_fem.study.generation import Report, derive, measured
from cmgai_fem.study.paraview import write_paraview
from cmgai_fem.study.results import COLUMNS
from cmgai_fem.study.space_file import SpaceStudy
from cmgai_fem.study.space_page import write_page
from cmgai_fem.study.tolerances import Row, Verdict, best_rival, judge
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.space import SpaceProblem
from cmgai_fem.writing import make_folder, write_json, write_table


@dataclass(frozen=True)
class SpaceGeneration:
    """Generated states by method, and how they were made.

    Args:
        states: all states asked for by method: "fem", "pinn" and the rivals.
        seconds: wall time by (method, field).
        calibrations: choice by field and states asked for, as text.
        training: rows of the networks' training.
    """

    states: Mapping[str, States]
    seconds: Mapping[tuple[str, str], float]
    calibrations: Mapping[str, SpaceCalibration]
    training: tuple[dict[str, Any], ...]


def run_space_study(study: SpaceStudy, folder: Path, ranks: int, report: Report) -> StudyResult:
    """Run a study from its reference solves to its report.

    Args:
        study: the validated study file.
        folder: results folder, made if it is not there.
        ranks: MPI processes of the reference solves.
        report: takes lines of progress.

    Raises:
        InputError: the study asks for something that is not there.
        ConvergenceError: a solve did not converge; the text names the state.
    """
    start = time.perf_counter()
    make_folder(folder)
    report(f"{study.title}: {len(study.points)} reference states on {ranks} rank{'s' if ranks > 1 else ''}")
    reference = solve_reference_states(study, ranks, folder / "reference", report)
    solved = time.perf_counter() - start
    known = reference.at(study.states.known)
    generation = admit(study, generate_states(known, study, report))
    reference = derive(reference.at(study.held_out), study.fields)
    rows = compare_states(study, reference, generation)
    rivals = rivals_for(known.values)
    verdicts = tuple(judge(tolerance, rows, rivals) for tolerance in study.tolerances)
    write_table(folder / "metrics.csv", rows, COLUMNS)
    (folder / "fields").mkdir(exist_ok=True)
    best = best_rival(rows, rivals)
    sets = {"reference": reference} | {method: generation.states[method] for method in (*METHODS, best)}
    for method, states in sets.items():
        states.save(folder / "fields" / f"{method}.npz")
    write_paraview(
        folder / "paraview", study.name, {method: generation.states[method] for method in METHODS}, reference
    )
    run = _run_info(study, generation, verdicts, ranks, solved, time.perf_counter() - start)
    write_json(folder / "run.json", run)
    write_page(folder / "report.html", study, rows, run, sets, best)
    return StudyResult(folder, tuple(rows), verdicts)


def solve_reference_states(study: SpaceStudy, ranks: int, folder: Path, report: Report) -> States:
    """Solve the reference model at all states: one run for each set of parameters, over its own coordinate."""
    points = study.points
    found: dict[tuple[float, ...], dict[str, Array]] = {}
    groups: dict[tuple[float, ...], list[float]] = {}
    for point in points:
        groups.setdefault(tuple(map(float, point[1:])), []).append(float(point[0]))
    for number, (rest, own) in enumerate(sorted(groups.items())):
        model = load_model(study.kind, study.parameters([own[0], *rest]))
        values = sorted(own)
        label = study.axes.label([values[0], *rest]).partition(", ")[2]
        report(f"reference run {number + 1}/{len(groups)}: {label}, {len(values)} states")
        states, _ = solve_reference(
            model, study.axes.each[0], values, ranks, folder / f"run_{number:02d}", lambda line: None
        )
        for row, value in enumerate(values):
            found[value, *rest] = {name: states.field(name).values[row] for name in study.fields}
    fields = {
        name: Field(np.array([found[tuple(map(float, point))][name] for point in points]), one.unit, one.components)
        for name in study.fields
        for one in (states.field(name),)
    }
    return States(states.labels, study.axes, points, fields)


def generate_states(known: States, study: SpaceStudy, report: Report) -> SpaceGeneration:
    """Generate what a study holds out, by both transports and all rivals. Nothing held out is in its hands."""
    asked = [np.array(state) for state in study.held_out]
    groups: dict[bool, list[int]] = {}
    for row, state in enumerate(asked):
        groups.setdefault(inside_hull(known.values, state), []).append(row)
    made: dict[str, dict[str, Array]] = {}
    seconds: dict[tuple[str, str], float] = {}
    calibrations: dict[str, SpaceCalibration] = {}
    training: list[dict[str, Any]] = []
    for name in study.fields:
        for rows in groups.values():
            targets = [asked[row] for row in rows]
            where = "; ".join(known.coordinate.label(target) for target in targets)
            found = _generate_group(known, study, name, targets)
            calibration = found.calibration
            calibrations[f"{name} at {where}"] = calibration
            training += [{"field": name, "states": where, **row} for row in found.training]
            for method, fields in found.fields.items():
                empty = np.empty((len(asked), *fields.shape[1:]))
                made.setdefault(method, {}).setdefault(name, empty)[rows] = fields
                seconds[method, name] = seconds.get((method, name), 0.0) + found.seconds[method]
            report(f"{name} at {where}: {calibration} (left-out error {100 * calibration.error:.3g} %)")
            report(f"{name} at {where}: networks trained in {found.seconds['pinn']:.1f} s")
    states = {method: _as_states(known, np.array(asked), fields, study) for method, fields in made.items()}
    return SpaceGeneration(states, seconds, calibrations, tuple(training))


@dataclass(frozen=True)
class _Group:
    """One field at states that all lie inside the hull, or all outside: by method (T, L, n), and how it was made."""

    fields: Mapping[str, Array]
    seconds: Mapping[str, float]
    calibration: SpaceCalibration
    training: tuple[Mapping[str, float], ...]


def _generate_group(known: States, study: SpaceStudy, name: str, targets: list[Array]) -> _Group:
    table = study.fields[name]
    rises = tuple(axis.name in table.monotone for axis in study.coordinates)
    problem = SpaceProblem(known.only(name), admissible=Admissible(table.lower, rises if any(rises) else False))
    calibration = calibrate_space(problem, targets, local=True)
    fields: dict[str, Array] = {}
    seconds: dict[str, float] = {}
    for method in METHODS:
        start = time.perf_counter()
        solution = calibration.solve(problem, method, study.pinn.seed)
        fields[method] = np.array([solution.at(target) for target in targets])
        seconds[method] = time.perf_counter() - start
    shape = problem.known.values.shape[1:]
    snapshots, weights = problem.known.values.reshape(len(known), -1), np.repeat(known.labels.weights, shape[1])
    trials = trials_for(known, targets)
    for rival in rivals_for(known.values):
        start = time.perf_counter()
        flat = RIVALS[rival].fit(known.values, snapshots, weights, trials)(np.array(targets))
        fields[rival], seconds[rival] = flat.reshape(len(targets), *shape), time.perf_counter() - start
    return _Group(fields, seconds, calibration, solution.members[0].history)


def admit(study: SpaceStudy, generation: SpaceGeneration) -> SpaceGeneration:
    """Both transports' states, projected on what the reference model's physics admits; rivals stay as they are."""
    admitted = dict(generation.states)
    projections: dict[tuple[float, ...], Any] = {}
    for method in METHODS:
        states = admitted[method]
        rows = []
        for index, state in enumerate(states.values):
            rest = tuple(map(float, state[1:]))
            if rest not in projections:
                projections[rest] = load_model(study.kind, study.parameters(state.tolist())).projection()
            fields = {name: states.field(name).values[index] for name in study.fields}
            rows.append(projections[rest](float(state[0]), fields))
        made = {name: np.array([row[name] for row in rows]) for name in study.fields}
        admitted[method] = _as_states(states, states.values, made, study)
    return replace(generation, states=admitted)


def compare_states(study: SpaceStudy, reference: States, generation: SpaceGeneration) -> list[Row]:
    """Every figure of `metrics.csv`: each method against the reference, and the PINN against the finite elements."""
    rows: list[Row] = []
    sources = {
        measured_name: name for name, table in study.fields.items() for measured_name in _measured_names(name, table)
    }
    for index, state in enumerate(reference.values):
        truth = measured(reference, index, study.fields)
        made = {method: measured(states, index, study.fields) for method, states in generation.states.items()}
        for name, expected in truth.items():
            pairs = [(method, "reference", expected) for method in made] + [("pinn", "fem", made["fem"][name])]
            source = next((field for key, field in sources.items() if name == key or name.startswith(f"{key}_")), name)
            for method, against, target in pairs:
                error = field_error(made[method][name], target, reference.labels.weights)
                rows.append(
                    {
                        "study": study.name,
                        "field": name,
                        "state": ":".join(f"{part:g}" for part in state),
                        "split": study.split(state.tolist()),
                        "method": method,
                        "against": against,
                        "nrmse": error.nrmse,
                        "nrmse_rms": error.nrmse_rms,
                        "nrmse_mean": error.nrmse_mean,
                        "max_error": error.max_error,
                        "seconds": generation.seconds[method, source],
                    }
                )
    return rows


def _measured_names(name: str, table: Any) -> list[str]:
    return [name, *table.derived]


def _as_states(known: States, values: Array, fields: Mapping[str, Array], study: SpaceStudy) -> States:
    made = {name: Field(array, known.field(name).unit, known.field(name).components) for name, array in fields.items()}
    return derive(States(known.labels, known.coordinate, values, made), study.fields)


def _run_info(
    study: SpaceStudy,
    generation: SpaceGeneration,
    verdicts: tuple[Verdict, ...],
    ranks: int,
    reference_seconds: float,
    seconds: float,
) -> dict[str, Any]:
    return {
        "study": study.model_dump(exclude={"tolerances"}),
        "tolerances": verdict_rows(verdicts),
        "calibration": {where: calibration.describe() for where, calibration in generation.calibrations.items()},
        "training": list(generation.training),
        "provenance": {
            "cmgai_fem": cmgai_fem.__version__,
            "study_hash": study.hash,
            "seed": study.pinn.seed,
            "reference": {"ranks": ranks, "seconds": reference_seconds},
            "seconds": seconds,
            **machine_facts(),
        },
        "notes": [],
    }
