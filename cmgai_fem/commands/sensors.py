"""`cmgai-fem generate --sensors`: one state that sensors know in part, of known or of unknown value."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.calibration.cheap import CheapModels
from cmgai_fem.calibration.label_maps import LabelMaps
from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.commands.answers import as_points, fields_of, motion_of, output_paths, write_answer
from cmgai_fem.commands.complete import complete
from cmgai_fem.commands.generate import describe_choice, describe_states
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.commands.state_value import estimate_value
from cmgai_fem.errors import InputError
from cmgai_fem.files.cheap_states import cheap_models
from cmgai_fem.files.file_states import FileStates
from cmgai_fem.files.sensors import observe, read_sensors
from cmgai_fem.files.trust import printable
from cmgai_fem.generate import Networks, make_generator, silent
from cmgai_fem.generated import Generator
from cmgai_fem.progress import Report
from cmgai_fem.states.labels import Array
from cmgai_fem.study.field_file import Point
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.problem import Problem


def complete_state(
    inputs: Inputs,
    at: Sequence[float | Sequence[float]],
    out: Path,
    table: Path,
    *,
    box: Sequence[tuple[float, float]] | None = None,
    method: str = "fem",
    networks: Networks | None = None,
    force: bool = False,
    report: Report = print,
) -> Path:
    """Generate one state that sensors know in part.

    Args:
        inputs: what is known, and what may be chosen.
        at: the state, a value or one a coordinate; empty where the sensors tell it.
        out: the file to write.
        table: .csv table of what is known of the state; the generated field honours it.
        box: lowest and highest value of each coordinate where the sensors are to tell it; half a range beyond the known
            states by default.
        method: "fem", "pinn" or "independent".
        networks: how networks are trained.
        force: the result may replace files that this program did not write.
        report: takes lines of progress.

    Returns:
        The file written.

    Raises:
        InputError: files, sensors or output are not usable, or sensors contradict each other.
        ConvergenceError: a solver did not reach its tolerance.
    """
    targets = inputs.targets(as_points(at))
    if len(targets) > 1:
        raise InputError(f"sensors belong to one state, {len(at)} are asked for: give one --at, or none to find it")
    nowhere: Point = (0.0,) * len(inputs.coordinates)
    if inputs.cheap and not targets:
        raise InputError("a cheap model is known at single states: give the state by --at, sensors cannot seek it then")
    (path,) = output_paths(out, targets or [nowhere], (*inputs.sources, table), force=force)
    sensors = read_sensors(table, inputs.field)
    names = list(dict.fromkeys([inputs.field, *(sensor.field for sensor in sensors)]))
    states = inputs.read(names)
    describe_states(states, report)
    observations = observe(states, sensors)
    read = inputs.read_cheap()
    known = states.only(inputs.field)
    cheap = None if read is None else cheap_models(read, known, inputs.field, np.array(targets))
    makers = _Makers(inputs, states, names, method, networks or Networks(), cheap, report)
    facts: dict[str, Any] = {"sensors": table.name}
    if targets:
        value = targets[0]
    else:
        ends = np.array(_box(states) if box is None else box, dtype=float)
        values = states.values
        between = makers.generators(np.array([values.mean(axis=0)]))
        beyond = makers.generators(np.array(list(product(*ends))))
        found = estimate_value(between, beyond, observations, ends)
        value = tuple(float(part) for part in found.value)
        give = ", ".join(f"{2.0 * part:.2g}" for part in found.deviation)
        report(f"the sensors fit best at {states.coordinates.label(value)}, give or take {give}")
        facts["value_deviation"] = found.deviation.tolist() if len(value) > 1 else float(found.deviation[0])
    made = makers.generators(np.array([value]))
    completion = complete(made, value, observations)
    describe_choice(made[inputs.field], report)
    for line in completion.lines(len(sensors), "sensors", "at these places", "% of the known range", "field"):
        report(line)
    if completion.tested is not None:
        facts["left_out"] = list(completion.tested)
    facts["corrected"] = completion.taken
    generator = made[inputs.field]
    spread = None if generator.estimate is None else generator.estimate.spread
    fields = fields_of(
        inputs.field, completion.made[inputs.field], spread if completion.taken else generator.error(value)
    ) | motion_of(generator.motion(value))
    facts |= generator.describe() | {"misfit": [completion.before, completion.after]}
    write_answer(states.grid(**fields), states, value, fields, path, facts)
    report(f"{states.coordinates.label(value)}: {printable(str(path))}")
    return path


class _Makers:
    """Makes the transports of all fields that are measured; bounds and mass are those of the generated field alone."""

    def __init__(
        self,
        inputs: Inputs,
        states: FileStates,
        names: list[str],
        method: str,
        networks: Networks,
        cheap: CheapModels | None,
        report: Report,
    ) -> None:
        self._problems = {
            name: Problem(states.only(name), admissible=inputs.bounds if name == inputs.field else Admissible())
            for name in names
        }
        search = inputs.search
        self._searches = {name: search if name == inputs.field else replace(search, mass_axes=()) for name in names}
        self._maps = {name: LabelMaps(problem.states) for name, problem in self._problems.items()}
        self._solvers = {method: networks.solver(method)}
        # Cheap models have the field that is generated alone.
        self._cheap = {name: cheap if name == inputs.field else None for name in names}
        self._report = report if cheap is not None else silent

    def generators(self, points: Array) -> dict[str, Generator]:
        """Calibrated transports that reach states (T, m); if one lies beyond the known states, calibrated for there."""
        known = next(iter(self._problems.values())).states.values
        ordered = np.array(sorted(points, key=lambda point: inside_hull(known, point)))
        return {
            # What sensors correct lies in the span of the known states, which weights that vary over the body leave.
            name: make_generator(
                problem,
                ordered,
                self._solvers,
                self._searches[name],
                self._report,
                local=False,
                maps=self._maps[name],
                cheap=self._cheap[name],
            )
            for name, problem in self._problems.items()
        }


def _box(states: FileStates) -> list[tuple[float, float]]:
    """Half a range beyond the known states, in each coordinate."""
    low, high = states.values.min(axis=0), states.values.max(axis=0)
    return [(float(a - 0.5 * (b - a)), float(b + 0.5 * (b - a))) for a, b in zip(low, high, strict=True)]
