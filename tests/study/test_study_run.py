"""The frame of every study: its options, what a run leaves behind, and pipelines that find their own modules."""

import csv
import json
import re
from html.parser import HTMLParser

import pytest

from cmgai_fem.cli import main
from cmgai_fem.errors import InputError
from cmgai_fem.study.page import write_page
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.study.run import Options, run_study

STUDY = """
name = "tiny"
title = "A tiny study"
description = "Squares of a few numbers."
count = 3
{more}
"""
QUICK = """
[quick]
count = 2
"""
PIPELINE = """
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import matplotlib.figure
from pydantic import Field

from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Figure, judged
from cmgai_fem.study.pipelines import register

from .numbers_of import NAME, square

TAKES = frozenset({"quick", "seed"})


class Study(StudyFile):
    count: int = Field(ge=1)
    bound: float = 100.0
    workers: int = 0


def run(study, tools):
    if study.workers:
        context = get_context("spawn")
        folder = str(Path(__file__).parent)
        with ProcessPoolExecutor(study.workers, context, register, (folder,)) as pool:
            squares = list(pool.map(square, range(study.count)))
    else:
        squares = [square(number) for number in range(study.count)]
    tools.say(f"{NAME}: {study.count} numbers, seed {tools.seed}")
    drawn = matplotlib.figure.Figure(figsize=(2.0, 1.0))
    drawn.subplots().plot(squares)
    figures = [Figure.at_most(f"{NAME} {n}", "square", "python", value, study.bound) for n, value in enumerate(squares)]
    return judged(figures, "Squares", ["All of them."], [tools.picture(drawn, "squares", "They grow.")])
"""
MODULE = """
NAME = "{name}"


def square(number):
    return float(number) ** 2
"""


def write_study(folder, name="numbers", more=QUICK):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text(STUDY.format(more=more), encoding="utf-8")
    (folder / "pipeline.py").write_text(PIPELINE, encoding="utf-8")
    (folder / "numbers_of.py").write_text(MODULE.format(name=name), encoding="utf-8")
    return folder


def values(folder):
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as stream:
        return [float(row["value"]) for row in csv.DictReader(stream)]


def verify(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["verify", *map(str, arguments)])
    return ended.value.code


def test_a_study_by_its_path_leaves_figures_facts_and_a_page(tmp_path, capsys):
    study, out = write_study(tmp_path / "a study"), tmp_path / "out"
    assert verify(study / "study.toml", "--out", out, "--seed", "7") == 0
    said = capsys.readouterr().out
    assert "numbers: 3 numbers, seed 7" in said
    assert "Squares" in said
    assert "holds  numbers 2: square (python)" in said
    assert {path.name for path in out.iterdir()} == {"metrics.csv", "run.json", "report.html", "squares.png"}
    assert values(out) == [0.0, 1.0, 4.0]
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert run["study"] == {"name": "tiny", "title": "A tiny study", "description": "Squares of a few numbers."}
    assert [verdict["passed"] for verdict in run["tolerances"]] == [True] * 3
    assert run["provenance"]["seed"] == 7
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "A tiny study" in page
    assert "They grow." in page


def test_how_long_a_run_takes_is_said_before_it_begins(tmp_path, capsys):
    study, out = write_study(tmp_path / "a study"), tmp_path / "out"
    file = study / "study.toml"
    file.write_text(f"minutes = 3.0\n{file.read_text()}")
    assert verify(file, "--out", out) == 0
    assert capsys.readouterr().out.startswith("tiny: about 3 min on two cores\n")
    hash_ = json.loads((out / "run.json").read_text())["provenance"]["study_hash"]
    run = json.loads((out / "run.json").read_text())
    run["provenance"]["seconds"] = 500.0
    (out / "run.json").write_text(json.dumps(run))
    file.write_text(file.read_text().replace("3.0", "5.0"))
    assert verify(file, "--out", out) == 0
    # The time is no part of what the study says.
    assert f"tiny: the last run in {out} took 8 min" in capsys.readouterr().out
    assert json.loads((out / "run.json").read_text())["provenance"]["study_hash"] == hash_
    (out / "run.json").write_text("{")
    assert verify(file, "--out", out) == 0
    assert "tiny: about 5 min" in capsys.readouterr().out


def test_a_tolerance_that_fails_is_exit_code_1(tmp_path, capsys):
    study, out = write_study(tmp_path / "study"), tmp_path / "out"
    assert verify(study, "--out", out, "--set", "bound=1.0") == 1
    assert "FAILS  numbers 2: square (python)" in capsys.readouterr().out
    assert "1 of 3 tolerances fail" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("overrides", "quick", "count"),
    [
        ([], False, 3),
        (["count=5"], False, 5),
        ([], True, 2),
        (["quick.count=1"], True, 1),
        (["quick.count=1"], False, 3),
        # What is set by hand counts more than what is quick.
        (["count=5"], True, 5),
    ],
)
def test_overrides_and_quick_sizes_reach_the_pipeline(tmp_path, overrides, quick, count):
    study = write_study(tmp_path / "study")
    found, folder = run_study(str(study), Options(tmp_path / "out", quick=quick, overrides=overrides), print)
    assert len(found.rows) == count
    assert len(values(folder)) == count
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["provenance"]["quick"] is quick


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ranks", "2"], "--ranks: means nothing to the study 'tiny'; leave it out"),
        (["--ablate", "law"], "--ablate: means nothing to the study 'tiny'"),
        (["--quick"], "--quick: .*study.toml offers no smaller sizes"),
        (["--set", "count=0"], "study.toml: count: Input should be greater than or equal to 1"),
        (["--set", "numbers=3"], "study.toml: numbers: unknown key"),
        (["--set", "count"], "--set 'count': write it as table.key=value"),
    ],
)
def test_what_a_study_cannot_do_is_refused_in_one_line(tmp_path, capsys, arguments, message):
    study, out = write_study(tmp_path / "study", more=""), tmp_path / "out"
    assert verify(study, "--out", out, *arguments) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert error.strip().count("\n") == 0
    assert not out.exists()


class Sources(HTMLParser):
    """The addresses of a page's pictures."""

    def __init__(self):
        super().__init__()
        self.addresses, self.open = [], []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.addresses.append(dict(attrs)["src"])
        elif tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_made_again_from_its_folder(tmp_path):
    _, folder = run_study(str(write_study(tmp_path / "study")), Options(tmp_path / "out"), print)
    page = (folder / "report.html").read_text(encoding="utf-8")
    parsed = Sources()
    parsed.feed(page)
    assert parsed.open == []
    assert [address[:22] for address in parsed.addresses] == ["data:image/png;base64,"]
    (folder / "report.html").unlink()
    write_page(folder)
    assert (folder / "report.html").read_text(encoding="utf-8") == page
    (folder / "squares.png").unlink()
    with pytest.raises(InputError, match=r"squares\.png: the page shows this picture, and it is missing"):
        write_page(folder)


def test_two_studies_have_modules_of_the_same_name(tmp_path):
    one, two = write_study(tmp_path / "one", "first"), write_study(tmp_path / "two", "second")
    # The same folder name in another place is another study as well.
    three = write_study(tmp_path / "elsewhere" / "one", "third")
    assert study_module(one, "numbers_of").NAME == "first"
    assert study_module(two, "numbers_of").NAME == "second"
    assert study_module(three, "numbers_of").NAME == "third"
    assert study_module(one, "numbers_of").NAME == "first"
    for folder, name in ((one, "first"), (two, "second"), (three, "third")):
        said = []
        run_study(str(folder), Options(tmp_path / "out"), said.append)
        assert said == [f"{name}: 3 numbers, seed None"]


def test_functions_of_a_study_run_in_worker_processes(tmp_path):
    study = write_study(tmp_path / "study")
    _, folder = run_study(str(study), Options(tmp_path / "out", overrides=["workers=2"]), print)
    assert values(folder) == [0.0, 1.0, 4.0]
