"""The same body and mesh of quadratic tetrahedra by CalculiX: displacement and nodal stress, pulled and heated."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip
import numpy as np
from mpi4py import MPI
from scipy.spatial import cKDTree

from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.mechanics.conditions import Pressure, Symmetry, Temperature
from cmgai_fem.mechanics.material_card import MaterialCard
from cmgai_fem.mechanics.meshing import MeshParameters
from cmgai_fem.mechanics.problem import BodyProblem
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.study.findings import Figure

MESH = Path(__file__).parent / "cases" / "hole.geo"
YOUNG, POISSON, EXPANSION, PULL, HEAT = 200e9, 0.3, 1.2e-5, 1e8, 100.0
STEEL = MaterialCard(young=YOUNG, poisson=POISSON, expansion=EXPANSION, reference_temperature=0.0)
# From DOLFINx's order of the nodes of a quadratic tetrahedron to CalculiX's, and where two corners are exchanged.
C3D10, MIRRORED = [0, 1, 2, 3, 9, 6, 8, 7, 5, 4], [0, 2, 1, 3, 6, 5, 4, 7, 9, 8]
# CalculiX's number of the face that each corner of a cell is not on.
OPPOSITE = (3, 4, 2, 1)
END = 2.0
SOURCE = "CalculiX, same mesh and order"


def run() -> list[Figure]:
    """Rows: how far displacement and stress are from CalculiX's, by their root mean squares; none without CalculiX."""
    if shutil.which("ccx") is None:
        return []
    return [*compared("pulled"), *compared("heated")]


def compared(name: str, size: float | None = None) -> list[Figure]:
    """Rows of the plate "pulled" or "heated", on cells of a size."""
    body = MeshParameters(file=str(MESH), size=size, order=2).read(MPI.COMM_SELF)
    heat, pull = Temperature(on="plate", value=f"{HEAT}*x"), Pressure(on="end", value=-PULL)
    problem = BodyProblem(body, STEEL).add(*(Symmetry(on=f"{axis}_plane") for axis in "xyz"))
    states = problem.add(heat if name == "heated" else pull).solve([0.0])
    assert states is not None
    nodes, cells = body.mesh.geometry.x, _cells(body.mesh.geometry.x, body.mesh.geometry.dofmaps[0])
    with tempfile.TemporaryDirectory() as folder:
        deck = Path(folder) / "body.inp"
        deck.write_text("\n".join(_deck(nodes, cells, heated=name == "heated")) + "\n")
        subprocess.run(["ccx", "-i", "body"], cwd=folder, check=True, capture_output=True)
        (found,) = read_snapshots(deck.with_suffix(".frd"))
    _, rows = cKDTree(found.grid.points).query(states.labels.points)
    weights, figures = states.labels.weights, []
    for field, theirs in (("displacement", "DISP"), ("stress", "STRESS")):
        other, own = np.asarray(found.grid.point_data[theirs])[rows], states.field(field).values[0]
        apart = np.sqrt(weights @ ((own - other) ** 2).sum(axis=1) / (weights @ (other**2).sum(axis=1)))
        quantity = f"{name}: {field}, root mean square apart"
        figures.append(Figure.at_most("calculix", quantity, "", float(apart), 1e-2, SOURCE))
    return figures


def _cells(nodes: Array, cells: IntArray) -> IntArray:
    """Cells in CalculiX's order, none inside out."""
    cells = cells[:, C3D10]
    corners = nodes[cells[:, :4]]
    turned = np.linalg.det(corners[:, 1:] - corners[:, :1]) < 0.0
    cells[turned] = cells[turned][:, MIRRORED]
    return cells


def _deck(nodes: Array, cells: IntArray, *, heated: bool) -> Iterator[str]:
    """CalculiX's input file; it reads no more than 20 characters of a number."""
    yield "*NODE, NSET=ALL"
    yield from (f"{number}, " + ", ".join(f"{part:.12g}" for part in x) for number, x in enumerate(nodes, 1))
    yield "*ELEMENT, TYPE=C3D10, ELSET=PLATE"
    yield from (f"{number}, " + ", ".join(str(node + 1) for node in cell) for number, cell in enumerate(cells, 1))
    yield from ("*MATERIAL, NAME=STEEL", "*ELASTIC", f"{YOUNG}, {POISSON}", "*EXPANSION, ZERO=0.", f"{EXPANSION}")
    yield from ("*SOLID SECTION, ELSET=PLATE, MATERIAL=STEEL", "*INITIAL CONDITIONS, TYPE=TEMPERATURE", "ALL, 0.")
    at_end = np.abs(nodes[:, 0] - END) < 1e-9
    yield "*BOUNDARY"
    for axis in range(3):
        yield from (f"{node + 1}, {axis + 1}" for node in np.flatnonzero(np.abs(nodes[:, axis]) < 1e-9))
    yield from ("*STEP", "*STATIC")
    if heated:
        yield "*TEMPERATURE"
        yield from (f"{number}, {HEAT * x[0]:.12g}" for number, x in enumerate(nodes, 1))
    else:
        yield "*DLOAD"
        for cell, off in enumerate(~at_end[cells[:, :4]], 1):
            if off.sum() == 1:
                yield f"{cell}, P{OPPOSITE[int(np.flatnonzero(off)[0])]}, {-PULL}"
    yield from ("*NODE FILE", "U", "*EL FILE", "S", "*END STEP")
