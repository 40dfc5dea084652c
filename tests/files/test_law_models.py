"""Model files of specimens: the same laws to the last bit, and one line for what a model does not answer."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from bodies import block

from cmgai_fem.cli import main
from cmgai_fem.commands.provenance import read_provenance
from cmgai_fem.files import law_model
from cmgai_fem.files.kept import read_kept, write_kept
from cmgai_fem.files.readers import read_snapshots

STATES, EACH = (70, 85, 100, 115), 8
NAMED = (
    "--distribution", "--field", "stress", "--coordinate", "pull", "--unit", "MPa", "--values-from", r"pull_(\d+)_",
)  # fmt: skip
WANTED = ("--samples", "3", "--exceeds", "25")


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Specimens of two strengths, which harden; and a model of their law at 92.5 and 130 MPa."""
    folder, random = tmp_path_factory.mktemp("specimens"), np.random.default_rng(0)
    for state in STATES:
        for number in range(EACH):
            grid = block()
            x, strength = grid.points[:, 0], random.normal() + 4.0 * (number % 2)
            grid.point_data["stress"] = state / 10.0 + (1.0 + x) * (10.0 + strength) + 1e-3 * state * x**2
            grid.save(folder / f"pull_{state}_{number}.vtu")
    assert made(folder, "first_{value}.vtu", "--save-model", folder / "law.safetensors") == 0
    return folder


def made(folder: Path, out: str, *options: object) -> int:
    files = sorted(folder.glob("pull_*.vtu"))
    asked = ("--at", "92.5", "--at", "130", "--lower", "0", "--seed", "3", *WANTED)
    return run("generate", *files, *NAMED, *asked, "--out", folder / out, *options)


@pytest.fixture
def model(folder: Path) -> Path:
    return folder / "law.safetensors"


def generated(path: Path) -> dict[str, np.ndarray]:
    data = read_snapshots(path)[0].grid.point_data
    return {name: np.asarray(data[name]) for name in data.keys() if name.startswith("stress_")}  # noqa: SIM118


@pytest.mark.parametrize("state", ["92.5", "130"])
def test_a_kept_model_gives_the_same_laws_to_the_last_bit(folder, model, tmp_path, state) -> None:
    again = tmp_path / "again.vtu"
    assert run("generate", model, "--model", "--distribution", "--at", state, *WANTED, "--out", again) == 0
    first, kept = generated(folder / f"first_{state}.vtu"), generated(again)
    assert first.keys() == kept.keys() >= {"stress_p05", "stress_p95", "stress_above_25", "stress_sample_3"}
    for name, values in first.items():
        np.testing.assert_array_equal(kept[name], values, err_msg=name)
    told, retold = read_provenance(folder / f"first_{state}.vtu"), read_provenance(again)
    for key in ("trust", "trust_reason", "weights", "left_out_W2", "method", "modes", "seed", "known", "data"):
        assert retold[key] == told[key], key
    assert retold["model"] == "law.safetensors"


def test_clouds_are_not_judged_anew(model, tmp_path, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a model is judged already")

    monkeypatch.setattr(sys.modules["cmgai_fem.generate_distribution"], "judge_laws", refuse)
    assert run("generate", model, "--model", "--at", "92.5", "--out", tmp_path / "o.vtu") == 0


def test_another_state_on_the_way_is_answered_and_those_asked_before_stay(folder, model, tmp_path) -> None:
    out = tmp_path / "at_{value}.vtu"
    assert run("generate", model, "--model", "--distribution", "--at", "90", "--at", "92.5", *WANTED, "--out", out) == 0
    first, kept = generated(folder / "first_92.5.vtu"), generated(tmp_path / "at_92.5.vtu")
    np.testing.assert_array_equal(kept["stress_sample_2"], first["stress_sample_2"])
    low, high = (generated(tmp_path / f"at_{at}.vtu")["stress_p50"].mean() for at in ("90", "92.5"))
    assert 0.0 < high - low < 1.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--at", "140"), "pull = 140 MPa does not lie as the states that this model was made for (92.5, 130)"),
        (("--at", "60"), "pull = 60 MPa does not lie as the states"),
        (("--at", "92.5:1"), "give --at a state of pull, one number each"),
        ((), "give --at a state of pull"),
        (("--at", "92.5", "--holds", "mean = 3", "--distribution"), "--holds: leave it out; a model is solved already"),
        (("--at", "92.5", "--samples", "2"), "--samples: leave it out; it belongs to --distribution"),
        (("--at", "92.5", "--distribution", "--exceeds", "high"), "--exceeds high: write --exceeds 350e6"),
    ],
)
def test_what_a_model_does_not_answer_is_one_line(model, tmp_path, capsys, words, said) -> None:
    capsys.readouterr()
    assert run("generate", model, "--model", *words, "--out", tmp_path / "o.vtu") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [("--holds", "mean = 3"), ("--sensors", "s.csv")])
def test_what_files_alone_tell_is_not_kept(folder, capsys, options) -> None:
    capsys.readouterr()
    other = folder / "other.safetensors"
    assert run(
        "generate", *sorted(folder.glob("pull_*.vtu")), *NAMED, "--at", "92.5", "--out", folder / "o.vtu", *options,
        "--save-model", other,
    ) == 2  # fmt: skip
    assert "--save-model: leave it out; what --holds or --sensors say" in capsys.readouterr().err
    assert not other.exists()


@pytest.mark.parametrize("damage", ["weights", "specimens"])
def test_a_damaged_model_is_one_line(model, tmp_path, capsys, damage) -> None:
    bad, (facts, arrays) = tmp_path / "bad.safetensors", read_kept(model, law_model.FORMAT)
    if damage == "weights":
        facts = facts | {"judged": [one | {"superposition": {"spell": 1.0}} for one in facts["judged"]]}
    else:
        arrays = arrays | {"specimens/values": arrays["specimens/values"][:-1]}
    write_kept(bad, law_model.FORMAT, facts, arrays)
    capsys.readouterr()
    assert run("generate", bad, "--model", "--at", "92.5", "--out", tmp_path / "o.vtu") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{bad}: damaged model: " in line


def test_every_key_is_on_the_page(model) -> None:
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    section = page[page.index("### Model of specimens") : page.index("## Provenance")]
    facts, arrays = read_kept(model, law_model.FORMAT)
    named = set(re.findall(r"\w+", section))
    judged = {key for one in facts["judged"] for key in one}
    assert set(facts) | judged | {part for name in arrays for part in name.split("/")} <= named
