"""The page in headless Chromium: it loads from a file, asks nothing of the network, and fits a telephone."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from results_folders import labels

from cmgai_fem import generate
from cmgai_fem.study.page import write_page
from cmgai_fem.study.paraview import unstructured_grid
from cmgai_fem.study.report import write_report
from cmgai_fem.study.view import COLOURS, Surface, packed
from cmgai_fem.writing import write_json

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
ADVICE = "stress between the known states: use the transport. Mean NRMSE 0.1 %"
# The page tells the frame that holds it: a window has no less than 500 px, a frame has what one asks for.
MEASURE = """<script>
addEventListener("error", event => parent.postMessage({ failed: event.message }, "*"));
addEventListener("load", () => setTimeout(() => {
  const seen = { width: document.documentElement.scrollWidth };
  seen.asked = performance.getEntriesByType("resource").filter(e => !e.name.startsWith("data:")).length;
  const view = document.querySelector(".view"), sums = [];
  const pixels = body => body.getContext("2d").getImageData(0, 0, body.width, body.height).data;
  const sum = body => pixels(body).reduce((a, b, i) => (a + b * (i % 8191)) % 1e9, 0);
  const look = () => sums.push([...view.querySelectorAll(".body")].map(sum));
  const steps = [
    look,
    () => { view.querySelector(".state").value = 0; view.querySelector(".state").dispatchEvent(new Event("input")); },
    look,
    () => { view.querySelector(".edges").click(); },
    look,
  ];
  const go = () => steps.length ? (steps.shift()(), setTimeout(go, 100)) : parent.postMessage({ ...seen, sums }, "*");
  go();
}, 300));
</script>"""
FRAME = """<iframe src="report.html" style="width: {width}px; height: 900px; border: 0"></iframe>
<script>
addEventListener("message", event => {{ document.body.dataset.told = JSON.stringify(event.data); }});
</script>"""


def write_view(folder: Path) -> str:
    """Two states of a beam: a known one without error, and one held out."""
    body = labels("tetra", 4)
    surface = Surface.of(body, 1000)
    known, other = (packed(surface.nodal(body.points[:, 0] * factor)) for factor in (1.0, -3.0))
    none, wrong = (packed(surface.nodal(body.points[:, 1] * factor)) for factor in (0.0, 1.0))
    field = {"name": "u", "unit": "m", "limits": [-0.6, 0.2], "peak": "", "reach": 0.1, "error_peak": "",
             "values": [known, other], "errors": [[none, wrong]], "nrmse": [["0", "1.2"]]}  # fmt: skip
    view = surface.describe() | {
        "colours": COLOURS, "methods": ["FEM transport"], "fields": [field],
        "states": [{"text": "s = 1", "kind": "known"}, {"text": "s = 2", "kind": "held out, between the known states"}],
    }  # fmt: skip
    write_json(folder / "view.json", view)
    return "view.json"


def write_run(folder: Path) -> Path:
    rows = [["a long name of a method", *["0.000123"] * 12]]
    table = {"title": "Errors", "columns": ["method", *map(str, range(12))], "rows": rows, "note": "", "marked": [0],
             "text_columns": 1, "terminal": True, "folded": False}  # fmt: skip
    tolerance = {"name": "independent network against finite elements, interpolation", "limit": "0.05 %",
                 "value": "nearest", "passed": True, "text": ""}  # fmt: skip
    run = {
        "study": {"name": "a", "title": "A study", "description": ""}, "advice": [ADVICE], "tolerances": [tolerance],
        "sections": [{"title": "Result", "text": [], "pictures": [], "tables": [table], "view": write_view(folder)}],
        "provenance": {"seed": 0},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "metrics.csv").write_text("a\n")
    return write_page(folder)


def seen(page: Path, folder: Path, width: int) -> dict:
    """What the page tells of itself in a frame of some width; a first look, one at the first state, one with edges."""
    # First of all, so that no error goes by unheard.
    page.write_text(page.read_text(encoding="utf-8").replace("<head>", f"<head>{MEASURE}"), encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(FRAME.format(width=width))
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
               "--window-size=1500,1000", "--virtual-time-budget=5000", "--dump-dom", frame.as_uri()]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    (told,) = re.findall(r'data-told="([^"]+)"', shown)
    found = json.loads(html.unescape(told))
    assert "failed" not in found
    assert found["asked"] == 0
    assert 0 < found["width"] <= width
    return found


@pytest.mark.parametrize("width", [1400, 390])
def test_the_page_loads_asks_nothing_fits_the_window_and_its_slider_moves_the_field(tmp_path, width):
    held_out, known, edged = seen(write_run(tmp_path), tmp_path, width)["sums"]
    assert held_out[0] != held_out[1]  # what is generated errs by one part in eight
    assert known[0] == known[1]
    assert all(one != other for one, other in zip(held_out, known, strict=True))
    assert all(one != other for one, other in zip(known, edged, strict=True))


@pytest.mark.parametrize("width", [1400, 390])
def test_a_page_about_generated_fields_shows_them_with_their_estimate(tmp_path, width):
    body = labels("tetra", 4)
    grid = unstructured_grid(body)
    states = []
    for state in (1.0, 2.0, 4.0, 7.0):
        states.append(grid.copy())
        states[-1].point_data["u"] = np.sin(0.3 * state + body.points[:, 0])
    made = generate(states, at=[3.0], field="u", coordinate="load", values=[1, 2, 4, 7], rivals=["linear"])
    write_report(made, tmp_path / "report.html")
    generated, known, _ = seen(tmp_path / "report.html", tmp_path, width)["sums"]
    # The field and the estimate of its error, which is zero at a known state.
    assert len(generated) == 2
    assert all(one != other for one, other in zip(generated, known, strict=True))


def test_the_conclusion_stands_before_everything_and_files_are_linked(tmp_path):
    text = write_run(tmp_path).read_text(encoding="utf-8")
    assert text.index("use the transport") < text.index("Stated tolerances</h2>") < text.index("Result</h2>")
    assert 'href="metrics.csv"' in text
    assert "https://" not in text and "http://" not in text
