"""`--json`: one value on standard output, whose keys docs/formats.md names."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import pyvista
from bodies import write_state, write_states
from pydantic import BaseModel, ConfigDict, TypeAdapter

from cmgai_fem.cli import main
from cmgai_fem.commands.example import curves
from cmgai_fem.commands.terminal import plain
from cmgai_fem.writing import write_table

PAGE = (
    (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8").split("## JSON of the commands")[1]
)


class Exact(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ErrorSchema(Exact):
    nrmse: float
    nrmse_rms: float
    nrmse_mean: float
    max_error: float
    rmse: float
    largest: float
    label: int


class ComparisonSchema(ErrorSchema):
    field: str
    place: list[float]
    components: dict[str, ErrorSchema | None]
    tolerance: float | None
    passed: bool


class FieldSchema(Exact):
    field: str
    at: str
    components: int
    least: float | None
    greatest: float | None


class SnapshotSchema(Exact):
    file: str
    notes: list[str]
    nodes: int
    cells: dict[str, int]
    size: list[float]
    states: int
    times: list[float]
    fields: list[FieldSchema]


class StateSchema(Exact):
    state: str
    tests: int
    points: int
    strain: float
    stress: float


class CurvesSchema(Exact):
    file: str
    notes: list[str]
    tests: list[StateSchema]


class FindingSchema(Exact):
    name: str
    found: str
    works: bool | None
    remedy: str


class ProvenanceSchema(BaseModel):
    file: str
    program: str
    coordinate: str
    unit: str
    value: float
    trust: str
    trust_reason: str
    advice: str
    error_estimate: float


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json"])
    assert int(ended.value.code or 0) == code
    return capsys.readouterr().out


def test_compare(tmp_path, capsys):
    one, other = write_state(tmp_path / "a.vtu", 325.0), write_state(tmp_path / "b.vtu", 400.0)
    text = said(capsys, "compare", str(one), str(other), "--field", "stress", "--tolerance", "0.01", code=1)
    found = ComparisonSchema.model_validate_json(text)
    assert not found.passed
    assert list(found.components) == ["xx", "yy", "zz", "xy", "yz", "xz"]
    # At 400 all of them but xy and xz vanish: zero stress has no range. See `bodies.stress_at`.
    assert [name for name, error in found.components.items() if error is None] == ["xx", "yy", "zz", "yz"]
    assert found.largest == pytest.approx(found.max_error * 2e6)
    assert len(found.place) == 3


def test_info(tmp_path, capsys):
    write_state(tmp_path / "a.vtu", 325.0)
    write_table(tmp_path / "tests.csv", curves(), list(curves()[0]))
    text = said(capsys, "info", str(tmp_path / "a.vtu"), str(tmp_path / "tests.csv"))
    body, tests = json.loads(text)
    found = SnapshotSchema.model_validate_json(json.dumps(body))
    assert found.times == [325.0]
    assert {field.field: field.components for field in found.fields}["stress"] == 6
    assert len(CurvesSchema.model_validate_json(json.dumps(tests)).tests) == 4


def test_doctor(capsys):
    with pytest.raises(SystemExit):
        main(["doctor", "--json"])
    found = TypeAdapter(list[FindingSchema]).validate_json(capsys.readouterr().out)
    assert "DOLFINx" in {row.name for row in found}


def test_generate_prints_nothing_but_json(tmp_path, capsys):
    files = [str(path) for path in write_states(tmp_path)]
    out = str(tmp_path / "o.vtu")
    asked = ["--values-from", r"T=(\d+)", "--field", "stress", "--coordinate", "temperature", "--at", "325"]
    text = said(capsys, "generate", *files, *asked, "--no-moving", "--out", out)
    (found,) = TypeAdapter(list[ProvenanceSchema]).validate_json(text)
    assert (found.file, found.value, found.coordinate) == (out, 325.0, "temperature")
    assert "use" in found.advice


def test_the_page_names_every_key():
    named = {word for span in re.findall(r"`([^`]+)`", PAGE) for word in re.findall(r"\w+", span)}
    for kind in (ComparisonSchema, FieldSchema, SnapshotSchema, StateSchema, CurvesSchema, FindingSchema):
        assert set(kind.model_fields) <= named, kind


def test_what_is_not_finite_is_null():
    assert plain({"a": [math.nan, 1.0, (math.inf, "b")]}) == {"a": [None, 1.0, [None, "b"]]}


def test_compare_takes_the_only_field_of_both_and_asks_where_there_are_more(tmp_path, capsys):
    grid = pyvista.ImageData(dimensions=(3, 3, 2)).cast_to_unstructured_grid()
    one, other, both = tmp_path / "one.vtu", tmp_path / "other.vtu", tmp_path / "both.vtu"
    grid["stress"] = np.arange(18.0)
    grid.save(one)
    grid["heat"] = np.arange(18.0)
    grid.save(other)
    grid.save(both)
    assert json.loads(said(capsys, "compare", str(one), str(other)))["field"] == "stress"
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(other), str(both)])
    assert ended.value.code == 2
    assert "say which --field to compare; both hold: heat, stress" in capsys.readouterr().err
