"""Sheets that swing after a blow: a membrane and a plate, whose waves are found with their speed."""

import gmsh
import numpy as np
from pydantic import Field as Key

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.generate import generate
from cmgai_fem.progress import steps
from cmgai_fem.states.labels import Array, Labels, labels_on_mesh
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Figure, Findings, joined
from cmgai_fem.study.motion_case import SIDES, MotionCase
from cmgai_fem.study.pipelines import Tools

TAKES = frozenset({"quick", "seed"})
# Waves along each side, the rate at which they die, and how sharp the blow is.
WAVES, DAMPING, WIDTH = 6, 0.2, 0.03


class Study(StudyFile):
    """The sizes, and what is asked.

    Args:
        cell: side of a triangle, of a square with sides of 1 m.
        known: known times [s].
        unseen: times asked for [s].
        swings: halves of a period through which the slowest wave swings between two known times, by case.
        noises: standard deviation of the noise in the known states, over their range.
        seed: of the noise.
        bounds: mean NRMSE over that of the best rival per node and of the best linear law (DMD, operator inference),
            between and beyond, without noise and with; and the relative error of the speed, of the plate that of the
            root of its stiffness over its mass.
    """

    cell: float = Key(gt=0.0, lt=0.5)
    known: list[float] = Key(min_length=5)
    unseen: list[float] = Key(min_length=2)
    swings: dict[str, list[float]]
    noises: list[float] = Key(min_length=1)
    seed: int = 0
    bounds: dict[str, float]


def run(study: Study, tools: Tools) -> Findings:
    """Every sheet at every sampling, without noise and with."""
    labels = square(study.cell)
    cases = [(sheet, swing, noise) for sheet, all_ in study.swings.items() for swing in all_ for noise in study.noises]
    return joined((compare(study, labels, *case, tools) for case in steps(cases, "cases")), tools.say)


def compare(study: Study, labels: Labels, sheet: str, swing: float, noise: float, tools: Tools) -> Findings:
    """One sheet: ours and the rivals', between the known times and beyond."""
    step = study.known[1] - study.known[0]
    # Of the slowest wave, which has one half wave along each side.
    stiffness = (swing * np.pi / step) ** 2 / (2.0 * np.pi**2) ** (1 if sheet == "membrane" else 2)
    truth = {time: deflection(labels.points, time, stiffness, sheet) for time in {*study.known, *study.unseen}}
    known = np.stack([truth[time] for time in study.known])
    inner = np.ptp(known, axis=0) > 0.0
    generator = np.random.default_rng(study.seed)
    known = known + noise * float(np.ptp(known)) * generator.standard_normal(known.shape) * inner
    fields = {"deflection": Field(known[:, :, None], "m", ("",))}
    states = States.of(labels, Coordinate("time", "s"), np.array(study.known), fields)
    case = f"{sheet}, swing {swing:g}, {'no noise' if noise == 0.0 else f'{100 * noise:g} % noise'}"
    made = MotionCase.of(case, states, study.unseen, truth, tools.say)
    plain = generate(states, study.unseen, search=Search(moving=False, state_force=False))
    figures: list[Figure] = []
    for side in SIDES:
        bound = study.bounds[side if noise == 0.0 else f"noisy_{side}"]
        figures.append(Figure.shown(case, f"mean NRMSE {side}, no state force", "fem", made.by(plain, side)))
        figures += made.compared(side, bound, bound)
        motion = made.motion(side)
        error = float("inf") if motion is None else abs(motion.speed / np.sqrt(stiffness) - 1.0)
        figures.append(Figure.at_most(case, f"error of the speed, {side}", "fem", error, study.bounds["speed"]))
    return made.findings(figures, tools.folder)


def deflection(points: Array, time: float, stiffness: float, sheet: str) -> Array:
    """(L,) deflection of a supported square sheet after a round blow off its centre, by its series of waves."""
    places = np.linspace(0.0, 1.0, 201)
    numbers = np.arange(1, WAVES + 1)
    shapes = np.sin(np.pi * numbers[:, None] * places)
    blows = [np.trapezoid(shapes * np.exp(-((places - at) ** 2) / WIDTH), places, axis=1) for at in (0.35, 0.4)]
    found = np.zeros(len(points))
    for first, one in zip(numbers, blows[0], strict=True):
        for second, other in zip(numbers, blows[1], strict=True):
            eigenvalue = np.pi**2 * (first**2 + second**2)
            rate = np.sqrt(stiffness * eigenvalue ** (1 if sheet == "membrane" else 2) - 0.25 * DAMPING**2)
            swung = np.cos(rate * time) + 0.5 * DAMPING / rate * np.sin(rate * time)
            shape = np.sin(np.pi * first * points[:, 0]) * np.sin(np.pi * second * points[:, 1])
            found += 4.0 * one * other * np.exp(-0.5 * DAMPING * time) * swung * shape
    # The rim is at rest, to the last digit.
    edge = np.any((points < 1e-9) | (points > 1.0 - 1e-9), axis=1)
    return np.where(edge, 0.0, found)


def square(cell: float) -> Labels:
    """A gmsh mesh of the unit square."""
    gmsh.initialize(interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("Mesh.MeshSizeMax", cell)
        gmsh.model.occ.addRectangle(0.0, 0.0, 0.0, 1.0, 1.0)
        gmsh.model.occ.synchronize()
        gmsh.model.mesh.generate(2)
        tags, points, _ = gmsh.model.mesh.getNodes()
        _, cells = gmsh.model.mesh.getElementsByType(2)
    finally:
        gmsh.finalize()
    place = np.zeros(int(tags.max()) + 1, dtype=int)
    place[tags] = np.arange(len(tags))
    return labels_on_mesh(points.reshape(-1, 3)[:, :2], {"triangle": place[cells].reshape(-1, 3)})
