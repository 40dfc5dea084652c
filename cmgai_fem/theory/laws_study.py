"""Study: the constitutive laws of the feature space, each against what must hold exactly.

Manufactured motions (orders in label space and in s), free flight, linear transports by both discretisations and by the
forward march, and a two-dimensional density under the neo-Hookean law.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cmgai_fem.fem.forward import ForwardMarch
from cmgai_fem.fem.manufactured import ManufacturedMotion
from cmgai_fem.fem.replay import replay
from cmgai_fem.fem.spaces import LabelSpace
from cmgai_fem.solve import METHODS, solve
from cmgai_fem.states.states import Array, Coordinate, Field, Labels, StateSet
from cmgai_fem.theory import pictures
from cmgai_fem.theory.checks import Check, at_least, at_most, make_folder, reported, say, write_checks
from cmgai_fem.theory.label_meshes import line_mesh, quadratic_line_mesh, square_mesh
from cmgai_fem.transport.density import cell_masses, density_by_jacobian, deposit, jacobians
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import LAWS, Law, make_law
from cmgai_fem.transport.problem import TransportProblem

TITLE = "Constitutive laws of the feature space"
Report = Callable[[str], None]


def run_transport_laws(out: Path, quick: bool, report: Report) -> int:
    """Run the study.

    Args:
        out: results folder, made if it is not there.
        quick: coarse meshes and two laws, for tests.
        report: takes lines of progress.

    Returns:
        0 if every figure keeps its limit, else 1.
    """
    start = time.perf_counter()
    make_folder(out)
    checks: list[Check] = []
    names = ("membrane", "neo_hookean") if quick else tuple(LAWS)
    parts: tuple[Callable[[], list[Check]], ...] = (
        lambda: free_flight(5 if quick else 9),
        lambda: linear_cross_checks(5 if quick else 9),
        lambda: density_under_law(7 if quick else 17, out, quick),
        lambda: manufactured_orders(out, names, quick),
    )
    for part in parts:
        for check in (found := part()):
            report(say(check))
        checks += found
    write_checks(out, TITLE, checks, quick, time.perf_counter() - start)
    return 0 if all(check.passed for check in checks) else 1


def manufactured_orders(out: Path, names: Sequence[str], quick: bool) -> list[Check]:
    """Orders of the march of a manufactured motion: in label space for P1 and P2, and in s."""
    checks, curves = [], []
    meshes: list[tuple[str, Callable[[int], Labels], tuple[int, ...], int, float]] = [
        ("order in label space, P1 in 1-D", line_mesh, (9, 17), 40, 1.9),
        ("order in label space, P2 in 1-D", quadratic_line_mesh, (9, 17), 160, 2.8),
    ]
    if not quick:
        meshes.append(("order in label space, P1 in 2-D", square_mesh, (17, 33), 20, 1.8))
    for name in names:
        law = _law(name, 1.0)
        for quantity, mesh, counts, steps, bound in meshes:
            errors = [_error(ManufacturedMotion(mesh(count), law), steps) for count in counts]
            order = float(np.log2(errors[0] / errors[1]))
            checks.append(at_least(f"manufactured motion, {name}", quantity, "fem march", order, bound))
            if mesh is line_mesh:
                curves.append((name, 1.0 / (np.array(counts) - 1.0), np.array(errors)))
        motion = ManufacturedMotion(line_mesh(17), law)
        for method in ("midpoint", "generalised_alpha"):
            finest = motion.run(640, method=method)
            coarse, fine = (np.abs(motion.run(steps, method=method) - finest).max() for steps in (40, 80))
            checks.append(
                at_least(f"manufactured motion, {name}", "order in s", method, float(np.log2(coarse / fine)), 1.9)
            )
    pictures.draw_orders(out / "orders.png", curves, "size of a label cell")
    return checks


def free_flight(count: int) -> list[Check]:
    """A neo-Hookean square, stretched, thrown and spun: momenta kept, energy error of second order."""
    labels = square_mesh(count)
    space = LabelSpace(labels, 2)
    march = ForwardMarch.on_mesh(space, make_law("neo_hookean", 0.5))
    X = labels.points - 0.5
    u = space.to_dofs(0.2 * X * np.array([1.0, -0.5]))
    v = space.to_dofs(np.array([0.7, -0.3]) + 2.0 * np.column_stack([-X[:, 1], X[:, 0]]))
    places = space.to_dofs(labels.points).reshape(-1, 2)
    drifts, momenta = [], []
    for steps in (40, 80):
        history = march.midpoint(u, v, np.linspace(0.0, 1.0, steps + 1))
        pairs = list(zip(history.displacement, history.velocity, strict=True))
        energies = np.array([march.energy(*pair) for pair in pairs])
        drifts.append(np.abs(energies - energies[0]).max())
        momenta = [_momenta(march, places, *pair) for pair in pairs]
    drift = np.abs(np.array(momenta) - momenta[0]).max(axis=0)
    case = "free flight, neo_hookean"
    return [
        at_most(case, "drift of linear momentum", "midpoint", drift[:2].max(), 1e-12),
        at_most(case, "drift of angular momentum", "midpoint", drift[2], 1e-12),
        at_least(case, "order of the energy error", "midpoint", float(np.log2(drifts[0] / drifts[1])), 1.7),
    ]


def linear_cross_checks(count: int) -> list[Check]:
    """Linear laws: PINN against finite elements, and each one's force marched again."""
    labels, checks = square_mesh(count), []
    states = _stretched_states(labels)
    for name in ("none", "membrane", "linear_elastic"):
        problem = TransportProblem(states, law=_law(name, 0.002), damping=0.3, force=Least(0))
        checks += _both_methods(f"least force, {name}", problem)
    return checks


def density_under_law(count: int, out: Path, quick: bool) -> list[Check]:
    """A density on a square at four states under the neo-Hookean law, by both discretisations."""
    labels = square_mesh(count)
    X, Y = labels.points.T
    density = 1.0 + 0.5 * np.sin(np.pi * X) * np.sin(np.pi * Y)
    density /= cell_masses(labels, density).sum()
    states = _stretched_states(labels)
    case = "density, neo_hookean"
    problem = TransportProblem(states, law=make_law("neo_hookean", 0.5), force=Least(0), density=density)
    checks = _both_methods(case, problem)
    solution = solve(problem, "fem")
    masses = cell_masses(labels, density)
    times = np.linspace(0.0, 1.0, 9 if quick else 33)
    lines = np.linspace(-0.1, 1.9, 51)
    frames: list[Array] = []
    errors: list[float] = []
    least = np.inf
    for s in times:
        moved = solution.at(s)
        least = min(least, float(jacobians(labels, moved, f"s = {s:.2f}").min()))
        rho = density_by_jacobian(labels, density, moved)
        frames.append(deposit(labels, masses, moved, (lines, lines), parts=24))
        volume = _moved_volumes(labels, moved)
        errors += [float(abs(total - masses.sum())) for total in (rho @ volume, frames[-1].sum() * 0.04**2)]
    extent = (lines[0], lines[-1], lines[0], lines[-1])
    pictures.animate_density(out / "neo_hookean_density.gif", frames, times, extent)
    chosen = np.linspace(0, len(times) - 1, 4).astype(int)
    pictures.draw_density_strip(out / "neo_hookean_density.png", [frames[k] for k in chosen], times[chosen], extent)
    without = solve(TransportProblem(states, force=Least(0), density=density), "fem")
    change = max(np.abs(solution.motion(s) - without.motion(s)).max() for s in times) * problem.scaling.scale
    return [
        *checks,
        at_most(case, "mass over s, error", "fem", max(errors), 1e-12),
        reported(case, "least Jacobian over s", "fem", least),
        reported(case, "largest change of position by the law", "fem", change),
    ]


def _both_methods(case: str, problem: TransportProblem) -> list[Check]:
    """PINN against finite elements, and the march under each one's force."""
    solutions = {method: solve(problem, method) for method in METHODS}
    s = np.linspace(0.0, 1.0, 21)
    motions = {method: np.array([solution.motion(t) for t in s]) for method, solution in solutions.items()}
    size = np.sqrt(np.mean((motions["fem"] - motions["fem"][0]) ** 2, axis=(1, 2))).max()
    misfit = np.sqrt(np.mean((motions["pinn"] - motions["fem"]) ** 2, axis=(1, 2))).max()
    checks = [at_most(case, "PINN against finite elements, relative difference", "pinn", misfit / size, 2e-3)]
    for method, solution in solutions.items():
        found = replay(solution, 200)
        checks.append(at_most(case, "march under the force found, relative difference", method, found.worst, 2e-3))
    return checks


def _error(motion: ManufacturedMotion, steps: int) -> float:
    return motion.relative_error(motion.run(steps), 0.5)


def _law(name: str, stiffness: float) -> Law:
    return make_law(name) if name == "none" else make_law(name, stiffness)


def _momenta(march: ForwardMarch, places: Array, u: Array, v: Array) -> Array:
    """Linear momentum (2) and angular momentum (1)."""
    momentum = (march.mass @ v).reshape(-1, 2)
    x = places + u.reshape(-1, 2)
    return np.append(momentum.sum(axis=0), np.sum(x[:, 0] * momentum[:, 1] - x[:, 1] * momentum[:, 0]))


def _moved_volumes(labels: Labels, positions: Array) -> Array:
    """Lumped volume (L,) of each label on the moved mesh."""
    moved = Labels(positions, labels.weights, labels.cells)
    ((_, cells),) = labels.cells.items()
    volumes = np.zeros(labels.count)
    np.add.at(volumes, cells, cell_masses(moved, np.ones(labels.count))[:, None] / cells.shape[1])
    return volumes


def _stretched_states(labels: Labels) -> StateSet:
    """Four known states of the unit square."""
    values = np.array([0.0, 0.3, 0.7, 1.0])
    places = np.stack([_stretched(labels.points, s) for s in values])
    return StateSet(labels, Coordinate("load"), values, {"x": Field(places, "1", ("x", "y"))})


def _stretched(points: Array, s: float) -> Array:
    """A smooth motion of the unit square: stretch, shear and bend."""
    X, Y = points.T
    x = X * (1 + 0.5 * s) + 0.3 * s * Y + 0.1 * s * np.sin(2 * X) * Y
    return np.column_stack([x, Y * (1 - 0.2 * s) + 0.2 * np.sin(2 * s) * X * Y])
