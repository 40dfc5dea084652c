"""Generating from files along one coordinate: the exact polynomial comes back, whatever the format, place or mesh."""

import numpy as np
import pytest
import pyvista
from bodies import VALUES, block, stress_at, write_state, write_states

from cmgai_fem.calibration.estimate import coverage
from cmgai_fem.commands.compare import compare
from cmgai_fem.commands.generate import generate
from cmgai_fem.commands.info import describe, tabulate
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.commands.provenance import read_provenance
from cmgai_fem.commands.states_file import load_states_file
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.writers import WITHOUT_TEXT, WRITERS, write_grid
from cmgai_fem.generate import generate as generate_fields
from cmgai_fem.solve import solve
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem

PATTERN = r"T=(\d+)"


def inputs_of(files, **options):
    return Inputs(tuple(files), "stress", ("temperature",), ("degC",), values_from=PATTERN, **options)


SUFFIXES = [suffix for suffix in WRITERS if suffix != ".vtp"]


@pytest.mark.parametrize("number", range(len(SUFFIXES)))
def test_generate_in_every_format(tmp_path, number):
    """Two states: a straight line between them. Nodes and cells take turns through the formats."""
    suffix, location = SUFFIXES[number], ("point", "cell")[number % 2]
    files = write_states(tmp_path, suffix, values=(100.0, 700.0), location=location)
    (out,) = generate(inputs_of(files), [250.0], tmp_path / f"out{suffix}", report=lambda line: None)
    (made,) = read_snapshots(out)
    data = made.grid.point_data if location == "point" else made.grid.cell_data
    places = made.grid.points if location == "point" else made.grid.cell_centers().points
    expected = 0.75 * stress_at(places, 100.0) + 0.25 * stress_at(places, 700.0)
    np.testing.assert_allclose(data["stress"], expected, atol=1e-6)
    assert np.array_equal(made.grid.cell_data["material"], np.arange(made.grid.n_cells))
    # What changes from state to state is kept under the state it belongs to, never as if it were the generated one's.
    assert "temperature" not in made.grid.point_data
    if suffix not in WITHOUT_TEXT:
        state = [made.grid.field_data[name][0] for name in ("temperature", "temperature_unit")]
        assert state == [250.0, "degC"]
    assert np.all(made.grid.point_data["temperature_at_100"] == 100.0)
    facts = read_provenance(out)
    assert facts["value"] == 250.0
    assert [known["value"] for known in facts["known"]] == [100.0, 700.0]
    assert not any("/" in known["file"] for known in facts["known"])


def test_error_estimate_is_written_beside_the_field(tmp_path):
    files = write_states(tmp_path)
    (out,) = generate(inputs_of(files), [325.0], tmp_path / "out.vtu", report=lambda line: None)
    grid = read_snapshots(out)[0].grid
    error = np.abs(grid["stress"] - stress_at(grid.points, 325.0))
    # A cubic through five states: one order more than two left-out errors can tell.
    assert error.max() < 1e-6 * np.ptp(grid["stress"])
    assert grid["stress_error_estimate"].shape == (grid.n_points, 6)
    assert np.all(error <= 3.0 * grid["stress_error_estimate"] + 1e-6)
    facts = read_provenance(out)
    assert facts["trust"] == "trusted"
    assert facts["trust_reason"].startswith("between the known states, error estimate")
    assert grid.field_data["trust"][0] == f"trusted: {facts['trust_reason']}"


def test_surface_of_polygons(tmp_path):
    sphere = pyvista.Sphere(theta_resolution=8, phi_resolution=8)
    files = []
    for value in VALUES:
        surface = sphere.copy()
        surface.clear_data()
        surface["stress"] = stress_at(surface.points, value)
        surface.save(tmp_path / f"T={value:g}.vtp")
        files.append(tmp_path / f"T={value:g}.vtp")
    (out,) = generate(inputs_of(files), [325.0], tmp_path / "out.vtp", report=lambda line: None)
    made = read_snapshots(out)[0].grid
    assert isinstance(made, pyvista.PolyData)
    error = np.abs(made["stress"] - stress_at(made.points, 325.0))
    assert error.max() < 2e-3 * np.ptp(made["stress"])
    assert np.all(error <= 3.0 * made["stress_error_estimate"] + 1e-6)


def test_python_in_five_lines(tmp_path):
    files = write_states(tmp_path)
    states = read_states(files, field="stress", coordinate="temperature", values_from=PATTERN)
    solution = solve(Problem(states, force=Least(3)), method="fem")
    stress = solution.at(325)
    np.testing.assert_allclose(stress, stress_at(states.labels.points, 325.0), atol=1e-6)
    assert np.array_equal(states.grid(stress=stress)["stress"], stress)


def test_state_values_by_every_way(tmp_path):
    files = write_states(tmp_path)
    by_name = read_states(files, field="stress", values_from=PATTERN)
    by_list = read_states(files[::-1], field="stress", values=VALUES[::-1])
    by_time = read_states(files, field="stress")
    for states in (by_list, by_time):
        assert np.array_equal(states.values, by_name.values)
        assert np.array_equal(states.field("stress").values, by_name.field("stress").values)
    assert by_name.field("stress").components == ("xx", "yy", "zz", "xy", "yz", "xz")


def test_collection_holds_all_states(tmp_path):
    files = write_states(tmp_path)
    lines = [
        f'<DataSet timestep="{value}" part="0" file="{file.name}"/>' for value, file in zip(VALUES, files, strict=True)
    ]
    text = f'<VTKFile type="Collection"><Collection>{"".join(lines)}</Collection></VTKFile>'
    (tmp_path / "all.pvd").write_text(text)
    states = read_states(tmp_path / "all.pvd", field="stress")
    assert list(states.scalars) == list(VALUES)


def test_states_file(tmp_path):
    files = write_states(tmp_path)
    lines = ['field = "stress"', "[coordinate]", 'name = "temperature"', 'unit = "degC"']
    for value, file in zip(VALUES, files, strict=True):
        lines += ["[[states]]", f'file = "{file.name}"', f"value = {value}"]
    (tmp_path / "states.toml").write_text("\n".join(lines))
    (out,) = generate(load_states_file(tmp_path / "states.toml"), [325.0], tmp_path / "o.vtu", report=lambda line: None)
    truth = stress_at(block().points, 325.0)
    np.testing.assert_allclose(read_snapshots(out)[0].grid["stress"], truth, atol=1e-6 * np.ptp(truth))


def test_compare(tmp_path):
    one, other = write_state(tmp_path / "a.vtu", 325.0), write_state(tmp_path / "b.vtu", 325.0)
    assert compare(one, other, "stress").error.nrmse == 0.0
    other = write_state(tmp_path / "b.vtu", 400.0)
    difference = stress_at(block().points, 325.0) - stress_at(block().points, 400.0)
    assert compare(one, other, "stress").error.max_error == pytest.approx(
        np.abs(difference).max() / np.ptp(stress_at(block().points, 400.0))
    )


@pytest.mark.parametrize("location", ["point", "cell"])
def test_snapshots_on_different_meshes(tmp_path, location):
    """Trilinear shape functions carry fields that are linear in place exactly; the cells' come through the nodes."""
    files = []
    for number, value in enumerate(VALUES):
        grid = block(2 + number)
        places = grid.points if location == "point" else grid.cell_centers().points
        data = grid.point_data if location == "point" else grid.cell_data
        data["stress"] = stress_at(places, value)[:, [0, 1, 2, 0, 4, 5]]
        grid.save(tmp_path / f"T={value:g}.vtu")
        files.append(tmp_path / f"T={value:g}.vtu")
    lines = []
    (out,) = generate(inputs_of(files), [325.0], tmp_path / "out.vtu", report=lines.append)
    made = read_snapshots(out)[0].grid
    assert made.n_cells == block(6).n_cells
    places = made.points if location == "point" else made.cell_centers().points
    data = made.point_data if location == "point" else made.cell_data
    error = np.abs(data["stress"] - stress_at(places, 325.0)[:, [0, 1, 2, 0, 4, 5]]).max()
    assert error < (1.0 if location == "point" else 0.2e6)
    assert sum("interpolation, there and back" in line for line in lines) == 4
    assert len(read_provenance(out)["mapped"]) == 4


def test_error_estimate_covers_a_held_out_state(tmp_path):
    """A field that no polynomial holds: the truth lies within two deviations almost everywhere."""
    grid = block(3)
    x = np.asarray(grid.points)[:, [0]]
    files = []
    for value in VALUES:
        grid["stress"] = np.exp(x * value / 500.0)
        grid.save(tmp_path / f"T={value:g}.vtu")
        files.append(tmp_path / f"T={value:g}.vtu")
    states = read_states(files, field="stress", values_from=PATTERN)
    made = generate_fields(states, 325.0)
    error = made.at(325.0) - np.exp(x * 325.0 / 500.0)
    assert coverage(error, 2.0 * made.error(325.0), states.labels.weights) > 0.95
    assert np.abs(error).max() > 0.0


def test_two_states_make_a_straight_line(tmp_path):
    files = write_states(tmp_path, values=(100.0, 700.0))
    (out,) = generate(inputs_of(files), [250.0], tmp_path / "out.vtu", report=lambda line: None)
    grid = read_snapshots(out)[0].grid
    expected = 0.75 * stress_at(grid.points, 100.0) + 0.25 * stress_at(grid.points, 700.0)
    np.testing.assert_allclose(grid["stress"], expected, atol=1e-6)
    assert "stress_error_estimate" not in grid.point_data


def test_resume_keeps_what_is_finished(tmp_path):
    files = write_states(tmp_path, values=(100.0, 700.0))
    out = tmp_path / "out_{value}.vtu"
    first, second = generate(inputs_of(files), [175.0, 325.0], out, report=lambda line: None)
    before = first.stat().st_mtime_ns
    second.unlink()
    lines = []
    generate(inputs_of(files), [175.0, 325.0], out, resume=True, report=lines.append)
    assert first.stat().st_mtime_ns == before
    assert second.is_file()
    assert any("kept" in line for line in lines)
    write_state(files[0], 110.0)
    generate(inputs_of(files), [175.0, 325.0], out, resume=True, report=lambda line: None)
    assert first.stat().st_mtime_ns > before


def test_what_each_part_is_worth_is_told_on_terminal_page_and_in_the_file(tmp_path):
    files, lines, page = write_states(tmp_path), [], tmp_path / "p.html"
    asked = {"ablate": ["order"], "page": page, "report": lines.append}
    (out,) = generate(inputs_of(files), [325.0], tmp_path / "out.vtu", **asked)
    rows = read_provenance(out)["ablation"]
    assert [row["choice"] for row in rows[1:]] == [f"least({order})" for order in range(-1, 4)]
    assert sum(row["chosen"] for row in rows[1:]) == 1
    # Four states less one carry no cubic; straight pieces are no better.
    assert rows[-1]["left_out"] is None and rows[1]["left_out"] > rows[3]["left_out"] > 0.0
    start = lines.index("stress, between: one part changed at a time (NRMSE in %; * as calibrated)")
    assert lines[start + 2].startswith("  calibrated")
    assert "One part of the theory changed" in page.read_text()


@pytest.mark.medium
def test_left_out_errors_stand_beside_those_of_the_rivals(tmp_path, monkeypatch):
    monkeypatch.setattr("cmgai_fem.commands.generate.rivals_for", lambda values: ["linear", "polynomial", "pod_gpr"])
    files, lines = write_states(tmp_path), []
    (out,) = generate(inputs_of(files), [325.0], tmp_path / "out.vtu", report=lines.append)
    start = lines.index("left-out errors between the known states, % of the known range:")
    names, errors = zip(*(line.strip().rsplit("  ", 1) for line in lines[start + 1 : start + 4]), strict=True)
    assert [name.strip() for name in names] == ["Interpolating polynomial", "transport", "Linear"]
    # The states are a polynomial of third degree.
    assert errors[0].strip() == "< 10⁻⁹"
    assert 1e-10 < float(errors[1]) < 1.0 < float(errors[2])
    assert any("use the interpolating polynomial" in line for line in lines[:start])
    assert "POD-GPR" in lines[start + 4] and "--rivals" in lines[start + 4]
    assert "stress_by_linear" not in read_snapshots(out)[0].grid.point_data
    (out,) = generate(inputs_of(files), [325.0], tmp_path / "out.vtu", rivals=True, report=lines.append)
    grid = read_snapshots(out)[0].grid
    straight = 0.5 * (stress_at(grid.points, 250.0) + stress_at(grid.points, 400.0))
    np.testing.assert_allclose(grid["stress_by_linear"], straight, atol=1e-6)
    assert "stress_by_pod_gpr" in grid.point_data
    assert any(line.split()[:1] == ["POD-GPR"] for line in lines)


@pytest.mark.medium
def test_bounds_hold_for_the_rivals_too(tmp_path):
    files = []
    for value in VALUES:
        grid = block()
        grid["strain"] = np.maximum(0.0, np.asarray(grid.points)[:, 0] * value / 400.0 - 1.0)
        grid.save(tmp_path / f"T={value:g}.vtu")
        files.append(tmp_path / f"T={value:g}.vtu")
    inputs = Inputs(tuple(files), "strain", ("temperature",), values_from=PATTERN, lower=0.0, monotone=("temperature",))
    (out,) = generate(inputs, [325.0], tmp_path / "out.vtu", rivals=True, report=lambda line: None)
    grid = read_snapshots(out)[0].grid
    arrays = [name for name in grid.point_data if name.startswith("strain_by_")]
    assert len(arrays) > 7
    below, above = read_snapshots(files[1])[0].grid["strain"], read_snapshots(files[2])[0].grid["strain"]
    for name in ["strain", *arrays]:
        assert np.all(grid[name] >= below) and np.all(grid[name] <= above)


def test_info_shows_names_as_plain_text(tmp_path):
    grid = block(1)
    grid.point_data["[red]evil[/red]\x1b[2J"] = np.ones(grid.n_points)
    write_grid(tmp_path / "a.npz", grid, {})
    table = tabulate(describe(tmp_path / "a.npz"))
    from rich.console import Console

    console = Console(width=120)
    with console.capture() as capture:
        console.print(table)
    assert "[red]evil[/red]\\x1b[2J" in capture.get()


def test_a_series_is_compared_at_a_time_and_listed_in_one_table(tmp_path):
    files = write_states(tmp_path)
    rows = [f'<DataSet timestep="{v}" part="0" file="{file.name}"/>' for v, file in zip(VALUES, files, strict=True)]
    (tmp_path / "all.pvd").write_text(f"<VTKFile><Collection>{''.join(rows)}</Collection></VTKFile>")
    assert compare(files[2], tmp_path / "all.pvd", "stress", VALUES[2]).error.nrmse == 0.0
    for at, match in ((None, "say which to compare: --at TIME"), (5.0, "0 states have this time; there are: 100, 250")):
        with pytest.raises(InputError, match=match):
            compare(files[2], tmp_path / "all.pvd", "stress", at)
    table = tabulate(describe(tmp_path / "all.pvd"))
    assert "5 states, time 100 to 700" in str(table.caption)
    (least,) = [
        cell
        for name, cell in zip(table.columns[0].cells, table.columns[3].cells, strict=True)
        if str(name) == "temperature"
    ]
    assert str(least) == "100"


def test_undershoot_at_the_nodes_is_raised_to_the_bound(tmp_path):
    files = []
    for value in VALUES:
        grid = block()
        grid["peeq"] = np.asarray(grid.points)[:, 0] * value - 1.0
        grid.save(tmp_path / f"T={value:g}.vtu")
        files.append(tmp_path / f"T={value:g}.vtu")
    lines = []
    inputs = Inputs(tuple(files), "peeq", ("temperature",), values_from=PATTERN, lower=0.0)
    (out,) = generate(inputs, [325.0], tmp_path / "out.vtu", report=lines.append)
    assert read_snapshots(out)[0].grid["peeq"].min() >= 0.0
    assert any("lie below --lower 0, by up to 1 (0.071 % of the range): raised to it" in line for line in lines)
