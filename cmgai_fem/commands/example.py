"""`cmgai-fem example`: a small case as a user's own files would be, solved exactly, with one state held out.

A spot of heat runs along a thin steel plate with insulated edges. At no node is its temperature smooth in time, so that
whatever interpolates node by node fails on it.
"""

from pathlib import Path

import numpy as np
import pyvista

import cmgai_fem
from cmgai_fem.errors import InputError
from cmgai_fem.files.trust import printable
from cmgai_fem.files.writers import write_grid
from cmgai_fem.mechanics.hardening import JohnsonCookHardening
from cmgai_fem.states.labels import Array
from cmgai_fem.writing import make_folder, write_table, write_text

KNOWN, HELD_OUT = (1.0, 2.0, 3.0, 4.0, 5.0), 3.5
TEMPERATURES = (293.0, 473.0, 673.0, 873.0)
LENGTH, WIDTH, CELLS = 0.12, 0.04, (36, 12)
START, SPEED, SPOT = 0.02, 0.016, 0.006
DIFFUSIVITY, AMBIENT, RISE = 6e-6, 20.0, 600.0
STATES = """\
# The known states; `cmgai-fem generate example/states.toml --at 3.5 --out t=3.5.vtu` reads this file.
field = "temperature"
coordinate = { name = "time", unit = "s" }
"""
# AISI 4340, Johnson and Cook 1983.
STEEL = JohnsonCookHardening(
    initial_stress=792e6, hardening_stress=510e6, exponent=0.26, rate_factor=0.014, thermal_exponent=1.03,
    melting_temperature=1793.0, room_temperature=293.0, reference_rate=1.0,
)  # fmt: skip


def example(folder: Path) -> list[str]:
    """Write five known states, one held out, a states.toml and a table of curves.

    Args:
        folder: where to; it must not be there, or be empty.

    Returns:
        Lines that say what was written, and the commands to go on with.

    Raises:
        InputError: there is something already, or nothing can be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{printable(str(folder))}: is there already, and nothing in it is replaced: name another")
    make_folder(folder / "held_out")
    grid = plate()
    for value in KNOWN:
        _write(folder / f"t={value:g}.vtu", grid, value)
    _write(folder / "held_out" / f"t={HELD_OUT:g}.vtu", grid, HELD_OUT)
    entries = [f'\n[[states]]\nfile = "t={value:g}.vtu"\nvalue = {value}\n' for value in KNOWN]
    write_text(folder / "states.toml", STATES.replace("example/", f"{folder}/") + "".join(entries))
    write_table(folder / "tests.csv", curves(), ("temperature [K]", "plastic_strain", "stress [MPa]"))
    return [
        f"{folder}: a spot of heat that runs along a steel plate, {grid.n_points} nodes: the temperature at 1 to 5 s "
        f"as five files, at {HELD_OUT:g} s held out; and tests.csv: stress-strain tests at {len(TEMPERATURES)} "
        "temperatures",
        "",
        "1. the field at a time that was never solved, in less than a minute:",
        f"   cmgai-fem generate {folder}/t=*.vtu --values-from 't=(\\d+)' --coordinate time --unit s "
        f"--field temperature --at {HELD_OUT:g} --out t={HELD_OUT:g}.vtu --page t={HELD_OUT:g}.html",
        f"   (open t={HELD_OUT:g}.html in a browser: what to use, how far to trust it, all states to slide through)",
        "2. against the solution that was held out:",
        f"   cmgai-fem compare t={HELD_OUT:g}.vtu {folder}/held_out/t={HELD_OUT:g}.vtu --field temperature",
        "3. a stress-strain curve at a temperature that was never tested:",
        f"   cmgai-fem generate {folder}/tests.csv --coordinate temperature --at 573 --out curve_573K.csv",
    ]


def plate() -> pyvista.UnstructuredGrid:
    """Triangles of the plate [m]."""
    columns, rows = CELLS
    image = pyvista.ImageData(dimensions=(columns + 1, rows + 1, 1), spacing=(LENGTH / columns, WIDTH / rows, 1.0))
    return image.triangulate().cast_to_unstructured_grid()


def temperature(points: Array, time: float) -> Array:
    """Temperature of the plate under a Gaussian spot that has moved since time zero [degC].

    Args:
        points: (N, 2) places [m].
        time: since the spot was lit [s].

    Source: heat kernel of the plane with mirror images at the insulated edges, integrated over the spot's path
        (Carslaw and Jaeger, Conduction of Heat in Solids (1959), section 10.7), by 200 Gauss points.
    """
    return AMBIENT + RISE * _heat(points, time) / _heat(np.array([[START + SPEED * KNOWN[-1], WIDTH / 2]]), KNOWN[-1])


def _heat(points: Array, time: float) -> Array:
    nodes, weights = np.polynomial.legendre.leggauss(200)
    total = np.zeros(len(points))
    for moment, share in zip(0.5 * time * (nodes + 1.0), 0.5 * time * weights, strict=True):
        spread = SPOT**2 + 4.0 * DIFFUSIVITY * (time - moment)
        centres = ((START + SPEED * moment, LENGTH), (0.5 * WIDTH, WIDTH))
        along, across = (
            sum(np.exp(-((points[:, axis] - image) ** 2) / spread) for image in (centre, -centre, 2.0 * size - centre))
            for axis, (centre, size) in enumerate(centres)
        )
        total += share * along * across / spread
    return total


def curves() -> list[dict[str, float]]:
    """Points of stress-strain tests of a steel, by Johnson and Cook's law at 1/s."""
    strains = np.linspace(0.0, 0.2, 21)
    return [
        {"temperature [K]": value, "plastic_strain": strain, "stress [MPa]": stress / 1e6}
        for value in TEMPERATURES
        for strain, stress in zip(strains.tolist(), STEEL.curve(value)(strains, np.ones(21))[0].tolist(), strict=True)
    ]


def _write(path: Path, grid: pyvista.UnstructuredGrid, time: float) -> None:
    state = grid.copy()
    state.point_data["temperature"] = temperature(np.asarray(grid.points, dtype=float)[:, :2], time)
    write_grid(path, state, {"program": f"cmgai-fem {cmgai_fem.__version__}, exact solution"}, time)
