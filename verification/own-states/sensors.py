"""Ten sensors at a state beyond the known ones, on the thermal-stress study's own reference solves.

`python sensors.py REFERENCE.npz [STATE]` reads the study's states, takes five of them as known, lays ten stress
sensors of 1 kPa tolerance where the known states say that they tell most, and reads them off the reference at the
unseen state (with normal noise of half the tolerance). It prints by what factor they cut the error, and the state
value that they alone would give.
"""

import sys
from pathlib import Path

import numpy as np

from cmgai_fem.calibration.answers import coverage, make_generator
from cmgai_fem.commands.complete import complete, suggest_places
from cmgai_fem.commands.state_value import estimate_value
from cmgai_fem.files import read_states
from cmgai_fem.files.sensors import Sensor, observe
from cmgai_fem.states.states import Array

KNOWN = (100.0, 250.0, 400.0, 550.0, 700.0)
COUNT, TOLERANCE, SEED = 10, 1000.0, 0


def run(path: Path, unseen: float) -> dict[str, float]:
    """Errors before and after the sensors, and the state value that they give."""
    everything = read_states(path, field="stress", coordinate="temperature", unit="degC")
    truth = everything.field("stress").values[everything.index(unseen)]
    states = everything.at(KNOWN)
    generator = make_generator(states, "stress", [unseen])
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
    span = states.values[-1] - states.values[0]
    search = (float(states.values[0] - 0.5 * span), float(states.values[-1] + 0.5 * span))
    wide = {"stress": make_generator(states, "stress", list(search))}
    estimate = estimate_value(wide, observations, search)
    weights = states.labels.weights
    spread = generator.left_out.spread if generator.left_out else np.zeros_like(truth)
    return {
        "error as generated [Pa]": _rms(generator.solution.at(unseen) - truth, weights),
        "error with sensors [Pa]": _rms(completion.fields["stress"] - truth, weights),
        "largest sensor misfit before [tolerances]": completion.before,
        "largest sensor misfit after [tolerances]": completion.after,
        "temperature found [degC]": estimate.value,
        "its standard deviation [degC]": estimate.deviation,
        "coverage of the error estimate": coverage(generator.solution.at(unseen) - truth, spread, weights),
    }


def _rms(error: Array, weights: Array) -> float:
    return float(np.sqrt(weights @ np.mean(error**2, axis=1) / weights.sum()))


if __name__ == "__main__":
    for value in [float(text) for text in sys.argv[2:]] or [50.0, 775.0]:
        print(f"unseen state {value:g} degC")
        for name, figure in run(Path(sys.argv[1]), value).items():
            print(f"  {name}: {figure:.5g}")
