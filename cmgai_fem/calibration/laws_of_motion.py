"""Whether the known states obey a law of motion that all labels share, and which: a state force, or none.

Along a time every law of a short list is found in the known states and judged by known states that are left out, the
law found anew without them. It is taken alone, and only where it beats what was chosen label by label by a clear
margin: beyond the known states over one step and over two, since one left-out end alone may flatter any law. Where it
beats it by far the data obey the law, and that is said: diffusion, waves, decay, turns.

Source: ours; margins and list are measured on motions and fields of known truth, with a law and without.
"""

from collections.abc import Callable, Sequence

import numpy as np

from cmgai_fem.calibration.calibrate import Calibration
from cmgai_fem.calibration.candidates import Candidate
from cmgai_fem.calibration.law_calibration import LawCalibration, in_words
from cmgai_fem.calibration.motion_laws import Judged, MotionLaws
from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.problem import Problem

# Left-out error, in that of label by label, up to which a law is taken between and beyond the known states; from which
# on it is said to be found; from which on no law without an operator is sought; and from which on no exchange is.
TAKEN, FOUND, PLAIN, EXACT = (0.8, 0.5), 0.3, 0.1, 0.01
# Of laws whose left-out errors differ by less, the simplest.
TIE = 1.25
# Noise, in the left-out error of label by label, up to which a law is said to be found, and no exchange is sought.
QUIET, CALM = 0.5, 0.3
# Left-out error, relative to the known range, below which nothing is sought; and the fewest states.
SMOOTH, FEWEST = 1e-5, 4
# Left-out error on the coarse mesh, in that up to which a law is taken, from which on none is sought on the body's own.
COARSELY = 1.1
# What the coarse mesh gets wrong of the known states themselves, in the same, up to which it tells this.
HELD = 0.25


def find_law(
    problem: Problem,
    points: Array,
    calibration: Calibration,
    laws: MotionLaws,
    report: Callable[[str], None] = lambda line: None,
) -> Calibration:
    """The calibration, or a law of motion where the known states bear one out.

    Args:
        problem: the statement, reaching the targets.
        points: (T, 1) targets, all between the known states or all beyond them.
        calibration: what was chosen label by label.
        laws: of the known states.
        report: takes lines of progress.
    """
    states = problem.states
    if not states.coordinates.is_time or len(states) < FEWEST:
        return calibration
    if problem.transform is not None or np.any(problem.softness):
        return calibration
    inside = bool(inside_hull(states.values, points[0]))
    steps, ends = _groups(len(states), calibration.rows, inside)
    groups = [*steps, *ends]
    # Of one left-out end the weights of a superposition are fitted to its very error.
    by_label = calibration.error if inside else laws.label_by_label(steps)
    if by_label < SMOOTH:
        return calibration
    where = f"{problem.field}, {'between' if inside else 'beyond'} the known states"
    most = TAKEN[not inside]
    if laws.coarse is not None and laws.coarse_misfit < HELD * most * by_label:
        limit = COARSELY * most * by_label
        best = _nearest(laws.coarse, groups, limit, inside)
        if best is None or best.near >= limit:
            _report_none(report, where, best, by_label, " on a coarse mesh")
            return calibration
    best = _best(laws, groups, by_label, inside)
    if best is None:
        return calibration
    best = laws.mended(best, groups)
    if best.near >= most * by_label or best.far >= most * laws.label_by_label(ends):
        _report_none(report, where, best, by_label)
        return calibration
    candidate = Candidate(force=best.motion.force.unfitted)
    # A law whose noise is the change itself explains nothing.
    told = best.clear_of(FOUND * by_label) and best.motion.noise < QUIET * by_label
    finding = in_words(best.motion) if told else ""
    if finding:
        report(f"{where}: {finding}")
    table = ((candidate, best.near), *calibration.table)
    rows, left = calibration.rows, calibration.left_out
    return LawCalibration(
        (candidate,), (1.0,), best.near, table, rows, left, calibration.blend, best.motion, best.factor, finding
    )


def _best(laws: MotionLaws, groups: Sequence[tuple[int, ...]], by_label: float, inside: bool) -> Judged | None:
    """The simplest of the laws of about least left-out error; None where the states are states of none."""
    kinds = list(laws.kinds(not inside))
    found = laws.judged([force for force in kinds if force.acts == "operator" and not force.bends], groups)
    # The damping of waves may stand for an exchange, and badly: where diffusion itself does not hold, one is sought.
    exact = (one for one in found if one.clear_of(EXACT * by_label) and one.motion.noise < CALM * by_label)
    if not any(judged.motion.force.order == 1 for judged in exact):
        found += laws.exchanging(groups)
    for force in (force for force in kinds if force.acts != "operator" or force.bends):
        if not any(judged.clear_of(PLAIN * by_label) for judged in found):
            found += laws.judged([force], groups)
    # Among waves of any speed some halve the error at few states by chance: those of the right operator do far better.
    found = [judged for judged in found if not judged.motion.swing or judged.near < FOUND * by_label]
    least = min((judged.score for judged in found), default=np.inf)
    near = (judged for judged in found if judged.score <= TIE * least)
    return min(near, key=lambda judged: (judged.numbers, judged.score), default=None)


def _nearest(laws: MotionLaws, groups: Sequence[tuple[int, ...]], limit: float, inside: bool) -> Judged | None:
    """The first law of a left-out error over one step below a limit; the best where there is none."""
    found: list[Judged] = []
    for force in laws.kinds(not inside):
        found += laws.judged([force], groups)
        if any(judged.near < limit for judged in found):
            break
    else:
        found += laws.exchanging(groups)
    return min(found, key=lambda judged: judged.near, default=None)


def _report_none(
    report: Callable[[str], None], where: str, best: Judged | None, by_label: float, mesh: str = ""
) -> None:
    if best is not None:
        report(
            f"{where}: no law of motion (left-out error {100 * best.near:.3g} % by the best{mesh}, "
            f"{best.motion.force}; {100 * by_label:.3g} % label by label)"
        )


def _groups(count: int, rows: Sequence[int], inside: bool) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Rows that are left out by themselves, and, beyond the known states, two ends at once."""
    ends: list[tuple[int, ...]] = [(1, 0) if row == 0 else (count - 2, count - 1) for row in rows if not inside]
    return [(row,) for row in rows], ends
