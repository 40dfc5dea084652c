"""One case of the stress-strain study: generation from the known tests, then comparison with the held-out truth."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.curves.calibrate import curve_error
from cmgai_fem.curves.generate import judged
from cmgai_fem.curves.generated import GeneratedCurve
from cmgai_fem.curves.layout import StateLayout
from cmgai_fem.curves.mean import MeanCurves, mean_curves
from cmgai_fem.curves.table import CurveTests, Test
from cmgai_fem.curves.ways.nested import CurveGrid
from cmgai_fem.errors import InputError
from cmgai_fem.generate import Networks
from cmgai_fem.rivals import rivals_for
from cmgai_fem.solve import METHODS, Solver
from cmgai_fem.states.labels import Array
from cmgai_fem.study.ablation_rows import AblationRow
from cmgai_fem.study.curve_ablation import AblatedCurves, ablate_curves
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
        ablation: what each part of the method is worth, where that was asked for.
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
    ablation: tuple[AblationRow, ...] = ()


def run_case(
    case: CaseTable,
    tests: TestsTable,
    device: str,
    seed: int,
    report: Report,
    *,
    material: Material | None = None,
    methods: Sequence[str] = METHODS,
    ablate: Sequence[str] = (),
    checkpoints: Path | None = None,
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
        ablate: parts of the method to change one at a time.
        checkpoints: folder that keeps unfinished and finished trainings; None for none.

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
    networks = Networks(seed, device, checkpoints=checkpoints)
    solvers = {method: networks.solver(method) for method in methods}
    start = time.perf_counter()
    made = _generate(case, table, solvers, report)
    ablated = _ablated(case, table, ablate, report)
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

    def error(place: tuple[float, ...], curve: GeneratedCurve) -> float:
        stress = curve.stress[-len(made.curves.strain) :]
        return curve_error(stress, truth[_asked(case, table)[place]], made.curves)

    ablation = tuple(one.measured(error) for one in ablated)
    return CaseResult(
        case, table, made.curves, made.generated, made.rivals, truth, made.calibration, made.parting, rows, ablation
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


def _known(case: CaseTable, table: CurveTests) -> MeanCurves:
    """Mean curves of the known tests over the coordinates of the case."""
    return mean_curves(table if case.split == "corner" else table.along(case.split))


def _asked(case: CaseTable, table: CurveTests) -> dict[tuple[float, ...], State]:
    """The states asked for, by their values of the coordinates that the curves are carried along."""
    if case.split == "corner":
        return {state: state for state in case.asked}
    return {(state[table.axis(case.split)],): state for state in case.asked}


def _ablated(case: CaseTable, table: CurveTests, parts: Sequence[str], report: Report) -> list[AblatedCurves]:
    curves = _known(case, table)
    return ablate_curves(
        StateLayout.of(curves), list(_asked(case, table)), curves.hardens, parts, (case.material, case.split), report
    )


def _generate(case: CaseTable, table: CurveTests, solvers: Mapping[str, Solver], report: Report) -> _Generation:
    curves, asked = _known(case, table), _asked(case, table)
    layout = StateLayout.of(curves)
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
