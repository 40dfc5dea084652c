"""Commands about studies and reference physics: verify, solve, and what a newcomer runs first."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cmgai_fem.cli.app import Part, Positive, Repeated, States, app, say


@app.command
def verify(
    study: str,
    /,
    *,
    out: Path | None = None,
    ranks: Annotated[int | None, Positive] = None,
    device: Literal["cpu", "cuda"] = "cpu",
    seed: int | None = None,
    quick: bool = False,
    ablate: Annotated[list[Part] | None, Repeated] = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="", consume_multiple=False)] = None,
) -> int:
    """Run a verification study and hold its figures against the tolerances that it states.

    The shipped studies: cheap-and-fine, clouds, codes, digits, dynamic-plasticity, dynamic-plasticity-time, gauntlet,
    heat-soak, moving-contact, moving-fields, moving-source, multimodal, optimal-transport, stress-strain,
    thermal-stress, thermal-stress-plastic, transport-laws, two-coordinates, vibrating-plate.

    For example:

    `cmgai-fem verify thermal-stress --ranks 2`

    `cmgai-fem verify my/study.toml --quick --set mesh.size=0.004`

    Exit code 0: all tolerances held; 1: some did not, or a solver failed; 2: bad input.

    Parameters
    ----------
    study
        Name of a shipped study, or path of a study.toml.
    out
        Results folder; results/STUDY by default.
    ranks
        MPI processes of the reference solves; the cores there are (four at most) by default.
    device
        Where the networks are trained.
    seed
        Seed of data and networks; the study's own by default.
    quick
        Smaller sizes, where the study's file offers them.
    ablate
        Change this part of the theory, everything else as calibrated, and print what it does; may be repeated.
    set_
        Override of a study file's key, e.g. --set mesh.size=0.004; may be repeated.
    """
    from cmgai_fem.commands.verify import verify as run
    from cmgai_fem.study.run import Options

    return run(study, Options(out, ranks, device, seed, quick, tuple(ablate or ()), tuple(set_ or ())))


@app.command
def solve(
    file: Path,
    /,
    *,
    at: Annotated[list[float], States],
    out: Path | None = None,
    ranks: Annotated[int | None, Positive] = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="", consume_multiple=False)] = None,
    force: bool = False,
) -> int:
    """Solve the reference physics that a file says: your own mesh, materials, loads and supports (docs/mechanics.md).

    Exit code 0: done, and every probe with a target met it; 1: some did not, or a solver failed; 2: bad input.

    Parameters
    ----------
    file
        A TOML file with kind = "mechanics", or of a reference model of your own (kind = "file.py:Class").
    at
        State to solve at; may be repeated.
    out
        File to write (.vtu, .xdmf, ...); with several states its name holds {value}.
    ranks
        MPI processes; the cores there are (four at most) by default. States on a small mesh are shared, one a rank.
    set_
        Override of a key, e.g. --set material.body.young=70e9; may be repeated.
    force
        Replace files that this program did not write.
    """
    from cmgai_fem.commands.solve import solve as run
    from cmgai_fem.study.run import default_ranks

    return run(file, at, out, ranks or default_ranks(), set_ or (), force=force)


@app.command
def example(folder: Path = Path("example"), /) -> int:
    """Write a small case with an exact solution, and say the three commands to try on it.

    For example:

    `cmgai-fem example`

    Parameters
    ----------
    folder
        Where to write; nothing that is there is replaced.
    """
    from cmgai_fem.commands.example import example as write

    for line in write(folder):
        say(line)
    return 0


@app.command
def doctor(*, json: bool = False) -> int:
    """Look at everything that cmgai-fem leans on, and say what is missing and how to install it.

    Parameters
    ----------
    json
        Print JSON.
    """
    from dataclasses import asdict

    from cmgai_fem.commands.doctor import doctor as examine
    from cmgai_fem.commands.terminal import show_findings, show_json

    findings = examine()
    if json:
        show_json([asdict(finding) for finding in findings])
    else:
        show_findings(findings)
    return 1 if any(finding.works is False for finding in findings) else 0
