"""The rule as one function: for these tests, and for batteries of problems that take `module:choose`."""

import numpy as np

from cmgai_fem.calibration.answers import Asked
from cmgai_fem.calibration.evidence import Data
from cmgai_fem.calibration.rule import RuleOfChoice
from cmgai_fem.calibration.suspects import find_suspects
from cmgai_fem.calibration.trust import TRUSTED, judge


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
