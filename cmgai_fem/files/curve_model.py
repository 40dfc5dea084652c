"""A calibrated generator of stress-strain curves as one .safetensors file: arrays, and facts in its header.

Kept are the mean curves of the known states, which states were left out, and what was chosen by them. The motions are
told by their choices and made anew, so that a loaded model gives the same curves to the last bit, without calibration.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.curves.calibrate import CurveCalibration, Trial, WayShares
from cmgai_fem.curves.choice import Choice
from cmgai_fem.curves.flow_stress import FittedModel
from cmgai_fem.curves.generate import CurveModel
from cmgai_fem.curves.generated import CurveGenerator
from cmgai_fem.curves.layout import StateLayout
from cmgai_fem.curves.mean import MeanCurves
from cmgai_fem.curves.motion import CurveMotion, State
from cmgai_fem.curves.table import CurveState, CurveTests
from cmgai_fem.curves.ways import TriedWay
from cmgai_fem.curves.ways.arms import ArmsWay, Cross
from cmgai_fem.curves.ways.constitutive import ConstitutiveWay, setups
from cmgai_fem.curves.ways.line import LineWay
from cmgai_fem.curves.ways.nested import CurveGrid, NestedWay
from cmgai_fem.curves.ways.path import PathChoice, PathWay, StatePath
from cmgai_fem.curves.ways.surface import SurfaceWay
from cmgai_fem.errors import InputError
from cmgai_fem.files.kept import damaged, kind_of, read_kept, write_kept
from cmgai_fem.states.states import Coordinate, Coordinates

FORMAT = "cmgai-fem model of curves"
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class KeptCurves:
    """A generator of curves read from a file.

    Args:
        model: the generator.
        known: the known states without their tests, and the units of their table.
        table: name of the table of tests.
    """

    model: CurveModel
    known: CurveTests
    table: str

    def check(self, state: State) -> None:
        """Refuse a state that the model was not calibrated for."""
        layout, targets = self.model.layout, self.model.targets
        values = np.vstack([layout.curves.values, np.array(targets)])
        place = np.array(state)
        alike = len(layout.alike([*targets, state])) == 1
        if not alike or np.any(place < values.min(axis=0)) or np.any(place > values.max(axis=0)):
            made_for = "; ".join(layout.curves.coordinates.label(target) for target in targets)
            raise InputError(
                f"{layout.curves.coordinates.label(state)} does not lie as the states that this model was made for "
                f"({made_for}): generate it from the table anew"
            )


def is_curve_model(path: Path) -> bool:
    """Whether a model file keeps curves; any other, and what is none, is for the reader of fields to refuse."""
    return path.is_file() and kind_of(path) == FORMAT


def save_curve_model(path: Path, model: CurveModel, known: CurveTests, table: str) -> None:
    """Write a generator of curves to a .safetensors file.

    Args:
        path: the file.
        model: the generator.
        known: the tests, for the units of their table.
        table: its name.
    """
    generator, curves = model.generator, model.layout.curves
    arrays: dict[str, np.ndarray] = {
        "curves/values": curves.values, "curves/strain": curves.strain, "curves/weights": curves.weights,
        "curves/stress": np.nan_to_num(curves.stress), "curves/known": curves.known.astype(np.uint8),
        "curves/noise": curves.noise, "shares": generator.mixed.shares, "alone": generator.mixed.alone,
    }  # fmt: skip
    ways = []
    for index, way in enumerate(generator.ways):
        ways.append(_keep(way))
        if isinstance(way, ConstitutiveWay):
            arrays |= {f"way/{index}/constants": way.fitted.constants, f"way/{index}/factor": way.fitted.factor}
    cross = model.layout.cross
    facts = {
        "table": table,
        "coordinates": [[one.name, one.unit] for one in curves.coordinates],
        "plastic": curves.plastic,
        "scatter": float(curves.scatter),
        "units": dict(known.units),
        "grid": model.layout.grid is not None,
        "cross": None if cross is None else list(cross.centre),
        "hardening": bool(generator.hardening),
        "compared": bool(generator.compared),
        "error": float(generator.mixed.error),
        "targets": [list(map(float, target)) for target in model.targets],
        "trials": [{"stay": trial.stay.tolist(), "row": int(trial.row)} for trial in model.trials],
        "ways": ways,
    }
    write_kept(path, FORMAT, facts, arrays)


def load_curve_model(path: Path) -> KeptCurves:
    """Read a model that `save_curve_model` wrote.

    Raises:
        InputError: the file is missing, damaged, of another version, or no model of curves.
    """
    path = Path(path)
    with damaged(path):
        return _assemble(*read_kept(path, FORMAT))


def _assemble(facts: Mapping[str, Any], arrays: Arrays) -> KeptCurves:
    curves = _curves(facts, arrays)
    targets = tuple(tuple(map(float, target)) for target in facts["targets"])
    trials = tuple(Trial(np.array(one["stay"], dtype=int), int(one["row"])) for one in facts["trials"])
    cross = None if facts["cross"] is None else Cross((float(facts["cross"][0]), float(facts["cross"][1])))
    grid = CurveGrid.of(curves) if facts["grid"] else None
    ways = []
    for index, told in enumerate(facts["ways"]):
        own = {key: arrays[f"way/{index}/{key}"] for key in ("constants", "factor") if told["kind"] == "fit"}
        ways.append(_way(told, StateLayout(curves, grid, cross), targets, own))
    path = next((way for way in ways if isinstance(way, PathWay)), None)
    shares, alone = arrays["shares"], arrays["alone"]
    if not len(shares) == len(alone) == len(ways) or not targets:
        raise InputError(f"{len(shares)} shares of {len(ways)} ways")
    mixed = WayShares(shares, alone, float(facts["error"]))
    generator = CurveGenerator(curves, tuple(ways), mixed, bool(facts["hardening"]), bool(facts["compared"]))
    states = tuple(CurveState(tuple(map(float, value)), ()) for value in curves.values)
    units = {str(name): str(unit) for name, unit in facts["units"].items()}
    known = CurveTests(curves.coordinates, states, curves.plastic, units=units)
    model = CurveModel(StateLayout(curves, grid, cross, path), generator, trials, targets)
    return KeptCurves(model, known, str(facts["table"]))


def _curves(facts: Mapping[str, Any], arrays: Arrays) -> MeanCurves:
    """The mean curves of the known states."""
    values, strain, weights, stress, known, noise = (
        arrays[f"curves/{name}"] for name in ("values", "strain", "weights", "stress", "known", "noise")
    )
    shape = (len(values), len(strain))
    coordinates = Coordinates(tuple(Coordinate(*map(str, one)) for one in facts["coordinates"]))
    if (
        values.shape != (len(values), len(coordinates))
        or weights.shape != strain.shape
        or not stress.shape == known.shape == noise.shape[:2] == shape
    ):
        raise InputError(f"curves of {stress.shape} at {values.shape} states")
    stress = np.where(known > 0, stress, np.nan)
    return MeanCurves(
        coordinates, values, strain, weights, stress, noise, float(facts["scatter"]), bool(facts["plastic"])
    )


def _keep(way: TriedWay) -> dict[str, Any]:
    """A way as plain data, but for what goes to arrays."""
    match way:
        case LineWay():
            return {"kind": "line", "side": way.side, "chosen": [_keep_choices(way.calibration)]}
        case NestedWay():
            return {"kind": "both paths", "chosen": [_keep_choices(one) for one in way.calibrations]}
        case SurfaceWay():
            return {"kind": "surface", "chosen": [_keep_choices(way.calibration)]}
        case ArmsWay():
            return {"kind": "arms", "chosen": [_keep_choices(one) for one in way.calibrations]}
        case PathWay():
            path = way.calibration.chosen.path
            return {"kind": "one path", "path": asdict(path), "chosen": [_keep_choices(way.calibration)]}
        case ConstitutiveWay():
            return {"kind": "fit", "name": way.setup.name, "misfit": float(way.fitted.misfit)}
    raise InputError(f"curves carried by {type(way).__name__} are not kept")


def _way(told: Mapping[str, Any], layout: StateLayout, targets: tuple[State, ...], own: Arrays) -> TriedWay:
    """The way that was kept."""
    curves, kind = layout.curves, told["kind"]
    if kind == "fit":
        (setup,) = (setup for setup in setups(curves) if setup.name == told["name"])
        fitted = FittedModel(setup.name, setup.make, own["constants"], own["factor"], float(told["misfit"]))
        return ConstitutiveWay(curves, setup, fitted)
    choices = tuple(_choices(one) for one in told["chosen"])
    if kind == "line":
        motions = tuple(CurveMotion.of(curves, choice, targets) for choice, _ in choices[0].shares)
        return LineWay(choices[0], motions, int(told["side"]))
    if kind == "surface":
        return SurfaceWay(choices[0], CurveMotion.of(curves, choices[0].chosen, targets))
    if kind == "one path":
        path = StatePath(str(told["path"]["kind"]), float(told["path"]["number"]))
        table = tuple((PathChoice(path, choice), error, scatter) for choice, error, scatter in choices[0].table)
        return PathWay(curves, CurveCalibration(table, ((table[0][0], 1.0),), (), ()))
    if kind == "both paths" and layout.grid is not None:
        return NestedWay(layout.grid, choices, targets)
    if kind == "arms" and layout.cross is not None:
        return ArmsWay(curves, layout.cross, choices)
    raise InputError(f"there is no way {kind!r} over such states")


def _keep_choices(calibration: CurveCalibration[Any]) -> list[dict[str, Any]]:
    """The choices that count, the greatest share first, with their left-out errors."""
    errors = {choice: float(error) for choice, error, _ in calibration.table}
    return [
        {
            "choice": asdict(getattr(choice, "choice", choice)),
            "share": float(share),
            "error": errors[choice] if np.isfinite(errors[choice]) else None,
        }
        for choice, share in calibration.shares
    ]


def _choices(told: list[Mapping[str, Any]]) -> CurveCalibration[Choice]:
    rows = []
    for one in told:
        choice = one["choice"]
        power, order, scale = float(choice["power"]), int(choice["order"]), float(choice["scale"])
        axes = tuple(map(str, choice["axes"]))
        made = Choice(power, axes, order, bool(choice["soft"]), bool(choice["filtered"]), scale)
        error = np.inf if one["error"] is None else float(one["error"])
        rows.append((made, error, float(one["share"])))
    table = tuple((choice, error, 0.0) for choice, error, _ in rows)
    return CurveCalibration(table, tuple((choice, share) for choice, _, share in rows), (), ())
