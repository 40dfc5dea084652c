"""`cmgai-fem generate`: a field at unseen states of a user's own files, its error estimate and the rivals beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cmgai_fem.calibration.trials import sides
from cmgai_fem.commands.answers import (
    as_points,
    fields_of,
    motion_of,
    output_paths,
    write_answer,
    write_pieces,
    write_shared,
)
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.commands.options import asked_points
from cmgai_fem.commands.provenance import fingerprint, finished
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FileStates
from cmgai_fem.files.model import check_model_path, load_model
from cmgai_fem.files.model import save_model as write_model
from cmgai_fem.files.model_pieces import kept_path
from cmgai_fem.files.outputs import check_replaceable
from cmgai_fem.files.pieces import PiecedStates, Pieces
from cmgai_fem.files.shared import SharedStates, share
from cmgai_fem.files.trust import printable
from cmgai_fem.generate import Networks, silent
from cmgai_fem.generate import generate as generate_fields
from cmgai_fem.generated import Generated, Generator
from cmgai_fem.machine import agreed, world
from cmgai_fem.progress import Report
from cmgai_fem.rivals import SLOW, rivals_for
from cmgai_fem.states.labels import Array
from cmgai_fem.study.ablation import ablate_left_out, check_left_out_parts
from cmgai_fem.study.ablation_rows import ablation_lines
from cmgai_fem.study.advice import advise_on
from cmgai_fem.study.field_file import Point, state_text
from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import percent
from cmgai_fem.study.report import left_out_errors, write_report
from cmgai_fem.study.standalone import check_page

if TYPE_CHECKING:
    from mpi4py import MPI


def generate(
    inputs: Inputs,
    at: Sequence[float | Sequence[float]],
    out: Path,
    *,
    method: str = "fem",
    networks: Networks | None = None,
    rivals: bool = False,
    page: Path | None = None,
    ablate: Sequence[str] = (),
    save_model: Path | None = None,
    resume: bool = False,
    force: bool = False,
    report: Report = print,
) -> list[Path]:
    """Generate a field at unseen states and write it beside its error estimate.

    Args:
        inputs: what is known, and what may be chosen.
        at: states to generate, each a value or one a coordinate.
        out: the file to write; with several states its name must hold "{value}".
        method: "fem", "pinn" or "independent".
        networks: how networks are trained.
        rivals: try the slow rivals, too, and write what all make of the same states, as arrays FIELD_by_RIVAL.
        page: .html file for a page about what was generated.
        ablate: parts of the method to change one at a time; see `study.ablation`.
        save_model: .safetensors file to keep the solved generator in.
        resume: keep files that an earlier, interrupted run of the same request finished.
        force: results may replace files that this program did not write.
        report: takes lines of progress, and a table of left-out errors.

    Returns:
        The files written, in the order of `at`.

    Raises:
        InputError: the files, values, field or output are not usable.
        ConvergenceError: a solver did not reach its tolerance.
    """
    targets, comm, networks = inputs.targets(as_points(at)), world(), networks or Networks()
    report = report if comm is None or comm.rank == 0 else silent
    pieces = agreed(comm, lambda: Pieces.of(inputs.paths, comm))
    options = {
        "--rivals": rivals, "--page": page, "--save-model": save_model, "--resume": resume, "--cheap": inputs.cheap,
        "--ablate": ablate,
    }  # fmt: skip
    whole = [option for option, given in options.items() if given]
    if pieces is not None and (refused := [option for option in whole if option != "--save-model"]):
        raise InputError(f"{refused[0]} takes all of a body at once, and this one is read in pieces: leave it out")
    if pieces is None and (whole or inputs.search.laws or inputs.search.mass_axes):
        # What takes all of a body at once is the first rank's work.
        if comm is not None and comm.rank > 0:
            return []
        comm = None
    check_left_out_parts(ablate, len(inputs.coordinates))
    if ablate and inputs.cheap:
        raise InputError("--ablate: leave it out; it tells what parts are worth without a cheap model")
    sources = [*inputs.sources, *(pieces.files if pieces is not None else [])]
    count = None if pieces is None else len(pieces.labels)
    paths = output_paths(out, targets, sources, force=force, pieces=count)
    if save_model is not None:
        if inputs.cheap:
            raise InputError("--save-model: leave it out; a cheap model tells single states, those where it was solved")
        check_model_path(save_model)
        for path in (*(kept_path(save_model, number) for number in range(count or 0)), save_model):
            check_replaceable(path, sources, force=force)
    if page is not None:
        check_page(page, inputs.sources, force=force)
    # The other ranks look at none of the files that the first one reads for them.
    reads = pieces is not None or comm is None or comm.rank == 0
    request = agreed(comm, lambda: fingerprint(inputs, method, networks.seed, rivals, *ablate) if reads else "")
    files = dict(zip(targets, paths, strict=True))
    for value, path in zip(targets, paths, strict=True):
        if resume and finished(path, request, value):
            report(f"{printable(path.name)}: finished before, kept")
            del files[value]
    if not files:
        return paths
    body = _read(inputs, pieces, comm, report)
    if body is None:
        return []
    states = body.states if isinstance(body, SharedStates) else body
    describe_states(states, report)
    if save_model is not None and len(sides(states, list(files))) > 1:
        raise InputError("--save-model keeps one generator: ask for states between the known ones, or beyond them")
    made = generate_fields(
        states,
        list(files),
        field=inputs.field,
        methods=(method,),
        bounds=inputs.bounds,
        search=inputs.search,
        networks=networks,
        rivals=[name for name in rivals_for(states.values) if rivals or name not in SLOW],
        cheap=inputs.read_cheap(),
        report=report,
    )
    advice = advise_on(made)
    ablated = ablate_left_out(made, ablate, report)
    _describe(made, [*advice.values()], ablation_lines(ablated), rivals, report)
    if save_model is not None:
        write_model(save_model, made.generators[0])
        report(f"model: {printable(str(save_model))}")
    if page is not None:
        write_report(made, page, ablated)
        report(f"page: {printable(str(page))}")
    for row, (value, path) in enumerate(files.items()):
        inside = made.generator(value).inside
        told: dict[str, Any] = {"advice": advice[inside]} if inside in advice else {}
        told |= {"ablation": [asdict(row) for row in ablated]} if ablated else {}
        others = {name: found[row] for name, found in made.rivalry.fields.items()} if rivals else {}
        _write(body, made, value, path, made.facts(value) | told | {"request": request}, others)
        report(f"{states.coordinates.label(value)}: {printable(str(path))}")
    return paths


def _read(
    inputs: Inputs, pieces: Pieces | None, comm: "MPI.Comm | None", report: Report
) -> FileStates | SharedStates | None:
    """What this rank works on; None where that is nothing."""
    if pieces is not None:
        return inputs.read_pieces(pieces, report)
    if comm is None:
        return inputs.read()
    found = share(inputs.read, inputs.find_slabs, inputs.field, comm)
    return replace(found, states=inputs.bounded(found.states)) if isinstance(found, SharedStates) else found


def _describe(made: Generated, advice: Sequence[str], ablated: Sequence[str], rivals: bool, report: Report) -> None:
    """Lines that say what to use, what was chosen, what is got wrong, and what to make of it."""
    for line in advice:
        report(line)
    for generator in made.generators:
        describe_choice(generator, report)
        for line in error_table(made, generator):
            report(line)
    if not rivals and made.generators[0].calibration is not None:
        report(f"  ({', '.join(map(method_name, SLOW))}: with --rivals)")
    for line in (*(f"warning: {warning}" for warning in made.warnings()), *trust_table(made), *ablated):
        report(line)


def _write(
    body: FileStates | SharedStates,
    made: Generated,
    value: Point,
    path: Path,
    facts: dict[str, Any],
    others: Mapping[str, Array],
) -> None:
    """Write the field of one state, and what rivals make of it, as the ranks have the body."""
    generator = made.generator(value)
    if isinstance(body, PiecedStates):
        write_pieces(body, made.field, partial(generator.answer, value), value, path, facts)
    elif isinstance(body, SharedStates):
        write_shared(body, made, value, path, facts)
    else:
        fields = fields_of(made.field, *generator.answer(value)) | motion_of(generator.motion(value))
        fields |= {f"{made.field}_by_{name}": found for name, found in others.items()}
        write_answer(body.grid(**fields), body, value, fields, path, facts)


def generate_from_model(
    model: Path, at: Sequence[str | float | Sequence[float]], out: Path, *, force: bool = False, report: Report = print
) -> list[Path]:
    """Generate a field from a model file, without any solve.

    Args:
        model: .safetensors file that `generate` saved.
        at: states to generate, each a value or one a coordinate, or as text, with a unit of its own or not.
        out: the file to write; with several values its name must hold "{value}".
        force: results may replace files that this program did not write.
        report: takes lines of progress.

    Returns:
        The files written, in the order of `at`.

    Raises:
        InputError: the model is damaged or of another version, or a value lies outside what it answers.
    """
    comm = world()
    report = report if comm is None or comm.rank == 0 else silent
    loaded = load_model(model, comm)
    states, name = loaded.states, loaded.problem.field
    count = states.count if isinstance(states, PiecedStates) else None
    if count is None and comm is not None and comm.rank > 0:
        return []
    units = [one.unit for one in loaded.states.coordinates]
    each = [asked_points([value], units) if isinstance(value, str) else as_points([value]) for value in at]
    targets = [target for (target,) in each]
    paths = output_paths(out, targets, (model,), force=force, pieces=count)
    for value, path in zip(targets, paths, strict=True):
        trust = loaded.trust(value)
        facts = dict(loaded.facts) | {"trust": trust.word, "trust_reason": trust.reason, "model": model.name}
        if isinstance(states, PiecedStates):
            write_pieces(states, name, partial(loaded.answer, value), value, path, facts)
        else:
            fields = fields_of(name, *loaded.answer(value))
            write_answer(states.grid(**fields), states, value, fields, path, facts)
        report(f"{loaded.states.coordinates.label(value)}: {printable(str(path))} ({trust})")
    return paths


def describe_states(states: FileStates, report: Report) -> None:
    """Lines that say what was read and mapped."""
    listed = ", ".join(state_text(value) for value in states.values)
    report(f"{len(states)} states at {states.coordinates.label()} = {listed}; {states.labels.portion.total} labels")
    for note in states.notes:
        report(note)
    for name, mapping in states.mapped.items():
        report(f"mapped to the label mesh of {states.template.name if states.template else ''}: {name}: {mapping}")


def describe_choice(generator: Generator, report: Report) -> None:
    """A line that says where nothing could be chosen."""
    if generator.calibration is None:
        count = len(generator.problem.states)
        report(f"{count} states: a straight {'line' if count == 2 else 'plane'} through them, no error estimate")


def trust_table(made: Generated) -> list[str]:
    """The estimated error of every generated state, one standard deviation, and how far it is to be trusted."""
    coordinates = made.states.coordinates
    names = [coordinates.label(point) for point in made.points]
    width = max(map(len, names))
    lines = []
    for name, point in zip(names, made.points, strict=True):
        size = made.generator(point).size(point)
        error = "" if size is None else f"{percent(size)} %"
        lines.append(f"  {name:<{width}}  {error:>8}  {made.trust(point)}")
    return ["estimated errors (1 standard deviation), % of the known range:", *lines]


def error_table(made: Generated, generator: Generator) -> list[str]:
    """What we and the rivals get wrong of known states that are left out, least first, for one side of them."""
    if generator.calibration is None:
        return []
    rows = left_out_errors(made, generator)
    where = "between" if generator.inside else "beyond"
    width = max(len(name) for name, _ in rows)
    return [f"left-out errors {where} the known states, % of the known range:"] + [
        f"  {name:<{width}}  {percent(error) if np.isfinite(error) else '-'}" for name, error in rows
    ]
