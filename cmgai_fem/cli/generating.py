"""The command `generate`: what its options say."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cmgai_fem.cli.app import Part, Repeated, States, app, say, say_aside, show_provenance
from cmgai_fem.cli.kinds import Request, of_a_model, of_a_table, of_clouds, of_fields, of_specimens
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
    ablate: Annotated[list[Part] | None, Repeated] = None,
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
    ablate
        Change this part of the method and print the left-out error without it; may be repeated. Fields: order, law,
        over several coordinates force; curves: order, feature, force, noise, superposition, fits, constraint;
        specimens: order, superposition, modes, constraint.
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
    of_runs: Options = {"rivals": rivals, "save-model": save_model, "resume": resume, "ablate": ablate}
    request = Request(
        inputs, at or [], out, known.coordinate or [], method, seed, device, sensors, page, hardening, force, of_states,
        of_runs, say_aside if json else say,
    )  # fmt: skip
    from cmgai_fem.commands.options import refuse

    if distribution and model:
        refuse({"clouds": clouds}, "a model is solved already")
        made = of_a_model(request, samples or 0, exceeds or [])
    elif distribution:
        made = of_specimens(
            request, samples or 0, exceeds or [], {"clouds": clouds}, ablate=ablate or [], save_model=save_model
        )
    else:
        refuse({"samples": samples, "exceeds": exceeds, "holds": known.holds}, "it belongs to --distribution")
        if model:
            made = of_a_model(request)
        elif clouds:
            made = of_clouds(request, json)
        elif inputs[0].suffix.lower() == ".csv":
            made = of_a_table(
                request, cheap=known.cheap or [], save_model=save_model, resume=resume, ablate=ablate or []
            )
        else:
            made = of_fields(request, rivals=rivals, ablate=ablate or [], save_model=save_model, resume=resume)
    if json:
        show_provenance(made)
    return 0
