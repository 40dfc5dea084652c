"""Where a generated field comes from: written beside it, and read back to resume."""

import dataclasses
import datetime
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import cmgai_fem
from cmgai_fem.commands.inputs import Inputs, ScatteredInputs
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FromFiles
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.trust import printable
from cmgai_fem.files.writers import PROVENANCE, WITHOUT_TEXT
from cmgai_fem.states.states import Array, Coordinates

State = float | tuple[float, ...]
"""A state value: a number, or one each of several coordinates."""

PROVENANCE_FORMAT = 1


def provenance(states: FromFiles[Any], value: State, facts: dict[str, Any]) -> dict[str, Any]:
    """Where a generated field comes from, as plain data; file names without their folders."""
    several = isinstance(states.coordinate, Coordinates)
    each = list(states.coordinate) if several else [states.coordinate]
    return {
        "format": PROVENANCE_FORMAT,
        "program": f"cmgai-fem {cmgai_fem.__version__}",
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "coordinate": [one.name for one in each] if several else each[0].name,
        "unit": [one.unit for one in each] if several else each[0].unit,
        "value": plain_value(value),
        "known": [
            {"file": path.name, "value": plain_value(known)}
            for path, known in zip(states.files, states.values, strict=True)
        ],
        "mapped": {name: str(mapping) for name, mapping in states.mapped.items()},
        **facts,
    }


def plain_value(value: State | Array) -> Any:
    """A state value as JSON holds it: a number, or a list of them."""
    return np.asarray(value, dtype=float).tolist()


def fingerprint(inputs: Inputs | ScatteredInputs, method: str, seed: int) -> str:
    """First 16 digits of the SHA-256 of the request and of every input file."""
    digest = hashlib.sha256(cmgai_fem.__version__.encode())
    for path in inputs.paths:
        if not path.is_file():
            raise InputError(f"{printable(str(path))}: no such file")
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    names = [path.name for path in inputs.paths]
    digest.update(repr((dataclasses.replace(inputs, paths=()), names, method, seed)).encode())
    return digest.hexdigest()[:16]


def finished(path: Path, request: str, value: State) -> bool:
    """Whether an earlier run of the same request wrote this file to its end."""
    facts = read_provenance(path)
    return facts.get("request") == request and facts.get("value") == plain_value(value)


def read_provenance(path: Path) -> dict[str, Any]:
    """Provenance of a file that `generate` wrote; empty where there is none."""
    if not path.is_file():
        return {}
    if path.suffix.lower() in WITHOUT_TEXT:
        beside = path.with_name(f"{path.stem}.provenance.json")
        text = beside.read_text(encoding="utf-8") if beside.is_file() else "{}"
    else:
        stored = read_snapshots(path)[0].grid.field_data.get(PROVENANCE)
        text = "{}" if stored is None else str(np.ravel(stored)[0])
    try:
        facts = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return facts if isinstance(facts, dict) else {}
