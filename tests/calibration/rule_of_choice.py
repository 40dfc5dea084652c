"""The rule, and all of `generate`, as one function: for these tests and for batteries of problems (`module:choose`)."""

import numpy as np

from cmgai_fem import Coordinate, Field, Labels, States, generate
from cmgai_fem.calibration.answers import Asked
from cmgai_fem.calibration.evidence import Data
from cmgai_fem.calibration.rule import RuleOfChoice
from cmgai_fem.calibration.suspects import find_suspects
from cmgai_fem.calibration.trust import TRUSTED, judge
from cmgai_fem.states.states import Coordinates


def data_of(places, values):
    places, values = np.asarray(places, dtype=float), np.asarray(values, dtype=float)
    values = values.reshape(len(places), -1)
    return Data(places.reshape(len(places), -1), values, np.full(values.shape[1], 1.0 / values.shape[1]))


def asked(places, values, targets):
    data = data_of(places, values)
    return Asked.at(RuleOfChoice.of(data), np.asarray(targets, dtype=float).reshape(-1, data.places.shape[1]))


def choose(places, values, targets):
    """Values (T, L), standard deviations (T, L), whether each target is trusted, and which states are suspect."""
    found = asked(places, values, targets)
    data = found.rule.data
    suspects = np.zeros(len(places), dtype=bool)
    for one in find_suspects(data):
        suspects[list(one.rows)] = True
    each = zip(found.points, found.size, found.numbers, strict=True)
    words = [judge(data.places, point, size, numbers=numbers).word for point, size, numbers in each]
    return found.values, found.deviation, np.array(words) == TRUSTED, suspects


def generated(places, values, targets):
    """The same of the fields that users get: every member's transport solved, laws of motion and maps looked for."""
    places, targets = (np.asarray(each, dtype=float) for each in (places, targets))
    places, targets = places.reshape(len(values), -1), targets.reshape(len(targets), -1)
    count = values.shape[1]
    labels = Labels(np.arange(count, dtype=float)[:, None], np.full(count, 1.0 / count), {})
    coordinates = Coordinates(tuple(map(Coordinate, "abc"[: places.shape[1]])))
    made = generate(States(labels, coordinates, places, {"f": Field(values[:, :, None], "", ("",))}), targets)
    found = np.array([made.at(point)[:, 0] for point in targets])
    # Where no state can be left out nothing is said of the error.
    errors = [np.zeros((count, 1)) if made.error(point) is None else made.error(point) for point in targets]
    suspects = np.zeros(len(places), dtype=bool)
    for one in made.suspects:
        suspects[list(one.rows)] = True
    words = [made.trust(point).word for point in targets]
    return found, np.array(errors)[:, :, 0], np.array(words) == TRUSTED, suspects
