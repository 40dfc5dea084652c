"""Pictures of conditional laws: the truth beside what each method draws."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .problems import Card

Array = NDArray[np.float64]

SHOWN = 150


def law_figure(card: Card, conditions: Array, drawn: Mapping[str, list[Array]], samples: int) -> Figure:
    """One panel a method: first value over the first condition, or the first two values at one condition.

    Args:
        card: of the problem.
        conditions: (C, p).
        drawn: by method, C samples (N, d); the truth first.
        samples: size of the training set, for the title.
    """
    rows = 1 if len(card.value_names) == 1 else 2
    figure = Figure(figsize=(2.9 * len(drawn), 2.7 * rows), layout="constrained")
    axes = figure.subplots(rows, len(drawn), sharex="row", sharey="row", squeeze=False)
    widest = _most_spread(next(iter(drawn.values())))
    for column, (method, laws) in enumerate(drawn.items()):
        top = axes[0, column]
        for at, values in zip(conditions, laws, strict=True):
            part = values[:SHOWN]
            top.plot(np.full(len(part), at[0]), part[:, 0], ".", markersize=3, alpha=0.25, color="#1f5fa8")
        top.set_title(method, fontsize=9)
        top.set_xlabel(card.condition_names[0])
        if rows == 2:
            part = laws[widest]
            axes[1, column].plot(part[:, 0], part[:, 1], ".", markersize=3, alpha=0.4, color="#a8431f")
            axes[1, column].set_xlabel(card.value_names[0])
    axes[0, 0].set_ylabel(card.value_names[0])
    if rows == 2:
        axes[1, 0].set_ylabel(card.value_names[1])
        axes[1, 0].set_title(f"at {card.condition_names[0]} {conditions[widest, 0]:.3g}", fontsize=9)
    figure.suptitle(f"{card.title}: trained on {samples} samples, first seed", fontsize=10)
    return figure


def _most_spread(laws: list[Array]) -> int:
    """Index of the law that is widest in its second value."""
    return int(np.argmax([values[:, min(1, values.shape[1] - 1)].std() for values in laws]))
