import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.motions.state_splines import StateElements, cardinal_curves
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import Labels, labels_on_mesh, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Free, Least
from cmgai_fem.transport.label_mesh import felt
from cmgai_fem.transport.laws import Membrane, NeoHookean
from cmgai_fem.transport.problem import Problem

VALUES = np.array([0.0, 0.2, 0.45, 0.7, 1.0])


def interval(cells: int) -> Labels:
    nodes = np.arange(cells)
    return labels_on_mesh(np.linspace(0.0, 1.0, cells + 1)[:, None], {"line": np.column_stack([nodes, nodes + 1])})


def square(cells: int) -> Labels:
    x, y = np.meshgrid(np.linspace(0.0, 1.0, cells + 1), np.linspace(0.0, 1.0, cells + 1))
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    lower = np.column_stack([corner, corner + 1, corner + cells + 2])
    upper = np.column_stack([corner, corner + cells + 2, corner + cells + 1])
    return labels_on_mesh(np.column_stack([x.ravel(), y.ravel()]), {"triangle": np.vstack([lower, upper])})


def states_of(labels: Labels, field: np.ndarray, components=("",)) -> States:
    return States(labels, Coordinate("t", "s"), VALUES, {"f": Field(field, "", components)})


def random_states(components=("",), count=30) -> States:
    values = np.random.default_rng(3).normal(size=(len(VALUES), count, len(components)))
    return states_of(labels_on_points(np.arange(float(count))[:, None]), values, components)


def test_without_a_law_every_label_follows_the_natural_cubic_spline():
    states = random_states(("x", "y", "z"))
    solution = solve(Problem(states), "fem")
    spline = CubicSpline(VALUES, states.field("f").values, bc_type="natural")
    for value in (0.1, 0.3, 0.5, 0.9):
        assert solution.at(value) == pytest.approx(spline(value), abs=1e-10)


def test_known_states_come_back_and_the_reach_is_kept():
    states = random_states()
    solution = solve(Problem(states, force=Least(1)).with_reach(1.2), "fem")
    for value, field in zip(VALUES, states.field("f").values, strict=True):
        assert solution.at(float(value)) == pytest.approx(field, abs=1e-11)
    assert np.all(np.isfinite(solution.at(1.2)))
    with pytest.raises(InputError, match=r"t = 1\.3 s is outside the reach"):
        solution.at(1.3)


@pytest.mark.parametrize("order", [-1, 0, 1, 2])
def test_an_eigenmode_of_the_membrane_moves_by_the_scalar_equation(order):
    """cos(pi x) on [0, 1]: the discrete eigenvalue is known in closed form, so the motion is that of one scalar."""
    cells, stiffness = 16, 0.05
    labels = interval(cells)
    step = 1.0 / cells
    eigenvalue = stiffness * 6.0 / step**2 * (1.0 - np.cos(np.pi * step)) / (2.0 + np.cos(np.pi * step))
    amplitudes = np.array([0.0, 0.4, 0.1, -0.3, 0.8])
    mode = np.cos(np.pi * labels.points[:, 0])
    states = states_of(labels, amplitudes[:, None, None] * mode[None, :, None])
    solution = solve(Problem(states, law=Membrane(stiffness), force=Least(order)), "fem", tolerance=1e-8)
    elements = StateElements.for_states(VALUES, (0.0, 1.0), order, 2.0 * np.sqrt(eigenvalue))
    coefficients = cardinal_curves(elements, VALUES, order, 0.0, eigenvalue) @ amplitudes
    for value in (0.1, 0.33, 0.85):
        exact = (elements.basis(np.array([value])) @ coefficients)[0] * mode
        assert solution.at(value)[:, 0] == pytest.approx(exact, abs=1e-7)


def test_the_membrane_motion_does_not_depend_on_the_krylov_space():
    """Against the full eigendecomposition of the label mesh, with a tensor-valued feature and a density."""
    from scipy import linalg

    from cmgai_fem.fem.spaces import LabelSpace

    labels, law = square(6), Membrane(0.02)
    x, y = labels.points.T
    field = np.array([[np.sin(3.0 * t + x) * y, np.exp(t * y)] for t in VALUES]).transpose(0, 2, 1)
    density = 1.0 + x
    states = states_of(labels, field, ("a", "b"))
    problem = Problem(states, law=law, force=Least(0), damping=1.0, density=density)
    solution = solve(problem, "fem", tolerance=1e-10, blocks=40)

    space = LabelSpace(labels, 2, density)
    mass, stiffness = (matrix.convert("dense").getDenseArray() for matrix in (space.mass, space.stiffness(law)))
    eigenvalues, modes = linalg.eigh(stiffness, mass)
    features = problem.scaling.encode(field)
    data = np.array([modes.T @ mass @ space.to_dofs(state - features[0]) for state in features])
    exact = np.zeros(len(eigenvalues))
    for j, eigenvalue in enumerate(felt(np.maximum(eigenvalues, 0.0), VALUES)):
        elements = StateElements.for_states(VALUES, (0.0, 1.0), 0, max(1.0, np.sqrt(eigenvalue)))
        exact[j] = (
            elements.basis(np.array([0.6])) @ cardinal_curves(elements, VALUES, 0, 1.0, eigenvalue) @ data[:, j]
        )[0]
    expected = problem.scaling.decode(features[0] + space.to_labels(modes @ exact))
    assert solution.at(0.6) == pytest.approx(expected, abs=1e-7)


def test_the_force_that_is_reported_drives_the_motion():
    solution = solve(Problem(random_states(), force=Least(1), damping=2.0), "fem")
    assert solution.force is not None
    for s in (0.1, 0.5, 0.77):
        balance = solution.path(s, 2) + 2.0 * solution.path(s, 1)
        assert solution.force(s) == pytest.approx(balance, abs=1e-9)


def test_one_dimension_two_and_three_and_curved_surfaces_are_label_meshes():
    tetrahedra = np.array([[0, 1, 3, 7], [0, 3, 2, 7], [0, 2, 6, 7], [0, 6, 4, 7], [0, 4, 5, 7], [0, 5, 1, 7]])
    cube = np.array([[x, y, z] for z in (0.0, 1.0) for y in (0.0, 1.0) for x in (0.0, 1.0)])
    flat = square(3)
    bent = labels_on_mesh(np.column_stack([flat.points, flat.points[:, 0] ** 2]), flat.cells)
    bricks = labels_on_mesh(cube, {"hexahedron": np.array([[0, 1, 3, 2, 4, 5, 7, 6]])})
    for labels in (interval(4), flat, bent, labels_on_mesh(cube, {"tetra": tetrahedra}), bricks):
        field = np.random.default_rng(0).normal(size=(5, labels.count, 1))
        problem = Problem(states_of(labels, field), law=Membrane(1e-3))
        solution = solve(problem, "fem", blocks=40)
        # A rigid shift stores no energy: the mean moves as if there were no law.
        free = solve(Problem(problem.states), "fem")
        from cmgai_fem.fem.spaces import LabelSpace, products

        space = LabelSpace(labels, 1)
        row = products(space.mass, np.ones((1, labels.count)))[0]
        means = [row @ space.to_dofs(item.at(0.5)) for item in (solution, free)]
        assert means[0] == pytest.approx(means[1], abs=1e-8)


def test_what_the_solver_cannot_do_is_said_in_one_line():
    states = random_states()
    with pytest.raises(InputError, match="knows the force model 'least', not 'free'"):
        solve(Problem(states, force=Free()), "fem")
    with pytest.raises(InputError, match="needs point labels on a mesh"):
        solve(Problem(states, law=Membrane(1.0)), "fem")
    with pytest.raises(InputError, match="least force of order 4 needs 6 known states"):
        Problem(states, force=Least(4))
    with pytest.raises(InputError, match="method 'spline' is unknown"):
        solve(Problem(states), "spline")
    assert NeoHookean().needs_square


def rough_states(cells):
    labels = square(cells)
    return states_of(labels, np.random.default_rng(1).normal(size=(5, labels.count, 1)))


def test_rough_states_under_many_slow_modes_fall_back_on_the_modes_themselves(monkeypatch):
    problem = Problem(rough_states(20), law=Membrane(0.2))
    monkeypatch.setattr("cmgai_fem.fem.linear.FEW", 64)
    by_modes = solve(problem, "fem")
    monkeypatch.setattr("cmgai_fem.fem.linear.FEW", 5)
    fallen_back = solve(problem, "fem", blocks=2)
    assert by_modes.info["modes_by"] == fallen_back.info["modes_by"] == "eigenmodes"
    assert len(fallen_back.history) == 2 and not by_modes.history
    np.testing.assert_allclose(fallen_back.at(0.6), by_modes.at(0.6), atol=1e-9)
    monkeypatch.setattr("cmgai_fem.fem.linear.MANY", 6)
    with pytest.raises(ConvergenceError, match="2 Krylov blocks left the motion changing by"):
        solve(problem, "fem", blocks=2)


@pytest.mark.parametrize("stiffness", [0.0005, 0.002])
def test_krylov_space_and_eigenmodes_give_one_motion(stiffness, monkeypatch):
    labels = square(16)
    x, y = labels.points.T
    smooth = np.array([np.sin(2.0 * t) * np.cos(np.pi * x) + t**2 * y for t in VALUES])[:, :, None]
    problem = Problem(states_of(labels, smooth), law=Membrane(stiffness), force=Least(1), damping=0.5)
    monkeypatch.setattr("cmgai_fem.fem.linear.FEW", 300)
    by_modes = solve(problem, "fem")
    monkeypatch.setattr("cmgai_fem.fem.linear.FEW", 0)
    by_krylov = solve(problem, "fem", tolerance=1e-9, blocks=60)
    assert (by_modes.info["modes_by"], by_krylov.info["modes_by"]) == ("eigenmodes", "krylov")
    np.testing.assert_allclose(by_krylov.at(0.6), by_modes.at(0.6), atol=1e-7)
