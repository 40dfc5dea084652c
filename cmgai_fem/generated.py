"""What generation makes: calibrated transports of one field, and the fields that they give."""

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.calibrate import Calibration
from cmgai_fem.calibration.estimate import Estimate, estimate_errors
from cmgai_fem.calibration.guided import Guidance, GuidedCalibration
from cmgai_fem.calibration.law_calibration import LawCalibration
from cmgai_fem.calibration.moving import MovingCalibration
from cmgai_fem.calibration.suspects import Suspect
from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.calibration.trust import Trust, judge
from cmgai_fem.errors import InputError
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.rivals.rivalry import Rivalry
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Answer, rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Generator:
    """Calibrated and solved transports of one field, for targets that lie on one side of the known states.

    Args:
        problem: the statement: known states, bounds and reach.
        points: (T, m) states that it was made for.
        inside: whether they lie between the known states.
        calibration: how everything was chosen; None where the states leave no choice.
        solutions: by method.
        seconds: wall time of the solves by method [s].
        guidance: what cheap models gave; None where there are none.
    """

    problem: Problem
    points: Array
    inside: bool
    calibration: Calibration | None
    solutions: Mapping[str, Answer]
    seconds: Mapping[str, float] = field(default_factory=dict)
    guidance: Guidance | None = None

    @property
    def solution(self) -> Answer:
        """The transport of the first method."""
        return next(iter(self.solutions.values()))

    @property
    def carrier(self) -> MovingLabels | None:
        """The labels that move; None where they do not."""
        return self.calibration.carrier if isinstance(self.calibration, MovingCalibration) else None

    @property
    def finding(self) -> str:
        """The law of motion that the known states obey, in words; empty where none was found."""
        return self.calibration.finding if isinstance(self.calibration, LawCalibration) else ""

    def motion(self, value: ArrayLike) -> tuple[Array, Array] | None:
        """Displacement (L, g) of the nearest known state's labels at a state, and J (L,); None where none moves."""
        if self.carrier is None:
            return None
        return self.carrier.motion(self.solution.members[0].weights(value), value)

    @cached_property
    def estimate(self) -> Estimate | None:
        """Errors at the left-out states, label by label; None where the states leave none out."""
        if isinstance(self.calibration, MovingCalibration | GuidedCalibration):
            return Estimate(self.problem.states.values[list(self.calibration.rows)], self.calibration.errors)
        return None if self.calibration is None else estimate_errors(self.problem, self.calibration, Solver())

    def error(self, value: ArrayLike) -> Array | None:
        """(L, n) estimated error of the generated field at a state; None where no state can be left out."""
        return self.solution.error(value)

    def answer(self, value: ArrayLike, labels: slice = slice(None)) -> tuple[Array, Array | None]:
        """(l, n) generated field of some labels at a state by the first method, and `error`: both in one go."""
        return self.solution.on(value, labels)

    def expect(self, values: Iterable[ArrayLike]) -> None:
        """Make ready for many states that will be asked for one by one, where that is quicker together."""
        self.solution.expect(values)

    def size(self, value: ArrayLike) -> float | None:
        """Root mean square of `error` over the volume, relative to the known range."""
        return self.solution.size(value)

    def describe(self) -> dict[str, Any]:
        """How the generated field was made, as plain data."""
        facts: dict[str, Any] = {"field": self.problem.field, "method": next(iter(self.solutions))}
        if self.calibration is not None:
            facts["transport"] = str(self.calibration)
            facts["left_out_error"] = self.calibration.error
            facts |= {} if self.carrier is None else {"moving_labels": self.carrier.describe()}
            facts |= {"law_of_motion": self.finding} if self.finding else {}
            facts["left_out_states"] = [list(values) for values in self.calibration.left_out]
        return facts | ({} if self.guidance is None else {"cheap": self.guidance.describe()})

    def __repr__(self) -> str:
        side = "between" if self.inside else "beyond"
        made, methods = self.calibration or "straight", ", ".join(self.solutions)
        return f"Generator({self.problem.field} {side} the known states: {made}; {methods})"


@dataclass(frozen=True, repr=False)
class Generated:
    """Generated fields of one name, and how they were made.

    Args:
        states: the known states.
        field: name of the field.
        points: (T, m) states asked for.
        generators: one for each side of the known states where states were asked for.
        rivalry: the rivals' fields; empty where none were asked for.
        suspects: known states that do not fit the others.
        telling: known states that tell something of their own; all of them if None.
        remarks: what is odd of the known states and may be meant.
    """

    states: States
    field: str
    points: Array
    generators: tuple[Generator, ...]
    rivalry: Rivalry
    suspects: tuple[Suspect, ...] = ()
    telling: int | None = None
    remarks: tuple[str, ...] = ()

    def generator(self, value: ArrayLike) -> Generator:
        """The generator of the side where a state lies; a known state is answered by the first of all."""
        point = self.states.coordinates.point(value)
        inside = inside_hull(self.states.values, point)
        for generator in self.generators:
            if generator.inside == inside:
                return generator
        known = np.any(np.all(self.states.values == point, axis=1))
        if known:
            return self.generators[0]
        where = "between" if inside else "beyond"
        raise InputError(f"{self.states.coordinates.label(point)}: no state {where} the known states was asked for")

    def at(self, value: ArrayLike, method: str = "") -> Array:
        """The generated field (L, n) at a state, in the field's unit; by the first method unless another is named."""
        solutions = self.generator(value).solutions
        if method and method not in solutions:
            raise InputError(f"method {method!r} was not asked for; there are: {', '.join(solutions)}")
        return solutions[method or next(iter(solutions))].at(value)

    def error(self, value: ArrayLike) -> Array | None:
        """(L, n) estimated error at a state, one standard deviation; twice it is the 95 % band.

        It is zero at known states and grows between and beyond them. None where the known states leave none out.
        """
        return self.generator(value).error(value)

    def derivative(self, value: ArrayLike, axis: int = 0) -> Array:
        """(L, n) sensitivity of the field to a coordinate at a state; see `transport.solution.rate`."""
        return rate(self.at, self.states, value, axis)

    def trust(self, value: ArrayLike) -> Trust:
        """How far the field at a state is to be trusted, and why."""
        point, generator = self.states.coordinates.point(value), self.generator(value)
        numbers = generator.solution.numbers(value)
        return judge(self.states.values, point, generator.size(value), len(self.suspects), self.telling, numbers)

    def warnings(self) -> list[str]:
        """What is wrong or odd with the known states, one sentence each."""
        labels = [self.states.coordinates.label(values) for values in self.states.values]
        return [*(suspect.text(labels) for suspect in self.suspects), *self.remarks]

    def facts(self, value: ArrayLike) -> dict[str, Any]:
        """How the field at a state was made and how far it is to be trusted, as plain data."""
        generator, trust = self.generator(value), self.trust(value)
        told = {"error_estimate": generator.size(value), "trust": trust.word, "trust_reason": trust.reason}
        return generator.describe() | told | ({"suspects": self.warnings()} if self.warnings() else {})

    def describe(self) -> list[dict[str, Any]]:
        """How the fields were made and how far they are to be trusted, as plain data, one entry a state asked for."""
        coordinates = self.states.coordinates
        return [{"state": coordinates.label(point)} | self.facts(point) for point in self.points]

    def __repr__(self) -> str:
        made = "; ".join(str(generator.calibration or "straight") for generator in self.generators)
        return f"Generated({self.field} at {len(self.points)} states of {self.states.coordinates.label()}: {made})"

    def _repr_html_(self) -> str:
        """Left-out errors of the transports and of the rivals, for notebooks."""
        rows = [f"<tr><th>{html.escape(repr(self))}</th><th>left-out error, % of the known range</th></tr>"]
        for generator in self.generators:
            errors = {} if generator.calibration is None else {"cmgai-fem": generator.calibration.error}
            errors |= {name: found[generator.inside] for name, found in self.rivalry.errors.items() if errors}
            side = "between" if generator.inside else "beyond"
            rows += [
                f"<tr><td>{html.escape(name)}, {side} the known states</td><td>{100 * error:.3g}</td></tr>"
                for name, error in sorted(errors.items(), key=lambda row: row[1])
            ]
        return f"<table>{''.join(rows)}</table>"

    def plot(self, value: ArrayLike | None = None, method: str = "") -> "Figure":
        """A quick picture of the generated field of one state; of several components their Euclidean norm.

        Args:
            value: the state, (m,) or a number; the first that was asked for by default.
            method: see `at`.

        Returns:
            A matplotlib figure.
        """
        from cmgai_fem.picture import picture

        point = self.states.coordinates.point(self.points[0] if value is None else value)
        title, known = self.states.coordinates.label(point), self.states.field(self.field)
        return picture(self.states.labels, self.at(point, method), f"{self.field} [{known.unit or '-'}]", title)
