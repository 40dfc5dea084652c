"""`cmgai-fem compare`: a generated field against a reference."""

from pathlib import Path

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import aligned
from cmgai_fem.files.file_states import same_labels
from cmgai_fem.files.mapping import map_field
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.snapshot import Snapshot, component_names, field_values, find_location, labels_of
from cmgai_fem.files.trust import printable
from cmgai_fem.metrics import FieldError, field_error


def compare(generated: Path, reference: Path, field: str, at: float | None = None) -> FieldError:
    """Error of a generated field against a reference, volume-weighted on the reference's mesh.

    Args:
        generated: file with the generated field.
        reference: file with the reference field; on another mesh of the same geometry the generated field is
            interpolated to it.
        field: name of the field in both.
        at: time of the states to compare, in files that hold several.

    Raises:
        InputError: a file, the field or the geometry does not fit.
    """
    made, truth = _only_snapshot(generated, at), _only_snapshot(reference, at)
    location = find_location(truth, field)
    values, expected = field_values(made, field, location), field_values(truth, field, location)
    if values.shape[1] != expected.shape[1]:
        raise InputError(
            f"{made.name}: field {printable(field)!r} has {values.shape[1]} components, "
            f"in {truth.name} it has {expected.shape[1]}"
        )
    names = [component_names(snapshot, field, location) for snapshot in (made, truth)]
    values = aligned(values, names[0], names[1], f"{made.name}: field {printable(field)!r}")
    if not same_labels(made.grid, truth.grid):
        values, _ = map_field(made, truth, values, location)
    return field_error(values, expected, labels_of(truth, location).weights)


def _only_snapshot(path: Path, at: float | None) -> Snapshot:
    snapshots = read_snapshots(path)
    if len(snapshots) == 1:
        return snapshots[0]
    name, times = printable(str(path)), [snapshot.time for snapshot in snapshots]
    if at is None:
        raise InputError(f"{name}: holds {len(snapshots)} states; say which to compare: --at TIME")
    found = [
        snapshot for snapshot in snapshots if snapshot.time is not None and np.isclose(snapshot.time, at, rtol=1e-9)
    ]
    if len(found) != 1:
        known = ", ".join(f"{time:g}" for time in times[:8] if time is not None) + (", ..." if len(times) > 8 else "")
        raise InputError(f"{name}: --at {at:g}: {len(found)} states have this time; there are: {known}")
    return found[0]
