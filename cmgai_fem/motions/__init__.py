"""Several state coordinates: states at scattered points of two or three coordinates, and fields at new points.

The pseudo-time becomes a point `s` of an m-dimensional space, m = 1, 2 or 3. With no law the momentum balance reads
`rho0 lap_s u = rho0 b`, and `least(p)` asks for the motion through the states whose force is least,

    min  1/2 int_{R^m} rho0 |D_s^p b|^2 ds  =  1/2 int_{R^m} rho0 |D_s^{p+2} u|^2 ds,    u(X, s_k) = U_k(X),

Duchon's polyharmonic spline of order q = p + 2; for m = 1 it is the natural spline of `forces.Least`. The paper has one
coordinate: this statement is our choice. A law with stiffness is refused for m >= 2: `lap_s u + kappa lam u = 0` has
infinitely many free motions (a wave in every direction of the state space), which no finite set of states determines.
"""

from cmgai_fem.motions.polyharmonic import PolyharmonicSpline, highest_order
from cmgai_fem.motions.simplices import StateSimplices
from cmgai_fem.motions.smoothers import Smoother, make_smoother
from cmgai_fem.motions.softness import explained_softness
from cmgai_fem.states.axes import StateAxes

__all__ = [
    "PolyharmonicSpline",
    "Smoother",
    "StateAxes",
    "StateSimplices",
    "explained_softness",
    "highest_order",
    "make_smoother",
]
