"""Round trips: every format with every cell kind, fields equal to 1e-14."""

import h5py
import numpy as np
import pytest
import pyvista

from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.writers import WRITERS, write_grid
from cmgai_fem.states.labels import NODES_PER_CELL, VTK_CELLS

FORMATS = [suffix for suffix in WRITERS if suffix != ".vtp"]


def parent_nodes(kind):
    """Nodes of one cell of `kind` in VTK's order."""
    import vtk

    cell = vtk.vtkGenericCell.InstantiateCell(VTK_CELLS[kind])
    if kind == "vertex":
        return np.zeros((1, 3))
    return np.array(cell.GetParametricCoords()).reshape(-1, 3)


def grid_of(kinds):
    """Two cells of each kind, apart from each other, with every kind of field."""
    points, cells, types = [], [], []
    shift = 0
    for place, kind in enumerate([*kinds, *kinds]):
        nodes = parent_nodes(kind) + np.array([2.0 * place, 0.1 * place, 0.0])
        points.append(nodes)
        cells.append([len(nodes), *range(shift, shift + len(nodes))])
        types.append(VTK_CELLS[kind])
        shift += len(nodes)
    grid = pyvista.UnstructuredGrid(np.concatenate(cells), np.array(types, dtype=np.uint8), np.concatenate(points))
    random = np.random.default_rng(3)
    for place, data, count in (("p", grid.point_data, grid.n_points), ("c", grid.cell_data, grid.n_cells)):
        for name, columns in (("scalar", 1), ("vector", 3), ("stress", 6)):
            values = random.normal(size=(count, columns)) * 10.0 ** random.integers(-12, 12, size=(count, 1))
            data[f"{name}_{place}"] = values if columns > 1 else values[:, 0]
        full = random.normal(size=(count, 9))
        data[f"gradient_{place}"] = full
    return grid


def assert_same(read, written):
    assert np.array_equal(read.celltypes, written.celltypes)
    np.testing.assert_allclose(read.points, written.points, rtol=1e-14, atol=0.0)
    assert np.array_equal(read.cell_connectivity, written.cell_connectivity)
    for place in ("point_data", "cell_data"):
        for name, array in getattr(written, place).items():
            other = np.asarray(getattr(read, place)[name])
            np.testing.assert_allclose(other.reshape(array.shape), array, rtol=1e-14, atol=0.0, err_msg=name)


@pytest.mark.parametrize("kind", NODES_PER_CELL)
@pytest.mark.parametrize("suffix", FORMATS)
def test_round_trip(tmp_path, suffix, kind):
    grid = grid_of([kind])
    path = tmp_path / f"run{suffix}"
    write_grid(path, grid, {"made": "here"}, 325.0)
    (snapshot,) = read_snapshots(path)
    assert_same(snapshot.grid, grid)


@pytest.mark.parametrize("suffix", FORMATS)
def test_mixed_cells_keep_their_order(tmp_path, suffix):
    grid = grid_of(["tetra", "wedge", "hexahedron20", "pyramid", "wedge15", "hexahedron27"])
    path = tmp_path / f"mixed cells é{suffix}"
    write_grid(path, grid, {"made": "here"}, 325.0)
    (snapshot,) = read_snapshots(path)
    assert_same(snapshot.grid, grid)


SERIES = """<Xdmf Version="3.0" xmlns:xi="https://www.w3.org/2001/XInclude"><Domain>
<Grid Name="mesh" GridType="Uniform">
<Topology TopologyType="Triangle" NumberOfElements="1"><DataItem Dimensions="1 3" NumberType="Int">0 1 2</DataItem>
</Topology><Geometry GeometryType="XY"><DataItem Dimensions="3 2">0 0 1 0 0 1</DataItem></Geometry></Grid>
<Grid Name="f" GridType="Collection" CollectionType="Temporal">{f}</Grid>
<Grid Name="g" GridType="Collection" CollectionType="Temporal">{g}</Grid></Domain></Xdmf>"""


def step(name, time, values):
    inclusion = '<xi:include xpointer="xpointer(/Xdmf/Domain/Grid/*[self::Topology or self::Geometry])"/>'
    data = f'<DataItem Dimensions="3 1" Format="XML">{values}</DataItem>'
    attribute = f'<Attribute Name="{name}" AttributeType="Scalar" Center="Node">{data}</Attribute>'
    return f'<Grid GridType="Uniform">{inclusion}<Time Value="{time}"/>{attribute}</Grid>'


def test_series_as_dolfinx_writes_them(tmp_path):
    """One mesh, one series a function; the series include the mesh of their own file."""
    f = step("f", 1.0, "1 2 3") + step("f", 2.0, "4 5 6")
    g = step("g", 1.0, "7 8 9") + step("g", 2.0, "0 0 1")
    (tmp_path / "a.xdmf").write_text(SERIES.format(f=f, g=g).replace("https://www", "http://www"))
    first, second = read_snapshots(tmp_path / "a.xdmf")
    assert (first.time, second.time) == (1.0, 2.0)
    assert first.grid["f"].tolist() == [1.0, 2.0, 3.0]
    assert second.grid["g"].tolist() == [0.0, 0.0, 1.0]


def test_partitions_of_vtkhdf_are_one_body(tmp_path):
    part = pyvista.ImageData(dimensions=(3, 3, 3)).cast_to_unstructured_grid()
    parts = [part, part.translate((2.0, 0.0, 0.0))]
    for one in parts:
        one.point_data["f"] = one.points @ [1.0, 10.0, 100.0]
    path = tmp_path / "partitioned.vtkhdf"
    with h5py.File(path, "w") as file:
        group = file.create_group("VTKHDF")
        group.attrs["Version"] = [2, 0]
        group.attrs.create("Type", b"UnstructuredGrid", dtype=h5py.string_dtype("ascii", 16))
        group["NumberOfPoints"] = [one.n_points for one in parts]
        group["NumberOfCells"] = [one.n_cells for one in parts]
        group["NumberOfConnectivityIds"] = [len(one.cell_connectivity) for one in parts]
        arrays = {
            "Points": "points",
            "Connectivity": "cell_connectivity",
            "Offsets": "cell_offsets",
            "Types": "celltypes",
        }
        for key, name in arrays.items():
            group[key] = np.concatenate([getattr(one, name) for one in parts])
        group.create_group("PointData")["f"] = np.concatenate([one.point_data["f"] for one in parts])
    (read,) = read_snapshots(path)
    assert read.grid.n_cells == 16
    assert np.array_equal(read.grid.points, np.concatenate([one.points for one in parts]))
    np.testing.assert_allclose(read.grid["f"], read.grid.points @ [1.0, 10.0, 100.0], rtol=1e-15)


def test_exodus_is_what_vtk_reads(tmp_path):
    """Our node orders and names against another reader's."""
    grid = grid_of(["hexahedron20", "wedge15", "hexahedron27", "tetra10"])
    write_grid(tmp_path / "a.e", grid, {}, 3.0)
    blocks = pyvista.ExodusIIReader(tmp_path / "a.e").read()
    cells = [block for part in blocks if part is not None for block in part if block is not None and block.n_cells]
    volumes = sorted(np.concatenate([block.compute_cell_sizes()["Volume"] for block in cells]))
    np.testing.assert_allclose(volumes, sorted(grid.compute_cell_sizes()["Volume"]), rtol=1e-6)
    names = set().union(*(block.point_data.keys() for block in cells))
    assert "scalar_p" in names
