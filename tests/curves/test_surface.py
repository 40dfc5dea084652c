"""Curves over two coordinates at once, against motions that they must reproduce."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from cmgai_fem.curves.calibrate import Trial, curve_error
from cmgai_fem.curves.choice import Choice
from cmgai_fem.curves.layout import StateLayout
from cmgai_fem.curves.mean import MeanCurves, label_weights, mean_curves
from cmgai_fem.curves.motion import CurveMotion, surface_force
from cmgai_fem.curves.table import CurveState, CurveTests, Test
from cmgai_fem.curves.trials import grid_trials
from cmgai_fem.curves.ways.nested import CurveGrid
from cmgai_fem.curves.ways.surface import SurfaceWay
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinates
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

truth = study_module(studies_folder() / "stress-strain", "truth")
MATERIALS, TEMPERATURE, make_tests = truth.MATERIALS, truth.TEMPERATURE, truth.make_tests
STRAIN = np.linspace(0.0, 0.3, 11)
COORDINATES = Coordinates((TEMPERATURE, replace(TEMPERATURE, name="strain_rate", unit="1/s")))
STATES = np.array(list(product((300.0, 400.0, 500.0, 600.0, 700.0), (0.1, 1.0, 10.0, 100.0))))
HARD = Choice(0.0, ("linear", "log"), 1, scale=50.0)


def bilinear(states: Array) -> Array:
    """(K, L) stresses whose logarithm is linear in temperature, in log rate and in their product."""
    temperature, rate = states[:, :1] / 1000.0, np.log(states[:, 1:])
    return 1e9 * np.exp(-temperature + 0.01 * rate + 0.03 * temperature * rate * (1.0 + STRAIN)) * (1.0 + STRAIN**0.5)


def known(states: Array, scatter: float = 0.0, seed: int = 0) -> MeanCurves:
    noise = scatter * np.broadcast_to(np.eye(len(STRAIN)), (len(states), len(STRAIN), len(STRAIN)))
    draws = np.random.default_rng(seed).standard_normal((len(states), len(STRAIN)))
    stress = bilinear(states) * np.exp(scatter * draws)
    return MeanCurves(COORDINATES, states, STRAIN, label_weights(STRAIN, True), stress, noise, scatter, True)


def test_order_one_goes_on_with_what_both_coordinates_do_together() -> None:
    target = (850.0, 2e3)
    motion = CurveMotion.of(known(STATES), HARD, [target])
    np.testing.assert_allclose(motion.stress(target), bilinear(np.array([target]))[0], rtol=1e-6)
    assert np.all(motion.error(target) == 0.0)


def test_carried_scatter_is_the_one_that_many_draws_have() -> None:
    choice, target = replace(HARD, order=0), (800.0, 1e3)
    motions = [CurveMotion.of(known(STATES, 0.01, seed), choice, [target]) for seed in range(400)]
    spread = np.std([np.log(motion.stress(target)) for motion in motions], axis=0)
    np.testing.assert_allclose(np.mean(spread), np.mean(motions[0].error(target)), rtol=0.05)


def test_carried_scatter_of_filtered_modes_counts_each_state_by_its_own_scatter() -> None:
    """Two tests in three scatter by a tenth: the mean over the states, which no filter touches, scatters as theirs."""
    curves, target = known(STATES), (550.0, 3.0)
    own = np.where(np.arange(len(STATES)) % 3 == 0, 0.03, 0.003)
    curves = replace(curves, noise=own[:, None, None] * np.eye(len(STRAIN)), scatter=0.03)
    motion = CurveMotion.of(curves, replace(HARD, filtered=True), [target])
    part = motion.parts[0]
    motion = replace(motion, parts=(replace(part, kept=np.zeros((len(STRAIN), len(STRAIN)))),))
    np.testing.assert_allclose(motion.error(target), np.sqrt(np.mean(own**2) / len(own)), rtol=1e-9)


def test_scale_of_a_coordinate_does_not_depend_on_which_states_are_known() -> None:
    few = STATES[(STATES[:, 0] < 650.0) & (STATES[:, 1] < 50.0)]
    whole, part = surface_force(HARD, STATES), surface_force(HARD, few)
    assert whole.ratios is not None
    assert part.ratios is not None
    assert whole.ratios[1] == pytest.approx(50.0 * np.log(1000.0) / 400.0)
    assert part.ratios[1] == pytest.approx(50.0 * np.log(100.0) / 300.0)


def test_labels_whose_states_lie_on_one_line_stay_unknown() -> None:
    curves, target = known(STATES), (800.0, 1e3)
    stress = curves.stress.copy()
    stress[STATES[:, 0] > 300.0, -1] = np.nan
    made = CurveMotion.of(replace(curves, stress=stress), HARD, [target]).stress(target)
    assert np.isnan(made[-1])
    np.testing.assert_allclose(made[:-1], bilinear(np.array([target]))[0, :-1], rtol=1e-6)


def table_of(states: Array) -> CurveTests:
    stresses = bilinear(states)
    tests = (CurveState(tuple(state), (Test(STRAIN, row),)) for state, row in zip(states, stresses, strict=True))
    return CurveTests(COORDINATES, tuple(tests), plastic=True)


def grid_of(states: Array) -> CurveGrid:
    return CurveGrid.of(mean_curves(table_of(states)))


def test_corners_are_left_out_as_far_as_the_targets_lie_and_three_values_stay() -> None:
    trials = grid_trials(grid_of(STATES), [(800.0, 1e3), (900.0, 5e3)])
    assert sorted({row for _, row in trials}) == [0, 3, 16, 19]
    assert sorted(len(rows) for rows, _ in trials) == [9] * 4 + [12] * 4
    assert all(row not in rows for rows, row in trials)
    assert grid_trials(grid_of(STATES[STATES[:, 0] < 550.0]), [(800.0, 1e3)]) == []


def test_calibration_finds_the_motion_and_refuses_states_on_a_line() -> None:
    grid, targets = grid_of(STATES), [(900.0, 1e3)]
    found = SurfaceWay.fit(grid.curves, targets, grid_trials(grid, targets)).calibration
    assert (found.chosen.power, found.chosen.axes[0], found.chosen.order) == (0.0, "linear", 1)
    assert found.error < 1e-6
    assert found.error == pytest.approx(min(error for _, error, _ in found.table))
    with pytest.raises(InputError, match="line"):
        SurfaceWay.fit(grid.curves, targets, [Trial(np.arange(4), 19)])


def test_superposition_at_a_corner_is_no_worse_on_left_out_corners_than_the_surface() -> None:
    copper = MATERIALS["ofhc_copper"]
    states = [(float(t), float(r)) for t, r in STATES]
    table = make_tests(copper, states, points=30, largest_strain=0.3, repeats=3, noise=0.02, seed=5)
    layout, target = StateLayout.of(mean_curves(table)), (800.0, 1e3)
    generator = layout.generator([target], layout.trials([target]), True)
    _, surface = generator.ways
    assert isinstance(surface, SurfaceWay)
    assert generator.mixed.error <= surface.calibration.error + 1e-12
    assert sum(generator.mixed.shares) == pytest.approx(1.0)
    curve = generator.at(target)
    truth = copper.stress(layout.curves.strain, *target)
    assert curve_error(curve.stress[1:], truth, layout.curves) < 0.04
    assert generator.describe()["both"]["share"] == generator.mixed.shares[1]
