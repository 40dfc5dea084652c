"""Options as people mistype them: one line and exit code 2, or a file without NaN; never a traceback."""

import warnings

import numpy as np
import pytest
from bodies import write_states

from cmgai_fem.cli import main
from cmgai_fem.files.readers import read_snapshots

VALUES = [
    "",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "325",
    "325:3",
    "100,250",
    "x",
    "%",
    "\x1b[2J",
    "a" * 300,
    "..",
    "°",
    "(",
    "[[",
]
OPTIONS = [
    "--at", "--values", "--values-from", "--coordinate", "--unit", "--field", "--lower", "--mass", "--stiffness",
    "--damping", "--pseudo-time", "--volumes", "--method", "--seed", "--device", "--sensors", "--model", "--save-model",
    "--out", "--monotone-in", "--cheap", "--rivals", "--resume", "--force", "--where-known", "--ordered", "--samples",
    "--json", "--nonsense", "--upper", "--clouds", "--distribution", "--exceeds",
]  # fmt: skip


def run(arguments, capsys):
    with pytest.raises(SystemExit) as ended, warnings.catch_warnings():
        main(arguments)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err + captured.out
    return ended.value.code, captured.err


def test_mistyped_options(tmp_path, capsys, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    files = [str(path) for path in write_states(tmp_path, values=(100.0, 400.0, 700.0))]
    good = [
        "--values-from",
        r"T=(\d+)",
        "--coordinate",
        "temperature",
        "--field",
        "stress",
        "--at",
        "250",
        "--no-moving",
    ]
    random = np.random.default_rng(7)
    refused = 0
    for number in range(400 if request.config.getoption("--many") else 40):
        out = tmp_path / f"o{number}.vtu"
        extra = [str(random.choice(OPTIONS))]
        if random.random() < 0.8:
            extra.append(str(random.choice(VALUES)))
        base = [part for part in good if random.random() < 0.97]
        arguments = ["generate", *files, *base, "--out", str(out), *extra]
        code, said = run(arguments, capsys)
        assert code in (0, 2), (arguments, code, said)
        if code == 2:
            refused += 1
            assert len(said.strip().splitlines()) == 1, (arguments, said)
            assert "\x1b" not in said
            assert not out.exists() or "--out" in extra, arguments
        elif out.exists():
            grid = read_snapshots(out)[0].grid
            assert all(np.all(np.isfinite(array)) for array in grid.point_data.values())
    assert refused > 10


@pytest.mark.parametrize("option", ["--lower", "--upper"])
@pytest.mark.parametrize("bound", ["nan", "inf", "-inf"])
def test_a_bound_that_is_no_number_is_refused(tmp_path, capsys, option, bound):
    files = [str(path) for path in write_states(tmp_path, values=(100.0, 400.0, 700.0))]
    command = ["generate", *files, "--values-from", r"T=(\d+)", "--field", "stress", "--at", "250"]
    code, said = run([*command, "--out", str(tmp_path / "o.vtu"), f"{option}={bound}"], capsys)
    assert code == 2
    assert "bounds are finite numbers" in said
    assert not (tmp_path / "o.vtu").exists()


def test_a_coordinate_over_eight_decades(tmp_path, capsys):
    """10 log10 s + x: no rounding of the coordinate, and the logarithm is found."""
    import pyvista

    values = (1e-4, 1e-2, 1.0, 1e2, 1e4)
    for number, value in enumerate(values):
        grid = pyvista.ImageData(dimensions=(4, 3, 1)).cast_to_unstructured_grid()
        grid["T"] = 10.0 * np.log10(value) + np.asarray(grid.points)[:, 0]
        grid.save(tmp_path / f"a{number}.vtu")
    files = [str(tmp_path / f"a{number}.vtu") for number in range(5)]
    listed = ",".join(f"{value:g}" for value in values)
    out = tmp_path / "o.vtu"
    command = [
        "generate",
        *files,
        "--values",
        listed,
        "--coordinate",
        "rate",
        "--field",
        "T",
        "--at",
        "10",
        "--out",
        str(out),
    ]
    assert run(command, capsys)[0] == 0
    found = read_snapshots(out)[0].grid
    np.testing.assert_allclose(found["T"], 10.0 + np.asarray(found.points)[:, 0], atol=0.01)
