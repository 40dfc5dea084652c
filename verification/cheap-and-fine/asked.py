"""What engineers ask of a model: where a measure has a level, and which states to solve next; held to reference solves.

Every body is solved at many states on a coarse mesh; a few are known. The levels are what the measures truly are at
each of the others, so that the right answer is that state.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field as Key

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.errors import InputError
from cmgai_fem.generate import generate
from cmgai_fem.generated import Generated
from cmgai_fem.limited import Limited, limit_formula, limited
from cmgai_fem.measures import Measure
from cmgai_fem.mechanics.reference import load_model, solve_reference
from cmgai_fem.metrics import field_error
from cmgai_fem.questions import Along, find, suggest
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, States
from cmgai_fem.study.file import Table
from cmgai_fem.study.findings import Figure, Findings, joined, judged
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.transport.feature_space import Admissible

# Error of the answer that engineers ask for, of the state.
WANTED = 0.005
# Labels stay: registrations take minutes.
SEARCH = Search(moving=False)


class Asked(Table):
    """A body that is asked.

    Args:
        title: of the body.
        kind: of its reference model.
        coordinate: name of the state coordinate.
        unit: its unit.
        known: known states.
        every: states that are solved, and may be suggested: first, last and step.
        fine: parameters of the model.
        cheap: of a cheap one that is solved at all of them; none by default.
        field: the field.
        measures: with the largest error of an answer, of the state, without and with the cheap model.
        limit: formula of what the measured quantity cannot pass, of fields that never fall along the coordinate and are
            never negative; none by default.
        limited: measures under the limit, as `measures`.
        held: share of the levels that the intervals of the answers must hold.
        suggested: error after two suggested states, over that after two that are placed evenly; 0 not to ask.
    """

    title: str
    kind: str
    coordinate: str
    unit: str
    known: list[float]
    every: list[float] = Key(min_length=3, max_length=3)
    fine: dict[str, Any]
    cheap: dict[str, Any] = Key(default_factory=dict)
    field: str
    measures: dict[str, list[float]] = Key(default_factory=dict)
    limit: str = ""
    limited: dict[str, list[float]] = Key(default_factory=dict)
    held: float = 0.95
    suggested: float = 0.0

    @property
    def solved(self) -> list[float]:
        """All states that are solved."""
        first, last, step = self.every
        return sorted({*self.known, *np.round(np.arange(first, last + 0.5 * step, step), 9).tolist()})


@dataclass(frozen=True)
class Body:
    """A body that was solved; the arguments are those of `Asked`, and its states by both models."""

    asked: Asked
    fine: States
    cheap: States | None

    def made(self, known: list[float], cheap: States | None = None) -> Generated:
        """The field generated from some states, for all that were solved."""
        return generate(self.fine.at(known).only(self.asked.field), self._others(known), cheap=cheap, search=SEARCH)

    def measure(self, text: str) -> Measure:
        """A measure of the field."""
        return Measure.read(text, self.fine.labels, self.fine.field(self.asked.field).components)

    def under_limit(self, text: str, cheap: States | None) -> tuple[Limited, Measure]:
        """A measured quantity under its limit, whose fields the cheap model has, too."""
        known, asked = self.fine.at(self.asked.known), self.asked
        formula = limit_formula(asked.limit, known, [name for name in known.fields if name != asked.field])
        models = {} if cheap is None else {name: cheap.only(name) for name in formula.names & set(cheap.fields)}
        how: dict[str, Any] = {"bounds": Admissible(0.0, True), "cheap": models, "search": SEARCH}
        return limited(known, asked.field, self.measure(text), formula, self._others(asked.known), **how)

    def _others(self, known: list[float]) -> list[float]:
        return [value for value in self.asked.solved if value not in known]

    def truth(self, value: float) -> Array:
        """The true field."""
        return self.fine.field(self.asked.field).values[self.fine.index(value)]

    def error(self, made: Generated) -> float:
        """Mean NRMSE over all states that were solved."""
        weights = self.fine.labels.weights
        sizes = [field_error(made.at(value), self.truth(value), weights).nrmse for value in self.asked.solved]
        return float(np.mean(sizes))


def questions(asked: list[Asked], tools: Tools) -> Findings:
    """The answers to all questions, beside the truth."""
    parts = [_answers(_solved(one, tools)) for one in asked]
    ratios = [row["value"] for part in parts for row in part.rows if row["quantity"].endswith("over evenly placed")]
    if not ratios:
        return joined(parts, tools.say)
    mean = float(np.exp(np.mean(np.log(ratios))))
    text = "geometric mean of error after two suggested states, over evenly placed"
    part = judged([Figure.at_most("all bodies", text, "ours", mean, 0.7)], "suggested states", [])
    return joined([*parts, part], tools.say)


def _solved(asked: Asked, tools: Tools) -> Body:
    axis, states = Coordinate(asked.coordinate, asked.unit), []
    for number, parameters in enumerate([asked.fine, asked.cheap] if asked.cheap else [asked.fine]):
        model, folder = load_model(asked.kind, parameters), tools.folder / f"{asked.title} {number}".replace(" ", "_")
        states.append(solve_reference(model, axis, asked.solved, tools.ranks, folder, tools.say)[0])
    return Body(asked, states[0], states[1] if asked.cheap else None)


def _answers(body: Body) -> Findings:
    asked = body.asked
    figures = []
    ways = {"ours": None} | ({"ours, with a cheap model": body.cheap} if body.cheap is not None else {})
    for way, cheap in ways.items() if asked.measures else ():
        made = body.made(asked.known, cheap)
        for text, bounds in asked.measures.items():
            bound = bounds[min(cheap is not None, len(bounds) - 1)]
            figures += _levels(body, (made, body.measure(text)), body.measure(text), way, bound)
        for text, bounds in asked.limited.items():
            bound = bounds[min(cheap is not None, len(bounds) - 1)]
            figures += _levels(
                body, body.under_limit(text, cheap), body.measure(text), f"{way}, under its limit", bound
            )
    if asked.suggested:
        figures += _suggested(body)
    return judged(figures, f"questions: {asked.title}, {asked.field}", [])


def _levels(body: Body, asked: tuple[Along, Measure], true: Measure, way: str, bound: float) -> list[Figure]:
    """How the states are found at which a measure has the levels that it truly has between the known ones."""
    known, title, (made, measure), text = body.asked.known, body.asked.title, asked, true.text
    errors, held, widths = [], 0, []
    for value in body.asked.solved:
        if value in known or not known[0] < value < known[-1]:
            continue
        try:
            answers = find(made, measure, true.of(body.truth(value)).value, (known[0], known[-1]))
        except InputError:
            errors.append(np.inf)
            continue
        near = min(answers, key=lambda one: abs(one.value - value))
        errors.append(abs(near.value / value - 1.0))
        held += near.low <= value <= near.high
        widths.append((near.high - near.low) / value)
    return [
        Figure.at_most(title, f"{text} = level: largest error of the state", way, max(errors), bound),
        Figure.shown(title, f"{text} = level: mean error of the state", way, float(np.mean(errors))),
        Figure.shown(title, f"{text} = level: levels within .5 %", way, sum(error <= WANTED for error in errors)),
        Figure.at_least(title, f"{text} = level: levels inside the interval", way, held, body.asked.held * len(errors)),
        Figure.shown(title, f"{text} = level: mean width of the interval", way, float(np.mean(widths))),
    ]


def _suggested(body: Body) -> list[Figure]:
    """Error after two states: suggested, at thirds of the range, in the middle of the widest gaps."""
    known, solved = body.asked.known, np.array(body.asked.solved)
    suggested, widest = list(known), list(known)
    for _ in range(2):
        suggested = sorted([*suggested, suggest(body.made(suggested), solved.tolist())[0].value])
        apart = np.abs(solved[:, None] - np.array(widest)).min(axis=1)
        widest = sorted([*widest, float(solved[np.argmax(apart)])])
    free = solved[~np.isin(solved, known)]
    thirds = [solved[0] + np.ptp(solved) * part / 3.0 for part in (1, 2)]
    even = sorted([*known, *(float(free[np.argmin(np.abs(free - third))]) for third in thirds)])
    ours, plain, spread = (body.error(body.made(states)) for states in (suggested, even, widest))
    title, text = body.asked.title, "error after two suggested states"
    new = ", ".join(f"{value:g}" for value in suggested if value not in known)
    return [
        Figure.shown(title, f"{text} ({new})", "ours", ours),
        Figure.at_most(title, f"{text}, over evenly placed", "ours", ours / plain, body.asked.suggested),
        Figure.shown(title, f"{text}, over the middles of the widest gaps", "ours", ours / spread),
    ]
