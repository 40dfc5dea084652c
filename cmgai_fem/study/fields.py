"""A verification study: reference solves -> generation from the known states -> comparison -> results folder."""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from cmgai_fem.mechanics.reference import ReferenceModel, load_model, solve_reference
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.solve import METHODS
from cmgai_fem.states.states import Coordinate, States
from cmgai_fem.study.ablation import ablate
from cmgai_fem.study.field_file import Study
from cmgai_fem.study.folder import run_info, write_fields
from cmgai_fem.study.generation import Generation, Report, Request, derive, generate
from cmgai_fem.study.report import write_report
from cmgai_fem.study.results import COLUMNS, AblationRow
from cmgai_fem.study.tolerances import Row, Verdict, admissibility, compare, judge
from cmgai_fem.writing import make_folder, write_json, write_table


@dataclass(frozen=True)
class StudyResult:
    """What a study left behind: its folder, its figures, its verdicts and its ablation, if one was asked for."""

    folder: Path
    rows: tuple[Row, ...]
    verdicts: tuple[Verdict, ...]
    ablation: tuple[AblationRow, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every tolerance held."""
        return all(verdict.passed for verdict in self.verdicts)


def run_study(
    study: Study, folder: Path, ranks: int, device: str, report: Report, ablate_parts: Sequence[str] = ()
) -> StudyResult:
    """Run a study from its reference solves to its report.

    Args:
        study: the validated study file.
        folder: results folder, made if it is not there.
        ranks: MPI processes of the reference solves.
        device: torch device of the PINN.
        report: takes lines of progress.
        ablate_parts: parts of the theory to change one at a time, of `ablation.PARTS`.

    Raises:
        InputError: the study asks for something that is not there.
        ConvergenceError: a solve did not converge; the text names the state.
    """
    start = time.perf_counter()
    model = load_model(study.kind, study.parameters)
    make_folder(folder)
    coordinate = Coordinate(study.coordinate.name, study.coordinate.unit)
    values = sorted([*study.states.known, *study.states.held_out])
    report(f"{study.title}: {len(values)} reference states on {ranks} rank{'s' if ranks > 1 else ''}")
    reference, solve_info = solve_reference(model, coordinate, values, ranks, folder / "reference", report)
    checkpoints = folder / "training"
    if checkpoints.is_dir():
        report("the trainings of an interrupted run go on where they were")
    known, request = reference.at(study.states.known), request_of(study, device, checkpoints)
    generation = admit(study, model, generate(known, request, report))
    ablated = ablate(known, reference, request, generation, ablate_parts, report) if ablate_parts else []
    reference = derive(reference, study.fields)
    rows = compare(study, reference, generation)
    verdicts = tuple(judge(tolerance, rows) for tolerance in study.tolerances)
    figures = admissibility(study, model, reference, generation)
    write_table(folder / "metrics.csv", rows, COLUMNS)
    write_fields(study, folder, reference, generation, rows)
    info = run_info(study, generation, verdicts, figures, solve_info, device, time.perf_counter() - start)
    if ablated:
        write_table(folder / "ablation.csv", [asdict(row) for row in ablated], [*AblationRow.__annotations__])
    write_json(folder / "run.json", info | {"ablation": [asdict(row) for row in ablated]})
    write_report(folder)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return StudyResult(folder, tuple(rows), verdicts, tuple(ablated))


def generate_for(study: Study, reference: States, device: str, report: Report) -> Generation:
    """Generate what a study holds out. Of `reference`, the known states alone are read."""
    return generate(reference.at(study.states.known), request_of(study, device), report)


def request_of(study: Study, device: str, checkpoints: Path | None = None) -> Request:
    """What a study asks of its known states; its trainings go on from `checkpoints`."""
    return Request(
        study.fields,
        tuple(sorted(study.states.interpolation)),
        tuple(sorted(study.states.extrapolation)),
        study.calibration,
        study.pinn.seed,
        device,
        TrainingSettings(**study.pinn.training),
        checkpoints,
    )


def admit(study: Study, model: ReferenceModel, generation: Generation) -> Generation:
    """Both transports' states, projected on what the reference model's physics admits; rivals stay as they are."""
    project = model.projection()
    admitted = dict(generation.states)
    for method in METHODS:
        states = admitted[method]
        fields = {name: states.field(name) for name in study.fields}
        rows = [
            project(float(value), {name: field.values[index] for name, field in fields.items()})
            for index, value in enumerate(states.values)
        ]
        made = {name: replace(field, values=np.array([row[name] for row in rows])) for name, field in fields.items()}
        admitted[method] = derive(replace(states, fields=made), study.fields)
    return replace(generation, states=admitted)


def default_ranks() -> int:
    """MPI processes that the reference solves take when none are asked for: the cores there are, four at most."""
    return min(4, len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)
