"""`cmgai-fem compare`: a generated field against a reference."""

from pathlib import Path

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import aligned
from cmgai_fem.files.file_states import same_labels
from cmgai_fem.files.mapping import map_field
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.snapshot import Snapshot, component_names, field_values, find_location, labels_of
from cmgai_fem.files.trust import printable
from cmgai_fem.metrics import FieldError, field_error


def compare(generated: Path, reference: Path, field: str) -> FieldError:
    """Error of a generated field against a reference, volume-weighted on the reference's mesh.

    Args:
        generated: file with the generated field.
        reference: file with the reference field; on another mesh of the same geometry the generated field is
            interpolated to it.
        field: name of the field in both.

    Raises:
        InputError: a file, the field or the geometry does not fit.
    """
    made, truth = _only_snapshot(generated), _only_snapshot(reference)
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


def _only_snapshot(path: Path) -> Snapshot:
    snapshots = read_snapshots(path)
    if len(snapshots) > 1:
        raise InputError(f"{printable(str(path))}: holds {len(snapshots)} states; compare needs files with one")
    return snapshots[0]
