"""The methods without networks, of clouds at a few known states, as fits of all seeds."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from cmgai_fem.distributions.carried_mixture import CarriedMixture
from cmgai_fem.distributions.cloud_laws import CMGAI, CloudLaw, superposed
from cmgai_fem.distributions.known_states import Clouds, carry_clouds, interpolate_normals, normal_law
from cmgai_fem.distributions.optimal_transport import Gaussian
from cmgai_fem.states.labels import Array

from .fit import Fit, Split
from .problems import Problem

ROWS, NORMALS, CARRIED = "CM-GAI, row by row", "normal per state", "mixture, carried"


def clouds_of(split: Split) -> list[Clouds]:
    """The clouds of every seed, training and validation samples together: nothing here is stopped early."""
    x, u = (
        torch.cat([getattr(part, name) for part in (split.training, split.validation)], dim=1).cpu().double()
        for name in ("x", "u")
    )
    return [Clouds.of(pulls, values) for pulls, values in zip(x[..., 0].numpy(), u.numpy(), strict=True)]


def fit_transport(problem: Problem, split: Split) -> list[Fit]:
    """CM-GAI, asked at the problem's test conditions, and its finest grain alone: every sample a label."""
    return [_fit_atoms(problem, split, CMGAI, superposed), _fit_atoms(problem, split, ROWS, labelled)]


def labelled(clouds: Clouds, targets: Sequence[float], seed: int) -> list[Array]:
    """The known clouds as one labelled motion, which no chance enters."""
    return list(carry_clouds(clouds, targets))


def _fit_atoms(problem: Problem, split: Split, method: str, law: CloudLaw) -> Fit:
    """A law that makes atoms, each of which is drawn as often as the others, but for a remainder."""
    start = time.perf_counter()
    units = problem.card.unit_sizes
    targets = [float(at[0]) for at in problem.test_conditions(1)]
    found = [
        units * np.stack(law(Clouds(clouds.states, [cloud / units for cloud in clouds.values]), targets, 0))
        for clouds in clouds_of(split)
    ]
    seconds = (time.perf_counter() - start) / len(found)

    def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
        rows = [targets.index(float(at)) for at in conditions[:, 0]]
        # Drawing with replacement would add noise of its own.
        order = torch.rand(len(found), len(rows), found[0].shape[1], generator=generator).argsort(dim=-1)
        labels = order.repeat(1, 1, -(-count // order.shape[-1]))[..., :count]
        drawn = [torch.as_tensor(cloud)[rows] for cloud in found]
        return torch.stack([
            torch.stack([cloud[k, labels[seed, k]] for k in range(len(rows))]) for seed, cloud in enumerate(drawn)
        ])  # fmt: skip

    return Fit(method, 0, seconds, draw, None)


def fit_normals(split: Split) -> Fit:
    """One normal law a known state (shrunk covariance); between neighbours, and beyond, McCann's interpolation."""
    start = time.perf_counter()
    every = [(clouds.states, [normal_law(cloud) for cloud in clouds.values]) for clouds in clouds_of(split)]
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


def fit_carried(problem: Problem, split: Split) -> Fit:
    """A normal mixture of the problem's components, which keep their shares and are carried as bundles of labels."""
    start = time.perf_counter()
    units, count = problem.card.unit_sizes, problem.card.components
    found = [
        CarriedMixture.of(Clouds(clouds.states, [cloud / units for cloud in clouds.values]), count)
        for clouds in clouds_of(split)
    ]
    states, dimension = len(found[0].states), len(units)
    parameters = count - 1 + states * count * (dimension + dimension * (dimension + 1) // 2)

    def draw(conditions: Tensor, count: int, generator: torch.Generator) -> Tensor:
        rng = np.random.default_rng(torch.randint(2**31, (1,), generator=generator).numpy())
        return torch.as_tensor(np.stack([
            [units * mixture.sample(float(at), count, rng) for at in conditions[:, 0]] for mixture in found
        ]))  # fmt: skip

    def log_prob(x: Tensor, u: Tensor) -> Tensor:
        density = torch.empty(len(found), len(x), dtype=torch.float64)
        for at in x[:, 0].unique().tolist():
            rows = torch.nonzero(x[:, 0] == at).flatten()
            for seed, mixture in enumerate(found):
                density[seed, rows] = torch.as_tensor(mixture.log_density(at, u[rows].double().numpy() / units))
        return density - float(np.log(units).sum())

    return Fit(CARRIED, parameters, (time.perf_counter() - start) / len(found), draw, log_prob)
