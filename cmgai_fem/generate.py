"""Generation: a field at unseen states from the known states alone, the rivals beside it.

The command `generate`, the API and the studies of `verify` all do it here, so that they give the same fields. Nothing
in this module has held-out data in its hands: it takes the known states and the states that are asked for.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.blend import data_of
from cmgai_fem.calibration.calibrate import calibrate
from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.cheap import CheapModels
from cmgai_fem.calibration.evidence import Data
from cmgai_fem.calibration.guided import guide
from cmgai_fem.calibration.label_maps import LabelMaps
from cmgai_fem.calibration.law_calibration import LawCalibration
from cmgai_fem.calibration.laws_of_motion import MotionLaws, find_law
from cmgai_fem.calibration.mirrored import telling_states
from cmgai_fem.calibration.moving import let_labels_move
from cmgai_fem.calibration.suspects import find_remarks, find_suspects
from cmgai_fem.calibration.trials import inside_hull, sides
from cmgai_fem.errors import InputError
from cmgai_fem.generated import Generated, Generator
from cmgai_fem.motions.polyharmonic import highest_order
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.progress import Report
from cmgai_fem.rivals import RIVALS
from cmgai_fem.rivals.cheap import rivals_with
from cmgai_fem.rivals.rivalry import compete
from cmgai_fem.solve import CHECK, Solver
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.portion import MOST_WHOLE
from cmgai_fem.states.states import States
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Answer, Superposition

if TYPE_CHECKING:
    from cmgai_fem.files.cheap_states import Cheap

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
    maps, laws, data = LabelMaps(problem.states), MotionLaws(problem), data_of(problem)
    search = for_size(labels, search, report)
    models = None if cheap is None else cheap_states(cheap, problem.states, name, points, reading)
    generators = tuple(
        make_generator(problem, np.array(group), solvers, search, report, maps=maps, cheap=models, laws=laws, data=data)
        for group in sides(states, list(points))
    )
    more = rivals_with(models) if models is not None and rivals else {}
    rivalry = compete(problem, points, rivals, more=more)
    suspects, remarks = find_suspects(data), find_remarks(states, name)
    return Generated(states, name, points, generators, rivalry, suspects, telling_states(data), remarks)


def for_size(labels: Labels, search: Search, report: Report = silent) -> Search:
    """The search, without what looks at all of a body at once where the body is too large for that.

    Raises:
        InputError: what was asked for looks at all of a body, which is read in pieces.
    """
    count, alone = labels.portion.total, labels.portion.alone
    if not alone and (search.laws or search.mass_axes):
        raise InputError("a law with stiffness, or mass, takes all of a body at once, and this one is read in pieces")
    if (count <= MOST_WHOLE and alone) or not (search.moving or search.state_force):
        return search
    report(
        f"{count} labels: they stay where they are and no law of motion is sought, which is done up to {MOST_WHOLE} "
        "labels of one piece; where fronts or pulses move, give a coarser mesh"
    )
    return replace(search, moving=False, state_force=False)


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
    data: Data | None = None,
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
        data: `data_of` the problem, the same.

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
    calibration = calibrate(problem, points, search=search, local=local, data=data)
    if search.state_force and cheap is None and set(solvers) in ({"fem"}, {"pinn"}):
        calibration = find_law(problem, points, calibration, laws or MotionLaws(problem), report)
    elif search.state_force and states.coordinates.is_time:
        report(
            f"{where}: no law of motion is sought, which finite elements or networks solve alone ({', '.join(solvers)})"
        )
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
