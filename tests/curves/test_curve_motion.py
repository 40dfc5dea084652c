"""Mean curves and their transport: exact limits, soft states, incomplete states, admissibility, calibration."""

from dataclasses import replace

import numpy as np
import pytest

from cmgai_fem.curves.calibrate import curve_error
from cmgai_fem.curves.choice import Choice, stretch
from cmgai_fem.curves.generate import generate_curves
from cmgai_fem.curves.generated import finish
from cmgai_fem.curves.layout import StateLayout
from cmgai_fem.curves.mean import MeanCurves, label_weights, mean_curves
from cmgai_fem.curves.motion import CurveMotion, above_scatter
from cmgai_fem.curves.table import CurveState, CurveTests, Test
from cmgai_fem.curves.ways.line import SCATTER_WEIGHT, calibrate_lines
from cmgai_fem.curves.ways.nested import CurveGrid
from cmgai_fem.curves.ways.path import StatePath
from cmgai_fem.errors import InputError
from cmgai_fem.solve import Solver, solve
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinates
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

truth, measured_points = (
    study_module(studies_folder() / "stress-strain", name) for name in ("truth", "measured_points")
)
rival_curves = study_module(studies_folder() / "stress-strain", "rivals").rival_curves
MATERIALS, TEMPERATURE, make_tests = truth.MATERIALS, truth.TEMPERATURE, truth.make_tests
generate_left_out, line_to = measured_points.generate_left_out, measured_points.line_to
ALONG = Coordinates((TEMPERATURE,))
BOTH = Coordinates((TEMPERATURE, replace(TEMPERATURE, name="strain_rate", unit="1/s")))
STRAIN = np.linspace(0.0, 0.3, 7)


def line_of(values: Array, stress: Array, error: float = 0.0) -> MeanCurves:
    noise = np.broadcast_to(error * np.eye(stress.shape[1]), (*stress.shape, stress.shape[1])).copy()
    weights = label_weights(STRAIN, True)
    return MeanCurves(ALONG, values[:, None], STRAIN, weights, stress, noise, error, True)


def separable(values: Array) -> Array:
    """Stress that goes with temperature by one exponential factor."""
    return 1e8 * np.exp(-values[:, None] / 400.0) * (1.0 + STRAIN**0.5)


@pytest.mark.parametrize("order", [-1, 0, 1])
def test_logarithm_makes_an_exponential_factor_straight(order: int) -> None:
    values = np.array([200.0, 300.0, 450.0, 600.0])
    motion = CurveMotion.of(line_of(values, separable(values)), Choice(0.0, order=order), [(77.0,), (900.0,)])
    for target in (77.0, 350.0, 900.0):
        np.testing.assert_allclose(motion.stress((target,)), separable(np.array([target]))[0], rtol=1e-8)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_features_are_inverted_exactly(power: float) -> None:
    stress = np.array([1e5, 1e8, 3e9])
    choice = Choice(power)
    np.testing.assert_allclose(choice.decode(choice.encode(stress)), stress, rtol=1e-9)


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("order", [0, 1])
def test_cardinal_curves_give_what_the_finite_elements_give(order: int, soft: bool) -> None:
    values = np.array([200.0, 300.0, 420.0, 500.0, 650.0])
    stress = separable(values) * (1.0 + 0.02 * np.random.default_rng(1).standard_normal((5, len(STRAIN))))
    line = line_of(values, stress, error=0.01)
    motion = CurveMotion.of(line, Choice(0.5, order=order, soft=soft, filtered=soft), [(800.0,)])
    for part in motion.parts:
        solution = solve(part.problem)
        for target in (250.0, 800.0):
            solved = solution.at(target)[:, 0]
            np.testing.assert_allclose(part.feature((target,)), solved, atol=1e-6 * np.ptp(solved))


def test_scatter_that_explains_all_misfit_gives_the_straight_regression() -> None:
    values = np.linspace(200.0, 800.0, 7)
    bent = np.log(separable(values)) + 0.001 * np.random.default_rng(0).standard_normal((7, 1))
    line = line_of(values, np.exp(bent), error=0.05)
    motion = CurveMotion.of(line, Choice(0.0, soft=True), [(900.0,)])
    expected = np.polyval(np.polyfit(values, bent[:, 3], 1), 900.0)
    assert np.log(motion.stress((900.0,))[3]) == pytest.approx(expected, abs=1e-5)


def test_modes_below_the_scatter_are_left_out_and_those_above_kept() -> None:
    random = np.random.default_rng(4)
    shape, weights = 1.0 + STRAIN, np.ones(len(STRAIN))
    clean = np.linspace(0.0, 1.0, 6)[:, None] * shape
    noise = np.broadcast_to(0.01 * np.eye(len(STRAIN)), (6, len(STRAIN), len(STRAIN)))
    noisy = clean + 0.01 * random.standard_normal(clean.shape)
    filtered, kept = above_scatter(noisy, noise, weights)
    assert np.linalg.matrix_rank(kept, tol=1e-6) == 1
    assert np.mean((filtered - clean) ** 2) < 0.6 * np.mean((noisy - clean) ** 2)


def test_label_that_some_tests_do_not_reach_is_carried_by_the_others() -> None:
    values = np.array([200.0, 300.0, 400.0, 500.0])
    stress = separable(values)
    stress[1, -2:] = np.nan
    stress[[0, 2], -1] = np.nan
    made = CurveMotion.of(line_of(values, stress), Choice(0.0), [(450.0,)]).stress((450.0,))
    assert np.isnan(made[-1])
    np.testing.assert_allclose(made[:-1], separable(np.array([450.0]))[0, :-1], rtol=1e-8)


def test_mean_curve_of_noisy_tests_is_as_good_as_it_says() -> None:
    steel = MATERIALS["steel_4340"]
    states = [(float(t), 1.0) for t in (300, 400, 500, 600)]
    table = make_tests(steel, states, points=60, largest_strain=0.3, repeats=3, noise=0.02, seed=11)
    curves = mean_curves(table)
    truth = np.array([steel.stress(curves.strain, *state) for state in states])
    relative = curves.stress / truth - 1.0
    assert curves.scatter == pytest.approx(0.02, rel=0.15)
    assert np.sqrt(np.mean(relative**2)) < 0.006
    assert 0.6 < np.sqrt(np.mean((relative / curves.error) ** 2)) < 1.5
    assert curves.notes[0].startswith("720 points of 12 tests resampled")


def test_few_strains_are_labels_and_repeats_are_averaged() -> None:
    strain = np.array([0.0, 0.1, 0.2])
    tests = (Test(strain, np.array([100.0, 110.0, 120.0])), Test(strain[:2], np.array([121.0, 110.0])))
    state = CurveState((300.0,), tests)
    curves = mean_curves(CurveTests(ALONG, (state,), plastic=True))
    np.testing.assert_allclose(curves.stress[0], [110.0, 110.0, 120.0])
    assert curves.scatter > 0.0


def test_stress_without_logarithm_is_refused() -> None:
    state = CurveState((300.0,), (Test(np.array([0.0, 0.1]), np.array([0.0, -1.0])),))
    with pytest.raises(InputError, match=r"temperature = 300 K: the stress at strain 0\.1"):
        mean_curves(CurveTests(ALONG, (state,), plastic=False))


def test_finished_curve_hardens_and_starts_at_the_origin() -> None:
    line = line_of(np.array([200.0, 300.0]), separable(np.array([200.0, 300.0])))
    line = replace(line, plastic=False)
    falling = 1e8 * np.array([1.0, 1.2, 1.1, 1.3, 1.4, 1.35, 1.5])
    free = finish(line, falling, np.zeros(7), 0.01, hardening=False)
    curve = finish(line, falling, np.zeros(7), 0.01, hardening=True)
    assert free.stress[0] == curve.stress[0] == 0.0
    assert free.strain[0] == 0.0
    assert np.any(np.diff(free.stress) < 0.0)
    assert np.all(np.diff(curve.stress) >= 0.0)
    assert curve.trusted
    assert not finish(line, falling, np.zeros(7), 0.2, hardening=True).trusted


def test_calibration_prefers_the_logarithm_where_it_is_exact() -> None:
    values = np.linspace(200.0, 700.0, 6)
    calibration = calibrate_lines([line_of(values, separable(values))], [900.0], SCATTER_WEIGHT, bagged=True)
    assert calibration.chosen.power == 0.0
    assert calibration.chosen.axes == ("linear",)
    assert calibration.error < 1e-6


def test_generated_curves_do_not_depend_on_what_is_held_out() -> None:
    """The whole of what is generated is a function of the known tests: the truth is no argument of it."""
    copper = MATERIALS["ofhc_copper"]
    states = [(float(t), 1e-3) for t in (200, 300, 400, 500, 600)]
    table = make_tests(copper, states, points=30, largest_strain=0.3, repeats=3, noise=0.02, seed=2)
    curves, targets = mean_curves(table.along("temperature")), [(700.0,)]
    one, two = (StateLayout.of(curves).generator(targets, [], True).at((700.0,)) for _ in range(2))
    np.testing.assert_array_equal(one.stress, two.stress)
    truth = copper.stress(curves.strain, 700.0, 1e-3)
    error = curve_error(one.stress[1:], truth, curves)
    assert error < 0.04
    assert error < curve_error(rival_curves("linear", curves, [700.0])[0], truth, curves)


def test_both_paths_to_a_corner_meet_where_the_motion_is_a_product() -> None:
    states = [(t, r) for t in (300.0, 400.0, 500.0, 600.0) for r in (0.1, 1.0, 10.0, 100.0)]

    def stress(temperature: float, rate: float) -> Array:
        return separable(np.array([temperature]))[0] * rate**0.02

    tests = tuple(CurveState(state, (Test(STRAIN, stress(*state)),)) for state in states)
    table, target = CurveTests(BOTH, tests, plastic=True), (800.0, 1e3)
    layout = StateLayout.of(mean_curves(table))
    curve = layout.generator([target], layout.trials([target]), True).at(target)
    np.testing.assert_allclose(curve.stress, stress(*target), rtol=1e-6)
    assert curve.parting < 1e-6
    with pytest.raises(InputError, match="do not fill a grid"):
        CurveGrid.of(mean_curves(replace(table, states=tests[:-1])))


def scattered_curves(path: StatePath) -> MeanCurves:
    states = np.array([(t, r) for t, r in ((300, 1e-3), (300, 1.0), (300, 1e3), (500, 1e-3), (700, 1e-3), (650, 1e3))])
    stress = 1e9 * np.exp(-path(states)[:, None] / 900.0) * (1.0 + STRAIN**0.5)
    noise = 0.01 * np.broadcast_to(np.eye(len(STRAIN)), (len(states), len(STRAIN), len(STRAIN)))
    return MeanCurves(BOTH, states, STRAIN, label_weights(STRAIN, True), stress, noise, 0.01, True)


def test_state_off_every_line_is_reached_along_the_path() -> None:
    path = StatePath("shift", 10.0)
    curves = scattered_curves(path)
    target = np.array([420.0, 30.0])
    assert line_to(curves, target, 0) is None
    stress, way = generate_left_out(curves, target)
    assert way == f"along the path {path}"
    expected = 1e9 * np.exp(-path(target[None])[0] / 900.0) * (1.0 + STRAIN**0.5)
    np.testing.assert_allclose(stress, expected, rtol=1e-3)


def test_state_on_a_line_is_reached_along_it() -> None:
    curves = scattered_curves(StatePath("shift", 10.0))
    stress, way = generate_left_out(curves, np.array([600.0, 1e-3]))
    assert way.startswith("along temperature through 3 states")
    expected = 1e9 * np.exp(-StatePath("shift", 10.0)(np.array([[600.0, 1e-3]]))[0] / 900.0) * (1.0 + STRAIN**0.5)
    np.testing.assert_allclose(stress, expected, rtol=5e-3)


def test_states_that_lie_together_on_a_path_are_one() -> None:
    line = StatePath("shift", 0.0).line(scattered_curves(StatePath("shift", 10.0)))
    np.testing.assert_allclose(line.values[:, 0], [300.0, 500.0, 650.0, 700.0])


def test_stretch_refuses_what_has_no_place() -> None:
    with pytest.raises(InputError, match="must be positive"):
        stretch("log", np.array([0.0, 1.0]))
    line = line_of(np.array([1.0, 2.0]), separable(np.array([1.0, 2.0])))
    motion = CurveMotion.of(line, Choice(0.0, ("log",), -1), [(3.0,)])
    assert motion.parts[0].problem.nodes == pytest.approx([0.0, 1.0])


def test_networks_go_to_a_corner_of_a_grid_as_the_finite_elements_do() -> None:
    states = [(t, r) for t in (300.0, 400.0, 500.0, 600.0) for r in (0.1, 1.0, 10.0, 100.0)]
    tests = (CurveState(s, (Test(STRAIN, separable(np.array(s[:1]))[0] * s[1] ** 0.02),)) for s in states)
    curves, target = mean_curves(CurveTests(BOTH, tuple(tests), plastic=True)), (700.0, 1e3)
    by_networks = generate_curves(curves, [target], lambda line: None, solver=Solver("pinn", {"seed": 0}))[target]
    expected = separable(np.array(target[:1]))[0] * target[1] ** 0.02
    np.testing.assert_allclose(by_networks.curve.stress, expected, rtol=1e-3)
