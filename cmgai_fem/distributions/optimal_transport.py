"""Couplings: which label of one state goes where in the next, by optimal transport for the squared distance.

Sample clouds become labelled motions here; what then happens between the states is the transport problem's affair.
Exact transport by POT (Flamary et al., JMLR 22, 2021), closed forms for Gaussians (McCann, Adv. Math. 128, 1997).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import ot
from scipy import linalg

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.states.labels import Array, IntArray

EXACT_LIMIT = 5_000  # points a cloud up to which the exact plan is the default; its memory grows with the square


@dataclass(frozen=True)
class TransportPlan:
    """A transport plan between two clouds.

    Args:
        images: (N, n) where each source point goes: the target's own points where the plan is a permutation, else
            the mean of where its mass goes (barycentric projection).
        cost: `Σ plan |x − y|²` of the plan: the squared Wasserstein-2 distance where the plan is exact.
        permutation: (N,) index of the target point of each source point, where the plan is one.
    """

    images: Array
    cost: float
    permutation: IntArray | None


def couple(source: Array, target: Array, regularisation: float | None = None) -> TransportPlan:
    """Optimal transport plan from one cloud to another for the squared Euclidean distance, all points of equal mass.

    In one dimension the plan is the monotone rearrangement; otherwise exact (network simplex), or entropic where
    `regularisation` is given.

    Args:
        source: (N, n) points.
        target: (M, n) points.
        regularisation: entropic regularisation [squared feature unit]; None or 0 asks for the exact plan.

    Returns:
        The plan.

    Raises:
        InputError: shapes do not fit, or an exact plan is asked for more than `EXACT_LIMIT` points.
        ConvergenceError: POT stopped before the plan was optimal.
    """
    source, target = _cloud(source, "source"), _cloud(target, "target")
    if source.shape[1] != target.shape[1]:
        raise InputError(f"source points have {source.shape[1]} coordinates, target points {target.shape[1]}")
    equal = len(source) == len(target)
    a, b = (np.full(len(cloud), 1.0 / len(cloud)) for cloud in (source, target))
    if source.shape[1] == 1 and not regularisation:
        return _monotone(source, target, a, b, equal)
    if regularisation:
        return _entropic(source, target, a, b, regularisation)
    if max(len(source), len(target)) > EXACT_LIMIT:
        raise InputError(
            f"{max(len(source), len(target))} points are too many for an exact plan (limit {EXACT_LIMIT}): "
            "give a regularisation, or draw fewer points"
        )
    plan = exact_plan(_squared_distances(source, target), a, b)
    if equal:
        permutation = np.asarray(plan.argmax(axis=1), dtype=np.int64)
        if len(np.unique(permutation)) == len(permutation):
            images = target[permutation]
            return TransportPlan(images, float(np.mean(np.sum((images - source) ** 2, axis=1))), permutation)
    return TransportPlan(plan @ target / a[:, None], float(np.sum(plan * _squared_distances(source, target))), None)


def exact_plan(cost: Array, source_weights: Array | None = None, target_weights: Array | None = None) -> Array:
    """Optimal plan (N, M) for any cost, by the network simplex.

    Args:
        cost: (N, M) cost of a unit of mass from each source point to each target point.
        source_weights: (N,) masses that add up to one, equal by default.
        target_weights: (M,) the same of the target points.

    Raises:
        ConvergenceError: POT stopped before the plan was optimal.
    """
    a, b = (
        np.full(count, 1.0 / count) if weights is None else weights
        for weights, count in zip((source_weights, target_weights), cost.shape, strict=True)
    )
    # Scaled to one: the network simplex compares costs with an absolute tolerance.
    scale = cost.max() or 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # POT's own warning is the error raised below
        plan, log = ot.emd(a, b, cost / scale, numItermax=10_000_000, log=True)
    if log["warning"]:
        raise ConvergenceError(f"exact transport of {len(a)} to {len(b)} points: {log['warning']}")
    return np.asarray(plan)


def label_clouds(clouds: Sequence[Array], regularisation: float | None = None) -> Array:
    """Make one labelled motion of sample clouds: the points of every cloud re-ordered to the labels of the first.

    Each cloud is coupled to the one before it, so that with no law and `least(-1)` the motion is optimal transport
    from state to state.

    Args:
        clouds: K arrays (N, n) of as many samples each, in the order of the states.
        regularisation: see `couple`; an entropic coupling moves labels to means and so shrinks the clouds a little.

    Returns:
        (K, N, n) positions of the labels at the known states.
    """
    sizes = {np.shape(cloud) for cloud in clouds}
    if len(sizes) != 1:
        raise InputError(f"clouds of one motion need the same number of samples and coordinates, not {sorted(sizes)}")
    positions = [_cloud(clouds[0], "state 0")]
    for cloud in clouds[1:]:
        positions.append(couple(positions[-1], cloud, regularisation=regularisation).images)
    return np.stack(positions)


def wasserstein_squared(source: Array, target: Array) -> float:
    """Squared Wasserstein-2 distance of two equally weighted clouds, exact."""
    return couple(source, target).cost


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution.

    Args:
        mean: (n,) mean.
        covariance: (n, n) covariance, positive definite.
    """

    mean: Array
    covariance: Array

    def __post_init__(self) -> None:
        if self.covariance.shape != (len(self.mean), len(self.mean)) or np.any(linalg.eigvalsh(self.covariance) <= 0.0):
            raise InputError("a Gaussian needs a positive definite covariance of the size of its mean")

    def density(self, points: Array) -> Array:
        """Density (N,) at points (N, n)."""
        root = linalg.cholesky(self.covariance, lower=True)
        scaled = linalg.solve_triangular(root, (points - self.mean).T, lower=True)
        log_scale = np.sum(np.log(np.diag(root))) + 0.5 * len(self.mean) * np.log(2.0 * np.pi)
        return np.exp(-0.5 * np.sum(scaled**2, axis=0) - log_scale)

    def map_to(self, other: "Gaussian", points: Array) -> Array:
        """McCann's optimal map to another Gaussian, at points (N, n)."""
        matrix, offset = ot.gaussian.bures_wasserstein_mapping(self.mean, other.mean, self.covariance, other.covariance)
        return np.asarray(points @ matrix + offset)

    def between(self, other: "Gaussian", s: float) -> "Gaussian":
        """The Gaussian that optimal transport to `other` passes at time `s` in [0, 1] (McCann's interpolation)."""
        matrix, _ = ot.gaussian.bures_wasserstein_mapping(self.mean, other.mean, self.covariance, other.covariance)
        step = (1.0 - s) * np.eye(len(self.mean)) + s * matrix
        return Gaussian((1.0 - s) * self.mean + s * other.mean, step @ self.covariance @ step)

    def wasserstein_squared(self, other: "Gaussian") -> float:
        """`|m0 − m1|² + tr(S0 + S1 − 2 (S0^½ S1 S0^½)^½)`.

        Source: Dowson and Landau, J. Multivariate Anal. 12 (1982), eq. 4.
        """
        root = linalg.sqrtm(self.covariance)
        cross = linalg.sqrtm(root @ other.covariance @ root)
        spread = np.trace(self.covariance + other.covariance - 2.0 * cross)
        return float(np.sum((self.mean - other.mean) ** 2) + spread.real)


def _monotone(source: Array, target: Array, a: Array, b: Array, equal: bool) -> TransportPlan:
    """Monotone rearrangement: the i-th smallest goes to the i-th smallest, mass by mass."""
    if equal:
        permutation = np.empty(len(source), dtype=np.int64)
        permutation[np.argsort(source[:, 0], kind="stable")] = np.argsort(target[:, 0], kind="stable")
        images = target[permutation]
        return TransportPlan(images, float(np.mean((images - source) ** 2)), permutation)
    plan = ot.emd_1d(source, target, a, b, dense=False)
    return TransportPlan(np.asarray(plan @ target) / a[:, None], float(ot.emd2_1d(source, target, a, b)), None)


def _entropic(source: Array, target: Array, a: Array, b: Array, regularisation: float) -> TransportPlan:
    distances = _squared_distances(source, target)
    plan, log = ot.sinkhorn(
        a, b, distances, regularisation, method="sinkhorn_log", numItermax=20_000, stopThr=1e-9, log=True, warn=False
    )
    if not log["err"] or log["err"][-1] > 1e-9:
        raise ConvergenceError(
            f"entropic transport with regularisation {regularisation:g} did not converge: raise the regularisation"
        )
    return TransportPlan(plan @ target / plan.sum(axis=1)[:, None], float(np.sum(plan * distances)), None)


def _squared_distances(source: Array, target: Array) -> Array:
    return np.asarray(ot.dist(source, target, metric="sqeuclidean"))


def _cloud(points: Array, name: str) -> Array:
    points = np.asarray(points, dtype=float)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or len(points) == 0 or not np.all(np.isfinite(points)):
        raise InputError(f"the {name} cloud must be an (N, n) array of finite numbers, not of shape {points.shape}")
    return points
