"""A page about generated curves: a word, a picture and the errors of each, in the table's units."""

import re
from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.commands.curves import generate_from_table
from cmgai_fem.errors import InputError


def metal_table(folder: Path, temperatures: tuple[int, ...] = (300, 400, 500, 600)) -> Path:
    """Stress that falls in proportion to the temperature."""
    rows = [
        f"{heat},{strain:.4f},{(200 + 400 * strain) * (1 - heat / 2000):.6f}"
        for heat in temperatures
        for strain in np.linspace(0.0, 0.3, 10)
    ]
    table = folder / "metal.csv"
    table.write_text("\n".join(["temperature [K],plastic_strain,stress [MPa]", *rows]))
    return table


def test_the_page_tells_of_every_curve(tmp_path):
    table, page = metal_table(tmp_path), tmp_path / "page.html"
    generate_from_table(table, [], ["450", "900"], tmp_path / "out.csv", lambda line: None, page=page)
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/png") == 2
    assert "temperature = 450 K: trusted" in text and "temperature = 900 K: not trusted" in text
    assert "extrapolation as far was not tested" in text
    # Of the exact curve at 450 K, 200 to 320 MPa lowered by 22.5 %.
    row = re.search(r"<tr[^>]*>\s*<t[dh][^>]*>temperature = 450 K</t[dh]>(.*?)</tr>", text, re.DOTALL)
    assert row is not None and "155 to 248" in row[1]


def test_a_page_is_refused_before_any_work(tmp_path):
    table = metal_table(tmp_path)
    with pytest.raises(InputError, match=r"must end in \.html"):
        generate_from_table(table, [], ["450"], tmp_path / "out.csv", print, page=tmp_path / "page.htm")
    assert not (tmp_path / "out.csv").exists()
