"""Interpolation between two grey images as densities (mass mode): grey is mass, and mass moves, never fades."""

import numpy as np
import ot
from numpy.typing import NDArray

from cmgai_fem.distributions.optimal_transport import exact_plan
from cmgai_fem.errors import InputError

Array = NDArray[np.float64]


def interpolate_images(first: Array, second: Array, times: Array) -> Array:
    """McCann's interpolation between two images of equal mass.

    Every pixel's mass goes straight and at constant speed to the pixels that the optimal plan sends it to (no law, no
    force), and is shared at each time among the four pixels around it in proportion to nearness, which keeps mass and
    centre of mass.

    Args:
        first: (h, w) non-negative grey values at s = 0.
        second: (h, w) at s = 1.
        times: (T,) pseudo-times in [0, 1].

    Returns:
        (T, h, w) images; both ends are the given images, divided by their mass.

    Raises:
        InputError: shapes differ, or an image is negative or empty.
        ConvergenceError: the plan was not solved to the optimum.

    Source: McCann, Adv. Math. 128 (1997), displacement interpolation.
    """
    if first.shape != second.shape or first.ndim != 2:
        raise InputError(f"images of one interpolation need one shape (h, w), not {first.shape} and {second.shape}")
    for name, image in (("first", first), ("second", second)):
        if image.min() < 0.0 or image.sum() <= 0.0:
            raise InputError(f"the {name} image must be non-negative and not empty to be a density")
    rows, columns = np.indices(first.shape)
    places = np.stack([rows.ravel(), columns.ravel()], axis=1).astype(float)
    plan = exact_plan(ot.dist(places, places), first.ravel() / first.sum(), second.ravel() / second.sum())
    source, target = np.nonzero(plan)
    mass = plan[source, target]
    return np.stack([_share((1.0 - s) * places[source] + s * places[target], mass, first.shape) for s in times])


def _share(places: Array, mass: Array, shape: tuple[int, ...]) -> Array:
    """Deposit masses (k,) at places (k, 2) on the pixels around them, bilinearly."""
    image = np.zeros(shape)
    corner = np.minimum(np.floor(places).astype(int), np.array(shape) - 2)
    within = places - corner
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - within[:, 0]) * np.abs(1 - right - within[:, 1])
            np.add.at(image, (corner[:, 0] + down, corner[:, 1] + right), mass * weight)
    return image
