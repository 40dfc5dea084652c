"""Members asked together say what each says by itself."""

import numpy as np
import pytest

from cmgai_fem.calibration.gaps import MOST_TABULATED, Together
from cmgai_fem.calibration.members import LINEAR, members_over

SPACINGS = {
    "even": np.linspace(200.0, 400.0, 5),
    "uneven": np.array([1.0, 1.2, 2.9, 3.0, 4.4, 5.0]),
    "decades": np.logspace(-3.0, 3.0, 6),
    "three": np.array([1.0, 2.0, 4.0]),
}


def together(known, kind):
    members = [one for one in members_over(known[:, None]) if one.kinds == (kind,)]
    return Together(tuple(members)), members


def targets(known):
    """Between all states and near them, at them, beyond them, in no order."""
    rng, width = np.random.default_rng(0), np.ptp(known)
    inside = rng.uniform(known[0], known[-1], 40)
    found = np.concatenate([known[1:] - 1e-6 * np.diff(known), inside, known, [known[-1] + 0.3 * width]])
    return rng.permutation(found)[:, None]


@pytest.mark.parametrize("kind", [LINEAR, ("log", 1.0), ("power", 2.0)])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_together_they_say_what_each_says(spacing, kind) -> None:
    known = SPACINGS[spacing]
    each, members = together(known, kind)
    points = targets(known)
    said = each.ask(points)
    assert said.weights.shape == (len(members), len(points), len(known))
    for row, member in enumerate(members):
        alone = member.ask(points)
        np.testing.assert_allclose(said.weights[row], alone.weights, rtol=0.0, atol=1e-13 * np.abs(alone.weights).max())
        spread, own = np.sqrt(said.variance[row]), np.sqrt(alone.variance)
        np.testing.assert_allclose(spread, own, rtol=0.0, atol=1e-9 * own.max())
        assert np.array_equal(said.usable[row], alone.usable)
        assert np.array_equal(said.distance[row], alone.distance)


def test_a_target_is_told_the_same_in_any_company() -> None:
    each, _ = together(SPACINGS["uneven"], LINEAR)
    points = targets(SPACINGS["uneven"])
    said = each.ask(points)
    for row in range(len(points)):
        np.testing.assert_allclose(each.ask(points[[row]]).weights, said.of(row).weights, rtol=1e-14, atol=1e-15)


def test_straight_pieces_and_the_bridge_between_two_states_are_exact() -> None:
    each, members = together(np.array([0.0, 1.0, 3.0]), LINEAR)
    said = each.ask(np.array([[1.5]]))
    assert members[0].order == 1
    np.testing.assert_allclose(said.weights[0, 0], [0.0, 0.75, 0.25], atol=1e-15)
    # Brownian bridge over a third of the known range and two: (b - s)(s - a) / (b - a).
    np.testing.assert_allclose(said.variance[0, 0], (0.5 / 3.0) * (1.5 / 3.0) / (2.0 / 3.0), rtol=1e-14)


def test_of_many_states_each_member_is_asked_itself() -> None:
    known = np.linspace(0.0, 1.0, MOST_TABULATED + 1)
    each, members = together(known, LINEAR)
    points = np.array([[0.03], [0.51]])
    np.testing.assert_array_equal(each.ask(points).weights, [one.ask(points).weights for one in members])


def test_no_target_is_told_nothing() -> None:
    each, members = together(SPACINGS["even"], LINEAR)
    assert each.ask(np.zeros((0, 1))).weights.shape == (len(members), 0, 5)
