"""Model files of curves: the same curves to the last bit, and one line for what a model does not answer."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmgai_fem.cli import main
from cmgai_fem.curves.flow_stress import JohnsonCook
from cmgai_fem.files import curve_model
from cmgai_fem.files.kept import read_kept, write_kept

HEADER = "temperature [degC],strain_rate [1/s],plastic_strain,stress [MPa]"
LINE = [(20.0 + 100.0 * k, 0.1) for k in range(6)]
GRID = [(t, r) for t in (20.0, 120.0, 220.0, 320.0) for r in (0.1, 1.0, 10.0, 100.0)]
CROSS = [(t, 0.1) for t in (20.0, 120.0, 220.0, 320.0)] + [(20.0, r) for r in (1.0, 10.0)]
SCATTERED = [(20, 0.1), (60, 20), (130, 0.5), (150, 8), (220, 3), (240, 0.2), (310, 4), (330, 1)]
BOTH = ("--coordinate", "temperature", "--coordinate", "strain_rate")


def stress(temperature: float, rate: float, strain: np.ndarray) -> np.ndarray:
    """A metal of nobody's model [MPa]: what both coordinates do is no product."""
    return (900.0 - 0.7 * temperature) * (0.5 + strain**0.4) + 12.0 * np.log(rate) * (1.0 + strain)


def table(
    path: Path, states: Sequence[tuple[float, float]], law=stress, scatter: float = 0.02, points: int = 20
) -> Path:
    """Three tests a state with some scatter; the last state's end early."""
    random, rows = np.random.default_rng(2), [HEADER]
    for number, (temperature, rate) in enumerate(states):
        strain = np.linspace(0.01, 0.2, points)[: points - 3 if number == len(states) - 1 else points]
        for _ in range(3):
            noisy = law(temperature, rate, strain) * (1.0 + scatter * random.standard_normal(len(strain)))
            rows += [f"{temperature},{rate},{e!r},{s!r}" for e, s in zip(strain.tolist(), noisy.tolist(), strict=True)]
    path.write_text("\n".join([*rows, ""]))
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("states", "options", "at", "kinds"),
    [
        (LINE, ("--coordinate", "temperature"), ("570", "610"), {"line"}),
        (GRID, BOTH, ("370:300",), {"both paths", "surface"}),
        (CROSS, BOTH, ("250:0.1",), {"surface", "one path", "arms"}),
        (SCATTERED, BOTH, ("180:1.5", "150:2"), {"surface", "one path"}),
    ],
    ids=["line", "grid", "cross", "scattered"],
)
def test_a_kept_model_gives_the_same_curves_to_the_last_bit(tmp_path, capsys, states, options, at, kinds) -> None:
    path, first, again = table(tmp_path / "t.csv", states), tmp_path / "first.csv", tmp_path / "again.csv"
    model, asked = tmp_path / "metal.safetensors", [word for value in at for word in ("--at", value)]
    assert run("generate", path, *options, *asked, "--out", first, "--save-model", model) == 0, capsys.readouterr().err
    path.unlink()
    assert run("generate", model, "--model", *asked, "--out", again) == 0, capsys.readouterr().err
    assert again.read_bytes() == first.read_bytes()
    made, kept = (json.loads(file.with_suffix(".provenance.json").read_text()) for file in (first, again))
    for key in ("table", "coordinate", "unit", "known", "generated", "data"):
        assert kept[key] == made[key], key
    facts, _ = read_kept(model, curve_model.FORMAT)
    assert {way["kind"] for way in facts["ways"]} >= kinds


def test_a_fitted_model_is_kept_too(tmp_path, capsys) -> None:
    def steel(temperature: float, rate: float, strain: np.ndarray) -> np.ndarray:
        return JohnsonCook(792.0, 510.0, 0.26, 0.014, 1.03, 1800.0, 293.15)(strain, rate, temperature + 273.15)

    path, model = table(tmp_path / "t.csv", GRID, steel, scatter=0.0, points=10), tmp_path / "m.safetensors"
    asked = ("--at", "520:500", "--out")
    assert run("generate", path, *asked, tmp_path / "a.csv", "--save-model", model) == 0
    assert "johnson-cook fitted" in capsys.readouterr().out
    assert run("generate", model, "--model", *asked, tmp_path / "b.csv") == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_calibration_is_not_made_anew(tmp_path, monkeypatch) -> None:
    path, model = table(tmp_path / "t.csv", LINE), tmp_path / "m.safetensors"
    options = ("--coordinate", "temperature", "--at", "570", "--out")
    assert run("generate", path, *options, tmp_path / "a.csv", "--save-model", model) == 0

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a model is calibrated already")

    monkeypatch.setattr("cmgai_fem.curves.ways.line.calibrate", refuse)
    assert run("generate", model, "--model", "--at", "570", "--out", tmp_path / "b.csv") == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """A model for states beyond the hottest test, up to 570 degC."""
    folder = tmp_path_factory.mktemp("kept")
    path, model = table(folder / "t.csv", LINE), folder / "m.safetensors"
    out = folder / "o.csv"
    assert run("generate", path, "--coordinate", "temperature", "--at", 570, "--out", out, "--save-model", model) == 0
    return model


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--at", "600"), "does not lie as the states that this model was made for"),
        (("--at", "300"), "does not lie as the states that this model was made for"),
        (("--at", "570:1"), "--at 570:1: give 1 value, for temperature"),
        (("--at", "570", "--sensors", "s.csv"), "--sensors: leave it out; a model is solved already"),
        (("--at", "570", "--no-hardening"), "--hardening: leave it out; a model is solved already"),
        (("--at", "570", "--ablate", "order"), "--ablate: leave it out; a model is solved already"),
    ],
)
def test_what_a_model_does_not_answer_is_one_line(kept, tmp_path, capsys, words, said) -> None:
    capsys.readouterr()
    assert run("generate", kept, "--model", *words, "--out", tmp_path / "o.csv") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not list(tmp_path.iterdir())


def test_a_state_on_the_way_to_what_was_asked_is_answered(kept, tmp_path) -> None:
    assert run("generate", kept, "--model", "--at", "540", "--out", tmp_path / "o.csv") == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--at", "570", "--at", "200"),
            "--save-model keeps one generator: ask for states between the known",
        ),
        (("--at", "570", "--method", "pinn"), "--save-model: leave it out; curves by networks are not kept"),
        (("--at", "570", "--sensors", "s.csv"), "--save-model: leave it out; what sensors or a cheap model"),
    ],
)
def test_what_is_not_kept_is_refused(tmp_path, capsys, options, said) -> None:
    path, model, out = table(tmp_path / "t.csv", LINE), tmp_path / "m.safetensors", tmp_path / "o.csv"
    command = ("generate", path, "--coordinate", "temperature", *options, "--out", out, "--save-model", model)
    assert run(*command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not model.exists() and not out.exists()


@pytest.mark.parametrize("damage", ["bytes", "curves", "choice", "version"])
def test_a_damaged_model_is_one_line(kept, tmp_path, capsys, monkeypatch, damage) -> None:
    bad = tmp_path / "bad.safetensors"
    facts, arrays = read_kept(kept, curve_model.FORMAT)
    if damage == "bytes":
        text = bytearray(kept.read_bytes())
        text[-5] ^= 1
        bad.write_bytes(bytes(text))
    elif damage == "curves":
        write_kept(bad, curve_model.FORMAT, facts, arrays | {"curves/known": arrays["curves/known"][:-1]})
    elif damage == "choice":
        (way,) = facts["ways"]
        write_kept(bad, curve_model.FORMAT, facts | {"ways": [way | {"kind": "spell"}]}, arrays)
    else:
        monkeypatch.setattr("cmgai_fem.files.kept.VERSION", 99)
        write_kept(bad, curve_model.FORMAT, facts, arrays)
        monkeypatch.undo()
    capsys.readouterr()
    assert run("generate", bad, "--model", "--at", "570", "--out", tmp_path / "o.csv") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(bad) in line and ("version 99" if damage == "version" else "damaged model") in line
    assert not (tmp_path / "o.csv").exists()


def test_every_key_is_on_the_page(kept) -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    section = page[page.index("### Model of curves") : page.index("## Provenance")]
    facts, arrays = read_kept(kept, curve_model.FORMAT)
    named = set(re.findall(r"\w+", section))
    assert set(facts) | keys(facts["ways"]) | {part for name in arrays for part in name.split("/")} <= named


def keys(data: Any) -> set[str]:
    """Keys of plain data, at any depth."""
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return (set(data) if isinstance(data, dict) else set()).union(*map(keys, parts))
