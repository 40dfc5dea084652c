"""Figures of a theory study beside their exact targets, and the results folder that they go to."""

import csv
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

import cmgai_fem
from cmgai_fem.errors import InputError
from cmgai_fem.machine import versions
from cmgai_fem.writing import write_json

Number = float | np.floating[Any] | np.ndarray[Any, Any]


@dataclass(frozen=True)
class Check:
    """One measured figure.

    Args:
        case: what was solved.
        quantity: what was measured.
        method: how it was solved.
        value: the figure.
        target: exact value, or the bound that it must keep.
        error: relative error, or value over bound.
        limit: largest `error` that passes; infinite where the figure is only reported.
    """

    case: str
    quantity: str
    method: str
    value: float
    target: float
    error: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the figure keeps its limit."""
        return bool(self.error <= self.limit)


def equals(case: str, quantity: str, method: str, value: Number, target: float, tolerance: float) -> Check:
    """A figure with an exact target; the error is relative to it."""
    error = abs(float(value) - target) / abs(target)
    return Check(case, quantity, method, float(value), float(target), error, tolerance)


def at_most(case: str, quantity: str, method: str, value: Number, bound: float) -> Check:
    """A figure that must not exceed a bound."""
    return Check(case, quantity, method, float(value), float(bound), float(value / bound), 1.0)


def at_least(case: str, quantity: str, method: str, value: float, bound: float) -> Check:
    """A figure that must reach a bound."""
    return Check(case, quantity, method, float(value), float(bound), float(bound / max(value, 1e-300)), 1.0)


def reported(case: str, quantity: str, method: str, value: float) -> Check:
    """A figure that is shown and not judged."""
    return Check(case, quantity, method, float(value), float("nan"), 0.0, float("inf"))


def make_folder(folder: Path) -> None:
    """Make the results folder.

    Raises:
        InputError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot write results there ({error.strerror}); choose another with --out"
        ) from error


def write_checks(folder: Path, title: str, checks: Sequence[Check], quick: bool, seconds: float) -> None:
    """Write `metrics.csv` and `run.json`, each complete or not at all."""
    temporary = folder / ".metrics.csv.partial"
    with temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [*(field.name for field in fields(Check)), "passed"])
        writer.writeheader()
        writer.writerows(asdict(check) | {"passed": check.passed} for check in checks)
    temporary.replace(folder / "metrics.csv")
    info: dict[str, Any] = {
        "title": title,
        "quick": quick,
        "passed": all(check.passed for check in checks),
        "failed": [f"{check.case}: {check.quantity} ({check.method})" for check in checks if not check.passed],
        "seed": 0,
        "seconds": seconds,
        "cmgai_fem": cmgai_fem.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
    }
    write_json(folder / "run.json", info)


def say(check: Check) -> str:
    """One line of progress."""
    if not np.isfinite(check.limit):
        return f"{check.case}, {check.method}: {check.quantity} {check.value:.6g}"
    verdict = "ok" if check.passed else "FAILS"
    return f"{check.case}, {check.method}: {check.quantity} {check.value:.6g} (target {check.target:.6g}) {verdict}"
