"""The reference model alone that a file says."""

from collections.abc import Sequence
from pathlib import Path

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.reference import ReferenceModel, load_model
from cmgai_fem.states.states import Coordinate
from cmgai_fem.study.field_file import CoordinateTable, gather_reference
from cmgai_fem.study.file import read_study, validated


def model_of_file(path: Path, overrides: Sequence[str] = ()) -> tuple[ReferenceModel, Coordinate]:
    """The reference model that a file says, be it a study or the model alone, and its state coordinate.

    Raises:
        InputError: no TOML, or no model; one line that names the file and the key.
    """
    said = read_study(path, overrides)
    if not isinstance(kind := said.get("kind"), str):
        raise InputError(f'{path}: kind: missing; say kind = "mechanics", or a model of your own, file.py:Class')
    data = gather_reference(said)
    coordinate = Coordinate("state")
    if "coordinate" in data:
        table = validated(CoordinateTable, path, data["coordinate"])
        coordinate = Coordinate(table.name, table.unit)
    parameters = data.get("reference", {}) | ({"mesh": data["mesh"]} if "mesh" in data else {})
    return load_model(kind, parameters, path.parent), coordinate
