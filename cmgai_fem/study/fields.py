"""The pipeline of field studies: reference solves -> generation from the known states -> comparison."""

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.generate import Networks, silent
from cmgai_fem.mechanics.reference import ReferenceModel, load_model, solve_reference
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.progress import Report, steps
from cmgai_fem.rivals import rivals_for
from cmgai_fem.solve import METHODS
from cmgai_fem.states.states import Field, States
from cmgai_fem.study.ablation import PARTS, AblationRow, ablate, check_parts
from cmgai_fem.study.advice import advise_by_reference
from cmgai_fem.study.field_file import FieldStudy, Point
from cmgai_fem.study.findings import Findings, Row
from cmgai_fem.study.generation import Generation, derive, generate_fields
from cmgai_fem.study.paraview import write_paraview
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.study.sections import make_sections
from cmgai_fem.study.tolerances import COLUMNS, best_rival, check_ranges, check_tolerances, compare, judge, state_key
from cmgai_fem.writing import write_table

__all__ = ["PARTS", "TAKES", "Study", "run"]
Study = FieldStudy
TAKES = frozenset({"ranks", "device", "seed", "quick", "ablate"})


def run(study: FieldStudy, tools: Tools) -> Findings:
    """Run a field study.

    Raises:
        InputError: the study asks for something that is not there.
        ConvergenceError: a solve did not converge; the text names the state.
    """
    rivals = rivals_for(study.known_values)
    check_tolerances(study, rivals)
    check_parts(study, tools.ablate)
    reference, solved = solve_states(study, tools.ranks, tools.folder / "reference", tools.say)
    reference = derive(reference, study.fields)
    check_ranges(study, reference)
    checkpoints = tools.folder / "training"
    if checkpoints.is_dir():
        tools.say("the trainings of an interrupted run go on where they were")
    seed = study.pinn.seed if tools.seed is None else tools.seed
    networks = Networks(seed, tools.device, TrainingSettings(**study.pinn.training), checkpoints)
    known = reference.at(study.states.known)
    generation = admit(study, generate_fields(known, study, networks, tools.say))
    ablated = ablate(reference, networks, generation, tools.ablate, tools.say)
    if ablated:
        write_table(tools.folder / "ablation.csv", [asdict(row) for row in ablated], [*AblationRow.__annotations__])
    rows = compare(study, reference, generation)
    verdicts = [judge(tolerance, rows, rivals) for tolerance in study.tolerances]
    figures = admissibility(study, reference, generation)
    shown = {"reference": reference} | {
        method: generation.states[method] for method in (*METHODS, best_rival(rows, rivals))
    }
    write_fields(study, tools.folder, shown)
    facts = {
        "study": study.model_dump(exclude={"tolerances"}),
        "calibration": {
            f"{name}, {split}": generator.calibration.describe() | generator.describe()
            for name, split, generator in generation.sides()
            if generator.calibration is not None
        },
        "trust": {name: made.describe() for name, made in generation.made.items()},
        "admissibility": figures,
        "training": generation.training_history(),
        "solvers": generation.solvers(),
        "independent_network": generation.check(),
        "ablation": [asdict(row) for row in ablated],
        "provenance": {"seed": seed, "reference": solved},
    }
    sections = make_sections(study, tools, rows, generation, shown, ablated, figures)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return Findings(rows, verdicts, sections, facts, COLUMNS, advise_by_reference(study, reference, rows, rivals))


def solve_states(study: FieldStudy, ranks: int, folder: Path, report: Report) -> tuple[States, dict[str, Any]]:
    """Solve the reference model at all states: one run for each set of parameters, over its own coordinate.

    Returns:
        The states, and what is known of the runs.
    """
    points = study.points
    report(f"{study.title}: {len(points)} reference states on {ranks} rank{'s' if ranks > 1 else ''}")
    groups: dict[Point, list[Point]] = {}
    for point in sorted(points):
        groups.setdefault(point[1:], []).append(point)
    # All parameters are checked before the first run.
    models = {rest: load_model(study.kind, study.parameters(group[0]), study.folder) for rest, group in groups.items()}
    runs = sorted(groups.items())

    def solve(number: int) -> tuple[States, dict[str, Any]]:
        rest, group = runs[number]
        progress, place, own = report, folder, ranks
        if len(runs) > 1:
            # Many runs are solved side by side, one rank each: small meshes gain little by being shared.
            label = study.axes.label(group[0]).partition(", ")[2]
            report(f"reference run {number + 1}/{len(runs)}: {label}, {len(group)} states")
            progress, place, own = silent, folder / f"run_{number:02d}", 1
        return solve_reference(models[rest], study.axes.each[0], [point[0] for point in group], own, place, progress)

    with ThreadPoolExecutor(ranks if len(runs) > 1 else 1) as pool:
        solved = list(steps(pool.map(solve, range(len(runs))), "reference runs", len(runs)))
    found = {
        point: (states, row)
        for (states, _), (_, group) in zip(solved, runs, strict=True)
        for row, point in enumerate(group)
    }
    (states, first), infos = solved[0], [info for _, info in solved]
    fields = {
        name: replace(one, values=np.array([found[point][0].field(name).values[found[point][1]] for point in points]))
        for name, one in states.fields.items()
    }
    total = first | {"ranks": ranks, "runs": len(infos), "seconds": sum(info["seconds"] for info in infos)}
    return States(states.labels, study.axes, np.array(points), fields), total


def by_model[F](study: FieldStudy, prepare: Callable[[ReferenceModel], F]) -> Callable[[Point], F]:
    """What `prepare` makes of the reference model at a state; made once for all states of equal parameters."""
    made: dict[Point, F] = {}

    def at(point: Point) -> F:
        if point[1:] not in made:
            made[point[1:]] = prepare(load_model(study.kind, study.parameters(point), study.folder))
        return made[point[1:]]

    return at


def admit(study: FieldStudy, generation: Generation) -> Generation:
    """Every method's states, the rivals' too, projected on what the reference model's physics admits."""
    admitted = dict(generation.states)
    projections = by_model(study, lambda model: model.projection())
    for method, states in generation.states.items():
        rows = [
            projections(point)(
                point[0], {name: states.field(name).values[states.index(point)] for name in study.fields}
            )
            for point in study.points
        ]
        made: dict[str, Field] = {
            name: replace(states.field(name), values=np.array([row[name] for row in rows])) for name in study.fields
        }
        admitted[method] = derive(replace(states, fields=made), study.fields)
    return replace(generation, states=admitted)


def admissibility(study: FieldStudy, reference: States, generation: Generation) -> list[Row]:
    """Physical admissibility of each method's held-out states, and of the reference itself."""
    checks = by_model(study, lambda model: model.admissibility())
    figures: list[Row] = []
    for point in study.held_out:
        for method, states in {"reference": reference, **generation.states}.items():
            fields = {name: states.field(name).values[states.index(point)] for name in study.fields}
            figures += [
                {"state": state_key(point), "method": method, "figure": figure, "value": number}
                for figure, number in checks(point)(point[0], fields).items()
            ]
    return figures


def write_fields(study: FieldStudy, folder: Path, shown: Mapping[str, States]) -> None:
    """Reference, transports and best rival as .npz, and as .vtu/.pvd with their errors for ParaView."""
    (folder / "fields").mkdir(exist_ok=True)
    for method, states in shown.items():
        states.save(folder / "fields" / f"{method}.npz")
    reference, *made = (shown[method].at(study.held_out) for method in ("reference", *METHODS))
    write_paraview(folder / "paraview", study.name, dict(zip(METHODS, made, strict=True)), reference)
