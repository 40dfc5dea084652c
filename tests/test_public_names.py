"""The public names: one list, imported when asked for, and errors of one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvista

import cmgai_fem
from cmgai_fem import RIVALS, Coordinate, Field, Labels, Problem, Search, States, calibrate, generate, nrmse, solve
from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import labels_on_points

X = np.linspace(0.0, 1.0, 12)
KNOWN = (0.0, 0.4, 0.7, 1.0)


def arrays() -> list[np.ndarray]:
    return [np.sin(2.0 * value + X) for value in KNOWN]


def states() -> States:
    values = np.array(arrays())[:, :, None]
    return States.of(labels_on_points(X[:, None]), Coordinate("load", "kN"), KNOWN, {"u": Field(values, "m", ("",))})


def test_every_name_is_there():
    for name in cmgai_fem.__all__:
        assert getattr(cmgai_fem, name) is not None
    assert dir(cmgai_fem) == sorted(cmgai_fem.__all__)
    assert (Path(cmgai_fem.__file__).parent / "py.typed").is_file()
    with pytest.raises(AttributeError, match=r"has no attribute 'generat'; it has: .*generate"):
        cmgai_fem.generat  # noqa: B018


def test_functions_keep_their_names_when_the_modules_of_these_names_load():
    code = (
        "import cmgai_fem.generate, cmgai_fem.solve, sys; assert 'torch' not in sys.modules;"
        "from cmgai_fem import generate, solve; from cmgai_fem.generated import Generated;"
        "assert callable(generate) and callable(solve) and callable(cmgai_fem.solve)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_is_light():
    code = "import sys, cmgai_fem; print([m for m in ('numpy', 'torch', 'pyvista', 'scipy') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said.strip() == "[]"


def test_generate_takes_states_arrays_grids_and_files(tmp_path):
    expected = generate(states(), 0.5)
    by_arrays = generate(arrays(), 0.5, values=KNOWN, points=X[:, None])
    np.testing.assert_array_equal(by_arrays.at(0.5), expected.at(0.5))
    grids, paths = [], []
    for row, array in enumerate(arrays()):
        grid = pyvista.UnstructuredGrid()
        grid.points = np.column_stack([X, 0.0 * X, 0.0 * X])
        grid.point_data["u"] = array
        grids.append(grid)
        paths.append(tmp_path / f"load={KNOWN[row]}.vtu")
        grid.save(paths[-1])
    for sources in (grids, paths):
        made = generate(sources, 0.5, field="u", coordinate="load", unit="kN", values=KNOWN)
        np.testing.assert_array_equal(made.at(0.5), expected.at(0.5))
        assert made.states.coordinates.label(0.5) == "load = 0.5 kN"
    by_name = generate(paths, 0.5, field="u", values_from=r"load=(.*)\.vtu")
    np.testing.assert_array_equal(by_name.at(0.5), expected.at(0.5))


def test_two_coordinates_of_arrays():
    values = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.4]]
    plane = [np.array([[a + b, a - b]] * 3) for a, b in values]
    few = Search(ratios=(1.0,), tensions=(0.0,), softnesses=(0.0,), kinds=())
    made = generate(plane, [[0.2, 0.7]], coordinate=["a", "b"], values=values, search=few)
    np.testing.assert_allclose(made.at([0.2, 0.7]), [[0.9, -0.5]] * 3, atol=1e-9)


def test_pictures_and_short_texts():
    made = generate(states(), [0.5, 1.2], rivals=["linear", "polynomial"])
    for item in (made, made.states, made.states.labels, made.states.field("u"), *made.generators, made.rivalry,
                 made.generators[0].calibration, made.generators[0].solution, made.generators[0].problem):  # fmt: skip
        assert len(repr(item)) < 700, type(item)
        assert "array" not in repr(item)
    table = made._repr_html_()
    assert table.count("<tr>") == 1 + 2 * 3
    assert "polynomial, beyond the known states" in table
    assert made.plot().axes[0].get_title() == "load = 0.5 kN"
    flat = generate([np.ones(4) * s for s in KNOWN], 0.5, values=KNOWN, points=np.eye(4)[:, :2])
    assert len(flat.plot(0.5).axes) == 2
    solid = generate([np.ones((4, 2)) * s for s in KNOWN], 0.5, values=KNOWN, points=np.eye(4)[:, :3])
    assert solid.plot().axes[0].name == "3d"


def test_figures():
    truth = np.array([0.0, 1.0, 2.0])
    assert nrmse(truth + 0.2, truth) == pytest.approx(0.1)
    assert nrmse([0.2, 1.0, 2.0], truth, [1.0, 1.0, 2.0]) == pytest.approx(0.05)
    assert "linear" in RIVALS


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: generate(42, 0.5), "from files, pyvista grids or arrays, not from int"),
        (lambda: generate("nothing.vtu", 0.5, field="u"), "no such file"),
        (lambda: generate([], 0.5, values=[]), "no states to read"),
        (lambda: generate([object()] * 3, 0.5, values=[1, 2, 3]), "not a file, a pyvista grid or the numbers"),
        (lambda: generate(arrays(), 0.5, values=KNOWN, points=X), r"points of shape \(12, 1..3\), not \(12,\)"),
        (lambda: generate(arrays(), 0.5, values=["a"] * 4), "'a' is no number"),
        (lambda: generate(arrays(), 0.5), "holds neither a time nor data called 'state'"),
        (lambda: generate(arrays(), 0.5, values=KNOWN, bond=1), "generate takes no 'bond'"),
        (lambda: generate(states(), 0.5, values=KNOWN), "values: leave it out"),
        (lambda: generate(states(), "cold"), "not an array of numbers"),
        (lambda: generate(states(), 0.5, field="stress"), "no field 'stress'; the states have: u"),
        (lambda: generate(states(), 0.5, rivals=["best"]), "rival 'best' is unknown; there are: linear"),
        (lambda: generate(states(), 0.5, methods=["dem"]), "method 'dem' is unknown"),
        (lambda: generate(states(), 0.5).at([0.5, 1.0]), "one finite number"),
        (lambda: generate(states(), 0.5).at(0.5, "pinn"), "method 'pinn' was not asked for"),
        (lambda: generate(states(), 0.5).at(2.0), "no state beyond the known states was asked for"),
        (lambda: Problem("stress.vtu"), "a problem needs States"),
        (lambda: solve(states()), "solve takes a Problem, not States"),
        (lambda: calibrate(states(), [0.5]), "calibrate takes a Problem, not States"),
        (lambda: States(X, Coordinate("s"), [0.0], {}), "labels of states are Labels, not ndarray"),
        (lambda: States(labels_on_points(X[:, None]), "s", [0.0], {}), "states are Coordinates, not str"),
        (lambda: Field("u", "m", ("",)), "field values: not an array of numbers"),
        (lambda: Labels([1.0], [1.0], {}), r"label points must be an \(N, 1..3\) array"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(call, text):
    with pytest.raises(InputError, match=text) as refusal:
        call()
    assert "\n" not in str(refusal.value)


def test_a_stiffness_that_no_mesh_can_carry_is_refused_and_not_dropped():
    import numpy as np
    import pytest

    from cmgai_fem import generate
    from cmgai_fem.calibration.candidates import Search
    from cmgai_fem.errors import InputError
    from cmgai_fem.transport.laws import Membrane

    arrays = [np.sin(value * np.arange(6.0)) for value in (0.1, 0.2, 0.3, 0.4)]
    with pytest.raises(InputError, match="needs point labels on a mesh of one kind of cell"):
        generate(arrays, at=0.25, field="u", values=[0.1, 0.2, 0.3, 0.4], search=Search(laws=(Membrane(0.1),)))
