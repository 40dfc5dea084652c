"""The users' command on files of the strip: `python verification/multimodal/specimens.py FOLDER [SEEDS]`.

Writes the specimens that the study draws, as a user would have them: one file each, with the solved stress and plastic
strain, no modes and no gauge errors. `generate --distribution` makes the laws at the unseen pulls from these files, and
its 5, 50 and 95 % fields are held against the same Monte Carlo as those of the study's own CM-GAI, which carries the
coefficients of both fields with their gauge errors.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyvista

from cmgai_fem.commands.distribution import generate_from_specimens
from cmgai_fem.commands.provenance import read_provenance
from cmgai_fem.commands.states_file import load_states_file
from cmgai_fem.distributions.cloud_laws import superposed
from cmgai_fem.distributions.known_states import Clouds
from cmgai_fem.files.readers import read_snapshots
from cmgai_fem.files.writers import write_grid
from cmgai_fem.metrics import field_error
from cmgai_fem.states.labels import Array
from cmgai_fem.study.file import studies_folder
from cmgai_fem.study.pipelines import study_module

STUDY = studies_folder() / "multimodal"
fields_study, strip_fields = study_module(STUDY, "fields_study"), study_module(STUDY, "problems.strip_fields")
KNOWN, UNSEEN, SIZES = (70.0, 85.0, 100.0, 115.0, 130.0), (92.5, 122.5), (60, 500)
SOLVED = 400
# Field of the files, what the study calls the quantity, and the arrays of its 5, 50 and 95 % fields.
PLASTIC, STRESS = "equivalent_plastic_strain", "stress"
ASKED = {PLASTIC: (), STRESS: ("von_mises:300",)}


def write_specimens(problem: Any, folder: Path, size: int, seed: int) -> tuple[Array, Array]:
    """Write the study's specimens of one seed, and return their pulls (N,) and coefficients (N, d) as it reads them."""
    rng = np.random.default_rng([seed, size])
    pulls = rng.permutation(np.resize(problem.known, size))
    strength, modulus, _ = problem.specimens(size, rng)
    read = []
    for number, (pull, *constants) in enumerate(zip(pulls, strength, modulus, strict=True)):
        response = problem.respond([pull], *constants)
        read.append(problem.read([pull], response, rng)[0])
        write_specimen(problem, folder / f"pull_{pull:g}_{number}.vtu", response)
    for field, lower in ((PLASTIC, "lower = 0.0\n"), (STRESS, "")):
        states = "".join(f'[[states]]\nvalue = {pull}\nfiles = ["pull_{pull:g}_*.vtu"]\n' for pull in problem.known)
        text = f'field = "{field}"\nvolumes = "area"\n{lower}[coordinate]\nname = "pull"\nunit = "MPa"\n{states}'
        (folder / f"{field}.toml").write_text(text, encoding="utf-8")
    return pulls, np.array(read)


def write_specimen(problem: Any, path: Path, response: Any) -> None:
    """One file: the quadrature points of the strip, each with the area that it stands for [MPa, m^2]."""
    strain, stress = response.plastic_strain[0], response.stress[0] / 1e6
    places = np.arange(float(len(stress)))
    grid = pyvista.PolyData(np.column_stack([places, 0.0 * places, 0.0 * places])).cast_to_unstructured_grid()
    grid[PLASTIC] = fields_study.scalar_fields(strain[None], stress[None])[0, 0]
    grid[STRESS] = np.pad(stress, ((0, 0), (0, 2)))
    grid["area"] = problem.strip.volumes
    write_grid(path, grid, {}, 0.0)


def errors_of(found: Array, true: Array, volumes: Array) -> list[float]:
    """NRMSE of 5, 50 and 95 % fields (3, P)."""
    return [field_error(made, exact, volumes).nrmse for made, exact in zip(found, true, strict=True)]


def command(problem: Any, folder: Path, truth: Array, seed: int) -> tuple[Array, list[str]]:
    """Errors (2, 3) of what the command writes, mean over the unseen pulls, and what it says of itself."""
    errors, said = [], []
    for row, (field, limits) in enumerate(ASKED.items()):
        inputs = load_states_file(folder / f"{field}.toml")
        out = folder / f"{field}_at_{{value}}.vtu"
        options = {"exceeds": limits, "seed": seed, "force": True, "report": lambda line: None}
        files = generate_from_specimens(inputs, UNSEEN, out, **options)
        name = f"{STRESS}_von_mises" if limits else field
        each = []
        for file, exact in zip(files, truth[:, row], strict=True):
            data = read_snapshots(file)[0].grid.point_data
            each.append(
                errors_of(np.array([data[f"{name}_{p}"] for p in ("p05", "p50", "p95")]), exact, problem.strip.volumes)
            )
        errors.append(np.mean(each, axis=0))
        facts = read_provenance(files[0])
        w2, told = facts["left_out_W2"][facts["method"]], [facts[f"left_out_{key}"] for key in ("floor", "scatter")]
        said.append(
            f"{field}: {facts['method']}, {facts['modes']} modes, W2 {w2:.3g}, floor {told[0]:.3g}, scatter "
            f"{told[1]:.3g}, coverage {facts['left_out_coverage']:.3f}, {facts['trust']}"
        )
    return np.array(errors), said


def study(problem: Any, pulls: Array, coefficients: Array, truth: Array) -> Array:
    """Errors (2, 3) of the study's own CM-GAI, mean over the unseen pulls."""
    units = np.array(problem.card.units)
    made = superposed(Clouds.of(pulls, coefficients / units), UNSEEN, 0)
    every = []
    for pull, cloud, true in zip(UNSEEN, made, truth, strict=True):
        found = fields_study.field_quantiles(problem, pull, cloud * units)
        every.append([errors_of(*pair, problem.strip.volumes) for pair in zip(found, true, strict=True)])
    return np.mean(every, axis=0)


def compared(folder: Path, seeds: int) -> Iterator[str]:
    """Lines of a comparison, sizes one after the other."""
    problem = strip_fields.StripFields(KNOWN, UNSEEN)
    truth = fields_study.run_monte_carlo(problem, SOLVED, np.random.default_rng([0, 7919])).fields
    for size in SIZES:
        ours, theirs = [], []
        for seed in range(seeds):
            place = folder / f"{size}_{seed}"
            place.mkdir(parents=True, exist_ok=True)
            pulls, coefficients = write_specimens(problem, place, size, seed)
            errors, said = command(problem, place, truth, seed)
            ours.append(errors)
            theirs.append(study(problem, pulls, coefficients, truth))
            yield from (f"{size} specimens, seed {seed}: {line}" for line in said)
        for row, quantity in enumerate(fields_study.QUANTITIES):
            for column, level in enumerate(fields_study.LEVELS):
                mine, other = (float(np.mean(part, axis=0)[row, column]) for part in (ours, theirs))
                yield (
                    f"{size} specimens, {100 * level:.0f} % {quantity}: NRMSE {mine:.5f} by the command, {other:.5f} "
                    f"by the study's CM-GAI, ratio {mine / other:.2f}"
                )


if __name__ == "__main__":
    for line in compared(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5):
        print(line, flush=True)
