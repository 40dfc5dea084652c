"""One run of a study: its file -> its pipeline -> verdicts -> one folder and one page."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cmgai_fem.errors import InputError
from cmgai_fem.machine import cores, machine_facts
from cmgai_fem.study.file import StudyFile, find_study, read_study, validated
from cmgai_fem.study.findings import Findings
from cmgai_fem.study.page import write_page
from cmgai_fem.study.pipelines import Report, Tools, load_pipeline, refuse
from cmgai_fem.writing import make_folder, write_json, write_table

# Seconds beyond which who waits wants to know.
WAITING = 60.0


@dataclass(frozen=True)
class Options:
    """What a run is asked for beside its study file.

    Args:
        out: results folder; results/NAME by default.
        ranks: MPI processes of reference solves; the cores there are (four at most) by default.
        device: torch device of the networks.
        seed: of data and networks; the study's own by default.
        quick: smaller sizes.
        ablate: parts of the theory to change one at a time.
        overrides: "table.key=value" texts.
    """

    out: Path | None = None
    ranks: int | None = None
    device: str = "cpu"
    seed: int | None = None
    quick: bool = False
    ablate: tuple[str, ...] = ()
    overrides: Sequence[str] = ()


def run_study(name: str, options: Options, say: Report) -> tuple[Findings, Path]:
    """Run a study from its file to its page.

    Args:
        name: a shipped study's name, the path of a study.toml, or of the folder that holds one.
        options: what is asked for beside.
        say: takes lines of progress.

    Returns:
        What was found, and the results folder.

    Raises:
        InputError: the file, an option, or what the study asks for cannot be used.
        ConvergenceError: a solve did not converge; the text names the state.
    """
    start = time.perf_counter()
    path = find_study(name)
    pipeline = load_pipeline(path.parent)
    asked: dict[str, object] = {
        "ranks": options.ranks, "device": options.device != "cpu", "seed": options.seed is not None,
        "quick": options.quick, "ablate": options.ablate,
    }  # fmt: skip
    data = read_study(path, options.overrides, options.quick)
    study = validated(pipeline.Study, path, data)
    if problem := refuse(asked, pipeline, study.name):
        raise InputError(problem)
    folder = options.out or Path("results") / study.name
    make_folder(folder)
    if told := _time_expected(study, folder, options.quick):
        say(told)
    tools = Tools(
        folder, say, options.ranks or default_ranks(), options.device, options.seed, options.quick, options.ablate
    )
    found = pipeline.run(study, tools)
    columns = found.columns or list(dict.fromkeys(key for row in found.rows for key in row))
    write_table(folder / "metrics.csv", found.rows, columns)
    provenance = {
        "study_hash": study.hash,
        **({} if options.seed is None else {"seed": options.seed}),
        "device": options.device,
        "quick": options.quick,
        "seconds": time.perf_counter() - start,
        **machine_facts(),
    }
    facts = dict(found.facts)
    facts["provenance"] = provenance | facts.get("provenance", {})
    write_json(
        folder / "run.json",
        {
            "study": {"name": study.name, "title": study.title, "description": study.description},
            "advice": list(found.advice),
            "tolerances": [verdict.describe() for verdict in found.verdicts],
            "sections": [section.describe() for section in found.sections],
            **facts,
        },
    )
    write_page(folder)
    return found, folder


def _time_expected(study: StudyFile, folder: Path, quick: bool) -> str:
    """How long the same run took here before, or takes on two cores; empty where nobody knows or nobody waits."""
    try:
        before = json.loads((folder / "run.json").read_text(encoding="utf-8"))["provenance"]
        seconds = float(before["seconds"]) if (before["study_hash"], before["quick"]) == (study.hash, quick) else 0.0
    except (OSError, ValueError, KeyError, TypeError):
        # A folder that holds no earlier run, or a damaged one.
        seconds = 0.0
    if seconds >= WAITING:
        return f"{study.name}: the last run in {folder} took {seconds / 60.0:.0f} min"
    return f"{study.name}: about {study.minutes:g} min on two cores" if study.minutes and not quick else ""


def default_ranks() -> int:
    """MPI processes that reference solves take when none are asked for: the cores there are, four at most."""
    return min(4, cores())
