"""The optimality system of the least force (p = 0) as the pair (u, b): a second way to the same motion.

    u'' + eta u' + lam u = b,        b'' - eta b' + lam b = sum_k mu_k delta(s - s_k),
    u(s_k) = U_k,                    b = 0 at the first and the last state,

integrated by parts once in s and discretised by Lagrange elements with the states among their nodes (theory,
section 5). It shares nothing with the least-squares B-splines of `state_splines`, so that each checks the other.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import sparse
from scipy.interpolate import BarycentricInterpolator
from scipy.sparse import linalg

from cmgai_fem.states.labels import Array, IntArray


@dataclass(frozen=True)
class MixedPair:
    """The motion and force of one eigenmode between the first and the last state.

    Args:
        nodes: (N,) pseudo-times of the finite-element nodes.
        motion: (N,) displacement u at the nodes.
        force: (N,) body force b at the nodes.
    """

    nodes: Array
    motion: Array
    force: Array


def solve_mixed_pair(
    states: Array, data: Array, damping: float, eigenvalue: float, elements: int = 8, degree: int = 3
) -> MixedPair:
    """Solve the pair for one eigenmode.

    Args:
        states: (K,) pseudo-times of the states, increasing.
        data: (K,) known displacements.
        damping: eta.
        eigenvalue: kappa lam.
        elements: elements between two states.
        degree: of the Lagrange elements.

    Source: theory section 5; order degree + 1 in s.
    """
    breaks = np.unique(np.concatenate([np.linspace(a, b, elements + 1) for a, b in pairwise(states)]))
    nodes, cells = _lagrange_nodes(breaks, degree)
    stiffness, transport, mass = _matrices(nodes, cells, degree)
    # Test functions of the first equation vanish where b is given, those of the second where u is.
    given_motion = np.searchsorted(nodes, states)
    given_force = np.array([0, len(nodes) - 1])
    free_motion = np.setdiff1d(np.arange(len(nodes)), given_motion)
    free_force = np.setdiff1d(np.arange(len(nodes)), given_force)
    forward = -stiffness + damping * transport + eigenvalue * mass
    adjoint = -stiffness - damping * transport + eigenvalue * mass
    system = sparse.block_array(
        [
            [forward[free_force][:, free_motion], -mass[free_force][:, free_force]],
            [None, adjoint[free_motion][:, free_force]],
        ],
        format="csc",
    )
    right = np.concatenate([-(forward[free_force][:, given_motion] @ data), np.zeros(len(free_motion))])
    solution = linalg.spsolve(system, right)
    motion, force = np.zeros(len(nodes)), np.zeros(len(nodes))
    motion[given_motion], motion[free_motion] = data, solution[: len(free_motion)]
    force[free_force] = solution[len(free_motion) :]
    return MixedPair(nodes, motion, force)


def _lagrange_nodes(breaks: Array, degree: int) -> tuple[Array, IntArray]:
    inner = np.linspace(0.0, 1.0, degree + 1)[:-1]
    nodes = np.append((breaks[:-1, None] + np.diff(breaks)[:, None] * inner).ravel(), breaks[-1])
    cells = np.arange(len(breaks) - 1)[:, None] * degree + np.arange(degree + 1)
    return nodes, cells


def _matrices(nodes: Array, cells: IntArray, degree: int) -> tuple[sparse.csr_array, ...]:
    """`int w' u'`, `int w u'` and `int w u` as sparse matrices (test by trial)."""
    points, weights = np.polynomial.legendre.leggauss(degree + 1)
    points, weights = 0.5 * (points + 1.0), 0.5 * weights
    reference = BarycentricInterpolator(np.linspace(0.0, 1.0, degree + 1), np.eye(degree + 1))
    values, slopes = reference(points), reference.derivative(points)
    lengths = nodes[cells[:, -1]] - nodes[cells[:, 0]]
    local = (
        np.einsum("q,qi,qj->ij", weights, slopes, slopes) / lengths[:, None, None],
        np.broadcast_to(np.einsum("q,qi,qj->ij", weights, values, slopes), (len(cells), degree + 1, degree + 1)),
        np.einsum("q,qi,qj->ij", weights, values, values) * lengths[:, None, None],
    )
    rows = np.repeat(cells, degree + 1, axis=1).ravel()
    columns = np.tile(cells, (1, degree + 1)).ravel()
    shape = (len(nodes), len(nodes))
    return tuple(sparse.coo_array((block.ravel(), (rows, columns)), shape=shape).tocsr() for block in local)
