"""The results folder of a study: metrics, fields and provenance as plain files, each complete or not there."""

import csv
import json
import os
import platform
import resource
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import cmgai_fem
from cmgai_fem.comparison import Row, Verdict, best_rival
from cmgai_fem.errors import InputError
from cmgai_fem.export import write_paraview
from cmgai_fem.generation import Generation, training_history
from cmgai_fem.results import COLUMNS
from cmgai_fem.solvers import METHODS
from cmgai_fem.states import StateSet
from cmgai_fem.study_file import Study

PACKAGES = ("dolfinx-solver-real", "fenics-dolfinx", "petsc4py", "gmsh", "torch", "numpy", "scipy", "scikit-learn")


def make_folder(folder: Path) -> None:
    """Make a results folder, or refuse one that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{folder}: cannot write results there ({error.strerror}); choose another with --out"
        ) from None


def write_metrics(path: Path, rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> None:
    """Write `metrics.csv`, complete or not at all."""
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        for row in rows:
            writer.writerow({key: f"{item:.9g}" if isinstance(item, float) else item for key, item in row.items()})
    temporary.replace(path)


def write_fields(study: Study, folder: Path, reference: StateSet, generation: Generation, rows: Sequence[Row]) -> None:
    """Fields as StateSet files for the report, and as .vtu/.pvd with their errors for ParaView."""
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


def machine_facts() -> dict[str, Any]:
    """What a run owes to the machine and its packages: peak memory so far, Python, platform and versions."""
    return {
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of the packages that the figures depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON, complete or not at all."""
    temporary = path.with_name(f".{path.name}.partial")
    temporary.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    temporary.replace(path)
