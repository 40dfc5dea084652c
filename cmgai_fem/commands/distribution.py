"""`cmgai-fem generate --distribution`: the law of a field at unseen states, from a user's own specimens."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.calibration.correction import DEVIATIONS
from cmgai_fem.commands.answers import as_points, mark, output_paths
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.commands.options import asked_points, check_parts
from cmgai_fem.commands.provenance import digest, provenance
from cmgai_fem.distributions.cloud_laws import CMGAI, RIVALS
from cmgai_fem.distributions.conditioned import FieldReadings
from cmgai_fem.distributions.random_fields import BAND, JudgedLaws
from cmgai_fem.errors import InputError
from cmgai_fem.files.law_model import load_law_model, save_law_model
from cmgai_fem.files.model import check_model_path
from cmgai_fem.files.outputs import check_replaceable
from cmgai_fem.files.sensors import Observation, observe, read_sensors
from cmgai_fem.files.specimens import Specimens
from cmgai_fem.files.trust import printable
from cmgai_fem.files.writers import write_grid
from cmgai_fem.generate_distribution import GeneratedDistribution, generate_distribution
from cmgai_fem.measures import quantity_of
from cmgai_fem.progress import Report
from cmgai_fem.states.labels import Array
from cmgai_fem.study.ablation_rows import ablation_lines
from cmgai_fem.study.law_ablation import MEASURE, PARTS, ablate_laws
from cmgai_fem.study.law_report import write_law_report
from cmgai_fem.study.standalone import check_page

# Levels of the fields that are written, and numbers of all samples that a file may take.
LEVELS = {"p05": BAND[0], "p50": 0.5, "p95": BAND[1]}
MOST_NUMBERS = 400_000_000


def generate_from_specimens(
    inputs: Inputs,
    at: Sequence[float | Sequence[float]],
    out: Path,
    *,
    samples: int = 0,
    exceeds: Sequence[str] = (),
    seed: int = 0,
    sensors: Path | None = None,
    page: Path | None = None,
    ablate: Sequence[str] = (),
    save_model: Path | None = None,
    force: bool = False,
    report: Report = print,
) -> list[Path]:
    """Generate the law of a field at unseen states and write it: FIELD_p05, FIELD_p50, FIELD_p95 and what is asked for.

    Args:
        inputs: the specimens, several at a state.
        at: states to generate.
        out: the file to write; with several states its name must hold "{value}".
        samples: fields to draw and write, as FIELD_sample_1 and so on.
        exceeds: limits, each a number or QUANTITY:number; the probability to exceed it goes to FIELD_above_LIMIT or
            FIELD_QUANTITY_above_LIMIT, the quantity's 5, 50 and 95 % values beside.
        seed: of draws and networks.
        sensors: table of what was measured of one specimen, whose law is wanted then.
        page: HTML file to write about the laws.
        ablate: parts of the method to change one at a time; see `study.law_ablation`.
        save_model: .safetensors file to keep what makes the laws in.
        force: results may replace files that this program did not write.
        report: takes lines of progress, and a table of left-out distances.

    Returns:
        The files written, in the order of `at`.

    Raises:
        InputError: the files, values, field or output are not usable.
        ConvergenceError: a coupling was not solved to its optimum.
    """
    targets = inputs.targets(as_points(at))
    given = (*inputs.sources, *([] if sensors is None else [sensors]))
    paths = output_paths(out, targets, given, force=force)
    if page is not None:
        check_page(page, given, force=force)
    if sensors is not None and len(targets) > 1:
        raise InputError(f"--sensors: they belong to one specimen at one state, {len(targets)} are asked for")
    check_parts(ablate, PARTS, "laws of specimens")
    if save_model is not None:
        if inputs.holds or sensors is not None:
            raise InputError("--save-model: leave it out; what --holds or --sensors say is told by files that it lacks")
        check_model_path(save_model)
        check_replaceable(save_model, given, force=force)
    read = None if sensors is None else read_sensors(sensors, inputs.field)
    limits = _limits(exceeds, samples, seed)
    specimens = inputs.read_specimens()
    _check_wanted(specimens, samples, limits)
    describe_specimens(specimens, report)
    readings = None if read is None else field_readings(observe(specimens.numbered, read))
    asked = [value for (value,) in targets]
    made = generate_distribution(specimens, asked, bounds=inputs.bounds, holds=inputs.holds, seed=seed)
    for inside, judged in made.judged.items():
        for line in law_table(judged, inside):
            report(line)
    if readings is not None:
        made = made.given(readings)
        report(_measured(made, len(readings.values)))
    ablated = ablate_laws(made, ablate, report)
    for line in ablation_lines(ablated, MEASURE):
        report(line)
    told: dict[str, Any] = {"ablation": [asdict(row) for row in ablated]} if ablated else {}
    _write_laws(made, dict(zip(asked, paths, strict=True)), samples, limits, told, report)
    if save_model is not None:
        save_law_model(save_model, made)
        report(f"model: {printable(str(save_model))}")
    if page is not None:
        write_law_report(made, page, ablated)
        report(f"a page about them: {printable(str(page))}")
    return paths


def generate_from_law_model(
    model: Path,
    at: Sequence[str | float],
    out: Path,
    *,
    samples: int = 0,
    exceeds: Sequence[str] = (),
    force: bool = False,
    report: Report = print,
) -> list[Path]:
    """Generate laws of a field from a model file; the arguments are those of `generate_from_specimens`.

    Raises:
        InputError: the model is damaged or of another version, or a state lies outside what it answers.
        ConvergenceError: a coupling was not solved to its optimum.
    """
    kept = load_law_model(model)
    coordinate = kept.made.specimens.coordinate
    asked = [value if isinstance(value, str) else f"{value!r}" for value in at]
    targets = asked_points(asked, [coordinate.unit])
    if not targets or any(len(target) != 1 for target in targets):
        raise InputError(f"give --at a state of {coordinate.name}, one number each")
    values = [value for (value,) in targets]
    paths = output_paths(out, targets, (model,), force=force)
    limits = _limits(exceeds, samples, 0)
    _check_wanted(kept.made.specimens, samples, limits)
    made = kept.at(values)
    _write_laws(made, dict(zip(values, paths, strict=True)), samples, limits, {"model": model.name}, report)
    return paths


def _limits(exceeds: Sequence[str], samples: int, seed: int) -> list[tuple[str, float]]:
    """The limits; numbers that are none are refused."""
    limits = [_limit(text) for text in exceeds]
    if samples < 0 or seed < 0:
        raise InputError(f"--{'samples' if samples < 0 else 'seed'}: a number of 0 or more")
    return limits


def _check_wanted(specimens: Specimens, samples: int, limits: Sequence[tuple[str, float]]) -> None:
    """Refuse more samples than a file takes, and limits of what the field has not."""
    if samples * specimens.data.values[0].size > MOST_NUMBERS:
        raise InputError(f"--samples {samples}: too many of {specimens.numbered.labels.count} labels for one file")
    for quantity, limit in limits:
        quantity_of(f"--exceeds {quantity}:{limit:g}".replace(" :", " "), quantity, specimens.data.components)


def _write_laws(
    made: GeneratedDistribution,
    files: Mapping[float, Path],
    samples: int,
    limits: Sequence[tuple[str, float]],
    told: dict[str, Any],
    report: Report,
) -> None:
    """Write the law at each state, and say what is known of it."""
    specimens, label = made.specimens, made.specimens.coordinate.label
    for value, path in files.items():
        fields, anywhere = fields_of(made, value, samples, limits)
        facts = made.facts(value) | ({"exceeded_anywhere": anywhere} if anywhere else {}) | told
        for name, probability in anywhere.items():
            report(f"{label(value)}: {name} somewhere: probability {probability:.3g}")
        for held in made.law(value).held:
            report(
                f"{label(value)}: {held.text}: missed by {held.before:.3g} as carried (root mean square), by "
                f"{held.after:.3g} moved onto it"
            )
        _write(specimens, value, fields, path, facts)
        report(f"{label(value)}: {printable(str(path))} ({made.trust(value)})")


def field_readings(observations: Sequence[Observation]) -> FieldReadings:
    """Sensors of one specimen as what they read of any field."""

    def of(fields: Array) -> Array:
        return np.stack([fields[..., one.labels, one.component] @ one.weights for one in observations], axis=-1)

    values, tolerances = np.array([(one.sensor.value, one.sensor.tolerance) for one in observations]).T
    return FieldReadings(of, values, tolerances / DEVIATIONS)


def _measured(made: GeneratedDistribution, count: int) -> str:
    """What the sensors gave."""
    assert made.measured is not None
    without, given = made.measured
    said = "taken: the fields are those of the specimen that was measured"
    return (
        f"{count} sensors at these places change the error of specimens left out from {without:.4g} to {given:.4g}: "
        f"{said if made.taken else 'not taken, the fields are those of all specimens'}"
    )


def fields_of(
    made: GeneratedDistribution, value: float, samples: int, limits: Sequence[tuple[str, float]]
) -> tuple[dict[str, Array], dict[str, float]]:
    """What goes to a file, by name, and the probability that each limit is exceeded anywhere."""
    name = made.specimens.field
    fields = {f"{name}_{text}": made.at(value, level) for text, level in LEVELS.items()}
    anywhere = {}
    for quantity, limit in limits:
        of = f"{name}_{quantity}" if quantity else name
        if quantity:
            fields |= {f"{of}_{text}": made.at(value, level, quantity) for text, level in LEVELS.items()}
        above = f"{of}_above_{limit:g}".replace("+", "")
        fields[above], anywhere[above] = made.exceeds(value, limit, quantity)
    if samples:
        fields |= {f"{name}_sample_{row}": one for row, one in enumerate(made.samples(value, samples), start=1)}
    return fields, anywhere


def describe_specimens(specimens: Specimens, report: Report) -> None:
    """Lines that say what was read and mapped."""
    listed = ", ".join(f"{value:g} ({count})" for value, count in specimens.counts.items())
    count, labels = len(specimens.values), specimens.numbered.labels.count
    report(f"{count} specimens at {specimens.coordinate.label()} = {listed}; {labels} labels")
    for note in specimens.numbered.notes:
        report(note)
    for name, mapping in specimens.numbered.mapped.items():
        report(f"mapped to the first mesh: {name}: {mapping}")


def law_table(judged: JudgedLaws, inside: bool) -> list[str]:
    """Distances of every law and rival to the clouds left out, least first, and what they are to be held against."""
    width = max(map(len, judged.errors))
    weights = judged.superposition.weights if judged.chosen == CMGAI else {}
    notes = dict.fromkeys(RIVALS, " (rival)") | {name: f" weight {weight:.2f}" for name, weight in weights.items()}
    notes[judged.chosen] = " taken"
    rows = [
        f"  {name:<{width}}  {f'{error:.4g}' if np.isfinite(error) else '-':<9}{notes.get(name, '')}".rstrip()
        for name, error in sorted(judged.errors.items(), key=lambda row: row[1])
    ]
    left = ", ".join(f"{value:g}" for value in judged.left_out)
    where = "between" if inside else "beyond"
    return [
        f"left-out distances W2 {where} the known states (at {left}), root mean square over the body:",
        *rows,
        f"  the true law, with as many specimens, about {judged.floor:.4g}; specimens scatter by {judged.scatter:.4g}",
        f"  {100 * judged.coverage:.0f} % of the volume of the specimens left out lies in their 5 to 95 % band",
    ]


def _limit(text: str) -> tuple[str, float]:
    """Quantity and limit of "350e6" or "von_mises:350e6"."""
    quantity, _, number = text.rpartition(":")
    try:
        limit = float(number)
    except ValueError:
        limit = np.nan
    if not np.isfinite(limit):
        raise InputError(f"--exceeds {printable(text)}: write --exceeds 350e6, or von_mises:350e6 of a tensor")
    return quantity, limit


def _write(specimens: Specimens, value: float, fields: dict[str, Array], path: Path, facts: dict[str, Any]) -> None:
    """Write fields on the label mesh, with their provenance."""
    coordinate, files = specimens.coordinate, specimens.numbered.files
    grid = specimens.grid(fields)
    mark(grid, [coordinate], (value,), facts)
    told = {
        "coordinate": coordinate.name,
        "unit": coordinate.unit,
        "known": [
            {"file": file.name, "value": float(known)} for file, known in zip(files, specimens.values, strict=True)
        ],
        "data": digest(fields),
    }
    write_grid(path, grid, provenance(specimens.numbered, (value,), facts | told), value)
