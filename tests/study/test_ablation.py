"""Ablation: what is changed, what is marked, and that the figures are those of the transports themselves."""

import numpy as np
import pytest

from cmgai_fem.calibration.calibrate import Calibration, Candidate
from cmgai_fem.metrics import field_error
from cmgai_fem.solve import solve
from cmgai_fem.states.label_meshes import square_mesh
from cmgai_fem.states.states import Coordinate, Field, Labels, States
from cmgai_fem.study.ablation import ablate, variants
from cmgai_fem.study.field_file import CalibrationTable, FieldTable
from cmgai_fem.study.generation import Request, field_problem, generate

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


def request_of(**options: object) -> Request:
    table = CalibrationTable(dampings=[1.0], stiffnesses=[], pseudo_times=[])
    return Request({"f": FieldTable()}, ASKED, (), table, **options)


def test_every_part_is_changed_and_the_choice_is_marked(reference: States) -> None:
    problem = field_problem(reference.at(KNOWN), "f", request_of(), "interpolation")
    calibration = Calibration((Candidate(1, 1.0), Candidate(0)), (0.7, 0.3), 0.01, (), ())
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
    known, lines = reference.at(KNOWN), []
    request = request_of()
    generation = generate(known, request, lines.append)
    rows = ablate(known, reference, request, generation, ["order", "law"], lines.append)
    assert rows[0].part == "calibrated" and rows[0].chosen
    assert [row.part for row in rows[1:]] == ["order"] * 5 + ["law"] * 6
    for row in rows:
        assert row.note == "" and row.mean is not None and row.worst is not None and 0.0 < row.mean <= row.worst
    (natural,) = [row for row in rows if row.choice == "least(0)" and row.part == "order"]
    problem = field_problem(known, "f", request, "interpolation")
    base = generation.calibrations["interpolation", "f"].members[
        int(np.argmax(generation.calibrations["interpolation", "f"].weights))
    ]
    solution = solve(Candidate(0, base.damping).apply(problem))
    errors = [
        field_error(solution.at(value), reference.field("f").values[reference.index(value)], reference.labels.weights)
        for value in ASKED
    ]
    assert natural.mean == pytest.approx(np.mean([error.nrmse for error in errors]), rel=1e-9)
    # What calibration saw is what the table shows beside it.
    table = dict(generation.calibrations["interpolation", "f"].table)
    assert natural.left_out == pytest.approx(table[Candidate(0, base.damping)], rel=1e-9)
    # A state less carries an order less: the highest has no left-out error.
    assert [row.left_out is None for row in rows if row.part == "order"] == [False] * 4 + [True]


@pytest.mark.slow
def test_a_force_of_the_state_is_found_where_there_is_one(reference: States) -> None:
    known, request = reference.at(KNOWN), request_of()
    generation = generate(known, request, print)
    rows = ablate(known, reference, request, generation, ["order", "force"], print)
    reached = {row.choice: row.mean for row in rows}
    assert max(reached["potential"], reached["autonomous"]) < 0.1 * reached["least(0)"]


def test_held_out_fields_are_read_to_measure_alone(reference: States) -> None:
    poisoned = States.of(
        reference.labels,
        reference.coordinate,
        reference.values,
        {"f": Field(reference.field("f").values.copy(), "", ("",))},
    )
    held_out = [reference.index(value) for value in ASKED]
    poisoned.field("f").values[held_out] = np.random.default_rng(0).normal(size=(2, reference.labels.count, 1))
    request = request_of()
    clean, dirty = (
        ablate(states.at(KNOWN), states, request, generate(states.at(KNOWN), request, print), ["order"], print)
        for states in (reference, poisoned)
    )
    assert [row.left_out for row in clean] == [row.left_out for row in dirty]
    assert [row.choice for row in clean if row.chosen] == [row.choice for row in dirty if row.chosen]


def test_a_law_that_the_labels_cannot_carry_is_said_so(reference: States) -> None:
    bare = States.of(
        Labels(reference.labels.points, reference.labels.weights, {}),
        reference.coordinate,
        reference.values,
        reference.fields,
    )
    request = request_of()
    known = bare.at(KNOWN)
    rows = ablate(known, bare, request, generate(known, request, print), ["law"], print)
    refused = [row for row in rows if row.choice.startswith("membrane")]
    assert refused and all("use the law 'none'" in row.note and row.mean is None for row in refused)
