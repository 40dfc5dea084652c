"""The constitutive laws of the feature space, each against what must hold exactly.

Manufactured motions (orders in label space and in s), free flight, linear transports by both discretisations and by the
forward march, and a two-dimensional density under the neo-Hookean law.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from matplotlib import figure
from pydantic import Field as Key
from pydantic import field_validator

from cmgai_fem.fem.spaces import LabelSpace
from cmgai_fem.solve import METHODS, solve
from cmgai_fem.states.label_meshes import line_mesh, square_mesh
from cmgai_fem.states.labels import Array, Labels, labels_on_mesh
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.density_pictures import animate_densities, draw_densities
from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Figure, Findings, joined, judged
from cmgai_fem.study.pipelines import Tools
from cmgai_fem.transport.density import cell_masses, density_by_jacobian, deposit, jacobians, lumped_volumes
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import LAWS, Law, make_law
from cmgai_fem.transport.problem import Problem

from .forward import ForwardMarch
from .manufactured import ManufacturedMotion
from .replay import replay

TAKES = frozenset({"quick"})
CROSS_CHECKS = "Both discretisations find the same motion; the force that each finds, marched, gives its motion back."


class Study(StudyFile):
    """The sizes of the cases.

    Args:
        laws: whose manufactured motions are marched; all by default.
        dimensions: of the label space of those motions.
        labels: labels a side of the square, in free flight and under linear laws.
        density_labels: the same for the density.
        frames: times at which the density is looked at.
    """

    laws: list[str] = Key(default=list(LAWS), min_length=1)
    dimensions: list[int] = Key(default=[1, 2], min_length=1)
    labels: int = Key(ge=4)
    density_labels: int = Key(ge=4)
    frames: int = Key(ge=4)

    @field_validator("laws", "dimensions")
    @classmethod
    def _known(cls, asked: list[str] | list[int]) -> list[str] | list[int]:
        there: dict[type, tuple[object, ...]] = {str: tuple(LAWS), int: tuple(MESHES)}
        for item in asked:
            if item not in there[type(item)]:
                raise ValueError(f"{item!r} is none of {', '.join(map(str, there[type(item)]))}")
        return asked


def run(study: Study, tools: Tools) -> Findings:
    """Run the cases one after the other."""
    return joined(_parts(study, tools), tools.say)


def _parts(study: Study, tools: Tools) -> Iterator[Findings]:
    yield free_flight(study.labels)
    yield linear_cross_checks(study.labels)
    yield density_under_law(study.density_labels, study.frames, tools)
    yield manufactured_orders(study.laws, study.dimensions, tools)


def quadratic_line_mesh(count: int) -> Labels:
    """`line_mesh` of the unit line with a label more in the middle of each cell, second order."""
    plain = line_mesh(count)
    cells = plain.cells["line"]
    middles = plain.points[cells].mean(axis=1)
    middle = count + np.arange(len(cells), dtype=np.int64)
    return labels_on_mesh(np.vstack([plain.points, middles]), {"line3": np.column_stack([cells, middle])})


# By dimension: elements, mesh, labels a side of the two meshes, steps of the march and the order that must be reached.
MESHES: dict[int, list[tuple[str, Callable[[int], Labels], tuple[int, int], int, float]]] = {
    1: [("P1", line_mesh, (9, 17), 40, 1.9), ("P2", quadratic_line_mesh, (9, 17), 160, 2.8)],
    2: [("P1", square_mesh, (17, 33), 20, 1.8)],
}


def manufactured_orders(names: Sequence[str], dimensions: Sequence[int], tools: Tools) -> Findings:
    """Orders of the march of a manufactured motion: in label space for P1 and P2, and in s."""
    figures, curves = [], []
    for name in names:
        case, law = f"manufactured motion, {name}", _law(name, 1.0)
        for dimension in dimensions:
            for elements, mesh, counts, steps, bound in MESHES[dimension]:
                errors = [_error(ManufacturedMotion(mesh(count), law), steps) for count in counts]
                order = float(np.log2(errors[0] / errors[1]))
                quantity = f"order in label space, {elements} in {dimension}-D"
                figures.append(Figure.at_least(case, quantity, "fem march", order, bound))
                if mesh is line_mesh:
                    curves.append((name, 1.0 / (np.array(counts) - 1.0), np.array(errors)))
        motion = ManufacturedMotion(line_mesh(17), law)
        for method in ("midpoint", "generalised_alpha"):
            finest = motion.run(640, method=method)
            coarse, fine = (np.abs(motion.run(steps, method=method) - finest).max() for steps in (40, 80))
            figures.append(Figure.at_least(case, "order in s", method, float(np.log2(coarse / fine)), 1.9))
    pictures = [tools.picture(_draw_orders(curves), "orders", "Linear elements on a line.")] if curves else []
    text = "The force that makes a chosen smooth motion exact is marched; the slope of the error is the order."
    return judged(figures, "Manufactured motions", [text], pictures)


def _draw_orders(curves: Sequence[tuple[str, Array, Array]]) -> figure.Figure:
    """Errors over step sizes, log-log, one curve a law; the slope is the order."""
    drawn = figure.Figure(figsize=(4.8, 3.6), layout="constrained")
    axis = drawn.subplots()
    for name, sizes, errors in curves:
        order = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
        axis.loglog(sizes, errors, "o-", markersize=4, label=f"{name} (order {order:.2f})")
    axis.set_xlabel("size of a label cell")
    axis.set_ylabel("relative L2 error")
    axis.grid(alpha=0.25, which="both")
    axis.legend(frameon=False, fontsize=8)
    return drawn


def free_flight(count: int) -> Findings:
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
    figures = [
        Figure.at_most(case, "drift of linear momentum", "midpoint", drift[:2].max(), 1e-12),
        Figure.at_most(case, "drift of angular momentum", "midpoint", drift[2], 1e-12),
        Figure.at_least(case, "order of the energy error", "midpoint", float(np.log2(drifts[0] / drifts[1])), 1.7),
    ]
    return judged(figures, case, ["A square, stretched, thrown and spun, free of any force."])


def linear_cross_checks(count: int) -> Findings:
    """Linear laws: PINN against finite elements, and each one's force marched again."""
    states, figures = _stretched_states(square_mesh(count)), []
    for name in ("none", "membrane", "linear_elastic"):
        problem = Problem(states, law=_law(name, 0.002), damping=0.3, force=Least(0))
        figures += _both_methods(f"least force, {name}", problem)
    return judged(figures, "Least force through four states, linear laws", [CROSS_CHECKS])


def density_under_law(count: int, frame_count: int, tools: Tools) -> Findings:
    """A density on a square at four states under the neo-Hookean law, by both discretisations."""
    labels = square_mesh(count)
    X, Y = labels.points.T
    density = 1.0 + 0.5 * np.sin(np.pi * X) * np.sin(np.pi * Y)
    density /= cell_masses(labels, density).sum()
    states = _stretched_states(labels)
    case = "density, neo_hookean"
    problem = Problem(states, law=make_law("neo_hookean", 0.5), force=Least(0), density=density)
    figures = _both_methods(case, problem)
    solution = solve(problem, "fem")
    masses = cell_masses(labels, density)
    times = np.linspace(0.0, 1.0, frame_count)
    lines = np.linspace(-0.1, 1.9, 51)
    frames: list[Array] = []
    errors: list[float] = []
    least = np.inf
    for s in times:
        moved = solution.at(s)
        least = min(least, float(jacobians(labels, moved, f"s = {s:.2f}").min()))
        rho = density_by_jacobian(labels, density, moved)
        frames.append(deposit(labels, masses, moved, (lines, lines), parts=24))
        volume = lumped_volumes(moved, labels.cells["triangle"])
        errors += [float(abs(total - masses.sum())) for total in (rho @ volume, frames[-1].sum() * 0.04**2)]
    extent = (lines[0], lines[-1], lines[0], lines[-1])
    chosen = np.linspace(0, len(times) - 1, 4).astype(int)
    pictures = [
        tools.picture(draw_densities([frames[k] for k in chosen], times[chosen], extent), "neo_hookean_density"),
        tools.animation(animate_densities(frames, times, extent), "neo_hookean_density"),
    ]
    without = solve(Problem(states, force=Least(0), density=density), "fem")
    change = max(np.abs(solution.path(s) - without.path(s)).max() for s in times) * problem.scaling.scale
    figures += [
        Figure.at_most(case, "mass over s, error", "fem", max(errors), 1e-12),
        Figure.shown(case, "least Jacobian over s", "fem", least),
        Figure.shown(case, "largest change of position by the law", "fem", change),
    ]
    return judged(figures, "A density on a square under the neo-Hookean law", [CROSS_CHECKS], pictures)


def _both_methods(case: str, problem: Problem) -> list[Figure]:
    """PINN against finite elements, and the march under each one's force."""
    solutions = {method: solve(problem, method) for method in METHODS}
    s = np.linspace(0.0, 1.0, 21)
    motions = {method: np.array([solution.path(t) for t in s]) for method, solution in solutions.items()}
    size = np.sqrt(np.mean((motions["fem"] - motions["fem"][0]) ** 2, axis=(1, 2))).max()
    misfit = np.sqrt(np.mean((motions["pinn"] - motions["fem"]) ** 2, axis=(1, 2))).max()
    figures = [Figure.at_most(case, "PINN against finite elements, relative difference", "pinn", misfit / size, 2e-3)]
    for method, solution in solutions.items():
        found = replay(solution, 200)
        figures.append(
            Figure.at_most(case, "march under the force found, relative difference", method, found.worst, 2e-3)
        )
    return figures


def _error(motion: ManufacturedMotion, steps: int) -> float:
    return motion.relative_error(motion.run(steps), 0.5)


def _law(name: str, stiffness: float) -> Law:
    return make_law(name) if name == "none" else make_law(name, stiffness)


def _momenta(march: ForwardMarch, places: Array, u: Array, v: Array) -> Array:
    """Linear momentum (2) and angular momentum (1)."""
    momentum = (march.mass @ v).reshape(-1, 2)
    x = places + u.reshape(-1, 2)
    return np.append(momentum.sum(axis=0), np.sum(x[:, 0] * momentum[:, 1] - x[:, 1] * momentum[:, 0]))


def _stretched_states(labels: Labels) -> States:
    """Four known states of the unit square."""
    values = np.array([0.0, 0.3, 0.7, 1.0])
    places = np.stack([_stretched(labels.points, s) for s in values])
    return States.of(labels, Coordinate("load"), values, {"x": Field(places, "1", ("x", "y"))})


def _stretched(points: Array, s: float) -> Array:
    """A smooth motion of the unit square: stretch, shear and bend."""
    X, Y = points.T
    x = X * (1 + 0.5 * s) + 0.3 * s * Y + 0.1 * s * np.sin(2 * X) * Y
    return np.column_stack([x, Y * (1 - 0.2 * s) + 0.2 * np.sin(2 * s) * X * Y])
