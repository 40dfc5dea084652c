import math

import pytest

from cmgai_fem.study.findings import Figure, joined, judged


@pytest.mark.parametrize(
    ("figure", "passed"),
    [
        (Figure.equals("a", "b", "c", 1.01, 1.0, 0.02), True),
        (Figure.equals("a", "b", "c", 1.03, 1.0, 0.02), False),
        (Figure.equals("a", "b", "c", -2.1, -2.0, 0.06), True),
        (Figure.equals("a", "b", "c", -2.1, -2.0, 0.04), False),
        (Figure.equals("a", "b", "c", math.nan, 1.0, 0.1), False),
        (Figure.at_most("a", "b", "c", 1e-3, 1e-2), True),
        (Figure.at_most("a", "b", "c", 2.0, 1.0), False),
        (Figure.at_most("a", "b", "c", math.nan, 1.0), False),
        (Figure.at_least("a", "b", "c", 2.0, 1.9), True),
        (Figure.at_least("a", "b", "c", 1.9, 2.0), False),
        (Figure.at_least("a", "b", "c", -1.0, 1.9), False),
        (Figure.at_least("a", "b", "c", 1.97, 2.0, tolerance=0.02), True),
        (Figure.at_least("a", "b", "c", 1.95, 2.0, tolerance=0.02), False),
        (Figure.shown("a", "b", "c", 5.0), True),
    ],
)
def test_figures_judge_by_their_limit(figure, passed):
    assert figure.passed is passed
    assert figure.verdict().passed is passed
    assert ("FAILS" in str(figure)) is not passed
    assert figure.row()["passed"] is passed


def test_figures_become_verdicts_and_a_table_with_sources_beside():
    bound, only_shown = Figure.at_most("a", "b", "", 1.0, 2.0, "by hand"), Figure.shown("a", "d", "", 3.0)
    found = judged([bound, only_shown], "title", ["text"])
    table, sources = found.sections[0].tables
    assert table.columns == ("case", "quantity", "value", "asked", "verdict")
    assert table.rows == [("a", "b", "1", "at most 2", "holds"), ("a", "d", "3", "", "")]
    assert sources.rows == [("a", "b", "by hand")]
    assert sources.folded
    assert not sources.terminal
    assert len(found.rows) == 2
    assert [verdict.name for verdict in found.verdicts] == ["a: b"]
    near = judged([Figure.equals("a", "b", "fem", 23.9608, 23.96, 0.01)], "a", [])
    (table,) = near.sections[0].tables
    # Of one case, which the heading names; to the digits that are held against the target.
    assert table.columns == ("quantity", "method", "value", "asked", "verdict")
    assert table.rows == [("b", "FEM transport", "23.9608", "23.96 ± 1 %", "holds")]
    assert near.verdicts[0].name == "a: b (FEM transport)"
    assert Figure.at_least("a", "b", "", 1.97, 2.0, tolerance=0.02).verdict().limit == "at least 2, less 2 %"


def test_parts_are_joined_and_told_as_they_come():
    said = []
    good, bad = Figure.at_most("a", "b", "c", 1.0, 2.0), Figure.at_most("a", "b", "c", 3.0, 2.0)

    def parts():
        yield judged([good], "first", [])
        assert said == ["first: 1 figures, 0 of 1 tolerances fail"]
        yield judged([good, bad], "second", [])

    found = joined(parts(), said.append)
    assert said[1] == "second: 2 figures, 1 of 2 tolerances fail"
    assert not found.passed
    assert len(found.rows) == len(found.verdicts) == 3
    assert [section.title for section in found.sections] == ["first", "second"]
