"""A cheap model beside the expensive one: what it gains, and what the rivals make of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field as Key
from pydantic import model_validator

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.cheap import CheapModels
from cmgai_fem.files.cheap_states import cheap_models
from cmgai_fem.generate import generate
from cmgai_fem.generated import Generated
from cmgai_fem.mechanics.reference import Projection, load_model, solve_reference
from cmgai_fem.metrics import field_error, von_mises
from cmgai_fem.progress import steps
from cmgai_fem.rivals import SLOW, rivals_for
from cmgai_fem.rivals.rivalry import compete
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, States
from cmgai_fem.study.file import StudyFile, Table
from cmgai_fem.study.findings import Figure, Findings, joined, judged
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.problem import Problem

from .asked import Asked, questions
from .moving_source import plate
from .smt_rival import INSTALLED, MultiFidelityKriging

TAKES = frozenset({"quick", "ranks"})
CASES = ("beam", "elastic_for_plastic", "rod_over_velocity", "rod_over_time", "moving_source", "questions")
NEEDED = {"von_mises": ["stress", "equivalent_plastic_strain"]}
PLASTIC = "equivalent_plastic_strain"


class ModelCase(Table):
    """Reference models, expensive and cheap.

    Args:
        kind: of the reference model.
        cheap_kind: of the cheap one; the same by default.
        coordinate: name of the state coordinate.
        unit: its unit.
        known: known states.
        between: states asked for between them.
        beyond: states asked for beyond them.
        monotone: a plastic strain never falls along the coordinate.
        fine: parameters of the expensive model.
        cheap: parameters of the cheap one.
        bounds: of each field that is measured ("von_mises" of the stress), error with the cheap model over that without
            it, between and beyond.
        refused: the cheap model must be refused.
    """

    kind: str
    cheap_kind: str = ""
    coordinate: str
    unit: str
    known: list[float]
    between: list[float]
    beyond: list[float]
    monotone: bool = True
    fine: dict[str, Any]
    cheap: dict[str, Any]
    bounds: dict[str, list[float]]
    refused: bool = False


class SourceCase(Table):
    """The moving source.

    Args:
        fine: cells a side and steps a unit of time of the expensive model.
        cheap: of the cheap one.
        known: known times.
        between: times asked for.
        bound: error with the cheap model over that without it.
    """

    fine: list[int] = Key(min_length=2, max_length=2)
    cheap: list[int] = Key(min_length=2, max_length=2)
    known: list[float]
    between: list[float]
    bound: float


class Study(StudyFile):
    """The cases.

    Args:
        cases: those that are run.
        beam: a yielding beam, the cheap model on a coarse mesh with large steps.
        elastic_for_plastic: the same beam, the cheap model elastic.
        rod_over_velocity: a rod under impact over its velocity, the cheap model on a coarse mesh.
        rod_over_time: the same over time.
        moving_source: a heat source that crosses a plate, the cheap model coarse in space and time.
        questions: bodies that are asked where a measure has a level, and what to solve next.
    """

    cases: list[str] = Key(min_length=1)
    beam: ModelCase
    elastic_for_plastic: ModelCase
    rod_over_velocity: ModelCase
    rod_over_time: ModelCase
    moving_source: SourceCase
    questions: list[Asked]

    @model_validator(mode="after")
    def _there(self) -> "Study":
        for name in self.cases:
            if name not in CASES:
                raise ValueError(f"cases: there is no {name!r}; there are: {', '.join(CASES)}")
        return self


@dataclass(frozen=True)
class Solved:
    """A case, solved.

    Args:
        name: of the case.
        fine: the expensive model at all states.
        cheap: the cheap one.
        seconds: solver seconds of the two a state.
        known: known states.
        sides: states asked for, by where they are.
        monotone: a plastic strain never falls along the coordinate.
        projection: on what the physics admits.
    """

    name: str
    fine: States
    cheap: States
    seconds: tuple[float, float]
    known: list[float]
    sides: dict[str, list[float]]
    monotone: bool
    projection: Projection

    @property
    def asked(self) -> list[float]:
        """All states asked for."""
        return [value for values in self.sides.values() for value in values]


@dataclass(frozen=True)
class Made:
    """One field, generated.

    Args:
        guided: with the cheap model, beside the rivals that have it.
        plain: without.
        cheap: the cheap model on the labels of the expensive one; None where it has no such field.
        rivals: their fields at all states asked for, by name.
    """

    guided: Generated
    plain: Generated
    cheap: CheapModels | None
    rivals: Mapping[str, Array]

    def by_itself(self, value: float) -> Array:
        """The cheap model; where it has no such field, what is generated without it."""
        return self.plain.at(value) if self.cheap is None else self.cheap.at([value])[0]

    def rival(self, method: str, value: float) -> Array:
        """A rival's field; where it is none of this field's, the natural spline's."""
        row = int(np.flatnonzero(self.guided.points[:, 0] == value)[0])
        return np.asarray(self.rivals.get(method, self.rivals["natural_spline"])[row])


def run(study: Study, tools: Tools) -> Findings:
    """Run the cases one after the other."""
    if not INSTALLED:
        tools.say("SMT is not installed (an extra of the benchmarks): its co-kriging is left out of the tables")
    return joined(_parts(study, tools), tools.say)


def _parts(study: Study, tools: Tools) -> Iterator[Findings]:
    for name in steps(study.cases, "cases"):
        if name == "questions":
            yield questions(study.questions, tools)
        elif name == "moving_source":
            yield measure(_source(study.moving_source), {"temperature": [study.moving_source.bound]}, tools)
        else:
            case: ModelCase = getattr(study, name)
            yield measure(_models(name, case, tools), case.bounds, tools, case.refused)


def _models(name: str, case: ModelCase, tools: Tools) -> Solved:
    values = sorted([*case.known, *case.between, *case.beyond])
    axis, fine = Coordinate(case.coordinate, case.unit), load_model(case.kind, case.fine)
    cheap = load_model(case.cheap_kind or case.kind, case.cheap)
    (one, told), (other, said) = (
        solve_reference(model, axis, values, tools.ranks, tools.folder / f"{name}_{which}", tools.say)
        for model, which in ((fine, "fine"), (cheap, "cheap"))
    )
    seconds = told["seconds"] / len(values), said["seconds"] / len(values)
    sides = {"between": case.between, "beyond": case.beyond}
    return Solved(name, one, other, seconds, case.known, sides, case.monotone, fine.projection())


def _source(case: SourceCase) -> Solved:
    values = sorted([*case.known, *case.between])
    (fine, spent), (cheap, saved) = (plate(cells, steps, values) for cells, steps in (case.fine, case.cheap))
    seconds, sides = (spent / len(values), saved / len(values)), {"between": case.between}
    return Solved("moving_source", fine, cheap, seconds, case.known, sides, False, lambda _, fields: dict(fields))


def measure(solved: Solved, bounds: dict[str, list[float]], tools: Tools, refused: bool = False) -> Findings:
    """Errors of ours with and without the cheap model, of the model itself, and of the rivals that have it."""
    title, seconds = solved.name.replace("_", " "), zip(("expensive", "cheap"), solved.seconds, strict=True)
    figures = [Figure.shown(title, "solver seconds a state", which, spent) for which, spent in seconds]
    carried = list(dict.fromkeys(field for name in bounds for field in NEEDED.get(name, [name])))
    made = {field: _made(solved, field, tools) for field in carried}
    for name, limits in bounds.items():
        answers = _answers(solved, name, made)
        for (where, values), limit in zip(solved.sides.items(), limits, strict=True):
            errors = {method: _error(solved, name, at, values) for method, at in answers.items()}
            quantity = f"{name}, mean NRMSE {where}"
            figures += [Figure.shown(title, quantity, method, error) for method, error in errors.items()]
            ratio = errors["ours"] / errors["ours, without"]
            figures.append(Figure.at_most(title, f"{quantity}, over that without", "ours", ratio, limit))
    told = {field: [one.guidance for one in each.guided.generators if one.guidance] for field, each in made.items()}
    if refused:
        shares = [one.share for each in told.values() for one in each]
        figures.append(Figure.at_most(title, "share of the cheap model", "ours", max(shares), 1e-9))
    return judged(figures, title, [f"{field}: {one}." for field, each in told.items() for one in each])


def _made(solved: Solved, field: str, tools: Tools) -> Made:
    known = solved.fine.at(solved.known).only(field)
    bounds = Admissible(0.0, solved.monotone) if field == PLASTIC else Admissible()
    rivals = [name for name in rivals_for(known.values) if name not in SLOW]
    # Registrations take minutes, and a fixed label is what the cheap model is to be compared over.
    options: dict[str, Any] = {"bounds": bounds, "search": Search(moving=False), "report": tools.say}
    plain = generate(known, solved.asked, rivals=rivals, **options)
    if field not in solved.cheap.fields:
        return Made(plain, plain, None, plain.rivalry.fields)
    guided = generate(known, solved.asked, cheap=solved.cheap, rivals=rivals, **options)
    cheap = cheap_models(solved.cheap, known, field, guided.points)
    more = {"smt_mfk": MultiFidelityKriging(cheap)} if INSTALLED else {}
    problem = Problem(known, admissible=bounds).with_reach(*guided.points)
    others = compete(problem, guided.points, (), left_out=False, more=more).fields
    return Made(guided, plain, cheap, {**guided.rivalry.fields, **others})


def _answers(solved: Solved, name: str, made: dict[str, Made]) -> dict[str, Callable[[float], Array]]:
    """What each method makes of a field, on what the physics admits; a von Mises stress of the stress."""
    fields = NEEDED.get(name, [name])

    def answer(read: Callable[[Made, float], Array]) -> Callable[[float], Array]:
        def at(value: float) -> Array:
            kept = solved.projection(value, {field: read(made[field], value) for field in fields})
            return von_mises(kept["stress"])[:, None] if name == "von_mises" else kept[name]

        return at

    def of_rival(method: str) -> Callable[[float], Array]:
        return answer(lambda one, value: one.rival(method, value))

    return {
        "ours": answer(lambda one, value: one.guided.at(value)),
        "ours, without": answer(lambda one, value: one.plain.at(value)),
        "cheap model": answer(lambda one, value: one.by_itself(value)),
    } | {method: of_rival(method) for method in made[fields[0]].rivals}


def _error(solved: Solved, name: str, at: Callable[[float], Array], values: list[float]) -> float:
    """Mean NRMSE over states."""
    found = []
    for value in values:
        truth = solved.fine.field("stress" if name == "von_mises" else name).values[solved.fine.index(value)]
        truth = von_mises(truth)[:, None] if name == "von_mises" else truth
        found.append(field_error(at(value), truth, solved.fine.labels.weights).nrmse)
    return float(np.mean(found))
