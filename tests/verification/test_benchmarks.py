"""The benchmark: its page, its figures, and that every comparison runs."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "verification" / "benchmarks"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module


def test_growth_is_the_exponent(module) -> None:
    sizes = [10.0, 100.0, 1000.0]
    assert module("timing").growth(sizes, [2.0 * size**1.5 for size in sizes]) == pytest.approx(1.5, rel=1e-12)


def test_ratios_are_taken_turn_by_turn(module) -> None:
    assert module("timing").over([2.0, 6.0, 40.0], [1.0, 2.0, 10.0]) == "3 (2..4)"


def test_the_page_keeps_what_stands_around_a_comparison(module) -> None:
    page = "a\n<!-- gpu -->\nold\n<!-- end of gpu -->\nb"
    assert module("run").insert(page, "gpu", "new") == "a\n<!-- gpu -->\nnew\n<!-- end of gpu -->\nb"


def test_every_comparison_has_its_place_on_the_page(module) -> None:
    page = (FOLDER / "README.md").read_text()
    for name in module("run").NAMES:
        assert page.count(f"<!-- {name} -->") == page.count(f"<!-- end of {name} -->") == 1


def test_rows_need_not_have_the_same_columns(module) -> None:
    table = module("run").markdown([{"a": "x", "b": 0.12345}, {"a": "y", "c": 3}])
    assert table.splitlines() == ["| a | b | c |", "|---|---|---|", "| x | 0.123 |  |", "| y |  | 3 |"]


def test_figures_of_a_gpu_elsewhere_are_shown(module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"cpu": [2.0, 4.0, 6.0], "cuda": [1.0, 1.0, 1.0]}
    one = {"network": "n", "size": "s", "seconds": seconds, "difference": 1e-9, "on a GPU": True}
    told = {"gpu": "a card", "torch": "2", "load": 0.0, "threads": 1, "trainings": [one]}
    (tmp_path / "gpu.json").write_text(json.dumps(told))
    monkeypatch.setenv("CMGAI_GPU_FIGURES", str(tmp_path / "gpu.json"))
    ((heading, (row,)),) = module("gpu").tables(quick=False).items()
    assert heading.startswith("a card")
    assert row["processor over GPU"] == "4 (2..6)"


def test_our_training_reaches_the_finite_elements(module) -> None:
    training = module("training")
    assert training.train_ours(training.study_task("mesh.size=0.016"))[1] < 1e-5


def test_a_map_that_folds_is_worth_nothing(module) -> None:
    moving = module("moving_training")
    body = moving.LabelBody.of(moving.square(6))
    assert moving.functional(body, body.points) == pytest.approx(1.0)
    assert moving.functional(body, body.points * [-1.0, 1.0]) == np.inf


@pytest.mark.medium
def test_all_of_it_runs(tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    page = (FOLDER / "README.md").read_text()
    command = [sys.executable, str(FOLDER / "run.py"), "--quick", "--out", str(tmp_path)]
    subprocess.run(command, check=True, env=environment)
    names = {path.stem for path in tmp_path.glob("*.json")}
    assert names == {"accuracy", "gpu", "mechanics", "new_state", "ranks", "reduced", "training", "transport_scaling"}
    assert (FOLDER / "README.md").read_text() == page
