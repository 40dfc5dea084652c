"""Large bodies piece by piece: the same answer however they are cut, and clear refusals."""

from pathlib import Path

import numpy as np
import pytest
import pyvista
from bodies import in_pieces, pieced_field

from cmgai_fem.calibration.blend import data_of
from cmgai_fem.commands.generate import generate, generate_from_model
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.errors import InputError
from cmgai_fem.files import pieces as pieces_module
from cmgai_fem.files.model import load_model
from cmgai_fem.files.pieces import Pieces
from cmgai_fem.generate import generate as generate_fields
from cmgai_fem.states import portion
from cmgai_fem.transport.problem import Problem

AT = 2.5


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bodies of a few labels count as large, and blocks hold fewer."""
    monkeypatch.setattr(pieces_module, "MOST_WHOLE", 20)
    monkeypatch.setattr(portion, "BLOCK", 7)


def inputs(paths: list[Path], **others: object) -> Inputs:
    return Inputs(tuple(paths), "f", ("load",), values_from=r"s=([0-9.]+)", **others)  # type: ignore[arg-type]


def read(paths: list[Path]) -> Problem:
    found = Pieces.of(paths)
    assert found is not None
    return Problem(inputs(paths).read_pieces(found, print))


@pytest.mark.usefixtures("small")
def test_what_is_summed_over_pieces_is_what_is_summed_over_the_whole(tmp_path: Path) -> None:
    paths = in_pieces(tmp_path, 3)
    whole, pieced = Problem(inputs(paths).read()), read(paths)
    assert len(pieced.states.labels.portion.pieces) == 3
    one, other = data_of(whole), data_of(pieced)
    assert other.range == one.range
    assert pieced.states.labels.volume == pytest.approx(whole.states.labels.volume, rel=1e-14)
    np.testing.assert_allclose(other.factor @ other.factor.T, one.factor @ one.factor.T, rtol=1e-12, atol=1e-14)
    form = np.eye(5) - 0.2
    assert other.independent(form) == pytest.approx(one.independent(form), rel=1e-12)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("at", [AT, 5.5])
def test_the_answer_is_the_field_of_every_piece(tmp_path: Path, at: float) -> None:
    paths, out = in_pieces(tmp_path, 3), tmp_path / "out.pvtu"
    generate(inputs(paths), [at], out, report=print)
    joined = pyvista.read(out)
    truth = pieced_field(np.asarray(joined.points), at)
    wrong = np.asarray(joined["f"]) - truth
    assert np.abs(wrong).max() < 0.05 * np.ptp(truth)
    assert np.sqrt(np.mean(wrong**2)) < 3.0 * np.sqrt(np.mean(np.asarray(joined["f_error_estimate"]) ** 2))
    first = pyvista.read(tmp_path / "out_0.vtu")
    assert "cmgai_fem_provenance" in first.field_data
    assert "trust" in first.field_data


def test_blocks_change_nothing_but_the_last_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = inputs(in_pieces(tmp_path, 3)).read()
    whole = generate_fields(states, [AT, 5.5])
    monkeypatch.setattr(portion, "BLOCK", 7)
    cut = generate_fields(inputs(in_pieces(tmp_path, 3)).read(), [AT, 5.5])
    for at in (AT, 5.5):
        span = np.ptp(whole.at(at))
        np.testing.assert_allclose(cut.at(at), whole.at(at), rtol=0.0, atol=1e-11 * span)
        np.testing.assert_allclose(cut.error(at), whole.error(at), rtol=1e-7, atol=1e-11 * span)


@pytest.mark.usefixtures("small")
def test_values_that_memory_does_not_hold_are_kept_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = in_pieces(tmp_path, 3)
    memory, out = read(paths), tmp_path / "out.pvtu"
    generate(inputs(paths), [AT], out, report=print)
    kept = np.asarray(pyvista.read(out)["f"])
    monkeypatch.setattr("cmgai_fem.writing.IN_MEMORY", 0.0)
    disk = read(paths)
    np.testing.assert_array_equal(disk.known.values, memory.known.values)
    generate(inputs(paths), [AT], out, report=print)
    np.testing.assert_array_equal(np.asarray(pyvista.read(out)["f"]), kept)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("options", "out", "line"),
    [
        ({"rivals": True}, "out.pvtu", "--rivals takes all of a body at once"),
        ({"resume": True}, "out.pvtu", "--resume takes all of a body at once"),
        ({}, "out.vtu", "name it .pvtu"),
    ],
)
def test_what_takes_all_of_a_body_is_refused(tmp_path: Path, options: dict, out: str, line: str) -> None:
    with pytest.raises(InputError, match=line):
        generate(inputs(in_pieces(tmp_path, 3)), [AT], tmp_path / out, report=print, **options)


@pytest.mark.usefixtures("small")
def test_states_on_other_partitions_are_refused(tmp_path: Path) -> None:
    paths = in_pieces(tmp_path, 3)
    in_pieces(tmp_path, 2, values=(4.0,))
    with pytest.raises(InputError, match=r"has 2 pieces, s=1\.pvtu 3"):
        Pieces.of(paths)


@pytest.mark.usefixtures("small")
def test_a_small_field_below_its_bound_is_raised_in_every_piece(tmp_path: Path) -> None:
    paths = in_pieces(tmp_path, 3)
    found = Pieces.of(paths)
    assert found is not None
    least = min(float(np.asarray(pyvista.read(path)["f"]).min()) for path in paths)
    states = inputs(paths, lower=least + 1e-3).read_pieces(found, print)
    assert states.field("f").values.min() == least + 1e-3
    assert any("raised to it" in note for note in states.notes)


def test_a_small_body_is_read_whole(tmp_path: Path) -> None:
    assert Pieces.of(in_pieces(tmp_path, 3)) is None
    assert Pieces.of([tmp_path / "one.vtu"]) is None


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("at", [AT, 5.5])
def test_a_model_in_pieces_answers_the_same_digits(tmp_path: Path, at: float) -> None:
    paths, model = in_pieces(tmp_path, 3), tmp_path / "m.safetensors"
    generate(inputs(paths), [at], tmp_path / "out.pvtu", save_model=model, report=print)
    for path in tmp_path.glob("s=*"):
        path.unlink()
    generate_from_model(model, [at], tmp_path / "again.pvtu", report=print)
    whole, again = pyvista.read(tmp_path / "out.pvtu"), pyvista.read(tmp_path / "again.pvtu")
    np.testing.assert_array_equal(np.asarray(again.points), np.asarray(whole.points))
    np.testing.assert_array_equal(again.cells, whole.cells)
    for name in ("f", "f_error_estimate"):
        np.testing.assert_array_equal(np.asarray(again[name]), np.asarray(whole[name]))
    assert again["f"].shape[1] == 2
    with pytest.raises(InputError, match=r"name it \.pvtu"):
        generate_from_model(model, [at], tmp_path / "again.vtu", report=print)


@pytest.mark.usefixtures("small")
def test_a_piece_of_another_model_is_told(tmp_path: Path) -> None:
    model, other = tmp_path / "m.safetensors", tmp_path / "n.safetensors"
    for path, values in ((model, (1.0, 2.0, 3.0, 4.0, 5.0)), (other, (1.0, 2.0, 3.0, 4.0, 6.0))):
        folder = tmp_path / path.stem
        folder.mkdir()
        generate(inputs(in_pieces(folder, 3, values)), [AT], tmp_path / "out.pvtu", save_model=path, report=print)
    (tmp_path / "n_1.safetensors").replace(tmp_path / "m_1.safetensors")
    with pytest.raises(InputError, match=r"m_1\.safetensors: damaged model: its contents"):
        load_model(model)
    (tmp_path / "m_1.safetensors").unlink()
    with pytest.raises(InputError, match=r"m_1\.safetensors: no such file"):
        load_model(model)
