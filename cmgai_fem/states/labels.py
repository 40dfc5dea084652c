"""Labels: where each piece of data sits in the body, and the volume that it stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cmgai_fem.errors import InputError
from cmgai_fem.states.portion import Portion

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

# Nodes a cell, by meshio's cell names; what the package reads, writes and integrates over.
NODES_PER_CELL = {
    "vertex": 1, "line": 2, "line3": 3, "triangle": 3, "triangle6": 6, "quad": 4, "quad8": 8, "quad9": 9,
    "tetra": 4, "tetra10": 10, "hexahedron": 8, "hexahedron20": 20, "hexahedron27": 27,
    "wedge": 6, "wedge15": 15, "pyramid": 5, "pyramid13": 13,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a continuum: where each piece of data sits in the body, once and for all.

    Args:
        points: (N, g) coordinates of the mesh nodes [m], g = 1, 2 or 3.
        cells: connectivity (C, v) of each block, keyed by meshio's cell name; empty for bare points.
        weights: (L,) volume that each label stands for [m^g]: lumped nodal volumes where `location` is "point"
            (L = N), cell volumes where it is "cell" (L = C, in the order of `cells`).
        location: where the fields live, "point" or "cell".
        dealt: which labels of the body these are, where others have the rest or they come in pieces; None for all.
    """

    points: Array
    weights: Array
    cells: Mapping[str, IntArray]
    location: str = "point"
    dealt: Portion | None = None

    def __post_init__(self) -> None:
        for name in ("points", "weights"):
            object.__setattr__(self, name, floats(f"label {name}", getattr(self, name)))
        if self.points.ndim != 2 or self.points.shape[1] not in (1, 2, 3):
            raise InputError(f"label points must be an (N, 1..3) array, not {self.points.shape}")
        if self.location not in ("point", "cell"):
            raise InputError(f"labels live at 'point' or 'cell', not {self.location!r}")
        count = len(self.points) if self.location == "point" else sum(len(block) for block in self.cells.values())
        if self.weights.shape != (count,):
            raise InputError(f"{count} labels need {count} weights, not {self.weights.shape}")
        if not np.all(self.weights > 0.0):
            worst = int(np.argmin(self.weights))
            raise InputError(f"label {worst} stands for a volume of {self.weights[worst]:g}: mend or remove that cell")

    def __repr__(self) -> str:
        kinds = ", ".join(f"{len(block)} {kind}" for kind, block in self.cells.items())
        return f"Labels({self.count} {self.location}s in {self.points.shape[1]}-D; {kinds or 'no cells'})"

    @property
    def count(self) -> int:
        """Number of labels."""
        return len(self.weights)

    @property
    def portion(self) -> Portion:
        """Which labels of the body these are."""
        return self.dealt or Portion.whole(self.count)

    @cached_property
    def volume(self) -> float:
        """Volume of the body [m^g]; over all ranks that share it."""
        return float(self.portion.sum(lambda block: self.weights[block].sum()))

    @property
    def positions(self) -> Array:
        """(L, g) where the labels are: nodes, or cell centres [m]."""
        return self.positions_of(np.arange(self.count)) if self.location == "cell" else self.points

    def positions_of(self, rows: IntArray) -> Array:
        """(R, g) where some of the labels are, given in increasing order [m]."""
        if self.location == "point":
            return self.points[rows]
        found, first = [], 0
        for block in self.cells.values():
            own = rows[(rows >= first) & (rows < first + len(block))] - first
            found.append(self.points[block[own]].mean(axis=1))
            first += len(block)
        return np.concatenate(found)


def labels_on_points(points: Array, weights: Array | None = None) -> Labels:
    """Labels that are bare points, each standing for a volume of one unless `weights` are given."""
    points = np.atleast_2d(np.asarray(points, dtype=float))
    return Labels(points, np.ones(len(points)) if weights is None else np.asarray(weights, dtype=float), {})


def labels_on_mesh(points: Array, cells: Mapping[str, IntArray], location: str = "point") -> Labels:
    """Labels on a mesh, with volumes integrated by VTK's cell sizes (any cell kind; curves and surfaces in 3-D too).

    Args:
        points: (N, g) node coordinates [m].
        cells: connectivity by meshio cell name, corner nodes first.
        location: "point" (lumped nodal volumes) or "cell".

    Returns:
        The labels. Nodes that belong to no cell are an error, since they would stand for no volume.
    """
    sizes = {kind: cell_sizes(points, kind, block) for kind, block in cells.items()}
    if location == "cell":
        return Labels(points, np.concatenate(list(sizes.values())), dict(cells), location)
    weights = np.zeros(len(points))
    for kind, block in cells.items():
        share = sizes[kind] / block.shape[1]
        np.add.at(weights, block, share[:, None])
    return Labels(points, weights, dict(cells), location)


def cell_sizes(points: Array, kind: str, cells: IntArray) -> Array:
    """Length, area or volume of each cell [m, m^2, m^3]."""
    import pyvista

    unit, factors = unit_size(points)
    grid = pyvista.UnstructuredGrid({VTK_CELLS[kind]: cells}, unit)
    sized = grid.compute_cell_sizes(length=True, area=True, volume=True, vertex_count=True).cell_data
    dimension = VTK_DIMENSION[kind]
    return np.abs(np.asarray(sized[SIZE_NAMES[dimension]], dtype=float)) * factors[dimension]


def unit_size(points: Array) -> tuple[Array, Array]:
    """Points (N, 3) about their mean in units of the body's longest side, and (4,) that unit to the powers 0 to 3.

    VTK's tolerances are absolute: in this unit a micrometre and a kilometre fare alike.
    """
    embedded = in_space(points)
    extent = float(np.ptp(embedded, axis=0).max()) or 1.0
    return (embedded - embedded.mean(axis=0)) / extent, extent ** np.arange(4.0)


def in_space(points: Array) -> Array:
    """Points or vectors (N, 1..3) as (N, 3) floats, what is missing zero."""
    found = np.zeros((len(points), 3))
    found[:, : np.shape(points)[1]] = points
    return found


# What VTK calls the size of a cell, by its dimension.
SIZE_NAMES = ("VertexCount", "Length", "Area", "Volume")
VTK_CELLS = {
    "vertex": 1, "line": 3, "line3": 21, "triangle": 5, "triangle6": 22, "quad": 9, "quad8": 23, "quad9": 28,
    "tetra": 10, "tetra10": 24, "hexahedron": 12, "hexahedron20": 25, "hexahedron27": 29,
    "wedge": 13, "wedge15": 26, "pyramid": 14, "pyramid13": 27,
}  # fmt: skip
VTK_DIMENSION = {
    kind: 0 if kind == "vertex" else 1 if kind.startswith("line") else 2 if kind.startswith(("tri", "quad")) else 3
    for kind in VTK_CELLS
}


def floats(what: str, values: ArrayLike) -> Array:
    """Numbers as an array, or one line."""
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{what}: not an array of numbers") from None
