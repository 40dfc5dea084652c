"""Whether a law of motion is found where there is one, said in words, and left alone where there is none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.law_calibration import LawCalibration
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.member import keep_member
from cmgai_fem.files.model import load_model, save_model
from cmgai_fem.generate import generate
from cmgai_fem.generated import Generated
from cmgai_fem.states.label_meshes import square_mesh
from cmgai_fem.states.labels import Array, Labels, labels_on_mesh, labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.eigenmodes import lowest_eigenmodes
from cmgai_fem.transport.operator_modes import MeshOperator, PlateOperator

KNOWN, ASKED = np.linspace(0.0, 2.0, 6), np.array([0.6, 1.4, 2.6])
STILL = Search(moving=False)


def rod(count: int = 41) -> Labels:
    points = np.linspace(0.0, 1.0, count)[:, None]
    return labels_on_mesh(points, {"line": np.stack([np.arange(count - 1), np.arange(1, count)], axis=1)})


def cooling(times: Array) -> Array:
    """(T, L) temperatures of the rod, D = 0.05."""
    x = rod().points[:, 0]
    terms = [np.exp(-0.05 * (k * np.pi) ** 2 * times[:, None]) * np.cos(k * np.pi * x) / k for k in range(1, 7)]
    return np.asarray(20.0 + np.sum(terms, axis=0))


def made(labels: Labels, values: Array, coordinate: Coordinate, search: Search = STILL) -> Generated:
    field = Field(values.reshape(len(KNOWN), labels.count, -1), "K", tuple("xyz"[: values.size // labels.count // 6]))
    return generate(States.of(labels, coordinate, KNOWN, {"u": field}), ASKED, search=search)


def test_diffusion_is_found_said_and_continued() -> None:
    known = cooling(KNOWN) + 0.002 * np.random.default_rng(0).normal(size=(6, 41))
    found = made(rod(), known, Coordinate("time", "s"))
    for generator in found.generators:
        assert isinstance(generator.calibration, LawCalibration)
        assert generator.finding.startswith("diffusion found, D = 0.0")
        assert generator.describe()["law_of_motion"] == generator.finding
        assert generator.calibration.motion.diffusivity == pytest.approx(0.05, rel=0.03)
    errors = [float(np.sqrt(np.mean((found.at(s)[:, 0] - cooling(np.array([s]))[0]) ** 2))) for s in ASKED]
    told = [float(np.sqrt(np.mean(found.error(s) ** 2))) for s in ASKED]  # type: ignore[operator]
    assert max(errors) < 0.002
    assert all(0.2 * error < size for error, size in zip(errors, told, strict=True))


def test_it_is_sought_along_a_time_alone_and_can_be_left_out() -> None:
    for coordinate, search in (
        (Coordinate("temperature", "K"), STILL),
        (Coordinate("time", "s"), Search(moving=False, state_force=False)),
    ):
        found = made(rod(), cooling(KNOWN), coordinate, search)
        assert not any(isinstance(generator.calibration, LawCalibration) for generator in found.generators)


def test_motions_without_a_shared_law_are_left_alone() -> None:
    generator = np.random.default_rng(4)
    sizes, phases = generator.normal(size=(30, 2)), generator.uniform(0.0, 6.0, (30, 2))
    rates = generator.uniform(1.0, 3.5, (30, 2))

    def values(times: Array) -> Array:
        return np.stack([sizes * np.sin(rates * s + phases) for s in times])

    labels = labels_on_points(np.arange(30.0)[:, None])
    found = made(labels, values(KNOWN), Coordinate("time", "s"))
    plain = made(labels, values(KNOWN), Coordinate("time", "s"), Search(moving=False, state_force=False))
    for times in (ASKED[:2], ASKED[2:]):
        ours, theirs = (
            np.sqrt(np.mean([np.mean((each.at(s) - values(np.array([s]))[0]) ** 2) for s in times]))
            for each in (found, plain)
        )
        assert ours <= 1.02 * theirs


def swinging(labels: Labels, times: Array) -> Array:
    """(T, L) deflections of a supported square plate after a blow."""
    x, y = labels.points.T
    found = np.zeros((len(times), labels.count))
    for n in range(1, 4):
        for m in range(1, 4):
            swung = np.cos(0.12 * np.pi**2 * (n**2 + m**2) * times) * np.exp(-0.1 * times)
            found += np.exp(-0.1 * (n**2 + m**2) + n) * np.outer(swung, np.sin(n * np.pi * x) * np.sin(m * np.pi * y))
    return np.where(np.any((labels.points < 1e-9) | (labels.points > 1.0 - 1e-9), axis=1), 0.0, found)


@pytest.mark.medium
@pytest.mark.parametrize("lawful", [False, True])
def test_of_a_large_body_that_no_law_moves_the_coarse_mesh_tells(lawful: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmgai_fem.features.coarsening.COUNT", {2: 300, 3: 300})
    monkeypatch.setattr("cmgai_fem.calibration.label_maps.LARGE", {2: 1_000, 3: 1_000})
    monkeypatch.setattr("cmgai_fem.features.coarsening.CHANGE", 0.3)
    labels = square_mesh(33)
    x, y = labels.points.T
    if lawful:
        slow, fast = (np.exp(-0.05 * (np.pi * mode) ** 2 * KNOWN)[:, None] for mode in (1, 2))
        values = 20.0 + 5.0 * slow * np.cos(np.pi * x) + 2.0 * fast * np.cos(2.0 * np.pi * y)
    else:
        along = x - 0.15 - 0.35 * KNOWN[:, None]
        values = np.exp(-((along / 0.15) ** 2) - ((y - 0.5) / 0.15) ** 2)
    asked = set[int]()

    def watched(stiffness: Any, *given: Any) -> tuple[Array, Array]:
        asked.add(stiffness.getSize()[0])
        return lowest_eigenmodes(stiffness, *given)

    monkeypatch.setattr("cmgai_fem.transport.operator_modes.lowest_eigenmodes", watched)
    lines: list[str] = []
    field = Field(values[:, :, None], "K", ("",))
    found = generate(
        States.of(labels, Coordinate("time", "s"), KNOWN, {"u": field}), [0.6], search=STILL, report=lines.append
    )
    calibration = found.generators[0].calibration
    assert isinstance(calibration, LawCalibration) == lawful
    assert lawful or min(asked) < 500
    assert (max(asked) == 33 * 33) == lawful
    assert any("on a coarse mesh" in line for line in lines) != lawful
    if isinstance(calibration, LawCalibration):
        assert calibration.motion.diffusivity == pytest.approx(0.05, rel=0.01)


@pytest.mark.medium
def test_waves_of_a_plate_are_found_and_continued() -> None:
    labels = square_mesh(17)
    found = made(labels, swinging(labels, KNOWN), Coordinate("time", "s"))
    for s in ASKED:
        finding = found.generator(s).finding
        assert finding.startswith("bending waves found, root of stiffness over mass 0.12 length^2 per s"), finding
        exact = swinging(labels, np.array([s]))[0]
        assert np.abs(found.at(s)[:, 0] - exact).max() < 0.05 * np.ptp(exact)


@pytest.mark.medium
def test_the_square_of_the_laplacian_is_no_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    squared = property(lambda self: (lambda modes: (modes[0] ** 2, modes[1]))(MeshOperator.eigenmodes.func(self)))
    monkeypatch.setattr(PlateOperator, "eigenmodes", squared)
    labels = square_mesh(17)
    found = made(labels, swinging(labels, KNOWN), Coordinate("time", "s"))
    assert not any(generator.finding for generator in found.generators)


@pytest.mark.medium
def test_networks_solve_the_law_that_was_found() -> None:
    field = Field(cooling(KNOWN)[:, :, None], "K", ("",))
    states = States.of(rod(), Coordinate("time", "s"), KNOWN, {"u": field})
    found = generate(states, [2.6], methods=["pinn"], search=STILL)
    assert found.generators[0].finding.startswith("diffusion found")
    np.testing.assert_allclose(found.at(2.6)[:, 0], cooling(np.array([2.6]))[0], atol=2e-3)
    with pytest.raises(InputError, match="networks of a law of motion are not kept"):
        keep_member(found.generators[0].solutions["pinn"].members[0], np.array([[2.6]]))


def test_a_turn_of_moving_labels_goes_on() -> None:
    start = np.random.default_rng(5).normal(size=(25, 2)) + np.array([1.0, 0.0])

    def values(times: Array) -> Array:
        turns = [np.array([[np.cos(2.5 * s), np.sin(2.5 * s)], [-np.sin(2.5 * s), np.cos(2.5 * s)]]) for s in times]
        return np.stack([start @ turn for turn in turns])

    found = made(labels_on_points(np.arange(25.0)[:, None]), values(KNOWN), Coordinate("time", "s"))
    assert "period 2.51 s" in found.generator(2.6).finding
    np.testing.assert_allclose(found.at(2.6), values(np.array([2.6]))[0], atol=5e-3)


def test_a_model_file_keeps_the_law(tmp_path: Path) -> None:
    import pyvista

    x = rod().points[:, 0]
    grids = []
    for temperature in cooling(KNOWN):
        grid = pyvista.UnstructuredGrid({3: rod().cells["line"]}, np.stack([x, 0.0 * x, 0.0 * x], axis=1))
        grid.point_data["T"] = temperature
        grids.append(grid)
    states = read_states(grids, field="T", coordinate="time", unit="s", values=list(KNOWN))
    found = generate(states, [2.6], search=STILL)
    save_model(tmp_path / "model.safetensors", found.generators[0])
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.facts["law_of_motion"].startswith("diffusion found")
    np.testing.assert_allclose(loaded.at(2.6), found.at(2.6), rtol=1e-12)
    np.testing.assert_allclose(loaded.error(2.6), found.error(2.6), rtol=1e-9)
