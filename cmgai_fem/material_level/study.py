"""`cmgai-fem verify stress-strain`: cases, verdicts, results folder and report."""

import hashlib
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import cmgai_fem
from cmgai_fem.machine import versions
from cmgai_fem.material_level.measured_points import LeftOutState, leave_states_out
from cmgai_fem.material_level.study_cases import CaseResult, Report, Row, run_case
from cmgai_fem.material_level.study_page import write_page
from cmgai_fem.material_level.study_tables import StressStrainStudy, ToleranceTable, load_stress_strain
from cmgai_fem.study.file import find_study, studies_folder
from cmgai_fem.writing import write_json, write_table

COLUMNS = (
    "material", "split", "temperature", "strain_rate", "method", "against", "nrmse", "level_error", "mean_covered",
    "points_covered", "seconds",
)  # fmt: skip
GENERATED = (
    "material", "split", "temperature", "strain_rate", "method", "strain", "stress", "standard_error", "scatter",
    "trusted",
)  # fmt: skip
SIMPLE_RIVALS = ("linear", "natural_spline", "pod_gpr")


@dataclass(frozen=True)
class Verdict:
    """One tolerance, held against the figures."""

    name: str
    passed: bool
    limit: str
    value: str


def run_stress_strain(out: Path, device: str, seed: int, report: Callable[[str], None]) -> int:
    """Run the study, print its tables and write its results folder.

    Args:
        out: results folder.
        device: torch device of the networks.
        seed: of the noise and of the networks.
        report: takes lines of progress and of the tables.

    Returns:
        0 if all tolerances hold, 1 otherwise.
    """
    start = time.perf_counter()
    path = find_study("stress-strain")
    study = load_stress_strain(path)
    report(f"{study.title}: seed {seed}")
    results = []
    for case in study.cases:
        report(f"{case.name}: {len(case.known)} known states, {len(case.asked)} to generate")
        results.append(run_case(case, study.tests, device, seed, report))
    rows = [row for result in results for row in result.rows]
    verdicts = judge(study.tolerances, rows)
    measured, left_out = _measured(study, report)
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "metrics.csv", rows, COLUMNS)
    seconds = time.perf_counter() - start
    run = _run_info(study, path, results, verdicts, left_out, measured, device, seed, seconds)
    write_json(out / "run.json", run)
    write_table(out / "generated.csv", list(_generated(results)), GENERATED)
    write_page(out / "report.html", study, results, run, left_out)
    _print_tables(results, left_out, verdicts, report)
    report(f"{seconds:.0f} s; report: {out / 'report.html'}")
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def judge(tolerances: ToleranceTable, rows: Sequence[Row]) -> list[Verdict]:
    """Hold the figures against the tolerances."""
    truth = [row for row in rows if row["against"] == "reference"]
    ours = [row for row in truth if row["method"] in ("fem", "pinn")]
    worst = max(ours, key=lambda row: row["nrmse"])
    cross = max((row for row in rows if row["against"] == "fem"), key=lambda row: row["nrmse"])
    mean = {method: mean_error(truth, method) for method in ("fem", "pinn", "fpca_gpr", *SIMPLE_RIVALS)}
    mine = max(mean["fem"], mean["pinn"])
    best = min(SIMPLE_RIVALS, key=lambda method: mean[method])
    return [
        _bound("every held-out curve", worst["nrmse"], tolerances.every_state, _where(worst)),
        _bound("mean against FPCA-GPR", mine, tolerances.share_of_fpca_gpr * mean["fpca_gpr"],
               f"{mine / mean['fpca_gpr']:.2f} of its {100 * mean['fpca_gpr']:.2f} %"),
        _bound(f"mean against the best of linear, spline and POD-GPR ({best})", mine,
               tolerances.share_of_best_rival * mean[best],
               f"{mine / mean[best]:.2f} of its {100 * mean[best]:.2f} %"),
        _bound("PINN against finite elements", cross["nrmse"], tolerances.pinn_against_fem, _where(cross)),
    ]  # fmt: skip


def mean_error(rows: Sequence[Row], method: str) -> float:
    """Mean NRMSE of a method over the held-out curves of `rows`."""
    return float(np.mean([row["nrmse"] for row in rows if row["method"] == method and row["against"] == "reference"]))


def _bound(name: str, value: float, limit: float, where: str) -> Verdict:
    return Verdict(name, bool(value <= limit), f"{100 * limit:.3g} %", f"{100 * value:.3g} % ({where})")


def _where(row: Row) -> str:
    return f"{row['method']}, {row['material']} {row['split']} at {row['temperature']:g} K, {row['strain_rate']:g} /s"


def _measured(study: StressStrainStudy, report: Report) -> tuple[str, list[LeftOutState]]:
    """The table of measured points, where its file is there."""
    path = studies_folder().parent / study.measured
    if not study.measured or not path.is_file():
        note = f"measured points: no file {study.measured}, their table is left out"
        report(note)
        return note, []
    table, left_out = leave_states_out(path, report)
    return "; ".join(("measured points: every state left out in turn", *table.notes)), left_out


def _run_info(
    study: StressStrainStudy,
    path: Path,
    results: Sequence[CaseResult],
    verdicts: Sequence[Verdict],
    left_out: Sequence[LeftOutState],
    measured: str,
    device: str,
    seed: int,
    seconds: float,
) -> dict[str, Any]:
    notes = [f"{result.case.name}: {note}" for result in results for note in result.curves.notes]
    notes += [
        f"{result.case.name} at {state[0]:g} K, {state[1]:g} /s: not to be trusted, expected error above 4 %"
        for result in results
        for (method, state), curve in result.generated.items()
        if method == "fem" and not curve.trusted
    ]
    return {
        "study": study.model_dump(),
        "tolerances": [asdict(verdict) for verdict in verdicts],
        "calibration": {result.case.name: result.calibration for result in results},
        "parting_of_paths": {
            f"{result.case.name} at {state[0]:g} K, {state[1]:g} /s": value
            for result in results
            for state, value in result.parting.items()
        },
        "measured": [asdict(state) for state in left_out],
        "notes": [*notes, measured],
        "provenance": {
            "cmgai_fem": cmgai_fem.__version__,
            "study_hash": hashlib.sha256(path.read_bytes()).hexdigest()[:16],
            "seed": seed,
            "device": device,
            "seconds": seconds,
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "versions": versions(),
        },
    }


def _generated(results: Sequence[CaseResult]) -> Iterator[Row]:
    """Points of every generated curve, in SI units."""
    for result in results:
        for (method, (temperature, rate)), curve in result.generated.items():
            trusted = "yes" if curve.trusted else "no"
            head = (result.case.material, result.case.split, temperature, rate, method)
            for point in zip(curve.strain, curve.stress, curve.error, curve.scatter, strict=True):
                yield dict(zip(GENERATED, (*head, *map(float, point), trusted), strict=True))


def _print_tables(
    results: Sequence[CaseResult], left_out: Sequence[LeftOutState], verdicts: Sequence[Verdict], report: Report
) -> None:
    for result in results:
        report("")
        report(f"{result.case.name}: NRMSE in % at the held-out states")
        states = result.case.asked
        report(f"{'method':<22}" + "".join(f"{f'{t:g} K, {r:g} /s':>18}" for t, r in states))
        for method, against in dict.fromkeys((row["method"], row["against"]) for row in result.rows):
            found = [row["nrmse"] for row in result.rows if (row["method"], row["against"]) == (method, against)]
            name = method if against == "reference" else f"{method} against {against}"
            report(f"{name:<22}" + "".join(f"{100 * cell:>18.3f}" for cell in found))
    if left_out:
        report("")
        report("measured 4340: error of each left-out state in % of its stress")
        methods = list(left_out[0].errors)
        report(f"{'state':<22}" + "".join(f"{method:>21}" for method in methods))
        for state in left_out:
            cells = "".join(f"{100 * state.errors[method]:>21.2f}" for method in methods)
            report(f"{f'{state.state[0]:g} K, {state.state[1]:g} /s':<22}{cells}")
        means = "".join(f"{100 * np.mean([state.errors[method] for state in left_out]):>21.2f}" for method in methods)
        report(f"{'mean':<22}{means}")
    report("")
    mean, points = (
        100 * np.mean([row[key] for result in results for row in result.rows if key in row])
        for key in ("mean_covered", "points_covered")
    )
    report(
        f"bands of 95 %: that of the mean holds the true curves at {mean:.1f} % of the strains, that of the points "
        f"holds {points:.1f} % of the points of tests made later at the held-out states"
    )
    report("")
    for verdict in verdicts:
        report(f"{'holds' if verdict.passed else 'FAILS'}  {verdict.name}: {verdict.value}, at most {verdict.limit}")
