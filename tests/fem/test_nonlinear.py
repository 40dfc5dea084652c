"""The least-force transport under any law: exact limits, replay, flat iteration counts, known pull, errors."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_bvp

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

pull = study_module(studies_folder() / "optimal-transport", "pull")
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


def pulled(weight):
    """m: 0 -> 1, sigma: 1 -> √2 between two states coupled by McCann's map; moments by Gauss-Hermite labels."""
    q, weights = pull.hermite_labels(9)
    positions = np.stack([q[:, None], 1.0 + np.sqrt(2.0) * q[:, None]])
    states = States.of(
        labels_on_points(q[:, None], weights), Coordinate("s"), np.arange(2.0), {"x": Field(positions, "1", ("",))}
    )
    return Problem(states, force=Least(-1), known_force=pull.QuadraticPull(q, weight)), q, weights


def error_of_moments(solution, q, weights, weight):
    """Largest error of mean and deviation over s."""
    s = np.linspace(0.0, 1.0, 21)
    found = np.array([(weights @ each, weights @ (each * q)) for each in (solution.at(t)[:, 0] for t in s)])
    return np.abs(found.T - pull.QuadraticPull(q, weight).exact_moments(s)).max()


@pytest.mark.parametrize("weight", [1.0, 10.0, 100.0, 1000.0])
def test_a_known_pull_refines_itself(weight):
    statement, q, weights = pulled(weight)
    solution = solve(statement, "fem")
    assert error_of_moments(solution, q, weights, weight) < 2e-6
    if weight == 1.0:
        rate = statement.scaling.scale * solution.path(0.0, 1)[:, 0]
        assert [weights @ rate, weights @ (rate * q)] == pytest.approx([2.82362, -0.08813], rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("weight", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("seed", range(5))
def test_networks_find_a_known_pull_from_any_seed(weight, seed):
    statement, q, weights = pulled(weight)
    assert error_of_moments(solve(statement, "pinn", seed=seed), q, weights, weight) < 1e-5


def test_a_known_force_that_no_elements_resolve_is_refused():
    class Spike:
        def __call__(self, displacement, s):
            return np.full_like(displacement, 100.0 * np.sign(np.sin(4000.0 * s)))

        def slope(self, displacement, s):
            return np.zeros_like(displacement)

    statement = replace(pulled(1.0)[0], known_force=Spike())
    with pytest.raises(ConvergenceError, match="too narrow in s"):
        solve(statement, "fem")


def test_a_known_spring_of_half_a_period_says_what_it_is():
    class Spring:
        def __call__(self, displacement, s):
            return -((np.pi) ** 2) * displacement

        def slope(self, displacement, s):
            return np.full_like(displacement, -(np.pi**2))

    with pytest.raises(ConvergenceError, match=r"or use least\(0\)"):
        solve(replace(pulled(1.0)[0], known_force=Spring()), "fem")


def test_bad_problems_are_one_clear_line():
    law = make_law("neo_hookean", 0.05)
    with pytest.raises(InputError, match=r"knows least\(-1\), least\(0\) and least\(1\)"):
        solve(problem(law, 3, order=2), "fem")
    states = problem(law, 3).states
    with pytest.raises(InputError, match="hard states"):
        solve_nonlinear(Problem(states, law=law, tolerance=0.1))
    with pytest.raises(InputError, match="known force goes with"):
        replace(problem(law, 3, order=1), known_force=pull.QuadraticPull(np.zeros(9)))
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
