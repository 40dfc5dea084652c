"""Calibration decides by itself whether labels move, and how stiff the body is."""

from collections.abc import Callable

import numpy as np
import pytest
import pyvista

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.label_maps import LabelMaps
from cmgai_fem.calibration.moving import MovingCalibration
from cmgai_fem.features.label_map import LabelMap
from cmgai_fem.fem.registration import FemRegistration
from cmgai_fem.generate import generate
from cmgai_fem.generated import Generated
from cmgai_fem.states.label_meshes import line_mesh, square_mesh
from cmgai_fem.states.labels import Labels, labels_on_mesh
from cmgai_fem.states.states import Coordinate, Coordinates, Field, States

KNOWN = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
UNSEEN = [0.125, 0.375, 0.625, 0.875]


def oblique(points: np.ndarray, s: float) -> np.ndarray:
    """A pulse that moves aslant, accelerates, grows and turns."""
    x, y = points[:, 0] - 0.2 - 0.4 * s - 0.18 * s * s, points[:, 1] - 0.25 - 0.2 * s - 0.28 * s * s
    return (1.0 + 0.3 * s) * np.exp(-((x / 0.13) ** 2) - (y / (0.12 - 0.02 * s)) ** 2)


def box(counts: tuple[int, int, int], sides: tuple[float, float, float]) -> Labels:
    """Hexahedra of a box."""
    spacing = np.array(sides) / (np.array(counts) - 1)
    grid = pyvista.ImageData(dimensions=counts, spacing=tuple(spacing)).cast_to_unstructured_grid()
    cells = grid.cells_dict[pyvista.CellType.VOXEL][:, [0, 1, 3, 2, 4, 5, 7, 6]].astype(np.int64)
    return labels_on_mesh(np.asarray(grid.points, dtype=float), {"hexahedron": cells})


def smooth(points: np.ndarray, s: float) -> np.ndarray:
    """Nothing moves, and no polynomial in s holds it."""
    return np.exp(0.8 * s * np.sin(3.0 * points[:, 0] + points[:, 1])) + 0.3 * np.abs(s - 0.4) * points[:, 1]


def states_of(labels: Labels, field: Callable[[np.ndarray, float], np.ndarray]) -> States:
    values = np.array([field(labels.points, s) for s in KNOWN])
    values = values[:, :, None] if values.ndim == 2 else values
    names = ("",) if values.shape[2] == 1 else tuple(map(str, range(values.shape[2])))
    return States(labels, Coordinate("s"), KNOWN, {"f": Field(values, "K", names)})


def mean_error(made: Generated, field: Callable[[np.ndarray, float], np.ndarray]) -> float:
    points = made.states.labels.points
    truth = [field(points, s).reshape(len(points), -1) for s in UNSEEN]
    sizes = [np.sqrt(np.mean((made.at(s) - one) ** 2)) / np.ptp(one) for s, one in zip(UNSEEN, truth, strict=True)]
    return float(np.mean(sizes))


def test_a_pulse_moves_its_labels() -> None:
    states = states_of(square_mesh(25), oblique)
    made, still = generate(states, UNSEEN), generate(states, UNSEEN, search=Search(moving=False))
    assert isinstance(made.generators[0].calibration, MovingCalibration)
    assert "moving labels, stiffness" in str(made)
    assert "moving labels" not in str(still)
    assert mean_error(made, oblique) < 0.1 * mean_error(still, oblique)
    for s, known in zip(KNOWN, states.field("f").values, strict=True):
        np.testing.assert_allclose(made.at(s), known, atol=1e-12 * np.ptp(known))
    facts = made.describe()[0]["moving_labels"]
    assert min(facts["least_jacobian"]) > 0.0
    motion = made.generators[0].motion(0.3)
    assert motion is not None
    assert motion[0].shape == (25 * 25, 2)
    estimate = made.error(0.3)
    assert estimate is not None
    assert 0.0 < np.sqrt(np.mean(estimate**2)) < 0.05


def test_where_nothing_moves_the_answer_stays_what_it_was() -> None:
    states = states_of(square_mesh(13), smooth)
    lines: list[str] = []
    made = generate(states, UNSEEN, report=lines.append)
    still = generate(states, UNSEEN, search=Search(moving=False))
    assert any("labels do not move" in line for line in lines)
    assert made.generators[0].motion(0.3) is None
    for s in UNSEEN:
        np.testing.assert_array_equal(made.at(s), still.at(s))


@pytest.mark.parametrize("sides", [2, pytest.param(3, marks=pytest.mark.medium)])
def test_a_large_body_goes_on_from_the_maps_of_its_coarse_mesh(sides: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmgai_fem.features.coarsening.COUNT", {2: 300, 3: 300})
    monkeypatch.setattr("cmgai_fem.features.coarsening.CHANGE", 0.4)
    monkeypatch.setattr("cmgai_fem.calibration.label_maps.LARGE", {2: 1_000, 3: 1_000})
    labels = square_mesh(41) if sides == 2 else box((21, 21, 5), (1.0, 1.0, 0.2))
    states = states_of(labels, oblique)
    maps = LabelMaps(states)
    assert maps.coarse is not None
    assert maps.coarse.coarse is None
    assert maps.coarse.states.labels.count < 0.5 * labels.count
    coarse = maps.coarse.carrier(0.3)
    found, alone = maps.continued(coarse), LabelMaps(states).carrier(0.3)
    for one, other in zip(found.maps, alone.maps, strict=True):
        assert one.total == pytest.approx(other.total, rel=0.05)
        assert one.least_jacobian > 0.0
    still = generate(states, UNSEEN, search=Search(moving=False))
    assert mean_error(generate(states, UNSEEN), oblique) < 0.15 * mean_error(still, oblique)


def test_a_large_body_whose_labels_stay_finds_that_out_on_its_coarse_mesh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmgai_fem.features.coarsening.COUNT", {2: 300, 3: 300})
    monkeypatch.setattr("cmgai_fem.calibration.label_maps.LARGE", {2: 1_000, 3: 1_000})
    states = states_of(square_mesh(41), smooth)
    registered = []
    register = FemRegistration.__call__

    def watched(self: FemRegistration, *given: object, **named: object) -> LabelMap:
        registered.append(len(self.body.points))
        return register(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(FemRegistration, "__call__", watched)
    assert generate(states, UNSEEN).generators[0].carrier is None
    assert registered
    assert max(registered) < 1_000


def both(points: np.ndarray, s: float) -> np.ndarray:
    """A gradient of a pulse: a vector field."""
    one = oblique(points, s)
    return np.column_stack([one, -0.5 * one])


def test_components_of_a_vector_move_together() -> None:
    labels = square_mesh(21)
    made = generate(states_of(labels, both), UNSEEN)
    for s in UNSEEN:
        vector = made.at(s)
        np.testing.assert_allclose(vector[:, 1], -0.5 * vector[:, 0], atol=1e-6)
    assert mean_error(made, both) < 0.01


def test_on_a_line_and_on_hexahedra_pulses_move_too() -> None:
    def along(points: np.ndarray, s: float) -> np.ndarray:
        return np.exp(-(((points[:, 0] - 0.2 - 0.5 * s - 0.1 * s * s) / 0.12) ** 2))

    for labels in (line_mesh(81), box((17, 4, 4), (1.0, 0.3, 0.3))):
        states = states_of(labels, along)
        made, still = generate(states, UNSEEN), generate(states, UNSEEN, search=Search(moving=False))
        assert mean_error(made, along) < 0.3 * mean_error(still, along)


@pytest.mark.parametrize("where", ["cells", "three states"])
def test_what_cannot_move_is_carried_label_by_label(where: str) -> None:
    labels = square_mesh(9)
    if where == "cells":
        labels = labels_on_mesh(labels.points, labels.cells, "cell")
        values = np.array([oblique(labels.positions, s) for s in KNOWN])
        states = States(labels, Coordinate("s"), KNOWN, {"f": Field(values[:, :, None], "K", ("",))})
    else:
        states = states_of(labels, oblique).rows(np.array([0, 2, 4]))
    made = generate(states, [0.3])
    assert made.generators[0].carrier is None


def test_over_several_coordinates_a_line_says_that_labels_stay() -> None:
    labels, grid = square_mesh(7), np.array([(a, b) for a in (0.0, 0.5, 1.0) for b in (0.0, 1.0)])
    values = np.array([oblique(labels.points, 0.6 * a + 0.4 * b) for a, b in grid])[:, :, None]
    lines: list[str] = []
    states = States(labels, Coordinates((Coordinate("a"), Coordinate("b"))), grid, {"f": Field(values, "K", ("",))})
    generate(states, [[0.3, 0.6]], report=lines.append)
    assert any("labels stay where they are" in line for line in lines)


def test_beyond_the_states_the_last_is_the_reference() -> None:
    labels = square_mesh(25)
    made = generate(states_of(labels, oblique), [1.05])
    still = generate(states_of(labels, oblique), [1.05], search=Search(moving=False))
    truth = oblique(labels.points, 1.05)[:, None]
    sizes = [np.sqrt(np.mean((one.at(1.05) - truth) ** 2)) for one in (made, still)]
    assert made.generators[0].carrier is not None
    assert sizes[0] < 0.5 * sizes[1]
