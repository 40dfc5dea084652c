"""The application, kinds of options that several commands have, and how lines are said."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from cyclopts import App, Parameter, validators

import cmgai_fem

app = App(
    name="cmgai-fem",
    help="Fields at states that were never solved: feature-space transport by PINN and finite elements, "
    "checked against reference solves.",
    version=lambda: str(cmgai_fem.__version__),
)
app.register_install_completion_command(help="Complete commands, options and files in your shell from now on.")
# Parts of the method that an ablation changes; each study, and each kind of input, has some of them.
Part = Literal[
    "order", "law", "force", "feature", "noise", "superposition", "fits", "constraint", "modes"
]  # fmt: skip
Repeated = Parameter(negative="", consume_multiple=False)
# A state may be negative: "-20" and "-20:3" are no options.
States = Parameter(negative="", consume_multiple=False, allow_leading_hyphen=True)
Positive = Parameter(validator=validators.Number(gte=1))


def say(line: str) -> None:
    """A line of what a command does."""
    print(line, flush=True)


def say_aside(line: str) -> None:
    """The same where standard output is for JSON."""
    print(line, file=sys.stderr, flush=True)


def show_provenance(paths: Sequence[Path]) -> None:
    """Where generated files come from, as JSON."""
    from cmgai_fem.commands.provenance import read_provenance
    from cmgai_fem.commands.terminal import show_json

    show_json([{"file": str(path)} | read_provenance(path) for path in paths])
