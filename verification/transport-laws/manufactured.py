"""Manufactured motions of any law: the force that makes a chosen smooth motion exact, and the error of the march.

On the unit line or square, `u_i = a_i(s) ψ(X)` with `ψ = Π sin²(pi X_j)`: the displacement and its gradient vanish on
the boundary, so that every law leaves it free of traction there. The force is the weak form of the momentum balance
itself, with the exact motion in it.
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

import numpy as np
import ufl
from dolfinx import fem
from scipy.sparse import linalg as sparse_linalg

from cmgai_fem.fem.spaces import LabelSpace
from cmgai_fem.fem.ufl_ops import first_piola_kirchhoff
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.transport.laws import Law

from .forward import ForwardMarch

SIZE, RATE = 0.05, 2.5  # amplitude [label unit] and frequency [1 / pseudo-time] of the chosen motion
DEGREE = 10  # of the quadrature with the exact motion


class ManufacturedMotion:
    """A chosen motion on a label mesh of the unit line or square, and the march that should follow it.

    Args:
        labels: mesh of the unit line or square, first or second order.
        law: any law.
        damping: eta per mass.
    """

    def __init__(self, labels: Labels, law: Law, damping: float = 0.0) -> None:
        self._dimension = labels.points.shape[1]
        self.space = LabelSpace(labels, self._dimension)
        self.march = ForwardMarch.on_mesh(self.space, law, damping)
        self._time = fem.Constant(self.space.mesh, 0.0)
        X = ufl.SpatialCoordinate(self.space.mesh)
        shape = 1.0
        for axis in range(self._dimension):
            shape *= ufl.sin(ufl.pi * X[axis]) ** 2
        phases = [0.4 * axis for axis in range(self._dimension)]
        # The time derivatives are those of the sine, written out: UFL knows nothing of s.
        position, velocity, acceleration = (
            ufl.as_vector([SIZE * factor * wave(RATE * self._time + phase) * shape for phase in phases])
            for factor, wave in ((1.0, ufl.sin), (RATE, ufl.cos), (-(RATE**2), ufl.sin))
        )
        test = ufl.TestFunction(self.space.space)
        measure = ufl.dx(degree=DEGREE)
        load = ufl.inner(acceleration + damping * velocity, test) * measure
        if law.stiffness > 0.0:
            load += ufl.inner(first_piola_kirchhoff(law, ufl.grad(position)), ufl.grad(test)) * measure
        self._load = fem.form(load)
        self._start = [fem.form(ufl.inner(value, test) * measure) for value in (position, velocity)]
        self._found = fem.Function(self.space.space)
        difference = self._found - position
        self._error = fem.form(ufl.inner(difference, difference) * measure)
        self._size = fem.form(ufl.inner(position, position) * measure)
        self._solve = sparse_linalg.splu(self.march.mass.tocsc()).solve

    def force(self, s: float) -> Array:
        """Body force (D,) at pseudo-time s."""
        self._time.value = s
        return np.asarray(self._solve(fem.assemble_vector(self._load).array))

    def run(self, steps: int, end: float = 0.5, method: str = "midpoint") -> Array:
        """March to `end` in equal steps from the exact start; returns the displacement (D,) there."""
        self._time.value = 0.0
        start, speed = (self._solve(fem.assemble_vector(form).array) for form in self._start)
        times = np.linspace(0.0, end, steps + 1)
        return np.asarray(getattr(self.march, method)(start, speed, times, self.force).displacement[-1])

    def relative_error(self, displacement: Array, s: float) -> float:
        """L2 error of a displacement (D,) at pseudo-time s, relative to the exact motion."""
        self._time.value = s
        self._found.x.array[:] = displacement
        return float(np.sqrt(fem.assemble_scalar(self._error) / fem.assemble_scalar(self._size)))
