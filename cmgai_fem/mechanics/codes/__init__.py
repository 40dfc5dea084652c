"""Code checks: the reference physics against exact and published values, one module a check.

Each module has a function `run() -> list[CheckRow]`. To add a check, write its module and name it in `CHECKS`.
"""

import csv
import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Self

from cmgai_fem.errors import InputError

# Checks by name; their modules are imported only when they run.
CHECKS: dict[str, str] = {
    "kirchhoff-slab": "cmgai_fem.mechanics.codes.kirchhoff_slab",
    "thick-cylinder": "cmgai_fem.mechanics.codes.thick_cylinder",
    "constrained-bar": "cmgai_fem.mechanics.codes.constrained_bar",
    "nafems-le11": "cmgai_fem.mechanics.codes.nafems_le11",
    "nafems-t1": "cmgai_fem.mechanics.codes.nafems_t1",
    "nafems-le1": "cmgai_fem.mechanics.codes.nafems_le1",
    "manufactured-elasticity": "cmgai_fem.mechanics.codes.manufactured_elasticity",
    "uniaxial-hardening": "cmgai_fem.mechanics.codes.uniaxial_hardening",
    "hill-cylinder": "cmgai_fem.mechanics.codes.hill_cylinder",
    "elastic-bar": "cmgai_fem.mechanics.codes.elastic_bar",
    "plane-wave": "cmgai_fem.mechanics.codes.plane_wave",
    "taylor-bar": "cmgai_fem.mechanics.codes.taylor_bar",
}


@dataclass(frozen=True)
class CheckRow:
    """One figure of a check beside its target.

    Args:
        check: name of the check.
        quantity: what was measured, with its unit.
        target: exact, published or bounding value.
        value: the value that the code gave.
        relative_error: error relative to the target.
        tolerance: largest relative error that passes.
        passed: whether it does.
        source: where the target comes from.
    """

    check: str
    quantity: str
    target: float
    value: float
    relative_error: float
    tolerance: float
    passed: bool
    source: str

    @classmethod
    def equal(cls, check: str, quantity: str, target: float, value: float, tolerance: float, source: str) -> Self:
        """A value that should be the target to a relative tolerance."""
        error = abs(value - target) / abs(target)
        return cls(check, quantity, target, value, error, tolerance, bool(error <= tolerance), source)

    @classmethod
    def at_least(cls, check: str, quantity: str, target: float, value: float, tolerance: float, source: str) -> Self:
        """A value that should not fall short of the target by more than a relative tolerance."""
        error = max(0.0, (target - value) / abs(target))
        return cls(check, quantity, target, value, error, tolerance, bool(error <= tolerance), source)

    @classmethod
    def at_most(cls, check: str, quantity: str, bound: float, value: float, source: str) -> Self:
        """A value that should not exceed a bound."""
        error = max(0.0, (value - bound) / abs(bound))
        return cls(check, quantity, bound, value, error, 0.0, bool(value <= bound), source)


def run_checks(select: Sequence[str] | None, report: Callable[[str], None]) -> list[CheckRow]:
    """Run code checks.

    Args:
        select: names of the checks, None for all.
        report: takes one line of progress.

    Raises:
        InputError: a name that is no check.
    """
    chosen = list(CHECKS) if select is None else list(select)
    for name in chosen:
        if name not in CHECKS:
            raise InputError(f"no code check {name!r}; there are: {', '.join(CHECKS)}")
    rows: list[CheckRow] = []
    for number, name in enumerate(chosen, start=1):
        start = time.perf_counter()
        found: list[CheckRow] = importlib.import_module(CHECKS[name]).run()
        failed = sum(not row.passed for row in found)
        seconds = time.perf_counter() - start
        report(f"check {number}/{len(chosen)}: {name}, {len(found)} rows, {failed} failed, {seconds:.1f} s")
        rows += found
    return rows


def write_codes_csv(rows: Sequence[CheckRow], path: Path) -> None:
    """Write the rows to a CSV file, complete or not at all."""
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [field.name for field in fields(CheckRow)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    temporary.replace(path)
