"""The map of moving labels trained by ours and by DeepXDE: processor seconds of one thread against one functional.

Both trainings are looked at on their way, ours at every step and the rival every few; a look does not count. What is
looked at is the same of both: the places of the nodes, judged by `functional`, which knows the states in closed form.
"""

import importlib.util
import os
import time

import numpy as np
from gpu import square
from timing import REPEATS, Row, figure

from cmgai_fem.features.body import LabelBody
from cmgai_fem.features.label_map import SmoothedPair
from cmgai_fem.pinn.registration import NetworkMap, NetworkRegistration

STIFFNESS = 0.3
# Seconds after which the rival's training ends, and looks without a lesser functional: it goes on to fit its points.
BUDGET, PATIENCE = 60.0, 8
# Functionals that both are timed to, beside the least that both reach.
GOALS = (0.1, 0.07, 0.063, 0.062)


def pulse(x: object, y: object, s: float, exp: object) -> object:
    """A pulse that moves and grows; `exp` is numpy's or torch's."""
    return (1.0 + 0.2 * s) * exp(-((x - 0.35 - 0.15 * s) ** 2 + (y - 0.45 - 0.05 * s) ** 2) / 0.04)


def functional(body: LabelBody, places: np.ndarray) -> float:
    """Misfit plus energy of a map of the nodes, the states in closed form; infinite where the map folds."""
    points, shares = body.points, body.shares
    first, second, there = (pulse(*at.T, s, np.exp) for at, s in ((points, 0.0), (points, 1.0), (places, 1.0)))
    corners, moved = points[body.mesh.cells], places[body.mesh.cells]
    edges, turned = (np.swapaxes(one[:, 1:] - one[:, :1], 1, 2) for one in (corners, moved))
    gradient = turned @ np.linalg.inv(edges)
    jacobian = np.linalg.det(gradient)
    if jacobian.min() <= 0.0:
        return np.inf
    log = np.log(jacobian)
    energy = 0.5 * (np.sum(gradient**2, axis=(1, 2)) - 2.0 - 2.0 * log) + 0.5 * log**2
    misfit = shares @ (there - first) ** 2 / (shares @ (second - first) ** 2)
    return float(misfit + STIFFNESS * np.average(energy, weights=body.mesh.volumes))


class Watched(NetworkRegistration):
    """Our registration, keeping the clock and the places of the nodes at the start of every step."""

    def __init__(self, body: LabelBody, values: np.ndarray) -> None:
        self._start_time, self._steps = time.process_time(), []
        super().__init__(body, values)

    def _linearise(
        self, pair: SmoothedPair, here: NetworkMap, stiffness: float, trained: slice
    ) -> tuple[np.ndarray, np.ndarray]:
        self._steps.append((time.process_time() - self._start_time, here.nodes))
        return super()._linearise(pair, here, stiffness, trained)

    def trained(self) -> list[tuple[float, np.ndarray]]:
        """(seconds, places of the nodes) at every step of the training of the first pair, and at its end."""
        found = self(0, STIFFNESS)
        spent = time.process_time() - self._start_time
        return [*self._steps, (spent, found.places)]


def train_ours(body: LabelBody) -> list[tuple[float, float]]:
    """(seconds, functional) along our training, as shipped."""
    values = np.array([pulse(*body.points.T, s, np.exp) for s in (0.0, 1.0)])[:, :, None]
    return [(spent, functional(body, places)) for spent, places in Watched(body, values).trained()]


def train_deepxde(
    body: LabelBody, budget: float, goal: float, warm_up: int, chunk: int = 25
) -> list[tuple[float, float]]:
    """(seconds, functional) along a training by DeepXDE, until it is as good as ours, rises or has spent its budget.

    Args:
        body: the labels.
        budget: seconds.
        goal: our functional.
        warm_up: steps of Adam before those of L-BFGS.
        chunk: steps of L-BFGS between two looks.
    """
    os.environ["DDE_BACKEND"] = "pytorch"
    import deepxde
    import torch

    deepxde.config.set_default_float("float64")
    deepxde.config.set_random_seed(0)
    torch.set_num_threads(1)
    points = body.points
    change = float(np.mean((pulse(*points.T, 1.0, np.exp) - pulse(*points.T, 0.0, np.exp)) ** 2))
    # Random waves beside the coordinates: without them it learns slower.
    waves = torch.as_tensor(3.0 * np.random.default_rng(0).standard_normal((2, 16)))

    def terms(x, y):
        first, there = pulse(x[:, :1], x[:, 1:], 0.0, torch.exp), pulse(y[:, :1], y[:, 1:], 1.0, torch.exp)
        rows = [torch.autograd.grad(y[:, i].sum(), x, create_graph=True)[0] for i in range(2)]
        jacobian = torch.clamp(rows[0][:, :1] * rows[1][:, 1:] - rows[0][:, 1:] * rows[1][:, :1], min=1e-3)
        stretch = (rows[0] ** 2 + rows[1] ** 2).sum(dim=1, keepdim=True)
        log = torch.log(jacobian)
        energy = 0.5 * (stretch - 2.0 - 2.0 * log) + 0.5 * log**2
        # DeepXDE squares what it is given; the root needs a slope at rest.
        return [(there - first) / change**0.5, torch.sqrt(STIFFNESS * torch.relu(energy) + 1e-10)]

    square_domain = deepxde.geometry.Rectangle([0.0, 0.0], [1.0, 1.0])
    data = deepxde.data.PDE(square_domain, terms, [], num_domain=0, anchors=points)
    network = deepxde.nn.FNN([34, 24, 24, 2], "tanh", "Glorot normal")
    network.apply_feature_transform(
        lambda x: torch.cat([2.0 * x - 1.0, torch.sin(x @ waves), torch.cos(x @ waves)], dim=1)
    )
    network.apply_output_transform(lambda x, y: x + x * (1.0 - x) * y)
    model = deepxde.Model(data, network)
    deepxde.optimizers.set_LBFGS_options(maxcor=100, ftol=0, gtol=0, maxiter=chunk, maxfun=2 * chunk, maxls=50)
    # DeepXDE keeps the 1,000 steps of a call that it set when it was imported.
    deepxde.optimizers.LBFGS_options.update(iter_per_step=chunk, fun_per_step=2 * chunk)
    spent, rows = 0.0, []
    model.compile("adam", lr=1e-3, verbose=0)
    while spent < budget and (not rows or rows[-1][1] > goal):
        if min(rows, default=(0.0, np.inf), key=lambda row: row[1]) in rows[:-PATIENCE]:
            break
        start = time.process_time()
        if warm_up > 0:
            model.train(iterations=50, display_every=10**9, verbose=0)
            warm_up -= 50
            if warm_up <= 0:
                model.compile("L-BFGS", verbose=0)
        else:
            if not rows:
                model.compile("L-BFGS", verbose=0)
            model.train(display_every=10**9, verbose=0)
        spent += time.process_time() - start
        rows.append((spent, functional(body, np.asarray(model.predict(points)))))
    return rows


def passed(training: list[tuple[float, float]], goal: float) -> float:
    """Seconds after which a training is first seen at a functional; infinite where it never is."""
    return min((spent for spent, value in training if value <= goal), default=np.inf)


def side_by_side(functional: str, ours: list[float], rival: float) -> Row:
    """Seconds of both to a functional."""
    times = figure([rival / one for one in ours])
    return {"functional": functional, "ours s": figure(ours), "DeepXDE s": rival, "times ours": times}


def moving_tables(quick: bool) -> dict[str, list[Row]]:
    """Both trainings, and the time that each takes to the same functional."""
    body = LabelBody.of(square(11 if quick else 41))
    train_ours(body)
    own = [train_ours(body) for _ in range(1 if quick else REPEATS)]
    ours, whole = own[0][-1][1], [training[-1][0] for training in own]
    rows: list[Row] = [
        {"training": "at rest", "least functional": functional(body, body.points)},
        {"training": "ours, as shipped, to its end", "least functional": ours, "after s": figure(whole)},
    ]
    if importlib.util.find_spec("deepxde") is None:
        return {"Moving: both trainings": [*rows, {"training": "absent: pip install cmgai-fem[deepxde]"}]}
    rival = []
    for warm_up in (0,) if quick else (0, 500):
        rival.append(train_deepxde(body, 1.0 if quick else BUDGET, ours, warm_up))
        spent, best = min(rival[-1], key=lambda row: row[1])
        what = f"DeepXDE L-BFGS, {warm_up} steps of Adam before"
        rows.append({"training": what, "least functional": best, "after s": spent})
    best = max(ours, min(value for each in rival for _, value in each))
    equal: list[Row] = []
    for goal in (*(goal for goal in GOALS if goal > best), best):
        seconds, fastest = [passed(one, goal) for one in own], min(passed(each, goal) for each in rival)
        equal.append(side_by_side(f"{goal:.5g}", seconds, fastest))
    equal.append(side_by_side(f"{best:.5g}, and all of ours to {ours:.5g}", whole, fastest))
    return {"Moving: both trainings": rows, "Moving: seconds to the same functional": equal}
