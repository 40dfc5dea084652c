"""By which method the motions of curves are solved, along a line of states and over two coordinates."""

from dataclasses import dataclass
from typing import Any

from cmgai_fem.solve import solve
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution
from cmgai_fem.transport.space import SpaceProblem, SpaceSolution, solve_space


@dataclass(frozen=True)
class CurveSolver:
    """One method for both kinds of motion.

    Args:
        method: "fem" or "pinn".
        seed: of the networks.
        device: torch device of the networks along a line.
    """

    method: str = "fem"
    seed: int = 0
    device: str = "cpu"

    def line(self, problem: Problem) -> Solution:
        """Solve a motion along one coordinate."""
        return solve(problem, method=self.method, **self._of_networks(device=self.device))

    def space(self, problem: SpaceProblem) -> SpaceSolution:
        """Solve a motion over two coordinates."""
        return solve_space(problem, method=self.method, **self._of_networks())

    def _of_networks(self, **options: Any) -> dict[str, Any]:
        return {"seed": self.seed, **options} if self.method == "pinn" else {}


BY_ELEMENTS = CurveSolver()
