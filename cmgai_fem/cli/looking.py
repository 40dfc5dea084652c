"""Commands that look at files: compare and info."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from cmgai_fem.cli.app import app


@app.command
def compare(
    generated: Path,
    reference: Path,
    /,
    *,
    field: str | None = None,
    at: Annotated[float | None, Parameter(allow_leading_hyphen=True)] = None,
    tolerance: float | None = None,
    json: bool = False,
) -> int:
    """Measure a generated field against a reference, volume-weighted, in the field's unit and in per cent.

    For example:

    `cmgai-fem compare run_325.vtu reference_325.vtu --field stress --tolerance 0.01`

    Exit code 0; with a tolerance 1 if it is exceeded; 2: bad input.

    Parameters
    ----------
    generated
        File with the generated field.
    reference
        File with the reference field.
    field
        Name of the field in both; the only one that both hold by default.
    at
        Time of the states to compare, in files that hold several.
    tolerance
        Largest NRMSE that passes, a fraction: 0.01 for 1 % of the reference's range.
    json
        Print JSON.
    """
    from cmgai_fem.commands.compare import compare as compare_files
    from cmgai_fem.commands.terminal import show_comparison, show_json

    found = compare_files(generated, reference, field, at, tolerance)
    if json:
        show_json(found.describe())
    else:
        show_comparison(found)
    return 0 if found.passed else 1


@app.command
def info(paths: Annotated[list[Path], Parameter(negative="")], /, *, json: bool = False) -> int:
    """List what snapshot files hold.

    For example:

    `cmgai-fem info run_*.vtu`

    Parameters
    ----------
    paths
        The files.
    json
        Print JSON.
    """
    from cmgai_fem.files.gate import start

    start()
    from cmgai_fem.commands.info import describe, tabulate
    from cmgai_fem.commands.terminal import show, show_json

    found = [describe(path) for path in paths]
    if json:
        show_json(found)
        return 0
    for one in found:
        show(tabulate(one))
    return 0
