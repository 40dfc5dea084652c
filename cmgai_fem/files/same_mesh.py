"""Whether snapshots are on one mesh: the same cells, nodes that moved or stayed, a body of the same size."""

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.files.snapshot import Grid, Snapshot, as_unstructured, cell_dimensions

# Nodes this close, relative to the size of the body, are the same node: text files keep six digits.
SAME_NODE = 2e-6
# No body grows so many times and keeps its mesh.
LARGER = 50.0


def same_labels(one: Grid, other: Grid) -> bool:
    """Whether two grids have the same cells in the same order: of one mesh, moved or not; points without cells stay."""
    if one.n_points != other.n_points or one.n_cells != other.n_cells:
        return False
    first, second = as_unstructured(one), as_unstructured(other)
    same = np.array_equal(first.celltypes, second.celltypes) and np.array_equal(
        first.cell_connectivity, second.cell_connectivity
    )
    bodies = first.n_cells > 0 and cell_dimensions(first).max() > 0
    return same and bool(bodies or motion(one, other) <= SAME_NODE)


def motion(one: Grid, other: Grid) -> float:
    """Largest way of a node between two grids of as many, relative to the size of the body."""
    extent = float(np.ptp(one.points, axis=0).max()) or 1.0
    way = np.asarray(one.points, dtype=float) - np.asarray(other.points, dtype=float)
    return float(np.abs(way).max()) / extent


def differing(one: Grid, other: Grid) -> set[str]:
    """Names of fields that two grids on one mesh do not share to the last digit."""
    names: set[str] = set()
    for mine, theirs in ((one.point_data, other.point_data), (one.cell_data, other.cell_data)):
        names |= {name for name in mine if name not in theirs or not np.array_equal(mine[name], theirs[name])}
    return names


def check_size(first: Snapshot, other: Snapshot) -> None:
    """Refuse a body that is many times as large or small as the first one."""
    sizes = [float(np.linalg.norm(np.ptp(np.asarray(each.grid.points), axis=0))) for each in (first, other)]
    if not 1.0 / LARGER < sizes[1] / sizes[0] < LARGER:
        raise InputError(
            f"{other.name}: its body is {sizes[1] / sizes[0]:.4g} times as large as that of {first.name}: is it in "
            "another unit of length? Bring both to one"
        )
