"""Ten sensors at a state beyond the known ones, on the thermal-stress study's own reference solves.

`python sensors.py REFERENCE.npz [STATE]` reads the study's states, takes five of them as known, lays ten stress
sensors of 1 kPa tolerance where the known states say that they tell most, and reads them off the reference at the
unseen state (with normal noise of half the tolerance). It prints by what factor they cut the error, and the state
value that they alone would give.
"""

import sys
from pathlib import Path

import numpy as np

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.estimate import coverage
from cmgai_fem.commands.complete import complete, suggest_places
from cmgai_fem.commands.state_value import estimate_value
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.sensors import Sensor, observe
from cmgai_fem.generate import Networks, make_generator
from cmgai_fem.generated import Generator
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States
from cmgai_fem.transport.problem import Problem

KNOWN = (100.0, 250.0, 400.0, 550.0, 700.0)
COUNT, TOLERANCE, SEED = 10, 1000.0, 0


def run(path: Path, unseen: float) -> dict[str, float]:
    """Errors before and after the sensors, and the state value that they give."""
    everything = read_states(path, field="stress", coordinate="temperature", unit="degC")
    truth = everything.field("stress").values[everything.index(unseen)]
    states = everything.at(KNOWN)
    generator = transport(states.only("stress"), [[unseen]])
    generators = {"stress": generator}
    random = np.random.default_rng(SEED)
    components = states.field("stress").components
    sensors = [
        Sensor(line, label, "stress", components[column], truth[label, column] + noise, TOLERANCE)
        for line, ((label, column), noise) in enumerate(
            zip(suggest_places(generators, "stress", COUNT), random.normal(0.0, TOLERANCE / 2.0, COUNT), strict=True)
        )
    ]
    observations = observe(states, sensors)
    completion = complete(generators, unseen, observations)
    low, high = states.scalars[[0, -1]]
    box = (low - 0.5 * (high - low), high + 0.5 * (high - low))
    between, beyond = (
        {"stress": transport(states.only("stress"), [[end] for end in ends])} for ends in ([0.5 * (low + high)], box)
    )
    estimate = estimate_value(between, beyond, observations, box)
    weights = states.labels.weights
    spread = generator.error(unseen)
    assert spread is not None
    return {
        "error as generated [Pa]": _rms(generator.solution.at(unseen) - truth, weights),
        "error with sensors [Pa]": _rms(completion.made["stress"] - truth, weights),
        "largest sensor misfit before [tolerances]": completion.before,
        "largest sensor misfit after [tolerances]": completion.after,
        "temperature found [degC]": float(estimate.value[0]),
        "its standard deviation [degC]": float(estimate.deviation[0]),
        "coverage of the error estimate": coverage(generator.solution.at(unseen) - truth, spread, weights)
        if spread is not None
        else 0.0,
    }


def transport(states: States, points: list[list[float]]) -> Generator:
    """The calibrated transport to some states."""
    return make_generator(Problem(states), np.array(points), {"fem": Networks().solver("fem")}, Search(), local=False)


def _rms(error: Array, weights: Array) -> float:
    return float(np.sqrt(weights @ np.mean(error**2, axis=1) / weights.sum()))


if __name__ == "__main__":
    for value in [float(text) for text in sys.argv[2:]] or [50.0, 775.0]:
        print(f"unseen state {value:g} degC")
        for name, figure in run(Path(sys.argv[1]), value).items():
            print(f"  {name}: {figure:.5g}")
