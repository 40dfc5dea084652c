"""The theory studies: their parts on coarse meshes, and both whole studies in quick mode."""

import csv
import json

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.theory import optimal_transport_study as transport
from cmgai_fem.theory.checks import Check, at_least, at_most, equals, make_folder, reported, say, write_checks
from cmgai_fem.theory.label_meshes import line_mesh, quadratic_line_mesh, square_mesh
from cmgai_fem.theory.laws_study import free_flight, manufactured_orders, run_transport_laws
from cmgai_fem.theory.pull import QuadraticPull, hermite_labels


def failures(checks):
    return [say(check) for check in checks if not check.passed]


@pytest.mark.parametrize("name", transport.PAIRS)
def test_gaussian_clouds(name):
    assert not failures(transport.gaussian_clouds(name, *transport.PAIRS[name], 200))


def test_gaussian_density_and_pictures(tmp_path):
    assert not failures(transport.gaussian_density(21, tmp_path))
    assert (tmp_path / "gaussian_density.png").stat().st_size > 1000


def test_one_gaussian_to_eight(tmp_path):
    assert not failures(transport.one_to_eight(160, tmp_path, quick=True))
    assert (tmp_path / "one_to_eight.gif").read_bytes()[:3] == b"GIF"


def test_known_pull(tmp_path):
    assert not failures(transport.known_pull(tmp_path))


def test_moments_under_the_pull_keep_their_equations():
    q, weights = hermite_labels(5)
    pull = QuadraticPull(q)
    s = np.linspace(0.3, 0.7, 401)
    mean, spread = pull.exact_moments(s)
    h = s[1] - s[0]
    for values, centre in ((mean, 3.0), (spread, 0.5)):
        acceleration = (values[2:] - 2 * values[1:-1] + values[:-2]) / h**2
        np.testing.assert_allclose(acceleration, pull.strength(s[1:-1]) * (values[1:-1] - centre), atol=2e-3)
    np.testing.assert_allclose(weights @ q**2, 1.0, rtol=1e-12)


def test_free_flight():
    assert not failures(free_flight(4))


@pytest.mark.slow
def test_manufactured_orders(tmp_path):
    assert not failures(manufactured_orders(tmp_path, ("membrane",), quick=True))


def test_meshes_fill_their_domain():
    assert line_mesh(5, (-1.0, 2.0)).weights.sum() == pytest.approx(3.0)
    assert quadratic_line_mesh(5).weights.sum() == pytest.approx(1.0)
    assert square_mesh(4, (0.0, 2.0)).weights.sum() == pytest.approx(4.0)


def test_checks_judge_and_are_written(tmp_path):
    checks = [
        equals("a", "b", "c", 1.01, 1.0, 0.02),
        equals("a", "b", "c", 1.03, 1.0, 0.02),
        at_most("a", "b", "c", 2.0, 1.0),
        at_most("a", "b", "c", float("nan"), 1.0),
        at_least("a", "b", "c", 2.0, 1.9),
        at_least("a", "b", "c", -1.0, 1.9),
        reported("a", "b", "c", 5.0),
    ]
    assert [check.passed for check in checks] == [True, False, False, False, True, False, True]
    assert "FAILS" in say(checks[1])
    write_checks(tmp_path, "title", checks, True, 1.0)
    rows = list(csv.DictReader((tmp_path / "metrics.csv").read_text().splitlines()))
    assert [row["passed"] for row in rows].count("True") == 3
    assert json.loads((tmp_path / "run.json").read_text())["passed"] is False
    assert isinstance(checks[0], Check)


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write results there"):
        make_folder(tmp_path / "file" / "inside")


@pytest.mark.slow
def test_quick_optimal_transport(tmp_path):
    lines = []
    assert transport.run_optimal_transport(tmp_path, True, lines.append) == 0
    assert {path.name for path in tmp_path.iterdir()} >= {
        "metrics.csv",
        "run.json",
        "one_to_eight.gif",
        "moving_fields.png",
    }


@pytest.mark.slow
def test_quick_transport_laws_writes_its_verdict(tmp_path):
    code = run_transport_laws(tmp_path, True, print)
    assert code == (0 if json.loads((tmp_path / "run.json").read_text())["passed"] else 1)
    assert (tmp_path / "neo_hookean_density.gif").read_bytes()[:3] == b"GIF"
