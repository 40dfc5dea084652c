"""The command line: thin, and quick to answer because heavy imports are inside the command that needs them."""

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from cmgai_fem.cli import generating, looking, questions, studies
from cmgai_fem.cli.app import app
from cmgai_fem.commands.bars import shown
from cmgai_fem.errors import CmgaiError, InputError
from cmgai_fem.machine import shorten_matplotlib

__all__ = ["app", "generating", "looking", "main", "questions", "studies"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `cmgai-fem`: runs a command and ends the process with its exit code."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    shorten_matplotlib()
    try:
        given = _with_clouds(sys.argv[1:] if arguments is None else arguments)
        with shown():
            code = app(given, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        # What was typed comes back in the message; a terminal must not obey it.
        _end("".join(letter for letter in " ".join(str(error).split()) if letter.isprintable()), 2)
    except InputError as error:
        _end(str(error), 2)
    except CmgaiError as error:
        _end(str(error), 1)
    except OSError as error:
        # A full disk, a folder that may not be written: one line, not a traceback. Programming errors stay loud.
        _end(f"{error.filename or 'input or output'}: {error.strerror or error}", 2)
    except KeyboardInterrupt:
        _end("interrupted: what was complete is kept; the same command goes on (generate: with --resume)", 130)
    sys.exit(code if isinstance(code, int) else 0)


def _with_clouds(arguments: Sequence[str]) -> list[str]:
    """`--samples` without a number is what `--clouds` was called before."""
    following = [*arguments[1:], ""]
    if "--distribution" in arguments:
        return list(arguments)
    return [
        "--clouds" if one == "--samples" and not after.lstrip("+-").isdigit() else one
        for one, after in zip(arguments, following, strict=True)
    ]


def _end(message: str, code: int) -> None:
    print(f"cmgai-fem: {message}", file=sys.stderr)
    sys.exit(code)
