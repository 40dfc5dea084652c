"""The page in headless Chromium: it loads from a file, asks nothing of the network, and fits a telephone."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cmgai_fem.study.page import write_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
ADVICE = "stress between the known states: use the transport. Mean NRMSE 0.1 %"
MEASURE = """<script>addEventListener("load", () => {
document.body.dataset.width = document.documentElement.scrollWidth;
document.body.dataset.asked = performance.getEntriesByType("resource").filter(e => !e.name.startsWith("data:")).length;
});</script></body>"""


def write_run(folder: Path) -> Path:
    rows = [["a long name of a method", *["0.000123"] * 12]]
    table = {"title": "Errors", "columns": ["method", *map(str, range(12))], "rows": rows, "note": "", "marked": [0],
             "text_columns": 1, "terminal": True, "folded": False}  # fmt: skip
    tolerance = {"name": "independent network against finite elements, interpolation", "limit": "0.05 %",
                 "value": "nearest", "passed": True, "text": ""}  # fmt: skip
    run = {
        "study": {"name": "a", "title": "A study", "description": ""}, "advice": [ADVICE], "tolerances": [tolerance],
        "sections": [{"title": "Result", "text": [], "pictures": [], "tables": [table]}],
        "provenance": {"seed": 0},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "metrics.csv").write_text("a\n")
    return write_page(folder)


@pytest.mark.parametrize("width", [1400, 500])
def test_the_page_loads_asks_nothing_and_is_no_wider_than_the_window(tmp_path, width):
    page = write_run(tmp_path)
    page.write_text(page.read_text(encoding="utf-8").replace("</body>", MEASURE), encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
               f"--window-size={width},900", "--virtual-time-budget=2000", "--dump-dom", page.as_uri()]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = dict(re.findall(r'data-(width|asked)="(\d+)"', shown))
    assert found["asked"] == "0"
    assert 0 < int(found["width"]) <= width


def test_the_conclusion_stands_before_everything_and_files_are_linked(tmp_path):
    text = write_run(tmp_path).read_text(encoding="utf-8")
    assert text.index("use the transport") < text.index("Stated tolerances</h2>") < text.index("Result</h2>")
    assert 'href="metrics.csv"' in text
    assert "https://" not in text and "http://" not in text
