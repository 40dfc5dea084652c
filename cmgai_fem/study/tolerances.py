"""Generated fields against the reference solves, and the figures against the study's tolerances."""

from collections.abc import Collection, Sequence

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.metrics import field_error
from cmgai_fem.solve import CHECK, METHODS
from cmgai_fem.states.states import SYMMETRIC_TENSOR, States
from cmgai_fem.study.field_file import FieldStudy, ToleranceTable, state_text
from cmgai_fem.study.findings import Row, Verdict
from cmgai_fem.study.generation import Generation, measured
from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import percent, words

COLUMNS = (
    "study", "field", "state", "split", "method", "against", "nrmse", "nrmse_rms", "nrmse_mean", "max_error", "rmse",
    "largest", "unit", "place", "seconds",
)  # fmt: skip


def compare(study: FieldStudy, reference: States, generation: Generation) -> list[Row]:
    """Every figure of `metrics.csv`: each method against the reference, networks against finite elements too."""
    rows: list[Row] = []
    weights = reference.labels.weights
    for index, point in enumerate(reference.values.tolist()):
        truth = measured(reference, index, study.fields)
        made = {method: measured(states, index, study.fields) for method, states in generation.states.items()}
        for name, expected in truth.items():
            if np.ptp(expected) == 0.0 and study.split(point) == "known":
                # A field without a range, such as a plastic strain before the body yields, has no NRMSE.
                continue
            pairs = [(method, "reference", expected) for method in made if method != CHECK]
            pairs += [(method, "fem", made["fem"][name]) for method in ("pinn", CHECK) if method in made]
            for method, against, target in pairs:
                error = field_error(made[method][name], target, weights)
                place = reference.labels.positions[error.label]
                rows.append(
                    {
                        "study": study.name,
                        "field": name,
                        "state": state_key(point),
                        "split": study.split(point),
                        "method": method,
                        "against": against,
                        "nrmse": error.nrmse,
                        "nrmse_rms": error.nrmse_rms,
                        "nrmse_mean": error.nrmse_mean,
                        "max_error": error.max_error,
                        "rmse": error.rmse,
                        "largest": error.largest,
                        "unit": reference.field(source_of(study, name)).unit,
                        "place": " ".join(f"{part:.6g}" for part in place),
                        "seconds": generation.seconds[method, source_of(study, name)],
                    }
                )
    return rows


def check_ranges(study: FieldStudy, reference: States) -> None:
    """Refuse held-out states where a measured field is constant: it has no range there, so no NRMSE."""
    for point in study.held_out:
        for name, values in measured(reference, reference.index(point), study.fields).items():
            if np.ptp(values) == 0.0:
                raise InputError(
                    f"{name} is constant at {study.axes.label(point)}, with no NRMSE: hold out another state"
                )


def state_key(point: Sequence[float]) -> str:
    """A state as `metrics.csv` names it, with all digits."""
    return ":".join(f"{part:.15g}" for part in point)


def point_of(key: str) -> list[float]:
    """The state that `state_key` named."""
    return [float(part) for part in key.split(":")]


def source_of(study: FieldStudy, figure: str) -> str:
    """The field that a measured figure comes from; an empty text if none of the study does."""
    for name, table in study.fields.items():
        names = SYMMETRIC_TENSOR if table.derived else None
        component = figure.removeprefix(f"{name}_")
        if figure == name or figure in table.derived:
            return name
        if table.components and component != figure and (names is None or component in names):
            return name
    return ""


def check_tolerances(study: FieldStudy, rivals: Collection[str]) -> None:
    """Refuse tolerances without a bound, and those that fit no figure; before anything is solved.

    Args:
        study: the study.
        rivals: names of the rivals that its known states admit.

    Raises:
        InputError: names the tolerance, its key and what there is.
    """
    methods = [*METHODS, *([CHECK] if len(study.axes) == 1 else []), *rivals]
    for tolerance in study.tolerances:
        name = f"tolerance {tolerance.name!r}"
        if tolerance.nrmse is None and tolerance.rival_factor is None:
            raise InputError(f"{name} has no bound: give nrmse or rival_factor")
        checks: list[tuple[str, Sequence[str], Collection[str]]] = [
            ("methods", tolerance.methods, methods),
            ("rivals", tolerance.rivals, rivals),
            ("fields", [figure for figure in tolerance.fields if not source_of(study, figure)], study.headlines),
        ]
        for key, given, there in checks:
            for item in given:
                if item not in there:
                    raise InputError(f"{name} fits no figure: {key}: no {item!r}; there are: {', '.join(there)}")
        for state in tolerance.states:
            if state not in study.points or study.split(state) not in tolerance.splits:
                raise InputError(
                    f"{name} fits no figure: states: {state_text(state)} is none of its splits "
                    f"({', '.join(tolerance.splits)})"
                )
        if not any(study.asked(split) for split in tolerance.splits):
            raise InputError(f"{name} fits no figure: splits: no state is in {', '.join(tolerance.splits) or 'none'}")
        compared = ("pinn", CHECK) if tolerance.against == "fem" else (*METHODS, *rivals)
        if not set(compared) & set(tolerance.methods):
            there = "the networks alone are held against fem" if tolerance.against == "fem" else "no method is named"
            raise InputError(f"{name} fits no figure: methods: {there}: add {' or '.join(map(repr, compared[:2]))}")


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


def judge(tolerance: ToleranceTable, rows: Sequence[Row], rivals: Collection[str]) -> Verdict:
    """Hold the figures against one tolerance; `rivals` are the methods that count as such."""
    states = [state_key(point) for point in tolerance.states]
    rows = [row for row in rows if not states or row["state"] in states]
    rows = averaged(rows, tolerance.splits) if tolerance.mean else rows
    checked = [
        row
        for row in rows
        if row["method"] in tolerance.methods
        and row["split"] in tolerance.splits
        and row["against"] == tolerance.against
        and (not tolerance.fields or row["field"] in tolerance.fields)
    ]
    if not checked:
        raise InputError(f"tolerance {tolerance.name!r} fits no figure of this study: check its fields and splits")
    limits = [_limit(tolerance, row, rows, rivals) for row in checked]
    ratios = [row["nrmse"] / limit for row, limit in zip(checked, limits, strict=True)]
    texts = [
        f"{method_name(row['method'])}, {words(row['field'])} at {row_text(row)}: {percent(row['nrmse'])} % "
        f"(limit {percent(limit)} %)"
        for row, limit in zip(checked, limits, strict=True)
    ]
    failures = tuple(text for text, ratio in zip(texts, ratios, strict=True) if not ratio <= 1.0)
    worst = max(range(len(ratios)), key=lambda item: ratios[item])
    return Verdict(tolerance.name, not failures, f"at most {_limit_text(tolerance)}", texts[worst], failures)


def row_text(row: Row) -> str:
    """The state of a figure for readers; a mean has none."""
    return "mean" if row["state"] == "mean" else state_text(point_of(row["state"]))


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
    return min(limits)


def _limit_text(tolerance: ToleranceTable) -> str:
    parts = [f"{100 * tolerance.nrmse:g} %"] if tolerance.nrmse is not None else []
    if tolerance.rival_factor is not None:
        factor = "" if tolerance.rival_factor == 1.0 else f"{tolerance.rival_factor:g} x "
        floor = f"the larger of {100 * tolerance.rival_floor:g} % and " if tolerance.rival_floor else ""
        best = f"the best of {', '.join(tolerance.rivals)}" if tolerance.rivals else "the best rival"
        parts.append(f"{floor}{factor}{best}")
    return " and ".join(parts)


def best_rival(rows: Sequence[Row], rivals: Collection[str]) -> str:
    """The rival with the least mean NRMSE over all held-out figures."""

    def mean(method: str) -> float:
        figures = [row["nrmse"] for row in rows if row["method"] == method and row["split"] != "known"]
        return sum(figures) / len(figures)

    return min(rivals, key=mean)
