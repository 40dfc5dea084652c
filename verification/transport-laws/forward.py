"""The forward problem: given the body force and an initial state, march the labels in s.

    M u'' + eta M u' + ∂E/∂u = M b(s)

Implicit midpoint keeps linear and angular momentum of a free body exactly; generalised-alpha damps the frequencies that
the step cannot resolve. With the force that a transport solver found, the march must give that solver's motion back
(`replay.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import linalg as sparse_linalg

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.fem.internal_force import InternalForce
from cmgai_fem.fem.spaces import LabelSpace
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.eigenmodes import to_scipy
from cmgai_fem.transport.forces import KnownForce
from cmgai_fem.transport.laws import Law

NEWTON_STEPS = 25
Force = Callable[[float], Array]
Step = Callable[[Array, Array, Array, float, float], tuple[Array, Array, Array]]


@dataclass(frozen=True)
class MarchHistory:
    """What a march passed through.

    Args:
        times: (T,) pseudo-times.
        displacement: (T, L n) displacements in the unit of the field.
        velocity: (T, L n) their rates.
    """

    times: Array
    displacement: Array
    velocity: Array


class ForwardMarch:
    """A continuum of labels under a given force.

    Args:
        mass: mass matrix; the identity where labels are on their own.
        internal: internal force of the law; None for no law.
        damping: eta per mass.
        known: force per mass of the displacement and the pseudo-time, on degrees of freedom (D,); None for none.
    """

    def __init__(
        self,
        mass: sparse.csr_matrix,
        internal: InternalForce | None,
        damping: float = 0.0,
        known: KnownForce | None = None,
    ) -> None:
        self.mass, self.internal, self.damping, self.known = mass, internal, damping, known
        self._factor: tuple[float, sparse_linalg.SuperLU] | None = None

    @classmethod
    def on_mesh(cls, space: LabelSpace, law: Law, damping: float = 0.0) -> "ForwardMarch":
        """A continuum on a label mesh under any law."""
        internal = InternalForce(space, law) if law.stiffness > 0.0 else None
        return cls(to_scipy(space.mass), internal, damping)

    def midpoint(self, displacement: Array, velocity: Array, times: Array, force: Force | None = None) -> MarchHistory:
        """March by the implicit midpoint rule, second order.

        Args:
            displacement: (L n,) at `times[0]`.
            velocity: (L n,) at `times[0]`.
            times: (T,) increasing pseudo-times.
            force: body force (L n,) per mass at a pseudo-time; None for none.

        Raises:
            ConvergenceError: Newton's method failed in a step.

        Source: Simo, Tarnow and Wong, Comput. Methods Appl. Mech. Eng. 100 (1992), section 3.
        """

        def step(u: Array, v: Array, a: Array, s: float, h: float) -> tuple[Array, Array, Array]:
            body = force(s + 0.5 * h) if force else np.zeros_like(u)

            def inertia(middle: Array) -> Array:
                rate = 2.0 * (middle - u) / h
                return 2.0 * (rate - v) / h + self.damping * rate - body

            middle = self._newton(u + 0.5 * h * v, inertia, 4.0 / h**2 + 2.0 * self.damping / h, (s + 0.5 * h, s + h))
            rate = 2.0 * (middle - u) / h
            return 2.0 * middle - u, 2.0 * rate - v, a

        return self._march(displacement, velocity, np.zeros_like(displacement), times, step)

    def generalised_alpha(
        self,
        displacement: Array,
        velocity: Array,
        times: Array,
        force: Force | None = None,
        spectral_radius: float = 0.9,
    ) -> MarchHistory:
        """March by the generalised-alpha method, second order.

        Args:
            displacement: (L n,) at `times[0]`.
            velocity: (L n,) at `times[0]`.
            times: (T,) increasing pseudo-times.
            force: body force (L n,) per mass at a pseudo-time; None for none.
            spectral_radius: of the method at infinite frequency: 1 damps nothing, 0 all of it in one step.

        Raises:
            ConvergenceError: Newton's method failed in a step.

        Source: Chung and Hulbert, J. Appl. Mech. 60 (1993), eqs 17 and 25.
        """
        if not 0.0 <= spectral_radius <= 1.0:
            raise InputError(f"generalised-alpha: the spectral radius {spectral_radius:g} must lie between 0 and 1")
        alpha_m = (2.0 * spectral_radius - 1.0) / (spectral_radius + 1.0)
        alpha_f = spectral_radius / (spectral_radius + 1.0)
        gamma = 0.5 - alpha_m + alpha_f
        beta = 0.25 * (1.0 - alpha_m + alpha_f) ** 2
        body = force or (lambda s: np.zeros_like(displacement))

        def step(u: Array, v: Array, a: Array, s: float, h: float) -> tuple[Array, Array, Array]:
            load = (1.0 - alpha_f) * body(s + h) + alpha_f * body(s)

            def end(weighted: Array) -> tuple[Array, Array, Array]:
                new = (weighted - alpha_f * u) / (1.0 - alpha_f)
                acceleration = (new - u - h * v) / (beta * h**2) - (0.5 / beta - 1.0) * a
                return new, v + h * ((1.0 - gamma) * a + gamma * acceleration), acceleration

            def inertia(weighted: Array) -> Array:
                _, rate, acceleration = end(weighted)
                mixed = (1.0 - alpha_m) * acceleration + alpha_m * a
                return mixed + self.damping * ((1.0 - alpha_f) * rate + alpha_f * v) - load

            lead = (1.0 - alpha_m) / (1.0 - alpha_f) / (beta * h**2) + self.damping * gamma / (beta * h)
            return end(self._newton(u + (1.0 - alpha_f) * h * v, inertia, lead, (s + (1.0 - alpha_f) * h, s + h)))

        start = body(float(times[0])) - self.damping * velocity
        if self.internal:
            start = start - sparse_linalg.spsolve(self.mass.tocsc(), self.internal.force(displacement))
        if self.known:
            start = start + self.known(displacement, float(times[0]))
        return self._march(displacement, velocity, start, times, step)

    def energy(self, displacement: Array, velocity: Array) -> float:
        """Kinetic and stored energy."""
        stored = self.internal.energy(displacement) if self.internal else 0.0
        return 0.5 * float(velocity @ (self.mass @ velocity)) + stored

    def _march(self, u: Array, v: Array, a: Array, times: Array, step: Step) -> MarchHistory:
        if times.ndim != 1 or not np.all(np.diff(times) > 0.0):
            raise InputError("the forward march needs increasing pseudo-times")
        displacement, velocity = [u], [v]
        for index, s in enumerate(times[:-1]):
            u, v, a = step(u, v, a, float(s), float(times[index + 1] - s))
            displacement.append(u)
            velocity.append(v)
        return MarchHistory(times, np.array(displacement), np.array(velocity))

    def _newton(
        self, guess: Array, inertia: Callable[[Array], Array], lead: float, places: tuple[float, float]
    ) -> Array:
        """Solve `M (inertia(u) - known(u, s)) + ∂E/∂u = 0`, where inertia is affine with slope `lead`.

        `places` are the pseudo-time s of the balance and that of the end of the step.
        """
        u, s = guess, places[0]
        if self.internal is None and self.known is None:
            return u - inertia(u) / lead
        smallest = np.inf
        for _ in range(NEWTON_STEPS):
            change = self._solver(u, lead, s).solve(self._residual(u, inertia(u), s))
            u = u - change
            size = float(np.abs(change).max() / max(np.abs(u).max(), 1e-300))
            if not np.isfinite(size):
                break
            # Rounding leaves the last change about 1e-15 times the condition of the step: stop when it falls no more.
            if size <= 1e-14 or (size <= 1e-11 and size >= 0.5 * smallest):
                return u
            smallest = min(smallest, size)
        raise ConvergenceError(f"forward march: Newton's method failed at s = {places[1]:g}; take shorter steps")

    def _residual(self, u: Array, inertia: Array, s: float) -> Array:
        if self.known:
            inertia = inertia - self.known(u, s)
        residual = self.mass @ inertia
        return residual + self.internal.force(u) if self.internal else residual

    def _solver(self, u: Array, lead: float, s: float) -> sparse_linalg.SuperLU:
        constant = self.known is None and self.internal is not None and self.internal.is_linear
        if constant and self._factor and self._factor[0] == lead:
            return self._factor[1]
        tangent = lead * self.mass
        if self.known:
            tangent = tangent - self.mass @ sparse.diags_array(self.known.slope(u, s))
        if self.internal:
            tangent = tangent + to_scipy(self.internal.tangent(u))
        factor = sparse_linalg.splu(tangent.tocsc())
        self._factor = (lead, factor)
        return factor
