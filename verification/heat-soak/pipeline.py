"""Heat that soaks: the law is found in the known states, and goes on beyond them."""

from dataclasses import replace

import numpy as np
from pydantic import Field as Key

from cmgai_fem.calibration.law_calibration import LawCalibration
from cmgai_fem.generated import Generated
from cmgai_fem.metrics import field_error
from cmgai_fem.progress import steps
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Figure, Findings, joined
from cmgai_fem.study.motion_case import SIDES, MotionCase
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.transport.solution import Solution
from cmgai_fem.transport.state_motion import StateMotion

from .bodies import BODIES, box, on

TAKES = frozenset({"quick", "seed"})


class Study(StudyFile):
    """The sizes, and what is asked.

    Args:
        cell: side of a triangle or tetrahedron of the labels' mesh [m], by dimension "2" and "3".
        finer: how much finer the mesh is that is solved on.
        steps: of time.
        known: known times [s].
        unseen: times asked for [s].
        noises: standard deviation of the noise in the known states, over their range.
        cases: the bodies.
        seed: of the noise.
        checked: the bodies whose law and motion are found by networks, too.
        bounds: by noise ("clean", "noisy"), mean NRMSE over that of the best rival per node, between and beyond; the
            same over that of the best that fits a linear law (DMD, operator inference); the relative error of the
            diffusivity; and the mean distance of networks and finite elements.
    """

    cell: dict[str, float]
    finer: float = Key(gt=1.0)
    steps: int = Key(gt=0)
    known: list[float] = Key(min_length=5)
    unseen: list[float] = Key(min_length=2)
    noises: list[float] = Key(min_length=1)
    cases: list[str] = Key(min_length=1)
    seed: int = 0
    checked: list[str] = Key(default_factory=list)
    bounds: dict[str, dict[str, float]]


def run(study: Study, tools: Tools) -> Findings:
    """Every body without noise and with."""
    parts = []
    for name in steps(study.cases, "bodies"):
        body = BODIES[name]
        cell = study.cell[str(body.dimension)]
        labels = box(body.dimension, cell)
        times = np.array(sorted({*study.known, *study.unseen}))
        truth = dict(zip(times, on(labels, *body.solve(cell / study.finer, times, study.steps)), strict=True))
        parts += [compare(study, name, labels, truth, noise, tools) for noise in study.noises]
    return joined(parts, tools.say)


def compare(study: Study, name: str, labels: Labels, truth: dict[float, Array], noise: float, tools: Tools) -> Findings:
    """One body: ours and the rivals', between the known times and beyond."""
    known = np.stack([truth[time] for time in study.known])
    generator = np.random.default_rng(study.seed)
    known = known + noise * float(np.ptp(known)) * generator.standard_normal(known.shape)
    fields = {"temperature": Field(known[:, :, None], "K", ("",))}
    states = States.of(labels, Coordinate("time", "s"), np.array(study.known), fields)
    case = f"{name.replace('_', ' ')}, {'no noise' if noise == 0.0 else f'{100 * noise:g} % noise'}"
    made = MotionCase.of(case, states, study.unseen, truth, tools.say)
    bounds = study.bounds["clean" if noise == 0.0 else "noisy"]
    checks = networks(made.made) if name in study.checked else {}
    figures: list[Figure] = []
    for side in SIDES:
        figures += made.compared(side, bounds[side], bounds[f"{side}_linear"])
        if side in checks:
            other = checks[side]
            trained = {row: other.at(study.unseen[row]) for row in made.rows(side)}
            apart = float(np.mean([
                field_error(found, made.made.at(study.unseen[row]), labels.weights).nrmse
                for row, found in trained.items()
            ]))  # fmt: skip
            figures.append(Figure.shown(case, f"mean NRMSE {side}", "pinn", made.mean(side, trained)))
            figures.append(
                Figure.at_most(case, f"networks from finite elements, {side}", "pinn", apart, bounds["networks"])
            )
            assert isinstance(other.path, StateMotion)
            off = of_diffusivity(other.path, name)
            figures.append(Figure.at_most(case, f"error of D, {side}", "pinn", off, bounds["D"]))
        error = of_diffusivity(made.motion(side), name)
        figures.append(Figure.at_most(case, f"error of D, {side}", "fem", error, bounds["D"]))
    return made.findings(figures, tools.folder)


def networks(made: Generated) -> dict[str, Solution]:
    """The motion between and beyond by networks that find the law of the same kind themselves."""
    found = {}
    for generator in made.generators:
        if isinstance(generator.calibration, LawCalibration):
            law = generator.calibration.motion.force
            side = "between" if generator.inside else "beyond"
            found[side] = solve(replace(generator.problem, force=replace(law, law=None)), "pinn")
    return found


def of_diffusivity(motion: StateMotion | None, name: str) -> float:
    """Relative error of the diffusivity that a motion tells; infinite where it tells none."""
    found = None if motion is None else motion.diffusivity
    return float("inf") if found is None else abs(found / BODIES[name].diffusivity - 1.0)
