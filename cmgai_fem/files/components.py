"""Components go by name: whatever order a file lists them in, they are read in one.

Vectors stand as x, y, z, symmetric tensors in VTK's order xx, yy, zz, xy, yz, xz, full ones row by row. Names are read
by how they end: XX, S11, SXX and stress_zx name components of tensors, D1 and disp_x of vectors.
"""

import re
from collections.abc import Sequence

import numpy as np
import pyvista

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import SYMMETRIC_TENSOR

FULL_TENSOR = tuple(row + column for row in "xyz" for column in "xyz")
# What a field of so many components is taken for where its file names none of them.
USUAL: dict[int, tuple[str, ...]] = {
    1: ("",), 2: ("x", "y"), 3: ("x", "y", "z"), 4: ("xx", "yy", "zz", "xy"), 6: SYMMETRIC_TENSOR, 9: FULL_TENSOR,
}  # fmt: skip
DIGITS = str.maketrans("123", "xyz")
ENDING = re.compile(r"(?:^|[^xyz]|_)([xyz]{1,2})$")


def component_order(names: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    """The places of a file's components in our order, and our names for them.

    Args:
        names: the components' names in the order of the file.

    Returns:
        Rows and names; the file's own order and names where they do not name components of one vector or tensor.
    """
    ends = [component_of(name) for name in names]
    own = list(range(len(names))), tuple(names)
    if len(set(ends)) < len(ends) or "" in ends or len({len(end) for end in ends}) > 1:
        return own
    if len(ends[0]) == 2 and not any(end[0] != end[1] and end[::-1] in ends for end in ends):
        ends = [end if end in SYMMETRIC_TENSOR else end[::-1] for end in ends]
        wanted: Sequence[str] = SYMMETRIC_TENSOR
    else:
        wanted = FULL_TENSOR if len(ends[0]) == 2 else "xyz"
    order = [ends.index(end) for end in wanted if end in ends]
    return order, tuple(ends[row] for row in order)


def component_of(name: str) -> str:
    """The axes that a component's name ends in, e.g. "xz" of "S13"; empty where it ends otherwise."""
    found = ENDING.search(name.strip().lower().translate(DIGITS))
    return found[1] if found else ""


def names_of(array: pyvista.pyvista_ndarray) -> list[str]:
    """The component names that a field's file gives; none where it names none, or not all apart."""
    held = getattr(array, "VTKObject", None)
    if held is None or not held.HasAComponentName():
        return []
    names = [held.GetComponentName(index) or "" for index in range(held.GetNumberOfComponents())]
    return names if len(set(names)) == len(names) > 1 else []


def set_names(array: pyvista.pyvista_ndarray, names: Sequence[str]) -> None:
    """Name the components of a field, as many as it has."""
    if len(names) > array.VTKObject.GetNumberOfComponents():
        raise InputError(f"{len(names)} names for {array.VTKObject.GetNumberOfComponents()} components")
    for index, name in enumerate(names):
        array.VTKObject.SetComponentName(index, name)


def data_at(grid: pyvista.DataSet, location: str) -> pyvista.DataSetAttributes:
    """The fields of a grid at its nodes ("point") or in its cells ("cell")."""
    return grid.point_data if location == "point" else grid.cell_data


def put_field(data: pyvista.DataSetAttributes, name: str, values: Array, components: Sequence[str] = ()) -> None:
    """Give a grid a field (L, n), a scalar where n is one, and name its components where there are as many names."""
    data[name] = values if values.shape[1] > 1 else values[:, 0]
    if len(components) == values.shape[1] > 1:
        set_names(data[name], components)


def in_order(grid: pyvista.DataSet) -> None:
    """Bring the components of every field of a grid into our order, by the names that its file gives them."""
    for data in (grid.point_data, grid.cell_data):
        for name in list(data.keys()):
            names = names_of(data[name])
            order, ours = component_order(names) if names else ([], ())
            if list(ours) != names:
                # A new array: the old one may be another grid's, too.
                data[name] = np.asarray(data[name]).reshape(len(data[name]), -1)[:, order]
                set_names(data[name], ours)


def aligned(values: Array, names: Sequence[str], wanted: Sequence[str], where: str) -> Array:
    """Values (L, n) whose components are `names`, in the order of the components `wanted`.

    Raises:
        InputError: the components are others; the line begins with `where`.
    """
    if tuple(names) == tuple(wanted):
        return values
    if sorted(names) != sorted(wanted):
        raise InputError(f"{where} has the components {', '.join(names)}, elsewhere {', '.join(wanted)}")
    return values[:, [list(names).index(name) for name in wanted]]
