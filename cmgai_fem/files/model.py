"""A solved generator as one file, model.safetensors: arrays, and facts in its header; versioned, checked, never pickle.

Kept are the known states with their mesh, and what cannot be made anew from them: the weights of stacked members, the
modes of a motion under a law, the weights of networks. An exact motion is told by its choice, a mass transform by its
axes, the rule of choice by the known states. A loaded model is the same statement and the same blend as before, and
answers the same digits, the estimated error among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cmgai_fem.calibration.blend import Blend, Blended, data_of
from cmgai_fem.calibration.law_calibration import Stated
from cmgai_fem.calibration.mirrored import telling_states
from cmgai_fem.calibration.moved import Mixing, Moved
from cmgai_fem.calibration.rule import RuleOfChoice
from cmgai_fem.calibration.suspects import find_suspects
from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.calibration.trust import Trust, judge
from cmgai_fem.errors import InputError
from cmgai_fem.files.components import data_at, put_field
from cmgai_fem.files.file_states import FileStates
from cmgai_fem.files.kept import damaged, read_kept, write_kept
from cmgai_fem.files.member import keep_member, read_member
from cmgai_fem.files.model_pieces import mesh_arrays, mesh_of, read_pieces, states_facts, write_pieces
from cmgai_fem.files.pieces import PiecedStates
from cmgai_fem.files.snapshot import Snapshot, as_unstructured, find_location, labels_of
from cmgai_fem.files.trust import printable
from cmgai_fem.files.writers import check_folder
from cmgai_fem.machine import agreed
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Field
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Answer, Superposition

if TYPE_CHECKING:
    from mpi4py import MPI

    from cmgai_fem.generated import Generator

FORMAT = "cmgai-fem model"


@dataclass(frozen=True)
class Model:
    """A generator read from a file.

    Args:
        problem: the statement: known states with their mesh, bounds and reach.
        inside: whether it was made for states between the known ones.
        solution: the blended transports.
        facts: how it was made.
    """

    problem: Problem
    inside: bool
    solution: Answer
    facts: Mapping[str, Any]

    @property
    def states(self) -> FileStates:
        """The known states of the field."""
        assert isinstance(self.problem.states, FileStates)
        return self.problem.states

    def at(self, value: ArrayLike) -> Array:
        """The generated field (L, n) at the state `value`, a number or (m,), in the field's unit.

        Raises:
            InputError: the state lies outside what the model was made for.
        """
        return self.solution.at(self._point(value))

    def error(self, value: ArrayLike) -> Array | None:
        """(L, n) estimated error at the state `value`; None where the known states leave none out."""
        return self.solution.error(self._point(value))

    def answer(self, value: ArrayLike, labels: slice = slice(None)) -> tuple[Array, Array | None]:
        """(l, n) generated field of some labels at the state `value`, and `error`: both in one go."""
        return self.solution.on(self._point(value), labels)

    def trust(self, value: ArrayLike) -> Trust:
        """How far the field at the state `value` is to be trusted, and why."""
        point = self._point(value)
        size, numbers = self.solution.size(point), self.solution.numbers(point)
        return judge(self.states.values, point, size, *self._counted, numbers)

    @cached_property
    def _counted(self) -> tuple[int, int]:
        """Known states that do not fit the others, and those that tell something of their own: the same for all."""
        data = data_of(self.problem)
        return len(find_suspects(data)), telling_states(data)

    def _point(self, value: ArrayLike) -> Array:
        """The state (m,), refused where the model was not made for it."""
        coordinates = self.states.coordinates
        count, given = len(coordinates), np.size(value)
        if given != count:
            raise InputError(
                f"this model has {count} state coordinate{'s' if count > 1 else ''}, {coordinates.name}: "
                f"give --at {':'.join('ABC'[:count])}, not {given} numbers"
            )
        point = coordinates.point(value)
        where = coordinates.label(point)
        if count == 1 and self.problem.reach is not None:
            low, high = self.problem.reach
            slack = 1e-9 * (high - low)
            if not low - slack <= point[0] <= high + slack:
                raise InputError(
                    f"{where} is outside what this model answers, {low:g} to {high:g}: generate it from the files anew"
                )
        if count > 1 and inside_hull(self.states.values, point) != self.inside:
            side = "between the known states" if self.inside else "beyond the known states"
            raise InputError(
                f"{where} does not lie {side} as this model's targets did: generate it from the files anew"
            )
        return point

    def __repr__(self) -> str:
        return f"Model({self.problem.field}; {self.facts.get('transport', 'straight')}; {self.states!r})"


def check_model_path(path: Path) -> None:
    """Refuse a model file that could not be written, before any work is done for it."""
    if path.suffix != ".safetensors":
        raise InputError(f"{printable(str(path))}: a model file must end in .safetensors")
    check_folder(path)


def save_model(path: Path, generator: "Generator", method: str = "") -> None:
    """Write a generator to a .safetensors file; of a body in pieces to one more a piece beside it, and collective.

    Args:
        path: the file.
        generator: the generator, of states that `read_states` read.
        method: whose answers to keep; the first method's by default.

    Raises:
        InputError: the ending is another one, the disk does not take it, or a member is of a kind that is not kept.
    """
    check_model_path(path)
    problem, states = generator.problem, generator.problem.states
    pieced = isinstance(states, PiecedStates)
    if not isinstance(states, FileStates) or (states.template is None and not pieced):
        raise InputError("a model needs states of read_states, which takes files, grids and arrays")
    solution = generator.solutions[method] if method else generator.solution
    mixture, arrays = _mixture(solution)
    arrays["states/values"] = states.values
    members = []
    for index, member in enumerate(solution.members):
        told, own = keep_member(member, generator.points)
        members.append(told)
        arrays |= {f"member/{index}/{key}": array for key, array in own.items()}
    bounds = problem.admissible
    facts = {
        "field": problem.field,
        "unit": problem.known.unit,
        "components": list(problem.known.components),
        "coordinates": [[one.name, one.unit] for one in states.coordinates],
        "reach": None if problem.reach is None else list(problem.reach),
        "inside": generator.inside,
        "bounds": vars(bounds),
        "files": [file.name for file in states.files],
        "made": generator.describe(),
        **mixture,
        "members": members,
    }
    if isinstance(states, PiecedStates):
        comm = states.labels.portion.comm
        facts |= write_pieces(path, states)
        agreed(comm, lambda: write_kept(path, FORMAT, facts, arrays) if comm is None or comm.rank == 0 else "")
        return
    assert states.template is not None
    arrays |= {"states/known": problem.known.values} | mesh_arrays(as_unstructured(states.template.grid))
    write_kept(path, FORMAT, facts | {"location": find_location(states.template, problem.field)}, arrays)


def _mixture(solution: Answer) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """How the members are mixed, as facts and arrays.

    Raises:
        InputError: a mixture that is not kept.
    """
    if isinstance(solution, Superposition):
        return {"blend": None, "moving": None}, {"shares": np.array(solution.shares, dtype=float)}
    if isinstance(solution, Stated):
        return {"blend": {"factor": solution.factor}, "moving": None}, {"shares": np.ones(1)}
    if not isinstance(solution, Blended | Moved):
        raise InputError("a transport guided by a cheap model answers at single states: it is not kept as a model")
    blend = (solution.plain if isinstance(solution, Moved) else solution).blend
    told = {"rows": list(blend.rows), "taken": blend.taken, "scale": blend.scale}
    arrays: dict[str, np.ndarray] = {"shares": np.array(blend.stacked, dtype=float)}
    if not isinstance(solution, Moved):
        return {"blend": told, "moving": None}, arrays
    mix = solution.mix
    arrays |= {"moving/plain": mix.plain, "moving/variance": mix.variance, "moving/squared": mix.squared}
    return {"blend": told, "moving": {"order": mix.order, "kind": list(mix.kind)}}, arrays


def load_model(path: Path, comm: "MPI.Comm | None" = None) -> Model:
    """Read a model that `save_model` wrote.

    Args:
        path: the file.
        comm: the ranks that share the pieces of a body that has some; None reads them all. Then it is collective.

    Raises:
        InputError: the file is missing, damaged, of another version, or no model.
    """
    path = Path(path)
    with damaged(path):
        return _assemble(path, *read_kept(path, FORMAT), comm)


def _assemble(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray], comm: "MPI.Comm | None") -> Model:
    values = arrays["states/values"]
    states = read_pieces(path, facts, values, comm) if "pieces" in facts else states_of(path, facts, arrays)
    with np.errstate(over="ignore"):
        if not np.isfinite(np.abs(states.field(str(facts["field"])).values).sum()):
            raise InputError("the known states have no finite range")
    bounds = facts["bounds"]
    rises = tuple(map(bool, bounds["monotone"])) if isinstance(bounds["monotone"], list) else bool(bounds["monotone"])
    # Models of before there was an upper bound do not name it.
    lower, upper = (None if bounds.get(key) is None else float(bounds[key]) for key in ("lower", "upper"))
    reach = facts["reach"]
    problem = Problem(
        states,
        str(facts["field"]),
        reach=None if reach is None else (float(reach[0]), float(reach[1])),
        admissible=Admissible(lower, rises, bool(bounds["ordered"]), upper),
    )
    shares = arrays["shares"]
    members = []
    for index, member in enumerate(facts["members"]):
        prefix = f"member/{index}/"
        own = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
        members.append(read_member(problem, member, own))
    moved = members.pop(0) if facts["moving"] is not None else None
    told, inside = facts["blend"], bool(facts["inside"])
    ruled = 0 if told is None or "factor" in told else len(told["rows"])
    if len(shares) + ruled != len(members) or (shares.ndim > 1 and shares.shape[1:] != (states.labels.count,)):
        raise InputError(f"{shares.shape} weights for {len(members)} members")
    solution: Answer = Superposition(tuple(members), tuple(shares))
    if told is not None and "factor" in told:
        solution = Stated(members[0], float(told["factor"]), data_of(problem))
    elif told is not None:
        rule = RuleOfChoice.of(data_of(problem))
        rows = tuple(int(row) for row in told["rows"])
        if not rows or min(rows) < 0 or max(rows) >= len(rule.weighed):
            raise InputError(f"members {rows} of a rule that has {len(rule.weighed)}")
        blend = Blend(rule, rows, inside, tuple(shares), float(told["taken"]), float(told["scale"]))
        solution = Blended(tuple(members), blend)
        if moved is not None:
            solution = Moved(moved, solution, _mix(problem, facts["moving"], arrays))
    return Model(problem, inside, solution, dict(facts["made"]))


def _mix(problem: Problem, told: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Mixing:
    """How moving labels and label by label are mixed."""
    plain, variance, squared = (arrays[f"moving/{name}"] for name in ("plain", "variance", "squared"))
    name, exponent = told["kind"]
    count, shape = problem.states.labels.count, problem.known.values.shape[1:]
    if (
        plain.shape not in ((1,), (count,))
        or {variance.shape, squared.shape} != {shape}
        or not 1 <= told["order"] < len(problem.states)
    ):
        raise InputError(f"moving labels of order {told['order']} with shares of {plain.shape} labels")
    return Mixing(plain, int(told["order"]), (str(name), float(exponent)), variance, squared)


def states_of(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> FileStates:
    """The known states on their mesh."""
    grid = mesh_of(path, arrays)
    known, name, location = arrays["states/known"], str(facts["field"]), str(facts["location"])
    put_field(data_at(grid, location), name, known[0])
    snapshot, values = Snapshot(path, grid), arrays["states/values"]
    return FileStates(
        labels_of(snapshot, location),
        values=values,
        fields={name: Field(known, str(facts["unit"]), tuple(map(str, facts["components"])))},
        template=snapshot,
        **states_facts(facts, values),
    )
