"""The least of a least-force functional: PETSc's SNES, matrix-free, preconditioned by the same problem at rest.

Newton's method with a line search on the functional itself and Steihaug's conjugate gradients, which stop at a
direction of negative curvature (a law under strong compression has such). The unknowns, B-splines in s times slow
modes, are few enough to stand on every rank; what they are made of is summed over the ranks in `least_force`.
"""

from cmgai_fem import dolfinx_environment as dolfinx_environment  # isort: skip

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from petsc4py import PETSc

from cmgai_fem.errors import ConvergenceError
from cmgai_fem.fem.least_force import LeastForce, Linearisation, RestOperator
from cmgai_fem.states.labels import Array

NEWTON_STEPS = 60
INNER_STEPS = 400
INNER_TOLERANCE = 1e-6
Progress = Callable[[Mapping[str, float]], None]


def minimise(
    functional: LeastForce, rest: RestOperator, start: Array, tolerance: float, progress: Progress | None = None
) -> tuple[Array, list[Mapping[str, float]]]:
    """The amplitudes at which the functional is least.

    Args:
        functional: the functional.
        rest: its curvature at rest, inverted: the preconditioner.
        start: (size, r) amplitudes through the states to start from.
        tolerance: change of the amplitudes in a step at which the search ends.
        progress: takes one row a Newton step.

    Returns:
        (size, r) amplitudes, and a row a step {step, loss, change, inner_iterations}.

    Raises:
        ConvergenceError: the steps did not become as small as `tolerance`.

    Source: Steihaug, SIAM J. Numer. Anal. 20 (1983) 626-637; Dembo and Steihaug, Math. Program. 26 (1983) 190-212.
    """
    search = _Search(functional, rest, start, tolerance, progress)
    return search.run(), search.history


class _Search:
    """The callbacks of one SNES solve."""

    def __init__(
        self, functional: LeastForce, rest: RestOperator, start: Array, tolerance: float, progress: Progress | None
    ) -> None:
        self._functional, self._rest, self._start = functional, rest, start
        self._tolerance, self._progress = tolerance, progress
        self._shape = (functional.free.shape[1], start.shape[1])
        self._about: tuple[Array, Linearisation] | None = None
        self._previous = np.zeros(self._shape)
        self._inner = 0
        self.history: list[Mapping[str, float]] = []

    def run(self) -> Array:
        size = self._shape[0] * self._shape[1]
        if size == 0:
            return self._start
        solver: Any = PETSc.SNES().create(PETSc.COMM_SELF)
        solver.setType(PETSc.SNES.Type.NEWTONLS)
        unknowns: Any = PETSc.Vec().createSeq(size)
        operator = PETSc.Mat().createPython((size, size), self, comm=PETSc.COMM_SELF)
        operator.setUp()
        solver.setObjective(self._value)
        solver.setFunction(self._gradient, unknowns.duplicate())
        solver.setJacobian(self._linearise, operator)
        solver.setTolerances(max_it=NEWTON_STEPS)
        solver.setConvergenceTest(self._converged)
        inner = solver.getKSP()
        inner.setType("stcg")
        inner.setTolerances(rtol=INNER_TOLERANCE, max_it=INNER_STEPS)
        inner.getPC().setType(PETSc.PC.Type.PYTHON)
        inner.getPC().setPythonContext(self)
        solver.setFromOptions()
        solver.solve(None, unknowns)
        if solver.getConvergedReason() <= 0:
            change = self.history[-1]["change"] if self.history else np.inf
            raise ConvergenceError(
                f"nonlinear transport: {solver.getIterationNumber()} Newton steps left a change of {change:.1e} (SNES "
                f"reason {solver.getConvergedReason()}); lower the stiffness of the law, or use least(0)"
            )
        return self._amplitudes(unknowns)

    def _amplitudes(self, unknowns: Any) -> Array:
        free = unknowns.getArray(readonly=True).reshape(self._shape)
        return np.asarray(self._start + self._functional.free @ free)

    def _value(self, solver: Any, unknowns: Any) -> float:
        return self._functional.value(self._amplitudes(unknowns))

    def _gradient(self, solver: Any, unknowns: Any, gradient: Any) -> None:
        gradient.array[:] = self._functional.gradient(self._linearised(unknowns)).ravel()

    def _linearise(self, solver: Any, unknowns: Any, operator: Any, preconditioner: Any) -> None:
        self._linearised(unknowns)

    def _linearised(self, unknowns: Any) -> Linearisation:
        """The functional about `unknowns`; gradient and curvature are asked for at the same place."""
        place = unknowns.getArray(readonly=True).copy()
        if self._about is None or not np.array_equal(self._about[0], place):
            self._about = (place, self._functional.linearise(self._amplitudes(unknowns)))
        return self._about[1]

    def _converged(self, solver: Any, step: int, norms: tuple[float, float, float]) -> int:
        now = solver.getSolution().getArray(readonly=True).reshape(self._shape).copy()
        change = float(np.abs(self._functional.free @ (now - self._previous)).max())
        self._previous = now
        if step > 0:
            total = solver.getLinearSolveIterations()
            loss = self._functional.value(self._amplitudes(solver.getSolution()))
            row = {"step": step - 1, "loss": loss, "change": change, "inner_iterations": total - self._inner}
            self._inner = total
            self.history.append(row)
            if self._progress:
                self._progress(row)
            if change <= self._tolerance:
                return int(PETSc.SNES.ConvergedReason.CONVERGED_SNORM_RELATIVE)
        return int(PETSc.SNES.ConvergedReason.ITERATING)

    def mult(self, operator: Any, change: Any, product: Any) -> None:
        """Second derivative applied to a change: PETSc's name for it."""
        assert self._about is not None
        bent = self._functional.bend(self._about[1], change.getArray(readonly=True).reshape(self._shape))
        product.array[:] = bent.ravel()

    def apply(self, preconditioner: Any, residual: Any, solution: Any) -> None:
        """The inverse at rest applied to a residual: PETSc's name for it."""
        solved = self._rest.solve(residual.getArray(readonly=True).reshape(self._shape))
        solution.array[:] = solved.ravel()
