"""Gmsh's files: data go by the ids that they name, in both versions, as text and binary, step by step."""

from itertools import product

import gmsh
import numpy as np
import pytest
from bodies import block

from cmgai_fem.errors import InputError
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.writers import write_grid

PLACES = {7 * row + column + 1: (0.5 * column, 0.5 * row, 0.0) for row, column in product(range(3), range(3))}
IDS = list(PLACES)
QUADS = [[IDS[3 * j + i + shift] for shift in (0, 1, 4, 3)] for j in range(2) for i in range(2)]
EDGES = [IDS[0:2], IDS[1:3]]


def temperature(place, state):
    return 100.0 * state + 10.0 * place[0] + place[1]


def section(kind, name, values, time=1.0, step=0):
    """One section of data, in the order of `values`."""
    rows = [f"{number} {value!r}" for number, value in values.items()]
    return [f"${kind}", "1", f'"{name}"', "1", repr(time), "3", str(step), "1", str(len(rows)), *rows, f"$End{kind}"]


def square(path, *sections, nodes=IDS, edges=()):
    """A square of four quads in version 2.2; cells count from 1, edges first."""
    lines = ["$MeshFormat", "2.2 0 8", "$EndMeshFormat", "$Nodes", str(len(nodes))]
    lines += [f"{number} {' '.join(map(repr, PLACES[number]))}" for number in nodes]
    cells = [("1 2 11 1", cell) for cell in edges] + [("3 2 12 1", cell) for cell in QUADS]
    lines += ["$EndNodes", "$Elements", str(len(cells))]
    lines += [f"{row} {head} {' '.join(map(str, cell))}" for row, (head, cell) in enumerate(cells, start=1)]
    lines += ["$EndElements", *(line for part in sections for line in part)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("nodes", [IDS, IDS[::-1]])
@pytest.mark.parametrize("data", [IDS, IDS[::-1], IDS[4:] + IDS[:4]])
def test_values_go_by_the_ids_of_nodes(tmp_path, nodes, data):
    values = {number: temperature(PLACES[number], 1.0) for number in data}
    (read,) = read_snapshots(square(tmp_path / "a.msh", section("NodeData", "T", values), nodes=nodes))
    expected = [temperature(place, 1.0) for place in np.asarray(read.grid.points)]
    np.testing.assert_allclose(read.grid["T"], expected, rtol=1e-15)
    assert read.node_ids.tolist() == IDS


def test_nodes_without_a_value_are_unknown(tmp_path):
    values = {number: temperature(PLACES[number], 1.0) for number in IDS[:6]}
    (read,) = read_snapshots(square(tmp_path / "a.msh", section("NodeData", "T", values)))
    assert np.isnan(read.grid["T"]).tolist() == [False] * 6 + [True] * 3
    np.testing.assert_allclose(read.grid["T"][:6], [temperature(place, 1.0) for place in read.grid.points[:6]])


@pytest.mark.parametrize("edges", [(), EDGES])
@pytest.mark.parametrize("turn", [1, -1])
def test_values_of_cells_on_the_body_alone(tmp_path, edges, turn):
    values = {number + len(edges): 10.0 * number for number in range(1, 5)}
    text = section("ElementData", "S", dict(list(values.items())[::turn]))
    (read,) = read_snapshots(square(tmp_path / "a.msh", text, edges=edges))
    assert read.grid.cell_data["S"].tolist() == [10.0, 20.0, 30.0, 40.0]
    assert read.cell_ids.tolist() == list(values)


def test_every_step_of_a_view_has_its_time(tmp_path):
    steps = [
        section("NodeData", "T", {number: 100.0 + time * PLACES[number][0] for number in IDS}, time, step)
        for step, time in enumerate((0.0, 10.0, 25.0))
    ]
    read = read_snapshots(square(tmp_path / "a.msh", *steps))
    assert [state.time for state in read] == [0.0, 10.0, 25.0]
    for state in read:
        np.testing.assert_allclose(state.grid["T"], 100.0 + state.time * np.asarray(state.grid.points)[:, 0])


@pytest.mark.parametrize(("version", "binary", "order"), [*product((2.2, 4.1), (0, 1), (1, 2))])
def test_views_that_gmsh_writes(tmp_path, version, binary, order):
    path = str(tmp_path / "a.msh")
    gmsh.initialize(readConfigFiles=False, interruptible=False)
    try:
        for option, value in (("General.Terminal", 0), ("Mesh.MshFileVersion", version), ("Mesh.Binary", binary)):
            gmsh.option.setNumber(option, value)
        gmsh.option.setNumber("Mesh.MeshSizeMax", 0.4)
        disk = gmsh.model.occ.addDisk(0.0, 0.0, 0.0, 1.0, 1.0)
        gmsh.model.occ.synchronize()
        gmsh.model.addPhysicalGroup(2, [disk], 12)
        gmsh.model.addPhysicalGroup(1, [tag for _, tag in gmsh.model.getEntities(1)], 11)
        gmsh.model.mesh.generate(2)
        gmsh.model.mesh.setOrder(order)
        tags, places, _ = gmsh.model.mesh.getNodes()
        values = [temperature(place, 2.0) for place in places.reshape(-1, 3)]
        (cells,) = gmsh.model.mesh.getElements(2)[1]
        centres = [gmsh.model.mesh.getElement(cell)[1] for cell in cells]
        place = dict(zip(tags, places.reshape(-1, 3), strict=True))
        middle = [temperature(np.mean([place[node] for node in nodes[:3]], axis=0), 2.0) for nodes in centres]
        gmsh.write(path)
        for name, kind, ids, numbers in (("T", "NodeData", tags, values), ("S", "ElementData", cells, middle)):
            view = gmsh.view.add(name)
            gmsh.view.addHomogeneousModelData(view, 0, "", kind, ids, numbers, time=2.0)
            gmsh.view.write(view, path, append=True)
    finally:
        gmsh.finalize()
    (read,) = read_snapshots(tmp_path / "a.msh")
    assert read.time == 2.0
    np.testing.assert_allclose(read.grid["T"], [temperature(place, 2.0) for place in read.grid.points], rtol=1e-12)
    corners = read.grid.cell_connectivity.reshape(read.grid.n_cells, -1)[:, :3]
    expected = [temperature(place, 2.0) for place in np.asarray(read.grid.points)[corners].mean(axis=1)]
    np.testing.assert_allclose(read.grid.cell_data["S"], expected, rtol=1e-12)
    assert set(read.grid.cell_data["gmsh:physical"]) == {12}


@pytest.mark.parametrize("version", [2.2, 4.1])
def test_one_file_of_a_partitioned_mesh_is_no_body(tmp_path, version):
    gmsh.initialize(readConfigFiles=False, interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("Mesh.MshFileVersion", version)
        gmsh.model.occ.addRectangle(0.0, 0.0, 0.0, 1.0, 1.0)
        gmsh.model.occ.synchronize()
        gmsh.model.mesh.generate(2)
        gmsh.model.mesh.partition(2)
        gmsh.write(str(tmp_path / "whole.msh"))
        gmsh.option.setNumber("Mesh.PartitionSplitMeshFiles", 1)
        gmsh.write(str(tmp_path / "split.msh"))
    finally:
        gmsh.finalize()
    (whole,) = read_snapshots(tmp_path / "whole.msh")
    assert whole.grid.compute_cell_sizes()["Area"].sum() == pytest.approx(1.0)
    for part in (1, 2):
        with pytest.raises(InputError, match=f"holds partition {part} of a mesh in several files"):
            read_snapshots(tmp_path / f"split_{part}.msh")


def test_what_is_written_has_its_time(tmp_path):
    grid = block()
    grid["T"] = np.arange(float(grid.n_points))
    write_grid(tmp_path / "a.msh", grid, {}, 325.0)
    assert [state.time for state in read_snapshots(tmp_path / "a.msh")] == [325.0]


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("$MeshFormat\n", 'SystemCall "touch made";\n$MeshFormat\n', "does not begin"),
        ("$EndElements\n", "", "truncated at"),
        ("$EndNodeData\n", "", "does not end"),
        ("$NodeData", "$ElementNodeData", "truncated at"),
    ],
)
def test_damaged(tmp_path, old, new, match):
    path = square(tmp_path / "a.msh", section("NodeData", "T", dict.fromkeys(IDS, 1.0)))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=match):
        read_snapshots(path)
    assert not (tmp_path / "made").exists()


def test_a_file_that_ends_after_its_nodes(tmp_path):
    path = square(tmp_path / "a.msh")
    path.write_text(path.read_text().partition("$Elements")[0])
    with pytest.raises(InputError, match=r"\$Elements is missing"):
        read_snapshots(path)
