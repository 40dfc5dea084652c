"""The map of moving labels trained by ours and by DeepXDE."""

import importlib.util
import os
import time

import numpy as np
from gpu import square
from timing import REPEATS, Row, figure

from cmgai_fem.features.body import LabelBody
from cmgai_fem.pinn.registration import NetworkRegistration

STIFFNESS = 0.3
# Seconds after which the rival's training ends.
BUDGET = 60.0


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


def train_ours(body: LabelBody) -> tuple[float, float]:
    """Seconds and functional of our map."""
    values = np.array([pulse(*body.points.T, s, np.exp) for s in (0.0, 1.0)])[:, :, None]
    start = time.perf_counter()
    found = NetworkRegistration(body, values)(0, STIFFNESS)
    return time.perf_counter() - start, functional(body, found.places)


def train_deepxde(
    body: LabelBody, budget: float, goal: float, warm_up: int, chunk: int = 25
) -> list[tuple[float, float]]:
    """(seconds, functional) along a training by DeepXDE, until it is as good as ours or the budget is spent."""
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
        start = time.perf_counter()
        if warm_up > 0:
            model.train(iterations=50, display_every=10**9, verbose=0)
            warm_up -= 50
            if warm_up <= 0:
                model.compile("L-BFGS", verbose=0)
        else:
            if not rows:
                model.compile("L-BFGS", verbose=0)
            model.train(display_every=10**9, verbose=0)
        spent += time.perf_counter() - start
        rows.append((spent, functional(body, np.asarray(model.predict(points)))))
    return rows


def moving_rows(quick: bool) -> list[Row]:
    """Both trainings."""
    body = LabelBody.of(square(11 if quick else 41))
    train_ours(body)
    own = [train_ours(body) for _ in range(1 if quick else REPEATS)]
    seconds, ours = [spent for spent, _ in own], own[0][1]
    at_rest = functional(body, body.points)
    rows: list[Row] = [
        {"training": "ours, as shipped", "at rest": at_rest, "functional": ours, "after s": figure(seconds)}
    ]
    if importlib.util.find_spec("deepxde") is None:
        return [*rows, {"training": "absent: pip install cmgai-fem[deepxde]"}]
    trained = []
    for warm_up in (0,) if quick else (0, 500):
        trained.append(train_deepxde(body, 1.0 if quick else BUDGET, ours, warm_up))
        spent, best = min(trained[-1], key=lambda row: row[1])
        what = f"DeepXDE L-BFGS, {warm_up} steps of Adam before"
        rows.append({"training": what, "functional": best, "after s": spent})
    equal = max(ours, min(value for each in trained for _, value in each))
    fastest = min(passed for each in trained for passed, value in each if value <= equal)
    what = f"time to a functional of {equal:.5g}, DeepXDE's fastest over ours"
    return [*rows, {"training": what, "ratio": figure([fastest / one for one in seconds])}]
