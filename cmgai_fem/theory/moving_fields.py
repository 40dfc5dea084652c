"""Moving pulses and fronts, five states known and four not: mass mode against every rival."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cmgai_fem.features.mass import MassTransform
from cmgai_fem.metrics import field_error
from cmgai_fem.rivals import RIVALS, Predictor, rivals_for
from cmgai_fem.solve import METHODS, solve
from cmgai_fem.states.states import Array, Coordinate, Field, Labels, StateSet, labels_on_points
from cmgai_fem.theory import pictures
from cmgai_fem.theory.checks import Check, at_most, reported
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import TransportProblem, TransportSolution

KNOWN = (0.0, 0.25, 0.5, 0.75, 1.0)
UNSEEN = (0.125, 0.375, 0.625, 0.875)
Moving = Callable[[Array, float], Array]


def pulse(points: Array, s: float) -> Array:
    """A pulse on a line that travels ever faster, widens and grows."""
    return np.asarray((1 + 0.3 * s) * np.exp(-(((points[:, 0] - 0.2 - 0.5 * s - 0.1 * s**2) / (0.05 + 0.02 * s)) ** 2)))


def front(points: Array, s: float) -> Array:
    """A front on a line that slows down, with a rising plateau behind it."""
    return np.asarray(0.5 * (1 + 0.5 * s) * (1 - np.tanh((points[:, 0] - 0.15 - 0.6 * s + 0.15 * s**2) / 0.03)))


def turning_pulse(points: Array, s: float) -> Array:
    """An elongated pulse on a square that travels along a bend and turns."""
    x, y = points[:, 0] - 0.25 - 0.5 * s, points[:, 1] - 0.3 - 0.35 * np.sin(1.5 * s)
    u, v = x * np.cos(0.8 * s) + y * np.sin(0.8 * s), -x * np.sin(0.8 * s) + y * np.cos(0.8 * s)
    return np.asarray((1 + 0.3 * s) * np.exp(-((u / 0.1) ** 2) - (v / (0.07 + 0.04 * s)) ** 2))


def round_front(points: Array, s: float) -> Array:
    """A front that spreads from a corner of a square."""
    radius = np.hypot(points[:, 0], 1.2 * points[:, 1])
    return np.asarray(0.5 * (1 - np.tanh((radius - 0.3 - 0.5 * s) / 0.05)) * (1 + 0.2 * points[:, 0]))


CASES: dict[str, tuple[Moving, int]] = {
    "moving pulse, 1-D": (pulse, 1),
    "moving front, 1-D": (front, 1),
    "moving pulse, 2-D": (turning_pulse, 2),
    "moving front, 2-D": (round_front, 2),
}


def compare(out: Path, quick: bool) -> list[Check]:
    """Mean NRMSE of mass mode and of every rival; ours must be at most a fifth of the best rival's."""
    checks, panels, best_name = [], [], ""
    for name, (field, dimension) in CASES.items():
        states = known_states(field, grid_labels(dimension, 31 if quick else (201 if dimension == 1 else 41)))
        snapshots, weights = states.fields["u"].values[:, :, 0], states.labels.weights
        rivals = {
            key: RIVALS[key].fit(states.values[:, None], snapshots, weights)
            for key in rivals_for(states.values[:, None])
            if not (quick and key.endswith("gpr"))
        }
        errors = {key: _mean_error(states.labels, field, _rival(predict)) for key, predict in rivals.items()}
        best_name = min(errors, key=lambda key: errors[key])
        checks += [reported(name, "mean NRMSE", key, error) for key, error in errors.items()]
        transform, order = MassTransform.of(states), chosen_order(states)
        checks.append(reported(name, "order p, chosen by leaving known states out", "mass mode", order))
        for method in METHODS:
            solution = solve(TransportProblem(transform.features, force=Least(order)), method)
            ours = _mean_error(states.labels, field, _mass_mode(transform, solution))
            label = f"mass mode, {method}"
            checks.append(reported(name, "mean NRMSE", label, ours))
            checks.append(at_most(name, f"mean NRMSE over {best_name}'s", label, ours / errors[best_name], 0.2))
        if dimension == 1:
            s = UNSEEN[1]
            shown = transform.decode(solution.at(s))[:, 0], rivals[best_name](np.array([[s]])).ravel()
            panels.append((f"{name}, s = {s:g}", field(states.labels.points, s), *shown))
            x = states.labels.points[:, 0]
    pictures.draw_profiles(out / "moving_fields.png", x, panels, "best rival")
    return checks


def chosen_order(states: StateSet) -> int:
    """The p whose motions generate each inner known state best from the other known ones, lowest mean error."""
    trials = range(1, len(states) - 1)
    errors = dict.fromkeys(range(-1, len(states) - 2), 0.0)
    for left_out in trials:
        transform = MassTransform.of(states.without(left_out))
        value, truth = float(states.values[left_out]), states.fields["u"].values[left_out]
        for order in errors:
            solution = solve(TransportProblem(transform.features, force=Least(order)), "fem")
            errors[order] += field_error(transform.decode(solution.at(value)), truth, states.labels.weights).nrmse
    return min(errors, key=lambda order: errors[order])


def grid_labels(dimension: int, count: int) -> Labels:
    """Labels on a regular grid of the unit line or square, with their volumes."""
    axis = np.linspace(0.0, 1.0, count)
    half = np.diff(axis) / 2
    volume = np.append(half, 0.0) + np.append(0.0, half)
    points = np.stack(np.meshgrid(*[axis] * dimension, indexing="ij"), axis=-1).reshape(-1, dimension)
    volumes = volume if dimension == 1 else np.outer(volume, volume).ravel()
    return labels_on_points(points, volumes)


def known_states(field: Moving, labels: Labels) -> StateSet:
    """The five known states of a moving field."""
    values = np.stack([field(labels.points, s) for s in KNOWN])[:, :, None]
    return StateSet(labels, Coordinate("s"), np.array(KNOWN), {"u": Field(values, "1", ("",))})


def _rival(predict: Predictor) -> Callable[[float], Array]:
    return lambda s: predict(np.array([[s]])).ravel()


def _mass_mode(transform: MassTransform, solution: TransportSolution) -> Callable[[float], Array]:
    return lambda s: transform.decode(solution.at(s), f"s = {s:g}")[:, 0]


def _mean_error(labels: Labels, field: Moving, predict: Callable[[float], Array]) -> float:
    errors = [field_error(predict(s), field(labels.points, s), labels.weights).nrmse for s in UNSEEN]
    return float(np.mean(errors))
