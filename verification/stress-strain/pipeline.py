"""Stress-strain curves beyond the tested temperatures and strain rates, of metals whose law is known."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cmgai_fem.progress import steps
from cmgai_fem.study import curve_ablation
from cmgai_fem.study.ablation_rows import AblationRow, ablation_section
from cmgai_fem.study.findings import Findings, Row
from cmgai_fem.study.pipelines import Report, Tools
from cmgai_fem.writing import write_table

from .cases import CaseResult, run_case
from .measured_points import LeftOutState, leave_states_out
from .sections import bands_section, case_section, measured_section, notes_section
from .tables import StressStrainStudy
from .tolerances import judge

Study = StressStrainStudy
TAKES = frozenset({"device", "seed", "quick", "ablate"})
PARTS = curve_ablation.PARTS
COLUMNS = (
    "material", "split", "temperature", "strain_rate", "method", "against", "nrmse", "level_error", "mean_covered",
    "points_covered", "seconds",
)  # fmt: skip
GENERATED = (
    "material", "split", "temperature", "strain_rate", "method", "strain", "stress", "standard_error", "scatter",
    "trusted",
)  # fmt: skip


def run(study: StressStrainStudy, tools: Tools) -> Findings:
    """Run all cases, and leave out every state of the measured points where they are there."""
    seed = study.seed if tools.seed is None else tools.seed
    trainings = tools.folder / "training"
    if trainings.is_dir():
        tools.say("the trainings of an interrupted run go on where they were")
    results = []
    for case in steps(study.cases, "cases"):
        tools.say(f"{case.name}: {len(case.known)} known states, {len(case.asked)} to generate")
        results.append(
            run_case(
                case, study.tests, tools.device, seed, tools.say, ablate=tools.ablate, checkpoints=trainings
            )
        )  # fmt: skip
    measured, left_out = _measured(study.measured, tools.say)
    write_table(tools.folder / "generated.csv", list(_generated(results)), GENERATED)
    rows = [row for result in results for row in result.rows]
    ablated = [row for result in results for row in result.ablation]
    if ablated:
        write_table(tools.folder / "ablation.csv", [asdict(row) for row in ablated], [*AblationRow.__annotations__])
    notes = [*_notes(results), measured]
    sections = [case_section(result, tools) for result in results]
    sections += [bands_section(rows), *([measured_section(left_out)] if left_out else [])]
    sections += [*([ablation_section(ablated, curve_ablation.TEXT)] if ablated else []), notes_section(notes)]
    facts: dict[str, Any] = {
        "calibration": {result.case.name: result.calibration for result in results},
        "parting_of_paths": {
            f"{result.case.name} at {state[0]:g} K, {state[1]:g} /s": value
            for result in results
            for state, value in result.parting.items()
        },
        "measured": [asdict(state) for state in left_out],
        "notes": notes,
        "ablation": [asdict(row) for row in ablated],
        "provenance": {"seed": seed},
    }
    shutil.rmtree(trainings, ignore_errors=True)
    return Findings(rows, judge(study.tolerances, rows), sections, facts, COLUMNS)


def _measured(file: str, say: Report) -> tuple[str, list[LeftOutState]]:
    """The table of measured points, where its file is there."""
    path = Path(__file__).parent / file
    if not path.is_file():
        note = f"measured points: no file {file or 'named'}, their table is left out"
        say(note)
        return note, []
    table, left_out = leave_states_out(path, say)
    return "; ".join(("measured points: every state left out in turn", *table.notes)), left_out


def _notes(results: Sequence[CaseResult]) -> list[str]:
    notes = [f"{result.case.name}: {note}" for result in results for note in result.curves.notes]
    return notes + [
        f"{result.case.name} at {state[0]:g} K, {state[1]:g} /s: not to be trusted (error above 4 % expected, or "
        "farther out than tested)"
        for result in results
        for (method, state), curve in result.generated.items()
        if method == "fem" and not curve.trusted
    ]


def _generated(results: Sequence[CaseResult]) -> Iterator[Row]:
    """Points of every generated curve, in SI units."""
    for result in results:
        for (method, (temperature, rate)), curve in result.generated.items():
            trusted = "yes" if curve.trusted else "no"
            head = (result.case.material, result.case.split, temperature, rate, method)
            for point in zip(curve.strain, curve.stress, curve.error, curve.scatter, strict=True):
                yield dict(zip(GENERATED, (*head, *map(float, point), trusted), strict=True))
