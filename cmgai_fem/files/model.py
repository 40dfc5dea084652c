"""A solved generator as a file: `model.safetensors` with a .json beside it, versioned, checked, never pickle.

What is kept are the known states and, for each member of the superposition, the motion of the unit states
(`cardinal`): the weights of the known states at any state value. Answering is then one weighted sum.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvista
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from cmgai_fem.calibration.answers import Generator
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import FileStates, FromFiles
from cmgai_fem.files.snapshot import Snapshot, as_unstructured, check_grid
from cmgai_fem.files.space_model import SpaceModel, space_members, space_model
from cmgai_fem.files.trust import check_memory, check_readable, printable
from cmgai_fem.files.writers import check_folder, write_file
from cmgai_fem.states.axes import PseudoTime
from cmgai_fem.states.states import Array, Coordinate, Coordinates, Field, Labels
from cmgai_fem.transport.cardinal import CardinalAmplitudes
from cmgai_fem.transport.feature_space import Admissible, Scaling
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import ModalPath, Solution

FORMAT = "cmgai-fem model"
VERSION = 1


@dataclass(frozen=True)
class Member:
    """One transport of the superposition, by its unit states.

    Args:
        weight: its weight.
        time: its map from the state coordinate to s.
        scaling: features of the unit states.
        motion: their motion.
    """

    weight: float
    time: PseudoTime
    scaling: Scaling
    motion: ModalPath

    def weights(self, value: float) -> Array:
        """(K,) weights of the known states at a state value."""
        return self.weight * self.scaling.decode(self.motion(float(self.time(value))))[:, 0]


@dataclass(frozen=True)
class Model:
    """A generator read from a file.

    Args:
        states: the known states and their mesh.
        field: name of the generated field.
        members: transports whose weights add up to one.
        reach: lowest and highest state value that it answers.
        spread: (L, n) error estimate; None where two states left none.
        admissible: bounds of the field.
        facts: how it was made.
    """

    states: FileStates
    field: str
    members: tuple[Member, ...]
    reach: tuple[float, float]
    spread: Array | None
    admissible: Admissible
    facts: Mapping[str, Any]

    def targets(self, at: Sequence[Sequence[float]]) -> list[float]:
        """The state values asked for, each given as its coordinates."""
        if any(len(point) != 1 for point in at):
            raise InputError(f"this model has one state coordinate, {self.states.coordinate.name}: give --at VALUE")
        return [point[0] for point in at]

    def at(self, value: float) -> Array:
        """The generated field (L, n) at the state `value`, in the field's unit.

        Raises:
            InputError: the value lies outside what the model was solved for.
        """
        low, high = self.reach
        slack = 1e-9 * (high - low)
        if not low - slack <= value <= high + slack:
            raise InputError(
                f"{self.states.coordinate.label(value)} is outside what this model answers, {low:g} to {high:g}: "
                "generate it from the files anew"
            )
        known = self.states.fields[self.field].values
        weights = sum((member.weights(value) for member in self.members), np.zeros(len(known)))
        field = np.tensordot(weights, known, axes=1)
        return self.admissible.project(value, field, self.states.values, known)


def check_model_path(path: Path) -> None:
    """Refuse a model file that could not be written, before any work is done for it."""
    if path.suffix != ".safetensors":
        raise InputError(f"{printable(str(path))}: a model file must end in .safetensors")
    check_folder(path)


def save_model(path: Path, states: FromFiles[Any], generator: Generator[Any]) -> None:
    """Write a generator to `path` (.safetensors) and what it is to the .json beside it.

    Raises:
        InputError: the ending is another one, or the disk does not take it.
    """
    check_model_path(path)
    if states.template is None:
        raise InputError("a model needs states that were read from files")
    problem = generator.problem
    name = problem.field
    mesh = as_unstructured(states.template.grid)
    arrays: dict[str, np.ndarray] = {
        "states/values": states.values,
        "states/known": states.field(name).values,
        "labels/points": states.labels.points,
        "labels/weights": states.labels.weights,
        "mesh/points": np.asarray(mesh.points),
        "mesh/cells": np.asarray(mesh.cells),
        "mesh/types": np.asarray(mesh.celltypes),
    }
    if generator.left_out is not None:
        arrays["spread"] = generator.left_out.spread
    if isinstance(states, FileStates):
        members, own, further = space_members(generator)
    else:
        members, own, further = _line_members(generator)
    content = save({key: np.ascontiguousarray(array) for key, array in (arrays | own).items()})
    location = "point" if len(states.labels.weights) == mesh.n_points else "cell"
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": hashlib.sha256(content).hexdigest(),
        "field": name,
        "unit": states.field(name).unit,
        "components": list(states.field(name).components),
        "location": _location(states, name, location),
        "admissible": [problem.admissible.lower, problem.admissible.monotone],
        "files": [file.name for file in states.files],
        "made": generator.describe(),
        "members": members,
        **further,
    }
    write_file(path, content)
    write_file(path.with_suffix(".json"), (json.dumps(facts, indent=1) + "\n").encode())


def _line_members(
    generator: Generator[Problem],
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray], dict[str, Any]]:
    """Members, arrays and further facts of a transport along one coordinate."""
    problem, arrays, members = generator.problem, dict[str, np.ndarray](), []
    pairs = zip(generator.solution.members, generator.solution.weights, strict=True)
    for index, (solution, weight) in enumerate(pairs):
        units = _units(solution)
        time, scaling = units.problem.time, units.problem.scaling
        arrays |= {f"member/{index}/{key}": array for key, array in _motion_arrays(units).items()}
        members.append(
            {
                "method": units.method,
                "weight": weight,
                "time": [time.first, time.last, time.kind, time.exponent, time.origin],
                "shift": scaling.shift.tolist(),
                "scale": scaling.scale,
            }
        )
    states = problem.states
    further = {
        "coordinate": [states.coordinate.name, states.coordinate.unit],
        "reach": list(problem.reach or (states.values[0], states.values[-1])),
    }
    return members, arrays, further


def load_model(path: Path) -> Model | SpaceModel:
    """Read a model that `save_model` wrote.

    Raises:
        InputError: a file is missing or damaged, of another version, or the two do not belong together.
    """
    beside = path.with_suffix(".json")
    for file in (path, beside):
        check_readable(file)
    facts = _facts(beside)
    check_memory(path, 2 * path.stat().st_size)
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != facts.get("sha256"):
        raise InputError(f"{printable(str(path))}: is damaged, or {printable(beside.name)} belongs to another model")
    try:
        arrays = load_file(path)
        return _assemble(path, facts, arrays)
    except (SafetensorError, KeyError, ValueError, TypeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{printable(str(path))}: damaged model: {printable(str(error))}") from None


def _facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        raise InputError(f"{printable(str(path))}: damaged: not JSON") from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InputError(f"{printable(str(path))}: is no {FORMAT}")
    if facts.get("version") != VERSION:
        raise InputError(
            f"{printable(str(path))}: model of version {printable(str(facts.get('version')))}, this program reads "
            f"version {VERSION}: generate it anew with --save-model"
        )
    return facts


def _assemble(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Model | SpaceModel:
    grid = pyvista.UnstructuredGrid(arrays["mesh/cells"], arrays["mesh/types"], arrays["mesh/points"])
    check_grid(path, grid)
    known, name = arrays["states/known"], str(facts["field"])
    data = grid.point_data if facts["location"] == "point" else grid.cell_data
    data[name] = known[0] if known.shape[2] > 1 else known[0, :, 0]
    labels = Labels(arrays["labels/points"], arrays["labels/weights"], {})
    fields = {name: Field(known, str(facts["unit"]), tuple(map(str, facts["components"])))}
    values, files = arrays["states/values"], tuple(Path(str(file)) for file in facts["files"])
    if "coordinates" in facts:
        each = tuple(Coordinate(*map(str, coordinate)) for coordinate in facts["coordinates"])
        first = tuple(float(part) for part in values[0])
        scattered = FileStates(labels, Coordinates(each), values, fields, Snapshot(path, grid), first, files)
        return space_model(scattered, name, facts, arrays)
    coordinate = Coordinate(*map(str, facts["coordinate"]))
    states = FileStates(labels, coordinate, values, fields, Snapshot(path, grid), float(values[0]), files)
    members = []
    for index, member in enumerate(facts["members"]):
        first, last, kind, exponent, origin = member["time"]
        prefix = f"member/{index}/"
        own = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
        members.append(
            Member(
                float(member["weight"]),
                PseudoTime(float(first), float(last), str(kind), float(exponent), float(origin)),
                Scaling(np.asarray(member["shift"], dtype=float), float(member["scale"])),
                _READERS[str(member["method"])](own),
            )
        )
    lower, monotone = facts["admissible"]
    low, high = facts["reach"]
    admissible = Admissible(None if lower is None else float(lower), bool(monotone))
    return Model(
        states, name, tuple(members), (float(low), float(high)), arrays.get("spread"), admissible, dict(facts["made"])
    )


def _location(states: FromFiles[Any], name: str, default: str) -> str:
    grid = states.template.grid if states.template else None
    if grid is not None and name in grid.point_data:
        return "point"
    return "cell" if grid is not None and name in grid.cell_data else default


def _units(solution: Solution) -> Solution:
    motion = solution.motion
    if not isinstance(motion, ModalPath) or not isinstance(motion.amplitudes, CardinalAmplitudes):
        raise InputError(f"field {solution.problem.field!r}: this transport was not carried by unit states")
    return motion.amplitudes.units


def _motion_arrays(units: Solution) -> dict[str, np.ndarray]:
    if units.method == "pinn":
        from cmgai_fem.pinn.export import export_weights

        return dict(export_weights(units))
    from cmgai_fem.fem.modal_curves import ModalAmplitudes

    motion = units.motion
    if not isinstance(motion, ModalPath) or not isinstance(motion.amplitudes, ModalAmplitudes):
        raise InputError("only modal transports are written to model files")
    arrays: dict[str, np.ndarray] = {"origin": motion.origin, "shapes": motion.shapes}
    for index, curve in enumerate(motion.amplitudes.curves):
        arrays[f"curve/{index}/knots"] = curve.elements.knots
        arrays[f"curve/{index}/degree"] = np.array([curve.elements.degree])
        arrays[f"curve/{index}/coefficients"] = curve.coefficients
    return arrays


def _fem_motion(arrays: Mapping[str, np.ndarray]) -> ModalPath:
    from cmgai_fem.fem.modal_curves import ModalAmplitudes, ModalCurve
    from cmgai_fem.motions.state_splines import StateElements

    count = len({key.split("/")[1] for key in arrays if key.startswith("curve/")})
    curves = tuple(
        ModalCurve(
            StateElements(arrays[f"curve/{index}/knots"], int(arrays[f"curve/{index}/degree"][0])),
            arrays[f"curve/{index}/coefficients"],
        )
        for index in range(count)
    )
    return ModalPath(arrays["origin"], arrays["shapes"], ModalAmplitudes(curves))


def _pinn_motion(arrays: Mapping[str, np.ndarray]) -> ModalPath:
    from cmgai_fem.pinn.export import motion_from_weights

    return motion_from_weights(arrays)


_READERS: dict[str, Callable[[Mapping[str, np.ndarray]], ModalPath]] = {"fem": _fem_motion, "pinn": _pinn_motion}
