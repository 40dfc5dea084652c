"""Finite elements of a state space: the least force over a box of B-splines, a check on its Green's functions.

The energy over R^m is cut off at a box many times as wide as the states, its elements growing outwards: what is missed
falls with the m-th power of the width. The exact answer needs none of this (`motions.polyharmonic`); here the same
statement is solved in another way. It serves order 0: energies of a motion as wide as the box and of one element are
(width / element)^(2 q) apart, for higher orders more than float64 tells.
"""

from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import product
from math import factorial

import numpy as np
from scipy import sparse
from scipy.interpolate import BSpline
from scipy.sparse.linalg import spsolve

from cmgai_fem.errors import InputError
from cmgai_fem.motions.polyharmonic import normalisation
from cmgai_fem.quadrature import gauss_on_pieces
from cmgai_fem.states.labels import Array

# Half width of the box in units of the states' own, and the growth of its elements outside the states.
REACH, GROWTH = 60.0, 1.5
# Order of the derivatives in the energy of p = 0, and degree of the B-splines.
HIGHEST, DEGREE = 2, 3


@dataclass(frozen=True)
class StateRitz:
    """Least-force motion of order 0 through hard states, by B-splines.

    Args:
        nodes: (K, m) points of the states.
        elements: elements across the states in each coordinate.
    """

    nodes: Array
    elements: int = 32

    def weights(self, points: Array) -> Array:
        """(T, K) weights of the known states in the motion at points (T, m) inside the box."""
        return np.asarray(self._basis(points) @ self._coefficients)

    @cached_property
    def _knots(self) -> Array:
        """Open knot vector of every axis, in scaled coordinates."""
        inner = np.linspace(-1.25, 1.25, self.elements + 1)
        step, outer = inner[1] - inner[0], [1.25]
        while outer[-1] < REACH:
            step *= GROWTH
            outer.append(outer[-1] + step)
        breaks = np.concatenate([-np.array(outer[:0:-1]), inner, outer[1:]])
        return np.concatenate([np.repeat(breaks[0], DEGREE), breaks, np.repeat(breaks[-1], DEGREE)])

    def _axis_energy(self, derivative: int) -> sparse.csr_array:
        """Integrals of products of the B-splines' derivatives."""
        places, weights = gauss_on_pieces(np.unique(self._knots), DEGREE + 1)
        splines = BSpline(self._knots, np.eye(len(self._knots) - DEGREE - 1), DEGREE)
        rows = sparse.csr_array(splines(places, nu=derivative) if derivative else splines(places))
        return sparse.csr_array(rows.T @ sparse.diags_array(weights) @ rows)

    def _basis(self, points: Array) -> sparse.csr_array:
        centre, size = normalisation(self.nodes)
        scaled = (np.asarray(points, dtype=float) - centre) / size
        if np.abs(scaled).max(initial=0.0) > REACH:
            raise InputError("a point lies outside the box of the finite elements")
        axes = [BSpline.design_matrix(column, self._knots, DEGREE) for column in scaled.T]
        rows = [reduce(sparse.kron, [axis[[row]] for axis in axes]) for row in range(len(scaled))]
        return sparse.csr_array(sparse.vstack(rows))

    @cached_property
    def _coefficients(self) -> Array:
        """(size, K) coefficients of each state's unit datum."""
        q, dimension, count = HIGHEST, self.nodes.shape[1], len(self.nodes)
        axes = [self._axis_energy(derivative) for derivative in range(q + 1)]
        energy = sparse.csr_array(
            sum(
                factorial(q) / np.prod([factorial(k) for k in index]) * reduce(sparse.kron, [axes[k] for k in index])
                for index in product(range(q + 1), repeat=dimension)
                if sum(index) == q
            )
        )
        # Elements far out and those at the states have energies many orders apart.
        scale = sparse.diags_array(1.0 / np.sqrt(energy.diagonal()))
        energy, states = scale @ energy @ scale, self._basis(self.nodes) @ scale
        system = sparse.block_array([[energy, states.T], [states, None]], format="csc")
        right = np.vstack([np.zeros((energy.shape[0], count)), np.eye(count)])
        return np.asarray(scale @ spsolve(system, sparse.csc_array(right)).toarray()[: energy.shape[0]])
