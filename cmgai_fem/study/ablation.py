"""Ablation: one part of the theory changed at a time, about what calibration chose, with everything else kept.

Three parts: the *order* of the least force, the *law* (damping and stiffness), and the *force* model itself; with
several coordinates, which have no law, the force's kind of motion: axes, tension, softness, scattered or on a grid.
Each row is generated from the known states alone and only then held against the held-out ones.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgai_fem.calibration.calibrate import Calibration
from cmgai_fem.calibration.candidates import HIGHEST_ORDER, Candidate, Search, transformed
from cmgai_fem.calibration.left_out import LeftOut
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.generate import Networks
from cmgai_fem.generated import Generated
from cmgai_fem.metrics import field_error
from cmgai_fem.motions.line import Line
from cmgai_fem.motions.nested import Nested, grid_axes
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.progress import Report, steps
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States
from cmgai_fem.study.ablation_rows import AblationRow
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.generation import Generation
from cmgai_fem.transport.forces import Autonomous, ForceModel, Free, Potential, StateForce
from cmgai_fem.transport.laws import Law, Membrane, NoLaw
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Answer, Solution

DAMPINGS = (1.0, 4.0)
# Parts of half a period that the longest wave of the label mesh swings through between two states, one a membrane.
SWINGS = (0.05, 0.2, 0.5)
# Change of the motion at which the Krylov space of a law is large enough here: a law that matters changes far more.
TOLERANCE = 1e-4
FORCES: dict[str, ForceModel] = {force.name: force for force in (Potential(), Autonomous(), Free())}
PARTS = ("order", "law", "force")
TEXT = (
    "One part of the theory changed at a time about what calibration chose, all else kept. The left-out error is what "
    "calibration could see."
)


@dataclass(frozen=True)
class Variant:
    """One row to be: what it is called, and how its transport is solved.

    Args:
        part: which part is changed.
        choice: what it is changed to.
        chosen: whether that is what calibration chose.
        candidate: the choice, where calibration could have made it.
        force: name of a force model that calibration does not try; "" for the least force.
    """

    part: str
    choice: str
    chosen: bool
    candidate: Candidate
    force: str = ""


def check_parts(study: FieldStudy, parts: Sequence[str]) -> None:
    """Refuse parts that a study's transport does not have."""
    if "law" in parts and len(study.axes) > 1:
        raise InputError(
            f"--ablate law: {study.name!r} has several state coordinates, and no law along them: ask for order or force"
        )


def ablate(
    reference: States, networks: Networks, generation: Generation, parts: Sequence[str], report: Report
) -> list[AblationRow]:
    """The ablation rows of every field and split.

    Args:
        reference: the known and the held-out states, to measure with.
        networks: how they are trained.
        generation: what was calibrated and generated.
        parts: which of "order", "law" and "force" to change.
        report: takes lines of progress.
    """
    fem, pinn = Solver("fem", {"tolerance": TOLERANCE}), networks.solver("pinn")
    rows = []
    for name, split, generator in generation.sides() if parts else ():
        calibration, problem, points = generator.calibration, generator.problem, generator.points
        if calibration is None:
            continue
        row = _whole(name, split, calibration)
        rows.append(_measured(row, reference, points, generator.solutions["fem"]))
        for variant in steps(list(variants(problem, calibration, parts)), f"ablation of {name}"):
            start = time.perf_counter()
            report(f"ablation: {name}, {split}: {variant.part} {variant.choice}")
            left_out = None if variant.force else _left_out(problem, calibration, variant.candidate, fem)
            row = AblationRow(name, split, variant.part, variant.choice, variant.chosen, left_out)
            try:
                row = _measured(row, reference, points, _solved(problem, variant, fem, pinn))
            except (ConvergenceError, InputError) as error:
                row = replace(row, note=str(error))
            rows.append(replace(row, seconds=time.perf_counter() - start))
    return rows


def check_left_out_parts(parts: Sequence[str], coordinates: int) -> None:
    """Refuse parts that are none, or that known states alone cannot judge."""
    several = coordinates > 1
    for part in parts:
        if part not in PARTS:
            raise InputError(f"--ablate {part}: no part of the method of fields; there are: {', '.join(PARTS)}")
        if part == ("law" if several else "force"):
            along = "along one coordinate held-out states tell it, in a study: cmgai-fem verify STUDY"
            raise InputError(f"--ablate {part}: leave it out; {'there is no law over several' if several else along}")


def ablate_left_out(made: Generated, parts: Sequence[str], report: Report) -> list[AblationRow]:
    """The rows of an ablation by the known states alone, for each side where states were asked for.

    Args:
        made: what was calibrated and generated.
        parts: which to change, see `check_left_out_parts`.
        report: takes lines of progress.

    Raises:
        InputError: so few states that none can be left out.
    """
    rows, fem = [], Solver("fem", {"tolerance": TOLERANCE})
    for generator in made.generators if parts else ():
        calibration, side = generator.calibration, "between" if generator.inside else "beyond"
        if calibration is None:
            raise InputError(f"--ablate: leave it out; {len(made.states)} states leave none out to tell by")
        rows.append(_whole(made.field, side, calibration))
        for variant in steps(list(variants(generator.problem, calibration, parts)), f"ablation of {made.field}"):
            start = time.perf_counter()
            report(f"ablation: {made.field}, {side}: {variant.part} {variant.choice}")
            row = AblationRow(made.field, side, variant.part, variant.choice, variant.chosen)
            try:
                left_out = _left_out(generator.problem, calibration, variant.candidate, fem)
                row = replace(row, left_out=left_out, seconds=time.perf_counter() - start)
            except (ConvergenceError, InputError) as error:
                row = replace(row, note=str(error))
            rows.append(row)
    return rows


def _whole(name: str, split: str, calibration: Calibration) -> AblationRow:
    """The row of all that calibration chose."""
    choice = str(calibration) if len(calibration.members) < 3 else f"superposition of {len(calibration.members)}"
    return AblationRow(name, split, "calibrated", choice, True, calibration.error)


def variants(problem: Problem, calibration: Calibration, parts: Sequence[str]) -> Iterator[Variant]:
    """What is changed, one part at a time, about the heaviest member that calibration chose."""
    # Of labels that move, the motion with the labels where they are: what is changed acts label by label.
    base = replace(calibration.members[int(np.argmax(calibration.weights))], moving=np.inf)
    if base.force is None or isinstance(base.force, StateForce):
        # Beside a law of motion, the least force.
        yield from _along_one(problem, base if base.force is None else Candidate(), parts)
    else:
        yield from _of_several(problem, base.force, parts)


def _along_one(problem: Problem, base: Candidate, parts: Sequence[str]) -> Iterator[Variant]:
    top = len(problem.states) - 2
    order = top if base.order is None else min(base.order, top)
    base = replace(base, order=order)
    if "order" in parts:
        for p in range(-1, top + 1):
            yield Variant("order", f"least({p})", p == order, replace(base, order=p))
    if "law" in parts:
        for damping in dict.fromkeys((0.0, *DAMPINGS, base.damping)):
            name = f"none, damping {damping:g}" if damping else "none"
            lawless = replace(base, damping=damping, law=NoLaw())
            yield Variant("law", name, lawless == base, lawless)
        for law, name in dict.fromkeys((*membranes(problem), *_own(base.law))):
            # Mass mode has labels of its own, which no mesh joins: a law acts label by label.
            stiff = replace(base, law=law, mass_axes=())
            yield Variant("law", name, stiff == base, stiff)
    if "force" in parts:
        yield Variant("force", f"least({order})", True, base)
        for force in FORCES:
            yield Variant("force", force, False, replace(base, law=NoLaw(), mass_axes=()), force)


def _of_several(problem: Problem, base: Scattered | Nested, parts: Sequence[str]) -> Iterator[Variant]:
    """Orders of the chosen motion, and other kinds of motion of its order."""
    values = problem.states.values
    top = min(highest_order(values), HIGHEST_ORDER)
    tried = [("order", of_order(base, p)) for p in range(-1, top + 1) if "order" in parts]
    tried += [("force", force) for force in kinds_of_motion(base, top, values) if "force" in parts]
    for part, force in tried:
        yield Variant(part, str(force), str(force) == str(base), Candidate(force=force))


def of_order(base: Scattered | Nested, order: int) -> Scattered | Nested:
    """A force of another order, along each line of a grid; simplices know neither tension nor softness."""
    if isinstance(base, Nested):
        return Nested(tuple(replace(line, order=order) for line in base.lines))
    return replace(base, order=order) if order >= 0 else replace(base, order=order, tension=0.0, softness=0.0)


def kinds_of_motion(base: Scattered | Nested, top: int, values: Array) -> list[Scattered | Nested]:
    """The force itself, and of its order: plain axes, each tension, hard states, and lines where states fill a grid."""
    order = base.order if isinstance(base, Scattered) else max(line.order for line in base.lines)
    linear, count = ("linear", 1.0), values.shape[1]
    plain = Scattered(min(order, top), (linear,) * count, (1.0,) * count)
    own = base if isinstance(base, Scattered) else plain
    kinds: list[Scattered | Nested] = [base, replace(own, kinds=plain.kinds, ratios=plain.ratios)]
    if own.order >= 0:
        kinds += [replace(own, softness=0.0), *(replace(own, tension=tension) for tension in Search().tensions)]
    if (grid := grid_axes(values)) is not None:
        kinds += [Nested(tuple(Line(min(order, len(axis) - 2)) for axis in grid[0]))]
    return list({str(kind): kind for kind in reversed(kinds)}.values())[::-1]


def membranes(problem: Problem) -> list[tuple[Law, str]]:
    """Membrane laws from soft to stiff, by how far the longest wave of the body swings between two states."""
    length = float(np.linalg.norm(np.ptp(problem.states.labels.points, axis=0)))
    gap = float(np.diff(problem.nodes).max())
    return [(Membrane((part * length / gap) ** 2), f"membrane, swing {part:g}") for part in SWINGS]


def _own(law: Law) -> list[tuple[Law, str]]:
    return [(law, f"{law.name} {law.stiffness:.3g}")] if law.stiffness else []


def _left_out(problem: Problem, calibration: Calibration, candidate: Candidate, fem: Solver) -> float | None:
    """What calibration saw of a choice, or would have seen; None where a state less does not carry it."""
    found = dict(calibration.table).get(candidate)
    if found is None and candidate.force is None and (candidate.order or 0) > len(problem.states) - 3:
        return None
    if found is None:
        found = LeftOut(problem, np.array(calibration.rows), fem).sizes([candidate])[candidate]
    return found if np.isfinite(found) else None


def _solved(problem: Problem, variant: Variant, fem: Solver, pinn: Solver) -> Solution:
    carried = variant.candidate.apply(transformed(problem, [variant.candidate])[variant.candidate.mass_axes])
    return pinn(replace(carried, force=FORCES[variant.force])) if variant.force else fem(carried)


def _measured(row: AblationRow, reference: States, points: Array, solution: Solution | Answer) -> AblationRow:
    """A row with what its solution gets wrong of the held-out states."""
    truth, weights = reference.field(row.field).values, reference.labels.weights
    errors = [field_error(solution.at(point), truth[reference.index(point)], weights).nrmse for point in points]
    return replace(row, mean=float(np.mean(errors)), worst=float(np.max(errors)), seconds=solution.seconds)
