"""Ablation: one part of the theory changed at a time, about what calibration chose, with everything else kept.

Three parts: the *order* of the least force, the *law* (damping and stiffness), and the *force* model itself. Each row
is generated from the known states alone and only then held against the held-out ones.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cmgai_fem.calibration.calibrate import (
    Calibration,
    Candidate,
    carry,
    extrapolation_trials,
    interpolation_trials,
    left_out_errors,
)
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.metrics import field_error
from cmgai_fem.solve import solve
from cmgai_fem.states.states import States
from cmgai_fem.study.field_file import Split
from cmgai_fem.study.generation import Generation, Report, Request, field_problem
from cmgai_fem.study.results import AblationRow
from cmgai_fem.transport.cardinal import CardinalSolver
from cmgai_fem.transport.forces import make_force
from cmgai_fem.transport.laws import Law, Membrane, NoLaw
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution, Superposition

PARTS = ("order", "law", "force")
DAMPINGS = (1.0, 4.0)
# Parts of half a period that the longest wave of the label mesh swings through between two states, one a membrane.
SWINGS = (0.05, 0.2, 0.5)
# Change of the motion at which the Krylov space of a law is large enough here: a law that matters changes far more.
TOLERANCE = 1e-4
FORCES = ("potential", "autonomous", "free")


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


def ablate(
    known: States, reference: States, request: Request, generation: Generation, parts: Sequence[str], report: Report
) -> list[AblationRow]:
    """The ablation rows of every field and split.

    Args:
        known: the known states.
        reference: the known and the held-out states, to measure with.
        request: what was asked.
        generation: what was calibrated and generated.
        parts: which of `PARTS` to change.
        report: takes lines of progress.
    """
    fem = CardinalSolver(partial(solve, tolerance=TOLERANCE))
    rows = []
    for (split, name), calibration in generation.calibrations.items():
        problem = field_problem(known, name, request, split)
        targets = request.values(split)
        rows.append(
            _measured(problem, reference, targets, generation.solutions["fem", split, name], split, calibration)
        )
        for variant in variants(problem, calibration, parts):
            start = time.perf_counter()
            report(f"ablation: {name}, {split}: {variant.part} {variant.choice}")
            left_out = None if variant.force else _left_out(problem, variant.candidate, known, targets, split, fem)
            try:
                solution = _solved(problem, variant, request, fem)
                row = _measured(problem, reference, targets, solution, split, calibration)
            except (ConvergenceError, InputError) as error:
                row = AblationRow(name, split, "", "", False, None, None, None, None, str(error))
            rows.append(
                replace(
                    row,
                    part=variant.part,
                    choice=variant.choice,
                    chosen=variant.chosen,
                    left_out=left_out,
                    seconds=time.perf_counter() - start,
                )
            )
    return rows


def variants(problem: Problem, calibration: Calibration, parts: Sequence[str]) -> Iterator[Variant]:
    """What is changed, one part at a time, about the heaviest member that calibration chose."""
    base = calibration.members[int(np.argmax(calibration.weights))]
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


def membranes(problem: Problem) -> list[tuple[Law, str]]:
    """Membrane laws from soft to stiff, by how far the longest wave of the body swings between two states."""
    length = float(np.linalg.norm(np.ptp(problem.states.labels.points, axis=0)))
    gap = float(np.diff(problem.nodes).max())
    return [(Membrane((part * length / gap) ** 2), f"membrane, swing {part:g}") for part in SWINGS]


def _own(law: Law) -> list[tuple[Law, str]]:
    return [(law, f"{law.name} {law.stiffness:.3g}")] if law.stiffness else []


def _left_out(
    problem: Problem,
    candidate: Candidate,
    known: States,
    targets: Sequence[float],
    split: Split,
    solver: CardinalSolver,
) -> float | None:
    """What calibration would have seen of a choice; None where it cannot be solved with a state less."""
    trials = interpolation_trials(known) if split == "interpolation" else extrapolation_trials(known, targets)
    kept = len(known) - max(len(rows) for rows in trials)
    if candidate.order is not None and candidate.order > kept - 2:
        return None
    error = left_out_errors(problem, [candidate], trials, solver)[candidate]
    return None if error is None else float(np.sqrt(np.sum(error**2) / len(error)))


def _solved(problem: Problem, variant: Variant, request: Request, fem: CardinalSolver) -> Solution:
    carried = variant.candidate.apply(carry(problem, [variant.candidate])[variant.candidate.mass_axes])
    if not variant.force:
        return fem(carried)
    return request.pinn(replace(carried, force=make_force(variant.force)))


def _measured(
    problem: Problem,
    reference: States,
    targets: Sequence[float],
    solution: Solution | Superposition,
    split: Split,
    calibration: Calibration,
) -> AblationRow:
    """The row of what calibration chose; `replace` makes it any other's."""
    field, weights = reference.field(problem.field), reference.labels.weights
    errors = [
        field_error(solution.at(float(value)), field.values[reference.index(value)], weights).nrmse for value in targets
    ]
    members = len(calibration.members)
    choice = str(calibration) if members < 3 else f"superposition of {members}"
    return AblationRow(
        problem.field, split, "calibrated", choice, True, calibration.error,
        float(np.mean(errors)), float(np.max(errors)), solution.seconds, "",
    )  # fmt: skip
