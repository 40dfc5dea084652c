"""A trained PINN as plain named arrays, and back: what `model.safetensors` holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.pinn.curves import (
    Anchors,
    Curve,
    GroupedCurve,
    NetworkCurve,
    PolynomialCurve,
    TanhNetwork,
    TrainedCurve,
    WindowedCurve,
    ZeroCurve,
)
from cmgai_fem.pinn.networks import Network, TimeFeatures
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.solution import ModalPath, Solution

Arrays = dict[str, Array]
_KINDS = {ZeroCurve: 0, TrainedCurve: 1, WindowedCurve: 2, GroupedCurve: 3, PolynomialCurve: 4, TanhNetwork: 5}


def export_weights(solution: Solution) -> Arrays:
    """Everything that the motion and the force of a trained solution are made of.

    Args:
        solution: what `solve_pinn` returned.

    Returns:
        float64 arrays by name; `motion_from_weights` reads them.

    Raises:
        InputError: the solution is not a modal one of the PINN.
    """
    arrays: Arrays = {}
    for name, motion in (("motion", solution.path), ("force", solution.force)):
        if not isinstance(motion, ModalPath) or type(motion.amplitudes) not in _KINDS:
            raise InputError(f"only a modal solution of the PINN has weights to export, not the {name} of this one")
        arrays |= {f"{name}/origin": motion.origin, f"{name}/shapes": motion.shapes}
        arrays |= {f"{name}/curve/{key}": value for key, value in _pack(motion.amplitudes).items()}
    return {key: np.ascontiguousarray(value, dtype=np.float64) for key, value in arrays.items()}


def motion_from_weights(arrays: Mapping[str, Array], name: str = "motion") -> ModalPath:
    """The motion, or with `name="force"` the body force, that `export_weights` took apart."""
    if f"{name}/shapes" not in arrays:
        raise InputError(f"these weights hold no {name!r}: they were not written by export_weights")
    curve = _unpack(_below(arrays, f"{name}/curve"))
    return ModalPath(arrays[f"{name}/origin"], arrays[f"{name}/shapes"], curve)


def _pack(curve: Any) -> Arrays:
    arrays: Arrays = {"kind": np.array(float(_KINDS[type(curve)]))}
    if isinstance(curve, ZeroCurve):
        return arrays | {"count": np.array(float(curve.count))}
    if isinstance(curve, PolynomialCurve):
        return arrays | {"centre": np.array(curve.centre), "coefficients": curve.coefficients}
    if isinstance(curve, TanhNetwork):
        return arrays | vars(curve)
    if isinstance(curve, TrainedCurve):
        return arrays | _pack_trained(curve)
    if isinstance(curve, WindowedCurve):
        arrays["breaks"] = curve.breaks
    for index, piece in enumerate(curve.pieces):
        arrays |= {f"{index}/{key}": value for key, value in _pack(piece).items()}
    return arrays


def _pack_trained(trained: TrainedCurve) -> Arrays:
    curve = trained.curve
    features, anchors = curve.features, curve.anchors
    return {
        "weights": trained.weights,
        "hidden": np.array(curve.network.hidden, dtype=float),
        "scale": curve.scale,
        "span": np.array([features.low, features.high]),
        "degrees": np.array([features.degree, anchors.degree], dtype=float),
        "kinks": features.kinks,
        "powers": np.array(features.powers, dtype=float),
        "mean": features.mean,
        "mix": features.mix,
        "breaks": features.breaks,
        "anchor_nodes": anchors.nodes,
        "anchor_values": anchors.values,
        "anchor_clamped": np.array(float(anchors.clamped)),
    }


def _unpack(arrays: Arrays) -> Curve:
    kind = int(arrays["kind"].item())
    if kind == _KINDS[ZeroCurve]:
        return ZeroCurve(int(arrays["count"].item()))
    if kind == _KINDS[TrainedCurve]:
        return _unpack_trained(arrays)
    if kind == _KINDS[PolynomialCurve]:
        return PolynomialCurve(float(arrays["centre"].item()), arrays["coefficients"])
    if kind == _KINDS[TanhNetwork]:
        return TanhNetwork(arrays["slopes"], arrays["offsets"], arrays["outputs"])
    count = len({key.split("/")[0] for key in arrays if "/" in key})
    pieces = tuple(_unpack(_below(arrays, str(index))) for index in range(count))
    return WindowedCurve(arrays["breaks"], pieces) if kind == _KINDS[WindowedCurve] else GroupedCurve(pieces)


def _unpack_trained(arrays: Arrays) -> TrainedCurve:
    low, high = arrays["span"]
    plain, anchor_degree = (int(value) for value in arrays["degrees"])
    powers = tuple(int(power) for power in arrays["powers"])
    features = TimeFeatures(
        float(low),
        float(high),
        plain,
        arrays["kinks"],
        powers,
        arrays["mean"],
        # As it lay in memory when it was made: the last digits of a product depend on that.
        np.asfortranarray(arrays["mix"]),
        arrays.get("breaks", np.zeros(0)),
    )
    hidden = tuple(int(width) for width in arrays["hidden"])
    network = Network(features.count, hidden, len(arrays["scale"]))
    clamped = bool(arrays["anchor_clamped"].item())
    anchors = Anchors(arrays["anchor_nodes"], arrays["anchor_values"], anchor_degree, clamped)
    return TrainedCurve(NetworkCurve(features, network, anchors, arrays["scale"]), arrays["weights"])


def _below(arrays: Mapping[str, Array], prefix: str) -> Arrays:
    return {key[len(prefix) + 1 :]: np.asarray(value) for key, value in arrays.items() if key.startswith(f"{prefix}/")}
