"""What the command line offers for a user's own files: `generate` and `compare`; `info` stands in `inventory`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.calibration.answers import Generator
from cmgai_fem.commands.complete import complete
from cmgai_fem.commands.inputs import Inputs, ScatteredInputs, joined
from cmgai_fem.commands.provenance import State, fingerprint, finished, provenance
from cmgai_fem.commands.state_value import estimate_value
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FromFiles, same_mesh
from cmgai_fem.files.file_values import value_text
from cmgai_fem.files.mapping import map_field
from cmgai_fem.files.model import check_model_path, load_model
from cmgai_fem.files.model import save_model as write_model
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.sensors import observe, read_sensors
from cmgai_fem.files.snapshot import Snapshot, field_values, find_location, labels_of
from cmgai_fem.files.trust import printable
from cmgai_fem.files.writers import check_writable, write_grid
from cmgai_fem.metrics import FieldError, field_error
from cmgai_fem.states.states import Array, Coordinates

Report = Callable[[str], None]


def generate(
    inputs: Inputs | ScatteredInputs,
    at: Sequence[float | Sequence[float]],
    out: Path,
    *,
    method: str = "fem",
    seed: int = 0,
    sensors: Path | None = None,
    search: tuple[float, float] | None = None,
    save_model: Path | None = None,
    resume: bool = False,
    report: Report = print,
) -> list[Path]:
    """Generate a field at unseen states and write it beside its error estimate.

    Args:
        inputs: what is known.
        at: states to generate, each a value or one a coordinate; may be empty where sensors tell the value.
        out: the file to write; with several states its name must hold "{value}".
        method: "fem" or "pinn".
        seed: of the networks.
        sensors: .csv table of what is known of the wanted state; the generated field honours it.
        search: lowest and highest state value where sensors are to tell it; half a range beyond the known states by
            default.
        save_model: .safetensors file to keep the solved generator in.
        resume: keep files that an earlier, interrupted run of the same request finished.
        report: takes lines of progress.

    Returns:
        The files written, in the order of `at`.

    Raises:
        InputError: the files, values, field, sensors or output are not usable.
        ConvergenceError: a solver did not reach its tolerance.
    """
    points = as_points(at)
    if sensors is not None:
        if isinstance(inputs, ScatteredInputs):
            raise InputError("--sensors: sensors complete states of one coordinate; these have " + inputs.names)
        return [complete_state(inputs, inputs.targets(points), out, sensors, search, method, seed, report)]
    targets: list[Any] = list(inputs.targets(points))
    paths = output_paths(out, targets)
    if save_model is not None:
        check_model_path(save_model)
    request = fingerprint(inputs, method, seed)
    todo = list(zip(targets, paths, strict=True))
    if resume:
        for value, path in todo:
            if finished(path, request, value):
                report(f"{printable(path.name)}: finished before, kept")
        todo = [pair for pair in todo if not finished(pair[1], request, pair[0])]
    if not todo:
        return paths
    reader: Any = inputs
    states = reader.read()
    describe_states(states, report)
    files = dict(todo)
    groups = reader.sides(states, list(files))
    if save_model is not None and len(groups) > 1:
        raise InputError("--save-model keeps one generator: ask for states between the known ones, or beyond them")
    for group in groups:
        generator = reader.generator(states, inputs.field, group, method, seed)
        describe_choice(generator, report)
        if save_model is not None:
            write_model(save_model, states, generator)
            report(f"model: {printable(str(save_model))}")
        for value in group:
            path = files[value]
            field = generator.solution.at(value)
            spread = None if generator.left_out is None else generator.left_out.spread
            facts = generator.describe() | {"request": request}
            write_answer(states, inputs.field, value, field, spread, path, facts)
            report(f"{states.coordinate.label(value)}: {printable(str(path))}")
    return paths


def generate_from_model(
    model: Path, at: Sequence[float | Sequence[float]], out: Path, *, report: Report = print
) -> list[Path]:
    """Generate a field from a model file, without any solve.

    Args:
        model: .safetensors file that `generate` saved.
        at: states to generate, each a value or one a coordinate.
        out: the file to write; with several values its name must hold "{value}".
        report: takes lines of progress.

    Raises:
        InputError: the model is damaged or of another version, or a value lies outside what it answers.
    """
    loaded: Any = load_model(model)
    targets: list[Any] = loaded.targets(
        [tuple(float(part) for part in np.atleast_1d(np.asarray(value))) for value in at]
    )
    paths = output_paths(out, targets)
    for value, path in zip(targets, paths, strict=True):
        facts = dict(loaded.facts) | {"model": model.name}
        write_answer(loaded.states, loaded.field, value, loaded.at(value), loaded.spread, path, facts)
        report(f"{loaded.states.coordinate.label(value)}: {printable(str(path))}")
    return paths


def complete_state(
    inputs: Inputs,
    at: Sequence[float],
    out: Path,
    table: Path,
    search: tuple[float, float] | None,
    method: str,
    seed: int,
    report: Report,
) -> Path:
    """Generate one state that sensors know in part; see `generate` for the arguments."""
    if len(at) > 1:
        raise InputError(f"sensors belong to one state, {len(at)} are asked for: give one --at, or none to find it")
    (path,) = output_paths(out, list(at) or [0.0])
    sensors = read_sensors(table, inputs.field)
    names = list(dict.fromkeys([inputs.field, *(sensor.field for sensor in sensors)]))
    states = inputs.read(names)
    describe_states(states, report)
    observations = observe(states, sensors)

    def generators(targets: Sequence[float]) -> dict[str, Generator]:
        return {name: inputs.generator(states, name, targets, method, seed) for name in names}

    facts: dict[str, Any] = {"sensors": table.name}
    if at:
        value = float(at[0])
    else:
        first, last = float(states.values[0]), float(states.values[-1])
        low, high = search or (first - 0.5 * (last - first), last + 0.5 * (last - first))
        estimate = estimate_value(generators([low, high]), observations, (low, high))
        value = estimate.value
        report(f"the sensors fit best at {states.coordinate.label(value)}, give or take {2.0 * estimate.deviation:.2g}")
        facts["value_deviation"] = estimate.deviation
    made = generators([value])
    completion = complete(made, value, observations)
    report(
        f"largest misfit of {len(sensors)} sensors: {completion.before:.3g} tolerances as generated, "
        f"{completion.after:.3g} as corrected"
    )
    generator = made[inputs.field]
    spread = None if generator.left_out is None else generator.left_out.spread
    facts |= generator.describe() | {"misfit": [completion.before, completion.after]}
    write_answer(states, inputs.field, value, completion.fields[inputs.field], spread, path, facts)
    report(f"{states.coordinate.label(value)}: {printable(str(path))}")
    return path


def as_points(at: Sequence[float | Sequence[float]]) -> list[tuple[float, ...]]:
    """States, each given as a number or as one a coordinate, by their coordinates."""
    return [tuple(float(part) for part in np.atleast_1d(np.asarray(value, dtype=float))) for value in at]


def write_answer(
    states: FromFiles[Any],
    name: str,
    value: State,
    field: Array,
    spread: Array | None,
    path: Path,
    facts: dict[str, Any],
) -> None:
    """Write one generated field on the label mesh, its error estimate and provenance beside it.

    Args:
        states: the known states.
        name: name of the field.
        value: state value of the generated field.
        field: (L, n) generated field.
        spread: (L, n) error estimate; None where two states leave none.
        path: the file.
        facts: how the field was made.
    """
    fields = {name: field} | ({} if spread is None else {f"{name}_error_estimate": spread})
    grid = states.grid(**fields)
    several = isinstance(states.coordinate, Coordinates)
    for coordinate, part in zip(
        states.coordinate if several else [states.coordinate], np.atleast_1d(value), strict=True
    ):
        grid.field_data[coordinate.name] = np.array([part])
    # A file has one time: of several coordinates there is none.
    write_grid(path, grid, provenance(states, value, facts), 0.0 if isinstance(value, tuple) else value)


def describe_states(states: FromFiles[Any], report: Report) -> None:
    """Lines that say what was read and mapped."""
    listed = ", ".join(joined(np.atleast_1d(value).tolist()) for value in states.values)
    report(f"{len(states)} states at {states.coordinate.label()} = {listed}; {states.labels.count} labels")
    for name, mapping in states.mapped.items():
        report(f"mapped to the label mesh of {states.template.name if states.template else ''}: {name}: {mapping}")


def describe_choice(generator: Generator[Any], report: Report) -> None:
    """Lines that say what was chosen and how well it is covered."""
    if generator.calibration is None or generator.left_out is None:
        count = len(generator.problem.states)
        report(f"{count} states: a straight {'line' if count == 2 else 'plane'} through them, no error estimate")
        return
    report(f"transport: {generator.calibration} (left-out error {100 * generator.calibration.error:.3g} %)")
    covered = generator.left_out.coverage(generator.problem.states.labels.weights)
    if covered is not None:
        report(
            f"error estimate: judged by the other left-out states alone, it would cover {100 * covered:.0f} % of the "
            "volume at each of them"
        )


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
    if not same_mesh(made.grid, truth.grid):
        values, _ = map_field(made, truth, values, location)
    return field_error(values, expected, labels_of(truth, location).weights)


def _only_snapshot(path: Path) -> Snapshot:
    snapshots = read_snapshots(path)
    if len(snapshots) > 1:
        raise InputError(f"{printable(str(path))}: holds {len(snapshots)} states; compare needs files with one")
    return snapshots[0]


def output_paths(out: Path, targets: Sequence[State]) -> list[Path]:
    """The file of each target, refused where it could not be written."""
    if not targets:
        raise InputError("say at which state to generate: --at VALUE")
    for target in targets:
        if not np.all(np.isfinite(target)):
            raise InputError(f"--at {joined(np.atleast_1d(target).tolist())}: not a finite number")
    if len(targets) > 1 and "{value}" not in out.name:
        raise InputError(f"{len(targets)} states go to several files: put {{value}} into the name given to --out")
    paths = [out.with_name(out.name.replace("{value}", value_text(target))) for target in targets]
    for path in paths:
        check_writable(path)
    if len(set(paths)) < len(paths):
        raise InputError("two of the states asked for would go to one file: name each once")
    return paths
