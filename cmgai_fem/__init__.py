"""Continuum-mechanistic generative AI: fields at unseen states by transport through a feature space.

states = read_states(["T100.vtu", "T250.vtu", "T400.vtu"], field="stress", values=[100, 250, 400])
generated = generate(states, at=325)
stress, error = generated.at(325), generated.error(325)
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmgai_fem.calibration.calibrate import Calibration, calibrate
    from cmgai_fem.calibration.candidates import Search
    from cmgai_fem.distributions.clouds import generate_clouds
    from cmgai_fem.distributions.optimal_transport import label_clouds
    from cmgai_fem.files.file_states import read_states
    from cmgai_fem.files.model import load_model
    from cmgai_fem.generate import generate
    from cmgai_fem.generate_distribution import generate_distribution
    from cmgai_fem.generated import Generated
    from cmgai_fem.metrics import nrmse
    from cmgai_fem.rivals import RIVALS
    from cmgai_fem.solve import solve
    from cmgai_fem.states.labels import Labels
    from cmgai_fem.states.states import Coordinate, Field, States
    from cmgai_fem.study.file import StudyFile as Study
    from cmgai_fem.study.run import run_study
    from cmgai_fem.transport.feature_space import Admissible
    from cmgai_fem.transport.problem import Problem
    from cmgai_fem.transport.solution import Solution

# Imported when asked for, so that the command line answers at once.
_LAZY = {
    "Admissible": "cmgai_fem.transport.feature_space",
    "Calibration": "cmgai_fem.calibration.calibrate",
    "Coordinate": "cmgai_fem.states.states",
    "Field": "cmgai_fem.states.states",
    "Generated": "cmgai_fem.generated",
    "Labels": "cmgai_fem.states.labels",
    "Problem": "cmgai_fem.transport.problem",
    "RIVALS": "cmgai_fem.rivals",
    "Search": "cmgai_fem.calibration.candidates",
    "Solution": "cmgai_fem.transport.solution",
    "States": "cmgai_fem.states.states",
    "Study": "cmgai_fem.study.file:StudyFile",
    "calibrate": "cmgai_fem.calibration.calibrate",
    "generate": "cmgai_fem.generate",
    "generate_clouds": "cmgai_fem.distributions.clouds",
    "generate_distribution": "cmgai_fem.generate_distribution",
    "label_clouds": "cmgai_fem.distributions.optimal_transport",
    "load_model": "cmgai_fem.files.model",
    "nrmse": "cmgai_fem.metrics",
    "read_states": "cmgai_fem.files.file_states",
    "run_study": "cmgai_fem.study.run",
    "solve": "cmgai_fem.solve",
}

__all__ = [
    "RIVALS", "Admissible", "Calibration", "Coordinate", "Field", "Generated", "Labels", "Problem", "Search",
    "Solution", "States", "Study", "__version__", "calibrate", "generate", "generate_clouds", "generate_distribution",
    "label_clouds", "load_model", "nrmse", "read_states", "run_study", "solve",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata

        return metadata.version("cmgai-fem")
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has: {', '.join(__all__)}")
    module, _, own = _LAZY[name].partition(":")
    return getattr(importlib.import_module(module), own or name)


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """The package, whose functions `solve` and `generate` keep their names when the modules of these names load."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _LAZY and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
