"""Generation: a field at unseen states from the known states alone, the rivals beside it.

The command `generate`, the API and the studies of `verify` all do it here, so that they give the same fields. Nothing
in this module has held-out data in its hands: it takes the known states and the states that are asked for.
"""

import html
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.blend import Blended, data_of
from cmgai_fem.calibration.calibrate import Calibration, calibrate
from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.cheap import CheapModels
from cmgai_fem.calibration.estimate import Estimate, estimate_errors
from cmgai_fem.calibration.guided import Guidance, Guided, GuidedCalibration, guide
from cmgai_fem.calibration.laws_of_motion import LawCalibration, MotionLaws, Stated, find_law
from cmgai_fem.calibration.moved import Moved
from cmgai_fem.calibration.moving import LabelMaps, MovingCalibration, let_labels_move
from cmgai_fem.calibration.suspects import Suspect, find_suspects
from cmgai_fem.calibration.trials import inside_hull, sides
from cmgai_fem.calibration.trust import Trust, judge
from cmgai_fem.errors import InputError
from cmgai_fem.features.moving import MovingLabels
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.rivals import RIVALS
from cmgai_fem.rivals.cheap import rivals_with
from cmgai_fem.rivals.rivalry import Rivalry, compete
from cmgai_fem.solve import CHECK, Solver
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Superposition, rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cmgai_fem.files.cheap_states import Cheap

Report = Callable[[str], None]
Estimated = Blended | Moved | Stated | Guided
Answer = Superposition | Estimated
# What `generate` hands on to `read_states`.
READING = ("coordinate", "unit", "values", "values_from", "field_unit", "points", "volumes", "where_known")


def silent(line: str) -> None:
    """Takes a line of progress and shows it nowhere."""


@dataclass(frozen=True)
class Networks:
    """How and where networks are trained.

    Args:
        seed: of their starting weights.
        device: torch device.
        settings: size and training of the networks; the defaults if None.
        checkpoints: folder that keeps unfinished and finished trainings, so that a killed run goes on; None for none.
    """

    seed: int = 0
    device: str = "cpu"
    settings: TrainingSettings | None = None
    checkpoints: Path | None = None

    def solver(self, method: str) -> Solver:
        """The solver of a method, "fem", "pinn" or "independent"."""
        if method == CHECK:
            return Solver(method, {"seed": self.seed})
        if method != "pinn":
            return Solver(method)
        options: dict[str, Any] = {"seed": self.seed, "device": self.device}
        options |= {"settings": self.settings} if self.settings is not None else {}
        return Solver(method, options | ({"checkpoint": self.checkpoints} if self.checkpoints else {}))


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
        if isinstance(self.calibration, MovingCalibration):
            return Estimate(self.problem.states.values[list(self.calibration.rows)], self.calibration.errors)
        if isinstance(self.calibration, GuidedCalibration):
            return self.calibration.estimate
        return None if self.calibration is None else estimate_errors(self.problem, self.calibration, Solver())

    def error(self, value: ArrayLike) -> Array | None:
        """(L, n) estimated error of the generated field at a state; None where no state can be left out."""
        return self.solution.error(value) if isinstance(self.solution, Estimated) else None

    def size(self, value: ArrayLike) -> float | None:
        """Root mean square of `error` over the volume, relative to the known range."""
        return self.solution.size(value) if isinstance(self.solution, Estimated) else None

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
    """

    states: States
    field: str
    points: Array
    generators: tuple[Generator, ...]
    rivalry: Rivalry
    suspects: tuple[Suspect, ...] = ()

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
        return judge(self.states.values, point, generator.size(value), len(self.suspects))

    def warnings(self) -> list[str]:
        """What is wrong with the known states, one sentence each."""
        labels = [self.states.coordinates.label(values) for values in self.states.values]
        return [suspect.text(labels) for suspect in self.suspects]

    def facts(self, value: ArrayLike) -> dict[str, Any]:
        """How the field at a state was made and how far it is to be trusted, as plain data."""
        generator, trust = self.generator(value), self.trust(value)
        told = {"error_estimate": generator.size(value), "trust": trust.word, "trust_reason": trust.reason}
        return generator.describe() | told | ({"suspects": self.warnings()} if self.suspects else {})

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


def generate(
    states: Any,
    at: ArrayLike,
    *,
    field: str = "",
    methods: Sequence[str] = ("fem",),
    bounds: Admissible | None = None,
    search: Search | None = None,
    networks: Networks | None = None,
    rivals: Sequence[str] = (),
    cheap: "Cheap | None" = None,
    report: Report = silent,
    **reading: Any,
) -> Generated:
    """Generate a field at unseen states: calibrate, solve, project on what is admissible, estimate the error.

    Args:
        states: the known states; or files, pyvista grids or arrays of one state each, for `read_states`.
        at: states asked for: a number, (T,) numbers along one coordinate, or (T, m).
        field: name of the field; the only one of the states by default.
        methods: "fem", "pinn", "independent" or several of them.
        bounds: what the field must keep; see `Admissible`.
        search: what may be chosen beside the order of the force; see `Search`.
        networks: how networks are trained.
        rivals: names of `RIVALS` to generate the same states by; those that do not admit the states are left out.
        cheap: states of a cheap model (a coarse mesh, larger steps, simpler physics) at the known states and at those
            asked for, on any mesh of the body, or what `read_states` reads them from; a list of lists of several.
        report: takes lines of progress.
        reading: of `READING`, as `read_states` has them.

    Raises:
        InputError: too few states, states on one line, values that are not finite, or a name that is unknown.
        ConvergenceError: a solver did not reach its tolerance.
    """
    states = _known(states, field, reading)
    for name in rivals:
        if name not in RIVALS:
            raise InputError(f"rival {name!r} is unknown; there are: {', '.join(RIVALS)}")
    points = states.coordinates.points(at)
    if len(states) < 2:
        raise InputError(f"generation needs at least two states with {states.coordinates.name} known, there is one")
    if len(states.coordinates) > 1:
        highest_order(states.values)
    name = field or Problem(states).field
    problem = Problem(states.only(name), admissible=bounds or Admissible())
    networks, search = networks or Networks(), search or Search()
    labels = states.labels
    meshed = labels.location == "point" and len(labels.cells) == 1
    if search.laws and len(states.coordinates) == 1 and not meshed:
        raise InputError(
            f"a law with stiffness needs point labels on a mesh of one kind of cell, not "
            f"{labels.location} data on {', '.join(labels.cells) or 'nameless cells'}: leave the stiffness out"
        )
    solvers = {method: networks.solver(method) for method in methods}
    maps, laws = LabelMaps(problem.states), MotionLaws(problem)
    models = None if cheap is None else cheap_states(cheap, problem.states, name, points, reading)
    generators = tuple(
        make_generator(problem, np.array(group), solvers, search, report, maps=maps, cheap=models, laws=laws)
        for group in sides(states, list(points))
    )
    suspects = find_suspects(data_of(problem))
    more = rivals_with(models) if models is not None and rivals else {}
    return Generated(states, name, points, generators, compete(problem, points, rivals, more=more), suspects)


def cheap_states(cheap: "Cheap", known: States, name: str, points: Array, reading: Mapping[str, Any]) -> CheapModels:
    """Cheap models on the labels of the known states; see `files.cheap_states.cheap_models`."""
    from cmgai_fem.files.cheap_states import cheap_models

    return cheap_models(cheap, known, name, points, reading)


def _known(states: Any, field: str, reading: Mapping[str, Any]) -> States:
    """The known states themselves, or those that files, grids or arrays hold."""
    for name in reading:
        if name not in READING:
            raise InputError(f"generate takes no {name!r}; read_states takes {', '.join(READING)}")
        if isinstance(states, States):
            raise InputError(f"{name}: leave it out; it is for files, and these are states already")
    if isinstance(states, States):
        return states
    from cmgai_fem.files.file_states import read_states

    return read_states(states, field=field or "field", **reading)


def make_generator(
    problem: Problem,
    points: Array,
    solvers: Mapping[str, Solver],
    search: Search,
    report: Report = silent,
    local: bool = True,
    maps: LabelMaps | None = None,
    cheap: CheapModels | None = None,
    laws: MotionLaws | None = None,
) -> Generator:
    """Calibrate and solve for states (T, m) that all lie between the known ones, or all beyond them.

    Args:
        problem: the known states and the bounds of the field.
        points: (T, m) states asked for.
        solvers: by method.
        search: what may be chosen beside the order of the force.
        report: takes lines of progress.
        local: let the weights of the superposition vary over the body.
        maps: label maps of the known states, where another side shares them.
        laws: laws of motion of the known states, the same.
        cheap: cheap models at the known states and at those asked for; laws of motion are not sought then.

    Raises:
        InputError: too few states to tell what cheap models are worth.
    """
    states = problem.states
    inside = bool(inside_hull(states.values, points[0]))
    problem = problem.with_reach(*points)
    where = f"{problem.field}, {'between' if inside else 'beyond'} the known states"
    if len(states) < states.values.shape[1] + 2:
        if cheap is not None:
            least = states.values.shape[1] + 2
            raise InputError(f"{len(states)} states cannot tell what a cheap model is worth: {least} are needed")
        # A line through two states, or a plane through m + 1, is all that they tell.
        plain = replace(problem, force=Least(-1 if len(states) == 2 else 0))
        made = {name: Superposition((solver(plain),), (1.0,)) for name, solver in solvers.items()}
        return Generator(problem, points, inside, None, made)
    calibration = calibrate(problem, points, search=search, local=local)
    if search.state_force and cheap is None and set(solvers) == {"fem"}:
        calibration = find_law(problem, points, calibration, laws or MotionLaws(problem), report)
    elif search.state_force and states.coordinates.is_time:
        report(f"{where}: no law of motion is sought, which finite elements alone have ({', '.join(solvers)})")
    if search.moving and not isinstance(calibration, LawCalibration):
        maps = maps or LabelMaps(states.only(problem.field))
        calibration = let_labels_move(problem, points, calibration, search, maps, local, report)
    guidance = None
    if cheap is not None:
        calibration, guidance = guide(problem, points, calibration, cheap, search, local, report)
    report(f"{where}: {calibration} (left-out error {100 * calibration.error:.3g} %)")
    solutions: dict[str, Answer] = {}
    seconds: dict[str, float] = {}
    for name, solver in solvers.items():
        start = time.perf_counter()
        solutions[name] = calibration.solve(problem, solver)
        seconds[name] = time.perf_counter() - start
        if seconds[name] >= 1.0:
            report(f"{where}: {name} solved in {seconds[name]:.1f} s")
    return Generator(problem, points, inside, calibration, solutions, seconds, guidance)
