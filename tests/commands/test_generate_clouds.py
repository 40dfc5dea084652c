"""`generate --clouds` (`--samples` as before): clouds from files of every kind and back, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import pyvista

from cmgai_fem.cli import main
from cmgai_fem.files.cloud_files import read_clouds

TIMES = (0.0, 1.0, 2.0, 3.0)


def cloud(time: float) -> np.ndarray:
    """Twelve points that fly apart."""
    grid = np.stack(np.meshgrid(np.arange(4.0), np.arange(3.0)), axis=-1).reshape(-1, 2)
    return np.asarray(grid * (1.0 + 0.2 * time) + time)


def written(folder: Path, ending: str) -> list[Path]:
    paths = [folder / f"cloud_{time:g}{ending}" for time in TIMES]
    for time, path in zip(TIMES, paths, strict=True):
        if ending == ".npz":
            np.savez(path, samples=cloud(time), time=time)
        elif ending == ".vtp":
            data = pyvista.PolyData(np.pad(cloud(time), ((0, 0), (0, 1))))
            data.field_data["time"] = [time]
            data.save(path)
        else:
            np.savetxt(path, cloud(time), delimiter=",", header="a,b", comments="")
    return paths


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as end:
        main(["generate", *map(str, arguments)])
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.mark.parametrize("ending", [".npz", ".vtp", ".csv"])
def test_clouds_go_in_and_out(tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    paths, out = written(tmp_path, ending), tmp_path / f"made{ending}"
    named = ("--values-from", "cloud_([0-9.]+)[.]") if ending == ".csv" else ()
    assert run(*paths, "--clouds", "--coordinate", "time", "--at", 1.5, "--out", out, *named) == 0
    assert "distances W1, W2 to clouds left out, between the known ones" in capsys.readouterr().out
    (made,) = read_clouds([out], "time").clouds
    np.testing.assert_allclose(np.sort(made, axis=0), np.sort(cloud(1.5), axis=0), atol=1e-6)


def test_one_table_of_all_states(tmp_path: Path) -> None:
    table, out = tmp_path / "all.csv", tmp_path / "made_{value}.csv"
    rows = np.concatenate([np.column_stack([np.full(12, time), cloud(time)]) for time in TIMES])
    np.savetxt(table, rows, delimiter=",", header="time,a,b", comments="")
    assert run(table, "--samples", "--coordinate", "time", "--at", 0.5, "--at", 3.5, "--out", out) == 0
    made = read_clouds([tmp_path / "made_3.5.csv"], "time")
    assert made.columns == ("a", "b")
    np.testing.assert_allclose(np.sort(made.clouds[0], axis=0), np.sort(cloud(3.5), axis=0), atol=1e-6)
    assert (tmp_path / "made_0.5.provenance.json").is_file()


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths, out = written(tmp_path, ".csv"), tmp_path / "made.csv"
    assert run(*paths, "--samples", "--at", 1.5, "--out", out) == 2
    assert "does not say its state" in capsys.readouterr().err
    assert run(*paths, "--samples", "--at", 1.5, "--out", out, "--field", "u") == 2
    assert "--field: leave it out" in capsys.readouterr().err
    assert run(*paths, "--samples", "--at", 1.5, "--out", tmp_path / "made.vtu", "--values", "0,1,2,3") == 2
    assert "are written as" in capsys.readouterr().err
    (tmp_path / "bad.csv").write_text("a,b\n1,x\n")
    assert run(tmp_path / "bad.csv", *paths, "--samples", "--at", 1.5, "--out", out) == 2
    assert "is no number" in capsys.readouterr().err
