"""The gauntlet: small cases of every kind, all methods with equal rights, ours held against the best rival of each.

A case is posed, every method answers, and only then is the truth asked for: what answers has no truth in its hands.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from joblib import parallel_config
from pydantic import Field as Key
from pydantic import ValidationInfo, field_validator
from threadpoolctl import threadpool_limits

from cmgai_fem.progress import steps
from cmgai_fem.rivals import RIVALS
from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Findings, Row
from cmgai_fem.study.pipelines import Report, Tools, register

from . import moving, physics, standing
from .answers import OURS, answer
from .bounds import Bounds, verdicts
from .cases import by_name
from .measures import Result, measure
from .sections import make_sections

TAKES = frozenset({"seed", "quick"})
COLUMNS = ("case", "zone", "state", "method", "nrmse", "estimate", "coverage", "word")
CASES = by_name((*standing.CASES, *moving.CASES, *physics.CASES))


class Study(StudyFile):
    """What the study file says.

    Args:
        cases: names of those to run; all by default.
        seed: of phases, speeds, places and noise; each seed has variants of its own.
        rivals: names of the rivals; all by default. Those that do not admit the states of a case are left out of it.
        workers: processes, of one core each.
        bounds: what the figures must keep.
    """

    cases: list[str] = Key(default=list(CASES), min_length=1)
    seed: int = 0
    rivals: list[str] = Key(default=list(RIVALS), min_length=1)
    workers: int = Key(default=2, ge=1)
    bounds: Bounds

    @field_validator("cases", "rivals")
    @classmethod
    def _known(cls, names: list[str], info: ValidationInfo) -> list[str]:
        there = CASES if info.field_name == "cases" else RIVALS
        for name in names:
            if name not in there:
                raise ValueError(f"no {name!r}; there are: {', '.join(there)}")
        return list(dict.fromkeys(names))


def run(study: Study, tools: Tools) -> Findings:
    """Run the cases and hold the figures against their bounds."""
    seed = study.seed if tools.seed is None else tools.seed
    found = {result.name: result for result in steps(_results(study, seed, tools.say), "cases", len(study.cases))}
    results = [found[name] for name in study.cases]
    seconds = {result.name: {"ours": result.seconds, "rivals": result.rival_seconds} for result in results}
    facts = {"case_seconds": seconds, "provenance": {"seed": seed, "workers": study.workers}}
    return Findings(
        list(_rows(results)), verdicts(study.bounds, results), make_sections(results, tools), facts, COLUMNS
    )


def run_case(name: str, seed: int, rivals: Sequence[str]) -> Result:
    """Pose a case, let every method answer, then ask for the truth and measure; on one core."""
    with threadpool_limits(1), parallel_config(backend="sequential"):
        question, truth = CASES[name].posed(seed)
        answers = answer(question, rivals)
        return measure(name, CASES[name].about, question, answers, truth(question.asked))


def _results(study: Study, seed: int, say: Report) -> Iterator[Result]:
    """Results as they come in, with a line of progress each."""
    if study.workers == 1:
        for name in study.cases:
            yield _told(run_case(name, seed, study.rivals), say)
        return
    folder = str(Path(__file__).parent)
    with ProcessPoolExecutor(study.workers, get_context("spawn"), register, (folder,)) as pool:
        # The last take longest: they are begun first.
        waiting = [pool.submit(run_case, name, seed, study.rivals) for name in reversed(study.cases)]
        for item in as_completed(waiting):
            yield _told(item.result(), say)


def _told(result: Result, say: Report) -> Result:
    seconds = f"{result.seconds:.1f} s by ours, {result.rival_seconds:.1f} s by all rivals"
    answer = f"no answer ({result.failure})" if result.failure else f"{len(result.targets)} states"
    say(f"{result.name}: {answer}, {seconds}")
    return result


def _rows(results: list[Result]) -> Iterator[Row]:
    for result in results:
        for target in result.targets:
            head = {"case": target.case, "zone": target.zone, "state": target.state}
            for method, error in target.errors.items():
                row = head | {"method": method, "nrmse": error}
                if method == OURS:
                    row |= {"estimate": target.estimate, "coverage": target.covered, "word": target.word}
                yield row
