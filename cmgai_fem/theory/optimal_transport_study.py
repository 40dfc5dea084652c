"""Study: optimal transport as the limit of the theory, and what it does for moving fields.

With no law, no damping and no force the transport is that of Monge and Brenier between densities (McCann's
interpolation); the closed forms for Gaussians hold it. A known quadratic pull bends the motion. Mass mode carries
moving pulses and fronts, against every rival.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.distributions.optimal_transport import Gaussian, couple, label_clouds
from cmgai_fem.solve import METHODS, solve
from cmgai_fem.states.states import Array, Coordinate, Field, Labels, StateSet, labels_on_points
from cmgai_fem.theory import moving_fields, pictures
from cmgai_fem.theory.checks import Check, at_most, equals, make_folder, reported, say, write_checks
from cmgai_fem.theory.label_meshes import square_mesh
from cmgai_fem.theory.pull import QuadraticPull, hermite_labels
from cmgai_fem.transport.density import cell_masses, cell_volumes, density_by_jacobian, deposit, transport_cost
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import TransportProblem

TITLE = "Optimal transport as the limit of the theory"
PAIRS = {
    "Gaussian to Gaussian, 1-D": (
        Gaussian(np.zeros(1), np.eye(1)),
        Gaussian(np.array([2.0]), np.array([[0.36]])),
    ),
    "Gaussian to Gaussian, 2-D": (
        Gaussian(np.zeros(2), np.array([[1.0, 0.3], [0.3, 0.5]])),
        Gaussian(np.array([3.0, 1.0]), np.array([[0.6, -0.4], [-0.4, 2.0]])),
    ),
}
Report = Callable[[str], None]


def run_optimal_transport(out: Path, quick: bool, report: Report) -> int:
    """Run the study.

    Args:
        out: results folder, made if it is not there.
        quick: fewer samples and rivals, for tests.
        report: takes lines of progress.

    Returns:
        0 if every figure keeps its limit, else 1.
    """
    start = time.perf_counter()
    make_folder(out)
    checks: list[Check] = []
    for name, (first, last) in PAIRS.items():
        checks += _tell(report, gaussian_clouds(name, first, last, 300 if quick else 2000))
    checks += _tell(report, gaussian_density(25 if quick else 81, out))
    checks += _tell(report, one_to_eight(400 if quick else 2000, out, quick))
    checks += _tell(report, known_pull(out))
    checks += _tell(report, moving_fields.compare(out, quick))
    write_checks(out, TITLE, checks, quick, time.perf_counter() - start)
    return 0 if all(check.passed for check in checks) else 1


def gaussian_clouds(name: str, first: Gaussian, last: Gaussian, count: int) -> list[Check]:
    """Two clouds in no common order: the coupling must find the labels, the transport the Gaussians between.

    The first cloud has the first Gaussian's mean and covariance to rounding, the second is its image under McCann's map
    in a random order, so that the closed forms hold for the clouds themselves.
    """
    rng = np.random.default_rng(0)
    cloud = (
        _whitened(rng.standard_normal((count, len(first.mean)))) @ np.linalg.cholesky(first.covariance).T + first.mean
    )
    target = rng.permutation(first.map_to(last, cloud))
    coupling = couple(cloud, target)
    exact = first.map_to(last, cloud)
    spread = np.sqrt(np.mean((exact - last.mean) ** 2))
    checks = [
        equals(name, "W2 squared", "coupling", coupling.cost, first.wasserstein_squared(last), 1e-3),
        at_most(
            name,
            "map, RMS error over spread",
            "coupling",
            np.sqrt(np.mean((coupling.images - exact) ** 2)) / spread,
            1e-3,
        ),
    ]
    states = _cloud_states(np.stack([cloud, coupling.images]))
    for method in METHODS:
        problem = TransportProblem(states, force=Least(-1))
        solution = solve(problem, method)
        worst = 0.0
        for s in (0.25, 0.5, 0.75):
            found, between = solution.at(s), first.between(last, s)
            shift = np.abs(found.mean(axis=0) - between.mean).max() / np.abs(last.mean - first.mean).max()
            covariance = np.atleast_2d(np.cov(found.T, bias=True))
            worst = max(worst, shift, np.abs(covariance - between.covariance).max() / np.abs(between.covariance).max())
        checks.append(at_most(name, "mean and covariance between, relative error", method, worst, 1e-3))
    independent = couple(cloud, last.mean + rng.standard_normal(cloud.shape) @ np.linalg.cholesky(last.covariance).T)
    checks.append(reported(name, "W2 squared of independent samples (sampling floor)", "coupling", independent.cost))
    return checks


def gaussian_density(count: int, out: Path) -> list[Check]:
    """The same in two dimensions on a label mesh: density by the Jacobian, mass, W2 squared."""
    name = "Gaussian density on a label mesh"
    first, last = PAIRS["Gaussian to Gaussian, 2-D"]
    labels = square_mesh(count, (-5.0, 5.0))
    density = first.density(labels.points)
    total = cell_masses(labels, density).sum()
    density /= total
    images = first.map_to(last, labels.points)
    states = StateSet(
        labels, Coordinate("s"), np.array([0.0, 1.0]), {"x": Field(np.stack([labels.points, images]), "1", ("x", "y"))}
    )
    checks = []
    grid = np.linspace(-6.0, 8.0, 141)
    masses = cell_masses(labels, density)
    for method in METHODS:
        solution = solve(TransportProblem(states, force=Least(-1), density=density), method)
        middle = solution.at(0.5)
        rho = density_by_jacobian(labels, density, middle, "s = 0.5")
        exact = first.between(last, 0.5).density(middle) / total
        spread = deposit(labels, masses, middle, (grid, grid))
        cost, target = transport_cost(labels, density, solution.at(1.0)), first.wasserstein_squared(last)
        checks += [
            at_most(name, "density at s = 0.5, largest error", method, float(np.abs(rho - exact).max()), 1e-9),
            at_most(name, "mass by Jacobian, error", method, abs(rho @ _volumes(labels, middle) - masses.sum()), 1e-12),
            at_most(name, "mass by deposit, error", method, abs(spread.sum() * 0.1**2 - masses.sum()), 1e-12),
            # Second order in the mesh: 0.1 % on the full one.
            equals(name, "W2 squared by the motion", method, cost, target, 1e-3 * (80 / (count - 1)) ** 2),
        ]  # fmt: skip
    times = np.linspace(0.0, 1.0, 5)
    frames = [deposit(labels, masses, solution.at(s), (grid[::2], grid[::2])) for s in times]
    pictures.draw_density_strip(out / "gaussian_density.png", frames, times, (-6.0, 8.0, -6.0, 8.0))
    return checks


def one_to_eight(count: int, out: Path, quick: bool) -> list[Check]:
    """One Gaussian to eight on a circle: exact coupling of samples, straight motion, picture and animation."""
    rng = np.random.default_rng(1)
    angle = 2.0 * np.pi * (np.arange(count) % 8) / 8.0
    eight = 4.0 * np.column_stack([np.cos(angle), np.sin(angle)]) + 0.3 * rng.standard_normal((count, 2))
    clouds = label_clouds([rng.standard_normal((count, 2)), rng.permutation(eight)])
    solution = solve(TransportProblem(_cloud_states(clouds), force=Least(-1)), "fem")
    end = solution.at(1.0)
    # Optimal plans are cyclically monotone: no two labels gain by exchanging their ends.
    start = clouds[0]
    pair = rng.integers(0, count, (200_000, 2))
    gain = np.sum((start[pair[:, 0]] - start[pair[:, 1]]) * (end[pair[:, 0]] - end[pair[:, 1]]), axis=1)
    ends = np.sort(end.view(f"{end.dtype.str},{end.dtype.str}").ravel())
    given = np.sort(np.ascontiguousarray(eight).view(f"{end.dtype.str},{end.dtype.str}").ravel())
    misfit = max(np.abs(ends[key] - given[key]).max() for key in ends.dtype.names)
    grid = np.linspace(-5.5, 5.5, 56)
    times = np.linspace(0.0, 1.0, 5 if quick else 49)
    frames = [_histogram(solution.at(s), grid) for s in times]
    extent = (-5.5, 5.5, -5.5, 5.5)
    pictures.animate_density(out / "one_to_eight.gif", frames, times, extent)
    chosen = np.linspace(0, len(times) - 1, 5).astype(int)
    pictures.draw_density_strip(out / "one_to_eight.png", [frames[k] for k in chosen], times[chosen], extent)
    name = "one Gaussian to eight"
    return [
        at_most(name, "gain of the best exchange of two ends", "fem", max(-float(gain.min()), 0.0), 1e-9),
        at_most(name, "samples of the last state, error", "fem", misfit, 1e-9),
    ]


def known_pull(out: Path) -> list[Check]:
    """1-D Gaussian under the quadratic pull of theory section 7, by both discretisations."""
    from cmgai_fem.pinn.settings import TrainingSettings

    name = "1-D Gaussian with a known pull"
    q, weights = hermite_labels(9)
    first, last = Gaussian(np.zeros(1), np.eye(1)), Gaussian(np.ones(1), 2.0 * np.eye(1))
    positions = np.stack([q[:, None], first.map_to(last, q[:, None])])
    states = StateSet(
        labels_on_points(q[:, None], weights),
        Coordinate("s"),
        np.array([0.0, 1.0]),
        {"x": Field(positions, "1", ("",))},
    )
    pull = QuadraticPull(q)
    problem = TransportProblem(states, force=Least(-1), known_force=pull)
    # The pull acts within a tenth of the way: elements and Gauss points must resolve its bell.
    options: dict[str, dict[str, Any]] = {"fem": {"refine": 8.0}, "pinn": {"settings": TrainingSettings(points=40)}}

    def moments(values: Array) -> tuple[float, float]:
        return float(weights @ values), float(weights @ (values * q))

    s = np.linspace(0.0, 1.0, 41)
    exact = pull.exact_moments(s)
    checks: list[Check] = []
    for method in METHODS:
        solution = solve(problem, method, **options[method])
        speed = moments(problem.scaling.scale * solution.motion(0.0, 1)[:, 0])
        middle = moments(solution.at(0.5)[:, 0])
        ours = np.array([moments(solution.at(value)[:, 0]) for value in s])
        checks += [
            equals(name, "m'(0)", method, speed[0], 2.82362, 1e-3),
            equals(name, "sigma'(0)", method, speed[1], -0.08813, 1e-3),
            equals(name, "m(1/2)", method, middle[0], 1.2540, 1e-3),
            equals(name, "sigma(1/2)", method, middle[1], 0.9938, 1e-3),
            at_most(name, "m and sigma over s, error", method, float(np.abs(ours.T - exact).max()), 1e-5),
        ]
    pictures.draw_curves(
        out / "known_pull.png", s, [("mean", ours[:, 0], exact[0]), ("deviation", ours[:, 1], exact[1])]
    )
    return checks


def _volumes(labels: Labels, positions: Array) -> Array:
    """Lumped volume (L,) of each label on the moved mesh."""
    ((_, cells),) = labels.cells.items()
    volumes = np.zeros(labels.count)
    np.add.at(volumes, cells, np.abs(cell_volumes(positions, cells))[:, None] / cells.shape[1])
    return volumes


def _whitened(cloud: Array) -> Array:
    """The cloud with mean zero and covariance one."""
    centred = cloud - cloud.mean(axis=0)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(centred.T, bias=True)))
    return np.asarray(np.linalg.solve(root, centred.T).T)


def _histogram(points: Array, lines: Array) -> Array:
    """Density of a cloud of equal masses in the cells of a square grid."""
    found, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=(lines, lines), density=True)
    return np.asarray(found)


def _cloud_states(positions: Array) -> StateSet:
    components = tuple("xyz"[: positions.shape[2]])
    values = np.linspace(0.0, 1.0, len(positions))
    return StateSet(labels_on_points(positions[0]), Coordinate("s"), values, {"x": Field(positions, "1", components)})


def _tell(report: Report, checks: list[Check]) -> list[Check]:
    for check in checks:
        report(say(check))
    return checks
