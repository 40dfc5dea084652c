"""Slow eigenmodes: the part of a motion that a least force determines.

An eigenmode of the label mesh that swings through half a period between two states can do so at no force at all, so the
least force does not determine it, and a finer mesh has ever more such modes. So a law acts fully on slow modes, fades
as they get faster, and is gone where a mode swings through `SWING` of half a period: those follow the law-free spline.
Our choice, the same in both discretisations.
"""

import numpy as np

from cmgai_fem.states.states import Array

SWING = 0.8  # part of half a period between two states at which a mode feels no law any more


def slow_limit(nodes: Array) -> float:
    """The eigenvalue (stiffness per mass) below which a mode feels the law.

    Args:
        nodes: (K,) pseudo-times of the states.
    """
    return float((SWING * np.pi / np.diff(nodes).max()) ** 2)


def felt(eigenvalues: Array, nodes: Array) -> Array:
    """The stiffness that eigenmodes of a linear law feel: `lam (1 - (lam / limit)^4)^3` below the limit, 0 above.

    Twice continuously differentiable, so that a Krylov space holds the motion in few vectors; within one per cent of
    the whole stiffness up to a quarter of the limit, where a mode swings through 0.4 of half a period.

    Args:
        eigenvalues: (r,) eigenvalues, not negative.
        nodes: (K,) pseudo-times of the states.
    """
    part = np.minimum(eigenvalues / slow_limit(nodes), 1.0)
    return eigenvalues * (1.0 - part**4) ** 3
