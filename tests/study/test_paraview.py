from xml.etree import ElementTree

import numpy as np
import pytest
import pyvista

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import labels_on_mesh, labels_on_points
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Coordinate, Field, States
from cmgai_fem.study.paraview import write_paraview

MESHES = {
    "line": (np.array([[0.0], [0.5], [1.0]]), {"line": np.array([[0, 1], [1, 2]])}),
    "triangle": (np.array([[0.0, 0.0], [1, 0], [0, 1], [1, 1]]), {"triangle": np.array([[0, 1, 2], [1, 3, 2]])}),
    "tetra": (np.vstack([np.zeros(3), np.eye(3)]), {"tetra": np.array([[0, 1, 2, 3]])}),
}  # fmt: skip


def states_on(labels, values, offset=0.0):
    rng = np.random.default_rng(0)
    count = labels.count
    temperature = np.asarray(values)[:, None, None] * np.ones((len(values), count, 1)) + offset
    stress = np.broadcast_to(rng.normal(size=(1, count, 6)), (len(values), count, 6)) + offset
    fields = {"temperature": Field(temperature, "degC", ("",)), "stress": Field(stress, "Pa", SYMMETRIC_TENSOR)}
    return States.of(labels, Coordinate("temperature", "degC"), np.asarray(values, dtype=float), fields)


@pytest.mark.parametrize("location", ["point", "cell"])
@pytest.mark.parametrize("kind", MESHES)
def test_every_state_is_written_with_its_error(tmp_path, kind, location):
    labels = labels_on_mesh(*MESHES[kind], location)
    reference = states_on(labels, [100.0, 175.0, 250.0])
    collection = write_paraview(tmp_path, "beam", {"fem": states_on(labels, [175.0], offset=2.0)}, reference)
    entries = ElementTree.parse(collection).getroot().findall("./Collection/DataSet")
    assert [float(entry.get("timestep")) for entry in entries] == [100.0, 175.0, 250.0]
    grid = pyvista.read(tmp_path / entries[1].get("file"))
    data = grid.point_data if location == "point" else grid.cell_data
    np.testing.assert_allclose(data["temperature_fem"], 177.0)
    np.testing.assert_allclose(data["temperature_fem_error"], 2.0)
    np.testing.assert_allclose(data["stress_fem"] - data["stress_reference"], 2.0)
    assert data["stress_fem"].VTKObject.GetComponentName(3) == "xy"
    known = pyvista.read(tmp_path / entries[0].get("file"))
    assert not [name for name in known.array_names if "fem" in name]
    assert not list(tmp_path.glob(".*"))
    assert np.allclose(grid.points[:, : labels.points.shape[1]], labels.points)


def test_collection_opens_as_a_whole(tmp_path):
    labels = labels_on_mesh(*MESHES["triangle"])
    collection = write_paraview(tmp_path / "new", "plate", {"fem": states_on(labels, [1.0, 2.0])})
    reader = pyvista.get_reader(collection)
    assert reader.time_values == [1.0, 2.0]
    reader.set_active_time_value(2.0)
    np.testing.assert_allclose(reader.read()[0]["temperature_fem"], 2.0)


def test_bare_points(tmp_path):
    labels = labels_on_points(np.random.default_rng(1).normal(size=(5, 2)))
    write_paraview(tmp_path, "cloud", {"pinn": states_on(labels, [3.0])})
    assert pyvista.read(tmp_path / "cloud_000.vtu").n_cells == 5


def test_other_labels_are_refused(tmp_path):
    one, other = labels_on_mesh(*MESHES["triangle"]), labels_on_mesh(*MESHES["tetra"])
    with pytest.raises(InputError, match="fem states live on other labels"):
        write_paraview(tmp_path, "x", {"fem": states_on(one, [1.0])}, states_on(other, [1.0]))
    with pytest.raises(InputError, match="nothing to export"):
        write_paraview(tmp_path, "x", {})
