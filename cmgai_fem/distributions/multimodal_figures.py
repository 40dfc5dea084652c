"""Pictures of conditional laws: the truth beside what each method draws."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cmgai_fem.distributions.problems import Card

Array = NDArray[np.float64]

SHOWN = 150


@dataclass(frozen=True)
class LawPicture:
    """Samples to draw.

    Args:
        card: of the problem.
        conditions: (C, p).
        drawn: by method, C samples (N, d).
        samples: size of the training set, for the title.
    """

    card: Card
    conditions: Array
    drawn: Mapping[str, list[Array]]
    samples: int

    def figure(self) -> Figure:
        """One panel a method: first value over the first condition, or the first two values at the last condition."""
        methods = list(self.drawn)
        rows = 1 if len(self.card.value_names) == 1 else 2
        figure = Figure(figsize=(2.9 * len(methods), 2.7 * rows), layout="constrained")
        axes = figure.subplots(rows, len(methods), sharex="row", sharey="row", squeeze=False)
        late = self._most_spread()
        for column, method in enumerate(methods):
            top = axes[0, column]
            for at, values in zip(self.conditions, self.drawn[method], strict=True):
                part = values[:SHOWN]
                top.plot(np.full(len(part), at[0]), part[:, 0], ".", markersize=3, alpha=0.25, color="#1f5fa8")
            top.set_title(method, fontsize=9)
            top.set_xlabel(self.card.condition_names[0])
            if rows == 2:
                part = self.drawn[method][late]
                axes[1, column].plot(part[:, 0], part[:, 1], ".", markersize=3, alpha=0.4, color="#a8431f")
                axes[1, column].set_xlabel(self.card.value_names[0])
        axes[0, 0].set_ylabel(self.card.value_names[0])
        if rows == 2:
            axes[1, 0].set_ylabel(self.card.value_names[1])
            name = self.card.condition_names[0]
            axes[1, 0].set_title(f"at {name} {self.conditions[late, 0]:.3g}", fontsize=9)
        figure.suptitle(f"{self.card.title}: trained on {self.samples} samples, first seed", fontsize=10)
        return figure

    def _most_spread(self) -> int:
        """Index of the condition whose true law is widest in its second value."""
        truth = next(iter(self.drawn.values()))
        return int(np.argmax([values[:, min(1, values.shape[1] - 1)].std() for values in truth]))
