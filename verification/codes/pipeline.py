"""The reference physics against exact and published values: one module a check, each with `run() -> list[Figure]`."""

import importlib
import time

from pydantic import Field, field_validator

from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Figure, Findings, judged
from cmgai_fem.study.pipelines import Tools

CHECKS = (
    "kirchhoff-slab",
    "thick-cylinder",
    "constrained-bar",
    "nafems-le11",
    "nafems-t1",
    "nafems-le1",
    "manufactured-elasticity",
    "uniaxial-hardening",
    "hill-cylinder",
    "elastic-bar",
    "plane-wave",
    "taylor-bar",
)
TAKES = frozenset({"quick"})
TEXT = "Each check solves a problem whose answer is exact or published, by the classes that the studies solve with."


class Study(StudyFile):
    """Which checks run.

    Args:
        checks: their names; all by default.
    """

    checks: list[str] = Field(default=list(CHECKS), min_length=1)

    @field_validator("checks")
    @classmethod
    def _known(cls, checks: list[str]) -> list[str]:
        for name in checks:
            if name not in CHECKS:
                raise ValueError(f"no code check {name!r}; there are: {', '.join(CHECKS)}")
        return checks


def run(study: Study, tools: Tools) -> Findings:
    """Run the checks one after the other; a module is imported only when its check runs."""
    figures: list[Figure] = []
    for number, name in enumerate(study.checks, start=1):
        start = time.perf_counter()
        found: list[Figure] = importlib.import_module(f".{name.replace('-', '_')}", __package__).run()
        failed = sum(not figure.passed for figure in found)
        seconds = time.perf_counter() - start
        tools.say(f"check {number}/{len(study.checks)}: {name}, {len(found)} figures, {failed} failed, {seconds:.1f} s")
        figures += found
    return judged(figures, "Reference physics against exact and published values", [TEXT])
