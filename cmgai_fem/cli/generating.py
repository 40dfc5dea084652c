"""The command `generate`: what its options say, and which of them the kind of input leaves without meaning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cmgai_fem.cli.app import States, app, say, say_aside, show_provenance
from cmgai_fem.cli.known import NOTHING_SAID, KnownOverSeveral, Options


@app.command
def generate(
    inputs: Annotated[list[Path], Parameter(negative="")],
    /,
    *,
    at: Annotated[list[str] | None, States] = None,
    out: Path,
    known: KnownOverSeveral = NOTHING_SAID,
    clouds: bool = False,
    distribution: bool = False,
    samples: int | None = None,
    exceeds: Annotated[list[str] | None, States] = None,
    method: Literal["fem", "pinn", "independent"] = "fem",
    seed: int | None = None,
    device: Literal["cpu", "cuda"] | None = None,
    rivals: bool = False,
    sensors: Path | None = None,
    page: Path | None = None,
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
        Table (.csv) of what is known of the wanted state; the generated field honours it. Of a curve: the points that
        were measured of it, as columns strain, stress and tolerance. With --distribution: what was measured of one
        specimen, whose fields come out then.
    page
        Write a page (.html) about what was generated: what to use, how far to trust it, all states to turn and slide.
    model
        The input is a model file that --save-model wrote.
    save_model
        Keep the solved generator in this .safetensors file; of a body in pieces with one more a piece beside it.
    resume
        Keep files that an earlier, interrupted run of the same request finished.
    force
        Replace files that this program did not write; inputs are never replaced.
    hardening
        Generated stress-strain curves never fall (or may, --no-hardening); by default as the known curves do.
    json
        Print where each file comes from and how far it is to be trusted as JSON; all else goes to standard error.
    """
    of_states = {name: value for name, value in known.options.items() if name != "coordinate"}
    of_runs: Options = {"rivals": rivals, "save-model": save_model, "resume": resume}
    request = Request(
        inputs, at or [], out, known.coordinate or [], method, seed, device, sensors, page, hardening, force, of_states,
        of_runs, say_aside if json else say,
    )  # fmt: skip
    from cmgai_fem.commands.options import refuse

    if distribution:
        made = _of_specimens(request, samples or 0, exceeds or [], {"clouds": clouds, "model": model})
    else:
        refuse({"samples": samples, "exceeds": exceeds, "holds": known.holds}, "it belongs to --distribution")
        if model:
            made = _of_a_model(request)
        elif clouds:
            made = _of_clouds(request, json)
        elif inputs[0].suffix.lower() == ".csv":
            made = _of_a_table(request)
        else:
            made = _of_fields(request, rivals=rivals, save_model=save_model, resume=resume)
    if json:
        show_provenance(made)
    return 0


@dataclass(frozen=True)
class Request:
    """What `generate` was asked, whatever its inputs are.

    Args:
        inputs: files.
        at: states, as written.
        out: file to write.
        coordinate: names.
        method: of the transport.
        seed: of networks and draws; None where it was not given.
        device: of networks; None where it was not given.
        sensors: table of what is known of the wanted state.
        page: file to write about what was generated.
        hardening: whether generated curves never fall; None where it was not given.
        force: replace files that this program did not write.
        of_states: options about known states and how they are carried, by their names.
        of_runs: options about what is written beside the field.
        report: takes lines.
    """

    inputs: list[Path]
    at: list[str]
    out: Path
    coordinate: list[str]
    method: Literal["fem", "pinn", "independent"]
    seed: int | None
    device: Literal["cpu", "cuda"] | None
    sensors: Path | None
    page: Path | None
    hardening: bool | None
    force: bool
    of_states: Options
    of_runs: Options
    report: Callable[[str], None]

    @property
    def known(self) -> Options:
        """Options that say what the known states are."""
        return self.of_states | {"coordinate": self.coordinate or None}

    @property
    def unlike_fem(self) -> bool:
        """Whether networks were asked for."""
        return self.method != "fem"

    def check_networks(self) -> None:
        """Refuse options of networks where there are none."""
        from cmgai_fem.commands.options import refuse

        if not self.unlike_fem:
            refuse({"seed": self.seed, "device": self.device}, "finite elements have no networks; --method pinn has")


def _of_specimens(request: Request, samples: int, exceeds: list[str], others: Options) -> Sequence[Path]:
    """The law of a random field from specimens."""
    from cmgai_fem.commands.distribution import generate_from_specimens
    from cmgai_fem.commands.options import asked_points, given_inputs, refuse

    kept = ("field", "unit", "values", "values-from", "volumes", "where-known", "lower", "upper", "holds")
    others |= request.of_runs | {name: value for name, value in request.of_states.items() if name not in kept}
    others |= {"method": request.unlike_fem, "device": request.device, "hardening": request.hardening}
    refuse(others, "specimens are carried as clouds of fields, by what clouds left out tell")
    asked = given_inputs(request.inputs, request.known)
    return generate_from_specimens(
        asked, asked_points(request.at, asked.units), request.out, samples=samples, exceeds=exceeds,
        seed=request.seed or 0, sensors=request.sensors, page=request.page, force=request.force, report=request.report,
    )  # fmt: skip


def _of_a_model(request: Request) -> Sequence[Path]:
    """Fields of a generator that was kept."""
    from cmgai_fem.commands.generate import generate_from_model
    from cmgai_fem.commands.options import refuse, single_file

    others = request.of_states | request.of_runs | {"seed": request.seed, "device": request.device}
    others |= {"coordinate": request.coordinate or None, "hardening": request.hardening}
    others |= {"method": request.unlike_fem, "sensors": request.sensors, "page": request.page}
    refuse(others, "a model is solved already")
    file = single_file(request.inputs, "--model")
    return generate_from_model(file, request.at, request.out, force=request.force, report=request.report)


def _of_a_table(request: Request) -> Sequence[Path]:
    """A stress-strain curve from a table of tests."""
    from cmgai_fem.commands.curves import generate_from_table
    from cmgai_fem.commands.options import refuse, single_file
    from cmgai_fem.solve import Solver

    request.check_networks()
    table = single_file(request.inputs, "a table of curves")
    because = f"{table} is a table of stress-strain tests, which holds all that this would say"
    refuse(request.of_states | request.of_runs | {"device": request.device}, because)
    solver = Solver(request.method, {"seed": request.seed or 0} if request.unlike_fem else {})
    return [
        generate_from_table(
            table, request.coordinate, request.at, request.out, request.report, request.hardening, solver,
            sensors=request.sensors, page=request.page, force=request.force,
        )
    ]  # fmt: skip


def _of_clouds(request: Request, json: bool) -> Sequence[Path]:
    """Clouds of points."""
    from cmgai_fem.commands.clouds import generate_from_clouds
    from cmgai_fem.commands.options import point, refuse

    request.check_networks()
    given: Options = {"method": request.unlike_fem, "sensors": request.sensors, "hardening": request.hardening}
    given |= {"page": request.page}
    others = {name: value for name, value in request.of_states.items() if name not in ("values", "values-from")}
    because = "clouds of samples have no labels, mesh or field, and are told by their files"
    refuse(others | request.of_runs | given | {"json": json}, because)
    values, values_from = (request.of_states[name] for name in ("values", "values-from"))
    assert values is None or isinstance(values, str)
    assert values_from is None or isinstance(values_from, str)
    generate_from_clouds(
        request.inputs, [point(one, "--at")[0] for one in request.at], request.out,
        coordinate=(request.coordinate or ["state"])[0],
        values=None if values is None else [point(one, "--values")[0] for one in values.split(",")],
        values_from=values_from, force=request.force, report=request.report,
    )  # fmt: skip
    return []


def _of_fields(request: Request, *, rivals: bool, save_model: Path | None, resume: bool) -> Sequence[Path]:
    """Fields from snapshots, or the one state that sensors look at."""
    from cmgai_fem.commands.generate import generate as generate_fields
    from cmgai_fem.commands.options import asked_points, given_inputs, refuse
    from cmgai_fem.commands.sensors import complete_state
    from cmgai_fem.generate import Networks

    request.check_networks()
    refuse({"hardening": request.hardening}, "only stress-strain curves harden, from a table (.csv)")
    asked = given_inputs(request.inputs, request.known)
    points = asked_points(request.at, asked.units)
    networks = Networks(request.seed or 0, request.device or "cpu")
    if request.sensors is not None:
        refuse(request.of_runs | {"page": request.page}, "sensors complete one state, which is generated anew")
        return [
            complete_state(
                asked, points, request.out, request.sensors, method=request.method, networks=networks,
                force=request.force, report=request.report,
            )
        ]  # fmt: skip
    return generate_fields(
        asked, points, request.out, method=request.method, networks=networks, rivals=rivals, page=request.page,
        save_model=save_model, resume=resume, force=request.force, report=request.report,
    )  # fmt: skip
