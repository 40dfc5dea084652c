"""Fields that move, generated from five known states with no hint, against every rival."""

from typing import Literal

import numpy as np
from matplotlib.figure import Figure as Drawing
from pydantic import Field as Key
from pydantic import model_validator

from cmgai_fem.calibration.candidates import Candidate
from cmgai_fem.errors import ConvergenceError
from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import register_stiff
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.fem.registration import FemRegistration
from cmgai_fem.generate import generate
from cmgai_fem.generated import Generated
from cmgai_fem.metrics import field_error
from cmgai_fem.progress import steps
from cmgai_fem.rivals import rivals_for
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Figure, Findings, joined, judged
from cmgai_fem.study.names import method_name
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.study.view import held_out_view
from cmgai_fem.transport.laws import LAWS, make_law
from cmgai_fem.transport.problem import Problem

from .cases import CASES, HEATED, MovingField, body_of, square
from .heated import heated

TAKES = frozenset({"quick", "ablate"})
PARTS = ("law",)
# Of the ablation: the case where the law tells most, and the stiffnesses.
ABLATED, STIFFNESSES = "oblique_pulse", (3.0, 1.0, 0.3, 0.1)


class Study(StudyFile):
    """The sizes, and what is asked.

    Args:
        cell: side of a triangle, of a square with sides of 1.
        known: known states.
        unseen: states asked for.
        methods: transports.
        cases: the fields that are run.
        bounds: of each case, the mean NRMSE over the best rival's.
    """

    cell: float = Key(gt=0.0, lt=0.5)
    known: list[float] = Key(min_length=4)
    unseen: list[float] = Key(min_length=1)
    methods: list[Literal["fem", "pinn"]] = Key(min_length=1)
    cases: list[str] = Key(min_length=1)
    bounds: dict[str, float]

    @model_validator(mode="after")
    def _consistent(self) -> "Study":
        for name in (*self.cases, *self.bounds):
            if name not in (*CASES, *HEATED):
                raise ValueError(f"cases: there is no {name!r}; there are: {', '.join((*CASES, *HEATED))}")
        for name in self.cases:
            if name not in self.bounds:
                raise ValueError(f"bounds.{name}: say what the case must keep")
        return self


def run(study: Study, tools: Tools) -> Findings:
    """Run the cases one after the other."""
    meshes: dict[str, Labels] = {}
    parts = []
    for name in steps(study.cases, "cases"):
        if name in HEATED:
            parts.append(compare(study, name, *heated(name, study.cell), tools))
            continue
        body = body_of(name)
        if body.__name__ not in meshes:
            meshes[body.__name__] = body(study.cell)
        parts.append(compare(study, name, meshes[body.__name__], CASES[name], tools))
    if "law" in tools.ablate:
        parts.append(ablation(study, square(study.cell), tools))
    return joined(parts, tools.say)


def compare(study: Study, name: str, labels: Labels, field: MovingField, tools: Tools) -> Findings:
    """One case: mean NRMSE over the unseen states, ours over the best rival's."""
    states, bound = known_states(study, labels, field), study.bounds[name]
    rivals = rivals_for(states.values)
    made = generate(states, study.unseen, methods=study.methods, rivals=rivals, report=tools.say)
    truth = [field(labels.points, s)[:, None] for s in study.unseen]
    errors = {rival: _mean(found, truth, labels) for rival, found in made.rivalry.fields.items()}
    best = min(errors, key=lambda rival: errors[rival])
    case = name.replace("_", " ")
    figures = [Figure.shown(case, "mean NRMSE", rival, error) for rival, error in errors.items()]
    for method in study.methods:
        ours = _mean([made.at(s, method) for s in study.unseen], truth, labels)
        figures.append(Figure.shown(case, "mean NRMSE", method, ours))
        figures.append(
            Figure.at_most(case, f"mean NRMSE over that of {method_name(best)}", method, ours / errors[best], bound)
        )
        worst = max(np.abs(made.at(s, method) - known).max() for s, known in _known(states))
        figures.append(Figure.at_most(case, "known states, error over range", method, worst / _span(states), 1e-12))
    generator = made.generators[0]
    figures.append(
        Figure.shown(case, "left-out error", "fem", generator.calibration.error if generator.calibration else 0)
    )
    if generator.carrier is not None:
        least = min(one.least_jacobian for one in generator.carrier.maps)
        figures.append(Figure.at_least(case, "least J of the maps", "fem", least, 1e-6))
    row = len(study.unseen) // 2
    rival_field = made.rivalry.fields[best][row]
    drawn = draw(labels, truth[row][:, 0], made, study.unseen[row], (best, rival_field[:, 0]))
    text = f"{(field.__doc__ or '').strip()} Chosen: {generator.calibration}."
    view = held_out_view(made, truth, tools.folder, name, [best])
    return judged(figures, case, [text], [tools.picture(drawn, name, f"At s = {study.unseen[row]:g}.")], view)


def ablation(study: Study, labels: Labels, tools: Tools) -> Findings:
    """The same motion over bodies of every law and stiffness: here the law decides where the labels go."""
    states = known_states(study, labels, CASES[ABLATED])
    body, values = LabelBody.of(labels), states.field("u").values
    truth = [CASES[ABLATED](labels.points, s)[:, None] for s in study.unseen]
    figures = []
    for law in (name for name in LAWS if name != "none"):
        register = FemRegistration(body, values, make_law(law))
        for stiffness in STIFFNESSES:
            tools.say(f"{law}, stiffness {stiffness:g}")
            try:
                maps = tuple(register_stiff(register, pair, stiffness) for pair in range(len(values) - 1))
                problem = Problem(states, transform=MovingLabels(states, body, maps))
                solution = solve(Candidate(1).apply(problem))
                error = _mean([solution.at(s) for s in study.unseen], truth, labels)
            except ConvergenceError as failure:
                tools.say(str(failure))
                error = float("nan")
            figures.append(Figure.shown(f"{law}, stiffness {stiffness:g}", "mean NRMSE", "fem", error))
    text = f"{ABLATED.replace('_', ' ')}, motion least(1), by law and stiffness of the body; no figure: the mesh folds."
    return judged(figures, "Law and stiffness", [text])


def known_states(study: Study, labels: Labels, field: MovingField) -> States:
    """The known states of a field that moves."""
    values = np.stack([field(labels.points, s) for s in study.known])[:, :, None]
    return States.of(labels, Coordinate("s"), np.array(study.known), {"u": Field(values, "1", ("",))})


def draw(labels: Labels, truth: Array, made: Generated, s: float, rival: tuple[str, Array]) -> Drawing:
    """Truth, ours with the arrows of the labels, and the best rival at one unseen state."""
    surface, middle = labels.points.shape[1] == 3, 0.5 * float(labels.points[:, -1].min() + labels.points[:, -1].max())
    low, high = float(truth.min()), float(truth.max())
    # Of a solid its outside.
    triangles = labels.cells["triangle"] if "triangle" in labels.cells else LabelBody.of(labels).boundary.cells
    figure = Drawing(figsize=(10.5, 3.4), layout="constrained")
    for column, (title, values) in enumerate((("truth", truth), ("generated", made.at(s)[:, 0]), rival)):
        axis = figure.add_subplot(1, 3, column + 1)
        # A surface is seen from above, its upper half.
        seen = triangles[np.mean(labels.points[triangles][:, :, 2], axis=1) > middle] if surface else triangles
        shown = axis.tripcolor(*labels.points[:, :2].T, seen, values, shading="gouraud", vmin=low, vmax=high)
        axis.set_title(title)
        axis.set_aspect("equal")
        axis.set_axis_off()
        motion = made.generator(s).motion(s)
        if title == "generated" and motion is not None:
            rows = np.flatnonzero(np.linalg.norm(motion[0], axis=1) > 0.01 * np.ptp(labels.points))[::5]
            axis.quiver(
                *labels.points[rows, :2].T, *motion[0][rows, :2].T, angles="xy", scale_units="xy", scale=1.0,
                color="white", width=0.003,
            )  # fmt: skip
    figure.colorbar(shown, ax=figure.axes, shrink=0.8)
    return figure


def _known(states: States) -> list[tuple[float, Array]]:
    return list(zip(states.scalars.tolist(), states.field("u").values, strict=True))


def _span(states: States) -> float:
    return float(np.ptp(states.field("u").values))


def _mean(found: "list[Array] | Array", truth: list[Array], labels: Labels) -> float:
    """Mean NRMSE over the states; of a field that is nowhere yet, its error itself."""
    errors = []
    for one, exact in zip(found, truth, strict=True):
        if np.ptp(exact) > 0.0:
            errors.append(field_error(one, exact, labels.weights).nrmse)
        else:
            errors.append(float(np.sqrt(labels.weights @ (one - exact)[:, 0] ** 2 / labels.weights.sum())))
    return float(np.mean(errors))
