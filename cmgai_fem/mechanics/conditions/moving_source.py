"""A source of heat that moves: a torch or a laser."""

from typing import Annotated, Any, ClassVar

import numpy as np
import ufl
from pydantic import AfterValidator, Field

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.conditions.base import Condition, Physics, WeakForm
from cmgai_fem.mechanics.inputs import Value, rows


def _path(value: list[list[float]]) -> list[list[float]]:
    if not any(rows(value, width) is not None for width in (3, 4)):
        raise ValueError("a path has two or more rows [t, x, y] or [t, x, y, z], t increasing")
    return value


class MovingSource(Condition):
    """Heat of a Gaussian spot that follows a path, q = P exp(-d^2/(2 r^2)) / (2 pi r^2)^(g/2), d the distance.

    Args:
        path: rows [t, x, y] or [t, x, y, z] [s, m]; straight between them.
        power: P [W; by metre of thickness in 2-D]; what of the spot lies beside the body is lost.
        radius: r, standard deviation of the spot [m].
        on: cells (g = 2 or 3, the mesh's) or, in 3-D, faces (g = 2).
    """

    table: ClassVar[str] = "source"
    physics: ClassVar[Physics] = "heat"
    places = ("faces", "cells")
    path: Annotated[list[list[float]], AfterValidator(_path)]
    power: Value
    radius: float = Field(gt=0.0)

    def residual(self, weak: WeakForm) -> Any:
        """See `Condition.residual`.

        Raises:
            InputError: the body is axisymmetric, or the path of another dimension than the mesh.
        """
        path, dimension = np.array(self.path), weak.body.mesh.geometry.dim
        if weak.axisymmetric:
            raise InputError(f"{self.name}: a spot that moves is not axisymmetric; use setting = 'solid'")
        if path.shape[1] != 1 + dimension:
            raise InputError(f"{self.name}: the path has {path.shape[1] - 1} coordinates, the mesh {dimension}")
        centre = [weak.inputs.tabled(path[:, [0, 1 + i]], f"path of {self.name}") for i in range(dimension)]
        square = sum((x - place) ** 2 for x, place in zip(weak.position, centre, strict=True))
        width = weak.inputs.number(2.0 * self.radius**2)
        spread = (np.pi * 2.0 * self.radius**2) ** (0.5 * weak.body.group(self.on).dimension)
        power = weak.inputs.scalar(self.power, f"power of {self.name}")
        density = power / weak.inputs.number(spread) * ufl.exp(-square / width)
        return -weak.integral(density * weak.test, self.on)
