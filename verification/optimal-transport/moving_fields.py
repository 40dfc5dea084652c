"""Moving pulses and fronts, five states known and four not: mass mode against every rival."""

from collections.abc import Callable

import numpy as np
from pydantic import Field as Key
from pydantic import field_validator

from cmgai_fem.features.mass import MassTransform
from cmgai_fem.metrics import field_error
from cmgai_fem.rivals import RIVALS, Predictor, rivals_for
from cmgai_fem.solve import METHODS, solve
from cmgai_fem.states.labels import Array, Labels, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.file import Table
from cmgai_fem.study.findings import Figure, Findings, judged
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution

from .pictures import draw_profiles

KNOWN = (0.0, 0.25, 0.5, 0.75, 1.0)
UNSEEN = (0.125, 0.375, 0.625, 0.875)
Moving = Callable[[Array, float], Array]


# Rivals along one state coordinate.
ALONG_ONE = rivals_for(np.arange(5.0)[:, None])


class MovingFields(Table):
    """The table `[moving]` of the study file.

    Args:
        line: labels of the unit line.
        square: labels a side of the unit square.
        rivals: names of the rivals; all by default.
    """

    line: int = Key(ge=11)
    square: int = Key(ge=11)
    rivals: list[str] = Key(default=ALONG_ONE, min_length=1)

    @field_validator("rivals")
    @classmethod
    def _known(cls, rivals: list[str]) -> list[str]:
        for name in rivals:
            if name not in ALONG_ONE:
                raise ValueError(f"no rival {name!r}; there are: {', '.join(ALONG_ONE)}")
        return rivals


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


def compare(asked: MovingFields, tools: Tools) -> Findings:
    """Mean NRMSE of mass mode and of every rival; ours must be at most a fifth of the best rival's."""
    figures, panels = [], []
    for name, (field, dimension) in CASES.items():
        states = known_states(field, grid_labels(dimension, asked.line if dimension == 1 else asked.square))
        snapshots, weights = states.fields["u"].values[:, :, 0], states.labels.weights
        rivals = {key: RIVALS[key].fit(states.values, snapshots, weights) for key in asked.rivals}
        errors = {key: _mean_error(states.labels, field, _rival(predict)) for key, predict in rivals.items()}
        best_name = min(errors, key=lambda key: errors[key])
        figures += [Figure.shown(name, "mean NRMSE", key, error) for key, error in errors.items()]
        transform, order = MassTransform.of(states), chosen_order(states)
        figures.append(Figure.shown(name, "order p, chosen by leaving known states out", "mass mode", order))
        for method in METHODS:
            solution = solve(Problem(transform.features, force=Least(order)), method)
            ours = _mean_error(states.labels, field, _mass_mode(transform, solution))
            label = f"mass mode, {method}"
            figures.append(Figure.shown(name, "mean NRMSE", label, ours))
            figures.append(Figure.at_most(name, f"mean NRMSE over {best_name}'s", label, ours / errors[best_name], 0.2))
        if dimension == 1:
            s = UNSEEN[1]
            shown = transform.decode(solution.at(s))[:, 0], rivals[best_name](np.array([[s]])).ravel()
            panels.append((f"{name}, s = {s:g}", field(states.labels.points, s), *shown))
            x = states.labels.points[:, 0]
    text = f"Five known states; mean NRMSE at the four unseen ones between them, s = {', '.join(map(str, UNSEEN))}."
    picture = tools.picture(draw_profiles(x, panels), "moving_fields", "At an unseen state.")
    return judged(figures, "Moving pulses and fronts, carried as mass", [text], [picture])


def chosen_order(states: States) -> int:
    """The p whose motions generate each inner known state best from the other known ones, lowest mean error."""
    trials = range(1, len(states) - 1)
    errors = dict.fromkeys(range(-1, len(states) - 2), 0.0)
    for left_out in trials:
        transform = MassTransform.of(states.without(left_out))
        value, truth = float(states.values[left_out, 0]), states.fields["u"].values[left_out]
        for order in errors:
            solution = solve(Problem(transform.features, force=Least(order)), "fem")
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


def known_states(field: Moving, labels: Labels) -> States:
    """The five known states of a moving field."""
    values = np.stack([field(labels.points, s) for s in KNOWN])[:, :, None]
    return States.of(labels, Coordinate("s"), np.array(KNOWN), {"u": Field(values, "1", ("",))})


def _rival(predict: Predictor) -> Callable[[float], Array]:
    return lambda s: predict(np.array([[s]])).ravel()


def _mass_mode(transform: MassTransform, solution: Solution) -> Callable[[float], Array]:
    return lambda s: transform.decode(solution.at(s), f"s = {s:g}")[:, 0]


def _mean_error(labels: Labels, field: Moving, predict: Callable[[float], Array]) -> float:
    errors = [field_error(predict(s), field(labels.points, s), labels.weights).nrmse for s in UNSEEN]
    return float(np.mean(errors))
