"""What is generated from files of every kind is the field that they hold, linear in the state and in the place."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import pyvista
import test_exodus_files as exodus
import test_gmsh_files as gmsh_files
import test_xdmf_files as xdmf
from bodies import block

from cmgai_fem.commands.generate import generate
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.study.field_file import CalibrationTable

STATES = (1.0, 2.0, 3.0)
# Fields that are linear in the state leave nothing to choose.
PLAIN = CalibrationTable(moving=False, state_force=False, dampings=[], pseudo_times=[])


def warm(state, places):
    return 100.0 * state + 10.0 * places[:, 0] + places[:, 1]


def rise(time, places):
    return 100.0 + time * places[:, 0]


def generated(paths, field, at, folder, values_from=None):
    """The generated field and its places."""
    inputs = Inputs(tuple(paths), field, values_from=values_from, calibration=PLAIN)
    generate(inputs, [at], folder / "o.vtu", report=lambda line: None)
    (read,) = read_snapshots(folder / "o.vtu")
    data, places = read.grid.point_data, read.grid.points
    if field in read.grid.cell_data:
        data, places = read.grid.cell_data, read.grid.cell_centers().points
    return np.asarray(data[field]), np.asarray(places, dtype=float)


def gmsh_nodes(folder, state):
    ids = gmsh_files.IDS[::-1]
    values = {number: gmsh_files.temperature(gmsh_files.PLACES[number], state) for number in ids}
    return gmsh_files.square(folder / f"_{state:g}.msh", gmsh_files.section("NodeData", "T", values))


def gmsh_cells(folder, state):
    places = np.array([[gmsh_files.PLACES[number] for number in quad] for quad in gmsh_files.QUADS]).mean(axis=1)
    values = dict(zip(range(3, 7), warm(state, places).tolist(), strict=True))
    section = gmsh_files.section("ElementData", "T", dict(list(values.items())[::-1]))
    return gmsh_files.square(folder / f"_{state:g}.msh", section, edges=gmsh_files.EDGES)


def xdmf_parts(folder, state):
    halves = [xdmf.POINTS * [0.5, 1.0, 1.0] + [shift, 0.0, 0.0] for shift in (0.0, 0.5)]
    parts = "".join(f"{xdmf.SINGLE}{xdmf.mesh(points)}{xdmf.field(warm(state, points))}</Grid>" for points in halves)
    xdmf.read(folder, f'<Grid GridType="Collection" CollectionType="Spatial">{parts}</Grid>')
    return (folder / "a.xdmf").rename(folder / f"_{state:g}.xdmf")


def structured(suffix):
    def write(folder, state):
        image = pyvista.ImageData(dimensions=(3, 3, 2))
        image["T"] = warm(state, np.asarray(image.points))
        curved = image.cast_to_structured_grid()
        kinds = {".vti": image, ".vts": curved, ".vtm": pyvista.MultiBlock([curved])}
        kinds[suffix].save(folder / f"_{state:g}{suffix}")
        return folder / f"_{state:g}{suffix}"

    return write


@pytest.mark.parametrize(
    "write",
    [gmsh_nodes, gmsh_cells, xdmf_parts, *map(structured, (".vti", ".vts", ".vtm"))],
    ids=["msh nodes", "msh cells", "xdmf parts", "vti", "vts", "vtm"],
)
def test_a_file_a_state(tmp_path, write):
    paths = [write(tmp_path, state) for state in STATES]
    found, places = generated(paths, "T", 2.5, tmp_path, r"_(\d)")
    np.testing.assert_allclose(found, warm(2.5, places), rtol=1e-9)


def gmsh_view(folder):
    steps = [
        gmsh_files.section("NodeData", "T", {number: 100.0 + time * place[0] for number, place in nodes}, time, step)
        for nodes in [gmsh_files.PLACES.items()]
        for step, time in enumerate(exodus.TIMES)
    ]
    return gmsh_files.square(folder / "a.msh", *steps)


def xdmf_series(folder):
    head = f'<Time TimeType="List">{xdmf.item(np.array(exodus.TIMES))}</Time>'
    xdmf.read(folder, xdmf.series(exodus.TIMES, head))
    return folder / "a.xdmf"


def exodus_nodes(folder):
    return exodus.write(folder / "a.e", [exodus.LEFT, [], exodus.RIGHT], {"T": rise})


def exodus_cells(folder):
    return exodus.write(folder / "a.e", [[], exodus.LEFT, exodus.RIGHT], {"u": rise}, {"T": rise}, (2, 3))


def collection(folder):
    rows = []
    for time, part in product(exodus.TIMES, (0, 1)):
        grid = block(1).translate((2.0 * part, 0.0, 0.0))
        grid["T"] = rise(time, np.asarray(grid.points))
        grid.field_data["TimeValue"] = [999.0 + time]
        grid.save(folder / f"{time:g} {part}.vtu")
        rows.append(f'<DataSet timestep="{time:g}" part="{part}" file=".\\{time:g} {part}.vtu"/>')
    (folder / "a.pvd").write_text(f'<VTKFile type="Collection"><Collection>{"".join(rows)}</Collection></VTKFile>')
    return folder / "a.pvd"


@pytest.mark.parametrize("write", [gmsh_view, xdmf_series, exodus_nodes, exodus_cells, collection])
def test_a_file_of_all_states(tmp_path, write):
    found, places = generated([write(tmp_path)], "T", 30.0, tmp_path)
    np.testing.assert_allclose(found, rise(30.0, places), rtol=1e-9)


def test_tensors_that_moose_splits(tmp_path):
    nodal = {
        f"stress_{axes}": lambda time, places, value=value: time * value + 0.0 * places[:, 0]
        for axes, value in exodus.TENSOR.items()
    }
    path = exodus.write(tmp_path / "a.e", [exodus.LEFT, exodus.RIGHT], nodal)
    found, _ = generated([path], "stress", 30.0, tmp_path)
    np.testing.assert_allclose(found, 30.0 * np.tile(np.arange(1.0, 7.0), (len(found), 1)), rtol=1e-9)


@pytest.mark.parametrize(("field", "suffix"), [("self", ".vtu"), ("σ", ".vtu"), ("σ", ".exo"), ("σ", ".xdmf")])
def test_names_that_python_and_other_formats_stumble_over(tmp_path, field, suffix):
    paths = []
    for state in STATES:
        grid = block(1)
        grid[field] = warm(state, np.asarray(grid.points))
        grid.save(tmp_path / f"_{state:g}.vtu")
        paths.append(Path(tmp_path / f"_{state:g}.vtu"))
    inputs = Inputs(tuple(paths), field, values_from=r"_(\d)", calibration=PLAIN)
    generate(inputs, [2.5], tmp_path / f"o{suffix}", report=lambda line: None)
    (read,) = read_snapshots(tmp_path / f"o{suffix}")
    expected = warm(2.5, np.asarray(read.grid.points))
    arrays = [array for name, array in read.grid.point_data.items() if "error" not in name]
    assert any(array.shape == expected.shape and np.allclose(array, expected) for array in arrays)
