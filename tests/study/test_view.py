"""The turning view of a page: its surface is the mesh's, and what is packed comes out as it went in."""

import base64
import json

import numpy as np
import pytest
from results_folders import labels

from cmgai_fem import generate
from cmgai_fem.calibration.candidates import Search
from cmgai_fem.states.labels import labels_on_mesh
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study.view import STEPS, Surface, held_out_view, packed, write_view


def unpacked(one: dict) -> np.ndarray:
    return one["low"] + one["step"] * np.frombuffer(base64.b64decode(one["data"]), "<u2")


def area(surface: Surface) -> float:
    first, second, third = (surface.points[surface.triangles[:, corner]] for corner in range(3))
    return 0.5 * float(np.linalg.norm(np.cross(second - first, third - first), axis=1).sum())


def test_packing_loses_half_a_step_of_the_range():
    values = np.random.default_rng(0).normal(size=500)
    assert np.abs(unpacked(packed(values)) - values).max() <= 0.5000001 * np.ptp(values) / STEPS
    assert np.array_equal(unpacked(packed(np.full(3, 7.0))), np.full(3, 7.0))


def test_the_surface_of_a_solid_is_its_boundary():
    body = labels("tetra", 5)
    surface = Surface.of(body, most=10_000)
    sides = np.ptp(body.points, axis=0)
    assert area(surface) == pytest.approx(2.0 * (sides[0] * sides[1] + sides[1] * sides[2] + sides[2] * sides[0]))
    on_boundary = np.any((body.points == body.points.min(axis=0)) | (body.points == body.points.max(axis=0)), axis=1)
    assert sorted(surface.nodes) == list(np.flatnonzero(on_boundary))
    assert not surface.thinned and np.all(surface.edges == 7)
    assert np.array_equal(surface.nodal(body.points), body.points[surface.nodes])


def test_the_diagonal_of_a_quadrilateral_is_no_edge_of_the_mesh():
    points = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=float)
    surface = Surface.of(labels_on_mesh(points, {"quad": np.array([[0, 1, 2, 3]])}), most=10)
    assert len(surface.triangles) == 2
    assert [int(flags).bit_count() for flags in surface.edges] == [2, 2]


def test_values_of_cells_are_means_about_nodes():
    body = labels("triangle", 4, "cell")
    surface = Surface.of(body, most=1000)
    assert np.allclose(surface.nodal(np.full(body.count, 3.0)), 3.0)
    (block,) = body.cells.values()
    values, node = np.arange(body.count, dtype=float), int(surface.nodes[0])
    assert surface.nodal(values)[0] == pytest.approx(values[np.any(block == node, axis=1)].mean())


def test_a_large_surface_keeps_its_shape_with_fewer_of_its_own_nodes():
    body = labels("triangle", 60)
    surface = Surface.of(body, most=900)
    assert surface.thinned and len(surface.points) <= 1000
    assert np.allclose(surface.points[:, :2], body.points[surface.nodes], atol=1e-6)
    assert area(surface) == pytest.approx(body.volume, rel=1e-3)


def test_known_and_held_out_states_stand_in_their_order_with_errors_of_ours_and_of_rivals(tmp_path):
    body = labels("triangle", 6)
    known, asked = [1.0, 2.0, 4.0, 7.0], [8.0, 3.0]
    u = {state: np.sin(state * body.points[:, :1]) for state in (*known, *asked)}
    field = Field(np.array([u[state] for state in known]), "K", ("",))
    states = States.of(body, Coordinate("time", "s"), np.array(known), {"u": field})
    made = generate(states, asked, rivals=["linear", "pod_gpr"], search=Search(moving=False, state_force=False))
    file = held_out_view(made, [u[state] for state in asked], tmp_path, "a case, 5 % noise", ["linear", "pod_gpr"])
    assert file == "a_case_5_noise.json"
    view = json.loads((tmp_path / file).read_text())
    assert [state["text"] for state in view["states"]] == [f"time = {t} s" for t in (1, 2, 3, 4, 7, 8)]
    assert [state["kind"].split(",")[0] for state in view["states"]] == ["known"] * 2 + ["held out"] + ["known"] * 2 + [
        "held out"
    ]
    # A rival that does not keep known states is not shown as if it did.
    assert view["methods"] == ["FEM transport", "Linear"]
    (shown,) = view["fields"]
    surface = Surface.of(body, 10_000)
    between = made.at(3.0)[:, 0] - u[3.0][:, 0]
    tolerance = shown["errors"][0][2]["step"]
    np.testing.assert_allclose(unpacked(shown["errors"][0][2]), surface.nodal(between), atol=tolerance)
    assert not unpacked(shown["errors"][1][0]).any()
    assert unpacked(shown["errors"][1][2]).any()
    assert [bool(text) for text in shown["nrmse"][0]] == [False, False, True, False, False, True]


def test_a_line_has_no_view(tmp_path):
    assert write_view(tmp_path, labels("line", 4), [("a", "known")], [], []) == ""
    assert not list(tmp_path.iterdir())
