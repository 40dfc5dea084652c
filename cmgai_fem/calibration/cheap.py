"""Cheap models: what a coarse or simplified solve says at the known states and at those asked for, and its gain.

The force of a cheap model's motion is known. The expensive motion has `rho` times that force and a rest, and the gain
`rho` is the one that leaves the least rest: with no law the least `int |d^2 (y - rho c)/ds^2|^2`, the bending energy of
the natural spline through the differences, over several coordinates of the thin plate.

Source: ours; kin to the scaled correction of multi-fidelity surrogates (Kennedy and O'Hagan, Biometrika 87 (2000)
1-13).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline
from scipy.optimize import lsq_linear

from cmgai_fem.calibration.members import UNISOLVENT
from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import monomials
from cmgai_fem.motions.precision import centred, line_precision, scattered_precision
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.states.states import States

# Gains are kept within these: a cheap model that is to be turned round, or to count thrice, is another model.
LEAST_GAIN, MOST_GAIN = 0.0, 2.0
# Below this they are none.
NO_GAIN = 0.05
# Bending of a cheap model against that of the known states, below which its gain is rounding.
BENDING = 1e-8
ROUNDING = 1e-20


@dataclass(frozen=True)
class CheapModels:
    """Cheap models on the labels of the known states.

    Args:
        names: of the models, for messages.
        points: (A, m) states that all of them are known at: the known ones and those asked for, increasing.
        fields: (C, A, L, n) their fields, in the unit of the known field.
        along: they are known so closely along the one coordinate that a cubic spline tells them between their states.
    """

    names: tuple[str, ...]
    points: Array
    fields: Array
    along: bool = False

    def at(self, point: ArrayLike) -> Array:
        """(C, L, n) fields at a state (m,).

        Raises:
            InputError: the cheap models were not given there.
        """
        rows = np.flatnonzero(np.all(self.points == np.asarray(point), axis=1))
        if self.along and not len(rows) and self.points[0] <= point <= self.points[-1]:
            places = self.points[:, 0]
            weights = CubicSpline(places, np.eye(len(places)))(float(np.ravel(point)[0]))
            return np.einsum("a,calk->clk", weights, self.fields)
        if not len(rows):
            text = ", ".join(f"{part:g}" for part in np.atleast_1d(point))
            raise InputError(f"state {text}: cheap model {self.names[0]} was not given there")
        return np.asarray(self.fields[:, rows[0]])

    def over(self, values: Array) -> Array:
        """(C, K, L, n) fields at states (K, m)."""
        return np.stack([self.at(value) for value in values], axis=1)

    def only(self, rows: IntArray) -> "CheapModels":
        """Some of the models."""
        return replace(self, names=tuple(self.names[row] for row in rows), fields=self.fields[rows])

    def errors(self, states: States, field: str) -> Array:
        """(C,) root mean square errors of the models themselves at the known states, relative to the known range."""
        known, weights = states.field(field).values, states.labels.weights
        squares = np.mean((self.over(states.values) - known) ** 2, axis=(1, 3)) @ weights / weights.sum()
        return np.sqrt(squares) / (float(np.ptp(known)) or 1.0)


@dataclass(frozen=True)
class Gains:
    """Gains of cheap models, by the least rest of the force.

    Args:
        places: (K, m) values of the known states.
        products: (1 + C, K, 1 + C, K) scalar products over the volume of the known states, first, and of the models.
    """

    places: Array
    products: Array

    @classmethod
    def of(cls, states: States, field: str, cheap: CheapModels) -> "Gains":
        """The gains over known states of one field."""
        known, weights = states.field(field).values, states.labels.weights
        both = np.concatenate([known[None], cheap.over(states.values)])
        scale = float(np.ptp(known)) or 1.0
        flat = (both / scale * np.sqrt(weights / weights.sum())[:, None]).reshape(*both.shape[:2], -1)
        return cls(states.values, np.tensordot(flat, flat, axes=(2, 2)))

    @cached_property
    def all(self) -> Array:
        """(C,) gains by all known states."""
        return self.without(None)

    @cached_property
    def each(self) -> Array:
        """(K, C) gains without each state."""
        return np.array([self.without(row) for row in range(len(self.places))])

    @cached_property
    def variance(self) -> Array:
        """(C, C) covariance of the gains, by leaving each state out (jackknife)."""
        apart = self.each - self.all
        return apart.T @ apart * (len(apart) - 1) / len(apart)

    def without(self, row: int | None) -> Array:
        """(C,) gains of all states but one."""
        rows = np.arange(len(self.places))
        rows = rows if row is None else np.delete(rows, row)
        held = self.products[:, rows][..., rows]
        energy = np.einsum("aibj,ij->ab", held, bending(self.places[rows]))
        sizes = np.einsum("aiai->a", held)
        told = np.diag(energy)[1:] > np.maximum(BENDING * energy[0, 0], ROUNDING * sizes[1:])
        gains = np.zeros(len(told))
        if told.any():
            form, side = energy[1:, 1:][np.ix_(told, told)], energy[1:, 0][told]
            root = np.linalg.cholesky(form + 1e-12 * np.trace(form) * np.eye(len(form)))
            gains[told] = lsq_linear(root.T, np.linalg.solve(root, side), (LEAST_GAIN, MOST_GAIN), tol=1e-14).x
        return np.where(gains < NO_GAIN, 0.0, gains)


def bending(places: Array) -> Array:
    """(K, K) form of the least bending of motions through states at (K, m); of their scatter where nothing bends."""
    count, dimension = places.shape
    scaled = (places - places.min(axis=0)) / np.where(np.ptp(places, axis=0) > 0.0, np.ptp(places, axis=0), 1.0)
    nodes = centred(scaled, scaled)
    plane = monomials(nodes, 1)
    if count <= dimension + 1 or np.linalg.matrix_rank(plane, tol=UNISOLVENT) < plane.shape[1]:
        return np.eye(count) - 1.0 / count
    form = line_precision(nodes[None, :, 0], 2) if dimension == 1 else scattered_precision(nodes[None], 2)
    return np.asarray(form[0])
