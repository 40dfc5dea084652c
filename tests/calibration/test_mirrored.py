"""States that mirror each other tell half as much, whatever the field; others tell what they are."""

import numpy as np
import pytest

from cmgai_fem.calibration.evidence import Data
from cmgai_fem.calibration.mirrored import telling_states
from cmgai_fem.calibration.trust import CARE, NOT, TRUSTED, judge

X = np.linspace(0.0, 1.0, 7)
BOTH, ODD_COUNT = np.array([-5.0, -3.0, -1.0, 1.0, 3.0, 5.0]), np.array([-2.0, -1.0, 0.0, 1.0, 2.0])


def told(places, field) -> int:
    values = np.stack([field(s) for s in places])
    return telling_states(Data(np.asarray(places)[:, None], values, np.full(len(X), 1.0 / len(X))))


@pytest.mark.parametrize(
    ("places", "field", "count"),
    [
        (BOTH, lambda s: X / (1.0 + s**2) + np.abs(s), 3),
        (ODD_COUNT, lambda s: 3.0 + np.tanh(2.0 * s * (1.0 - 0.6 * X)), 3),
        (BOTH + 40.0, lambda s: X / (1.0 + (s - 40.0) ** 2), 3),
        (BOTH, lambda s: 2.0 + 3.0 * s * X, 6),
        (BOTH, lambda s: np.exp(0.3 * s) * X, 6),
        (BOTH[1:], lambda s: X / (1.0 + s**2), 5),
        (BOTH, lambda s: 4.0 + 0.0 * X, 6),
    ],
)
def test_states_that_mirror_each_other_count_once(places, field, count) -> None:
    assert told(places, field) == count
    backwards = list(places[::-1])
    assert told(backwards, field) == count


def test_over_several_coordinates_none_mirrors() -> None:
    places = np.stack(np.meshgrid([-1.0, 1.0], [-1.0, 1.0]), axis=-1).reshape(-1, 2)
    assert telling_states(Data(places, np.abs(places), np.full(2, 0.5))) == 4


def test_few_that_tell_are_taken_with_care() -> None:
    known = BOTH[:, None]
    assert judge(known, np.array([0.0]), 0.01).word == TRUSTED
    word = judge(known, np.array([0.0]), 0.01, telling=3)
    assert word.word == CARE
    assert word.reason.startswith("six states that mirror each other and tell as much as three")
    assert judge(known, np.array([6.0]), 0.01, telling=3).word == NOT
