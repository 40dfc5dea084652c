"""Model files: one file, the generator's own digits, and one line where something is wrong with it."""

import json

import numpy as np
import pytest
from bodies import VALUES, write_states
from safetensors import safe_open
from safetensors.numpy import save_file

from cmgai_fem.calibration.candidates import Search
from cmgai_fem.calibration.trials import inside_hull
from cmgai_fem.errors import InputError
from cmgai_fem.files.file_states import read_states
from cmgai_fem.files.kept import digest_of
from cmgai_fem.files.model import load_model, save_model
from cmgai_fem.generate import generate
from cmgai_fem.generated import Generator
from cmgai_fem.motions.line import Line
from cmgai_fem.motions.nested import Nested
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import labels_on_mesh
from cmgai_fem.states.states import States
from cmgai_fem.study.paraview import unstructured_grid
from cmgai_fem.transport.feature_space import Admissible
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import Membrane, NeoHookean
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Superposition

PATTERN = r"T=(\d+)"
GRID = np.array([[t, f] for t in (0.0, 1.0, 3.0) for f in (0.0, 2.0, 3.0)])


def triangles(count: int = 9):
    x, y = np.meshgrid(np.linspace(0.0, 1.0, count), np.linspace(0.0, 1.0, count), indexing="ij")
    rows = np.arange(count * count).reshape(count, count)
    lower = np.column_stack([rows[:-1, :-1].ravel(), rows[1:, :-1].ravel(), rows[1:, 1:].ravel()])
    upper = np.column_stack([rows[:-1, :-1].ravel(), rows[1:, 1:].ravel(), rows[:-1, 1:].ravel()])
    return labels_on_mesh(np.column_stack([x.ravel(), y.ravel()]), {"triangle": np.vstack([lower, upper])})


def on_triangles(values, components=1, **options):
    """States of a smooth field on a square of triangles, read from grids in memory."""
    labels, grids = triangles(), []
    for value in np.atleast_2d(np.asarray(values, dtype=float).T).T:
        grid, (x, y) = unstructured_grid(labels), labels.points.T
        s = value.sum()
        columns = [np.sin(2.0 * s + x) * (1.0 + y), 0.1 * np.cos(s + y) * x][:components]
        grid.point_data["f"] = 0.05 * np.column_stack(columns) if components > 1 else columns[0]
        grids.append(grid)
    return read_states(grids, field="f", values=values, **options)


def kept(generator, path, points):
    """Save, load, and hold the answers against the generator's own."""
    save_model(path, generator)
    model = load_model(path)
    for point in points:
        np.testing.assert_array_equal(model.at(point), generator.solution.at(point))
    return model


def of_solution(problem, method, points, **options):
    """A generator of one transport that nothing was chosen for."""
    places = np.array(points, dtype=float)
    reaching = problem.with_reach(*places)
    solutions = {method: Superposition((solve(reaching, method, **options),), (1.0,))}
    return Generator(reaching, places, inside_hull(problem.states.values, places[0]), None, solutions)


@pytest.mark.parametrize("method", ["fem", "pinn"])
@pytest.mark.parametrize("targets", [[325.0], [80.0, 800.0]], ids=["between", "beyond"])
def test_a_superposition_of_one_coordinate(tmp_path, method, targets):
    states = read_states(write_states(tmp_path), field="stress", values_from=PATTERN)
    search = Search(kinds=(("power", 1.0 / 3.0),), dampings=(1.0,))
    made = generate(states, targets, methods=(method,), search=search, bounds=Admissible(-3e6, False))
    generator = made.generators[0]
    model = kept(generator, tmp_path / "m.safetensors", targets)
    for target in targets:
        np.testing.assert_array_equal(model.error(target), made.error(target))
        assert model.trust(target) == made.trust(target)
    assert model.facts["transport"] == str(generator.calibration)
    assert [file.name for file in (tmp_path).iterdir() if file.stem == "m"] == ["m.safetensors"]
    with pytest.raises(InputError, match="outside what this model answers"):
        model.at(900.0)
    with pytest.raises(InputError, match="this model has 1 state coordinate, state: give --at A, not 2 numbers"):
        model.at([325.0, 1.0])


def test_weights_that_vary_over_the_body_and_mass(tmp_path):
    values, x = np.linspace(0.0, 1.0, 5), np.linspace(0.0, 2.0, 90)
    pulses = [(1.0 + s) * np.exp(-(((x - 0.5 - s) / 0.15) ** 2)) for s in values]
    states = read_states(pulses, field="u", values=values, points=x[:, None])
    made = generate(states, 0.6, search=Search(mass_axes=((0,),)), bounds=Admissible(0.0))
    chosen = made.generators[0].calibration
    assert chosen.local
    assert any(member.mass_axes for member in chosen.members)
    kept(made.generators[0], tmp_path / "m.safetensors", [0.1, 0.6])


@pytest.mark.parametrize("method", ["fem", "pinn"])
def test_a_linear_law(tmp_path, method):
    states = on_triangles([0.0, 0.3, 0.5, 1.0])
    problem = Problem(states, law=Membrane(1e-2), force=Least(0), damping=1.0)
    kept(of_solution(problem, method, [[0.4], [1.2]]), tmp_path / "m.safetensors", [0.0, 0.4, 1.2])


def test_a_nonlinear_law(tmp_path):
    states = on_triangles([0.0, 0.5, 1.0], components=2)
    small = Problem(states, law=NeoHookean(1e-3), force=Least(0))
    kept(of_solution(small, "fem", [[0.4]]), tmp_path / "m.safetensors", [0.4])


@pytest.mark.parametrize("method", ["fem", "pinn"])
@pytest.mark.parametrize(
    "force",
    [
        Scattered(-1),
        Scattered(0, None, (1.0, 2.0), 4.0, 0.1),
        Scattered(0),
        Nested((Line(0), Line(1, 2.0))),
    ],
    ids=str,
)
def test_two_coordinates(tmp_path, method, force):
    states = on_triangles(GRID, coordinate=["t", "f"])
    problem = Problem(states, force=force)
    points = [[0.5, 1.0], [2.0, 2.5]]
    model = kept(of_solution(problem, method, points), tmp_path / "m.safetensors", points)
    with pytest.raises(InputError, match="does not lie between the known states as this model's targets did"):
        model.at([4.0, 1.0])
    with pytest.raises(InputError, match="this model has 2 state coordinates, t, f: give --at A:B"):
        model.at(4.0)


def test_networks_of_a_grid_answer_as_far_as_they_were_asked(tmp_path):
    states = on_triangles(GRID, coordinate=["t", "f"])
    points = [[3.5, 1.0], [4.0, 3.5]]
    generator = of_solution(Problem(states, force=Nested((Line(0), Line(0)))), "pinn", points)
    model = kept(generator, tmp_path / "m.safetensors", points)
    model.at([3.8, 1.0])
    with pytest.raises(InputError, match="these networks do not reach from 0 to 5"):
        model.at([5.0, 1.0])


def test_soft_states(tmp_path):
    states = on_triangles([0.0, 0.3, 0.5, 1.0])
    problem = Problem(states, tolerance=(0.05, 0.1, 0.1, 0.05), force=Least(0))
    for method in ("fem", "pinn"):
        kept(of_solution(problem, method, [[0.4]]), tmp_path / "m.safetensors", [0.3, 0.4])


def test_cells_and_two_states(tmp_path):
    files = write_states(tmp_path, values=(100.0, 700.0), location="cell")
    states = read_states(files, field="stress", values_from=PATTERN)
    model = kept(generate(states, 325.0).generators[0], tmp_path / "m.safetensors", [325.0])
    assert model.error(325.0) is None
    assert model.trust(325.0).word == "not trusted"
    assert model.states.labels.count == states.template.grid.n_cells
    assert len(repr(model)) < 300


def test_what_is_not_kept_is_refused(tmp_path):
    states = on_triangles([0.0, 0.5, 1.0])
    settings = TrainingSettings("coordinates", hidden=(4,), field_steps=400, tolerance=1.0)
    whole = of_solution(Problem(states, force=Least(0)), "pinn", [[0.4]], settings=settings)
    with pytest.raises(InputError, match="only a modal solution of the PINN"):
        save_model(tmp_path / "m.safetensors", whole)
    bare = generate(without_files(states), 0.4)
    with pytest.raises(InputError, match="a model needs states of read_states"):
        save_model(tmp_path / "m.safetensors", bare.generators[0])
    with pytest.raises(InputError, match=r"must end in \.safetensors"):
        save_model(tmp_path / "m.txt", bare.generators[0])
    assert not list(tmp_path.iterdir())


def without_files(states):
    """The same states without their files."""
    return States(states.labels, states.coordinates, states.values, states.fields)


@pytest.fixture
def model(tmp_path):
    """A small model, and its parts to change."""
    states = read_states(write_states(tmp_path, values=VALUES[:3]), field="stress", values_from=PATTERN)
    path, problem = tmp_path / "model.safetensors", Problem(states, force=Least(1))
    save_model(path, of_solution(problem, "fem", [[200.0]]))
    return path


def rewritten(path, facts=None, arrays=None, header=None):
    """The model with facts, arrays or header entries changed, and the digest made to fit."""
    with safe_open(path, framework="numpy") as stored:
        before = stored.metadata()
        found = {key: stored.get_tensor(key) for key in stored.keys()} | (arrays or {})  # noqa: SIM118
    text = before["facts"]
    for old, new in (facts or {}).items():
        assert old in text
        text = text.replace(old, new)
    save_file(found, path, before | {"facts": text, "sha256": digest_of(text, found)} | (header or {}))
    return path


def refused(path, match):
    with pytest.raises(InputError, match=match) as refusal:
        load_model(path)
    assert "\n" not in str(refusal.value)
    assert str(refusal.value).startswith(str(path))


def test_damaged_files(model):
    content = model.read_bytes()
    for spoilt in (
        content[:-1] + bytes([content[-1] ^ 1]),
        content[: len(content) // 2],
        content[:6],
        bytes(range(256)),
        content.replace(b"temperature", b"temperaturX") if b"temperature" in content else content[:-9],
        content.replace(b"Infinity", b"x").replace(b'"state', b'"stale', 1),
    ):
        model.write_bytes(spoilt)
        refused(model, "damaged|is no cmgai-fem model")
    model.write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        load_model(model)
    model.unlink()
    with pytest.raises(InputError, match="no such file"):
        load_model(model)


def test_foreign_files_and_other_versions(model, tmp_path):
    save_file({"a": np.zeros(3)}, tmp_path / "other.safetensors")
    refused(tmp_path / "other.safetensors", "is no cmgai-fem model")
    refused(rewritten(model, header={"version": "99"}), "version 99, this program reads version 3")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"arrays": {"shares": np.array([np.nan])}}, "shares holds numbers that are not finite"),
        ({"arrays": {"states/known": np.full((3, 45, 6), np.nan)}}, "states/known holds numbers that are not finite"),
        ({"arrays": {"states/known": np.full((3, 45, 6), 1e308)}}, "no finite range"),
        ({"arrays": {"states/known": np.zeros((3, 4, 6))}}, "damaged model"),
        ({"arrays": {"states/values": np.array([[1.0], [1.0], [2.0]])}}, "two states have"),
        ({"arrays": {"shares": np.ones(3)}}, "weights for 1 members"),
        ({"arrays": {"mesh/points": np.full((45, 3), np.nan)}}, "not finite"),
        ({"facts": {'"blend": null': '"blend": {"rows": [99], "taken": 0.0, "scale": 1.0}'}}, "weights for 1 members"),
        ({"facts": {'"order": 1': '"order": 99'}}, "order 99 needs"),
        ({"facts": {'"origin": 0.0': '"origin": NaN'}}, "NaN is no finite number"),
        ({"facts": {'"origin": 0.0': '"origin": 1e999'}}, "1e999 is no finite number"),
        ({"facts": {'"kept": "exact"': '"kept": "pickle"'}}, "damaged model: 'pickle'"),
        ({"facts": {'"kept": "exact"': '"kept": "networks"'}}, "damaged model"),
        ({"facts": {'"name": "none"': '"name": "magic"'}}, "no constitutive law 'magic'"),
        ({"facts": {'"members"': '"numbers"'}}, "damaged model: 'members'"),
    ],
)
def test_contents_that_make_no_sense(model, change, match):
    refused(rewritten(model, **change), match)


def test_the_header_says_what_the_model_is(model):
    with safe_open(model, framework="numpy") as stored:
        header = stored.metadata()
    assert (header["format"], header["version"]) == ("cmgai-fem model", "3")
    facts = json.loads(header["facts"])
    assert facts["field"] == "stress"
    assert [name.startswith("run_T=") for name in facts["files"]] == [True] * 3
