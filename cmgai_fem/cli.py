"""The command line: thin, and quick to answer because heavy imports are inside the command that needs them."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter, validators

import cmgai_fem
from cmgai_fem.errors import CmgaiError, InputError
from cmgai_fem.machine import shorten_matplotlib

if TYPE_CHECKING:
    from cmgai_fem.commands.inputs import Inputs

app = App(
    name="cmgai-fem",
    help="Fields at states that were never solved: feature-space transport by PINN and finite elements, "
    "checked against reference solves.",
    version=lambda: str(cmgai_fem.__version__),
)
app.register_install_completion_command(help="Complete commands, options and files in your shell from now on.")
Repeated = Parameter(negative="", consume_multiple=False)
# A state may be negative: "-20" and "-20:3" are no options.
States = Parameter(negative="", consume_multiple=False, allow_leading_hyphen=True)
Positive = Parameter(validator=validators.Number(gte=1))


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
    ablate: Annotated[list[Literal["order", "law", "force"]] | None, Repeated] = None,
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
def generate(
    inputs: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    at: Annotated[list[str] | None, States] = None,
    out: Path,
    field: str | None = None,
    coordinate: Annotated[list[str] | None, Repeated] = None,
    unit: Annotated[list[str] | None, Repeated] = None,
    values: Annotated[
        str | None,
        Parameter(
            help="State values of the files, e.g. 100,250,400, or 100:2,250:2,400:5 of two coordinates.",
            allow_leading_hyphen=True,
        ),
    ] = None,
    values_from: str | None = None,
    volumes: str | None = None,
    where_known: bool = False,
    lower: float | None = None,
    upper: float | None = None,
    monotone: bool = False,
    monotone_in: Annotated[list[str] | None, Repeated] = None,
    ordered: bool = False,
    mass: Annotated[list[str] | None, Repeated] = None,
    stiffness: Annotated[list[float] | None, Repeated] = None,
    damping: Annotated[list[float] | None, Repeated] = None,
    pseudo_time: Annotated[list[Literal["linear", "log", "square_root", "square"]] | None, Repeated] = None,
    no_moving: bool = False,
    no_state_force: bool = False,
    clouds: bool = False,
    distribution: bool = False,
    samples: int | None = None,
    exceeds: Annotated[list[str] | None, States] = None,
    method: Literal["fem", "pinn", "independent"] = "fem",
    seed: int | None = None,
    device: Literal["cpu", "cuda"] | None = None,
    rivals: bool = False,
    sensors: Path | None = None,
    cheap: Annotated[list[str] | None, Repeated] = None,
    model: bool = False,
    save_model: Path | None = None,
    resume: bool = False,
    force: bool = False,
    hardening: Annotated[bool | None, Parameter(negative="--no-hardening")] = None,
    json: bool = False,
) -> int:
    """Generate a field, or a stress-strain curve, at states that were never solved.

    For example:

    `cmgai-fem generate run_*.vtu --coordinate temperature --values 1,2,4,5 --field stress --at 3 --out at_3.vtu`

    `cmgai-fem generate T=*.vtu --values-from 'T=([0-9.]+)' --field stress --at 325 --at 475 --out 'at_{value}.vtu'`

    `cmgai-fem generate states.toml --at 325:4 --out at_325_4.vtu`

    `cmgai-fem generate specimens.toml --distribution --at 122.5 --samples 200 --exceeds 350e6 --out law.vtu`

    `cmgai-fem generate tests.csv --coordinate temperature --at 620 --out curve_620K.csv`

    Parameters
    ----------
    inputs
        Snapshot files (.vtu, .vtk, .xdmf, .exo, .msh, .frd, .npz, ...), one states.toml, one .csv of stress-strain
        tests, or with --model one .safetensors file.
    at
        State to generate, e.g. 325, or 325:3 of two coordinates, in the unit of the coordinate or with its own:
        "598 K"; may be repeated. Without it, sensors tell the value.
    out
        File to write; with several states its name holds {value}.
    field
        Field to generate.
    coordinate
        Name of the state coordinate; for curves "temperature", "strain_rate" or both. Repeat it for two or three
        coordinates.
    unit
        Unit of the state coordinate; one for each of several.
    values_from
        Regular expression that finds the state value in the file names, e.g. 'T=([0-9.]+)'; one group a coordinate.
    volumes
        Field of the files that holds the volume of each label, for bodies that the mesh does not tell the volumes of
        (axial symmetry, shells of varying thickness); by default those of the cells.
    where_known
        Leave out labels at which the field is no number in some state, e.g. outside the part it was asked for on.
    lower
        Least admissible value of the field, e.g. 0 for a plastic strain.
    upper
        Largest admissible value of the field, e.g. 1 for a damage.
    monotone
        The field never decreases along the state coordinate.
    monotone_in
        Name of one of several coordinates along which the field never decreases; may be repeated.
    ordered
        The field never decreases from one component to the next (a history).
    mass
        Order of axes, e.g. x or yx, in which to try carrying a scalar field as mass (moving fronts); may be repeated.
    stiffness
        Stiffness of the membrane law to try beside no law; may be repeated.
    damping
        Damping to try beside none, instead of 1 and 4; may be repeated.
    pseudo_time
        Map of the coordinates to try beside the linear one, instead of all; may be repeated.
    no_moving
        Do not try labels that move over the body.
    no_state_force
        Do not look for a law of motion that all labels share (diffusion, waves, decay, turns), along a time.
    clouds
        The inputs are clouds of points (.csv, .npz, .vtp), a row a point, in any order: who goes where is told by
        optimal transport. (--samples without a number says the same.)
    distribution
        The inputs are field files of specimens that scatter, each seen at one state, several at every state. Out come
        the fields below which 5, 50 and 95 % of the specimens lie at the state asked for, its W2 error and trust.
    samples
        With --distribution: how many fields to draw and write.
    exceeds
        With --distribution: limit whose probability to be exceeded is written, e.g. 350e6, of a tensor
        von_mises:350e6; may be repeated.
    method
        Which transport: finite elements, networks, or a network that knows nothing of the answer (a check).
    seed
        Seed of the networks, and of the draws of --distribution.
    device
        Where the networks are trained.
    rivals
        Also write what the simple methods make of the same states, as arrays FIELD_by_RIVAL.
    sensors
        Table (.csv) of what is known of the wanted state; the generated field honours it.
    cheap
        Files of a cheap model (a coarse mesh, larger steps, simpler physics) at the known states and at those asked
        for, as a pattern in quotes: 'coarse_*.vtu'. Repeat it for several models.
    model
        The input is a model file that --save-model wrote.
    save_model
        Keep the solved generator in this .safetensors file.
    resume
        Keep files that an earlier, interrupted run of the same request finished.
    force
        Replace files that this program did not write; inputs are never replaced.
    hardening
        Generated stress-strain curves never fall (or may, --no-hardening); by default as the known curves do.
    json
        Print where each file comes from and how far it is to be trusted as JSON; all else goes to standard error.
    """
    of_states: dict[str, object] = {
        "field": field, "unit": unit, "values": values, "values-from": values_from, "volumes": volumes,
        "where-known": where_known, "lower": lower, "upper": upper,
        "monotone": monotone, "monotone-in": monotone_in, "ordered": ordered, "mass": mass, "stiffness": stiffness,
        "damping": damping, "pseudo-time": pseudo_time, "no-moving": no_moving, "cheap": cheap,
        "no-state-force": no_state_force,
    }  # fmt: skip
    of_runs: dict[str, object] = {"rivals": rivals, "save-model": save_model, "resume": resume}
    of_networks: dict[str, object] = {"seed": seed, "device": device}
    of_laws: dict[str, object] = {"samples": samples, "exceeds": exceeds}
    from cmgai_fem.commands.options import asked_points, given_inputs, point, refuse, single_file

    say, done = (_say_aside, _show_provenance) if json else (_say, _done)
    networked = {} if method == "fem" else {"seed": seed or 0}

    if distribution:
        from cmgai_fem.commands.distribution import generate_from_specimens

        kept = ("field", "unit", "values", "values-from", "volumes", "where-known", "lower", "upper")
        others = of_runs | {name: value for name, value in of_states.items() if name not in kept}
        others |= {"clouds": clouds, "model": model, "method": method != "fem", "device": device, "sensors": sensors}
        others |= {"hardening": hardening}
        refuse(others, "specimens are carried as clouds of fields, by what clouds left out tell")
        asked = given_inputs(inputs, of_states | {"coordinate": coordinate})
        return done(
            generate_from_specimens(
                asked, asked_points(at or [], asked.units), out, samples=samples or 0, exceeds=exceeds or (),
                seed=seed or 0, force=force, report=say,
            )
        )  # fmt: skip
    refuse(of_laws, "it belongs to --distribution")
    if model:
        from cmgai_fem.commands.generate import generate_from_model

        given = {"coordinate": coordinate, "hardening": hardening, "method": method != "fem", "sensors": sensors}
        refuse(of_states | of_runs | of_networks | given, "a model is solved already")
        return done(generate_from_model(single_file(inputs, "--model"), at or [], out, force=force, report=say))
    if method == "fem":
        refuse(of_networks, "finite elements have no networks; --method pinn has")
    if inputs[0].suffix.lower() == ".csv" and not clouds:
        from cmgai_fem.commands.curves import generate_from_table
        from cmgai_fem.solve import Solver

        table = single_file(inputs, "a table of curves")
        because = f"{table} is a table of stress-strain tests, which holds all that this would say"
        refuse(of_states | of_runs | {"sensors": sensors, "device": device}, because)
        solver = Solver(method, networked)
        return done([generate_from_table(table, coordinate or (), at or [], out, say, hardening, solver, force=force)])
    if clouds:
        from cmgai_fem.commands.clouds import generate_from_clouds

        given = {"method": method != "fem", "sensors": sensors, "hardening": hardening, "json": json}
        others = {name: value for name, value in of_states.items() if name not in ("values", "values-from")}
        refuse(others | of_runs | given, "clouds of samples have no labels, mesh or field, and are told by their files")
        generate_from_clouds(
            inputs, [point(one, "--at")[0] for one in at or []], out, coordinate=(coordinate or ["state"])[0],
            values=None if values is None else [point(one, "--values")[0] for one in values.split(",")],
            values_from=values_from, force=force, report=say,
        )  # fmt: skip
        return 0
    refuse({"hardening": hardening}, "only stress-strain curves harden, from a table (.csv)")
    from cmgai_fem.commands.generate import generate as generate_fields
    from cmgai_fem.commands.sensors import complete_state
    from cmgai_fem.generate import Networks

    asked = given_inputs(inputs, of_states | {"coordinate": coordinate})
    points = asked_points(at or [], asked.units)
    networks = Networks(seed or 0, device or "cpu")
    if sensors is not None:
        refuse(of_runs, "sensors complete one state, which is generated anew")
        return done(
            [complete_state(asked, points, out, sensors, method=method, networks=networks, force=force, report=say)]
        )
    made = generate_fields(
        asked, points, out, method=method, networks=networks, rivals=rivals, save_model=save_model, resume=resume,
        force=force, report=say,
    )  # fmt: skip
    return done(made)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class KnownAlongOne:
    """What is known, of commands that ask along one coordinate, and from where to where they ask."""

    from_: Annotated[float | None, Parameter(name="--from", allow_leading_hyphen=True)] = None
    """Least value of the coordinate to look at; the first known state by default."""
    to: Annotated[float | None, Parameter(allow_leading_hyphen=True)] = None
    """Greatest."""
    field: str | None = None
    coordinate: str | None = None
    unit: str | None = None
    values: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None
    """State values of the files."""
    values_from: str | None = None
    volumes: str | None = None
    where_known: bool = False
    lower: float | None = None
    monotone: bool = False
    no_moving: bool = False

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """From where to where is asked."""
        return self.from_, self.to

    def inputs(self, paths: list[Path]) -> "Inputs":
        """The known states that files and options name."""
        from cmgai_fem.commands.options import given_inputs

        options = {key.replace("_", "-"): value for key, value in vars(self).items() if key not in ("from_", "to")}
        listed = {key: [options[key]] for key in ("coordinate", "unit") if options[key] is not None}
        return given_inputs(paths, options | listed)


ALL_THERE_IS = KnownAlongOne()


@app.command
def find(
    inputs: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    measure: str,
    equals: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    curve: Path | None = None,
    known: KnownAlongOne = ALL_THERE_IS,
    force: bool = False,
) -> int:
    """At which state a measure of a field has a level, e.g. where the largest von Mises stress reaches 350 MPa.

    Parameters
    ----------
    inputs
        Snapshot files along one coordinate, or one states.toml; the options below are those of `generate`.
    measure
        max, min, mean or at@X,Y,Z (the nearest node or cell), then what of the field: a component (max:xx), :von_mises
        or :norm; over a part of the body as max@FIELD=VALUE:von_mises.
    equals
        The level, in the unit of the field.
    curve
        Table (.csv) to write the measure to, over the coordinate, with its 95 % band.
    force
        Replace a table that this program did not write.
    """
    from cmgai_fem.commands.questions import find_level, level_of

    find_level(known.inputs(inputs), measure, level_of(equals), known.ends, curve, force=force, report=_say)
    return 0


@app.command
def suggest(
    inputs: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    count: Annotated[int, Positive] = 1,
    cost: Literal["flat", "value"] = "flat",
    known: KnownAlongOne = ALL_THERE_IS,
) -> int:
    """Which state to solve next: where the estimated error is largest for what the solve costs.

    Parameters
    ----------
    inputs
        Snapshot files along one coordinate, or one states.toml; the options below are those of `generate`.
    count
        How many to name, no two of them between the same known states.
    cost
        Of a solve: the same everywhere, or in proportion to the value of the coordinate (a time to be reached).
    """
    from cmgai_fem.commands.questions import suggest_state

    suggest_state(known.inputs(inputs), known.ends, count, cost, report=_say)
    return 0


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
        _say(line)
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


def _say(line: str) -> None:
    print(line, flush=True)


def _say_aside(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _done(paths: Sequence[Path]) -> int:
    return 0


def _show_provenance(paths: Sequence[Path]) -> int:
    """Where generated files come from, as JSON."""
    from cmgai_fem.commands.provenance import read_provenance
    from cmgai_fem.commands.terminal import show_json

    show_json([{"file": str(path)} | read_provenance(path) for path in paths])
    return 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `cmgai-fem`: runs a command and ends the process with its exit code."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    shorten_matplotlib()
    try:
        given = _with_clouds(sys.argv[1:] if arguments is None else arguments)
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
