"""Continuum-mechanistic generative AI: fields at unseen states by transport through a feature space.

states = read_states(["T100.vtu", "T250.vtu", "T400.vtu"], field="stress", values=[100, 250, 400])
solution = solve(Problem(states), method="fem")
stress = solution.at(325)
"""

import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmgai_fem.files import read_states
    from cmgai_fem.solve import solve
    from cmgai_fem.states.states import Coordinate, Field, Labels, States
    from cmgai_fem.transport.problem import Problem
    from cmgai_fem.transport.solution import Solution

__version__ = metadata.version("cmgai-fem")

# Imported when asked for, so that the command line answers at once.
_LAZY = {
    "Coordinate": "cmgai_fem.states.states",
    "Field": "cmgai_fem.states.states",
    "Labels": "cmgai_fem.states.states",
    "Problem": "cmgai_fem.transport.problem",
    "Solution": "cmgai_fem.transport.solution",
    "States": "cmgai_fem.states.states",
    "read_states": "cmgai_fem.files",
    "solve": "cmgai_fem.solve",
}

__all__ = ["Coordinate", "Field", "Labels", "Problem", "Solution", "States", "__version__", "read_states", "solve"]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return __all__
