"""What a file that this program wrote says of itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.snapshot import Snapshot
from cmgai_fem.files.writers import PROVENANCE, WITHOUT_TEXT


def read_provenance(path: Path, read: list[Snapshot] | None = None) -> dict[str, Any]:
    """Provenance of a file that `generate` wrote; empty where there is none.

    Args:
        path: the file.
        read: what it holds, where that has been read.
    """
    if not path.is_file():
        return {}
    if path.suffix.lower() in (*WITHOUT_TEXT, ".csv"):
        beside = path.with_name(f"{path.stem}.provenance.json")
        text = beside.read_text(encoding="utf-8") if beside.is_file() else "{}"
    else:
        stored = (read or read_snapshots(path))[0].grid.field_data.get(PROVENANCE)
        text = "{}" if stored is None else str(np.ravel(stored)[0])
    try:
        facts = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return facts if isinstance(facts, dict) else {}
