"""A page about generated fields of any dimension, holding what was generated and what may be said of it."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from bodies import VALUES, write_states

from cmgai_fem import generate
from cmgai_fem.errors import InputError
from cmgai_fem.generated import Generated
from cmgai_fem.measures import quantity_of
from cmgai_fem.study.report import write_report
from cmgai_fem.study.standalone import check_page

PLACES = np.linspace(0.0, 1.0, 21)


def page_of(made: Generated, folder: Path) -> str:
    write_report(made, folder / "page.html")
    assert [file.name for file in folder.glob("*.html")] == ["page.html"]
    return (folder / "page.html").read_text(encoding="utf-8")


def view_of(text: str) -> dict:
    (view,) = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    return json.loads(view)


def unpacked(one: dict) -> np.ndarray:
    return one["low"] + one["step"] * np.frombuffer(base64.b64decode(one["data"]), "<u2")


def test_stress_of_a_block_is_shown_as_it_was_generated(tmp_path):
    files = write_states(tmp_path)
    made = generate(files, at=[325.0, 800.0], field="stress", values_from=r"T=(\d+)", rivals=["linear"])
    text = page_of(made, tmp_path)
    for point in (325.0, 800.0):
        assert f"{made.states.coordinates.label((point,))}: {made.trust(point).word}" in text
        assert made.trust(point).reason in text
    assert "metrics.csv" not in text and "run.json" not in text
    view = view_of(text)
    assert [state["kind"] for state in view["states"]].count("known") == len(VALUES)
    row = next(row for row, state in enumerate(view["states"]) if "325" in state["text"])
    assert [field["name"] for field in view["fields"]][:2] == ["von Mises", "stress xx"]
    components = made.states.field("stress").components
    for field, name in zip(view["fields"], ("von_mises", *components), strict=True):
        quantity = quantity_of("", name, components)
        packed, error = field["values"][row], field["errors"][0][row]
        scale = 1e-6 if field["unit"] == "MPa" else 1.0
        shown = scale * quantity(made.at(325.0))
        # The surface holds nodes of the body alone, each value in 16 bits.
        gaps = np.abs(unpacked(packed)[:, None] - shown[None, :]).min(axis=1)
        assert gaps.max() <= 0.51 * packed["step"] + 1e-12 * np.abs(shown).max()
        assert unpacked(error).min() >= 0.0


def test_the_estimate_of_a_component_is_its_own(tmp_path):
    files = write_states(tmp_path)
    made = generate(files, at=[325.0], field="stress", values_from=r"T=(\d+)")
    text = page_of(made, tmp_path)
    view = view_of(text)
    field = next(one for one in view["fields"] if one["name"] == "stress xx")
    row = next(row for row, state in enumerate(view["states"]) if "325" in state["text"])
    scale = 1e-6 if field["unit"] == "MPa" else 1.0
    assert unpacked(field["errors"][0][row]).max() <= scale * made.error(325.0)[:, 0].max() * (1 + 1e-4) + 1e-300


def test_on_a_line_and_over_two_coordinates_there_are_pictures(tmp_path):
    known = [np.sin(PLACES) * (1.0 + state) for state in (0.0, 1.0, 2.0)]
    line = generate(known, at=[0.5, 1.5], field="u", coordinate="load", values=[0, 1, 2], points=PLACES[:, None])
    assert page_of(line, tmp_path).count("data:image/png") == 2
    states = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5], [0.2, 0.7], [0.8, 0.4]])
    known = [load * PLACES + heat * PLACES**2 for load, heat in states]
    made = generate(
        known, at=[[0.6, 0.3]], field="u", coordinate=["load", "heat"], values=states, points=PLACES[:, None]
    )
    assert "load = 0.6" in page_of(made, tmp_path)


def test_two_states_have_a_page_without_estimate(tmp_path):
    made = generate([PLACES, 2.0 * PLACES], at=0.5, field="u", coordinate="load", values=[0, 1], points=PLACES[:, None])
    text = page_of(made, tmp_path)
    assert "–" in text and made.trust(0.5).reason in text


def test_pages_replace_pages_and_nothing_else(tmp_path):
    made = generate([PLACES, 2.0 * PLACES], at=0.5, field="u", coordinate="load", values=[0, 1], points=PLACES[:, None])
    write_report(made, tmp_path / "page.html")
    check_page(tmp_path / "page.html")
    (tmp_path / "mine.html").write_text("<p>mine</p>")
    for name, said in (("mine.html", "did not write"), ("page.htm", ".html"), ("none/page.html", "no such folder")):
        with pytest.raises(InputError, match=said):
            check_page(tmp_path / name)
    check_page(tmp_path / "mine.html", force=True)
