"""The results folder of a study: metrics, fields and provenance as plain files, each complete or not there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cmgai_fem
from cmgai_fem.machine import machine_facts
from cmgai_fem.solve import METHODS
from cmgai_fem.states.states import States
from cmgai_fem.study.field_file import Study
from cmgai_fem.study.generation import Generation, training_history
from cmgai_fem.study.paraview import write_paraview
from cmgai_fem.study.tolerances import Row, Verdict, best_rival


def write_fields(study: Study, folder: Path, reference: States, generation: Generation, rows: Sequence[Row]) -> None:
    """Fields as States files for the report, and as .vtu/.pvd with their errors for ParaView."""
    (folder / "fields").mkdir(exist_ok=True)
    reference.save(folder / "fields" / "reference.npz")
    for method in (*METHODS, best_rival(rows)):
        generation.states[method].save(folder / "fields" / f"{method}.npz")
    held = study.states.held_out
    made = {method: generation.states[method].at(held) for method in METHODS}
    write_paraview(folder / "paraview", study.name, made, reference.at(held))


def run_info(
    study: Study,
    generation: Generation,
    verdicts: Sequence[Verdict],
    figures: Sequence[Row],
    solve_info: Mapping[str, Any],
    device: str,
    seconds: float,
) -> dict[str, Any]:
    """What `run.json` holds: the question, the choices, the verdicts and the provenance."""
    return {
        "study": {
            "name": study.name,
            "title": study.title,
            "description": study.description,
            "known": sorted(study.states.known),
            "held_out_interpolation": sorted(study.states.interpolation),
            "held_out_extrapolation": sorted(study.states.extrapolation),
            "coordinate": study.coordinate.model_dump(),
            "deformed": study.deformed,
        },
        "fields": {name: table.model_dump() for name, table in study.fields.items()},
        "tolerances": verdict_rows(verdicts),
        "calibration": {
            f"{name}, {split}": calibration.describe() for (split, name), calibration in generation.calibrations.items()
        },
        "admissibility": list(figures),
        "training": training_history(generation.solutions),
        "solvers": [
            {"method": method, "split": split, "field": name, **member.problem.describe(), **member.info}
            for (method, split, name), solution in generation.solutions.items()
            for member in solution.members
        ],
        "provenance": {
            "cmgai_fem": cmgai_fem.__version__,
            "study_hash": study.hash,
            "seed": study.pinn.seed,
            "device": device,
            "reference": dict(solve_info),
            "seconds": seconds,
            **machine_facts(),
        },
        "notes": [],
    }


def verdict_rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The verdicts as plain data."""
    return [
        {
            "name": verdict.name,
            "limit": verdict.limit,
            "value": verdict.worst,
            "passed": verdict.passed,
            "text": "; ".join(verdict.failures[:5]),
        }
        for verdict in verdicts
    ]
