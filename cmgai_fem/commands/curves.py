"""`cmgai-fem generate`: curves at unseen states from a user's own table of tests, or from a model that was kept."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from cmgai_fem.commands.curve_files import SI, finished, request_of, write_curves, write_provenance
from cmgai_fem.commands.options import check_parts
from cmgai_fem.curves.cheap import CheapCurves
from cmgai_fem.curves.generate import CurveModel, JudgedCurve, curves_of, fit_models, lay_out
from cmgai_fem.curves.mean import MeanCurves, mean_curves
from cmgai_fem.curves.motion import EXACT, State
from cmgai_fem.curves.table import CurveTests
from cmgai_fem.errors import InputError
from cmgai_fem.files.curve_model import load_curve_model, save_curve_model
from cmgai_fem.files.curve_readings import read_curve_readings
from cmgai_fem.files.curve_table import read_curves
from cmgai_fem.files.model import check_model_path
from cmgai_fem.files.outputs import check_replaceable
from cmgai_fem.files.trust import printable
from cmgai_fem.files.units import Unit, unit_of, value_in
from cmgai_fem.solve import Solver
from cmgai_fem.study.ablation_rows import AblationRow, ablation_lines, ablation_section
from cmgai_fem.study.curve_ablation import PARTS, TEXT, ablate_curves
from cmgai_fem.study.curve_report import write_curve_report
from cmgai_fem.study.standalone import check_page

Report = Callable[[str], None]
NOT_FINITE = re.compile(r"[-+]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
CHECKPOINT = re.compile(r"[0-9a-f]{16}\.safetensors")


def generate_from_table(
    table: Path,
    coordinates: Sequence[str],
    at: Sequence[str | Sequence[float]],
    out: Path,
    report: Report,
    hardening: bool | None = None,
    solver: Solver = EXACT,
    *,
    sensors: Path | None = None,
    cheap: Sequence[Path] = (),
    page: Path | None = None,
    ablate: Sequence[str] = (),
    save_model: Path | None = None,
    resume: bool = False,
    force: bool = False,
) -> Path:
    """Generate curves along one coordinate or over two and write them, and beside them where they come from.

    Everything that is reported, above all what was resampled, merged or left out, also stands in
    `<out>.provenance.json`. Trainings of networks are kept in `<out>.training` until the curves are written, and go on
    from there after a kill.

    Args:
        table: CSV file of the tests.
        coordinates: "temperature", "strain_rate" or both, in any order; none for those that the tests differ in.
        at: states to generate, a value for each of `coordinates`, in the table's units or, as text, with units of
            their own: "325", "598 K", "325:1000".
        out: CSV file to write, complete or not at all, in the table's units.
        report: takes lines of progress.
        hardening: whether generated curves must harden; as the known curves do if None.
        solver: by which method the motions are solved.
        sensors: CSV file of points that were measured of the curve, where one is asked for.
        cheap: CSV files of cheap models (a law, an earlier batch) at the known states and at those asked for.
        page: HTML file to write about the curves.
        ablate: parts of the method to change one at a time; see `study.curve_ablation`.
        save_model: .safetensors file to keep what generates the curves in.
        resume: keep curves that an earlier, interrupted run of the same request finished.
        force: the result may replace files that this program did not write.

    Returns:
        The file written.

    Raises:
        InputError: the table or a value cannot be used.
    """
    given = (table, *([] if sensors is None else [sensors]), *cheap)
    _check_outputs(given, out, page, save_model, solver, force=force)
    check_parts(ablate, PARTS, "curves")
    if ablate and cheap:
        raise InputError("--ablate: leave it out; it tells what parts are worth without a cheap model")
    request = request_of(given, coordinates, at, hardening, solver.method, sorted(solver.options.items()), ablate)
    if resume and finished(out, request) and all(one is None or one.is_file() for one in (page, save_model)):
        report(f"{printable(out.name)}: finished before, kept")
        return out
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        report(line)

    known = _read(table, coordinates, say)
    targets = states_asked(known, coordinates or varied(known), at)
    if sensors is not None and len(targets) > 1:
        raise InputError(f"--sensors: the points belong to one state, {len(targets)} are asked for: give one --at")
    readings = None if sensors is None else read_curve_readings(sensors, known.plastic)
    trainings = out.with_name(f"{out.stem}.training")
    if solver.method == "pinn":
        solver = replace(solver, options=solver.options | {"checkpoint": trainings})
        if trainings.is_dir():
            report(f"{printable(trainings.name)}: the trainings of an interrupted run go on where they were")
    with _naming(table):
        mean = mean_curves(known)
        for note in mean.notes:
            say(f"{table.name}: {note}")
        layout = lay_out(mean, say)
    if save_model is not None and len(layout.alike(targets)) > 1:
        raise InputError("--save-model keeps one generator: ask for states between the known ones, or on one side")
    cheap_curves = [_read_cheap(one, known, layout.curves, targets, say) for one in cheap]
    made, models, rows = dict[State, JudgedCurve](), list[CurveModel](), list[AblationRow]()
    with _naming(table):
        for model in fit_models(layout, targets, say, hardening, solver, cheap_curves):
            models.append(model)
            made |= curves_of(model, say, solver, readings)
            name = ("stress", "; ".join(mean.coordinates.label(state) for state in model.targets))
            ablated = ablate_curves(layout, model.targets, model.generator.hardening, ablate, name, report)
            rows += [one.row for one in ablated]
    generated = {state: made[state] for state in targets}
    for line in (*(one.remark for one in generated.values() if one.remark), *ablation_lines(rows)):
        say(line)
    write_curves(out, known, generated)
    facts = {"table": table.name, "method": solver.method, "seed": solver.options.get("seed", 0), "said": list(lines)}
    facts |= {"request": request} | ({"ablation": [asdict(row) for row in rows]} if rows else {})
    facts |= {"cheap": [one.describe() for model in models for one in model.guidance]} if cheap else {}
    write_provenance(out, known, generated, facts)
    if save_model is not None:
        save_curve_model(save_model, models[0], known, table.name)
        report(f"model: {printable(str(save_model))}")
    if page is not None:
        stress = unit_of(known.units.get("stress", SI["stress"]))
        write_curve_report(page, table, mean, generated, stress, lines, ablation_section(rows, TEXT))
    _forget(trainings)
    report(f"{len(generated)} curve{'s' * (len(generated) > 1)} in {out}{f', a page in {page}' if page else ''}")
    return out


def generate_from_curve_model(
    model: Path, at: Sequence[str | Sequence[float]], out: Path, *, force: bool = False, report: Report = print
) -> Path:
    """Generate curves from a model file, without any calibration.

    Args:
        model: .safetensors file that `generate_from_table` saved.
        at: states to generate; see there.
        out: CSV file to write.
        force: the result may replace files that this program did not write.
        report: takes lines of progress.

    Raises:
        InputError: the model is damaged or of another version, or a state lies outside what it answers.
    """
    check_replaceable(out, (model,), force=force)
    kept = load_curve_model(model)
    names = [coordinate.name for coordinate in kept.known.coordinates]
    states = states_asked(kept.known, names, at)
    for state in states:
        kept.check(state)
    generated = {state: kept.model.judged(state, kept.model.at(state)) for state in states}
    lines = [*kept.model.generator.lines(), *(made.remark for made in generated.values() if made.remark)]
    for line in lines:
        report(line)
    write_curves(out, kept.known, generated)
    facts = {"table": kept.table, "method": "fem", "seed": 0, "said": lines, "model": model.name}
    write_provenance(out, kept.known, generated, facts)
    report(f"{len(generated)} curve{'s' * (len(generated) > 1)} in {out}")
    return out


def _check_outputs(
    given: Sequence[Path], out: Path, page: Path | None, save_model: Path | None, solver: Solver, *, force: bool
) -> None:
    """Refuse files that cannot be written, or not kept, before any work is done for them."""
    check_replaceable(out, given, force=force)
    if page is not None:
        check_page(page, given, force=force)
    if save_model is None:
        return
    if solver.method != "fem":
        raise InputError("--save-model: leave it out; curves by networks are not kept, those of finite elements are")
    if len(given) > 1:
        raise InputError("--save-model: leave it out; what sensors or a cheap model say holds for single curves")
    check_model_path(save_model)
    check_replaceable(save_model, given, force=force)


def _read(table: Path, coordinates: Sequence[str], say: Report) -> CurveTests:
    """The tests along the coordinates that are asked for."""
    tests = read_curves(table)
    for note in tests.notes:
        say(f"{table.name}: {note}")
    with _naming(table):
        return select(tests, coordinates or varied(tests))


def _read_cheap(
    path: Path, known: CurveTests, curves: MeanCurves, targets: Sequence[State], say: Report
) -> CheapCurves:
    """A cheap model on the strains of the tests."""
    name = printable(str(path))
    tests = _read(path, [coordinate.name for coordinate in known.coordinates], say)
    with _naming(path):
        cheap = mean_curves(tests)
    return CheapCurves.of(name, cheap, curves, targets)


def _forget(trainings: Path) -> None:
    """Remove the checkpoints of trainings that are done, and nothing else."""
    if not trainings.is_dir():
        return
    for file in trainings.iterdir():
        if CHECKPOINT.fullmatch(file.name):
            file.unlink()
    if not any(trainings.iterdir()):
        trainings.rmdir()


@contextmanager
def _naming(table: Path) -> Iterator[None]:
    """Put the table's name in front of what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{table}: {error}") from error


def varied(curves: CurveTests) -> list[str]:
    """Names of the coordinates that differ between the tests; all of them where none does."""
    differs = np.ptp(curves.values(), axis=0) > 0
    return [c.name for c, d in zip(curves.coordinates, differs, strict=True) if d or not differs.any()]


def select(curves: CurveTests, coordinates: Sequence[str]) -> CurveTests:
    """The table with the coordinates asked for.

    Raises:
        InputError: one that the table lacks, one given twice, or one alone where the other changes too.
    """
    for name in coordinates:
        curves.axis(name)
    if len(set(coordinates)) < len(coordinates):
        raise InputError(f"--coordinate {coordinates[0]} was given twice")
    if len(coordinates) == len(curves.coordinates) > 1:
        return curves
    for other, coordinate in enumerate(curves.coordinates):
        values = np.unique(curves.values()[:, other])
        if coordinate.name not in coordinates and len(values) > 1:
            shown = ", ".join(f"{value:g}" for value in values[:5]) + (", ..." if len(values) > 5 else "")
            raise InputError(
                f"column {coordinate.name} takes {len(values)} values ({shown}): write "
                f"--coordinate {coordinates[0]} --coordinate {coordinate.name} and a value of both, "
                f"--at A:B, or keep the tests of one of them"
            )
    return curves.along(coordinates[0])


def states_asked(known: CurveTests, coordinates: Sequence[str], at: Sequence[str | Sequence[float]]) -> list[State]:
    """States asked for [K and 1/s], in the table's order of the coordinates.

    Raises:
        InputError: none, a number that is missing, not finite or not positive, or a state asked for twice.
    """
    count = len(coordinates)
    if not at:
        raise InputError(f"give at least one state to generate, e.g. --at {'620' if count == 1 else '620:1000'}")
    order = [list(coordinates).index(coordinate.name) for coordinate in known.coordinates]
    states = []
    units = [unit_of(known.units.get(name, SI[name])) for name in coordinates]
    for point in at:
        text = point if isinstance(point, str) else ":".join(f"{value:g}" for value in point)
        parts = point.split(":") if isinstance(point, str) else [repr(float(value)) for value in point]
        if len(parts) != count:
            raise InputError(f"--at {text}: give {count} value{'s' * (count > 1)}, for {', '.join(coordinates)}")
        given = [_value(text, part, unit) for part, unit in zip(parts, units, strict=True)]
        state = tuple(given[place] for place in order)
        for coordinate, value in zip(known.coordinates, state, strict=True):
            if not np.isfinite(value):
                raise InputError(f"--at {text}: not a finite number")
            if value <= 0.0:
                raise InputError(f"--at {text}: {coordinate.label(value)} is not positive; give it in the table's unit")
        if state in states:
            raise InputError(f"--at {text} was given twice")
        states.append(state)
    return states


def _value(text: str, part: str, unit: Unit) -> float:
    """One number of `--at` in SI."""
    try:
        return unit.to_si(float(part) if NOT_FINITE.fullmatch(part.strip()) else value_in(part, unit))
    except InputError as error:
        raise InputError(f"--at {text}: {error}; write --at 325, 325:3 or '598 K'") from None
