"""Optimal transport as the limit of the theory, and what it does for moving fields.

With no law, no damping and no force the transport is that of Monge and Brenier between densities (McCann's
interpolation); the closed forms for Gaussians hold it. A known quadratic pull bends the motion. Mass mode carries
moving pulses and fronts, against every rival.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from pydantic import Field as Key

from cmgai_fem.distributions.optimal_transport import Gaussian, couple, label_clouds
from cmgai_fem.solve import METHODS, solve
from cmgai_fem.states.label_meshes import square_mesh
from cmgai_fem.states.labels import Array, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.density_pictures import animate_densities, draw_densities
from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Figure, Findings, joined, judged
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.transport.density import cell_masses, density_by_jacobian, deposit, lumped_volumes
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem

from .cost import transport_cost
from .moving_fields import MovingFields, compare
from .pictures import draw_moments
from .pull import QuadraticPull, hermite_labels

TAKES = frozenset({"quick"})
SOURCE = "theory, section 7"
# Strengths w of the known pull.
PULLS = (1.0, 10.0, 100.0)
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


class Study(StudyFile):
    """The sizes of the cases.

    Args:
        samples: points of each cloud.
        labels: labels a side of the mesh of the Gaussian density.
        frames: of the animation of one Gaussian to eight.
        moving: the moving fields.
    """

    samples: int = Key(ge=64)
    labels: int = Key(ge=5)
    frames: int = Key(ge=5)
    moving: MovingFields


def run(study: Study, tools: Tools) -> Findings:
    """Run the cases one after the other."""
    return joined(_parts(study, tools), tools.say)


def _parts(study: Study, tools: Tools) -> Iterator[Findings]:
    for name, (first, last) in PAIRS.items():
        yield gaussian_clouds(name, first, last, study.samples)
    yield gaussian_density(study.labels, tools)
    yield one_to_eight(study.samples, study.frames, tools)
    yield known_pull(tools)
    yield compare(study.moving, tools)


def gaussian_clouds(name: str, first: Gaussian, last: Gaussian, count: int) -> Findings:
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
    misfit = np.sqrt(np.mean((coupling.images - exact) ** 2)) / spread
    figures = [
        Figure.equals(name, "W2 squared", "coupling", coupling.cost, first.wasserstein_squared(last), 1e-3),
        Figure.at_most(name, "map, RMS error over spread", "coupling", misfit, 1e-3),
    ]
    states = _cloud_states(np.stack([cloud, coupling.images]))
    for method in METHODS:
        problem = Problem(states, force=Least(-1))
        solution = solve(problem, method)
        worst = 0.0
        for s in (0.25, 0.5, 0.75):
            found, between = solution.at(s), first.between(last, s)
            shift = np.abs(found.mean(axis=0) - between.mean).max() / np.abs(last.mean - first.mean).max()
            covariance = np.atleast_2d(np.cov(found.T, bias=True))
            worst = max(worst, shift, np.abs(covariance - between.covariance).max() / np.abs(between.covariance).max())
        figures.append(Figure.at_most(name, "mean and covariance between, relative error", method, worst, 1e-3))
    independent = couple(cloud, last.mean + rng.standard_normal(cloud.shape) @ np.linalg.cholesky(last.covariance).T)
    floor = "W2 squared of independent samples (sampling floor)"
    figures.append(Figure.shown(name, floor, "coupling", independent.cost))
    text = "Two clouds in no common order: the coupling finds the labels, the transport the Gaussians between."
    return judged(figures, name, [text])


def gaussian_density(count: int, tools: Tools) -> Findings:
    """The same in two dimensions on a label mesh: density by the Jacobian, mass, W2 squared."""
    name = "Gaussian density on a label mesh"
    first, last = PAIRS["Gaussian to Gaussian, 2-D"]
    labels = square_mesh(count, (-5.0, 5.0))
    density = first.density(labels.points)
    total = cell_masses(labels, density).sum()
    density /= total
    images = first.map_to(last, labels.points)
    states = States.of(
        labels, Coordinate("s"), np.array([0.0, 1.0]), {"x": Field(np.stack([labels.points, images]), "1", ("x", "y"))}
    )
    figures = []
    grid = np.linspace(-6.0, 8.0, 141)
    masses = cell_masses(labels, density)
    for method in METHODS:
        solution = solve(Problem(states, force=Least(-1), density=density), method)
        middle = solution.at(0.5)
        rho = density_by_jacobian(labels, density, middle, "s = 0.5")
        exact = first.between(last, 0.5).density(middle) / total
        spread = deposit(labels, masses, middle, (grid, grid))
        cost, target = transport_cost(labels, density, solution.at(1.0)), first.wasserstein_squared(last)
        kept = rho @ lumped_volumes(middle, labels.cells["triangle"]), spread.sum() * 0.1**2
        figures += [
            Figure.at_most(name, "density at s = 0.5, largest error", method, np.abs(rho - exact).max(), 1e-9),
            Figure.at_most(name, "mass by Jacobian, error", method, abs(kept[0] - masses.sum()), 1e-12),
            Figure.at_most(name, "mass by deposit, error", method, abs(kept[1] - masses.sum()), 1e-12),
            # Second order in the mesh: 0.1 % on the full one.
            Figure.equals(name, "W2 squared by the motion", method, cost, target, 1e-3 * (80 / (count - 1)) ** 2),
        ]
    times = np.linspace(0.0, 1.0, 5)
    frames = [deposit(labels, masses, solution.at(s), (grid[::2], grid[::2])) for s in times]
    drawn = draw_densities(frames, times, (-6.0, 8.0, -6.0, 8.0))
    picture = tools.picture(drawn, "gaussian_density", "The density that the moved label mesh carries.")
    return judged(figures, name, ["The density by the Jacobian, its mass, and the cost of the motion."], [picture])


def one_to_eight(count: int, frame_count: int, tools: Tools) -> Findings:
    """One Gaussian to eight on a circle: exact coupling of samples, straight motion, picture and animation."""
    rng = np.random.default_rng(1)
    angle = 2.0 * np.pi * (np.arange(count) % 8) / 8.0
    eight = 4.0 * np.column_stack([np.cos(angle), np.sin(angle)]) + 0.3 * rng.standard_normal((count, 2))
    clouds = label_clouds([rng.standard_normal((count, 2)), rng.permutation(eight)])
    solution = solve(Problem(_cloud_states(clouds), force=Least(-1)), "fem")
    end = solution.at(1.0)
    # Optimal plans are cyclically monotone: no two labels gain by exchanging their ends.
    start = clouds[0]
    pair = rng.integers(0, count, (200_000, 2))
    gain = np.sum((start[pair[:, 0]] - start[pair[:, 1]]) * (end[pair[:, 0]] - end[pair[:, 1]]), axis=1)
    ends = np.sort(end.view(f"{end.dtype.str},{end.dtype.str}").ravel())
    given = np.sort(np.ascontiguousarray(eight).view(f"{end.dtype.str},{end.dtype.str}").ravel())
    misfit = max(np.abs(ends[key] - given[key]).max() for key in ends.dtype.names)
    grid = np.linspace(-5.5, 5.5, 56)
    times = np.linspace(0.0, 1.0, frame_count)
    frames = [_histogram(solution.at(s), grid) for s in times]
    extent = (-5.5, 5.5, -5.5, 5.5)
    chosen = np.linspace(0, len(times) - 1, 5).astype(int)
    pictures = [
        tools.picture(draw_densities([frames[k] for k in chosen], times[chosen], extent), "one_to_eight"),
        tools.animation(animate_densities(frames, times, extent), "one_to_eight"),
    ]
    name = "one Gaussian to eight"
    figures = [
        Figure.at_most(name, "gain of the best exchange of two ends", "fem", max(0.0, -float(gain.min())), 1e-9),
        Figure.at_most(name, "samples of the last state, error", "fem", misfit, 1e-9),
    ]
    text = "Independent samples of both, coupled exactly: no two labels gain by exchanging their ends."
    return judged(figures, name, [text], pictures)


def known_pull(tools: Tools, weights_of_pull: Sequence[float] = PULLS) -> Findings:
    """1-D Gaussian under the quadratic pull of theory section 7, weak to strong, by both discretisations."""
    name = "1-D Gaussian with a known pull"
    q, weights = hermite_labels(9)
    first, last = Gaussian(np.zeros(1), np.eye(1)), Gaussian(np.ones(1), 2.0 * np.eye(1))
    positions = np.stack([q[:, None], first.map_to(last, q[:, None])])
    states = States.of(
        labels_on_points(q[:, None], weights),
        Coordinate("s"),
        np.array([0.0, 1.0]),
        {"x": Field(positions, "1", ("",))},
    )

    def moments(values: Array) -> tuple[float, float]:
        return float(weights @ values), float(weights @ (values * q))

    s = np.linspace(0.0, 1.0, 41)
    figures: list[Figure] = []
    drawn: list[tuple[str, Array, Array]] = []
    for weight, method in product(weights_of_pull, METHODS):
        pull = QuadraticPull(q, weight)
        problem = Problem(states, force=Least(-1), known_force=pull)
        solution, exact = solve(problem, method), pull.exact_moments(s)
        ours = np.array([moments(solution.at(value)[:, 0]) for value in s]).T
        if weight == 1.0:
            speed, middle = moments(problem.scaling.scale * solution.path(0.0, 1)[:, 0]), ours[:, 20]
            targets = (("m'(0)", speed[0], 2.82362), ("sigma'(0)", speed[1], -0.08813),
                       ("m(1/2)", middle[0], 1.2540), ("sigma(1/2)", middle[1], 0.9938))  # fmt: skip
            figures += [Figure.equals(name, key, method, value, target, 1e-3, SOURCE) for key, value, target in targets]
            drawn = [("mean", ours[0], exact[0]), ("deviation", ours[1], exact[1])]
        error, quantity = np.abs(ours - exact).max(), f"w = {weight:g}: m and sigma over s, error"
        figures.append(Figure.at_most(name, quantity, method, error, 1e-5, "collocation"))
    text = "Labels of N(0, 1) on their way to N(1, 2), drawn to N(3, 1/4) about s = 1/2; settings as they come."
    return judged(figures, name, [text], [tools.picture(draw_moments(s, drawn), "known_pull")])


def _whitened(cloud: Array) -> Array:
    """The cloud with mean zero and covariance one."""
    centred = cloud - cloud.mean(axis=0)
    root = np.linalg.cholesky(np.atleast_2d(np.cov(centred.T, bias=True)))
    return np.asarray(np.linalg.solve(root, centred.T).T)


def _histogram(points: Array, lines: Array) -> Array:
    """Density of a cloud of equal masses in the cells of a square grid."""
    found, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=(lines, lines), density=True)
    return np.asarray(found)


def _cloud_states(positions: Array) -> States:
    components = tuple("xyz"[: positions.shape[2]])
    values = np.linspace(0.0, 1.0, len(positions))
    return States.of(labels_on_points(positions[0]), Coordinate("s"), values, {"x": Field(positions, "1", components)})
