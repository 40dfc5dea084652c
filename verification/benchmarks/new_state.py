"""A new state from a loaded model beside its reference solve."""

import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyvista
from timing import REPEATS, Row, alternate, figure

from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.model import Model, load_model, save_model
from cmgai_fem.generate import generate
from cmgai_fem.mechanics.reference import load_model as load_reference
from cmgai_fem.mechanics.reference import solve_reference
from cmgai_fem.states.labels import VTK_CELLS
from cmgai_fem.states.states import States
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.file import find_study, read_study, validated

TITLE = "A new state from a loaded model"
NOTE = """The five known states of a study are solved, generated from and kept as a model file; the file is loaded and
asked for states between. Seconds of the three studies are processor seconds of one core, since a load on the machine
cuts into milliseconds as it likes; the reference solve is what four states take besides one. Asked at least: 1,000
times faster; 100,000 values in 10 ms."""
# Study, field, its size here, and the same by --quick.
STUDIES = (
    ("thermal-stress", "stress", (), ("mesh.size=0.016",)),
    ("thermal-stress-plastic", "stress", ("mesh.size=0.01",), None),
    (
        "dynamic-plasticity",
        "equivalent_plastic_strain",
        ("mesh.numbers.radial_cells=6.0", "mesh.numbers.axial_cells=60.0"),
        None,
    ),
)


def kept(states: States, field: str, folder: Path) -> Model:
    """The states as grids, generated from, saved and loaded."""
    labels = states.labels
    points = np.zeros((len(labels.points), 3))
    points[:, : labels.points.shape[1]] = labels.points
    grids = []
    for values in states.field(field).values:
        grid = pyvista.UnstructuredGrid({VTK_CELLS[kind]: cells for kind, cells in labels.cells.items()}, points)
        (grid.point_data if labels.location == "point" else grid.cell_data)[field] = values
        grids.append(grid)
    known = read_states(grids, field=field, values=states.values[:, 0], coordinate="state")
    middle = float(states.values[:2, 0].mean())
    path = folder / "model.safetensors"
    save_model(path, generate(known, middle).generators[0])
    return load_model(path)


def children() -> float:
    """Processor seconds of the processes that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def study_row(name: str, field: str, overrides: tuple[str, ...], repeats: int) -> Row:
    """One study."""
    path = find_study(name)
    study = validated(FieldStudy, path, read_study(path, overrides))
    values = sorted(point[0] for point in study.states.known)
    reference = load_reference(study.kind, study.parameters(study.states.known[0]), path.parent)
    with tempfile.TemporaryDirectory() as folder:
        first = children()
        solve_reference(reference, study.axes.each[0], values[2:3], 1, Path(folder), lambda _: None)
        second = children()
        states, _ = solve_reference(reference, study.axes.each[0], values, 1, Path(folder), lambda _: None)
        # What four states take besides one: neither the start of the process nor the mesh.
        solve = ((children() - second) - (second - first)) / (len(values) - 1)
        model = kept(states, field, Path(folder))
    asked = np.linspace(values[0], values[-1], 4 * repeats + 2)[1:-1]
    model.at(asked[0] + 1e-6)
    own = []
    for place in asked:
        start = time.process_time()
        model.at(place)
        own.append(time.process_time() - start)
    shape = states.field(field).values.shape
    return {
        "study": name,
        "values of the field": f"{shape[1] * shape[2]:,}",
        "reference solve [s]": float(solve),
        "loaded model [ms]": figure([1e3 * one for one in own]),
        "times faster": figure([solve / one for one in own]),
    }


def many_values(count: int, repeats: int) -> list[Row]:
    """A model of a scalar at points, asked for one state after another."""
    x = np.linspace(0.0, 1.0, count)
    states = np.linspace(0.0, 1.0, 5)
    points = np.column_stack([x, 0.0 * x, 0.0 * x])
    fields = [np.sin(3.0 * x + s) * (1.0 + s**2) for s in states]
    known = read_states(fields, field="u", values=states, coordinate="s", points=points)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_model(path, generate(known, 0.4).generators[0])
        model = load_model(path)
    places = iter(np.linspace(0.01, 0.99, 1000))
    times = alternate(
        {"field": lambda: model.at(next(places)), "field and error": partial(both, model, places)}, 4 * repeats
    )
    return [
        {"asked for": f"{name}, {count:,} values", "ms": figure([1e3 * one for one in times[name]])} for name in times
    ]


def both(model: Model, places: object) -> None:
    """A field and its error estimate."""
    place = next(places)
    model.at(place)
    model.error(place)


def tables(quick: bool) -> dict[str, list[Row]]:
    """The comparison."""
    repeats = 1 if quick else REPEATS
    rows = [
        study_row(name, field, small if quick else own, repeats)
        for name, field, own, small in STUDIES
        if not quick or small is not None
    ]
    return {
        "Three studies": rows,
        "Values from a loaded model": many_values(1_000 if quick else 100_000, repeats),
    }
