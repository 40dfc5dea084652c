"""Generated fields against the reference solves, and the figures against the study's tolerances."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.reference import ReferenceModel
from cmgai_fem.metrics import field_error
from cmgai_fem.rivals import RIVALS
from cmgai_fem.states.states import States
from cmgai_fem.study.field_file import Study, ToleranceTable
from cmgai_fem.study.generation import Generation, measured

Row = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """How one tolerance of the study came out.

    Args:
        name: the tolerance.
        passed: whether every row kept it.
        limit: the bound, as text.
        worst: the row nearest to its bound or farthest beyond it, as text.
        failures: the rows that broke it, as text.
    """

    name: str
    passed: bool
    limit: str
    worst: str
    failures: tuple[str, ...]


def compare(study: Study, reference: States, generation: Generation) -> list[Row]:
    """Every figure of `metrics.csv`: each method against the reference, and the PINN against the finite elements."""
    rows: list[Row] = []
    weights = reference.labels.weights
    for index, value in enumerate(reference.values):
        truth = measured(reference, index, study.fields)
        made = {method: measured(states, index, study.fields) for method, states in generation.states.items()}
        for name, expected in truth.items():
            pairs = [(method, "reference", expected) for method in made] + [("pinn", "fem", made["fem"][name])]
            for method, against, target in pairs:
                error = field_error(made[method][name], target, weights)
                rows.append(
                    {
                        "study": study.name,
                        "field": name,
                        "state": float(value),
                        "split": study.states.split(float(value)),
                        "method": method,
                        "against": against,
                        "nrmse": error.nrmse,
                        "nrmse_rms": error.nrmse_rms,
                        "nrmse_mean": error.nrmse_mean,
                        "max_error": error.max_error,
                        "seconds": _seconds(generation, method, name, study),
                    }
                )
    return rows


def _seconds(generation: Generation, method: str, measured_name: str, study: Study) -> float:
    """Wall time of the field that a measured figure comes from."""
    for name, table in study.fields.items():
        if measured_name == name or measured_name in table.derived or measured_name.startswith(f"{name}_"):
            return generation.seconds[method, name]
    raise InputError(f"no field gave {measured_name!r}")


def state_text(state: Any) -> str:
    """A row's state: a number, or the text that several coordinates are."""
    return state if isinstance(state, str) else f"{state:g}"


def averaged(rows: Sequence[Row], splits: Sequence[str]) -> list[Row]:
    """One row a field, method and comparison: its mean NRMSE over the states of some splits."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row["split"] in splits:
            groups.setdefault((row["field"], row["method"], row["against"]), []).append(row)
    return [
        group[0] | {"state": "mean", "nrmse": sum(row["nrmse"] for row in group) / len(group)}
        for group in groups.values()
    ]


def judge(tolerance: ToleranceTable, rows: Sequence[Row], rivals: Collection[str] = RIVALS) -> Verdict:
    """Hold the figures against one tolerance; `rivals` are the methods that count as such."""
    limits, checked = [], []
    rows = averaged(rows, tolerance.splits) if tolerance.mean else rows
    for row in rows:
        if (
            row["method"] in tolerance.methods
            and row["split"] in tolerance.splits
            and row["against"] == tolerance.against
            and (not tolerance.fields or row["field"] in tolerance.fields)
            and (not tolerance.states or row["state"] in tolerance.states)
        ):
            checked.append(row)
            limits.append(_limit(tolerance, row, rows, rivals))
    if not checked:
        raise InputError(f"tolerance {tolerance.name!r} fits no figure of this study: check its fields and splits")
    ratios = [row["nrmse"] / limit for row, limit in zip(checked, limits, strict=True)]
    texts = [
        f"{row['method']} {row['field']} at {state_text(row['state'])}: {100 * row['nrmse']:.4f} % "
        f"(limit {100 * limit:.4f} %)"
        for row, limit in zip(checked, limits, strict=True)
    ]
    failures = tuple(text for text, ratio in zip(texts, ratios, strict=True) if not ratio <= 1.0)
    worst = max(range(len(ratios)), key=lambda item: ratios[item])
    return Verdict(tolerance.name, not failures, _limit_text(tolerance), texts[worst], failures)


def _limit(tolerance: ToleranceTable, row: Row, rows: Sequence[Row], known: Collection[str]) -> float:
    limits = [tolerance.nrmse] if tolerance.nrmse is not None else []
    if tolerance.rival_factor is not None:
        rivals = [
            other["nrmse"]
            for other in rows
            if other["method"] in (tolerance.rivals or known)
            and other["field"] == row["field"]
            and other["state"] == row["state"]
        ]
        limits.append(max(tolerance.rival_floor, tolerance.rival_factor * min(rivals)))
    if not limits:
        raise InputError(f"tolerance {tolerance.name!r} has no bound: give nrmse or rival_factor")
    return min(limits)


def _limit_text(tolerance: ToleranceTable) -> str:
    parts = [f"{100 * tolerance.nrmse:g} %"] if tolerance.nrmse is not None else []
    if tolerance.rival_factor is not None:
        factor = "" if tolerance.rival_factor == 1.0 else f"{tolerance.rival_factor:g} x "
        floor = f"the larger of {100 * tolerance.rival_floor:g} % and " if tolerance.rival_floor else ""
        best = f"the best of {', '.join(tolerance.rivals)}" if tolerance.rivals else "the best rival"
        parts.append(f"{floor}{factor}{best}")
    return " and ".join(parts)


def admissibility(study: Study, model: ReferenceModel, reference: States, generation: Generation) -> list[Row]:
    """Physical admissibility of each method's held-out states, and of the reference itself."""
    check = model.admissibility()
    figures: list[Row] = []
    sources: dict[str, States] = {"reference": reference, **generation.states}
    for value in study.states.held_out:
        for method, states in sources.items():
            fields = {name: states.field(name).values[states.index(value)] for name in study.fields}
            figures += [
                {"state": value, "method": method, "figure": figure, "value": number}
                for figure, number in check(value, fields).items()
            ]
    return figures


def best_rival(rows: Sequence[Row], rivals: Collection[str] = RIVALS) -> str:
    """The rival with the least mean NRMSE over all held-out figures."""

    present = {row["method"] for row in rows}

    def mean(method: str) -> float:
        figures = [row["nrmse"] for row in rows if row["method"] == method and row["split"] != "known"]
        return sum(figures) / len(figures)

    return min((rival for rival in rivals if rival in present), key=mean)
