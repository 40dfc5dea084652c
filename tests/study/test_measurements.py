import numpy as np
import pytest
from pydantic import ValidationError

from cmgai_fem.study.measurements import Measurement, Quantity, SeedTolerance, refuse_unmeasured, seeds_table

BASE = {"case": "p", "samples": 60, "method": "a", "measure": "W1"}
FIGURES = {"a": (0.1, 0.3), "b": (0.4, 0.4)}
ROWS = [Measurement("p", 60, name, seed, "W1", FIGURES[name][seed]) for name in FIGURES for seed in (0, 1)]


@pytest.mark.parametrize(
    ("bound", "holds", "limit"),
    [
        ({"at_most": 0.2000001}, True, "0.2"),
        ({"at_most": 0.2, "kind": "worst"}, False, "0.2"),
        ({"not_above": "b", "times": 0.4}, False, "0.16 (0.4 x b)"),
        ({"not_above": "b"}, True, "0.4 (1 x b)"),
    ],
)
def test_tolerances_compare_with_numbers_and_with_methods(bound, holds, limit):
    verdict = SeedTolerance(**BASE, **bound).verdict(ROWS)
    assert verdict.passed == holds and verdict.limit == f"at most {limit}"
    assert verdict.worst == ("0.3" if bound.get("kind") == "worst" else "0.2")
    assert bool(verdict.failures) != holds


def test_a_figure_that_is_no_number_keeps_no_tolerance():
    rows = [Measurement("p", 60, "a", 0, "W1", float("nan"))]
    assert not SeedTolerance(**BASE, at_most=1.0).verdict(rows).passed


def test_a_tolerance_has_one_bound():
    for bounds in ({}, {"at_most": 1.0, "not_above": "b"}):
        with pytest.raises(ValidationError, match="give one of at_most and not_above"):
            SeedTolerance(**BASE, **bounds)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"case": "q"}, "no case 'q' where it looks, but 'p'"),
        ({"samples": 61}, "no samples 61 where it looks, but 60"),
        ({"method": "c"}, "no method 'c' where it looks, but 'a', 'b'"),
        ({"measure": "W2"}, "no measure 'W2' where it looks, but 'W1'"),
        ({"not_above": "c", "at_most": None}, "no method 'c'"),
    ],
)
def test_a_tolerance_on_what_is_not_measured_is_refused(wrong, problem):
    planned = [Quantity("p", 60, method, "W1") for method in "ab"]
    fits = SeedTolerance(**BASE, at_most=1.0)
    refuse_unmeasured([fits], planned)
    with pytest.raises(ValueError, match=f"tolerance 2 fits no figure of this study: there is {problem}"):
        refuse_unmeasured([fits, SeedTolerance(**BASE | {"at_most": 1.0} | wrong)], planned)


def test_table_shows_mean_and_spread_of_each_method():
    rows = [*ROWS, *(Measurement("p", 60, "a", seed, "training seconds", 1.0 + seed) for seed in (0, 1))]
    rows.append(Measurement("p", 60, "a", 0, "parameters", 1234.0))
    measures = ("W1", "training seconds", "parameters")
    table = seeds_table("t", measures, rows, "n", ("W1", "s", "size"), ours={"a"})
    assert list(table.columns) == ["samples", "method", "W1", "s", "size"]
    assert [list(row) for row in table.rows] == [
        ["60", "a", f"0.2 ± {np.std((0.1, 0.3), ddof=1):.2g}", "1.5", "1234"],
        ["60", "b", "0.4", "", ""],
    ]
    assert table.marked == {0} and table.text_columns == 2
