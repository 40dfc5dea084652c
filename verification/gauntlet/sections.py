"""The page of the gauntlet: against the best rival, what is lost, and whether the estimates are honest."""

from collections.abc import Sequence

import numpy as np

from cmgai_fem.study.findings import Section, TextTable
from cmgai_fem.study.names import method_name
from cmgai_fem.study.page import number, percent
from cmgai_fem.study.pipelines import Tools

from .answers import OURS
from .cases import BEYOND, INSIDE
from .measures import DRAW, Bout, Honesty, Precision, Result, bouts, geometric_mean, ratios_to_best, words_of
from .pictures import draw_honesty, draw_profiles

ZONES = {INSIDE: "between the known states", BEYOND: "beyond the known states"}
# A method that admits a smaller share of the cases is not ranked.
RANKED = 0.5


def make_sections(results: Sequence[Result], tools: Tools) -> list[Section]:
    """All sections; their pictures are drawn into the results folder."""
    found = {zone: bouts(results, zone) for zone in ZONES}
    found = {zone: rows for zone, rows in found.items() if rows}
    return [
        _standing(found, tools),
        _lost(found, results),
        Section("Case by case", tables=[_cases(results, rows, zone) for zone, rows in found.items()]),
        _honesty(results, tools),
        _words(results),
        _about(results),
    ]


def _standing(found: dict[str, list[Bout]], tools: Tools) -> Section:
    """How ours stands against the rival that is best in hindsight, case by case."""
    rows = []
    for zone, rounds in found.items():
        ratios = np.array([bout.ratio for bout in rounds])
        answered = [bout for bout in rounds if np.isfinite(bout.ratio)]
        if not answered:
            continue
        worst = max(answered, key=lambda bout: bout.ratio)
        counts = (ratios < 1.0 / DRAW, (ratios >= 1.0 / DRAW) & (ratios <= DRAW), ratios > DRAW)
        rows.append((ZONES[zone], f"{len(rounds)}", f"{geometric_mean(ratios):.2f}",
                     f"{worst.ratio:.3g} ({worst.case})", *(f"{int(np.sum(one))}" for one in counts)))  # fmt: skip
    columns = ("states", "cases", "geometric mean", "worst", "won", "drawn", "lost")
    note = (
        "Ratio of our error to that of the best rival of each case, which is known in hindsight alone. Error: root "
        "mean square over the volume, relative to the range of the known fields, mean over the generated states. "
        f"Drawn: within a factor of {DRAW:g}. Cases without an answer are lost, and have no part in the mean."
    )
    caption = (
        "Share of the cases in which a method errs at most so many times as the best of all methods does (Dolan and "
        "Moré's performance profile): the higher, the better; the value at 1 is the share of first places."
    )
    profiles = {ZONES[zone]: ratios_to_best(rounds) for zone, rounds in found.items()}
    picture = tools.picture(draw_profiles(profiles), "profile", caption)
    return Section("Against the best rival", [note], [picture], [TextTable("", columns, rows), _methods(found)])


def _methods(found: dict[str, list[Bout]]) -> TextTable:
    """Every method by itself: how far it is from the best of all, over the cases."""
    cells: dict[str, list[str]] = {}
    order: dict[str, float] = {}
    for rounds in found.values():
        for method, ratios in ratios_to_best(rounds).items():
            there = ratios[np.isfinite(ratios)]
            if len(there) >= RANKED * len(ratios):
                mean = geometric_mean(there)
                first = f"{int(np.sum(there <= 1.0))}"
                cells.setdefault(method, []).extend([f"{mean:.2f}", first, f"{100 * np.mean(ratios <= 2.0):.0f}"])
                order.setdefault(method, mean)
    names = sorted(order, key=lambda method: order[method])
    columns = ["method", *(text for zone in found for text in (f"{zone}: over best", "first", "within 2 x, %"))]
    rows = [(method_name(name), *cells[name]) for name in names]
    note = (
        "Over best: error over that of the best of all methods, geometric mean over the cases that are answered. "
        "Within 2 x: share of the cases in which it is at most two."
    )
    return TextTable("One method for all cases", columns, rows, note, frozenset({names.index(OURS)}))


def _lost(found: dict[str, list[Bout]], results: Sequence[Result]) -> Section:
    """What is lost, the worst first."""
    lost = sorted((bout for rows in found.values() for bout in rows if bout.lost), key=lambda b: -b.ratio)
    total = sum(map(len, found.values()))
    text = [f"In {len(lost)} of {total} comparisons a rival errs less by more than a tenth, or we gave no answer."]
    text += [f"{result.name}: no answer, {result.failure}" for result in results if result.failure]
    rows = [(bout.case, bout.zone, _error(bout.errors[OURS]), percent(bout.errors[bout.best_rival]),
             _ratio(bout.ratio), method_name(bout.best_rival)) for bout in lost]  # fmt: skip
    columns = ("case", "states", "ours, %", "best rival, %", "ratio", "best rival")
    return Section("What is lost", text, tables=[TextTable("", columns, rows, text_columns=2)] if rows else [])


def _cases(results: Sequence[Result], rounds: Sequence[Bout], zone: str) -> TextTable:
    """One line a case."""
    by_case = {result.name: result for result in results}
    rows = []
    for bout in rounds:
        result = by_case[bout.case]
        there = [target for target in result.targets if target.zone == zone]
        estimate, covered = np.mean([(target.estimate, target.covered) for target in there], axis=0)
        rows.append(
            (bout.case, f"{result.known}", _error(bout.errors[OURS]), _error(float(estimate)),
             _error(float(covered)), percent(bout.errors[bout.best_rival]), method_name(bout.best_rival),
             _ratio(bout.ratio), number(result.seconds), number(result.rival_seconds))
        )  # fmt: skip
    columns = ("case", "known", "ours, %", "estimate, %", "in band, %", "best rival, %", "which",
               "ratio", "ours, s", "rivals, s")  # fmt: skip
    won = frozenset(row for row, bout in enumerate(rounds) if bout.ratio <= 1.0)
    note = (
        "Set off are the cases in which no rival errs less. Estimate: ours. In band: volume where the truth lies in "
        "our 95 % band. Seconds of one core, for both zones together."
    )
    return TextTable(ZONES[zone].capitalize(), columns, rows, note, won)


def _honesty(results: Sequence[Result], tools: Tools) -> Section:
    """Our estimates beside the true errors."""
    targets = [target for result in results for target in result.targets if target.answered]
    rows = []
    for zone, text in ZONES.items():
        there = [target for target in targets if target.zone == zone]
        if there:
            told = Honesty.of(there)
            rows.append((text, f"{told.count} of {len(there)}", percent(told.missed), percent(told.loose),
                         f"{told.rank:.2f}", percent(told.covered)))  # fmt: skip
    columns = ("states", "with an estimate", "error > 3 estimates, %", "estimate > 10 errors, %", "rank correlation",
               "volume in the 95 % band, %")  # fmt: skip
    note = (
        "An estimate is honest if hardly any error is above three of it, sharp if hardly any is below a tenth of it, "
        "and of use if it is large where the error is. The band reaches 1.96 estimates to either side, label by label."
    )
    worst = sorted(targets, key=lambda target: -target.error / max(target.estimate, 1e-300))[:5]
    table = TextTable(
        "The five errors that were told least",
        ("case", "state", "error, %", "estimate, %"),
        [(one.case, one.state, percent(one.error), percent(one.estimate)) for one in worst],
        text_columns=2,
    )
    rivals = dict.fromkeys(name for target in targets for name in target.sizes)
    others = [
        (
            method_name(name),
            ZONES[zone],
            f"{told.count} of {len(there)}",
            percent(told.missed),
            percent(told.loose),
            f"{told.rank:.2f}",
        )
        for name in rivals
        for zone in ZONES
        if (there := [target.by(name) for target in targets if target.zone == zone and name in target.sizes])
        for told in [Honesty.of(there)]
    ]
    beside = TextTable(
        "The rivals' estimates by the same rule: left-out errors in units of the natural spline's own deviation",
        ("rival", *columns[:5]),
        others,
        text_columns=2,
        terminal=False,
    )
    caption = "Each generated state: below the red line it errs by more than three estimates."
    picture = tools.picture(draw_honesty(targets), "honesty", caption)
    return Section("Are the estimates honest?", [note], [picture], [TextTable("", columns, rows), beside, table])


def _words(results: Sequence[Result]) -> Section:
    """What the trust words are worth."""
    targets = [target for result in results for target in result.targets if target.answered]
    words = words_of(targets)
    silent = sum(not target.word for target in targets)
    text = [f"{silent} of {len(targets)} generated states bear no trust word: this version gives none for fields."]
    found = [Precision.of(word, targets) for word in words]
    rows = [(one.word, f"{one.count}", percent(one.kept), percent(one.worst)) for one in found]
    columns = ("word", "states", "error of at most 3 estimates, %", "largest error, %")
    return Section("Trust word", text if silent else [], tables=[TextTable("", columns, rows)] if rows else [])


def _error(fraction: float) -> str:
    """A fraction in per cent; a dash where there is no answer."""
    return percent(fraction if np.isfinite(fraction) else None)


def _ratio(ratio: float) -> str:
    """A ratio; of no answer that it is none."""
    return number(ratio) if np.isfinite(ratio) else "no answer"


def _about(results: Sequence[Result]) -> Section:
    """What the cases are."""
    rows = [(result.name, result.about, f"{result.labels}") for result in results]
    columns = ("case", "what it is", "labels")
    return Section("The cases", tables=[TextTable("", columns, rows, text_columns=2, terminal=False)])
