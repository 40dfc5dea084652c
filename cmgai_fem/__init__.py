"""Continuum-mechanistic generative AI: fields at unseen states by transport through a feature space.

states = read_states(["T100.vtu", "T250.vtu", "T400.vtu"], field="stress", values=[100, 250, 400])
solution = solve(TransportProblem(states), method="fem")
stress = solution.at(325)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmgai_fem.own_states import read_scattered_states, read_states
    from cmgai_fem.scattered_states import ScatteredStates
    from cmgai_fem.solvers import solve
    from cmgai_fem.state_space.transport import SpaceProblem, solve_space
    from cmgai_fem.states import StateSet
    from cmgai_fem.transport import TransportProblem, TransportSolution

__version__ = "0.1.0"

# Imported when asked for, so that the command line answers at once.
_LAZY = {
    "ScatteredStates": "cmgai_fem.scattered_states",
    "SpaceProblem": "cmgai_fem.state_space.transport",
    "StateSet": "cmgai_fem.states",
    "TransportProblem": "cmgai_fem.transport",
    "TransportSolution": "cmgai_fem.transport",
    "read_scattered_states": "cmgai_fem.own_states",
    "read_states": "cmgai_fem.own_states",
    "solve": "cmgai_fem.solvers",
    "solve_space": "cmgai_fem.state_space.transport",
}

__all__ = [
    "ScatteredStates",
    "SpaceProblem",
    "StateSet",
    "TransportProblem",
    "TransportSolution",
    "__version__",
    "read_scattered_states",
    "read_states",
    "solve",
    "solve_space",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)
