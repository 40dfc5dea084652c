"""The report, from synthetic results folders: complete, well formed, self-contained and escaped."""

import base64
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from results_folders import KNOWN, labels, truth, write_results

from cmgai_fem.errors import InputError
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Coordinate, Field, States, labels_on_points
from cmgai_fem.study.pictures import Panel, draw_fields, render, scalar_field
from cmgai_fem.study.report import bare_percent, number, percent, write_report
from cmgai_fem.study.results import Results

VOID = {"meta", "img", "br"}


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
        if self.open and self.open[-1] != "style":
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
    folder = write_results(tmp_path_factory.mktemp("plate") / "results", labels("triangle", 4))
    write_report(folder)
    return folder


@pytest.mark.parametrize(("kind", "location"), [("line", "point"), ("triangle", "cell"), ("tetra", "point")])
def test_page_is_whole_and_self_contained(tmp_path, kind, location):
    folder = write_results(tmp_path / "results", labels(kind, 4, location))
    path = write_report(folder)
    page, text, parser = read(path)
    assert path == folder / "report.html"
    assert not list(folder.glob(".*"))
    assert parser.links == parser.pictures
    assert all(re.match(r"data:image/(png|svg\+xml);base64,", link) for link in parser.links)
    assert not re.search(r"https?://|url\(|@import|<script|<link", page)
    # Two splits of fields, the error chart, the training history.
    assert len(parser.pictures) == 4
    for heading in ("What was asked", "Stated tolerances", "Calibration", "Admissibility", "Provenance", "Notes"):
        assert heading in text


def test_names_are_escaped(plate):
    page, text, _ = read(plate / "report.html")
    assert "<cantilever>" not in page
    assert "Thermal stress in a <cantilever> & its hole" in text
    assert "wall time of the PINN <all fields>" in text


def test_figures_are_those_of_the_table(plate):
    _, text, _ = read(plate / "report.html")
    results = Results.read(plate)
    for method in ("fem", "pinn", "linear"):
        for state in (50.0, 175.0, 775.0):
            assert bare_percent(results.error("von_mises", method, state)) in text.split()
    assert "1 of 2 tolerances fail" in text
    assert "0.25 % 0.04 % holds" in text
    assert "30 s 41.5 s fails" in text
    # Five orders times three laws, the best eight of them shown.
    assert "and 7 more with larger left-out errors" in text


def test_least_error_is_marked_whoever_reaches_it(tmp_path):
    folder = write_results(tmp_path / "results", labels("line", 4))
    lines = (folder / "metrics.csv").read_text(encoding="utf-8").splitlines()
    lines = [
        re.sub(r"^(beam,von_mises,175.0,interpolation,linear,reference),[^,]*", r"\1,1.25e-09", line) for line in lines
    ]
    (folder / "metrics.csv").write_text("\n".join(lines), encoding="utf-8")
    page, _, _ = read(write_report(folder))
    row = next(
        row for row in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if ">Linear</th>" in row and "1.25·10⁻⁷" in row
    )
    assert '<td class="best">1.25·10⁻⁷</td>' in row


def test_page_without_fields_and_optional_keys(tmp_path):
    folder = write_results(tmp_path / "results", labels("line", 4))
    for path in (folder / "fields").iterdir():
        path.unlink()
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps({"study": run["study"]}), encoding="utf-8")
    _, text, parser = read(write_report(folder))
    assert len(parser.pictures) == 1
    assert "no tolerances stated" in text
    assert "Calibration" not in text


def test_body_is_drawn_deformed():
    on = labels("triangle", 4)
    bend = np.column_stack([np.zeros(on.count), on.points[:, 0] ** 2])
    straight = render(on, Panel("", on.points[:, 0]), "viridis", (0.0, 0.2))
    bent = render(on, Panel("", on.points[:, 0], displacement=bend), "viridis", (0.0, 0.2))
    # 200 x 40 mm, and 80 mm high once its tip has risen by 40 mm.
    assert straight.shape[0] / straight.shape[1] == pytest.approx(0.2, abs=0.02)
    assert bent.shape[0] / bent.shape[1] == pytest.approx(0.4, abs=0.02)


def test_deformed_pictures_need_a_displacement(tmp_path):
    folder = write_results(tmp_path / "results", labels("triangle", 4), deformed=True)
    Results.read(folder).states("reference").only("von_mises").save(folder / "fields" / "reference.npz")
    with pytest.raises(InputError, match="no nodal displacement"):
        write_report(folder)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("metrics.csv", "nrmse_rms", "other", "column 'nrmse_rms' is missing"),
        ("metrics.csv", "beam,von_mises,50.0", "beam,von_mises,fifty", "line 2: could not convert"),
        ("metrics.csv", None, None, "no such file; is"),
        ("run.json", '"study"', '"other"', "key 'study' is missing"),
        ("run.json", '"title"', '"other"', "key 'study.title' is missing"),
        ("run.json", "{", "", "not valid JSON at line 1"),
        ("run.json", None, None, "no such file; is"),
    ],
)
def test_bad_folder_is_named(tmp_path, file, old, new, message):
    folder = write_results(tmp_path / "results", labels("line", 2))
    if old is None:
        (folder / file).unlink()
    else:
        content = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(content.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=f"{file}.*{message}"):
        write_report(folder)


def test_numbers_read_well():
    assert [number(value) for value in (0.0, 1.0, 0.04175, 123456.7, 3, "cpu", True)] == [
        "0", "1", "0.0418", "123457", "3", "cpu", "yes",
    ]  # fmt: skip
    assert number(6.45e-16) == "6.45·10⁻¹⁶"
    assert number(-2e7) == "-2.00·10⁷"
    assert percent(0.0056) == "0.56 %"
    assert percent(1e-14) == "< 10⁻⁹ %"
    assert (percent(0.0), percent(None)) == ("0 %", "–")


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
    assert kinds[0] == b"\x89PNG\r\n\x1a\n"
    assert kinds[2].startswith(b"<?xml")
