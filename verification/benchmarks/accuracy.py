"""Accuracy against cost: NRMSE over the number of known states, every method, on smooth cases of the gauntlet."""

import sys
import time
from pathlib import Path

import numpy as np
from timing import Row

from cmgai_fem.errors import CmgaiError
from cmgai_fem.generate import generate
from cmgai_fem.metrics import nrmse
from cmgai_fem.rivals import RIVALS
from cmgai_fem.rivals.rivalry import compete
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.transport.problem import Problem

TITLE = "Accuracy against cost"
NOTE = """Cases of the gauntlet whose field is known in closed form, posed anew with 3, 5, 7 and 9 known states
equally spaced over their known range; the error is the largest NRMSE [%] at six states between, the cost the known
states themselves (each a reference solve) and the seconds of fit and prediction of all six at nine states."""
GAUNTLET = Path(__file__).parents[1] / "gauntlet"
COUNTS = (3, 5, 7, 9)
CASES = {"standing": ("smooth", "saturating", "kinked"), "moving": ("front on a bar",)}
OURS = "cmgai-fem"


def posed(module: str, name: str, count: int) -> tuple[States, np.ndarray, np.ndarray]:
    """Known states, states asked for, (T, L, n) truth."""
    cases = study_module(GAUNTLET, module).CASES
    question, truth = next(case for case in cases if case.name == name).posed(0)
    ends = question.known.values.min(), question.known.values.max()
    known, asked = np.linspace(*ends, count)[:, None], np.linspace(*ends, 14)[1:-1:2][:, None]
    field = question.known.field("u")
    values = Field(truth(known), field.unit, field.components)
    states = States.of(question.known.labels, Coordinate("s"), known[:, 0], {"u": values})
    return states, asked, truth(asked)


def answers(states: States, asked: np.ndarray, quick: bool) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Fields (T, L, n) and seconds of each method that admits the states."""
    fields, seconds = {}, {}
    start = time.perf_counter()
    made = generate(states, asked)
    fields[OURS] = np.array([made.at(point) for point in asked])
    seconds[OURS] = time.perf_counter() - start
    problem = Problem(states).with_reach(*asked)
    for name in ("linear", "natural_spline") if quick else RIVALS:
        start = time.perf_counter()
        try:
            fields |= compete(problem, asked, [name], left_out=False).fields
        except CmgaiError as error:
            print(f"{name} with {len(states)} states: {error}", file=sys.stderr)
        seconds[name] = time.perf_counter() - start
    return fields, seconds


def tables(quick: bool) -> dict[str, list[Row]]:
    """The comparison."""
    found: dict[str, list[Row]] = {}
    for module, names in ({"standing": ("smooth",)} if quick else CASES).items():
        for name in names:
            rows: dict[str, Row] = {}
            seconds: dict[str, float] = {}
            for count in COUNTS[:2] if quick else COUNTS:
                states, asked, truth = posed(module, name, count)
                fields, seconds = answers(states, asked, quick)
                for method, made in fields.items():
                    row = rows.setdefault(method, {"method": method})
                    row[str(count)] = 100.0 * max(float(nrmse(*pair)) for pair in zip(made, truth, strict=True))
            # Those of the last, the greatest, number of states.
            for method, row in rows.items():
                row["seconds"] = seconds[method]
            found[f"{name}: largest NRMSE [%] over the number of known states"] = list(rows.values())
    return found
