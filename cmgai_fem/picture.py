"""A quick picture of a field on its labels."""

import numpy as np
from matplotlib.figure import Figure

from cmgai_fem.states.labels import Array, Labels

# Area of a marker that lets the labels of a plane body touch, in points squared, for one label.
COVER = 4e4


def picture(labels: Labels, values: Array, name: str, title: str) -> Figure:
    """A field over its labels: a line in 1-D, coloured dots in 2-D and 3-D.

    Args:
        labels: the labels.
        values: (L, n) field; of several components their Euclidean norm is shown.
        name: what the colours or heights are, with the unit.
        title: of the picture.
    """
    places, shown = labels.positions, values[:, 0] if values.shape[1] == 1 else np.linalg.norm(values, axis=1)
    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    if places.shape[1] == 1:
        order = np.argsort(places[:, 0])
        axes = figure.add_subplot()
        axes.plot(places[order, 0], shown[order])
        axes.set(xlabel="x [m]", ylabel=name, title=title)
        return figure
    axes = figure.add_subplot(projection=None if places.shape[1] == 2 else "3d")
    size = float(np.clip(COVER / len(places), 2.0, 200.0))
    dots = axes.scatter(*places.T, c=shown, s=size, linewidths=0.0)  # type: ignore[misc]
    axes.set(xlabel="x [m]", ylabel="y [m]", title=title)
    axes.set_aspect("equal")
    figure.colorbar(dots, label=name)
    return figure
