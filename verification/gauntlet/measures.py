"""Answers against the truth: errors of every method, and how honest our estimates were."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

from cmgai_fem.states.labels import Array

from .answers import OURS, TRUSTED, Answers
from .cases import Question

# Errors below this share of the range are one: nobody asks which of two is less.
FLOOR = 1e-6
# Ratios to the best rival within this factor of one are a draw.
DRAW = 1.1
# A 95 % band of a normal error reaches so many estimates to either side.
BAND = 1.96


@dataclass(frozen=True)
class Target:
    """One generated state of a case, held against the truth.

    Args:
        case: name of the case.
        zone: "inside" or "beyond" the known states.
        state: its coordinates, as text.
        errors: root mean square error over the volume by method, ours first; relative to the range of the known fields.
            Infinite where there is no answer.
        estimate: root mean square of our error estimate, relative to the same; NaN where there is none.
        covered: share of the volume where the truth lies in our 95 % band; NaN where there is no estimate.
        word: our trust word.
        sizes: error estimates of the rivals by name, relative to the same.
    """

    case: str
    zone: str
    state: str
    errors: dict[str, float]
    estimate: float
    covered: float
    word: str
    sizes: dict[str, float] = field(default_factory=dict)

    def by(self, rival: str) -> "Target":
        """The rival's answer and its estimate in place of ours."""
        return replace(self, errors={OURS: self.errors[rival]}, estimate=self.sizes[rival])

    @property
    def error(self) -> float:
        """Ours."""
        return self.errors[OURS]

    @property
    def answered(self) -> bool:
        """Whether we gave an answer."""
        return bool(np.isfinite(self.error))


@dataclass(frozen=True)
class Result:
    """A case, measured.

    Args:
        name: of the case.
        about: what it is.
        known: number of known states.
        labels: number of labels.
        targets: its generated states.
        seconds: processor time of ours [s].
        rival_seconds: processor time of all rivals together [s].
        failure: what broke ours; empty if nothing did.
    """

    name: str
    about: str
    known: int
    labels: int
    targets: tuple[Target, ...]
    seconds: float
    rival_seconds: float
    failure: str = ""


def measure(name: str, about: str, question: Question, answers: Answers, truth: Array) -> Result:
    """Hold the answers against the truth.

    Args:
        name: of the case.
        about: what it is.
        question: what was asked.
        answers: what was made of it.
        truth: (T, L, n) true fields.
    """
    states = question.known
    (known,) = states.fields.values()
    span, shares = float(np.ptp(known.values)), states.labels.weights / states.labels.weights.sum()

    def size(values: Array) -> float:
        found = float(np.sqrt(shares @ np.mean(values**2, axis=1)) / span)
        return found if np.isfinite(found) else np.inf

    targets = []
    for row, (point, zone) in enumerate(zip(question.asked, question.zones, strict=True)):
        errors = {method: size(made[row] - truth[row]) for method, made in answers.fields.items()}
        given, wrong = answers.estimate[row], np.abs(answers.fields[OURS][row] - truth[row])
        inside = np.mean(wrong <= BAND * given + FLOOR * span, axis=1)
        covered = float(shares @ inside) if np.all(np.isfinite(given)) else np.nan
        label = ":".join(f"{part:.4g}" for part in point)
        estimate = size(given) if np.all(np.isfinite(given)) else np.nan
        sizes = {method: float(each[row]) for method, each in answers.sizes.items()}
        targets.append(Target(name, zone, label, errors, estimate, covered, answers.words[row], sizes))
    spent = answers.seconds, answers.rival_seconds
    return Result(name, about, len(states), states.labels.count, tuple(targets), *spent, answers.failure)


@dataclass(frozen=True)
class Bout:
    """A case between the known states or beyond them: what all methods are compared on.

    Args:
        case: name of the case.
        zone: "inside" or "beyond".
        errors: mean over the targets of the relative root mean square error, by method.
    """

    case: str
    zone: str
    errors: dict[str, float] = field(hash=False)

    @property
    def best_rival(self) -> str:
        """The rival of least error."""
        return min((name for name in self.errors if name != OURS), key=lambda name: self.errors[name])

    @property
    def ratio(self) -> float:
        """Our error over that of the best rival, both at least the floor; infinite without an answer of ours."""
        return max(self.errors[OURS], FLOOR) / max(self.errors[self.best_rival], FLOOR)

    @property
    def lost(self) -> bool:
        """Whether the best rival errs less by more than a draw allows, or we gave no answer."""
        return self.ratio > DRAW


def bouts(results: Sequence[Result], zone: str) -> list[Bout]:
    """The bouts of a zone, in the order of the cases."""
    found = []
    for result in results:
        rows = [target.errors for target in result.targets if target.zone == zone]
        if rows:
            errors = {method: float(np.mean([row[method] for row in rows])) for method in rows[0]}
            found.append(Bout(result.name, zone, errors))
    return found


def geometric_mean(values: ArrayLike) -> float:
    """The geometric mean of those of some positive numbers that are finite."""
    numbers = np.asarray(values, dtype=float)
    return float(np.exp(np.mean(np.log(numbers[np.isfinite(numbers)]))))


def ratios_to_best(found: Sequence[Bout]) -> dict[str, Array]:
    """Error of each method over the least of all methods, by bout; infinite where it does not admit the states.

    Source: E. D. Dolan and J. J. More, Mathematical Programming 91 (2002) 201-213, with errors for times.
    """
    methods = dict.fromkeys(method for bout in found for method in bout.errors)
    best = [max(min(bout.errors.values()), FLOOR) for bout in found]
    return {
        method: np.array(
            [max(bout.errors.get(method, np.inf), FLOOR) / least for bout, least in zip(found, best, strict=True)]
        )
        for method in methods
    }


@dataclass(frozen=True)
class Honesty:
    """How the estimates of some targets bear the truth.

    Args:
        count: targets with an estimate.
        missed: share whose true error is above three estimates.
        loose: share whose estimate is above ten true errors.
        rank: Spearman's correlation of estimate and true error; NaN where either is the same for all.
        covered: share of the volume within the 95 % band, mean over the targets.
    """

    count: int
    missed: float
    loose: float
    rank: float
    covered: float

    @classmethod
    def of(cls, targets: Sequence[Target]) -> "Honesty":
        """The measures of some answered targets; those without an estimate count as missed."""
        error = np.array([target.error for target in targets])
        estimate = np.array([target.estimate for target in targets])
        given = np.isfinite(estimate)
        missed = ~given | (error > 3.0 * np.maximum(estimate, FLOOR))
        loose = given & (estimate > 10.0 * np.maximum(error, FLOOR))
        varied = given.sum() > 2 and min(np.ptp(error[given]), np.ptp(estimate[given])) > 0.0
        rank = spearmanr(error[given], estimate[given]).statistic if varied else np.nan
        covered = np.mean([target.covered if known else 0.0 for target, known in zip(targets, given, strict=True)])
        return cls(int(given.sum()), float(missed.mean()), float(loose.mean()), float(rank), float(covered))


@dataclass(frozen=True)
class Precision:
    """What a trust word is worth.

    Args:
        word: the word.
        count: targets that bear it.
        kept: share of them whose true error is at most three estimates.
        worst: largest true error among them, relative to the range.
    """

    word: str
    count: int
    kept: float
    worst: float

    @classmethod
    def of(cls, word: str, targets: Sequence[Target]) -> "Precision":
        """The worth of a word among some targets."""
        told = [target for target in targets if target.word == word]
        kept = [target.error <= 3.0 * max(target.estimate, FLOOR) for target in told]
        return cls(
            word, len(told), float(np.mean(kept)) if told else np.nan, max((t.error for t in told), default=np.nan)
        )


def words_of(targets: Sequence[Target]) -> list[str]:
    """The trust words that there are, the best first."""
    return sorted({target.word for target in targets if target.word}, key=lambda word: (word != TRUSTED, word))
