"""A heat source that crosses a square plate: finite differences, implicit Euler."""

import time

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from cmgai_fem.states.labels import labels_on_mesh
from cmgai_fem.states.states import Coordinate, Field, States

# Diffusivity, speed, width and strength of the source, and where it starts; the plate has sides of 1.
DIFFUSIVITY, SPEED, WIDTH, STRENGTH, START = 0.01, 0.5, 0.08, 20.0, 0.2


def plate(cells: int, steps: int, times: list[float]) -> tuple[States, float]:
    """Temperature of the plate with `cells` a side, `steps` a unit of time, at increasing times, and the seconds."""
    start = time.perf_counter()
    count, side = cells + 1, np.linspace(0.0, 1.0, cells + 1)
    stiffness = cells**2 * sparse.diags(
        [np.r_[1.0, np.full(count - 2, 2.0), 1.0], -np.ones(cells), -np.ones(cells)], [0, 1, -1]
    )
    mass = sparse.diags(np.r_[0.5, np.ones(count - 2), 0.5])
    whole = sparse.kron(mass, mass)
    system = splu((steps * whole + DIFFUSIVITY * (sparse.kron(mass, stiffness) + sparse.kron(stiffness, mass))).tocsc())
    x, y = (axis.ravel() for axis in np.meshgrid(side, side))
    heat, found, step = np.zeros(count**2), [], 0
    for asked in times:
        while step < round(asked * steps):
            step += 1
            apart = (x - START - SPEED * step / steps) ** 2 + (y - 0.5) ** 2
            heat = system.solve(whole @ (steps * heat + STRENGTH * np.exp(-0.5 * apart / WIDTH**2)))
        found.append(heat.copy())
    corner = np.array([row * count + column for row in range(cells) for column in range(cells)])
    quads = np.stack([corner, corner + 1, corner + count + 1, corner + count], axis=1)
    labels = labels_on_mesh(np.stack([x, y], axis=1), {"quad": quads})
    field = Field(np.array(found)[..., None], "K", ("",))
    spent = time.perf_counter() - start
    return States(labels, Coordinate("time", "s"), np.array(times), {"temperature": field}), spent
