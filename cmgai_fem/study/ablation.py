"""Ablation: one part of the theory changed at a time, about what calibration chose, with everything else kept.

Three parts: the *order* of the least force, the *law* (damping and stiffness), and the *force* model itself; with
several coordinates, which have no law, the force's kind of motion: axes, tension, softness, scattered or on a grid.
Each row is generated from the known states alone and only then held against the held-out ones.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cmgai_fem.calibration.calibrate import Candidate, Chosen, carry
from cmgai_fem.calibration.space import HIGHEST_ORDER, TENSIONS
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.metrics import field_error
from cmgai_fem.motions.choices import Grid, Line, Scattered, grid_axes
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.states.states import States
from cmgai_fem.study.field_file import FieldStudy, Point
from cmgai_fem.study.generation import Generation, Networks, Transports, place, values_at
from cmgai_fem.study.pipelines import Report
from cmgai_fem.transport.forces import make_force
from cmgai_fem.transport.laws import Law, Membrane, NoLaw
from cmgai_fem.transport.problem import TransportProblem

DAMPINGS = (1.0, 4.0)
# Parts of half a period that the longest wave of the label mesh swings through between two states, one a membrane.
SWINGS = (0.05, 0.2, 0.5)
# Change of the motion at which the Krylov space of a law is large enough here: a law that matters changes far more.
TOLERANCE = 1e-4
FORCES = ("potential", "autonomous", "free")


@dataclass(frozen=True)
class AblationRow:
    """One choice of one part of the theory, and what it reaches.

    Args:
        field: name of the field.
        split: "interpolation" or "extrapolation".
        part: "order", "law", "force", or "calibrated" for the whole of what calibration chose.
        choice: what the part is.
        chosen: whether calibration chose it.
        left_out: error at the known states that were left out, relative to the known range; None where there is none.
        mean: mean NRMSE over the held-out states; None where the transport could not be solved.
        worst: largest NRMSE over them.
        seconds: wall time.
        note: why it could not be solved.
    """

    field: str
    split: str
    part: str
    choice: str
    chosen: bool
    left_out: float | None = None
    mean: float | None = None
    worst: float | None = None
    seconds: float | None = None
    note: str = ""


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
    candidate: Any
    force: str = ""


def check_parts(study: FieldStudy, parts: Sequence[str]) -> None:
    """Refuse parts that a study's transport does not have."""
    if "law" in parts and len(study.axes) > 1:
        raise InputError(
            f"--ablate law: {study.name!r} has several state coordinates, and no law along them: ask for order or force"
        )


def ablate(
    known: States[Any],
    reference: States[Any],
    study: FieldStudy,
    networks: Networks,
    generation: Generation,
    parts: Sequence[str],
    report: Report,
) -> list[AblationRow]:
    """The ablation rows of every field and split.

    Args:
        known: the known states.
        reference: the known and the held-out states, to measure with.
        study: what was asked.
        networks: how they are trained.
        generation: what was calibrated and generated.
        parts: which of "order", "law" and "force" to change.
        report: takes lines of progress.
    """
    transports = Transports(study, networks, {"tolerance": TOLERANCE})
    rows = []
    for (split, name), calibration in generation.calibrations.items() if parts else ():
        problem, targets = transports.problem(known, name, split), study.asked(split)
        tried = dict(calibration.table)
        choice = str(calibration) if len(calibration.members) < 3 else f"superposition of {len(calibration.members)}"
        row = AblationRow(name, split, "calibrated", choice, True, calibration.error)
        rows.append(_measured(row, reference, targets, generation.solutions["fem", split, name]))
        for variant in variants(problem, calibration, parts):
            start = time.perf_counter()
            report(f"ablation: {name}, {split}: {variant.part} {variant.choice}")
            row = AblationRow(name, split, variant.part, variant.choice, variant.chosen)
            if not variant.force:
                left_out = tried.get(variant.candidate) or transports.left_out(problem, variant.candidate, split)
                row = replace(row, left_out=left_out if left_out is not None and np.isfinite(left_out) else None)
            try:
                row = _measured(row, reference, targets, _solved(problem, variant, transports))
            except (ConvergenceError, InputError) as error:
                row = replace(row, note=str(error))
            rows.append(replace(row, seconds=time.perf_counter() - start))
    return rows


def variants(problem: Any, calibration: Chosen[Any], parts: Sequence[str]) -> Iterator[Variant]:
    """What is changed, one part at a time, about the heaviest member that calibration chose."""
    base = calibration.members[int(np.argmax(calibration.weights))]
    own = _along_one(problem, base, parts) if isinstance(base, Candidate) else _of_several(problem, base, parts)
    yield from own


def _along_one(problem: TransportProblem, base: Candidate, parts: Sequence[str]) -> Iterator[Variant]:
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


def _of_several(problem: Any, base: Scattered | Grid, parts: Sequence[str]) -> Iterator[Variant]:
    """Orders of the chosen motion, and other kinds of motion of its order."""
    values, found = problem.states.values, grid_axes(problem.states.values)
    order = base.order if isinstance(base, Scattered) else max(line.order for line in base.lines)
    top = min(highest_order(values), HIGHEST_ORDER)
    if "order" in parts:
        for p in range(-1, top + 1):
            choice = of_order(base, p)
            yield Variant("order", str(choice), choice == base, choice)
    if "force" in parts:
        plain = base if isinstance(base, Scattered) else Scattered(min(order, top))
        linear, count = ("linear", 1.0), values.shape[1]
        kinds: list[Scattered | Grid] = [base, replace(plain, kinds=(linear,) * count, ratios=(1.0,) * count)]
        if plain.order >= 0:
            kinds += [replace(plain, tension=tension) for tension in TENSIONS]
            kinds += [replace(plain, softness=0.0)]
        if found is not None:
            kinds += [Grid(tuple(Line(min(order, len(axis) - 2)) for axis in found[0]))]
        for text, choice in {str(choice): choice for choice in reversed(kinds)}.items():
            yield Variant("force", text, text == str(base), choice)


def of_order(base: Scattered | Grid, order: int) -> Scattered | Grid:
    """A choice with another order, along each line of a grid; simplices know neither tension nor softness."""
    if isinstance(base, Grid):
        return Grid(tuple(replace(line, order=order) for line in base.lines))
    return replace(base, order=order) if order >= 0 else replace(base, order=order, tension=0.0, softness=0.0)


def membranes(problem: TransportProblem) -> list[tuple[Law, str]]:
    """Membrane laws from soft to stiff, by how far the longest wave of the body swings between two states."""
    length = float(np.linalg.norm(np.ptp(problem.states.labels.points, axis=0)))
    gap = float(np.diff(problem.nodes).max())
    return [(Membrane((part * length / gap) ** 2), f"membrane, swing {part:g}") for part in SWINGS]


def _own(law: Law) -> list[tuple[Law, str]]:
    return [(law, f"{law.name} {law.stiffness:.3g}")] if law.stiffness else []


def _solved(problem: Any, variant: Variant, transports: Transports) -> Any:
    if not variant.force:
        return transports.solve_choice(problem, variant.candidate)
    carried = variant.candidate.apply(carry(problem, [variant.candidate])[variant.candidate.mass_axes])
    return transports.pinn(replace(carried, force=make_force(variant.force)))


def _measured(row: AblationRow, reference: States[Any], targets: Sequence[Point], solution: Any) -> AblationRow:
    """A row with what its solution gets wrong of the held-out states."""
    weights = reference.labels.weights
    errors = [
        field_error(solution.at(place(point)), values_at(reference, point, row.field), weights).nrmse
        for point in targets
    ]
    return replace(row, mean=float(np.mean(errors)), worst=float(np.max(errors)), seconds=solution.seconds)
