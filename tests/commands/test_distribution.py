"""`generate --distribution`: specimens from files of every kind and back, from Python alike, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import pyvista
from bodies import block
from test_command_line import run

from cmgai_fem import Admissible, generate_distribution
from cmgai_fem.commands.provenance import read_provenance
from cmgai_fem.errors import InputError
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.writers import write_grid

STATES, EACH = (70, 85, 100, 115), 5
STRENGTHS = np.random.default_rng(0).normal(size=(len(STATES), EACH))
COMPONENTS = {1: (), 3: (), 6: ()}
NAMED = ("--field", "stress", "--coordinate", "pull", "--unit", "MPa", "--values-from", r"pull_(\d+)_")


def field(places: np.ndarray, state: float, strength: float, components: int = 1) -> np.ndarray:
    """Linear in the state and in the strength of the specimen."""
    x = np.asarray(places, dtype=float)[:, :1]
    return (state / 10.0 + (1.0 + x) * (10.0 + strength)) * np.arange(1.0, components + 1.0)


def write(folder: Path, ending: str = ".vtu", components: int = 1, location: str = "point", grid=None) -> list[Path]:
    paths = []
    for state, strengths in zip(STATES, STRENGTHS, strict=True):
        for number, strength in enumerate(strengths):
            one = (block() if grid is None else grid).copy()
            places = one.points if location == "point" else one.cell_centers().points
            data = one.point_data if location == "point" else one.cell_data
            made = field(places, state, strength, components)
            data["stress"] = made[:, 0] if components == 1 else made
            data["other"] = np.full(len(places), strength)
            paths.append(folder / f"pull_{state}_{number}{ending}")
            write_grid(paths[-1], one, {}, 0.0)
    return paths


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    return tmp_path


def command(*options: object, files: str = "pull_*.vtu", named: tuple[str, ...] = NAMED) -> int:
    known = [str(path) for path in sorted(Path().glob(files))]
    at = () if "--at" in options else ("--at", "92.5")
    out = () if "--out" in options else ("--out", "made.vtu")
    return run("generate", *known, "--distribution", *named, *at, *out, *map(str, options))


def line() -> pyvista.UnstructuredGrid:
    cells = np.column_stack([np.full(6, 2), np.arange(6), np.arange(1, 7)])
    points = np.zeros((7, 3))
    points[:, 0] = np.linspace(0.0, 1.0, 7)
    return pyvista.UnstructuredGrid(cells, np.full(6, 3), points)


def sheet() -> pyvista.UnstructuredGrid:
    return pyvista.ImageData(dimensions=(5, 4, 1), spacing=(0.25, 0.25, 1.0)).cast_to_unstructured_grid()


@pytest.mark.parametrize(
    ("ending", "components", "location", "grid"),
    [
        (".vtu", 6, "point", None), (".vtk", 3, "cell", None), (".xdmf", 1, "point", None), (".exo", 1, "point", None),
        (".vtu", 1, "cell", sheet()), (".npz", 3, "point", sheet()), (".msh", 6, "point", None),
        (".vtu", 1, "point", line()),
    ],
)  # fmt: skip
def test_files_of_every_kind(tmp_path, monkeypatch, capsys, ending, components, location, grid) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, ending, components, location, grid)
    assert command("--samples", 2, files=f"pull_*{ending}", named=(*NAMED, "--lower", "5")) == 0
    said = capsys.readouterr().out
    assert "20 specimens at pull [MPa] = 70 (5), 85 (5), 100 (5), 115 (5)" in said
    assert "CM-GAI" in said and "taken" in said and "nearest state" in said
    (made,) = read_snapshots(tmp_path / "made.vtu")
    data = made.grid.point_data if location == "point" else made.grid.cell_data
    places = made.grid.points if location == "point" else made.grid.cell_centers().points
    low, middle, high = (np.reshape(data[f"stress_{name}"], (len(places), -1)) for name in ("p05", "p50", "p95"))
    assert middle.shape[1] == components and np.all(low <= middle) and np.all(middle <= high)
    exact = field(places, 92.5, np.median(STRENGTHS), components)
    assert np.abs(middle - exact).max() < 1.5 * 2.0 * components
    assert {f"stress_sample_{row}" for row in (1, 2)} < set(data.keys())
    assert not {"stress", "other"} & set(data.keys())


@pytest.mark.medium
def test_the_command_and_python_give_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "specimens.toml").write_text(
        'field = "stress"\nlower = 10\nupper = 60\n[coordinate]\nname = "pull"\nunit = "MPa"\n'
        + "".join(f'[[states]]\nvalue = {state}\nfiles = ["pull_{state}_*.vtu"]\n' for state in STATES)
    )
    options = ("--at", "92.5", "--at", "120", "--out", "law_{value}.vtu", "--samples", "3", "--exceeds", "38",
               "--exceeds", "-1e3", "--seed", "4", "--json")  # fmt: skip
    assert run("generate", "specimens.toml", "--distribution", *options) == 0
    told = json.loads(capsys.readouterr().out)
    assert told[0]["trust"] == "with care" and told[0]["coordinate"] == "pull"
    files = [path for state in STATES for path in sorted(folder.glob(f"pull_{state}_*.vtu"))]
    made = generate_distribution(
        files, [92.5, 120.0], field="stress", coordinate="pull", unit="MPa", values_from=r"pull_(\d+)_",
        bounds=Admissible(lower=10.0, upper=60.0), seed=4,
    )  # fmt: skip
    for value in (92.5, 120.0):
        (found,) = read_snapshots(folder / f"law_{value:g}.vtu")
        data = found.grid.point_data
        for name, level in (("p05", 0.05), ("p50", 0.5), ("p95", 0.95)):
            np.testing.assert_allclose(data[f"stress_{name}"], made.at(value, level)[:, 0])
        drawn = np.array([data[f"stress_sample_{row}"] for row in (1, 2, 3)])
        np.testing.assert_allclose(drawn, made.samples(value, 3)[..., 0])
        assert 10.0 <= drawn.min() < drawn.max() <= 60.0
        there, anywhere = made.exceeds(value, 38.0)
        np.testing.assert_allclose(data["stress_above_38"], there)
        assert read_provenance(folder / f"law_{value:g}.vtu")["exceeded_anywhere"]["stress_above_38"] == anywhere
        assert np.all(np.asarray(data["stress_above_-1000"]) == 1.0)
        assert made.trust(value).word == read_provenance(folder / f"law_{value:g}.vtu")["trust"]


def test_what_every_specimen_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """The mean of xx is told: specimens differ by less there than elsewhere, and a law must not miss it."""
    monkeypatch.chdir(tmp_path)
    for path in write(tmp_path):
        grid = read_snapshots(path)[0].grid
        stress, part = np.asarray(grid["stress"]), (grid.points[:, 0] < 1e-9).astype(float)
        # On the left side all specimens of a pull are alike.
        state = float(path.stem.split("_")[1])
        grid["stress"] = np.where(part == 1.0, 0.5 * state, stress)
        grid["side"] = part
        write_grid(path, grid, {}, 0.0)
    holds = "mean@side=1:stress = 0.5*pull".replace(":stress", "")
    assert command("--holds", holds, "--samples", "3", "--ablate", "constraint") == 0
    assert f"pull = 92.5 MPa: {holds}: missed by" in capsys.readouterr().out
    facts = read_provenance(tmp_path / "made.vtu")
    (held,), (whole, without) = facts["held"], facts["ablation"]
    assert (without["part"], without["choice"]) == ("constraint", "nothing is held")
    assert 0.0 < whole["left_out"] < without["left_out"]
    assert held["text"] == holds and held["after"] < 1e-9
    data = read_snapshots(tmp_path / "made.vtu")[0].grid.point_data
    left = np.asarray(data["side"]) == 1.0
    for row in (1, 2, 3):
        np.testing.assert_allclose(np.asarray(data[f"stress_sample_{row}"])[left].mean(), 46.25, rtol=1e-9)
    assert command("--holds", "mean@side=1 = 0.4*pull", "--force") == 2
    assert "misses it by" in capsys.readouterr().err
    assert command("--holds", "mean@side=1 = high", "--force") == 2
    assert "write a measure and its value" in capsys.readouterr().err


def test_one_specimen_that_was_measured_in_part(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its strength is told by one sensor, and with it the field everywhere."""
    places = read_snapshots(folder / "pull_70_0.vtu")[0].grid.points
    truth = field(places, 92.5, 0.8)[:, 0]
    (folder / "read.csv").write_text(f"node,value,tolerance\n7,{truth[7]},0.01\n")
    assert command("--sensors", "read.csv", "--page", "made.html") == 0
    assert "taken: the fields are those of the specimen that was measured" in capsys.readouterr().out
    data = read_snapshots(folder / "made.vtu")[0].grid.point_data
    low, middle, high = (np.asarray(data[f"stress_{name}"]) for name in ("p05", "p50", "p95"))
    # Five specimens a state do not show how thin their law is: without the sensor it is off by 1 to 3, its band 3 to 8.
    np.testing.assert_allclose(middle, truth, atol=0.2)
    assert np.all((high - low < 1.0) & (low <= truth) & (truth <= high))
    told = read_provenance(folder / "made.vtu")
    assert told["corrected"] and told["left_out_specimens"][1] < 0.1 * told["left_out_specimens"][0]


def test_a_tensor_exceeds_by_a_quantity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, components=6)
    assert command("--exceeds", "von_mises:300", "--exceeds", "xy:90") == 0
    data = read_snapshots(tmp_path / "made.vtu")[0].grid.point_data
    assert np.all(np.asarray(data["stress_von_mises_p05"]) <= data["stress_von_mises_p95"])
    (xy,) = [index for index, name in enumerate(("xx", "yy", "zz", "xy", "yz", "xz")) if name == "xy"]
    np.testing.assert_allclose(data["stress_xy_p50"], data["stress_p50"][:, xy])
    assert 0.0 < np.mean(data["stress_xy_above_90"]) < 1.0


def test_arrays_and_what_python_refuses() -> None:
    places = np.linspace(0.0, 1.0, 11)[:, None]
    arrays = [field(places, s, one)[:, 0] for s, each in zip(STATES, STRENGTHS, strict=True) for one in each]
    values = np.repeat(STATES, EACH)
    made = generate_distribution(arrays, 92.5, values=values, method="normal per state")
    assert made.of(92.5).chosen == "normal per state" and made.at(92.5).shape == (11, 1)
    for wrong, message in (
        (lambda: made.at(93.0), "no such state was asked for; there are: 92.5"),
        (lambda: made.at(92.5, 1.0), "level 1: give a probability between 0 and 1"),
        (lambda: made.at(92.5, 0.5, "von_mises"), "has 6 components"),
        (lambda: made.samples(92.5, 0), "0 samples"),
        (lambda: made.exceeds(92.5, np.nan), "not a finite number"),
        (lambda: generate_distribution(arrays, 92.5, values=values, method="best"), "method 'best' is unknown"),
        (lambda: generate_distribution(arrays, np.nan, values=values), "finite number"),
        (lambda: generate_distribution(arrays, 92.5, values=values, bounds=Admissible(monotone=True)), "monotone"),
        (lambda: generate_distribution(arrays, [[1, 2]], values=values), "one finite number"),
        (lambda: generate_distribution(arrays, 9.0, coordinate=["a", "b"], values=values), "not several"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--at", "cold"), "'cold' is no number"),
        (("--at", "nan"), "not a finite number"),
        (("--at", "1:2"), "the states have one coordinate"),
        (("--at", "80", "--at", "90"), "put {value} into the name"),
        (("--out", "made.stl"), "formats that are written"),
        (("--out", "nowhere/made.vtu"), "no such folder"),
        (("--out", "pull_70_0.vtu"), "which is an input"),
        (("--exceeds", "hot"), "--exceeds hot: write --exceeds 350e6"),
        (("--exceeds", "inf"), "write --exceeds 350e6"),
        (("--exceeds", "von_mises:300"), "--exceeds von_mises:300: a von Mises stress has 6 components"),
        (("--exceeds", "zz:300"), "no component 'zz'; there are: none, the field is a scalar"),
        (("--samples", "-1"), "--samples: a number of 0 or more"),
        (("--samples", "many"), "--samples"),
        (("--samples", "100000000"), "too many of 45 labels for one file"),
        (("--seed", "-1"), "--seed: a number of 0 or more"),
        (("--lower", "22"), "below its bound 22"),
        (("--holds", "mean"), 'holds "mean": write a measure and its value'),
        (("--holds", "max = 3"), "a mean or a value at a place of a component"),
        (("--holds", "mean = 2*force"), "the state is pull, not force"),
        (("--upper", "20"), "above its bound 20"),
        (("--lower", "2", "--upper", "1"), "must lie below the largest"),
        (("--monotone",), "--monotone: leave it out; specimens"),
        (("--ordered",), "--ordered: leave it out"),
        (("--mass", "x"), "--mass: leave it out"),
        (("--cheap", "pull_*.vtu"), "--cheap: leave it out"),
        (("--method", "pinn"), "--method: leave it out"),
        (("--sensors", "none.csv"), "none.csv"),
        (("--sensors", "pull_70_0.vtu", "--at", "92.5", "--at", "100", "--out", "m_{value}.vtu"), "one specimen"),
        (("--rivals",), "--rivals: leave it out"),
        (("--resume",), "--resume: leave it out"),
        (("--save-model", "m.vtu"), "m.vtu: a model file must end in .safetensors"),
        (("--clouds",), "--clouds: leave it out"),
        (
            ("--coordinate", "force", "--unit", "N", "--at", "92.5:1"),
            "along one state coordinate, not over pull, force",
        ),
        (("--volumes", "size"), "no field 'size'"),
        (("--values", "1,2"), "give --values or --values-from, not both"),
    ],
)
def test_bad_options_are_one_line(options, message, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*options) == 2
    error = capsys.readouterr().err
    assert message in error and error.strip().count("\n") == 0
    assert not (folder / "made.vtu").exists()


def spoil(folder: Path, how: str) -> None:
    """One thing is wrong with the files."""
    path = folder / "pull_100_2.vtu"
    grid = read_snapshots(path)[0].grid
    if how == "lonely":
        for number in range(1, EACH):
            (folder / f"pull_85_{number}.vtu").unlink()
    if how == "few states":
        for number in range(EACH):
            (folder / f"pull_85_{number}.vtu").unlink()
            (folder / f"pull_70_{number}.vtu").unlink()
    if how == "nan":
        grid["stress"][3] = np.nan
        grid.save(path)
    if how == "vector":
        grid["stress"] = np.ones((grid.n_points, 3))
        grid.save(path)
    if how == "damaged":
        path.write_text("<VTKFile", encoding="utf-8")
    if how == "unnamed":
        path.rename(folder / "pull_warm_2.vtu")
    if how == "alike":
        for one in folder.glob("pull_*.vtu"):
            grid.save(one)
    if how == "cells":
        other = block()
        other.cell_data["stress"] = np.ones(other.n_cells)
        other.save(path)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("lonely", "pull = 85 MPa: one specimen; a distribution needs 3 or more at every known state"),
        ("few states", "needs 3 known states or more, there are 2: pull = 100 MPa (5 specimens)"),
        ("nan", "have no number in some state: mend the files"),
        ("vector", "has 3 components, in pull_100_0.vtu it has 1"),
        ("damaged", "pull_100_2.vtu"),
        ("unnamed", "pull_warm_2.vtu: --values-from"),
        ("alike", "all specimens have the same field"),
        ("cells", "lives at the cells, before at the nodes"),
    ],
)
def test_bad_files_are_one_line(how, message, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(folder, how)
    assert command() == 2
    error = capsys.readouterr().err
    assert message in error and error.strip().count("\n") == 0


def test_what_a_specimen_is_not(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    twice = ("generate", "pull_70_0.vtu", *map(str, sorted(Path().glob("pull_*.vtu"))), "--distribution", *NAMED)
    assert run(*twice, "--at", "92.5", "--out", "made.vtu") == 2
    assert "pull_70_0.vtu is named twice: a specimen counts once" in capsys.readouterr().err
    steps = "".join(f'<DataSet timestep="{state}" file="pull_{state}_0.vtu"/>' for state in STATES)
    (folder / "all.pvd").write_text(f'<VTKFile type="Collection"><Collection>{steps}</Collection></VTKFile>')
    assert run("generate", "all.pvd", "--distribution", "--field", "stress", "--at", "92.5", "--out", "made.vtu") == 2
    assert "all.pvd: holds several states; a specimen is seen at one" in capsys.readouterr().err
    assert run("generate", *twice[2 : -2 - len(NAMED)], *NAMED, "--at", "92.5", "--out", "made.vtu") == 2
    assert "or --distribution, if they are specimens" in capsys.readouterr().err
    assert command(named=("--field", "strain", *NAMED[2:])) == 2
    assert "no field 'strain'; the file has: other, stress" in capsys.readouterr().err
    assert command(named=NAMED[2:]) == 2
    assert "say which field to generate" in capsys.readouterr().err
    for option in (("--samples", "3"), ("--exceeds", "3")):
        assert run("generate", "pull_70_0.vtu", "--field", "stress", "--at", "1", "--out", "made.vtu", *option) == 2
        assert f"{option[0]}: leave it out; it belongs to --distribution" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("head", "state", "message"),
    [
        ("", 'file = "a.vtu"\nfiles = ["b.vtu"]\nvalue = 1', "give file, or files of several specimens"),
        ("", "value = 1", "give file, or files of several specimens"),
        ("", 'files = ["strip_*.vtu"]\nvalue = 1', "specimens strip_*.vtu: no such file"),
        ("monotone = true", 'files = ["pull_70_*.vtu"]\nvalue = 70', "monotone: leave it out"),
        ("calibration = {moving = false}", 'files = ["pull_70_*.vtu"]\nvalue = 70', "calibration: leave it out"),
        ("lower = 2\nupper = 1", 'files = ["pull_70_*.vtu"]\nvalue = 70', "must lie below the largest"),
        ("", 'files = ["pull_70_*.vtu", "pull_70_0.vtu"]\nvalue = 70', "pull_70_0.vtu is named twice"),
        ("", 'files = ["pull_70_*.vtu"]\nvalue = 70', "there are 1: pull = 70 (5 specimens)"),
    ],
)
def test_bad_tables_are_one_line(head, state, message, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f'field = "stress"\n{head}\ncoordinate = {{name = "pull"}}\n[[states]]\n{state}\n'
    (folder / "specimens.toml").write_text(text)
    assert run("generate", "specimens.toml", "--distribution", "--at", "92.5", "--out", "made.vtu") == 2
    error = capsys.readouterr().err
    assert message in error and error.strip().count("\n") == 0


def test_what_each_part_is_worth_is_told(folder: Path, capsys) -> None:
    parts = [word for part in ("order", "superposition", "modes", "constraint") for word in ("--ablate", part)]
    assert command(*parts, "--page", "p.html", "--at", "92.5") == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    rows = {(row["part"], row["choice"]): row for row in read_provenance(folder / "made.vtu")["ablation"]}
    facts = read_provenance(folder / "made.vtu")
    whole = rows["calibrated", "everything"]
    assert whole["left_out"] == pytest.approx(facts["left_out_W2"]["CM-GAI"] / facts["left_out_scatter"])
    # The grains alone have been judged beside.
    for grain in ("row by row", "1 bundle"):
        alone = rows["superposition", f"{grain} alone"]
        assert alone["left_out"] == pytest.approx(facts["left_out_W2"][grain] / facts["left_out_scatter"])
    assert rows["superposition", "3 bundles alone"]["note"] == "the clouds that stay make no such law"
    assert {choice for part, choice in rows if part == "order"} == {"least(-1)", "least(0)"}
    # State and strength have a mode each.
    assert rows["modes", "all of them"]["left_out"] == pytest.approx(whole["left_out"], rel=1e-6)
    assert rows["modes", "the first alone"]["left_out"] > whole["left_out"]
    assert not [part for part, _ in rows if part == "constraint"]
    assert "stress, between: one part changed at a time (W2 in % of the scatter; * as calibrated)" in said
    assert "equal weights" in said and "One part of the method changed" in (folder / "p.html").read_text()
    assert command("--ablate", "fits") == 2
    assert "--ablate fits: no part of the method of laws of specimens; there are: order" in capsys.readouterr().err
