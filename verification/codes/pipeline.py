"""The reference physics against exact and published values: one module a check, each with `run() -> list[Figure]`."""

import importlib
import time
from pathlib import Path

import numpy as np
from pydantic import Field, field_validator

from cmgai_fem.mechanics.reference import solve_reference
from cmgai_fem.progress import steps
from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Figure, Findings, judged
from cmgai_fem.study.model_file import model_of_file
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
    "nafems-le10",
    "nafems-t4",
    "heated-cylinder",
    "cooks-membrane",
    "nafems-t3",
    "nafems-r0049",
    "bonded-rod",
    "calculix",
)
# Files in `cases`, each solved as it stands by `cmgai-fem solve`, and the state that it is solved at.
CASES = {
    "nafems-le10": ("le10", 1e6),
    "nafems-t4": ("t4", 100.0),
    "heated-cylinder": ("cylinder", 100.0),
    "cooks-membrane": ("cook", 1.0),
    "nafems-t3": ("slab", 32.0),
    "nafems-r0049": ("r0049", 8.0),
    "bonded-rod": ("bonded_rod", 287.0),
}
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
    for number, name in enumerate(steps(study.checks, "checks"), start=1):
        start = time.perf_counter()
        if name in CASES:
            found = case(name, tools.folder / "cases" / name)
        else:
            found = importlib.import_module(f".{name.replace('-', '_')}", __package__).run()
        failed = sum(not figure.passed for figure in found)
        seconds = time.perf_counter() - start
        said = (
            f"{len(found)} figures, {failed} failed, {seconds:.1f} s" if found else "left out: ccx is not on the path"
        )
        tools.say(f"check {number}/{len(study.checks)}: {name}, {said}")
        figures += found
    return judged(figures, "Reference physics against exact and published values", [TEXT])


def case(name: str, folder: Path) -> list[Figure]:
    """What the probes of a file tell on one rank, and how far its fields on two ranks are from those on one."""
    stem, state = CASES[name]
    path = Path(__file__).parent / "cases" / f"{stem}.toml"
    model, coordinate = model_of_file(path)
    (one, facts), (two, _) = (
        solve_reference(model, coordinate, [state], ranks, folder / f"ranks_{ranks}", lambda line: None)
        for ranks in (1, 2)
    )
    figures = [
        Figure.equals(
            name, row["probe"], "", row["value"], row["target"], row["tolerance"] / abs(row["target"]), row["source"]
        )
        for row in facts["probes"]
        if row["target"] is not None
    ]
    apart = max(
        float(np.abs(field.values - two.field(key).values).max() / max(np.abs(field.values).max(), 1e-300))
        for key, field in one.fields.items()
    )
    return [
        *figures,
        Figure.at_most(name, "2 ranks against 1, share of the largest value", "", apart, 1e-8, "the solver itself"),
    ]
