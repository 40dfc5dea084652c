"""What every method makes of a question, before anyone knows the truth."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

from cmgai_fem.curves.generate import generate_curves
from cmgai_fem.curves.mean import MeanCurves, mean_curves
from cmgai_fem.generate import generate, silent
from cmgai_fem.rivals import SLOW
from cmgai_fem.rivals.rivalry import compete
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.problem import Problem

from .cases import Question

OURS = "cmgai-fem"
TRUSTED = "trusted"


@dataclass(frozen=True)
class Answers:
    """Generated fields, and what is said of ours.

    Args:
        fields: (T, L, n) by method, ours first; all within the bounds. NaN where we gave no answer.
        estimate: (T, L, n) standard error that we give; NaN where we give none.
        sizes: (T,) errors that the rivals' fields are thought to have, by the same rule, relative to the known range.
        words: our trust word of each state; empty texts where the package gives none.
        seconds: processor time of ours [s].
        rival_seconds: processor time of all rivals together [s].
        failure: what broke ours; empty if nothing did.
    """

    fields: Mapping[str, Array]
    estimate: Array
    words: tuple[str, ...]
    seconds: float
    rival_seconds: float
    failure: str = ""
    sizes: Mapping[str, Array] = dataclass_field(default_factory=dict)


def answer(question: Question, rivals: Sequence[str]) -> Answers:
    """Ours as a user gets it who says nothing but the bounds, and the rivals that admit the states."""
    start = time.process_time()
    failure = ""
    try:
        ours, estimate, words = _fields(question) if question.tests is None else _curves(question)
    except Exception as error:
        # Whatever breaks costs this case and is shown, but not the others.
        failure = f"{type(error).__name__}: {error}"
        (known,) = question.known.fields.values()
        ours = estimate = np.full((len(question.asked), *known.values.shape[1:]), np.nan)
        words = ("",) * len(question.asked)
    between = time.process_time()
    problem = Problem(question.known, admissible=question.bounds).with_reach(*question.asked)
    # Estimates need the left-out states of each rival, which some take minutes for.
    quick = compete(problem, question.asked, [name for name in rivals if name not in SLOW])
    slow = compete(problem, question.asked, [name for name in rivals if name in SLOW], left_out=False)
    others = {**quick.fields, **slow.fields}
    if question.tests is not None:
        others = {name: _hardening(mean_curves(question.tests), fields) for name, fields in others.items()}
    seconds, rival_seconds = between - start, time.process_time() - between
    return Answers({OURS: ours} | others, estimate, words, seconds, rival_seconds, failure, quick.sizes)


def _fields(question: Question) -> tuple[Array, Array, tuple[str, ...]]:
    made = generate(question.known, question.asked, bounds=question.bounds)
    fields = np.stack([made.at(point) for point in question.asked])
    given = [made.error(point) for point in question.asked]
    estimate = np.stack([np.full(fields.shape[1:], np.nan) if one is None else one for one in given])
    return fields, estimate, tuple(_word(made, point) for point in question.asked)


def _word(made: Any, point: Array) -> str:
    """The trust word of a generated state; an empty text from a package that gives none."""
    told = getattr(made, "trust", None)
    return "" if told is None else str(getattr(told(point), "word", told(point)))


def _curves(question: Question) -> tuple[Array, Array, tuple[str, ...]]:
    assert question.tests is not None
    states = [tuple(map(float, point)) for point in question.asked]
    made = generate_curves(mean_curves(question.tests), states, silent)
    curves = [made[state].curve for state in states]
    fields, estimate = (np.stack([getattr(one, key) for one in curves])[:, :, None] for key in ("stress", "error"))
    return fields, estimate, tuple(TRUSTED if one.trusted else "not trusted" for one in curves)


def _hardening(curves: MeanCurves, fields: Array) -> Array:
    """Rivals' curves (T, L, 1) with the projection that ours get: rising where all known ones rise."""
    if not curves.hardens:
        return fields
    rising = IsotonicRegression()
    return np.stack(
        [rising.fit_transform(curves.strain, one[:, 0], sample_weight=curves.weights)[:, None] for one in fields]
    )
