"""One case of the stress-strain study: generation from the known tests, then comparison with the held-out truth."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.material_level.corner_generator import CornerGenerator
from cmgai_fem.material_level.corners import Grid
from cmgai_fem.material_level.curve_calibration import curve_error
from cmgai_fem.material_level.curve_solver import CurveSolver
from cmgai_fem.material_level.curve_transport import Line
from cmgai_fem.material_level.curves import CurveTable, Test
from cmgai_fem.material_level.generator import GeneratedCurve, Generator
from cmgai_fem.material_level.mean_curves import MeanCurves, mean_curves
from cmgai_fem.rivals import BASELINES
from cmgai_fem.solve import METHODS
from cmgai_fem.states.states import Array
from cmgai_fem.study.findings import Row
from cmgai_fem.study.pipelines import Report

from .constitutive_fits import fit_models
from .coverage import share_of_curve, share_of_points
from .rivals import REGRESSIONS, STEPWISE, rival_corner, rival_curves
from .tables import CaseTable, State, TestsTable
from .truth import MATERIALS, Material, make_tests

# Added to the seed of the known tests: tests at held-out states that no band has seen.
LATER = 1_000_000


@dataclass(frozen=True)
class CaseResult:
    """A case's curves and figures.

    Args:
        case: its table.
        tests: the known tests.
        curves: their mean curves.
        generated: generated curves by method and state.
        rivals: stress on the labels by rival and state.
        truth: stress on the labels by state.
        calibration: choices as plain data.
        parting: how far both paths to a corner part (NRMSE), by state.
        rows: figures, one row a method and state.
    """

    case: CaseTable
    tests: CurveTable
    curves: MeanCurves
    generated: Mapping[tuple[str, State], GeneratedCurve]
    rivals: Mapping[tuple[str, State], Array]
    truth: Mapping[State, Array]
    calibration: Mapping[str, Any]
    parting: Mapping[State, float]
    rows: tuple[Row, ...]


def run_case(
    case: CaseTable,
    tests: TestsTable,
    device: str,
    seed: int,
    report: Report,
    *,
    material: Material | None = None,
    methods: Sequence[str] = METHODS,
) -> CaseResult:
    """Generate the held-out states of a case and compare them with the published model.

    Args:
        case: the case.
        tests: how the known states are measured.
        device: torch device of the networks.
        seed: of the noise and of the networks.
        report: takes lines of progress.
        material: the truth; the case's own if None.
        methods: by which the transports are solved.

    Raises:
        InputError: a truth of another kind of strain than the case's own.
    """
    material = material or MATERIALS[case.material]
    if material.plastic != case.plastic:
        raise InputError(f"{case.name}: {material.name} is not tested in the same kind of strain")
    measure = partial(
        make_tests, material, points=tests.points, largest_strain=tests.largest_strain, repeats=tests.repeats,
        noise=tests.noise,
    )  # fmt: skip
    table = measure(case.known, seed=seed)
    solvers = {method: CurveSolver(method, seed, device) for method in methods}
    seconds: dict[str, float] = {}
    made = _Generation.of(case, table, solvers, seconds, report)
    # The truth of held-out states is first looked at here, after everything has been generated.
    truth = {state: material.stress(made.curves.strain, *state) for state in case.asked}
    later = {
        (state.coordinates[0], state.coordinates[1]): state.tests
        for state in measure(case.asked, seed=seed + LATER).states
    }
    rows = tuple(_rows(case, made, truth, later, seconds))
    return CaseResult(
        case, table, made.curves, made.generated, made.rivals, truth, made.calibration, made.parting, rows
    )


@dataclass(frozen=True)
class _Generation:
    """All that is generated from the known tests alone."""

    curves: MeanCurves
    generated: dict[tuple[str, State], GeneratedCurve]
    rivals: dict[tuple[str, State], Array]
    calibration: Mapping[str, Any]
    parting: dict[State, float]

    @classmethod
    def of(
        cls,
        case: CaseTable,
        table: CurveTable,
        solvers: Mapping[str, CurveSolver],
        seconds: dict[str, float],
        report: Report,
    ) -> "_Generation":
        start = time.perf_counter()
        make = _corner if case.split == "corner" else _line
        made = make(case, table, solvers, report)
        seconds["transport"] = time.perf_counter() - start
        for fit in fit_models(table, case.temperatures[0], case.rates[0]):
            for state in case.asked:
                made.rivals[fit.name, state] = fit.curve(made.curves.strain, *state)
        return made


def _line(case: CaseTable, table: CurveTable, solvers: Mapping[str, CurveSolver], report: Report) -> _Generation:
    along = table.along(case.split)
    curves = mean_curves(along)
    line = Line.of(along.coordinates[0], curves.states[:, 0], curves)
    axis = table.axis(case.split)
    along_line = {method: solver.line for method, solver in solvers.items()}
    generator = Generator.fit(line, [state[axis] for state in case.asked], along_line, report)
    generated = {(method, state): generator.at(state[axis], method) for method in solvers for state in case.asked}
    rivals: dict[tuple[str, State], Array] = {}
    for rival in BASELINES:
        made = rival_curves(rival, line, [state[axis] for state in case.asked])
        rivals |= {(rival, state): stress for state, stress in zip(case.asked, made, strict=True)}
    return _Generation(curves, generated, rivals, generator.describe(), {})


def _corner(case: CaseTable, table: CurveTable, solvers: Mapping[str, CurveSolver], report: Report) -> _Generation:
    curves = mean_curves(table)
    grid = Grid.of(table, curves)
    along_line = {method: solver.line for method, solver in solvers.items()}
    over_both = {method: solver.space for method, solver in solvers.items()}
    generator = CornerGenerator.fit(grid, case.asked, along_line, over_both, report)
    generated, parting = {}, {}
    for method in solvers:
        for state in case.asked:
            generated[method, state], parting[state] = generator.at(state, method)
    rivals = {
        (rival, state): rival_corner(rival, grid, state) for rival in (*STEPWISE, *REGRESSIONS) for state in case.asked
    }
    return _Generation(curves, generated, rivals, generator.describe(), parting)


def _rows(
    case: CaseTable,
    made: _Generation,
    truth: Mapping[State, Array],
    later: Mapping[State, Sequence[Test]],
    seconds: Mapping[str, float],
) -> list[Row]:
    count = len(made.curves.strain)
    # A total strain has the origin in front of the labels.
    curves = {key: curve.stress[-count:] for key, curve in made.generated.items()} | made.rivals
    rows = []
    for (method, state), stress in curves.items():
        compared = [("reference", truth[state])]
        if method == "pinn":
            compared.append(("fem", curves["fem", state]))
        covered: dict[str, float] = {}
        if (method, state) in made.generated:
            curve = made.generated[method, state]
            covered["mean_covered"] = share_of_curve(curve, made.curves.strain, truth[state])
            covered["points_covered"] = share_of_points(curve, later[state])
        for against, target in compared:
            rows.append(
                {
                    "material": case.material, "split": case.split, "temperature": state[0], "strain_rate": state[1],
                    "method": method, "against": against,
                    "nrmse": curve_error(stress, target, made.curves.weights, case.plastic),
                    "level_error": float(np.sqrt(np.mean((stress - target) ** 2) / np.mean(target**2))),
                    "seconds": seconds["transport"] if method in METHODS else "",
                    **(covered if against == "reference" else {}),
                }
            )  # fmt: skip
    return rows
