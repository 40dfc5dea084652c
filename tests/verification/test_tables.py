"""README's table: made from verification/figures.csv, which full runs renew."""

import csv
import json
from pathlib import Path

import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

tables = study_module(studies_folder(), "tables")
README, read_figures, renewed, table, with_table = (
    tables.README, tables.read_figures, tables.renewed, tables.table, tables.with_table
)  # fmt: skip


def test_the_readme_holds_the_table_of_the_figures():
    page = README.read_text(encoding="utf-8")
    assert with_table(page, table(read_figures())) == page


def test_every_row_names_a_study():
    assert all((studies_folder() / row["study"] / "study.toml").is_file() for row in read_figures())


def write_run(folder: Path, quick: bool) -> Path:
    rows = [
        {"field": "equivalent_plastic_strain", "split": split, "method": method, "against": "reference", "nrmse": nrmse}
        for split, of in {
            "interpolation": {"fem": (0.01, 0.03), "pchip": (0.05, 0.05), "pod_rbf": (0.04, 0.08)},
            "extrapolation": {"fem": (0.1234,), "pchip": (0.2,), "pod_rbf": (0.1,)},
        }.items()
        for method, errors in of.items()
        for nrmse in errors
    ]
    folder.mkdir()
    with (folder / "metrics.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (folder / "run.json").write_text(json.dumps({"study": {"name": "bar"}, "provenance": {"quick": quick}}))
    return folder


def test_a_full_run_renews_the_rows_of_its_study(tmp_path):
    empty = dict.fromkeys(["ours_inside", "ours_outside", "rival_inside", "rival_outside"], "1")
    names = dict.fromkeys(["rival_inside_by", "rival_outside_by"], "nobody")
    own = {"study": "bar", "note": "", "field": "plastic strain", "unit": " %"} | empty | names
    other = own | {"study": "beam"}
    found = renewed([other, own], write_run(tmp_path / "full", quick=False))
    assert found[0] == other
    assert found[1]["ours_inside"] == "2" and found[1]["ours_outside"] == "12"
    assert (found[1]["rival_inside"], found[1]["rival_inside_by"]) == ("5", "PCHIP")
    assert (found[1]["rival_outside"], found[1]["rival_outside_by"]) == ("10", "POD-RBF")
    assert "| 2 % / 12 % | 5 % (PCHIP) / 10 % (POD-RBF) |" in table(found)
    with pytest.raises(InputError, match="quick run"):
        renewed([own], write_run(tmp_path / "quick", quick=True))
    with pytest.raises(InputError, match="no row of the study bar"):
        renewed([other], tmp_path / "full")
