"""Pipelines: what a study does, found beside its study file by its name alone.

A study folder holds `study.toml` and, where the pipeline of field studies is not enough, `pipeline.py` with modules of
its own beside it, which it imports relatively. `load_pipeline` makes a package of the folder, so that two studies may
have modules of one name, and so that worker processes can find them.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol

from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure

from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Findings, Picture
from cmgai_fem.writing import whole_file

Report = Callable[[object], None]
OPTIONS = ("ranks", "device", "seed", "quick", "ablate")
"""What a run may be asked for beside the study file; a pipeline names those that mean something to it."""


@dataclass(frozen=True)
class Tools:
    """What a run hands to a pipeline.

    Args:
        folder: results folder; it is there and can be written.
        say: takes lines of progress.
        ranks: MPI processes of reference solves.
        device: torch device of the networks.
        seed: what was asked for; None for the study's own.
        quick: the study's smaller sizes were asked for (the study file already holds them).
        ablate: parts of the theory to change one at a time.
    """

    folder: Path
    say: Report
    ranks: int = 1
    device: str = "cpu"
    seed: int | None = None
    quick: bool = False
    ablate: tuple[str, ...] = ()

    def picture(self, figure: Figure, name: str, caption: str = "", dots_per_inch: int = 110) -> Picture:
        """Write a matplotlib figure into the results folder as NAME.png."""
        file = f"{name}.png"
        with whole_file(self.folder / file) as temporary:
            figure.savefig(temporary, format="png", dpi=dots_per_inch, bbox_inches="tight", facecolor="white")
        return Picture(file, caption)

    def animation(self, moving: FuncAnimation, name: str, caption: str = "", frames_per_second: int = 12) -> Picture:
        """Write a matplotlib animation into the results folder as NAME.gif."""
        file = f"{name}.gif"
        with whole_file(self.folder / file) as temporary:
            moving.save(temporary, writer=PillowWriter(fps=frames_per_second))
        return Picture(file, caption)


class Pipeline(Protocol):
    """A module that runs studies of one kind."""

    Study: ClassVar[type[StudyFile]]
    """What its study file must say."""
    TAKES: ClassVar[frozenset[str]]
    """The options of `OPTIONS` that mean something to it."""
    PARTS: ClassVar[Sequence[str]]
    """The parts that `--ablate` changes, where it takes that."""

    @staticmethod
    def run(study: Any, tools: Tools) -> Findings:
        """Run a validated study."""


def load_pipeline(folder: Path) -> Pipeline:
    """The pipeline of a study folder: its own, or that of field studies."""
    if not (folder / "pipeline.py").is_file():
        return importlib.import_module("cmgai_fem.study.fields")  # type: ignore[return-value]
    return study_module(folder, "pipeline")  # type: ignore[return-value]


def study_module(folder: Path, name: str) -> ModuleType:
    """A module that lies in a study's folder, e.g. for tests or worker processes."""
    return importlib.import_module(f"{register(str(folder))}.{name}")


def register(folder: str) -> str:
    """Make a package of a study's folder and return its name; worker processes call this first of all."""
    path = Path(folder).resolve()
    name = "study_" + "".join(letter if letter.isalnum() else "_" for letter in path.name)
    known = sys.modules.get(name)
    if known is None or list(known.__path__) != [str(path)]:
        for stale in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[stale]
        spec = importlib.util.spec_from_loader(name, None, is_package=True)
        assert spec is not None
        package = importlib.util.module_from_spec(spec)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    return name


def refuse(asked: dict[str, object], pipeline: Pipeline, name: str) -> str | None:
    """One line on the first option that was asked for and means nothing to a study; None if all do."""
    for option, value in asked.items():
        if value and option not in pipeline.TAKES:
            return f"--{option}: means nothing to the study {name!r}; leave it out"
    parts, known = asked.get("ablate", ()), getattr(pipeline, "PARTS", ())
    for part in parts if isinstance(parts, tuple) else ():
        if part not in known:
            return f"--ablate {part}: no part of the study {name!r}; there are: {', '.join(known) or 'none'}"
    return None
