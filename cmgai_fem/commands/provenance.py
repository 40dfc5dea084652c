"""Where a generated field comes from: written beside it, and read back to resume."""

import dataclasses
import datetime
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import cmgai_fem
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FileStates
from cmgai_fem.files.provenance_text import read_provenance
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.trust import printable
from cmgai_fem.states.labels import Array
from cmgai_fem.study.field_file import Point

PROVENANCE_FORMAT = 1


def provenance(states: FileStates, value: Point, facts: dict[str, Any]) -> dict[str, Any]:
    """Where a generated field comes from, as plain data; file names without their folders.

    Coordinates, units and values are lists where there are several coordinates.
    """
    names, units = zip(*[(one.name, one.unit) for one in states.coordinates], strict=True)
    return {
        "format": PROVENANCE_FORMAT,
        **made_now(),
        "coordinate": list(names) if len(names) > 1 else names[0],
        "unit": list(units) if len(units) > 1 else units[0],
        "value": plain_value(value),
        "known": [
            {"file": path.name, "value": plain_value(known)}
            for path, known in zip(states.files, states.values, strict=True)
        ],
        "mapped": {name: str(mapping) for name, mapping in states.mapped.items()},
        **facts,
    }


def made_now() -> dict[str, str]:
    """What makes a result, and when."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"program": f"cmgai-fem {cmgai_fem.__version__}", "created": now}


def plain_value(value: Point | Array) -> Any:
    """A state as JSON holds it: a number, or a list of one a coordinate."""
    parts = [float(part) for part in value]
    return parts if len(parts) > 1 else parts[0]


def fingerprint(inputs: Inputs, *request: object) -> str:
    """First 16 digits of the SHA-256 of what is asked of the inputs, and of every input file."""
    digest = hashlib.sha256(cmgai_fem.__version__.encode())
    for path in inputs.sources:
        if not path.is_file():
            raise InputError(f"{printable(str(path))}: no such file")
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    names = [path.name for path in inputs.sources]
    digest.update(repr((dataclasses.replace(inputs, paths=(), cheap=()), names, *request)).encode())
    return digest.hexdigest()[:16]


def digest(fields: Mapping[str, Array]) -> dict[str, str]:
    """First 16 digits of the SHA-256 of each field's numbers, by name."""
    return {
        name: hashlib.sha256(np.ascontiguousarray(values, dtype=float).tobytes()).hexdigest()[:16]
        for name, values in fields.items()
    }


def finished(path: Path, request: str, value: Point) -> bool:
    """Whether an earlier run of the same request wrote this file to its end, and its data are still those."""
    try:
        facts = read_provenance(path)
        if facts.get("request") != request or facts.get("value") != plain_value(value):
            return False
        grid = read_snapshots(path)[0].grid
    except InputError:
        return False
    # Where a run was ended between two renames, the side file is one state's and the data are another's.
    kept = {name: np.asarray(array) for data in (grid.point_data, grid.cell_data) for name, array in data.items()}
    told = facts.get("data", {})
    return bool(told) and all(name in kept and digest({name: kept[name]})[name] == told[name] for name in told)
