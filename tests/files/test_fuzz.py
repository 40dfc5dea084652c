"""Damaged files of every format: refused in one line, or read to the same bits; never a crash or a hang."""

import zlib

import numpy as np
import pytest
import pyvista
from bodies import block, stress_at
from test_calculix import hand_made

from cmgai_fem.commands.states_file import load_states_file
from cmgai_fem.errors import InputError
from cmgai_fem.files.model import load_model
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.writers import WRITERS, write_grid

KINDS = [
    *(suffix for suffix in WRITERS if suffix not in (".vtp", ".pvd", ".e")),
    *(".vti", ".vts", ".frd", ".csv", ".toml", ".safetensors", "text.vtu", "text.vtk"),
]
STATES = 'field = "T"\n[coordinate]\nname = "t"\nunit = "K"\n[[states]]\nfile = "a.vtu"\nvalue = 1.0\n'
CURVES = "temperature [K],strain,stress [MPa]\n" + "".join(
    f"{t},{e},{0 if e == 0 else 300 + e * 900 - t / 10}\n" for t in (300, 400, 500) for e in (0, 0.02, 0.04, 0.06)
)
# What stands in the way of readers: counts, ends, signs, and bytes that are no text.
PIECES = [b"", b"\0", b"-1", b"1e15", b"999999999999", b"nan", b"\xff\xfe", b"<", b'"', b"\n", b"&#49;", b"$End"]


def sound(folder, kind):
    """A good file of a kind."""
    path = folder / f"a{kind.removeprefix('text')}"
    grid = block(1)
    grid["stress"], grid["T"] = stress_at(grid.points, 250.0), np.asarray(grid.points)[:, 0] + 0.1
    grid.cell_data["q"] = np.arange(float(grid.n_cells)) + 0.5
    if kind in (".vti", ".vts"):
        image = pyvista.ImageData(dimensions=(3, 3, 3))
        image["T"] = np.asarray(image.points)[:, 0] + 0.1
        (image if kind == ".vti" else image.cast_to_structured_grid()).save(path)
    elif kind.startswith("text"):
        grid.save(path, binary=False)
    elif kind in (".frd", ".csv", ".toml"):
        path.write_text({".frd": hand_made(), ".csv": CURVES, ".toml": STATES}[kind])
    elif kind == ".safetensors":
        from cmgai_fem.files.file_states import read_states
        from cmgai_fem.files.model import save_model
        from cmgai_fem.generate import generate

        states = read_states([grid, grid, grid], field="T", values=[1.0, 2.0, 4.0])
        save_model(path, generate(states, 3.0).generators[0])
    else:
        write_grid(path, grid, {"made": "here"}, 3.0)
    return path


def numbers(path):
    """Everything that a file holds, as arrays by name."""
    if path.suffix == ".toml":
        return {"paths": np.array([str(one) for one in load_states_file(path).paths])}
    if path.suffix == ".safetensors":
        return {"field": load_model(path).at(3.0)}
    if path.suffix == ".csv":
        from cmgai_fem.files.curve_table import read_curves

        return {str(state.coordinates): state.tests[0].stress for state in read_curves(path).states}
    found = {}
    for row, state in enumerate(read_snapshots(path)):
        found[f"{row} points"] = np.asarray(state.grid.points)
        for place in ("point_data", "cell_data"):
            found |= {f"{row} {place} {name}": np.asarray(array) for name, array in getattr(state.grid, place).items()}
    return found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (".toml", ".csv")])
def test_truncated_files_are_refused_or_whole(tmp_path, kind, request):
    path = sound(tmp_path, kind)
    content, whole = path.read_bytes(), numbers(path)
    for end in np.unique(
        np.linspace(1, len(content) - 1, 200 if request.config.getoption("--many") else 12).astype(int)
    ):
        cut = tmp_path / f"b{path.suffix}"
        cut.write_bytes(content[:end])
        try:
            read = numbers(cut)
        except InputError as refusal:
            assert "\n" not in str(refusal)
            continue
        # A cut between two sections leaves a file that is whole in itself: what it still holds is right.
        assert all(
            np.array_equal(whole[name], array, equal_nan=array.dtype.kind == "f") for name, array in read.items()
        )


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_end_in_one_line_or_numbers(tmp_path, kind, request):
    path = sound(tmp_path, kind)
    content = path.read_bytes()
    random = np.random.default_rng(zlib.crc32(kind.encode()))
    for _ in range(5000 // len(KINDS) if request.config.getoption("--many") else 300 // len(KINDS)):
        start = int(random.integers(len(content)))
        length = int(random.integers(0, 9))
        piece = PIECES[random.integers(len(PIECES))] if random.random() < 0.5 else random.bytes(length)
        damaged = tmp_path / f"b{path.suffix}"
        damaged.write_bytes(content[:start] + piece + content[start + length :])
        try:
            read = numbers(damaged)
        except InputError as refusal:
            assert "\n" not in str(refusal)
        else:
            assert read
