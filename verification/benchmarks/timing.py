"""Ways to the same answer timed beside each other in one process: in turn, so that a load on the machine hits all."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

# Times that each way is taken.
REPEATS = 5

Row = dict[str, object]


def alternate(ways: Mapping[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, list[float]]:
    """Wall times [s] of each way, turn by turn; the first use of each is not counted."""
    for work in ways.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)
    return times


def figure(values: list[float]) -> str:
    """Median of the values, and the least and the greatest."""
    return f"{np.median(values):.3g} ({min(values):.3g}..{max(values):.3g})"


def over(numerator: list[float], denominator: list[float]) -> str:
    """Ratios, turn by turn, as `figure`."""
    return figure([above / below for above, below in zip(numerator, denominator, strict=True)])


def growth(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Exponent b of seconds = a size^b, fitted by least squares of the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
