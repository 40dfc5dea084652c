"""Heat that soaks: the law is found in the known states, and goes on beyond them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field as Key

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.laws_of_motion import LawCalibration
from cmgai_fem.generate import generate
from cmgai_fem.generated import Generated
from cmgai_fem.metrics import field_error
from cmgai_fem.progress import steps
from cmgai_fem.rivals import SLOW, rivals_for
from cmgai_fem.rivals.dynamics import DYNAMICS, installed
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Figure, Findings, joined, judged
from cmgai_fem.study.names import method_name
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.study.view import held_out_view
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
    rivals = [rival for rival in rivals_for(states.values) if rival not in SLOW]
    search = Search(moving=False)
    made = generate(states, study.unseen, search=search, rivals=rivals, report=tools.say)
    case = f"{name.replace('_', ' ')}, {'no noise' if noise == 0.0 else f'{100 * noise:g} % noise'}"
    bounds = study.bounds["clean" if noise == 0.0 else "noisy"]
    asked = np.array(study.unseen)[:, None]
    laws = {rival.name: rival.fit(states.values, known, labels.weights)(asked) for rival in installed()}
    checks = networks(made) if name in study.checked else {}
    figures: list[Figure] = []
    for side, beyond in (("between", False), ("beyond", True)):
        rows = [row for row, time in enumerate(study.unseen) if (time > max(study.known)) == beyond]

        def mean(found: "Sequence[Array] | Mapping[int, Array] | Array", rows: list[int] = rows) -> float:
            exact = [truth[study.unseen[row]] for row in rows]
            return float(np.mean([
                field_error(np.reshape(found[row], (-1, 1)), one[:, None], labels.weights).nrmse
                for row, one in zip(rows, exact, strict=True)
            ]))  # fmt: skip

        errors = {rival: mean(found) for rival, found in made.rivalry.fields.items()}
        best = min(errors, key=lambda rival: errors[rival])
        ours = mean([made.at(time) for time in study.unseen])
        figures += [Figure.shown(case, f"mean NRMSE {side}", rival, error) for rival, error in errors.items()]
        linear = {rival: mean(found) for rival, found in laws.items()}
        figures += [Figure.shown(case, f"mean NRMSE {side}", rival, error) for rival, error in linear.items()]
        figures.append(Figure.shown(case, f"mean NRMSE {side}", "fem", ours))
        told = f"mean NRMSE {side} over that of {method_name(best)}"
        figures.append(Figure.at_most(case, told, "fem", ours / errors[best], bounds[side]))
        figures.append(
            Figure.at_most(
                case, f"mean NRMSE {side} over the best linear law's", "fem", ours / min(linear.values()),
                bounds[f"{side}_linear"],
            )
        )  # fmt: skip
        if beyond in checks:
            other = checks[beyond]
            trained = {row: other.at(study.unseen[row]) for row in rows}
            apart = float(np.mean([
                field_error(trained[row], made.at(study.unseen[row]), labels.weights).nrmse for row in rows
            ]))  # fmt: skip
            figures.append(Figure.shown(case, f"mean NRMSE {side}", "pinn", mean(trained)))
            figures.append(
                Figure.at_most(case, f"networks from finite elements, {side}", "pinn", apart, bounds["networks"])
            )
            assert isinstance(other.path, StateMotion) and other.path.diffusivity is not None
            off = abs(other.path.diffusivity / BODIES[name].diffusivity - 1.0)
            figures.append(Figure.at_most(case, f"error of D, {side}", "pinn", off, bounds["D"]))
        error = of_diffusivity(made, name, beyond)
        figures.append(Figure.at_most(case, f"error of D, {side}", "fem", error, bounds["D"]))
    text = "; ".join(dict.fromkeys(generator.finding or "no law found" for generator in made.generators))
    missing = sorted(set(DYNAMICS) - set(laws))
    left_out = f" Not installed, and so left out: {', '.join(map(method_name, missing))}." if missing else ""
    exact = [truth[time] for time in study.unseen]
    view = held_out_view(made, exact, tools.folder, case, list(made.rivalry.fields))
    return judged(figures, case, [f"{text[:1].upper()}{text[1:]}.{left_out}"], view=view)


def networks(made: Generated) -> dict[bool, Solution]:
    """The motion between (False) and beyond (True) by networks that find the law of the same kind themselves."""
    found = {}
    for generator in made.generators:
        if isinstance(generator.calibration, LawCalibration):
            law = generator.calibration.motion.force
            found[not generator.inside] = solve(replace(generator.problem, force=replace(law, law=None)), "pinn")
    return found


def of_diffusivity(made: Generated, name: str, beyond: bool) -> float:
    """Relative error of the diffusivity that was found on one side; infinite where none was."""
    generator = next(one for one in made.generators if one.inside != beyond)
    calibration = generator.calibration
    found = calibration.motion if isinstance(calibration, LawCalibration) else None
    if found is None or found.force.acts != "operator" or found.diffusivity is None:
        return float("inf")
    return abs(found.diffusivity / BODIES[name].diffusivity - 1.0)
