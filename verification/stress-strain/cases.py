"""One case of the stress-strain study: generation from the known tests, then comparison with the held-out truth."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cmgai_fem.curves.calibrate import curve_error
from cmgai_fem.curves.generate import StateLayout, judged
from cmgai_fem.curves.generated import GeneratedCurve
from cmgai_fem.curves.mean import MeanCurves, mean_curves
from cmgai_fem.curves.table import CurveTests, Test
from cmgai_fem.curves.ways.nested import CurveGrid
from cmgai_fem.errors import InputError
from cmgai_fem.rivals import rivals_for
from cmgai_fem.solve import METHODS, Solver
from cmgai_fem.states.labels import Array
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
    tests: CurveTests
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
    solvers = {
        method: Solver(method, {"seed": seed, "device": device} if method == "pinn" else {}) for method in methods
    }
    start = time.perf_counter()
    made = _generate(case, table, solvers, report)
    seconds = time.perf_counter() - start
    for fit in fit_models(table, case.temperatures[0], case.rates[0]):
        made.rivals.update({(fit.name, state): fit.curve(made.curves.strain, *state) for state in case.asked})
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
    calibration: dict[str, Any]

    @property
    def parting(self) -> dict[State, float]:
        """How far both paths part, at each state of two coordinates."""
        if len(self.curves.coordinates) == 1:
            return {}
        return {state: curve.parting for (_, state), curve in self.generated.items()}


def _generate(case: CaseTable, table: CurveTests, solvers: Mapping[str, Solver], report: Report) -> _Generation:
    corner = case.split == "corner"
    known = table if corner else table.along(case.split)
    curves = mean_curves(known)
    layout = StateLayout.of(curves)
    # The state of the case, by its values of the coordinates that the curves are carried along.
    asked = {state if corner else (state[table.axis(case.split)],): state for state in case.asked}
    generators, calibration = {}, {}
    for group in layout.alike(list(asked)):
        trials = layout.trials(group)
        generator = layout.generator(group, trials, curves.hardens)
        calibration |= generator.describe()
        generators |= dict.fromkeys(group, (generator, trials))
        for line in generator.lines():
            report(line)
    generated = {}
    for method, solver in solvers.items():
        for place, state in asked.items():
            generator, trials = generators[place]
            generated[method, state] = judged(layout, trials, place, generator.at(place, solver)).curve
    return _Generation(curves, generated, _rivals(curves, asked), calibration)


def _rivals(curves: MeanCurves, asked: Mapping[tuple[float, ...], State]) -> dict[tuple[str, State], Array]:
    if len(curves.coordinates) > 1:
        grid = CurveGrid.of(curves)
        names = (*STEPWISE, *REGRESSIONS)
        return {(rival, state): rival_corner(rival, grid, state) for rival in names for state in asked.values()}
    found: dict[tuple[str, State], Array] = {}
    for rival in rivals_for(curves.values):
        made = rival_curves(rival, curves, [place[0] for place in asked])
        found |= {(rival, state): stress for state, stress in zip(asked.values(), made, strict=True)}
    return found


def _rows(
    case: CaseTable,
    made: _Generation,
    truth: Mapping[State, Array],
    later: Mapping[State, Sequence[Test]],
    seconds: float,
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
                    "nrmse": curve_error(stress, target, made.curves),
                    "level_error": float(np.sqrt(np.mean((stress - target) ** 2) / np.mean(target**2))),
                    "seconds": seconds if method in METHODS else "",
                    **(covered if against == "reference" else {}),
                }
            )  # fmt: skip
    return rows
