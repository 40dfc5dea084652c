"""Curves over two coordinates at once, against motions that they must reproduce."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.choices import Choice
from cmgai_fem.material_level.corner_generator import CornerGenerator, corner_trials
from cmgai_fem.material_level.corners import Grid
from cmgai_fem.material_level.curve_calibration import curve_error
from cmgai_fem.material_level.curves import CurveState, CurveTable, Test
from cmgai_fem.material_level.mean_curves import MeanCurves, label_weights, mean_curves
from cmgai_fem.material_level.surfaces import Surface, SurfaceChoice, calibrate_surface
from cmgai_fem.solve import solve
from cmgai_fem.states.states import Array
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.transport.space import solve_space

truth = study_module(studies_folder() / "stress-strain", "truth")
MATERIALS, TEMPERATURE, make_tests = truth.MATERIALS, truth.TEMPERATURE, truth.make_tests
STRAIN = np.linspace(0.0, 0.3, 11)
COORDINATES = (TEMPERATURE, replace(TEMPERATURE, name="strain_rate", unit="1/s"))
STATES = np.array(list(product((300.0, 400.0, 500.0, 600.0, 700.0), (0.1, 1.0, 10.0, 100.0))))
HARD = SurfaceChoice(Choice(0.0, "linear", 1), "log", 50.0)


def bilinear(states: Array) -> Array:
    """(K, L) stresses whose logarithm is linear in temperature, in log rate and in their product."""
    temperature, rate = states[:, :1] / 1000.0, np.log(states[:, 1:])
    return 1e9 * np.exp(-temperature + 0.01 * rate + 0.03 * temperature * rate * (1.0 + STRAIN)) * (1.0 + STRAIN**0.5)


def known(states: Array, scatter: float = 0.0, seed: int = 0) -> MeanCurves:
    noise = scatter * np.broadcast_to(np.eye(len(STRAIN)), (len(states), len(STRAIN), len(STRAIN)))
    draws = np.random.default_rng(seed).standard_normal((len(states), len(STRAIN)))
    stress = bilinear(states) * np.exp(scatter * draws)
    return MeanCurves(states, STRAIN, label_weights(STRAIN, True), stress, noise, scatter, True, ())


def test_order_one_goes_on_with_what_both_coordinates_do_together() -> None:
    target = np.array([850.0, 2e3])
    stress, carried = Surface.of(COORDINATES, known(STATES), HARD).at(target)
    np.testing.assert_allclose(stress, bilinear(target[None])[0], rtol=1e-6)
    assert np.all(carried == 0.0)


def test_carried_scatter_is_the_one_that_many_draws_have() -> None:
    choice = replace(HARD, curve=replace(HARD.curve, order=0))
    target = (800.0, 1e3)
    made = [Surface.of(COORDINATES, known(STATES, 0.01, seed), choice).at(target) for seed in range(400)]
    spread = np.std([np.log(stress) for stress, _ in made], axis=0)
    np.testing.assert_allclose(np.mean(spread), np.mean(made[0][1]), rtol=0.05)


def test_scale_of_a_coordinate_does_not_depend_on_which_states_are_known() -> None:
    few = STATES[(STATES[:, 0] < 650.0) & (STATES[:, 1] < 50.0)]
    whole, part = HARD.scattered(STATES), HARD.scattered(few)
    assert whole.ratios is not None
    assert part.ratios is not None
    assert whole.ratios[1] == pytest.approx(50.0 * np.log(1000.0) / 400.0)
    assert part.ratios[1] == pytest.approx(50.0 * np.log(100.0) / 300.0)


def test_labels_whose_states_lie_on_one_line_stay_unknown() -> None:
    curves = known(STATES)
    stress = curves.stress.copy()
    stress[STATES[:, 0] > 300.0, -1] = np.nan
    made = Surface.of(COORDINATES, replace(curves, stress=stress), HARD).at((800.0, 1e3))[0]
    assert np.isnan(made[-1])
    np.testing.assert_allclose(made[:-1], bilinear(np.array([[800.0, 1e3]]))[0, :-1], rtol=1e-6)


def table_of(states: Array) -> CurveTable:
    stresses = bilinear(states)
    tests = (CurveState(tuple(state), (Test(STRAIN, row),)) for state, row in zip(states, stresses, strict=True))
    return CurveTable(COORDINATES, tuple(tests), plastic=True)


def test_corners_are_left_out_as_far_as_the_targets_lie_and_three_values_stay() -> None:
    grid = Grid.of(table_of(STATES), mean_curves(table_of(STATES)))
    trials = corner_trials(grid, [(800.0, 1e3), (900.0, 5e3)])
    assert sorted({row for _, row in trials}) == [0, 3, 16, 19]
    assert sorted(len(rows) for rows, _ in trials) == [9] * 4 + [12] * 4
    assert all(row not in rows for rows, row in trials)
    small = STATES[STATES[:, 0] < 550.0]
    assert corner_trials(Grid.of(table_of(small), mean_curves(table_of(small))), [(800.0, 1e3)]) == []


def test_calibration_finds_the_motion_and_refuses_states_on_a_line() -> None:
    grid = Grid.of(table_of(STATES), mean_curves(table_of(STATES)))
    trials = corner_trials(grid, [(900.0, 1e3)])
    found = calibrate_surface(COORDINATES, grid.curves, [(900.0, 1e3)], trials)
    assert (found.chosen.curve.power, found.chosen.curve.axis, found.chosen.curve.order) == (0.0, "linear", 1)
    assert found.error < 1e-6
    assert found.error == min(error for _, error, _ in found.table)
    with pytest.raises(InputError, match="line"):
        calibrate_surface(COORDINATES, grid.curves, [(900.0, 1e3)], [(np.arange(4), 19)])


def test_superposition_at_a_corner_is_no_worse_on_left_out_corners_than_the_surface() -> None:
    copper = MATERIALS["ofhc_copper"]
    states = [(float(t), float(r)) for t, r in STATES]
    table = make_tests(copper, states, points=30, largest_strain=0.3, repeats=3, noise=0.02, seed=5)
    grid, target = Grid.of(table, mean_curves(table)), (800.0, 1e3)
    solvers, space = {"fem": solve}, {"fem": solve_space}
    generator = CornerGenerator.fit(grid, [target], solvers, space, lambda _: None)
    assert generator.surface is not None
    assert generator.error <= generator.surface.error + 1e-12
    assert sum(generator.shares) == pytest.approx(1.0)
    curve, _ = generator.at(target)
    truth = copper.stress(grid.curves.strain, *target)
    assert curve_error(curve.stress[1:], truth, grid.curves.weights, plastic=False) < 0.04
    assert generator.describe()["both"]["share"] == generator.shares[1]
