"""`cmgai-fem compare`: a generated field against a reference."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import aligned
from cmgai_fem.files.mapping import map_field
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.same_mesh import same_labels
from cmgai_fem.files.snapshot import Snapshot, component_names, field_values, find_location, labels_of
from cmgai_fem.files.trust import printable
from cmgai_fem.metrics import FieldError, field_error


@dataclass(frozen=True)
class Comparison:
    """A generated field against a reference.

    Args:
        field: its name.
        error: of all components together.
        components: of each by itself, by name; None where the reference is constant; empty for a scalar.
        place: where the largest error of all is, in the files' unit of length.
        tolerance: largest NRMSE that passes; None where none was given.
    """

    field: str
    error: FieldError
    components: Mapping[str, FieldError | None]
    place: tuple[float, ...]
    tolerance: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the NRMSE keeps the tolerance; true where none was given."""
        return self.tolerance is None or self.error.nrmse <= self.tolerance

    def describe(self) -> dict[str, Any]:
        """The comparison as plain data."""
        parts = {name: None if error is None else asdict(error) for name, error in self.components.items()}
        return {
            "field": self.field,
            **asdict(self.error),
            "place": list(self.place),
            "components": parts,
            "tolerance": self.tolerance,
            "passed": self.passed,
        }


def compare(
    generated: Path,
    reference: Path,
    field: str | None = None,
    at: float | None = None,
    tolerance: float | None = None,
) -> Comparison:
    """Error of a generated field against a reference, volume-weighted on the reference's mesh.

    Args:
        generated: file with the generated field.
        reference: file with the reference field; on another mesh of the same geometry the generated field is
            interpolated to it.
        field: name of the field in both; the only one that both hold if None.
        at: time of the states to compare, in files that hold several.
        tolerance: largest NRMSE that passes, a fraction.

    Raises:
        InputError: a file, the field or the geometry does not fit, or the tolerance is negative.
    """
    if tolerance is not None and not tolerance >= 0.0:
        raise InputError(f"--tolerance {tolerance:g}: give the largest NRMSE that passes, e.g. 0.01 for 1 %")
    made, truth = _only_snapshot(generated, at), _only_snapshot(reference, at)
    field = _only_field(made, truth) if field is None else field
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
    labels = labels_of(truth, location)
    error = field_error(values, expected, labels.weights)
    each = zip(names[1], values.T, expected.T, strict=True) if len(names[1]) > 1 else ()
    components = {
        name: field_error(own, wanted, labels.weights) if np.ptp(wanted) > 0.0 else None for name, own, wanted in each
    }
    place = tuple(np.asarray(labels.positions)[error.label].tolist())
    return Comparison(field, error, components, place, tolerance)


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


def _only_field(made: Snapshot, truth: Snapshot) -> str:
    shared = sorted(_fields(made) & _fields(truth))
    if len(shared) != 1:
        listed = ", ".join(map(printable, shared[:8])) + (", ..." if len(shared) > 8 else "") or "none"
        raise InputError(f"{made.name} and {truth.name}: say which --field to compare; both hold: {listed}")
    return shared[0]


def _fields(snapshot: Snapshot) -> set[str]:
    return {*snapshot.grid.point_data.keys(), *snapshot.grid.cell_data.keys()}
