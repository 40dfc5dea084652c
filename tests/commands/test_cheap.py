"""`--cheap`: a cheap model's files beside the expensive ones, and everything that may be wrong with them."""

from dataclasses import replace

import numpy as np
import pytest
import pyvista
from bodies import block
from test_command_line import run

from cmgai_fem.commands.provenance import read_provenance
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.writers import write_grid
from cmgai_fem.generate import generate
from cmgai_fem.states.states import Coordinate, Field

KNOWN, ASKED = (100.0, 250.0, 400.0, 550.0, 700.0), 625.0


def truth(points, value):
    """Linear in the place, with a kink over the state."""
    x, y, _ = np.asarray(points, dtype=float).T
    s = value / 700.0
    return np.column_stack([(1.0 + x) * np.exp(-3.0 * s), y * np.sin(6.0 * s), (x - y) * max(s - 0.8, 0.0)])


def write(folder, name, values, grid, gain=1.0, field="flux", location="point", columns=3, bend=0.0):
    for value in values:
        one = grid.copy()
        places = one.points if location == "point" else one.cell_centers().points
        data = one.point_data if location == "point" else one.cell_data
        data[field] = gain * truth(places, value)[:, :columns] + bend * np.sin(value / 100.0)
        write_grid(folder / f"{name}_T={value:g}.vtu", one, {}, value)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "fine", KNOWN, block(3))
    write(tmp_path, "coarse", (*KNOWN, ASKED), block(1), 0.8)
    return tmp_path


def command(*options, files=("fine_*.vtu",), folder=None):
    known = [str(path) for pattern in files for path in sorted(folder.glob(pattern))]
    read = ["--field", "flux", "--coordinate", "temperature", "--values-from", r"T=(\d+)"]
    out = "made_{value}.vtu" if "--at" in options else "made.vtu"
    return run("generate", *known, *read, "--at", "625", "--out", out, *options)


def test_a_coarse_mesh_with_the_right_motion_makes_it_exact(folder, capsys):
    assert command("--cheap", "coarse_*.vtu", folder=folder) == 0
    said = capsys.readouterr().out
    assert "cheap model coarse_T=100.vtu (gain 1.25, by itself" in said
    assert "used, left-out error" in said
    (made,) = read_snapshots(folder / "made.vtu")
    np.testing.assert_allclose(made.grid["flux"], truth(made.grid.points, ASKED), atol=1e-6)
    assert made.grid["flux_error_estimate"].max() < 1e-5
    facts = read_provenance(folder / "made.vtu")
    assert facts["cheap"]["models"][0]["gain"] == pytest.approx(1.25)
    assert facts["cheap"]["share"] == 1.0


def test_a_model_of_the_wrong_sign_is_refused_and_that_is_said(folder, capsys):
    write(folder, "turned", (*KNOWN, ASKED), block(1), -1.0)
    assert command("--cheap", "turned_*.vtu", folder=folder) == 0
    assert "refused, the known states follow no part of it" in capsys.readouterr().out
    assert read_provenance(folder / "made.vtu")["cheap"]["share"] == 0.0


@pytest.mark.medium
def test_a_states_file_names_cheap_models_and_resume_knows_them(folder, capsys):
    table = ['field = "flux"', 'cheap = ["coarse_*.vtu"]', "[coordinate]", 'name = "temperature"']
    table += [f'[[states]]\nfile = "fine_T={value:g}.vtu"\nvalue = {value}' for value in KNOWN]
    (folder / "states.toml").write_text("\n".join(table), encoding="utf-8")
    for _ in range(2):
        assert run("generate", "states.toml", "--at", "625", "--out", "made.vtu", "--resume") == 0
    assert "finished before, kept" in capsys.readouterr().out
    write(folder, "coarse", (*KNOWN, ASKED), block(1), 0.7)
    assert run("generate", "states.toml", "--at", "625", "--out", "made.vtu", "--resume") == 0
    assert "gain 1.43" in capsys.readouterr().out


def test_sensors_and_a_cheap_model_together(folder, capsys):
    (folder / "sensors.csv").write_text("x,y,z,component,value,tolerance\n0,0,0,x,0.07,0.001\n", encoding="utf-8")
    write(folder, "bent", (*KNOWN, ASKED), block(1), 0.8, bend=0.02)
    assert command("--cheap", "bent_*.vtu", "--sensors", "sensors.csv", folder=folder) == 0
    assert "used, left-out error" in capsys.readouterr().out
    assert read_snapshots(folder / "made.vtu")[0].grid["flux"][0, 0] == pytest.approx(0.07, abs=1e-3)


@pytest.mark.medium
def test_files_and_states_from_python_give_the_same(folder):
    fine, coarse = sorted(folder.glob("fine_*.vtu")), sorted(folder.glob("coarse_*.vtu"))
    reading = {"coordinate": "temperature", "values_from": r"T=(\d+)"}
    states = read_states(fine, field="flux", **reading)
    cheap = read_states(coarse, field="flux", **reading)
    by_files = generate(fine, ASKED, field="flux", cheap=coarse, **reading).at(ASKED)
    for given in (cheap, [cheap], [coarse]):
        assert np.array_equal(generate(states, ASKED, cheap=given).at(ASKED), by_files)


def spoil(folder, how):
    """Other cheap files than those of the fixture, as a pattern."""
    grid = block(1)
    if how == "bigger":
        grid.points[:, 0] *= 1.2
    elif how == "flat":
        grid = pyvista.Plane(i_size=2.0, j_size=1.0, center=(1.0, 0.5, 0.0)).cast_to_unstructured_grid()
    elif how == "cloud":
        grid = pyvista.UnstructuredGrid(np.zeros(0, int), np.zeros(0, int), np.random.default_rng(0).random((9, 3)))
    values = {"unknown": (*KNOWN[1:], ASKED), "unasked": KNOWN, "few": (100.0,)}.get(how, (*KNOWN, ASKED))
    options = {
        "cells": {"location": "cell"}, "field": {"field": "force"}, "columns": {"columns": 2}, "nan": {"gain": np.nan},
    }.get(how, {})  # fmt: skip
    write(folder, "other", values, grid, **options)
    if how == "twice":
        write(folder, "other_2", (100.0,), grid)
    if how == "name":
        (folder / "other_T=100.vtu").rename(folder / "other_cold.vtu")
    if how == "damaged":
        (folder / "other_T=100.vtu").write_text("<VTKFile", encoding="utf-8")
    return "other_*.vtu"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("unknown", "no state at temperature = 100, where the field is known there: solve it"),
        ("unasked", "no state at temperature = 625, where the field is asked for there: solve it"),
        ("few", "no state at temperature = 250, where the field is known there and at 4 more: solve it"),
        ("bigger", "different geometries: highest x is 2.4 in the one and 2 in the other"),
        ("flat", "different geometries"),
        ("cloud", "no cells to interpolate in"),
        ("cells", "lives at its cells, that of the known states at points"),
        ("field", "no field 'flux'; the file has: force"),
        ("columns", "has components x, y, the known has x, y, z"),
        ("nan", "not finite"),
        ("twice", "both have temperature = 100: keep one of them"),
        ("name", "other_cold.vtu"),
        ("damaged", "other_T=100.vtu"),
    ],
)
def test_bad_cheap_files_are_one_line(how, message, folder, capsys):
    assert command("--cheap", spoil(folder, how), folder=folder) == 2
    error = capsys.readouterr().err
    assert "cheap model other_" in error or how in ("bigger", "flat", "cloud")
    assert message in error
    assert error.strip().count("\n") == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cheap", "nothing_*.vtu"), "cheap model nothing_*.vtu: no such file"),
        (("--cheap", ""), "no such file"),
        (("--cheap", "coarse_*.vtu", "--save-model", "m.safetensors"), "--save-model: leave it out"),
        (("--cheap", "coarse_*.vtu", "--at", "640"), "no state at temperature = 640"),
        (("--cheap", "coarse_*.vtu", "--cheap", "fine_*.vtu"), "cheap model fine_T=100.vtu: no state at"),
    ],
)
def test_bad_options_are_one_line(options, message, folder, capsys):
    assert command(*options, folder=folder) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.strip().count("\n") == 0


def test_what_else_cannot_be(folder, capsys):
    assert command("--cheap", "coarse_*.vtu", files=("fine_T=100.vtu", "fine_T=700.vtu"), folder=folder) == 2
    assert "2 states cannot tell what a cheap model is worth: 3 are needed" in capsys.readouterr().err
    (folder / "sensors.csv").write_text("x,y,z,component,value,tolerance\n0,0,0,x,1,0.1\n", encoding="utf-8")
    arguments = ["fine_T=100.vtu", "fine_T=400.vtu", "fine_T=700.vtu", "--field", "flux", "--sensors", "sensors.csv"]
    assert run("generate", *arguments, "--cheap", "coarse_*.vtu", "--out", "made.vtu") == 2
    assert "give the state by --at" in capsys.readouterr().err
    (folder / "states.toml").write_text('field = "flux"', encoding="utf-8")
    assert run("generate", "states.toml", "--cheap", "coarse_*.vtu", "--at", "1", "--out", "made.vtu") == 2
    assert "say cheap =" in capsys.readouterr().err


def test_states_of_another_coordinate_or_unit_are_refused(folder):
    states = read_states(sorted(folder.glob("fine_*.vtu")), field="flux", coordinate="temperature", unit="K")
    cheap = read_states(sorted(folder.glob("coarse_*.vtu")), field="flux", coordinate="temperature", unit="K")
    with pytest.raises(InputError, match=r"cheap model coarse_T=100.vtu: its states are of time \[s\], the known ones"):
        generate(states, ASKED, cheap=replace(cheap, coordinates=Coordinate("time", "s")))
    other = Field(cheap.field("flux").values, "W", ("x", "y", "z"))
    with pytest.raises(InputError, match=r"is in W, the known in"):
        generate(states, ASKED, cheap=replace(cheap, fields={"flux": other}))
    with pytest.raises(InputError, match="no model was given"):
        generate(states, ASKED, cheap=[])
