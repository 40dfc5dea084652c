"""Malformed inputs: one clear line each, never a crash, a half-read file or a wrong answer."""

import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import pyvista
from bodies import block, stress_at, write_state

from cmgai_fem.commands.compare import compare
from cmgai_fem.commands.generate import generate
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.commands.states_file import load_states_file
from cmgai_fem.errors import InputError
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.writers import write_grid


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Two good snapshots in every format, made once."""
    folder = tmp_path_factory.mktemp("good")
    for suffix in (".vtu", ".vtk", ".vtkhdf", ".xdmf", ".exo", ".msh", ".npz"):
        for value in (100.0, 700.0):
            write_state(folder / f"T={value:g}{suffix}", value)
    return folder


def read(path):
    return read_snapshots(path)


def run(paths, at=250.0, field="stress", out="out.vtu", **options):
    inputs = Inputs(tuple(paths), field, ("temperature",), **{"values_from": r"T=(-?[\d.eE+]+?)\.vtu", **options})
    return generate(inputs, [at], paths[0].parent / out, report=lambda line: None)


def states(folder, change=lambda grid, value: grid, values=(100.0, 700.0)):
    """Snapshots of the block, each changed."""
    paths = []
    for value in values:
        grid = block()
        grid["stress"] = stress_at(grid.points, value)
        grid = change(grid, value)
        grid.save(folder / f"T={value:g}.vtu")
        paths.append(folder / f"T={value:g}.vtu")
    return paths


def text_vtu(
    folder, points="0 0 0 1 0 0 0 1 0", cells="0 1 2", offsets="3", types="5", field="1 2 3", head="", n=3, width=3
):
    """One triangle as a .vtu in plain text."""
    path = folder / "T=1.vtu"
    path.write_text(
        f'<?xml version="1.0"?>{head}<VTKFile type="UnstructuredGrid" version="0.1"><UnstructuredGrid>'
        f'<Piece NumberOfPoints="{n}" NumberOfCells="1"><PointData><DataArray type="Float64" Name="stress" '
        f'format="ascii">{field}</DataArray></PointData><Points><DataArray type="Float64" NumberOfComponents="{width}" '
        f'format="ascii">{points}</DataArray></Points><Cells><DataArray type="Int64" Name="connectivity" '
        f'format="ascii">{cells}</DataArray><DataArray type="Int64" Name="offsets" format="ascii">{offsets}</DataArray>'
        f'<DataArray type="UInt8" Name="types" format="ascii">{types}</DataArray></Cells></Piece></UnstructuredGrid>'
        "</VTKFile>"
    )
    return path


def cut(source, folder, share):
    """The first part of a file."""
    path = folder / source.name
    content = source.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path


FORMATS = (".vtu", ".vtk", ".vtkhdf", ".exo", ".msh", ".npz")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
@pytest.mark.parametrize("suffix", FORMATS)
def test_truncated(good, tmp_path, suffix, share):
    with pytest.raises(InputError, match=r"T=100"):
        read(cut(good / f"T=100{suffix}", tmp_path, share))


def test_truncated_heavy_data_of_xdmf(good, tmp_path):
    cut(good / "T=100.h5", tmp_path, 0.5)
    (tmp_path / "T=100.xdmf").write_bytes((good / "T=100.xdmf").read_bytes())
    with pytest.raises(InputError, match="damaged"):
        read(tmp_path / "T=100.xdmf")


@pytest.mark.parametrize("suffix", [*FORMATS, ".xdmf", ".pvd", ".vtp", ".inp", ".frd"])
def test_rubbish_and_empty_files(tmp_path, suffix):
    path = tmp_path / f"T=1{suffix}"
    path.write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        read(path)
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(InputError, match=r"T=1"):
        read(path)


ENTITY = '<!DOCTYPE x [<!ENTITY a "b">]>'
BOMB = '<!DOCTYPE x [<!ENTITY a "bbbbbbbbbb"><!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"head": ENTITY}, "document type"),
        ({"head": BOMB, "field": "&c; 2 3"}, "document type"),
        ({"head": '<!DOCTYPE x SYSTEM "file:///etc/passwd">'}, "document type"),
        ({"head": '<xi:include href="other.xml"/>'}, "includes another file"),
        ({"n": 10**15}, "GiB"),
        ({"n": 10**29}, "GiB"),
        ({"n": "+1000000000000"}, "is no count"),
        ({"n": "&#49;000000000000"}, "GiB"),
        ({"offsets": "3 1000000000000000"}, "offsets holds 2 numbers, 1 are declared"),
        ({"width": 2_000_000_000}, "Points holds 9 numbers"),
        ({"head": "<VTKFile>" * 200_000}, "more than 100 deep"),
        ({"cells": "0 1 7"}, "names node 7"),
        ({"cells": "0 1 -1"}, "node -1"),
        ({"offsets": "2"}, "triangle cell has 2 nodes|damaged"),
        ({"types": "10"}, "tetra cell has 3 nodes"),
        ({"points": "0 0 0 1 0 0 nan 1 0"}, "finite coordinates|damaged"),
        ({"points": "0 0 0 1 0 0"}, "damaged|no nodes"),
        ({"field": "1 2"}, "damaged|2 values for 3"),
        ({"field": "a b c"}, "damaged|values for 3"),
    ],
)
def test_vtu_that_lies(tmp_path, change, match):
    with pytest.raises(InputError, match=match):
        read(text_vtu(tmp_path, **change))


def test_xml_in_utf16(tmp_path):
    path = text_vtu(tmp_path)
    path.write_bytes(path.read_text().encode("utf-16"))
    with pytest.raises(InputError, match="UTF-16"):
        read(path)


@pytest.mark.parametrize("reference", ["../secret.vtu", "/etc/passwd", "C:\\\\secret.vtu", "http://host/a.vtu"])
def test_collection_that_reaches_outside(tmp_path, reference):
    (tmp_path / "a.pvd").write_text(
        f'<VTKFile><Collection><DataSet timestep="1" file="{reference}"/></Collection></VTKFile>'
    )
    with pytest.raises(InputError, match="outside its own folder"):
        read(tmp_path / "a.pvd")


def test_collection_through_a_symbolic_link(good, tmp_path):
    (tmp_path / "a.vtu").symlink_to(good / "T=100.vtu")
    (tmp_path / "a.pvd").write_text('<VTKFile><Collection><DataSet timestep="1" file="a.vtu"/></Collection></VTKFile>')
    with pytest.raises(InputError, match="leads outside"):
        read(tmp_path / "a.pvd")


def test_collection_with_a_missing_part(tmp_path):
    (tmp_path / "a.pvd").write_text('<VTKFile><Collection><DataSet timestep="1" file="b.vtu"/></Collection></VTKFile>')
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "a.pvd")


def test_xdmf_that_reaches_outside(good, tmp_path):
    text = (good / "T=100.xdmf").read_text()
    (tmp_path / "a.xdmf").write_text(text.replace("T=100.h5:", "../T=100.h5:"))
    with pytest.raises(InputError, match="outside its own folder"):
        read(tmp_path / "a.xdmf")


def test_hdf5_with_an_external_link(tmp_path):
    with h5py.File(tmp_path / "a.vtkhdf", "w") as file:
        file["VTKHDF"] = h5py.ExternalLink("/etc/other.h5", "/")
    with pytest.raises(InputError, match="links to another file"):
        read(tmp_path / "a.vtkhdf")


def test_hdf5_with_external_storage(tmp_path):
    with h5py.File(tmp_path / "a.vtkhdf", "w") as file:
        file.create_dataset("a", (4,), "f8", external=[(str(tmp_path / "raw"), 0, 32)])
    with pytest.raises(InputError, match="stored in another file"):
        read(tmp_path / "a.vtkhdf")


def test_hdf5_that_declares_too_much(tmp_path):
    with h5py.File(tmp_path / "a.vtkhdf", "w") as file:
        file.create_dataset("a", (10**13,), "f8", chunks=(1024,))
    with pytest.raises(InputError, match="GiB"):
        read(tmp_path / "a.vtkhdf")


def test_npz_with_python_objects(tmp_path):
    np.savez(tmp_path / "a.npz", points=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="Python objects"):
        read(tmp_path / "a.npz")


def test_npz_that_declares_too_much(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 3), }"
    header += b" " * (118 - len(header)) + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("points.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(InputError, match="GiB"):
        read(tmp_path / "a.npz")


def test_npz_without_points(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(InputError, match="'points'"):
        read(tmp_path / "a.npz")


def test_legacy_vtk_that_declares_too_much(tmp_path):
    (tmp_path / "a.vtk").write_text(
        "# vtk DataFile Version 3.0\nx\nASCII\nDATASET UNSTRUCTURED_GRID\nPOINTS 999999999999 float\n0 0 0\n"
    )
    with pytest.raises(InputError, match="not all there"):
        read(tmp_path / "a.vtk")


def test_unknown_ending_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match="formats that are read"):
        read(tmp_path / "a.odb")
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "a.vtu")
    (tmp_path / "b.vtu").mkdir()
    with pytest.raises(InputError, match="not a file"):
        read(tmp_path / "b.vtu")


def test_wrong_field_name_lists_the_right_ones(good, tmp_path):
    with pytest.raises(InputError, match="no field 'strain'; the file has: material, stress, temperature"):
        run([good / "T=100.vtu", good / "T=700.vtu"], field="strain")


def test_field_that_moves_from_nodes_to_cells(tmp_path):
    paths = states(tmp_path, lambda grid, value: grid if value == 100.0 else grid.point_data_to_cell_data())
    with pytest.raises(InputError, match="lives at the cells, before at the nodes"):
        run(paths)


def test_components_that_change(tmp_path):
    def drop(grid, value):
        if value == 700.0:
            grid["stress"] = grid["stress"][:, :3]
        return grid

    with pytest.raises(InputError, match=r"3 components, in T=100\.vtu it has 6"):
        run(states(tmp_path, drop))


def test_field_of_text(tmp_path):
    for value in (1, 2):
        np.savez(tmp_path / f"T={value}.npz", **{"points": np.eye(3), "point_data/stress": np.array(["a", "b", "c"])})
    with pytest.raises(InputError, match="not numbers"):
        run([tmp_path / "T=1.npz", tmp_path / "T=2.npz"], values=((1.0,), (2.0,)), values_from=None)


def test_one_snapshot(tmp_path):
    with pytest.raises(InputError, match="at least two states"):
        run(states(tmp_path, values=(100.0,)))


def test_duplicate_values(good):
    with pytest.raises(InputError, match="both have temperature = 5: keep one"):
        run([good / "T=100.vtu", good / "T=700.vtu"], values=((5.0,), (5.0,)), values_from=None)


def test_wrong_number_of_values(good):
    with pytest.raises(InputError, match="3 values of temperature for 2 snapshots"):
        run([good / "T=100.vtu", good / "T=700.vtu"], values=((1.0,), (2.0,), (3.0,)), values_from=None)


def test_value_that_is_not_finite(good):
    with pytest.raises(InputError, match="no finite number"):
        run([good / "T=100.vtu", good / "T=700.vtu"], values=((1.0,), (float("nan"),)), values_from=None)


def test_target_that_is_not_finite(good):
    with pytest.raises(InputError, match="not a finite number"):
        run([good / "T=100.vtu", good / "T=700.vtu"], at=float("inf"))


@pytest.mark.parametrize(
    ("pattern", "match"),
    [("T=(", "not a regular expression"), ("T=", "one group"), (r"P=(\d+)", "does not match"), ("(T)=", "no number")],
)
def test_pattern_that_finds_no_value(good, pattern, match):
    with pytest.raises(InputError, match=match):
        run([good / "T=100.vtu", good / "T=700.vtu"], values_from=pattern)


def test_file_without_a_value_of_its_own(tmp_path):
    block().save(tmp_path / "a.vtu")
    grid = block()
    grid["stress"] = stress_at(grid.points, 1.0)
    grid.save(tmp_path / "a.vtu")
    with pytest.raises(InputError, match="neither a time nor data called 'temperature'"):
        run([tmp_path / "a.vtu"], values_from=None)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path, number):
    def spoil(grid, value):
        if value == 700.0:
            grid["stress"][5, 2] = number
        return grid

    with pytest.raises(InputError, match="not finite at temperature = 700, label 5, component zz"):
        run(states(tmp_path, spoil))


def test_cell_without_volume(tmp_path):
    def flatten(grid, value):
        grid = pyvista.UnstructuredGrid({10: np.array([[0, 1, 2, 3], [0, 1, 2, 2]])}, np.eye(4)[:, :3])
        grid["stress"] = np.full(4, value)
        return grid

    with pytest.raises(InputError, match="cell 1 has no volume"):
        run(states(tmp_path, flatten))


def test_different_geometries(tmp_path):
    def stretch(grid, value):
        if value == 700.0:
            grid = block(3, (2.0, 1.0, 0.7))
            grid["stress"] = stress_at(grid.points, value)
        return grid

    with pytest.raises(InputError, match=r"different geometries: highest z is 0\.5"):
        run(states(tmp_path, stretch))


def test_different_volumes_within_one_box(tmp_path):
    def carve(grid, value):
        if value == 700.0:
            grid = block(3).extract_cells(np.arange(1, block(3).n_cells - 1))
            grid["stress"] = stress_at(grid.points, value)
        return grid

    with pytest.raises(InputError, match="different geometries: volumes"):
        run(states(tmp_path, carve))


def test_different_clouds_of_points(tmp_path):
    def scatter(grid, value):
        cloud = pyvista.PolyData(np.random.default_rng(int(value)).random((5, 3))).cast_to_unstructured_grid()
        cloud["stress"] = np.arange(5.0)
        return cloud

    with pytest.raises(InputError, match="no cells to interpolate in"):
        run(states(tmp_path, scatter))


@pytest.mark.parametrize(
    ("out", "match"),
    [
        ("out.frd", "formats that are written"),
        ("missing/out.vtu", "no such folder"),
        ("out", "formats that are written"),
        ("out.vtp", "write .vtu"),
    ],
)
def test_output_that_cannot_be_written(tmp_path, out, match):
    with pytest.raises(InputError, match=match):
        run(states(tmp_path), out=out)
    assert not list(tmp_path.glob(".*"))


def test_several_states_into_one_file(good, tmp_path):
    inputs = Inputs((good / "T=100.vtu", good / "T=700.vtu"), "stress", ("temperature",), values_from=r"T=(\d+)")
    with pytest.raises(InputError, match=r"put \{value\} into the name"):
        generate(inputs, [1.0, 2.0], tmp_path / "o.vtu")
    with pytest.raises(InputError, match="say at which state"):
        generate(inputs, [], tmp_path / "o.vtu")


def test_disk_that_is_full(good, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match=r"o\.vtu: No space left on device; nothing was written"):
        write_grid(tmp_path / "o.vtu", block(), {})
    assert not list(tmp_path.iterdir())


def test_interrupt_leaves_nothing(good, tmp_path, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_grid(tmp_path / "o.vtu", block(), {})
    assert not list(tmp_path.iterdir())


KILLED = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from bodies import write_state
def wait(stream):
    print("written", flush=True)
    time.sleep(60)
os.fsync = wait
write_state(Path(sys.argv[2]), 100.0)
"""


def test_kill_leaves_no_result(tmp_path):
    """Killed when all is written but the name: there is no file, and the next run writes it."""
    out = tmp_path / "o.vtu"
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "written\n"
        process.kill()
    assert not out.exists()
    write_state(out, 100.0)
    assert len(read(out)) == 1


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("field = ", "not a TOML file"),
        ('field = "a"\nstates = []', "coordinate"),
        ('field = "a"\nstates = []\n[coordinate]\nname = "T"', "names no states"),
        ('field = "a"\nfoo = 1\nstates = []\n[coordinate]\nname = "T"', "foo: unknown key"),
        ('field = "a"\n[coordinate]\nname = "T"\n[[states]]\nfile = "a.vtu"\nvalue = "hot"', "valid number"),
    ],
)
def test_states_file_that_is_wrong(tmp_path, text, match):
    (tmp_path / "states.toml").write_text(text)
    with pytest.raises(InputError, match=match):
        load_states_file(tmp_path / "states.toml")


def test_compare_that_makes_no_sense(good, tmp_path):
    grid = block()
    grid["stress"] = np.ones(grid.n_points)
    grid.save(tmp_path / "flat.vtu")
    with pytest.raises(InputError, match=r"1 components, in T=100\.vtu it has 6"):
        compare(tmp_path / "flat.vtu", good / "T=100.vtu", "stress")
    with pytest.raises(InputError, match="constant"):
        compare(tmp_path / "flat.vtu", tmp_path / "flat.vtu", "stress")


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_huge_and_tiny_magnitudes(tmp_path, scale):
    def magnify(grid, value):
        grid["stress"] = scale * stress_at(grid.points, value)
        return grid

    (out,) = run(states(tmp_path, magnify))
    grid = read(out)[0].grid
    expected = 0.75 * stress_at(grid.points, 100.0) + 0.25 * stress_at(grid.points, 700.0)
    np.testing.assert_allclose(grid["stress"] / scale, expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-9, 1e6])
def test_bodies_of_any_size(tmp_path, scale):
    def resize(grid, value):
        stress = grid["stress"].copy()
        grid.points = scale * np.asarray(grid.points, dtype=float)
        grid["stress"] = stress
        return grid

    (out,) = run(states(tmp_path, resize))
    expected = 0.75 * stress_at(block().points, 100.0) + 0.25 * stress_at(block().points, 700.0)
    np.testing.assert_allclose(read(out)[0].grid["stress"], expected, atol=1e-6)


def test_nodes_that_belong_to_no_cell(tmp_path):
    def add(grid, value):
        points = np.vstack([grid.points, [[9.0, 9.0, 9.0]]])
        loose = pyvista.UnstructuredGrid(grid.cells, grid.celltypes, points)
        loose["stress"] = stress_at(points, value)
        return loose

    (out,) = run(states(tmp_path, add))
    grid = read(out)[0].grid
    expected = 0.75 * stress_at(grid.points, 100.0) + 0.25 * stress_at(grid.points, 700.0)
    np.testing.assert_allclose(grid["stress"], expected, atol=1e-5)


def test_states_that_are_all_the_same(tmp_path):
    def freeze(grid, value):
        grid["stress"] = stress_at(grid.points, 100.0)
        return grid

    (out,) = run(states(tmp_path, freeze))
    np.testing.assert_allclose(read(out)[0].grid["stress"], stress_at(block().points, 100.0), rtol=1e-12, atol=1e-6)


def test_unicode_and_spaces_in_paths(tmp_path):
    folder = tmp_path / "Träger mit Loch — été 梁"
    folder.mkdir()
    (out,) = run(states(folder), out="Ergebnis für {value} °C.vtu")
    assert out.name == "Ergebnis für 250 °C.vtu"
    assert len(read(out)) == 1


def test_names_that_a_terminal_would_obey(tmp_path):
    path = tmp_path / "a\x1b[2J.vtu"
    with pytest.raises(InputError) as refusal:
        read(path)
    assert "\x1b" not in str(refusal.value)


def test_provenance_that_is_damaged_is_no_provenance(good, tmp_path):
    grid = block()
    grid["stress"] = stress_at(grid.points, 1.0)
    grid.field_data["cmgai_fem_provenance"] = ["{broken"]
    grid.save(tmp_path / "out.vtu")
    from cmgai_fem.commands.provenance import read_provenance

    assert read_provenance(tmp_path / "out.vtu") == {}
    assert json.loads("{}") == read_provenance(tmp_path / "absent.vtu")


def test_groups_that_hold_each_other(tmp_path):
    for name in ("a.vtkhdf", "a.exo"):
        with h5py.File(tmp_path / name, "w") as file:
            file.create_group("one/two")
            file["one/two/again"] = file["one"]
        with pytest.raises(InputError, match="is linked twice"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("*INCLUDE, INPUT=../b.inp", "outside its own folder"),
        ("*Include,input=/etc/passwd", "outside its own folder"),
        ("*INCLUDE,INPUT=absent.inp", "is no file beside it"),
        ("*INCLUDE,INPUT=a.inp", "which includes it"),
    ],
)
def test_included_decks_stay_in_the_folder(tmp_path, text, match):
    folder = tmp_path / "job"
    folder.mkdir()
    (tmp_path / "b.inp").write_text("*NODE\n1, 0., 0., 0.\n")
    (folder / "a.inp").write_text(f"*NODE\n1, 0., 0., 0.\n{text}\n")
    with pytest.raises(InputError, match=match):
        read(folder / "a.inp")
