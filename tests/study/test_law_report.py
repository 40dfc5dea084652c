"""A page about laws of a field: words and left-out distances, and the fields that 5, 50 and 95 % lie below."""

import base64
import html
import json
import re

import numpy as np
from bodies import block

from cmgai_fem import generate_distribution
from cmgai_fem.study.law_report import LEVELS, write_law_report


def made_law(points=None):
    """Specimens whose field is one number over the body, normal with a mean that grows with the state."""
    rng = np.random.default_rng(0)
    values = np.repeat([0.0, 1.0, 2.0, 3.0], 12)
    sizes = 10.0 * values + rng.standard_normal(len(values))
    if points is not None:
        fields = [size * (1.0 + points[:, 0]) for size in sizes]
        return generate_distribution(fields, 1.5, field="u", coordinate="load", values=values.tolist(), points=points)
    grids = []
    for size in sizes:
        grid = block()
        grid.point_data["u"] = size * (1.0 + grid.points[:, 0])
        grids.append(grid)
    return generate_distribution(grids, 1.5, field="u", coordinate="load", values=values.tolist())


def test_the_page_shows_three_levels_of_every_state(tmp_path):
    made = made_law()
    write_law_report(made, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"load = 1.5: {made.trust(1.5).word}" in text and html.escape(
        made.trust(1.5).reason, quote=False
    ) in text.replace("&#39;", "'")
    assert all(name in text for name in ("Wasserstein interpolation (rival)", "nearest state (rival)"))
    (view,) = re.findall(r'<script type="application/json">(.*?)</script>', text, re.DOTALL)
    view = json.loads(view)
    kinds = [state["kind"] for state in view["states"]]
    assert kinds.count("known") == 4 and kinds[2] == "generated"
    assert view["beside"].startswith("Half the width")
    for field, (name, level) in zip(view["fields"], LEVELS.items(), strict=True):
        assert field["name"].endswith(name)
        shown = field["values"][2]
        numbers = shown["low"] + shown["step"] * np.frombuffer(base64.b64decode(shown["data"]), "<u2")
        exact = made.at(1.5, level)[:, 0]
        assert np.isclose([numbers.min(), numbers.max()], [exact.min(), exact.max()], rtol=1e-3).all()


def test_points_without_cells_have_pictures(tmp_path):
    made = made_law(np.linspace(0.0, 1.0, 9)[:, None])
    write_law_report(made, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("data:image/png") == len(LEVELS)
