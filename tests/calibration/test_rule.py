"""The rule of choice: exact where the data are exact, and never surer of itself than it may be."""

import numpy as np
import pytest
from rule_of_choice import asked, choose, generated

STATES = np.array([100.0, 250.0, 400.0, 550.0, 700.0])
# Sweeps whose leave-one-out errors vanish identically though the answer is far off.
SWEEPS = [
    ((-3, -1, 1, 3), 2.0, lambda v: 1 / (1 + v * v)),
    ((-5, -3, -1, 1, 3, 5), 4.0, lambda v: 1 / (1 + v * v)),
    ((-5, -3, -1, 1, 3, 5), 4.5, np.abs),
    ((-2, -1, 0, 1, 2), 1.5, lambda v: np.tanh(2 * v)),
    ((-2, -1, 0, 1, 2), 3.0, lambda v: np.tanh(2 * v)),
]
# One left-out end state would decide among all choices; the share of the range that may be got wrong.
ONE_DATUM = [
    (50.0, lambda t: 1 / (1 + t / 200), 0.08),
    (50.0, lambda t: np.tanh((t - 400) / 150), 0.02),
    (775.0, lambda t: np.sin(t / 200), 0.2),
    (50.0, lambda t: np.exp(-t / 300), 0.02),
]


@pytest.mark.parametrize(("known", "target", "truth"), SWEEPS)
def test_a_symmetric_sweep_does_not_make_the_estimate_vanish(known, target, truth):
    known = np.array(known, dtype=float)
    values = truth(known)[:, None]
    found, deviation, _, _ = choose(known, values, np.array([target]))
    error = abs(found[0, 0] - truth(target))
    assert error < 3.0 * deviation[0, 0]
    assert error < 0.4 * np.ptp(values)


@pytest.mark.parametrize("seed", range(12))
def test_what_is_generated_is_what_the_rule_promises(seed):
    """The rule has its weights from forms, generation from solved transports: neither may lose digits the other has."""
    random = np.random.default_rng(seed)
    places = np.cumsum(random.uniform(0.7, 1.3, int(random.integers(9, 21))))
    scale = random.uniform(0.5, 1.5, 3)
    values = (np.sin(0.4 * places[:, None] + 6.0 * scale), scale * places[:, None] ** 0.3)[seed % 2]
    width = np.ptp(places)
    for targets in (
        places[0] + width * np.array([0.01, 0.37, 0.62]),
        places[[0, -1]] + width * np.array([-0.07, 0.04]),
    ):
        promised, found = choose(places, values, targets), generated(places, values, targets)
        # Members without a share worth a solve are left out of what is generated.
        near = 1e-6 * np.ptp(values) + 0.1 * promised[1]
        assert np.all(np.abs(found[0] - promised[0]) <= near)
        assert np.all(np.abs(found[1] - promised[1]) <= near)
        assert np.array_equal(found[2], promised[2])


@pytest.mark.parametrize(("target", "truth", "share"), ONE_DATUM)
def test_beyond_the_states_no_single_datum_decides(target, truth, share):
    values = truth(STATES)[:, None]
    found, deviation, _, _ = choose(STATES, values, np.array([target]))
    error = abs(found[0, 0] - truth(target))
    assert error < share * np.ptp(values)
    assert error < 3.0 * deviation[0, 0]


def test_several_labels_of_a_square_root_and_a_sine_are_not_trusted_far_out():
    times, places = np.linspace(0.1, 2.0, 7), np.linspace(0.0, 1.0, 21)
    field = lambda t: np.sqrt(t) * places + np.sin(3.0 * t) * places**2  # noqa: E731
    values = np.array([field(t) for t in times])
    found, deviation, trusted, _ = choose(times, values, np.array([2.4]))
    error = np.sqrt(np.mean((found[0] - field(2.4)) ** 2))
    assert error < 0.1 * np.ptp(values)
    assert error < 3.0 * np.sqrt(np.mean(deviation[0] ** 2))
    assert not trusted[0]


@pytest.mark.parametrize(("count", "share"), [(5, 1e-4), (6, 1e-6), (9, 1e-8)])
def test_a_cubic_is_exact_where_two_left_out_errors_can_tell(count, share):
    """Through five states the cubic is beyond the tested orders: it is taken for what the orders below it gained."""
    cubic = lambda s: 3.0 - s + 2.0 * (s / 300.0) ** 2 - (s / 400.0) ** 3  # noqa: E731
    known = np.linspace(100.0, 700.0, count)
    found = asked(known, cubic(known), [320.0, 610.0])
    error = np.abs(found.values[:, 0] - cubic(found.points[:, 0]))
    assert np.all(error < share * np.ptp(cubic(known)))
    assert np.all(error < 3.0 * found.deviation[:, 0])


def test_a_straight_line_is_exact_and_known_to_be():
    found = asked(STATES, 2.0 * STATES - 5.0, [130.0, 775.0, 1000.0])
    np.testing.assert_allclose(found.values[:, 0], 2.0 * found.points[:, 0] - 5.0, rtol=1e-12)
    assert np.all(found.deviation < 1e-7 * 1200.0)


def test_a_label_that_is_straight_before_its_kink_stays_straight_there():
    known = np.linspace(0.0, 7.0, 8)
    kinked = lambda s: np.stack([np.maximum(s - 4.5, 0.0), np.maximum(s - 3.2, 0.0) ** 2], axis=-1)  # noqa: E731
    found = asked(known, kinked(known), [0.5, 1.5, 2.5, -1.0])
    np.testing.assert_allclose(found.values, 0.0, atol=1e-14)
    assert np.all(found.deviation[:3, 0] < 1e-5)


def test_the_straight_middle_of_an_odd_sweep_is_not_taken_for_a_straight_run():
    known = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    assert asked(known, np.tanh(known), [0.5]).on_line(slice(0, 1)) is None


def test_copies_of_one_label_change_nothing():
    values = np.exp(-STATES / 300.0)
    once, often = (asked(STATES, np.tile(values[:, None], (1, count)), [175.0, 775.0]) for count in (1, 50))
    np.testing.assert_allclose(once.shares, often.shares, rtol=1e-6)
    np.testing.assert_allclose(once.deviation[:, :1], often.deviation[:, :1], rtol=1e-6)


def test_units_of_coordinate_and_values_change_nothing():
    values = np.stack([np.exp(-STATES / 300.0), np.sin(STATES / 200.0)], axis=1)
    plain = asked(STATES, values, [175.0, 775.0])
    other = asked(1e-3 * STATES, 1e6 * values, [0.175, 0.775])
    np.testing.assert_allclose(other.shares, plain.shares, rtol=1e-6)
    np.testing.assert_allclose(other.deviation, 1e6 * plain.deviation, rtol=1e-6)


def test_the_estimate_vanishes_at_known_states_and_grows_beyond_them():
    values = np.stack([np.exp(-STATES / 300.0), np.sin(STATES / 200.0)], axis=1)
    found = asked(STATES, values, [400.0, 400.1, 475.0, 740.0, 800.0, 1000.0])
    np.testing.assert_allclose(found.values[0], values[2], rtol=1e-14)
    assert found.size[0] < 1e-12
    assert np.all(np.diff(found.size) > 0.0)


def test_what_is_asked_beside_a_target_does_not_change_its_answer():
    values = np.exp(-STATES / 300.0)
    alone, among = asked(STATES, values, [775.0]), asked(STATES, values, [775.0, 175.0, -400.0, 5000.0])
    np.testing.assert_allclose(alone.values[0], among.values[0], rtol=1e-12)
    np.testing.assert_allclose(alone.deviation[0], among.deviation[0], rtol=1e-12)


def test_over_two_coordinates_the_estimate_holds_and_falls_to_nothing_at_a_state():
    random = np.random.default_rng(0)
    states, targets = random.uniform(0.0, 1.0, (24, 2)), random.uniform(0.2, 0.8, (40, 2))
    truth = lambda p: np.stack([np.exp(-p[:, 0]) * (1.0 + p[:, 1]), np.sin(2.0 * p[:, 0] + p[:, 1])], axis=1)  # noqa: E731
    found = asked(states, truth(states), np.vstack([targets, states[:1]]))
    error = np.abs(found.values[:-1] - truth(targets))
    assert np.mean(error <= 2.0 * found.deviation[:-1]) > 0.9
    assert np.sqrt(np.mean(error**2)) < 0.02
    assert found.size[-1] < 1e-6 * found.size[:-1].mean()
