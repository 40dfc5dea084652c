"""The kinds of input of `generate`, and the options that each of them leaves without meaning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cmgai_fem.cli.known import Options


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


def of_specimens(
    request: Request,
    samples: int,
    exceeds: list[str],
    others: Options,
    *,
    ablate: Sequence[str],
    save_model: Path | None,
) -> Sequence[Path]:
    """The law of a random field from specimens."""
    from cmgai_fem.commands.distribution import generate_from_specimens
    from cmgai_fem.commands.options import asked_points, given_inputs, refuse

    kept = ("field", "unit", "values", "values-from", "volumes", "where-known", "lower", "upper", "holds")
    every = request.of_states | request.of_runs
    others |= {name: value for name, value in every.items() if name not in (*kept, "ablate", "save-model")}
    others |= {"method": request.unlike_fem, "device": request.device, "hardening": request.hardening is not None}
    refuse(others, "specimens are carried as clouds of fields, by what clouds left out tell")
    asked = given_inputs(request.inputs, request.known)
    return generate_from_specimens(
        asked, asked_points(request.at, asked.units), request.out, samples=samples, exceeds=exceeds,
        seed=request.seed or 0, sensors=request.sensors, page=request.page, ablate=ablate, save_model=save_model,
        force=request.force, report=request.report,
    )  # fmt: skip


def of_a_model(request: Request, samples: int = 0, exceeds: Sequence[str] = ()) -> Sequence[Path]:
    """Fields, curves or laws of a generator that was kept."""
    from cmgai_fem.commands.curves import generate_from_curve_model
    from cmgai_fem.commands.distribution import generate_from_law_model
    from cmgai_fem.commands.generate import generate_from_model
    from cmgai_fem.commands.options import refuse, single_file
    from cmgai_fem.files.curve_model import is_curve_model
    from cmgai_fem.files.law_model import is_law_model

    others = request.of_states | request.of_runs | {"seed": request.seed, "device": request.device}
    others |= {"coordinate": request.coordinate or None, "hardening": request.hardening is not None}
    others |= {"method": request.unlike_fem, "sensors": request.sensors, "page": request.page}
    refuse(others, "a model is solved already")
    file = single_file(request.inputs, "--model")
    if is_curve_model(file) and not (samples or exceeds):
        return [generate_from_curve_model(file, request.at, request.out, force=request.force, report=request.report)]
    if is_law_model(file):
        return generate_from_law_model(
            file, request.at, request.out, samples=samples, exceeds=exceeds, force=request.force, report=request.report
        )
    refuse({"samples": samples or None, "exceeds": exceeds or None}, "the model keeps no laws of specimens")
    return generate_from_model(file, request.at, request.out, force=request.force, report=request.report)


def of_a_table(
    request: Request, *, cheap: Sequence[str], save_model: Path | None, resume: bool, ablate: Sequence[str]
) -> Sequence[Path]:
    """A stress-strain curve from a table of tests."""
    from cmgai_fem.commands.curves import generate_from_table
    from cmgai_fem.commands.inputs import matching
    from cmgai_fem.commands.options import refuse, single_file
    from cmgai_fem.solve import Solver

    request.check_networks()
    table = single_file(request.inputs, "a table of curves")
    because = f"{table} is a table of stress-strain tests, which holds all that this would say"
    runs = {name: value for name, value in request.of_runs.items() if name not in ("save-model", "resume", "ablate")}
    states = {name: value for name, value in request.of_states.items() if name != "cheap"}
    refuse(states | runs | {"device": request.device}, because)
    solver = Solver(request.method, {"seed": request.seed or 0} if request.unlike_fem else {})
    return [
        generate_from_table(
            table, request.coordinate, request.at, request.out, request.report, request.hardening, solver,
            sensors=request.sensors, page=request.page, ablate=ablate, save_model=save_model, resume=resume,
            cheap=[path for pattern in cheap for path in matching(Path(), pattern)],
            force=request.force,
        )
    ]  # fmt: skip


def of_clouds(request: Request, json: bool) -> Sequence[Path]:
    """Clouds of points."""
    from cmgai_fem.commands.clouds import generate_from_clouds
    from cmgai_fem.commands.options import point, refuse

    request.check_networks()
    given: Options = {
        "method": request.unlike_fem,
        "sensors": request.sensors,
        "hardening": request.hardening is not None,
    }
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


def of_fields(
    request: Request, *, rivals: bool, ablate: Sequence[str], save_model: Path | None, resume: bool
) -> Sequence[Path]:
    """Fields from snapshots, or the one state that sensors look at."""
    from cmgai_fem.commands.generate import generate as generate_fields
    from cmgai_fem.commands.options import asked_points, given_inputs, refuse
    from cmgai_fem.commands.sensors import complete_state
    from cmgai_fem.generate import Networks

    request.check_networks()
    refuse({"hardening": request.hardening is not None}, "only stress-strain curves harden, from a table (.csv)")
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
        ablate=ablate, save_model=save_model, resume=resume, force=request.force, report=request.report,
    )  # fmt: skip
