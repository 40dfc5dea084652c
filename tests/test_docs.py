"""docs/formats.md names every key of study files, states.toml and the model file, in the section of its kind."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from bodies import write_states
from pydantic import BaseModel
from safetensors import safe_open

from cmgai_fem.commands.provenance import provenance
from cmgai_fem.commands.states_file import StatesFile
from cmgai_fem.files.curve_table import QUANTITIES
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.model import save_model
from cmgai_fem.files.sensors import COLUMNS as SENSOR_COLUMNS
from cmgai_fem.generate import generate
from cmgai_fem.mechanics.reference import MODELS, model_class
from cmgai_fem.study.ablation import AblationRow
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.page import NEEDED
from cmgai_fem.study.pipelines import load_pipeline
from cmgai_fem.study.tolerances import COLUMNS

PAGE = Path(__file__).parents[1] / "docs" / "formats.md"
# Where the keys of a study's file stand; those of all field studies in one section.
SECTIONS = {
    "stress-strain": "stress-strain",
    "digits": "digits and multimodal",
    "cheap-and-fine": "cheap-and-fine",
    "gauntlet": "gauntlet",
    "clouds": "clouds, heat-soak and vibrating-plate",
    "heat-soak": "clouds, heat-soak and vibrating-plate",
    "vibrating-plate": "clouds, heat-soak and vibrating-plate",
    "moving-fields": "moving-fields",
    "multimodal": "digits and multimodal",
    "codes": "codes, optimal-transport and transport-laws",
    "optimal-transport": "codes, optimal-transport and transport-laws",
    "transport-laws": "codes, optimal-transport and transport-laws",
}


def named(heading: str) -> set[str]:
    """Words that stand as code in a section, up to the next heading of its level or above, and in the head of all."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    (start,) = [row for row, line in enumerate(lines) if line.lstrip("#").strip() == heading and line.startswith("#")]
    level = len(lines[start]) - len(lines[start].lstrip("#"))
    text = []
    for line in lines[start + 1 :]:
        if re.match(rf"#{{1,{level}}} ", line):
            break
        text.append(line)
    spans = re.findall(r"`([^`]+)`", "\n".join(text))
    return {word for span in spans for word in re.findall(r"\w+", span)}


def tables(kind: Any) -> Iterator[type[BaseModel]]:
    """A pydantic table, and all that its keys hold."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from tables(field.annotation)
    for part in get_args(kind):
        yield from tables(part)


def keys(kind: type[BaseModel]) -> set[str]:
    return {key for table in tables(kind) for key in table.model_fields}


def test_keys_of_field_studies():
    assert keys(FieldStudy) - named("Field studies") - {"name", "title", "description", "minutes"} == set()
    models = {model_class(kind) for kind in MODELS if kind != "mechanics"}
    assert {key for model in models for key in keys(model)} - named("Field studies") == set()


def test_keys_of_a_body_of_one_s_own():
    page = PAGE.with_name("mechanics.md").read_text(encoding="utf-8")
    assert keys(model_class("mechanics")) - set(re.findall(r"\w+", page)) == set()


@pytest.mark.parametrize("name", sorted(path.parent.name for path in studies_folder().glob("*/pipeline.py")))
def test_keys_of_studies_with_a_pipeline_of_their_own(name: str):
    found = keys(load_pipeline(studies_folder() / name).Study) - {
        "name",
        "title",
        "description",
        "minutes",
        "tolerances",
    }
    assert found - named(SECTIONS[name]) == set()


def test_keys_of_a_states_file():
    assert keys(StatesFile) - {"states", "calibration", "coordinate"} - named("states.toml") == set()


def test_columns_of_tables():
    assert {*COLUMNS, *AblationRow.__annotations__, *NEEDED} - named("Results folder") == set()
    assert set(SENSOR_COLUMNS) - named("Sensors") == set()
    assert {alias for aliases, _ in QUANTITIES.values() for alias in aliases} - named("Tables of curves") == set()


def words(data: Any) -> set[str]:
    """Keys of plain data, at any depth."""
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return (set(data) if isinstance(data, dict) else set()).union(*map(words, parts))


def test_keys_of_the_model_file_and_of_provenance(tmp_path: Path):
    states = read_states(write_states(tmp_path), field="stress", values_from=r"T=(\d+)")
    made = generate(states, 325.0)
    save_model(tmp_path / "model.safetensors", made.generators[0])
    with safe_open(tmp_path / "model.safetensors", framework="numpy") as stored:
        header = stored.metadata()
        arrays = {part for key in stored.keys() for part in key.split("/") if not part.isdigit()}  # noqa: SIM118
    assert (words(json.loads(header["facts"])) | set(header) | arrays) - named("Model file") == set()
    facts = provenance(states, (325.0,), {"request": "0"})
    assert words(facts) - named("Provenance") == set()
