"""Continuum-mechanistic generative AI: fields at unseen states by transport through a feature space.

states = read_states(["T100.vtu", "T250.vtu", "T400.vtu"], field="stress", values=[100, 250, 400])
solution = solve(TransportProblem(states), method="fem")
stress = solution.at(325)
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmgai_fem.files import read_scattered_states, read_states
    from cmgai_fem.solve import solve
    from cmgai_fem.states.scattered import ScatteredStates
    from cmgai_fem.states.states import StateSet
    from cmgai_fem.transport.problem import TransportProblem, TransportSolution
    from cmgai_fem.transport.space import SpaceProblem, solve_space

__version__ = "0.1.0"

# Imported when asked for, so that the command line answers at once.
_LAZY = {
    "ScatteredStates": "cmgai_fem.states.scattered",
    "SpaceProblem": "cmgai_fem.transport.space",
    "StateSet": "cmgai_fem.states.states",
    "TransportProblem": "cmgai_fem.transport.problem",
    "TransportSolution": "cmgai_fem.transport.problem",
    "read_scattered_states": "cmgai_fem.files",
    "read_states": "cmgai_fem.files",
    "solve": "cmgai_fem.solve",
    "solve_space": "cmgai_fem.transport.space",
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
