"""Incomplete states: sensors are honoured, cut the error, and tell an unknown state value."""

import numpy as np
import pytest
import pyvista
from bodies import VALUES, block, write_states

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.commands.complete import complete, suggest_places
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.commands.provenance import read_provenance
from cmgai_fem.commands.sensors import complete_state
from cmgai_fem.commands.state_value import estimate_value
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.sensors import Sensor, observe, read_sensors
from cmgai_fem.generate import Networks, make_generator
from cmgai_fem.transport.problem import Problem

UNSEEN = 800.0


def smooth(points, value):
    """Two fields that no polynomial in the state value holds exactly, but few modes hold well."""
    s = value / 700.0
    x, y, z = np.asarray(points, dtype=float).T
    falling, bending = np.exp(-2.0 * s), 1.0 / (1.0 + s)
    columns = [falling * x, bending * y, (falling + 0.02 * np.exp(s)) * z, x * y * s**2, bending * y, x + s]
    stress = np.column_stack(columns)
    return 1e6 * stress, 20.0 + value * (1.0 - y) * np.exp(-0.2 * s * x)


def transport(states, name, points):
    """The calibrated transport of one field to some states."""
    places = states.coordinates.points(points)
    return make_generator(Problem(states.only(name)), places, {"fem": Networks().solver("fem")}, Search(), local=False)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sensors")
    files = []
    for value in VALUES:
        grid = block()
        grid["stress"], grid["temperature"] = smooth(grid.points, value)
        grid.save(folder / f"T={value:g}.vtu")
        files.append(folder / f"T={value:g}.vtu")
    states = read_states(files, field=["stress", "temperature"], coordinate="state", values_from=r"T=(\d+)")
    generators = {name: transport(states, name, [UNSEEN]) for name in states.fields}
    return states, generators, files


def telling_sensors(states, generators, value, tolerance, count=10):
    truth, _ = smooth(states.labels.points, value)
    components = states.field("stress").components
    return [
        Sensor(line, label, "stress", components[column], truth[label, column], tolerance)
        for line, (label, column) in enumerate(suggest_places(generators, "stress", count))
    ]


def test_ten_sensors_cut_the_error_of_an_extrapolated_state_three_times(study):
    states, generators, _ = study
    stress = {"stress": generators["stress"]}
    observations = observe(states, telling_sensors(states, stress, UNSEEN, 1.0))
    completion = complete(stress, UNSEEN, observations)
    truth, _ = smooth(states.labels.points, UNSEEN)
    before = np.sqrt(np.mean((generators["stress"].solution.at(UNSEEN) - truth) ** 2))
    after = np.sqrt(np.mean((completion.made["stress"] - truth) ** 2))
    assert completion.before > 1.0
    assert completion.after <= 1.0
    assert after < before / 3.0


def test_every_sensor_is_honoured_even_where_the_states_say_otherwise(study):
    states, generators, _ = study
    sensors = [
        Sensor(2, (1.1, 0.3, 0.2), "stress", "xx", 5e6, 100.0),
        Sensor(3, (0.2, 0.9, 0.4), "stress", "xx", -5e6, 100.0),
        Sensor(4, 7, "temperature", "", 1234.0, 0.5),
    ]
    observations = observe(states, sensors)
    completion = complete(generators, UNSEEN, observations)
    for item in observations:
        reading = item.of(completion.made[item.sensor.field])
        assert abs(reading - item.sensor.value) <= item.sensor.tolerance


def test_sensors_that_agree_change_nothing(study):
    states, generators, _ = study
    field = generators["stress"].solution.at(UNSEEN)
    sensors = [Sensor(line, line, "stress", "yy", field[line, 1], 1e3) for line in range(5)]
    completion = complete({"stress": generators["stress"]}, UNSEEN, observe(states, sensors))
    np.testing.assert_allclose(completion.made["stress"], field, atol=1e-3)


def test_contradicting_sensors_are_refused(study):
    states, generators, _ = study
    sensors = [Sensor(2, 5, "stress", "xx", 1e6, 10.0), Sensor(3, 5, "stress", "xx", 2e6, 10.0)]
    with pytest.raises(InputError, match="contradicts another"):
        complete({"stress": generators["stress"]}, UNSEEN, observe(states, sensors))


@pytest.mark.parametrize("value", [130.0, 470.0, 760.0])
def test_thermocouples_tell_the_state_value(study, value):
    states, _, _ = study
    search = (50.0, 900.0)
    generators = {"temperature": transport(states, "temperature", list(search))}
    _, truth = smooth(states.labels.points, value)
    sensors = [Sensor(line, line * 4, "temperature", "", truth[line * 4], 0.5) for line in range(10)]
    estimate = estimate_value(generators, generators, observe(states, sensors), search)
    assert abs(estimate.value - value) < 2.0
    assert abs(estimate.value - value) < 4.0 * estimate.deviation


def test_a_value_outside_the_search_is_refused(study):
    states, _, _ = study
    generators = {"temperature": transport(states, "temperature", [200.0, 300.0])}
    sensors = [Sensor(2, 0, "temperature", "", 5000.0, 0.5)]
    with pytest.raises(InputError, match="an end of the search"):
        estimate_value(generators, generators, observe(states, sensors), (200.0, 300.0))


def test_positions_are_read_with_shape_functions(study):
    states, _, _ = study
    points = states.labels.points
    linear = np.column_stack([points @ [1.0, 2.0, 3.0]] * 6)
    (item,) = observe(states, [Sensor(2, (0.777, 0.321, 0.123), "stress", "zz", 0.0, 1.0)])
    assert item.of(linear) == pytest.approx(0.777 + 2 * 0.321 + 3 * 0.123, rel=1e-12)
    assert item.weights.sum() == pytest.approx(1.0)


def test_generate_from_thermocouples_alone(study, tmp_path):
    """No state value is given: it is found, and the stress follows."""
    _, _, files = study
    _, truth = smooth(block().points, 325.0)
    lines = ["x, y, z, field, value, tolerance"]
    for node in (0, 5, 11, 20, 33, 44):
        x, y, z = block().points[node]
        lines.append(f"{x}, {y}, {z}, temperature, {truth[node]}, 0.5")
    (tmp_path / "thermocouples.csv").write_text("\n".join(lines))
    inputs = Inputs(tuple(files), "stress", ("state",), values_from=r"T=(\d+)")
    out = complete_state(inputs, [], tmp_path / "out.vtu", tmp_path / "thermocouples.csv", report=lambda line: None)
    facts = read_provenance(out)
    assert abs(facts["value"] - 325.0) < 2.0
    assert facts["misfit"][1] <= 1.0
    stress, _ = smooth(block().points, 325.0)
    assert np.abs(read_snapshots(out)[0].grid["stress"] - stress).max() < 0.02 * np.ptp(stress)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "empty"),
        ("node,value,tolerance\n", "holds no sensors"),
        ("node,value\n1,2\n", "'tolerance' is missing"),
        ("value,tolerance\n1,2\n", "say where the sensors are"),
        ("node,value,tolerance,colour\n1,2,3,red\n", "'colour' is unknown"),
        ("node,value,tolerance\n1,hot,3\n", "line 2: value = 'hot' is no number"),
        ("node,value,tolerance\n1,nan,3\n", "value is not finite"),
        ("node,value,tolerance\n1,2,0\n", "tolerance must be positive"),
        ("node,value,tolerance\n-1,2,1\n", "no node number"),
        ("node,value,tolerance\n1,2,1,9\n", "more entries than the header"),
        ("node,value,tolerance\n999,2,1\n", "there is no node 999"),
        ("x,y,z,value,tolerance\n9,9,9,2,1\n", "outside the body"),
        ("node,component,value,tolerance\n1,rr,2,1\n", "no component 'rr'"),
        ("node,field,value,tolerance\n1,strain,2,1\n", "no field 'strain'"),
    ],
)
def test_malformed_tables(study, tmp_path, text, match):
    states, _, _ = study
    (tmp_path / "sensors.csv").write_text(text)
    with pytest.raises(InputError, match=match):
        observe(states, read_sensors(tmp_path / "sensors.csv", "stress" if "component" in text else "temperature"))


def test_two_states_are_too_few_for_sensors(tmp_path):
    files = write_states(tmp_path, values=(100.0, 700.0))
    (tmp_path / "s.csv").write_text("node,component,value,tolerance\n1,xx,2,1\n")
    inputs = Inputs(tuple(files), "stress", ("temperature",), values_from=r"T=(\d+)")
    with pytest.raises(InputError, match="at least three known states"):
        complete_state(inputs, [250.0], tmp_path / "o.vtu", tmp_path / "s.csv", report=lambda line: None)


@pytest.mark.medium
def test_a_field_that_moves_keeps_its_labels_moving(tmp_path, capsys):
    """A pulse over a voxel mesh: exact readings find its state, and places that cannot help change nothing."""
    image = pyvista.ImageData(dimensions=(25, 25, 1), spacing=(1 / 24, 1 / 24, 1.0))
    places = np.asarray(image.points)[:, :2]

    def pulse(s):
        return np.exp(-np.sum((places - [0.3 + 0.35 * s + 0.1 * s**2, 0.35 + 0.3 * s]) ** 2, axis=1) / (2 * 0.09**2))

    known = (0.0, 0.25, 0.5, 0.75, 1.0)
    for value in known:
        grid = image.cast_to_unstructured_grid()
        grid["T"] = pulse(value)
        grid.save(tmp_path / f"run_{value:g}.vtu")
    at = np.argsort(-pulse(0.375))[::6][:10]
    rows = [f"{x},{y},0,{reading},1e-3" for (x, y), reading in zip(places[at], pulse(0.375)[at], strict=True)]
    (tmp_path / "sensors.csv").write_text("\n".join(["x,y,z,value,tolerance", *rows]))
    files = tuple(tmp_path / f"run_{value:g}.vtu" for value in known)
    inputs = Inputs(files, "T", ("s",), values=tuple((value,) for value in known))
    out = complete_state(inputs, [], tmp_path / "out.vtu", tmp_path / "sensors.csv")
    found = read_snapshots(out)[0].grid
    assert found.field_data["s"][0] == pytest.approx(0.375, abs=2e-3)
    assert np.sqrt(np.mean((found["T"] - pulse(0.375)) ** 2)) < 2e-3
    assert "moving labels" in read_provenance(out)["transport"]
    assert "label_displacement" in found.point_data
    assert "left-out states from" in capsys.readouterr().out
