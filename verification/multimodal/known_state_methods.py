"""Two methods for samples that come in clouds, one at each of a few known states: no network, nothing but transport.

CM-GAI in density mode: the clouds are coupled from state to state by optimal transport, which makes them one labelled
motion; its order, damping and superposition are calibrated on the known states, as in field mode. The rival is the
plainest thing that respects the states: one normal law each, and McCann's interpolation between neighbours.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from sklearn.covariance import oas
from torch import Tensor

from cmgai_fem.calibration.calibrate import calibrate
from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.trials import sides
from cmgai_fem.distributions.optimal_transport import Gaussian, label_clouds
from cmgai_fem.solve import Solver
from cmgai_fem.states.labels import Array, labels_on_points
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States
from cmgai_fem.transport.problem import Problem as Statement

from .fit import Fit, Split
from .problems import Problem

CMGAI, NORMALS = "CM-GAI", "normal per state"


@dataclass(frozen=True)
class Clouds:
    """Samples of one seed, sorted by known state.

    Args:
        states: (K,) known values of the first condition, increasing.
        values: K clouds (N_k, d).
    """

    states: Array
    values: list[Array]

    @classmethod
    def of_seeds(cls, split: Split) -> "list[Clouds]":
        """The clouds of every seed, training and validation samples together: nothing here is stopped early."""
        x, u = (
            torch.cat([getattr(part, name) for part in (split.training, split.validation)], dim=1).cpu().double()
            for name in ("x", "u")
        )
        found = []
        for pulls, values in zip(x[..., 0].numpy(), u.numpy(), strict=True):
            states = np.unique(pulls)
            found.append(cls(states, [values[pulls == state] for state in states]))
        return found


def fit_transport(problem: Problem, split: Split) -> Fit:
    """CM-GAI: the known clouds as one labelled motion, asked at the problem's test conditions."""
    start = time.perf_counter()
    units = problem.card.unit_sizes
    targets = [float(at[0]) for at in problem.test_conditions(1)]
    found = [transport_cloud(clouds, targets, units) for clouds in Clouds.of_seeds(split)]
    seconds = (time.perf_counter() - start) / len(found)

    def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
        rows = [targets.index(float(at)) for at in conditions[:, 0]]
        # Every label equally often, but for a remainder: drawing with replacement would add noise of its own.
        order = torch.rand(len(found), len(rows), found[0].shape[1], generator=generator).argsort(dim=-1)
        labels = order.repeat(1, 1, -(-count // order.shape[-1]))[..., :count]
        drawn = [torch.as_tensor(cloud)[rows] for cloud in found]
        return torch.stack([
            torch.stack([cloud[k, labels[seed, k]] for k in range(len(rows))]) for seed, cloud in enumerate(drawn)
        ])  # fmt: skip

    return Fit(CMGAI, 0, seconds, draw, None)


def transport_cloud(clouds: Clouds, targets: Sequence[float], units: Array) -> Array:
    """Where the labels of a motion through the known clouds are at states between and beyond them.

    Args:
        clouds: K clouds of as many samples each.
        targets: (C,) states.
        units: (d,) size of each value that counts as one in distances.

    Returns:
        (C, N, d) positions.
    """
    motion = label_clouds([cloud / units for cloud in clouds.values])
    labels = labels_on_points(np.arange(float(motion.shape[1]))[:, None])
    names = tuple(str(axis) for axis in range(motion.shape[2]))
    coordinates = Coordinates((Coordinate("state"),))
    states = States(labels, coordinates, clouds.states[:, None], {"value": Field(motion, "1", names)})
    statement = Statement(states).with_reach(*targets)
    cloud = np.empty((len(targets), *motion.shape[1:]))
    # Labels have no places here, so the weights of the superposition must not vary over them.
    for side in sides(states, targets):
        carried = calibrate(statement, np.array(side), search=Search(kinds=())).solve(statement, Solver())
        for point in side:
            cloud[np.equal(targets, point[0])] = carried.at(point)
    return cloud * units


def fit_normals(split: Split) -> Fit:
    """One normal law a known state (shrunk covariance); between neighbours, and beyond, McCann's interpolation."""
    start = time.perf_counter()
    every = [(clouds.states, [normal_law(cloud) for cloud in clouds.values]) for clouds in Clouds.of_seeds(split)]
    dimension = split.training.u.shape[-1]
    parameters = len(every[0][0]) * (dimension + dimension * (dimension + 1) // 2)

    def laws(at: float) -> list[Gaussian]:
        return [interpolate_normals(states, normals, at) for states, normals in every]

    def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
        drawn = []
        for at in conditions[:, 0].tolist():
            noise = torch.randn(len(every), count, dimension, generator=generator, dtype=torch.float64)
            factors = [torch.as_tensor(np.linalg.cholesky(law.covariance)) for law in laws(at)]
            means = [torch.as_tensor(law.mean) for law in laws(at)]
            drawn.append(torch.stack(means).unsqueeze(1) + noise @ torch.stack(factors).mT)
        return torch.stack(drawn, dim=1)

    def log_prob(x: Tensor, u: Tensor) -> Tensor:
        density = torch.empty(len(every), len(x), dtype=torch.float64)
        for at in x[:, 0].unique().tolist():
            rows = torch.nonzero(x[:, 0] == at).flatten()
            for seed, law in enumerate(laws(at)):
                normal = stats.multivariate_normal(law.mean, law.covariance)
                density[seed, rows] = torch.as_tensor(normal.logpdf(u[rows].double().numpy()).reshape(-1))
        return density

    return Fit(NORMALS, parameters, (time.perf_counter() - start) / len(every), draw, log_prob)


def normal_law(cloud: Array) -> Gaussian:
    """Mean and shrunk covariance of samples (N, d), shrunk in units in which every value has the variance one.

    Source: oracle approximating shrinkage, Chen et al., IEEE Trans. Signal Process. 58 (2010).
    """
    scale = np.maximum(cloud.std(axis=0, ddof=1), 1e-9)
    away = (cloud - cloud.mean(axis=0)) / scale
    covariance = oas(away, assume_centered=True)[0] * len(cloud) / (len(cloud) - 1)
    return Gaussian(cloud.mean(axis=0), covariance * np.outer(scale, scale))


def interpolate_normals(states: Array, normals: Sequence[Gaussian], at: float) -> Gaussian:
    """The normal law at a state: McCann's between the two neighbours, continued straight beyond the ends."""
    left = int(np.clip(np.searchsorted(states, at) - 1, 0, len(states) - 2))
    s = (at - states[left]) / (states[left + 1] - states[left])
    return normals[left].between(normals[left + 1], s)
