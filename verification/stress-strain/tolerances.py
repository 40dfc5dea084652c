"""The figures of all cases, held against the study's tolerances."""

from collections.abc import Sequence

import numpy as np

from cmgai_fem.study.findings import Row, Verdict

from .tables import ToleranceTable

OURS = ("fem", "pinn")
SIMPLE_RIVALS = ("linear", "natural_spline", "pod_gpr")


def judge(tolerances: ToleranceTable, rows: Sequence[Row]) -> list[Verdict]:
    """Hold the figures against the tolerances."""
    truth = [row for row in rows if row["against"] == "reference"]
    worst = max((row for row in truth if row["method"] in OURS), key=lambda row: row["nrmse"])
    cross = max((row for row in rows if row["against"] == "fem"), key=lambda row: row["nrmse"])
    mean = {method: mean_error(truth, method) for method in (*OURS, "fpca_gpr", *SIMPLE_RIVALS)}
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
    passed, text = bool(value <= limit), f"{100 * value:.3g} % ({where})"
    return Verdict(name, passed, f"at most {100 * limit:.3g} %", text, () if passed else (text,))


def _where(row: Row) -> str:
    return f"{row['method']}, {row['material']} {row['split']} at {row['temperature']:g} K, {row['strain_rate']:g} /s"
