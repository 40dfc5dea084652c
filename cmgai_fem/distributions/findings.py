"""What one part of a study hands back, from whatever process it ran in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from matplotlib.figure import Figure

from cmgai_fem.distributions.results import Grid, Measurement


class Picture(Protocol):
    """Data that can be drawn."""

    def figure(self) -> Figure:
        """The drawing."""
        ...


@dataclass(frozen=True)
class Findings:
    """Figures, tables and pictures of one part of a study.

    Args:
        rows: figures.
        grids: tables.
        pictures: pictures by the name of their file; shown below the first table.
        lines: what was done, for the terminal.
    """

    rows: Sequence[Measurement]
    grids: Sequence[Grid]
    pictures: Mapping[str, Picture]
    lines: Sequence[str]
