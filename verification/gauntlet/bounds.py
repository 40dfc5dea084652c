"""What the figures of the gauntlet must keep: a fall beyond a bound fails the study."""

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import Field as Key

from cmgai_fem.study.file import Table
from cmgai_fem.study.findings import Verdict

from .answers import TRUSTED
from .cases import BEYOND, INSIDE
from .measures import Honesty, Precision, Result, bouts, geometric_mean


class ZoneBounds(Table):
    """`[bounds.inside]` and `[bounds.beyond]`: what must hold between the known states, and beyond them.

    Args:
        geometric_mean: most of the geometric mean over the cases of our error over the best rival's.
        worst: most of the largest such ratio.
        lost: most of the share of cases in which the best rival errs less by more than a tenth, or we give no answer.
        missed: most of the share of states whose true error is above three estimates.
        loose: most of the share of states whose estimate is above ten true errors.
        rank: least rank correlation of estimates and true errors.
        outside: most of the share of the volume outside the 95 % band.
    """

    geometric_mean: float = Key(gt=0.0)
    worst: float = Key(gt=0.0)
    lost: float = Key(gt=0.0, le=1.0)
    missed: float = Key(gt=0.0, le=1.0)
    loose: float = Key(gt=0.0, le=1.0)
    rank: float = Key(gt=0.0, le=1.0)
    outside: float = Key(gt=0.0, le=1.0)


class TrustBounds(Table):
    """`[bounds.trusted]`: what the word "trusted" must be worth, where it is given.

    Args:
        missed: most of the share of the trusted states whose true error is above three estimates.
        error: most of their true errors, relative to the range.
    """

    missed: float = Key(gt=0.0, le=1.0)
    error: float = Key(gt=0.0)


class Bounds(Table):
    """`[bounds]`.

    Args:
        unanswered: most cases in which we give no answer; they have no part in the other figures.
        inside: between the known states.
        beyond: beyond them.
        trusted: of the trust word.
    """

    unanswered: int = Key(ge=0)
    inside: ZoneBounds
    beyond: ZoneBounds
    trusted: TrustBounds


def verdicts(bounds: Bounds, results: Sequence[Result]) -> list[Verdict]:
    """Hold the figures against their bounds; a zone or a word that no state has is passed over."""
    return [
        Verdict(
            name, value <= limit, f"at most {limit:.3g}", f"{value:.3g}", () if value <= limit else (f"{value:.3g}",)
        )
        for name, value, limit in _figures(bounds, results)
    ]


def _figures(bounds: Bounds, results: Sequence[Result]) -> Iterator[tuple[str, float, float]]:
    """Name, value and largest admissible value of every figure that is there."""
    yield "cases without an answer", sum(bool(result.failure) for result in results), bounds.unanswered
    targets = [target for result in results for target in result.targets if target.answered]
    for zone, limits in ((INSIDE, bounds.inside), (BEYOND, bounds.beyond)):
        found = bouts(results, zone)
        ratios = {bout.case: bout.ratio for bout in found if np.isfinite(bout.ratio)}
        if not ratios:
            continue
        worst = max(ratios, key=lambda case: ratios[case])
        told = Honesty.of([target for target in targets if target.zone == zone])
        mean = geometric_mean(list(ratios.values()))
        yield f"{zone}: error over the best rival's, geometric mean", mean, limits.geometric_mean
        yield f"{zone}: error over the best rival's, worst case ({worst})", ratios[worst], limits.worst
        yield f"{zone}: share of cases that are lost", float(np.mean([bout.lost for bout in found])), limits.lost
        yield f"{zone}: share of states whose error is above 3 estimates", told.missed, limits.missed
        yield f"{zone}: share of states whose estimate is above 10 errors", told.loose, limits.loose
        yield f"{zone}: share of the volume outside the 95 % band", 1.0 - told.covered, limits.outside
        if np.isfinite(told.rank):
            yield f"{zone}: one minus the rank correlation of estimate and error", 1.0 - told.rank, 1.0 - limits.rank
    trusted = Precision.of(TRUSTED, targets)
    if trusted.count:
        yield "trusted: share of states whose error is above 3 estimates", 1.0 - trusted.kept, bounds.trusted.missed
        yield "trusted: largest error over the range", trusted.worst, bounds.trusted.error
