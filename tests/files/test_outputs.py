"""Results replace results, never inputs, nor other programs' files; and a finished result is known by its data."""

import json

import numpy as np
import pytest
from bodies import block, write_states

from cmgai_fem.commands.generate import generate
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.errors import InputError
from cmgai_fem.files.outputs import check_replaceable
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.writers import WRITERS, write_grid


@pytest.mark.parametrize("suffix", [suffix for suffix in WRITERS if suffix != ".vtp"])
def test_earlier_results_may_be_replaced(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    check_replaceable(path)
    write_grid(path, block(1), {"program": "cmgai-fem"})
    check_replaceable(path)
    with pytest.raises(InputError, match=r"would replace a\..*, which is an input"):
        check_replaceable(path, [path], force=True)


@pytest.mark.parametrize(
    ("out", "there"),
    [
        ("a.vtu", "a.vtu"), ("a.pvd", "a.vtu"), ("a.pvd", "a.pvd"), ("a.xdmf", "a.h5"), ("a.exo", "a.exo"),
        ("a.msh", "a.provenance.json"), ("a.csv", "a.csv"), ("a.safetensors", "a.safetensors"),
    ],
)  # fmt: skip
def test_files_of_others_are_kept(tmp_path, out, there):
    (tmp_path / there).write_text("a year's work")
    with pytest.raises(InputError, match=f"would replace {there}, which this program did not write"):
        check_replaceable(tmp_path / out)
    check_replaceable(tmp_path / out, force=True)
    with pytest.raises(InputError, match="which is an input"):
        check_replaceable(tmp_path / out, [tmp_path / there], force=True)


@pytest.mark.parametrize("suffix", [".xdmf", ".exo", ".msh", ".vtu"])
def test_resume_looks_at_the_data(tmp_path, suffix):
    """Killed between two renames, a side file is one state's and the data are another's."""
    inputs = Inputs(tuple(write_states(tmp_path, values=(100.0, 700.0))), "stress", values_from=r"T=(\d+)")
    (out,) = generate(inputs, [250.0], tmp_path / f"out{suffix}", report=lambda line: None)
    said = []
    generate(inputs, [250.0], out, resume=True, report=said.append)
    assert any("kept" in line for line in said)
    (made,) = read_snapshots(out)
    right = np.asarray(made.grid["stress"])
    made.grid["stress"] = 2.0 * right
    if suffix == ".vtu":
        facts = json.loads(str(made.grid.field_data["cmgai_fem_provenance"][0]))
    else:
        facts = json.loads((tmp_path / "out.provenance.json").read_text())
    write_grid(out, made.grid, facts, 250.0)
    generate(inputs, [250.0], out, resume=True, report=lambda line: None)
    np.testing.assert_array_equal(read_snapshots(out)[0].grid["stress"], right)
