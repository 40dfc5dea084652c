"""The frame of a distribution study: reads its file, collects what is measured, judges it and writes the results."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import torch
from matplotlib.figure import Figure
from pydantic import BaseModel, ConfigDict

from cmgai_fem.distributions.flow_matching import optional_module
from cmgai_fem.distributions.results import (
    Check,
    Grid,
    Measurement,
    figure_data,
    read_study,
    write_measurements,
    write_page,
    write_provenance,
)

Report = Callable[[object], None]


class BasePlan(BaseModel):
    """What the sizes of every study's run hold: seeds, and the tolerances that are stated."""

    model_config = ConfigDict(extra="forbid")

    checks: list[Check]


class Study[Plan: BasePlan](BaseModel):
    """A study file: a title, the full plan and the quick one."""

    model_config = ConfigDict(extra="forbid")

    title: str
    full: Plan
    quick: Plan


@dataclass
class StudyRun[Plan: BasePlan]:
    """One run of a study.

    Args:
        name: of the study.
        title: of its page.
        plan: sizes.
        digest: hash of the study file.
        out: results folder.
        quick: whether `plan` is the quick one.
        device: torch device of the networks.
        seed: first seed.
        report: takes progress lines and rich tables.
    """

    name: str
    title: str
    plan: Plan
    digest: str
    out: Path
    quick: bool
    device: torch.device
    seed: int
    report: Report
    started: float = field(default_factory=time.time)
    rows: list[Measurement] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    pictures: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def start(
        cls, name: str, model: type[Study[Plan]], out: Path, quick: bool, device: str, seed: int, report: Report
    ) -> Self:
        """Read the study file and make the results folder.

        Raises:
            InputError: the study file is wrong, or an optional package is missing.
        """
        study, digest = read_study(name, model)
        # Asked for first: better to stop here than after half of the run.
        for package in ("torchcfm", "torchdiffeq"):
            optional_module(package)
        out.mkdir(parents=True, exist_ok=True)
        plan = study.quick if quick else study.full
        return cls(name, study.title, plan, digest, out, quick, torch.device(device), seed, report)

    def add(self, rows: Sequence[Measurement]) -> None:
        """Take in figures."""
        self.rows += rows

    def show(self, grid: Grid, pictures: Sequence[str] = ()) -> None:
        """Print a table, and keep it with its pictures (data addresses) for the page."""
        self.grids.append(grid)
        self.pictures[grid.title] = list(pictures)
        if grid.rows:
            self.report(grid.rich())

    def save(self, figure: Figure, name: str) -> str:
        """Write a figure as PNG into the folder; its data address."""
        return figure_data(figure, self.out / f"{name}.png")

    def finish(self, introduction: Sequence[str]) -> int:
        """Judge and write everything; 0 if every stated tolerance holds, else 1."""
        verdicts = [check.evaluate(self.rows) for check in self.plan.checks]
        for _, line in verdicts:
            self.report(line)
        write_measurements(self.out / "metrics.csv", self.rows)
        facts = {
            "study": self.name, "study_hash": self.digest, "quick": self.quick, "seed": self.seed,
            "device": str(self.device), "threads": torch.get_num_threads(),
            "tolerances": [line for _, line in verdicts],
        }  # fmt: skip
        write_provenance(self.out / "run.json", facts, self.started)
        write_page(self.out / "report.html", self.title, introduction, verdicts, self.grids, self.pictures)
        return 0 if all(holds for holds, _ in verdicts) else 1
