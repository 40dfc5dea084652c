"""Fields for ParaView: one .vtu a state, reference, generated fields and pointwise errors side by side, and a .pvd."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyvista

from cmgai_fem.errors import InputError
from cmgai_fem.files.components import data_at, put_field
from cmgai_fem.states.labels import VTK_CELLS, Array, Labels, in_space
from cmgai_fem.states.states import Field, States
from cmgai_fem.writing import whole_file


def unstructured_grid(labels: Labels) -> pyvista.UnstructuredGrid:
    """The label mesh as a VTK grid in 3-D; bare points become vertices. Coordinates in metres."""
    points = in_space(labels.points)
    cells = labels.cells or {"vertex": np.arange(len(points))[:, None]}
    return pyvista.UnstructuredGrid({VTK_CELLS[kind]: np.asarray(block) for kind, block in cells.items()}, points)


def write_paraview(folder: Path, name: str, generated: Mapping[str, States], reference: States | None = None) -> Path:
    """Write one .vtu for every state that any set holds, and the .pvd collection that orders them.

    Arrays are called `<field>_<method>` and, where the reference holds the state and the field, `<field>_reference`
    and `<field>_<method>_error` (generated minus reference, in the field's unit).

    Args:
        folder: where the files go; made if it is not there.
        name: stem of the files, e.g. "thermal-stress".
        generated: generated states by method; all on the same labels.
        reference: reference states on the same labels, or None.

    Returns:
        The .pvd file: its time is the state coordinate, in the coordinate's unit, or the number of the state where
            there are several coordinates.

    Raises:
        InputError: there is nothing to write, or the sets have different labels.
    """
    sets = dict(generated) if reference is None else {"reference": reference, **generated}
    if not sets:
        raise InputError("nothing to export: neither a reference nor a generated set was given")
    first = next(iter(sets.values()))
    for method, states in sets.items():
        if states.labels.count != first.labels.count or not np.array_equal(states.labels.points, first.labels.points):
            raise InputError(f"the {method} states live on other labels than the rest: export them by themselves")
    folder.mkdir(parents=True, exist_ok=True)
    values = np.unique(np.concatenate([states.values for states in sets.values()]), axis=0)
    files = []
    for index, value in enumerate(values):
        grid = unstructured_grid(first.labels)
        data = data_at(grid, first.labels.location)
        for array_name, (field, array) in _arrays(sets, value).items():
            put_field(data, array_name, array, field.components)
        path = folder / f"{name}_{index:03d}.vtu"
        with whole_file(path) as temporary:
            grid.save(temporary)
        files.append((float(value[0]) if len(value) == 1 else float(index), path.name))
    return _write_collection(folder / f"{name}.pvd", files)


def _arrays(sets: Mapping[str, States], value: Array) -> dict[str, tuple[Field, Array]]:
    """The (L, n) arrays of one state by name, errors included."""
    arrays: dict[str, tuple[Field, Array]] = {}
    for method, states in sets.items():
        rows = np.flatnonzero(np.all(states.values == value, axis=1))
        for field_name, field in states.fields.items():
            if not len(rows):
                continue
            arrays[f"{field_name}_{method}"] = (field, field.values[rows[0]])
            truth = arrays.get(f"{field_name}_reference")
            if method != "reference" and truth is not None:
                arrays[f"{field_name}_{method}_error"] = (field, field.values[rows[0]] - truth[1])
    return arrays


def _write_collection(path: Path, files: list[tuple[float, str]]) -> Path:
    root = ElementTree.Element("VTKFile", type="Collection", version="0.1", byte_order="LittleEndian")
    collection = ElementTree.SubElement(root, "Collection")
    for value, file in files:
        ElementTree.SubElement(collection, "DataSet", timestep=repr(value), group="", part="0", file=file)
    ElementTree.indent(root)
    with whole_file(path) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding="utf-8", xml_declaration=True)
    return path
