"""The least-force transport under any law: exact limits, replay, flat iteration counts, known pull, errors."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_bvp

from cmgai_fem.distributions.optimal_transport import Gaussian
from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.fem.nonlinear import solve_nonlinear
from cmgai_fem.solve import solve
from cmgai_fem.states.label_meshes import line_mesh, square_mesh
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import make_law
from cmgai_fem.transport.problem import Problem

replay = study_module(studies_folder() / "transport-laws", "replay").replay


def motion_states(labels, motion, values, names=("x", "y")):
    fields = np.stack([motion(labels.points, s) for s in values])
    return States.of(labels, Coordinate("load"), np.asarray(values), {"x": Field(fields, "m", names)})


def stretch_and_shear(points, s):
    X, Y = points.T
    x = X * (1 + 0.5 * s) + 0.3 * s * Y + 0.1 * s * np.sin(2 * X) * Y
    return np.column_stack([x, Y * (1 - 0.2 * s) + 0.2 * np.sin(2 * s) * X * Y])


def problem(law, count=7, order=0, damping=0.0, values=(0.0, 0.3, 0.7, 1.0)):
    states = motion_states(square_mesh(count), stretch_and_shear, values)
    return Problem(states, law=law, damping=damping, force=Least(order))


@pytest.mark.parametrize(("name", "order"), [("membrane", -1), ("membrane", 0), ("membrane", 1), ("linear_elastic", 0)])
def test_linear_laws_agree_with_the_krylov_transport(name, order):
    statement = problem(make_law(name, 0.0005), order=order, damping=0.3)
    other, ours = solve(statement, "fem", tolerance=1e-8), solve_nonlinear(statement)
    for s in np.linspace(0.0, 1.0, 11):
        np.testing.assert_allclose(ours.path(s), other.path(s), atol=1e-7)


@pytest.mark.parametrize(
    ("name", "order"), [("neo_hookean", 0), ("neo_hookean", 1), ("st_venant_kirchhoff", -1), ("barotropic_gas", 0)]
)
def test_known_states_are_met(name, order):
    statement = problem(make_law(name, 0.02), count=4, order=order)
    solution = solve(statement, "fem")
    known = statement.scaling.encode(statement.known.values)
    for s, features in zip(statement.nodes, known, strict=True):
        np.testing.assert_allclose(solution.path(s), features, atol=1e-12)


@pytest.mark.parametrize("name", ["neo_hookean"])
def test_the_force_marches_back_to_the_motion(name):
    solution = solve(problem(make_law(name, 0.05), damping=0.4), "fem")
    assert replay(solution, 200).worst < 1e-5


def test_uniform_stretch_of_a_bar_is_its_ordinary_differential_equation():
    """One linear element of unit length, ends moving apart: the stretch g obeys least force of a nonlinear oscillator.

    u = (X - ½)(g - 1) on [0, 1]: mass 1/12, dE/dg = W'(g); states g = 1, 1.5, 1.2.
    """
    law = make_law("neo_hookean", 0.05)
    labels = line_mesh(2)
    values, stretches = np.array([0.0, 0.4, 1.0]), np.array([1.0, 1.5, 1.2])
    fields = np.stack([(labels.points - 0.5) * g for g in stretches])
    states = States.of(labels, Coordinate("s"), values, {"x": Field(fields, "1", ("",))})
    solution = solve(Problem(states, law=law, force=Least(0)), "fem")
    scale = solution.problem.scaling

    def stress(g):
        return 12.0 * 0.05 * (g - 1.0 / g + np.log(g) / g)

    def tangent(g):
        return 12.0 * 0.05 * (1.0 + 1.0 / g**2 + (1.0 - np.log(g)) / g**2)

    # g'' = b - stress, b'' + tangent b = 0 in both pieces at once, each scaled to t in [0, 1].
    spans = np.diff(values)

    def rates(t, y):
        out = []
        for k, h in enumerate(spans):
            g, v, b, c = y[4 * k : 4 * k + 4]
            out += [h * v, h * (b - stress(g)), h * c, -h * tangent(g) * b]
        return np.array(out)

    def ends(a, z):
        middle = [z[0] - 1.5, a[4] - 1.5, z[1] - a[5], z[2] - a[6]]
        return np.array([a[0] - 1.0, a[2], *middle, z[4] - 1.2, z[6]])

    t = np.linspace(0.0, 1.0, 21)
    guess = np.zeros((8, 21))
    guess[0], guess[4] = 1.0 + 0.5 * t, 1.5 - 0.3 * t
    exact = solve_bvp(rates, ends, t, guess, tol=1e-10, max_nodes=20_000)
    assert exact.success
    for piece, s in ((0, 0.1), (0, 0.3), (4, 0.6), (4, 0.9)):
        local = s / 0.4 if piece == 0 else (s - 0.4) / 0.6
        found = np.ptp(scale.decode(solution.path(s)))
        assert found == pytest.approx(exact.sol(local)[piece], rel=1e-7)


def test_iterations_stay_flat_under_refinement():
    """Four times finer labels, and four times more elements in s: counts within 30 %."""
    law = make_law("neo_hookean", 0.2)
    counts = [solve(problem(law, n), "fem").info["inner_iterations"] for n in (5, 9, 17)]
    assert max(counts) <= 1.3 * min(counts) + 1
    finer = solve_nonlinear(problem(law, 5), refine=4.0)
    assert finer.info["unknowns"] > 2 * solve(problem(law, 5), "fem").info["unknowns"]
    assert finer.info["inner_iterations"] <= 1.3 * counts[0]


class QuadraticPull:
    """Theory, section 7: each label q of N(0, 1) is pulled to 3 + q/2, x'' = 2 lam(s) (x - 3 - q/2)."""

    def __init__(self, labels):
        self.labels = labels

    def strength(self, s):
        return 2.0 * np.exp(-0.5 * ((s - 0.5) / 0.1) ** 2) / (0.1 * np.sqrt(2.0 * np.pi))

    def __call__(self, displacement, s):
        return self.strength(s) * (0.5 * self.labels[:, None] + displacement - 3.0)

    def slope(self, displacement, s):
        return np.full_like(displacement, self.strength(s))


def test_gaussian_with_a_known_pull():
    """m: 0 -> 1, sigma: 1 -> √2 between two states coupled by McCann's map; moments by Gauss-Hermite labels."""
    q, weights = np.polynomial.hermite_e.hermegauss(9)
    weights = weights / weights.sum()
    first, last = Gaussian(np.zeros(1), np.eye(1)), Gaussian(np.ones(1), 2.0 * np.eye(1))
    positions = np.stack([q[:, None], first.map_to(last, q[:, None])])
    states = States.of(
        labels_on_points(q[:, None], weights),
        Coordinate("s"),
        np.array([0.0, 1.0]),
        {"x": Field(positions, "1", ("",))},
    )
    statement = Problem(states, force=Least(-1), known_force=QuadraticPull(q))
    solution = solve(statement, "fem", refine=8.0)
    scaling = statement.scaling
    rate = scaling.scale * solution.path(0.0, 1)[:, 0]
    middle = scaling.decode(solution.path(0.5))[:, 0]
    for found, expected in (
        (weights @ rate, 2.82362),
        (weights @ (rate * q), -0.08813),
        (weights @ middle, 1.2540),
        (weights @ (middle * q), 0.9938),
    ):
        assert found == pytest.approx(expected, rel=1e-4)


def test_bad_problems_are_one_clear_line():
    law = make_law("neo_hookean", 0.05)
    with pytest.raises(InputError, match=r"knows least\(-1\), least\(0\) and least\(1\)"):
        solve(problem(law, 3, order=2), "fem")
    states = problem(law, 3).states
    with pytest.raises(InputError, match="hard states"):
        solve_nonlinear(Problem(states, law=law, tolerance=0.1))
    with pytest.raises(InputError, match="known force goes with"):
        replace(problem(law, 3, order=1), known_force=QuadraticPull(np.zeros(9)))
    scalar = States.of(
        states.labels, states.coordinates, states.values, {"x": Field(states.fields["x"].values[:, :, :1], "m", ("",))}
    )
    with pytest.raises(InputError, match="use the law 'membrane'"):
        solve(Problem(scalar, law=law), "fem")


def test_labels_that_cross_are_an_error():
    folded = motion_states(square_mesh(3), lambda X, s: X * np.array([1.0 - 2.2 * s * (1.5 - s), 1.0]), (0.0, 0.5, 1.0))
    with pytest.raises(ConvergenceError, match="the labels cross"):
        solve(Problem(folded, law=make_law("neo_hookean", 1e-4)), "fem")


def test_a_motion_that_needs_a_force_is_no_answer_of_order_minus_one():
    """St Venant-Kirchhoff stiffens when stretched: its fastest mode then swings through half a period."""
    states = problem(make_law("neo_hookean", 0.05), 5).states
    x, y = states.labels.points.T
    moved = [
        np.column_stack([x * (1 + 0.3 * s) + 0.2 * s * y, y * (1 - 0.2 * s) + 0.1 * s * s * x]) for s in states.scalars
    ]
    field = Field(np.stack(moved), "m", ("x", "y"))
    stiff = States.of(states.labels, states.coordinates, states.values, {"x": field})
    with pytest.raises(ConvergenceError, match="free of force"):
        solve(Problem(stiff, law=make_law("st_venant_kirchhoff", 1.0), force=Least(-1)), "fem")
