"""A large body with a field that depends smoothly on temperature: files to measure `generate` with.

    python verification/benchmarks/large_body.py FOLDER --nodes 216 --pieces 8

writes FOLDER/T=300.pvtu ... T=500.pvtu (or .vtu with one piece): a block of nodes^3 nodes, six stresses at each node,
five states, the block cut into slabs along x as a partitioned solver leaves it.
"""

import argparse
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyvista
from vtkmodules.vtkIOXML import vtkXMLUnstructuredGridWriter

VALUES = (300.0, 350.0, 400.0, 450.0, 500.0)
COMPONENTS = ("XX", "YY", "ZZ", "XY", "YZ", "XZ")


def slab(nodes: int, first: int, last: int) -> pyvista.UnstructuredGrid:
    """Hexahedra between the planes `first` and `last` of a unit cube with `nodes` planes a side."""
    line = np.linspace(0.0, 1.0, nodes)
    places = np.meshgrid(line[first : last + 1], line, line, indexing="ij")
    points = np.stack(places, axis=-1).reshape(-1, 3)
    numbers = np.arange(len(points)).reshape(last + 1 - first, nodes, nodes)
    corner = numbers[:-1, :-1, :-1].ravel()
    plane, row = nodes * nodes, nodes
    shifts = np.array([0, plane, plane + row, row, 1, plane + 1, plane + row + 1, row + 1])
    return pyvista.UnstructuredGrid({12: corner[:, None] + shifts}, points)


def stress(points: np.ndarray, temperature: float) -> np.ndarray:
    """(L, 6) stress [Pa] of a block that expands and softens as it warms up, unevenly over its length."""
    x, y, z = points.T
    warm = (temperature - 300.0) / 200.0
    local = warm * (0.6 + 0.8 * x * (1.0 + 0.3 * y))
    size = 80e6 * local * np.exp(-0.7 * local)
    return np.column_stack(
        [
            size * np.cos(3.0 * x),
            size * np.sin(2.0 * y + local),
            size * (z - 0.5),
            0.3 * size * x * y,
            0.3 * size * np.sin(np.pi * z),
            0.2 * size * np.cos(2.0 * (x + z) * (1.0 + 0.2 * warm)),
        ]
    )


def save(path: Path, grid: pyvista.UnstructuredGrid) -> None:
    """A .vtu whose numbers are appended as they are, as ParaView and solvers write large ones."""
    writer = vtkXMLUnstructuredGridWriter()
    writer.SetFileName(str(path))
    writer.SetInputData(grid)
    writer.SetCompressorTypeToNone()
    writer.SetDataModeToAppended()
    writer.EncodeAppendedDataOff()
    writer.SetHeaderTypeToUInt64()
    writer.Write()


def write_collection(path: Path, pieces: list[str]) -> None:
    """A .pvtu that lists its pieces."""
    root = ElementTree.Element("VTKFile", type="PUnstructuredGrid", version="1.0", byte_order="LittleEndian")
    body = ElementTree.SubElement(root, "PUnstructuredGrid", GhostLevel="0")
    points = ElementTree.SubElement(body, "PPoints")
    ElementTree.SubElement(points, "PDataArray", type="Float64", NumberOfComponents="3")
    data = ElementTree.SubElement(body, "PPointData")
    ElementTree.SubElement(data, "PDataArray", type="Float64", Name="stress", NumberOfComponents="6")
    for piece in pieces:
        ElementTree.SubElement(body, "Piece", Source=piece)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def make(folder: Path, nodes: int, pieces: int, at_cells: bool = False) -> list[Path]:
    """Write the states; the files that `generate` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    cuts = np.linspace(0, nodes - 1, pieces + 1).astype(int)
    for index, (first, last) in enumerate(pairwise(cuts)):
        grid = slab(nodes, int(first), int(last))
        places = np.asarray(grid.cell_centers().points) if at_cells else np.asarray(grid.points)
        data = grid.cell_data if at_cells else grid.point_data
        for value in VALUES:
            data["stress"] = stress(places, value)
            for column, name in enumerate(COMPONENTS):
                data["stress"].VTKObject.SetComponentName(column, name)
            name = f"T={value:g}.vtu" if pieces == 1 else f"T={value:g}_{index}.vtu"
            save(folder / name, grid)
    if pieces == 1:
        return [folder / f"T={value:g}.vtu" for value in VALUES]
    for value in VALUES:
        write_collection(folder / f"T={value:g}.pvtu", [f"T={value:g}_{index}.vtu" for index in range(pieces)])
    return [folder / f"T={value:g}.pvtu" for value in VALUES]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=int, default=101, help="planes of nodes a side of the block")
    parser.add_argument("--pieces", type=int, default=1)
    parser.add_argument("--cells", action="store_true", help="stresses at the cells instead of the nodes")
    given = parser.parse_args()
    for path in make(given.folder, given.nodes, given.pieces, given.cells):
        print(path)
