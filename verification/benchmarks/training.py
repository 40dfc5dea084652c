"""Training time of the PINN beside the same problem written for DeepXDE, in one run, on one thread.

The law-free problem: the five known states of the thermal-stress study, which are solved first, and the motion of
least(2), to which the study's calibration gives nearly all weight outside the known states. Errors are root mean
squares over the labels at the study's states between the known ones, over the range, against the finite elements. The
rival has the same hidden layer, hard states by an output transform, float64, and the force eliminated, so that it has
one loss and no weight to tune; it is run with our inputs that know the states and without, warmed up by Adam and not,
and its best run counts. `moving_training` has the moving one.
"""

import importlib.util
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from moving_training import moving_tables
from timing import REPEATS, Row, figure

from cmgai_fem.fem.solver import solve_fem
from cmgai_fem.mechanics.reference import load_model, solve_reference
from cmgai_fem.pinn.networks import TimeFeatures
from cmgai_fem.pinn.solver import solve_pinn
from cmgai_fem.states.labels import Array
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.file import find_study, read_study, validated
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem

HIDDEN = 8
ORDER = 2
# Seconds after which no further run of the rival begins.
BUDGET = 30.0
TITLE = "Training beside DeepXDE"
NOTE = """One torch thread. The rival's force is eliminated and its states are hard, so that it has one loss and no
weight to tune. Moving: both minimise misfit plus 0.3 times the neo-Hookean energy of a map of the unit square onto
itself, of two pulses; ours sees them on the label mesh, the rival in closed form, and both maps are judged on their
way by one functional, of the places of the same nodes, the states in closed form: ours at every step, the rival every
25, a look not counted. Seconds of the moving case are processor seconds of the one thread. The rival is trained to our
value, or for its budget; the least functional that it reaches is the equal error."""


@dataclass(frozen=True)
class Task:
    """What is trained.

    Args:
        problem: the statement.
        between: states at which errors are measured.
        exact: (B, L, n) the finite elements there.
    """

    problem: Problem
    between: list[float]
    exact: Array

    def error(self, state: Callable[[float], Array]) -> float:
        """Largest NRMSE of a motion, a function from a state's value to its features (L, n)."""
        errors = [state(value) - exact for value, exact in zip(self.between, self.exact, strict=True)]
        return max(float(np.sqrt(np.mean(error**2))) for error in errors) / float(np.ptp(self.problem.known.values))

    def error_of_modes(self, amplitudes: Callable[[float], Array]) -> float:
        """The same of a motion given as modal amplitudes over the pseudo-time."""
        problem = self.problem
        return self.error(
            lambda value: problem.scaling.decode(problem.modes.features(amplitudes(float(problem.time(value)))))
        )


def study_task(*overrides: str) -> Task:
    """The motion of the study's known stress, and the finite elements at its states between.

    Args:
        overrides: of the study file's keys, "table.key=value".
    """
    path = find_study("thermal-stress")
    study = validated(FieldStudy, path, read_study(path, overrides))
    values = [point[0] for point in sorted(study.states.known)]
    model = load_model(study.kind, study.parameters(study.states.known[0]))
    with tempfile.TemporaryDirectory() as folder:
        known, _ = solve_reference(model, study.axes.each[0], values, 1, Path(folder), lambda _: None)
    problem = Problem(known.only("stress"), force=Least(ORDER))
    between = [point[0] for point in sorted(study.states.interpolation)]
    elements = solve_fem(problem)
    return Task(problem, between, np.array([elements.at(value) for value in between]))


def train_ours(task: Task) -> tuple[float, float]:
    """Seconds and error of our training, as shipped."""
    start = time.perf_counter()
    solution = solve_pinn(task.problem)
    return time.perf_counter() - start, task.error(solution.at)


def train_deepxde(task: Task, budget: float, kinks: bool, warm_up: int, chunk: int = 25) -> list[tuple[float, float]]:
    """(seconds, error) along a training by DeepXDE's L-BFGS.

    Args:
        task: the statement, and where errors are measured.
        budget: seconds after which no further L-BFGS run begins.
        kinks: whether the inputs know the states.
        warm_up: steps of Adam before.
        chunk: L-BFGS steps between two measurements; measuring is not counted.
    """
    os.environ["DDE_BACKEND"] = "pytorch"
    import deepxde
    import torch

    deepxde.config.set_default_float("float64")
    deepxde.config.set_random_seed(0)
    torch.set_num_threads(1)
    problem = task.problem
    nodes, modes = problem.nodes, problem.modes
    scale = np.abs(modes.amplitudes).max(axis=0)
    values = torch.as_tensor(modes.amplitudes / scale)
    powers = torch.as_tensor(np.linalg.inv(np.vander(nodes, increasing=True)))
    features = TimeFeatures.over((0.0, 1.0), ORDER + 1, nodes, (2 * ORDER + 3,))
    mean, mix, places = (torch.as_tensor(array) for array in (features.mean, features.mix, nodes))

    def inputs(s):
        plain = [(2.0 * s - 1.0) ** power for power in range(1, features.degree + 1)]
        return (torch.cat([*plain, torch.abs(s - places) ** (2 * ORDER + 3)], dim=1) - mean) @ mix

    def through_states(s, raw):
        polynomial = torch.cat([s**power for power in range(len(nodes))], dim=1) @ (powers @ values)
        return polynomial + torch.prod(s - places, dim=1, keepdim=True) * raw

    def force_rates(s, amplitudes):
        rows = []
        for column in range(amplitudes.shape[1]):
            rate = amplitudes[:, column : column + 1]
            for _ in range(ORDER + 2):
                (rate,) = torch.autograd.grad(rate.sum(), s, create_graph=True)
            rows.append(rate)
        return torch.cat(rows, dim=1)

    data = deepxde.data.PDE(
        deepxde.geometry.Interval(0.0, 1.0), force_rates, [], num_domain=64, train_distribution="uniform"
    )
    network = deepxde.nn.FNN([features.count if kinks else 1, HIDDEN, len(scale)], "tanh", "Glorot normal")
    if kinks:
        network.apply_feature_transform(inputs)
    network.apply_output_transform(through_states)
    model = deepxde.Model(data, network)

    def amplitudes(s: float) -> Array:
        return np.asarray(model.predict(np.array([[s]]))[0]) * scale

    # Before any training: what the hard states alone give.
    model.compile("adam", lr=1e-3, verbose=0)
    spent, rows = 0.0, [(0.0, task.error_of_modes(amplitudes))]
    deepxde.optimizers.set_LBFGS_options(maxcor=100, ftol=0, gtol=0, maxiter=chunk, maxfun=2 * chunk, maxls=50)
    # DeepXDE keeps the 1,000 steps of a call that it set when it was imported.
    deepxde.optimizers.LBFGS_options.update(iter_per_step=chunk, fun_per_step=2 * chunk)
    if warm_up:
        start = time.perf_counter()
        model.train(iterations=warm_up, display_every=10**9, verbose=0)
        spent += time.perf_counter() - start
        rows.append((spent, task.error_of_modes(amplitudes)))
    model.compile("L-BFGS", verbose=0)
    while spent < budget or len(rows) == 1:
        start = time.perf_counter()
        model.train(display_every=10**9, verbose=0)
        spent += time.perf_counter() - start
        rows.append((spent, task.error_of_modes(amplitudes)))
    return rows


def law_free(quick: bool) -> list[Row]:
    """Both trainings, and the time to equal error: ours, or where no run of the rival gets there, its best."""
    task = study_task(*(["mesh.size=0.016"] if quick else []))
    train_ours(task)  # first use of torch
    own = [train_ours(task) for _ in range(1 if quick else REPEATS)]
    seconds, ours = [spent for spent, _ in own], own[0][1]
    rows: list[Row] = [{"training": "ours, as shipped", "best error %": 100.0 * ours, "after s": figure(seconds)}]
    if importlib.util.find_spec("deepxde") is None:
        return [*rows, {"training": "absent: pip install cmgai-fem[deepxde]"}]
    trained = {}
    for kinks in (True, False):
        for warm_up in (0,) if quick else (0, 2000):
            what = f"DeepXDE L-BFGS, {'our inputs' if kinks else 'plain input'}, {warm_up} steps of Adam before"
            (_, untrained), *trained[what] = train_deepxde(task, 1.0 if quick else BUDGET, kinks, warm_up)
            spent, best = min(trained[what], key=lambda row: row[1])
            rows.append(
                {"training": what, "untrained %": 100.0 * untrained, "best error %": 100.0 * best, "after s": spent}
            )
    equal = max(ours, min(worst for each in trained.values() for _, worst in each))
    fastest = min(passed for each in trained.values() for passed, worst in each if worst <= equal)
    reached = {"training": f"time to {100 * equal:.2g} %, DeepXDE's fastest over ours"}
    return [*rows, reached | {"ratio": figure([fastest / one for one in seconds])}]


def tables(quick: bool) -> dict[str, list[Row]]:
    """The comparison."""
    return {
        "Law-free: the thermal-stress study's motion, largest NRMSE against the finite elements": law_free(quick),
        **moving_tables(quick),
    }
