"""Measures, levels, suggestions and sensitivities of fields that are known exactly."""

import numpy as np
import pytest

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.errors import InputError
from cmgai_fem.generate import generate
from cmgai_fem.limited import limit_formula, limited
from cmgai_fem.measures import Measure
from cmgai_fem.metrics import von_mises
from cmgai_fem.questions import curve, find, suggest
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Coordinate, Coordinates, Field, States
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem

X = np.linspace(0.0, 1.0, 80)
LABELS = labels_on_points(X[:, None], 1.0 + X)


def states_of(function, values, components=("",)) -> States:
    fields = np.array([np.reshape(function(value), (len(X), -1)) for value in values])
    return States(
        LABELS, Coordinate("T", "degC"), np.asarray(values, dtype=float), {"f": Field(fields, "Pa", components)}
    )


def read(text, components=("",)):
    return Measure.read(text, LABELS, components)


def test_measures_of_a_known_field():
    stress = np.random.default_rng(0).normal(size=(len(X), 6))
    equivalent = von_mises(stress)
    largest = read("max:von_mises", SYMMETRIC_TENSOR).of(stress)
    assert largest.value == largest.low == largest.high == equivalent.max()
    assert largest.place[0] == X[np.argmax(equivalent)]
    assert read("min:xy", SYMMETRIC_TENSOR).of(stress).value == stress[:, 3].min()
    assert read("mean:norm", SYMMETRIC_TENSOR).of(stress).value == pytest.approx(
        np.average(np.linalg.norm(stress, axis=1), weights=1.0 + X)
    )
    assert read("at@0.503:zz", SYMMETRIC_TENSOR).of(stress).value == stress[np.argmin(np.abs(X - 0.503)), 2]


def test_the_band_of_a_linear_measure_is_two_deviations_and_of_a_maximum_covers_every_place():
    field, error = np.sin(3.0 * X)[:, None], 0.1 * (1.0 + X)[:, None]
    mean = read("mean").of(field, error)
    assert mean.high - mean.value == pytest.approx(2.0 * np.average(error[:, 0], weights=1.0 + X))
    largest = read("max").of(field, error)
    assert largest.high == pytest.approx((field + 2.0 * error).max())
    assert largest.low == pytest.approx((field - 2.0 * error).max())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("largest", "write max, min, mean or at@X,Y,Z"),
        ("max:yy", "no component 'yy'"),
        ("max:von_mises", "a von Mises stress has 6 components, the field 1"),
        ("at:norm", "write max"),
        ("at@1,2", "a place has 1 numbers here, not 2"),
        ("at@left", "is no place"),
        ("max@material=2", "parts are known of states that were read from files"),
        ("max@material", "write a part as FIELD=VALUE"),
    ],
)
def test_a_measure_that_is_none_is_one_line(text, message):
    with pytest.raises(InputError, match=message):
        read(text)
    with pytest.raises(InputError, match="say of which component: x, y, or norm"):
        read("max", ("x", "y"))


def test_levels_of_an_exact_field_are_found_each_with_its_band():
    truth = lambda v: (v / 100.0) * np.exp(-v * X / 500.0)  # noqa: E731
    known = np.linspace(100.0, 700.0, 6)
    made = generate(states_of(truth, known), [150.0, 800.0])
    (found,) = find(made, read("max"), 5.123, (100.0, 800.0))
    assert found.value == pytest.approx(512.3, rel=1e-5)
    assert found.low <= 512.3 <= found.high
    assert found.high - found.low < 20.0
    assert found.place[0] == 0.0
    # The mean rises to a level and falls again.
    means = lambda v: np.average(truth(v), weights=1.0 + X)  # noqa: E731
    hump = generate(states_of(lambda v: truth(v) * (800.0 - v), known), [150.0])
    crossings = find(hump, read("mean"), 0.9 * 400.0 * means(400.0), (100.0, 700.0))
    assert len(crossings) == 2
    for one in crossings:
        assert means(one.value) * (800.0 - one.value) == pytest.approx(0.9 * 400.0 * means(400.0), rel=1e-4)
    with pytest.raises(InputError, match="max goes from 1 to 8 between T = 100 degC and T = 800 degC: it is nowhere 9"):
        find(made, read("max"), 9.0, (100.0, 800.0))


def test_the_band_holds_the_level_in_nineteen_of_twenty_cases():
    """Twenty levels of a field with a kink, which five states do not show."""
    truth = lambda v: np.maximum(v - 0.3 - 0.4 * X, 0.0) + 0.2 * v  # noqa: E731
    made = generate(states_of(truth, np.linspace(0.0, 1.0, 6)), [0.5])
    held, measure = 0, read("mean")
    for wanted in np.linspace(0.06, 0.94, 20):
        (found,) = find(made, measure, measure.of(truth(wanted)[:, None]).value, (0.0, 1.0))
        held += found.low - 1e-6 <= wanted <= found.high + 1e-6
    assert held >= 19


def yielding(value):
    """A stress that follows its yield stress where it yields, and the plastic strain that hardens it."""
    plastic = np.maximum(value / 700.0 - 0.1 - 0.8 * X, 0.0) ** 2
    return np.minimum(0.9 * value * (1.3 - X), yield_stress(value, plastic)), plastic


def yield_stress(value, plastic):
    return 200.0 - 0.1 * value + 30.0 * plastic


LIMIT = "200 - 0.1*T + 30*max(plastic, 0)"


def under_limit(text=LIMIT, measure="max"):
    known = [100.0, 250.0, 400.0, 550.0, 700.0]
    both = np.array([yielding(value) for value in known])
    fields = {"stress": both[:, 0][..., None], "plastic": both[:, 1][..., None]}
    axis = Coordinate("T", "degC")
    states = States(LABELS, axis, np.array(known), {name: Field(each, "", ("",)) for name, each in fields.items()})
    formula = limit_formula(text, states, ["plastic"])
    search = Search(moving=False)
    plain = generate(states.only("stress"), [325.0], search=search)
    return plain, *limited(
        states, "stress", read(measure), formula, [325.0], bounds=Admissible(0.0, True), search=search
    )


def test_a_level_of_a_yielding_body_is_found_closer_under_its_yield_stress():
    plain, made, own = under_limit()
    errors, held = np.zeros((2, 3)), 0
    for row, value in enumerate((320.0, 475.0, 630.0)):
        level = yielding(value)[0].max()
        answers = [find(one, asked, level, (250.0, 700.0)) for one, asked in ((plain, read("max")), (made, own))]
        near = [min(found, key=lambda one: abs(one.value - value)) for found in answers]
        errors[:, row] = [abs(one.value - value) for one in near]
        held += near[1].low <= value <= near[1].high
    assert errors[1].max() < 0.5 * errors[0].max()
    assert held == 3
    for known in (250.0, 550.0):
        np.testing.assert_allclose(made.at(known)[:, 0], yielding(known)[0], rtol=1e-9)
        assert made.error(known).max() < 1e-6


@pytest.mark.parametrize(
    ("text", "measure", "message"),
    [
        (LIMIT, "mean", "a limit tells of a largest value or one at a place"),
        ("200 - 0.3*T", "max", "it is -10 at T = 700 degC"),
        ("200 + strain", "max", r"limit: '200 \+ strain': 'strain' is unknown; there are: T, plastic, pi"),
    ],
)
def test_a_limit_that_is_none_is_one_line(text, measure, message):
    with pytest.raises(InputError, match=message):
        under_limit(text, measure)


def test_a_curve_is_exact_at_known_states_and_its_band_is_open_between():
    made = generate(states_of(lambda v: np.tanh(5.0 * (v - X)), [0.0, 0.25, 0.5, 0.75, 1.0]), [0.1])
    known, between = curve(made, read("mean"), [0.25, 0.4])
    assert known.value == pytest.approx(np.average(np.tanh(5.0 * (0.25 - X)), weights=1.0 + X), rel=1e-9)
    assert known.high - known.low < 1e-9
    assert between.low < between.value < between.high


def test_the_next_state_is_suggested_where_the_gap_and_the_error_are_largest():
    truth = lambda v: np.tanh(8.0 * (v - 0.6 - 0.1 * X))  # noqa: E731
    made = generate(states_of(truth, [0.0, 0.1, 0.2, 0.3, 1.0]), [0.5])
    (best, *_) = suggest(made, np.linspace(0.0, 1.0, 41))
    assert 0.4 < best.value < 0.9
    dear = suggest(made, np.linspace(0.0, 1.0, 41), lambda value: 1e-6 + value**8)
    assert dear[0].value < best.value
    with pytest.raises(InputError, match="next to a known one"):
        suggest(made, [0.0, 0.101])
    with pytest.raises(InputError, match="must be positive"):
        suggest(made, [0.6], lambda value: -1.0)
    with pytest.raises(InputError, match="solve a third"):
        suggest(generate(states_of(truth, [0.0, 1.0]), [0.5]), [0.5])


def test_the_sensitivity_of_a_polynomial_is_its_derivative_at_the_ends_too():
    truth = lambda v: X * v**3 - v**2 + X  # noqa: E731
    slope = lambda v: 3.0 * X * v**2 - 2.0 * v  # noqa: E731
    states = states_of(truth, [0.0, 0.3, 0.6, 1.0])
    solution, made = solve(Problem(states, force=Least(2))), generate(states, [0.5, 1.2])
    for value in (0.0, 0.5, 1.0):
        np.testing.assert_allclose(solution.derivative(value)[:, 0], slope(value), atol=1e-6)
    assert made.derivative(0.5).shape == (len(X), 1)
    assert made.derivative(1.2).shape == (len(X), 1)


def test_the_sensitivity_to_each_of_two_coordinates():
    axes = Coordinates((Coordinate("u"), Coordinate("v")))
    values = np.array([[u, v] for u in (0.0, 0.5, 1.0) for v in (0.0, 10.0, 20.0)])
    fields = np.array([(2.0 * u + 0.3 * v) * X for u, v in values])[..., None]
    made = generate(States(LABELS, axes, values, {"f": Field(fields, "", ("",))}), [[0.4, 7.0]])
    np.testing.assert_allclose(made.derivative([0.4, 7.0], 0)[:, 0], 2.0 * X, atol=1e-6)
    np.testing.assert_allclose(made.derivative([0.4, 7.0], 1)[:, 0], 0.3 * X, atol=1e-6)
