"""XDMF: times wherever they stand, parts of one body, plane tensors, and what DOLFINx itself writes."""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

import dolfinx
import numpy as np
import pytest
from mpi4py import MPI

from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.readers import read_snapshots

POINTS = np.array([(i / 2, j / 2, 0.0) for j in range(3) for i in range(3)])
QUADS = np.array([(0, 1, 4, 3), (1, 2, 5, 4), (3, 4, 7, 6), (4, 5, 8, 7)])
SINGLE = '<Grid GridType="Uniform">'


def item(values):
    values = np.asarray(values)
    kind = "Int" if values.dtype.kind == "i" else "Float"
    shape = " ".join(map(str, values.shape))
    return (
        f'<DataItem Dimensions="{shape}" NumberType="{kind}" Precision="8" Format="XML">'
        f"{' '.join(map(repr, values.ravel().tolist()))}</DataItem>"
    )


def mesh(points=POINTS):
    return (
        f'<Topology TopologyType="Quadrilateral" NumberOfElements="4">{item(QUADS)}</Topology>'
        f'<Geometry GeometryType="XYZ">{item(points)}</Geometry>'
    )


def field(values, kind="Scalar", name="T"):
    return f'<Attribute Name="{name}" AttributeType="{kind}" Center="Node">{item(values)}</Attribute>'


def read(folder, content, head=""):
    path = folder / "a.xdmf"
    path.write_text(f'<?xml version="1.0"?>{head}<Xdmf Version="2.0"><Domain>{content}</Domain></Xdmf>')
    return read_snapshots(path)


def series(times, head="", own=lambda time: ""):
    steps = "".join(f"{SINGLE}{own(time)}{mesh()}{field(100.0 + time * POINTS[:, 0])}</Grid>" for time in times)
    return f'<Grid GridType="Collection" CollectionType="Temporal">{head}{steps}</Grid>'


@pytest.mark.parametrize(
    ("times", "head", "own"),
    [
        ((0.0, 10.0, 50.0), f'<Time TimeType="List">{item(np.array([0.0, 10.0, 50.0]))}</Time>', ""),
        ((5.0, 15.0, 25.0), f'<Time TimeType="HyperSlab">{item(np.array([5.0, 10.0, 3.0]))}</Time>', ""),
        ((1.0, 2.0, 4.0), "", '<Time Value="{}"/>'),
        ((0.0, 1.0, 2.0), "", ""),
    ],
)
def test_times_of_a_series(tmp_path, times, head, own):
    states = read(tmp_path, series(times, head, own.format))
    assert [state.time for state in states] == list(times)
    for state, time in zip(states, times, strict=True):
        np.testing.assert_allclose(state.grid["T"], 100.0 + time * POINTS[:, 0])


@pytest.mark.parametrize(
    ("head", "match"),
    [
        (f'<Time TimeType="List">{item(np.array([0.0, 10.0]))}</Time>', "2 times for 3 steps"),
        (f'<Time TimeType="Range">{item(np.array([0.0, 10.0]))}</Time>', "times of type range"),
    ],
)
def test_times_that_do_not_fit(tmp_path, head, match):
    with pytest.raises(InputError, match=match):
        read(tmp_path, series((0.0, 1.0, 2.0), head))


def test_a_lone_grid_has_its_time(tmp_path):
    (state,) = read(tmp_path, f'{SINGLE}<Time Value="7"/>{mesh()}{field(POINTS[:, 0])}</Grid>')
    assert state.time == 7.0


@pytest.mark.parametrize("wrapping", ['<Grid GridType="Collection" CollectionType="Spatial">{}</Grid>', "{}"])
def test_parts_are_one_body(tmp_path, wrapping):
    halves = [POINTS * [0.5, 1.0, 1.0] + [shift, 0.0, 0.0] for shift in (0.0, 0.5)]
    parts = "".join(f"{SINGLE}{mesh(points)}{field(10.0 * points[:, 0])}</Grid>" for points in halves)
    (state,) = read(tmp_path, wrapping.format(parts))
    assert state.grid.n_cells == 8
    assert state.grid.bounds[:2] == (0.0, 1.0)
    np.testing.assert_allclose(state.grid["T"], 10.0 * np.asarray(state.grid.points)[:, 0])


def test_a_plane_tensor_stands_row_by_row(tmp_path):
    values = np.zeros((9, 2, 2))
    values[:] = [[100.0, 10.0], [20.0, 1.0]]
    read(tmp_path, f"{SINGLE}{mesh()}{field(values, 'Tensor', 'S')}</Grid>")
    states = read_states([tmp_path / "a.xdmf"], field="S", values=[1.0])
    assert states.field("S").components == ("xx", "xy", "yx", "yy")
    assert states.field("S").values[0, 0].tolist() == [100.0, 10.0, 20.0, 1.0]


def test_loose_points_in_a_mixed_topology(tmp_path):
    numbers = np.array([1, 1, 8, 5, 0, 1, 4, 3, 2, 2, 0, 1])
    topology = f'<Topology TopologyType="Mixed" NumberOfElements="3">{item(numbers)}</Topology>'
    geometry = f'<Geometry GeometryType="XYZ">{item(POINTS)}</Geometry>'
    (state,) = read(tmp_path, f"{SINGLE}{topology}{geometry}{field(POINTS[:, 0])}</Grid>")
    assert state.grid.celltypes.tolist() == [1, 9, 3]
    assert state.grid.cell_connectivity.tolist() == [8, 0, 1, 4, 3, 0, 1]


def test_a_document_type_is_fine_and_entities_are_not(tmp_path):
    content = f"{SINGLE}{mesh()}{field(POINTS[:, 0])}</Grid>"
    assert len(read(tmp_path, content, '<!DOCTYPE Xdmf SYSTEM "Xdmf.dtd" []>')) == 1
    with pytest.raises(InputError, match="entity"):
        read(tmp_path, content, '<!DOCTYPE Xdmf [<!ENTITY a "b">]>')


def test_what_dolfinx_writes(tmp_path):
    square = dolfinx.mesh.create_unit_square(MPI.COMM_SELF, 3, 3)
    place = {degree: dolfinx.fem.functionspace(square, ("Lagrange", degree)) for degree in (1, 2)}
    functions = {degree: dolfinx.fem.Function(space, name="T") for degree, space in place.items()}
    files = [dolfinx.io.VTKFile(square.comm, str(tmp_path / f"P{degree}.pvd"), "w") for degree in (1, 2)]
    light = dolfinx.io.XDMFFile(square.comm, str(tmp_path / "a.xdmf"), "w")
    light.write_mesh(square)
    for time in (0.0, 10.0, 50.0):
        for file, function in zip(files, functions.values(), strict=True):
            function.interpolate(lambda x, time=time: 100.0 + time * x[0])
            file.write_function([function], time)
        light.write_function(functions[1], time)
    for file in (*files, light):
        file.close()
    for name in ("P1.pvd", "P2.pvd", "a.xdmf"):
        states = read_snapshots(tmp_path / name)
        assert [state.time for state in states] == [0.0, 10.0, 50.0]
        for state in states:
            expected = 100.0 + state.time * np.asarray(state.grid.points)[:, 0]
            np.testing.assert_allclose(state.grid["T"], expected, rtol=1e-12)
