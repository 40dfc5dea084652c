"""Tables of a study's page that hold estimated errors against true ones."""

import numpy as np

from cmgai_fem.calibration.estimate import coverage
from cmgai_fem.generated import Generated
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import States
from cmgai_fem.study.field_file import FieldStudy, state_text
from cmgai_fem.study.findings import TextTable
from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import number, percent, words


def estimates(name: str, made: Generated, reference: States) -> TextTable:
    """What is thought to be wrong with each generated state, what is, and how far it is to be trusted."""
    rows = []
    for point in made.points:
        generator = made.generator(point)
        wrong = made.at(point) - reference.field(name).values[reference.index(point)]
        error, estimate, true = made.error(point), generator.size(point), _size(made, wrong)
        held = "" if error is None else f"{100.0 * coverage(wrong, 2.0 * error, reference.labels.weights):.0f}"
        rows.append((state_text(point), percent(estimate), percent(true), held, str(made.trust(point))))
    columns = ("state", "estimate [%]", "true [%]", "within the 95 % band [%]", "trust")
    return TextTable(words(name), columns, rows, " ".join(made.warnings()), terminal=False)


def _size(made: Generated, wrong: Array) -> float:
    """Root mean square over the volume of an error (L, n), relative to the known range."""
    weights, span = made.states.labels.weights, float(np.ptp(made.states.field(made.field).values)) or 1.0
    return float(np.sqrt(weights @ np.mean(wrong**2, axis=1) / weights.sum())) / span


def honesty(study: FieldStudy, made: Generated, reference: States) -> TextTable:
    """Estimates of all methods by the same rule, held against the truth over all states asked for."""
    asked = [study.points.index(point) for point in study.held_out]
    truth = [reference.field(made.field).values[reference.index(point)] for point in study.held_out]
    sizes = {"fem": np.array([made.generator(point).size(point) for point in study.held_out], dtype=float)}
    sizes |= {name: each[asked] for name, each in made.rivalry.sizes.items()}
    fields = {"fem": [made.at(point) for point in study.held_out]}
    fields |= {name: list(each[asked]) for name, each in made.rivalry.fields.items()}
    rows = []
    for method, estimates in sizes.items():
        errors = np.array([_size(made, field - true) for field, true in zip(fields[method], truth, strict=True)])
        if not np.all(np.isfinite(estimates) & (estimates > 0.0)):
            continue
        ratios = errors / estimates
        means = [percent(float(np.sqrt(np.mean(each**2)))) for each in (estimates, errors)]
        over = f"{np.sum(ratios > 3.0)} of {len(ratios)}"
        rows.append((method_name(method), *means, number(float(ratios.max())), over))
    columns = ("method", "estimate [%]", "true [%]", "largest true over estimate", "states over 3 estimates")
    note = "Root mean squares over the states asked for; before what the physics admits is enforced."
    return TextTable(f"{words(made.field)}, all methods", columns, rows, note, frozenset({0}), terminal=False)
