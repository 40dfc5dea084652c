import csv
from pathlib import Path

import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.codes import CheckRow, run_checks, write_codes_csv


@pytest.mark.parametrize(
    "name", ["kirchhoff-slab", "thick-cylinder", "constrained-bar", "nafems-le11", "nafems-t1", "nafems-le1"]
)
def test_check_passes(name: str) -> None:
    rows = run_checks([name], print)
    assert rows
    assert [row for row in rows if not row.passed] == []


@pytest.mark.slow
def test_manufactured_orders() -> None:
    rows = run_checks(["manufactured-elasticity"], print)
    assert len(rows) == 12
    assert [row for row in rows if not row.passed] == []


def test_rows_judge_by_their_tolerance() -> None:
    assert CheckRow.equal("c", "q", -2.0, -2.1, 0.06, "s").passed
    assert not CheckRow.equal("c", "q", -2.0, -2.1, 0.04, "s").passed
    assert not CheckRow.equal("c", "q", 1.0, float("nan"), 0.1, "s").passed
    assert CheckRow.at_least("c", "q", 2.0, 3.0, 0.01, "s").passed
    assert not CheckRow.at_least("c", "q", 2.0, 1.9, 0.01, "s").passed
    assert CheckRow.at_most("c", "q", 1e-2, 1e-3, "s").passed
    assert not CheckRow.at_most("c", "q", 1e-2, 2e-2, "s").passed


def test_csv_has_the_stated_columns(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    write_codes_csv([CheckRow.equal("c", "q [Pa]", 2.0, 2.0, 0.1, "exact, by hand")], path)
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["check", "quantity", "target", "value", "relative_error", "tolerance", "passed", "source"]
    assert rows[0]["passed"] == "True" and rows[0]["source"] == "exact, by hand"


def test_unknown_check_is_refused() -> None:
    with pytest.raises(InputError, match="no code check 'le99'; there are: kirchhoff-slab"):
        run_checks(["le99"], print)
