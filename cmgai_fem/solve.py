"""One door to both discretisations of a transport problem."""

from typing import Any

from cmgai_fem.errors import InputError
from cmgai_fem.transport.problem import TransportProblem, TransportSolution

METHODS = ("fem", "pinn")


def solve(problem: TransportProblem, method: str = "fem", **options: Any) -> TransportSolution:
    """Solve a transport problem.

    Args:
        problem: the statement.
        method: "fem" (DOLFINx) or "pinn" (torch).
        options: go to that solver, `cmgai_fem.fem.solver.solve_fem` or `cmgai_fem.pinn.solver.solve_pinn`.

    Raises:
        InputError: there is no such method, or the problem is one that the method cannot solve.
        ConvergenceError: the solver did not reach its tolerance.
    """
    if method == "fem":
        from cmgai_fem.fem.solver import solve_fem

        return solve_fem(problem, **options)
    if method == "pinn":
        from cmgai_fem.pinn.solver import solve_pinn

        return solve_pinn(problem, **options)
    raise InputError(f"method {method!r} is unknown; there are: {', '.join(METHODS)}")
