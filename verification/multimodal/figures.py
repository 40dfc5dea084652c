"""Pictures of conditional laws: the truth beside what each method draws."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .problems import Card

Array = NDArray[np.float64]

SHOWN = 150
# Methods side by side; more go into further bands below.
COLUMNS = 4


def law_figure(card: Card, conditions: Array, drawn: Mapping[str, list[Array]], samples: int) -> Figure:
    """One panel a method: first value over the first condition, or the first two values at one condition.

    Args:
        card: of the problem.
        conditions: (C, p).
        drawn: by method, C samples (N, d); the truth first.
        samples: size of the training set, for the title.
    """
    high = 1 if len(card.value_names) == 1 else 2
    bands, wide = -(-len(drawn) // COLUMNS), min(COLUMNS, len(drawn))
    figure = Figure(figsize=(2.9 * wide, 2.7 * high * bands), layout="constrained")
    axes = figure.subplots(high * bands, wide, squeeze=False)
    for axis in axes.flat:
        axis.set_visible(False)
    widest = _most_spread(next(iter(drawn.values())))
    for place, (method, laws) in enumerate(drawn.items()):
        band, column = divmod(place, COLUMNS)
        top, *below = axes[high * band : high * (band + 1), column]
        top.set(visible=True, xlabel=card.condition_names[0])
        top.sharex(axes[0, 0])
        top.sharey(axes[0, 0])
        for at, values in zip(conditions, laws, strict=True):
            part = values[:SHOWN]
            top.plot(np.full(len(part), at[0]), part[:, 0], ".", markersize=3, alpha=0.25, color="#1f5fa8")
        top.set_title(method.replace(", ", ",\n"), fontsize=9)
        for axis in below:
            part = laws[widest]
            axis.set(visible=True, xlabel=card.value_names[0])
            axis.sharex(axes[1, 0])
            axis.sharey(axes[1, 0])
            axis.plot(part[:, 0], part[:, 1], ".", markersize=3, alpha=0.4, color="#a8431f")
            axis.set_title(f"at {card.condition_names[0]} {conditions[widest, 0]:.3g}", fontsize=9)
        if column == 0:
            for axis, name in zip((top, *below), card.value_names, strict=False):
                axis.set_ylabel(name)
    figure.suptitle(f"{card.title}: trained on {samples} samples, first seed", fontsize=10)
    return figure


def _most_spread(laws: list[Array]) -> int:
    """Index of the law that is widest in its second value."""
    return int(np.argmax([values[:, min(1, values.shape[1] - 1)].std() for values in laws]))
