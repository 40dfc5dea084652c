"""What a study generates from its known states, the command generates from the files of these states, bit for bit."""

import numpy as np
import pytest
import pyvista

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.cli import main
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.generate import generate
from cmgai_fem.states.labels import labels_on_mesh
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States
from cmgai_fem.study.paraview import unstructured_grid
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.laws import Membrane


def square(count: int = 9):
    """Labels on triangles of the unit square."""
    x, y = np.meshgrid(np.linspace(0.0, 1.0, count), np.linspace(0.0, 1.0, count), indexing="ij")
    rows = np.arange(count * count).reshape(count, count)
    lower = np.column_stack([rows[:-1, :-1].ravel(), rows[1:, :-1].ravel(), rows[1:, 1:].ravel()])
    upper = np.column_stack([rows[:-1, :-1].ravel(), rows[1:, 1:].ravel(), rows[:-1, 1:].ravel()])
    points = np.column_stack([x.ravel() + 0.05 * np.sin(3.0 * y.ravel()), y.ravel()])
    return labels_on_mesh(points, {"triangle": np.vstack([lower, upper])})


def interval(count: int = 41):
    """Labels on a line."""
    nodes = np.arange(count - 1)
    return labels_on_mesh(np.linspace(0.0, 2.0, count)[:, None], {"line": np.column_stack([nodes, nodes + 1])})


def pulse(labels, load):
    """A pulse that travels along x and grows."""
    x = labels.points[:, 0]
    return ((1.0 + load) * np.exp(-(((x - 0.5 - load) / 0.15) ** 2)))[:, None]


def strain(labels, temperature, load=0.5):
    """Two components with a kink in each coordinate, at least zero."""
    x, y = labels.points.T
    yielded = np.maximum(0.0, x * temperature / 300.0 + y * load - 0.6)
    return np.column_stack([yielded, yielded * y + 0.1 * load])


def known_states(labels, coordinates, values, field) -> States:
    made = np.array([field(labels, *np.atleast_1d(value)) for value in values])
    return States.of(labels, coordinates, values, {"f": Field(made, "1", tuple("xyz"[: made.shape[2]]))})


def write(states: States, folder) -> list[str]:
    """The known states as files, in an order of their own."""
    paths = []
    for row, value in enumerate(states.values):
        grid = unstructured_grid(states.labels)
        values = states.field("f").values[row]
        grid.point_data["f"] = values if values.shape[1] > 1 else values[:, 0]
        paths.append(str(folder / f"state_{'_'.join(repr(float(part)) for part in value)}.vtu"))
        grid.save(paths[-1], compression=None)
    return paths


def command(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["generate", *arguments])
    assert ended.value.code == 0


def answered(path, name="f") -> np.ndarray:
    values = np.asarray(read_snapshots(path)[0].grid.point_data[name])
    return values.reshape(len(values), -1)


ONE = np.array([20.0, 100.0, 180.0, 250.0, 330.0, 400.0])


@pytest.mark.medium
def test_one_coordinate_with_bounds_and_a_law(tmp_path, monkeypatch):
    monkeypatch.setattr("cmgai_fem.commands.generate.rivals_for", lambda values: ["natural_spline"])
    states = known_states(square(6), Coordinate("temperature", "degC"), ONE, strain)
    bounds, search = Admissible(0.0, True), Search(dampings=(2.0,), laws=(Membrane(1e-3),), kinds=(("power", 0.5),))
    made = generate(states, [210.0, 450.0], bounds=bounds, search=search, rivals=["natural_spline"])
    files = write(states, tmp_path)
    command(
        *files[::-1], "--field", "f", "--coordinate", "temperature", "--unit", "degC", "--lower", "0", "--monotone",
        "--values", ",".join(repr(float(value)) for value in ONE[::-1]), "--damping", "2", "--stiffness", "1e-3",
        "--pseudo-time", "square_root", "--rivals", "--at", "210", "--at", "450",
        "--out", str(tmp_path / "o_{value}.vtu"),
    )  # fmt: skip
    for row, value in enumerate((210.0, 450.0)):
        out = tmp_path / f"o_{value:g}.vtu"
        np.testing.assert_array_equal(answered(out), made.at(value))
        np.testing.assert_array_equal(answered(out, "f_error_estimate"), made.error(value))
        np.testing.assert_array_equal(answered(out, "f_by_natural_spline"), made.rivalry.fields["natural_spline"][row])
    assert made.generators[0].calibration.local is not None  # the weights of labels are compared, too


def test_a_pulse_is_carried_as_mass(tmp_path):
    values = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    states = known_states(interval(), Coordinate("load"), values, pulse)
    made = generate(states, 0.6, bounds=Admissible(0.0), search=Search(mass_axes=((0,),)))
    assert any(member.mass_axes for member in made.generators[0].calibration.members)
    files = write(states, tmp_path)
    listed = ",".join(repr(float(value)) for value in values)
    command(*files, "--field", "f", "--values", listed, "--lower", "0", "--mass", "x", "--at", "0.6", "--out",
            str(tmp_path / "o.vtu"))  # fmt: skip
    np.testing.assert_array_equal(answered(tmp_path / "o.vtu"), made.at(0.6))
    truth, size = pulse(states.labels, 0.6), np.ptp(pulse(states.labels, 0.6))
    assert np.abs(made.at(0.6) - truth).max() < 0.1 * size
    plain = generate(states, 0.6, bounds=Admissible(0.0))
    assert np.abs(plain.at(0.6) - truth).max() > 2.0 * np.abs(made.at(0.6) - truth).max()


TWO = [(t, load) for t in (20.0, 200.0, 400.0) for load in (0.2, 0.5, 1.0)]


@pytest.mark.medium
def test_two_coordinates_with_bounds_from_a_states_file(tmp_path):
    axes = Coordinates((Coordinate("temperature", "degC"), Coordinate("load", "kN")))
    states = known_states(square(), axes, np.array(TWO), strain)
    bounds, search = Admissible(0.0, (False, True)), Search(dampings=(), kinds=())
    made = generate(states, [[200.0, 0.7], [450.0, 1.1]], bounds=bounds, search=search)
    lines = ['field = "f"', 'coordinates = ["temperature", "load"]', 'units = ["degC", "kN"]', "lower = 0.0"]
    lines += ['monotone = ["load"]', "[calibration]", "dampings = []", "pseudo_times = []"]
    for file, value in zip(write(states, tmp_path), states.values, strict=True):
        lines += ["[[states]]", f'file = "{file.rpartition("/")[2]}"', f"value = {value.tolist()}"]
    (tmp_path / "states.toml").write_text("\n".join(lines), encoding="utf-8")
    command(
        str(tmp_path / "states.toml"), "--at", "200:0.7", "--at", "450:1.1", "--out", str(tmp_path / "o_{value}.vtu")
    )
    for value in ((200.0, 0.7), (450.0, 1.1)):
        out = tmp_path / f"o_{value[0]:g}_{value[1]:g}.vtu"
        np.testing.assert_array_equal(answered(out), made.at(value))
        np.testing.assert_array_equal(answered(out, "f_error_estimate"), made.error(value))


def test_labels_of_a_file_are_those_of_the_study(tmp_path):
    for labels, name in ((square(), "square"), (interval(), "interval")):
        states = States(labels, Coordinate("s"), [0.0, 1.0], {"f": Field(np.zeros((2, labels.count, 1)), "", ("",))})
        (path, _) = write(states, tmp_path)
        read = read_states([path], field="f", values=[0.0]).labels
        np.testing.assert_array_equal(read.points, labels.points, err_msg=name)
        np.testing.assert_array_equal(read.weights, labels.weights, err_msg=name)
        assert {kind: block.tolist() for kind, block in read.cells.items()} == {
            kind: block.tolist() for kind, block in labels.cells.items()
        }
    assert pyvista.read(path).n_points == labels.count
