"""The page of a field study, from synthetic results folders: complete, well formed, self-contained and escaped."""

import base64
import csv
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from results_folders import KNOWN, STUDY, labels, truth, write_results

from cmgai_fem.errors import InputError
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Coordinate, Field, States
from cmgai_fem.study import fields as pipeline
from cmgai_fem.study.page import number, percent, write_page
from cmgai_fem.study.pictures import Panel, draw_fields, render, scalar_field

VOID = {"meta", "img", "br", "input"}


class WellFormed(HTMLParser):
    """Checks that tags nest, and gathers text, attributes and pictures."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.links, self.pictures = [], [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.links += [attributes[key] for key in ("href", "src") if key in attributes]
        if tag == "img":
            assert attributes["alt"]
            self.pictures.append(attributes["src"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)


def read(path):
    page = path.read_text(encoding="utf-8")
    parser = WellFormed()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return page, " ".join(" ".join(parser.text).split()), parser


@pytest.fixture(scope="module")
def plate(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("plate") / "results", labels("triangle", 4))


@pytest.mark.medium
@pytest.mark.parametrize(("kind", "location"), [("line", "point"), ("triangle", "cell"), ("tetra", "point")])
def test_page_is_whole_and_self_contained(tmp_path, kind, location):
    folder = write_results(tmp_path / "results", labels(kind, 4, location))
    before = (folder / "report.html").read_bytes()
    assert write_page(folder).read_bytes() == before
    page, text, parser = read(folder / "report.html")
    assert not list(folder.glob(".*"))
    assert all(link.startswith("data:image/png;base64,") for link in parser.pictures)
    # All else leads to a place of the page or to a file beside it.
    for link in [link for link in parser.links if link not in parser.pictures]:
        assert f'id="{link[1:]}"' in page if link.startswith("#") else (folder / link).is_file()
    assert {"metrics.csv", "run.json"} < set(parser.links)
    assert not re.search(r"https?://|url\(|@import|<script[^>]* src|<link", page)
    assert ("All states, to turn" in text) == (kind != "line")
    # The first field in both splits, the two others in one, the error chart, the training history.
    assert len(parser.pictures) == 6
    for heading in ("What was asked", "Stated tolerances", "Calibration", "Admissibility", "Provenance", "Training"):
        assert heading in text
    assert "equilibrium residual" in text and "known 100, 250, 400, 550, 700" in text


def test_names_are_escaped(plate):
    page, text, _ = read(plate / "report.html")
    assert "<cantilever>" not in page
    assert "Thermal stress in a <cantilever> & its hole" in text
    assert "PINN against <all fields>" in text


def test_figures_are_those_of_the_table(plate):
    _, text, _ = read(plate / "report.html")
    with (plate / "metrics.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    shown = {(row["method"], row["state"]): float(row["nrmse"]) for row in rows if row["field"] == "von_mises"}
    for method in ("fem", "linear"):
        for state in ("50", "175", "775"):
            assert percent(shown[method, state]) in text.split()
    assert "1 of 2 tolerances fail" in text
    assert "FEM transport, temperature at" in text
    # Five orders times three laws, the best eight of them shown.
    assert "and 7 more with larger left-out errors" in text


def test_least_error_is_marked_whoever_reaches_it(tmp_path, monkeypatch):
    compare = pipeline.compare

    def best_at_175(*arguments):
        rows = compare(*arguments)
        for row in rows:
            if (row["field"], row["state"], row["method"]) == ("von_mises", "175", "linear"):
                row["nrmse"] = 1.25e-9
        return rows

    monkeypatch.setattr(pipeline, "compare", best_at_175)
    page, _, _ = read(write_results(tmp_path / "results", labels("line", 4)) / "report.html")
    rows = [row for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if "1.25·10⁻⁷" in row]
    assert len(rows) == 1 and "Linear" in rows[0]
    assert ">● 1.25·10⁻⁷</td>" in rows[0]


def test_what_a_study_does_not_have_has_no_section(tmp_path):
    text = STUDY[: STUDY.index("[[tolerances]]")].replace("{extrapolation}", "[]")
    folder = write_results(tmp_path / "results", labels("line", 4), text)
    _, text, parser = read(folder / "report.html")
    assert len(parser.pictures) == 5
    assert "no tolerances stated" in text
    assert "Ablation" not in text and "outside" not in text.split("Result")[0]


def test_the_seed_asked_for_counts(plate, tmp_path):
    other = write_results(tmp_path / "results", labels("line", 4), seed=7)
    runs = [json.loads((folder / "run.json").read_text(encoding="utf-8")) for folder in (plate, other)]
    assert [run["provenance"]["seed"] for run in runs] == [3, 7]
    assert [run["solvers"][0]["seed"] for run in runs] == [3, 7]


def test_body_is_drawn_deformed():
    on = labels("triangle", 4)
    bend = np.column_stack([np.zeros(on.count), on.points[:, 0] ** 2])
    straight = render(on, Panel("", on.points[:, 0]), "viridis", (0.0, 0.2))
    bent = render(on, Panel("", on.points[:, 0], displacement=bend), "viridis", (0.0, 0.2))
    # 200 x 40 mm, and 80 mm high once its tip has risen by 40 mm.
    assert straight.shape[0] / straight.shape[1] == pytest.approx(0.2, abs=0.02)
    assert bent.shape[0] / bent.shape[1] == pytest.approx(0.4, abs=0.02)


@pytest.mark.medium
def test_deformed_bodies_are_drawn_by_their_displacement(tmp_path):
    text = STUDY.replace("{deformed}", "true")
    folder = write_results(tmp_path / "results", labels("triangle", 4), text)
    assert (folder / "von_mises_interpolation.png").exists()
    with pytest.raises(InputError, match="deformed: the fields live in cells"):
        write_results(tmp_path / "results", labels("triangle", 4, "cell"), text)
    with pytest.raises(InputError, match="deformed: a body is drawn displaced by its generated displacement"):
        write_results(tmp_path / "results", labels("triangle", 4), text.replace("[fields.displacement]", ""))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("run.json", '"study"', '"other"', "key 'study' is missing"),
        ("run.json", "{", "", "not valid JSON at line"),
        ("run.json", None, None, "no such file; is"),
        ("errors.png", None, None, "the page shows this picture, and it is missing"),
    ],
)
def test_bad_folder_is_named(plate, tmp_path, file, old, new, message):
    folder = tmp_path / "results"
    shutil.copytree(plate, folder)
    if old is None:
        (folder / file).unlink()
    else:
        content = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(content.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=f"{file}.*{message}"):
        write_page(folder)


def test_numbers_read_well():
    assert [number(value) for value in (0.0, 1.0, 0.04175, 123456.7, 3, "cpu", True)] == [
        "0", "1", "0.0418", "123457", "3", "cpu", "yes",
    ]  # fmt: skip
    assert number(6.45e-16) == "6.45·10⁻¹⁶"
    assert number(-2e7) == "-2.00·10⁷"
    assert percent(0.0056) == "0.56"
    assert percent(1e-14) == "< 10⁻⁹"
    assert (percent(0.0), percent(None)) == ("0", "–")


def test_scalar_field_by_name():
    stress = np.zeros((1, 2, 6))
    stress[0, :, 0], stress[0, :, 3] = 5.0, [0.0, 2.0]
    fields = {"stress": Field(stress, "Pa", SYMMETRIC_TENSOR), "flux": Field(stress[..., :2], "W/m2", ("x", "y"))}
    states = States.of(labels_on_points(np.zeros((2, 3))), Coordinate("time", "s"), np.array([1.0]), fields)
    np.testing.assert_array_equal(scalar_field(states, 1.0, "stress_xy")[0], [0.0, 2.0])
    np.testing.assert_allclose(scalar_field(states, 1.0, "von_mises")[0], [5.0, np.sqrt(37.0)])
    values, unit = scalar_field(states, 1.0, "flux")
    assert (list(values), unit) == ([5.0, 5.0], "W/m2")
    with pytest.raises(InputError, match="no field 'damage'"):
        scalar_field(states, 1.0, "damage")


def test_colours_are_those_of_the_values():
    """A plate of one value is drawn in the colour that the map gives it."""
    on = labels("triangle", 4)
    image = render(on, Panel("plate", np.full(on.count, 1.0)), "viridis", (0.0, 1.0))
    middle = image[image.shape[0] // 2, image.shape[1] // 2].astype(int)
    np.testing.assert_allclose(middle, [253, 231, 37], atol=3)


def test_bare_points_and_curved_surfaces_are_drawn():
    rng = np.random.default_rng(0)
    cloud = labels_on_points(rng.normal(size=(30, 3)))
    figure = draw_fields(cloud, [Panel("cloud", rng.normal(size=30))], [], "Pa")
    assert figure.axes[0].get_title() == "cloud"
    assert figure.axes[0].images[0].get_array().std() > 1.0


def test_curves_stand_over_the_labels():
    on = labels("line", 2)
    states = truth(on, KNOWN)
    values = states.fields["von_mises"].values[0, :, 0]
    figure = draw_fields(on, [Panel("Reference", values)], [Panel("error", 0.0 * values)], "Pa")
    line = figure.axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), 1e-6 * values)
    assert figure.axes[0].get_ylabel() == "field [MPa]"


def test_stored_pictures_are_pictures(plate):
    _, _, parser = read(plate / "report.html")
    kinds = [base64.b64decode(picture.split(",", 1)[1])[:8] for picture in parser.pictures]
    assert set(kinds) == {b"\x89PNG\r\n\x1a\n"}


@pytest.mark.parametrize(("peak", "said"), [(50.0, "u [K],\npeak 50"), (2.0, "u [K]")])
def test_a_scale_ends_below_a_peak_and_says_so(peak, said):
    on = labels("triangle", 20)
    values = np.linspace(0.0, 1.0, on.count)
    values[0] = peak
    bar = draw_fields(on, [Panel("Reference", values)], [], "K", "u").axes[-1]
    assert bar.get_ylabel() == said
    assert bar.get_ylim()[1] == pytest.approx(1.0 if peak == 50.0 else peak, rel=0.02)
