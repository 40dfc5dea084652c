"""Ablation: what is changed, what is marked, and that the figures are those of the transports themselves."""

import numpy as np
import pytest

from cmgai_fem.calibration.blend import Blend, data_of
from cmgai_fem.calibration.calibrate import Calibration
from cmgai_fem.calibration.candidates import Candidate, Search
from cmgai_fem.calibration.rule import RuleOfChoice
from cmgai_fem.errors import InputError
from cmgai_fem.generate import Networks
from cmgai_fem.metrics import field_error
from cmgai_fem.motions.line import Line
from cmgai_fem.motions.nested import Nested
from cmgai_fem.motions.scattered import Scattered
from cmgai_fem.solve import solve
from cmgai_fem.states.label_meshes import square_mesh
from cmgai_fem.states.labels import Labels
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study import generation as generating
from cmgai_fem.study.ablation import AblationRow, ablate, ablate_left_out, check_left_out_parts, of_order, variants
from cmgai_fem.study.ablation_rows import ablation_lines
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.generation import Generation, generate_fields
from cmgai_fem.transport.forces import Free
from cmgai_fem.transport.problem import Problem

KNOWN = [0.0, 0.25, 0.5, 0.75, 1.0]
ASKED = (0.4, 0.9)


@pytest.fixture(scope="module")
def reference() -> States:
    """Oscillators of one frequency: the force is minus four times the feature, so it has a potential."""
    labels = square_mesh(4)
    x, y = labels.points.T
    values = np.array(sorted([*KNOWN, *ASKED]))
    field = np.stack([np.cos(2.0 * s) * x + np.sin(2.0 * s) * y for s in values])[:, :, None]
    return States.of(labels, Coordinate("t"), values, {"f": Field(field, "", ("",))})


STUDY = FieldStudy(
    name="oscillators",
    title="Oscillators",
    coordinate={"name": "t"},
    states={"known": KNOWN, "interpolation": list(ASKED)},
    kind="thermal-stress",
    fields={"f": {}},
    calibration={"dampings": [1.0], "stiffnesses": [], "pseudo_times": []},
)
SURFACE = FieldStudy(
    name="surface",
    title="A surface",
    coordinates=[{"name": "t"}, {"name": "load", "parameter": "tip_force"}],
    states={"known": [[a, b] for a in (0.0, 0.5, 1.0) for b in (0.0, 0.4, 1.0)], "interpolation": [[0.3, 0.7]]},
    kind="thermal-stress",
    fields={"f": {}},
)


def silent(_: object) -> None:
    """Progress nobody looks at."""


def made(states: States, study: FieldStudy = STUDY) -> Generation:
    return generate_fields(states.at(study.states.known), study, Networks(), silent)


def rows_of(
    states: States, parts: list[str], study: FieldStudy = STUDY, generation: Generation | None = None
) -> list[AblationRow]:
    return ablate(states, Networks(), generation or made(states, study), parts, silent)


def test_every_part_is_changed_and_the_choice_is_marked(reference: States) -> None:
    problem = Problem(reference.at(KNOWN))
    blend = Blend(RuleOfChoice.of(data_of(problem)), (1,), True, (1.0,))
    calibration = Calibration((Candidate(1, 1.0), Candidate(0)), (0.7, 0.3), 0.01, (), (), (), blend)
    found = list(variants(problem, calibration, ["order", "law", "force"]))
    names = {part: [item.choice for item in found if item.part == part] for part in ("order", "law", "force")}
    assert names["order"] == [f"least({p})" for p in range(-1, 4)]
    assert names["law"][:3] == ["none", "none, damping 1", "none, damping 4"]
    assert len([name for name in names["law"] if name.startswith("membrane")]) == 3
    assert names["force"] == ["least(1)", "potential", "autonomous", "free"]
    marked = [(item.part, item.choice) for item in found if item.chosen]
    assert marked == [("order", "least(1)"), ("law", "none, damping 1"), ("force", "least(1)")]
    assert all(item.candidate.damping == 1.0 for item in found if item.part == "order")


def test_rows_are_the_errors_of_the_transports(reference: States) -> None:
    generation = made(reference)
    rows = rows_of(reference, ["order", "law"], generation=generation)
    assert rows[0].part == "calibrated" and rows[0].chosen
    assert [row.part for row in rows[1:]] == ["order"] * 5 + ["law"] * 6
    for row in rows:
        assert row.note == "" and row.mean is not None and row.worst is not None and 0.0 < row.mean <= row.worst
    (natural,) = [row for row in rows if row.choice == "least(0)" and row.part == "order"]
    problem = Problem(reference.at(KNOWN))
    ((*_, generator),) = generation.sides()
    calibration = generator.calibration
    base = calibration.members[int(np.argmax(calibration.weights))]
    solution = solve(Candidate(0, base.damping).apply(problem))
    errors = [
        field_error(solution.at(value), reference.field("f").values[reference.index(value)], reference.labels.weights)
        for value in ASKED
    ]
    assert natural.mean == pytest.approx(np.mean([error.nrmse for error in errors]), rel=1e-9)
    # What calibration saw is what the table shows beside it.
    table = dict(calibration.table)
    assert natural.left_out == pytest.approx(table[Candidate(0, base.damping)], rel=1e-9)
    # A state less carries an order less: the highest has no left-out error.
    assert [row.left_out is None for row in rows if row.part == "order"] == [False] * 4 + [True]


@pytest.mark.slow
def test_a_force_of_the_state_is_found_where_there_is_one(reference: States) -> None:
    rows = rows_of(reference, ["order", "force"])
    reached = {row.choice: row.mean for row in rows}
    assert max(reached["potential"], reached["autonomous"]) < 0.1 * reached["least(0)"]


def test_held_out_fields_are_read_to_measure_alone(reference: States) -> None:
    poisoned = States.of(
        reference.labels,
        reference.coordinates,
        reference.values,
        {"f": Field(reference.field("f").values.copy(), "", ("",))},
    )
    held_out = [reference.index(value) for value in ASKED]
    poisoned.field("f").values[held_out] = np.random.default_rng(0).normal(size=(2, reference.labels.count, 1))
    clean, dirty = (rows_of(states, ["order"]) for states in (reference, poisoned))
    assert [row.left_out for row in clean] == [row.left_out for row in dirty]
    assert [row.choice for row in clean if row.chosen] == [row.choice for row in dirty if row.chosen]


def test_a_law_that_the_labels_cannot_carry_is_said_so(reference: States) -> None:
    bare = States.of(
        Labels(reference.labels.points, reference.labels.weights, {}),
        reference.coordinates,
        reference.values,
        reference.fields,
    )
    rows = rows_of(bare, ["law"])
    refused = [row for row in rows if row.choice.startswith("membrane")]
    assert refused and all("use the law 'none'" in row.note and row.mean is None for row in refused)


def test_with_several_coordinates_order_and_kind_of_motion_are_changed(monkeypatch) -> None:
    search = Search(ratios=(1.0,), tensions=(0.0,))
    monkeypatch.setattr(generating, "search_of", lambda study, name: search)
    labels, points = square_mesh(2), SURFACE.points
    x, y = labels.points.T
    field = np.stack([np.exp(a * x) + a * b * y + np.sin(2.0 * b) for a, b in points])[:, :, None]
    states = States(labels, SURFACE.axes, np.array(points), {"f": Field(field, "", ("",))})
    rows = rows_of(states, ["order", "force"], SURFACE)
    by_part = {part: [row for row in rows if row.part == part] for part in ("calibrated", "order", "force")}
    assert len(by_part["order"]) >= 3 and len(by_part["force"]) >= 3
    for part in ("order", "force"):
        assert len({row.choice for row in by_part[part]}) == len(by_part[part])
        assert sum(row.chosen for row in by_part[part]) == 1
    assert all(row.note == "" and row.mean is not None and row.mean > 0.0 for row in rows)
    assert any(row.choice.startswith("grid") for row in by_part["force"])
    # What calibration saw of its own choice, and would have seen of one that it did not try.
    assert all(row.left_out is not None for row in rows)
    assert any("tension 4" in row.choice for row in by_part["force"])


def test_another_order_of_a_motion() -> None:
    soft = Scattered(1, tension=4.0, softness=0.1)
    assert of_order(soft, 0) == Scattered(0, tension=4.0, softness=0.1)
    assert of_order(soft, -1) == Scattered(-1)
    assert of_order(Nested((Line(1, 4.0), Line(0))), 2) == Nested((Line(2, 4.0), Line(2)))


def test_forces_that_calibration_does_not_try_are_solved_by_networks(reference: States, monkeypatch) -> None:
    monkeypatch.setattr("cmgai_fem.study.ablation.FORCES", {"free": Free()})
    rows = rows_of(reference, ["force"])
    assert [row.choice for row in rows if row.part == "force"][1:] == ["free"]
    assert rows[-1].note == "" and rows[-1].left_out is None and 0.0 < rows[-1].mean < 1.0


def test_generate_tells_by_the_known_states_alone_what_a_study_tells(reference: States) -> None:
    """The same left-out errors, whether held-out states are there or not."""
    generation = made(reference)
    rows = {(row.part, row.choice): row for row in rows_of(reference, ["order", "law"], generation=generation)}
    alone = ablate_left_out(generation.made["f"], ["order", "law"], silent)
    assert [(row.part, row.choice) for row in alone] == list(rows)
    for row in alone:
        beside = rows[row.part, row.choice]
        assert row.mean is None and row.chosen == beside.chosen
        assert row.left_out == (None if beside.left_out is None else pytest.approx(beside.left_out, rel=1e-9))
    assert ablation_lines(alone)[0] == "f, between: one part changed at a time (NRMSE in %; * as calibrated)"


@pytest.mark.parametrize(
    ("parts", "count", "text"),
    [
        (["fits"], 1, "--ablate fits: no part of the method of fields; there are: order, law, force"),
        (["force"], 1, "--ablate force: leave it out; along one coordinate held-out states tell it"),
        (["order", "law"], 2, "--ablate law: leave it out; there is no law over several"),
    ],
)
def test_parts_that_known_states_cannot_judge_are_refused(parts, count, text) -> None:
    with pytest.raises(InputError, match=text):
        check_left_out_parts(parts, count)
