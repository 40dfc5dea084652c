"""A cantilever heated on one face, solved by CalculiX: the deck is written here, the results are CalculiX's own.

A steel beam, clamped at one end and loaded at the other, is as hot on its lower face as the state says and at 20 degC
on its upper one; Young's modulus and thermal expansion depend on temperature. `python calculix_cantilever.py` solves
it at six temperatures, generates the fourth from the other five and compares.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from cmgai_fem.commands.compare import compare
from cmgai_fem.commands.generate import generate
from cmgai_fem.commands.inputs import Inputs
from cmgai_fem.errors import CmgaiError

LENGTH, HEIGHT, WIDTH = 0.2, 0.04, 0.02  # m
AMBIENT = 20.0  # degC
TIP_FORCE = 2000.0  # N
KNOWN, UNSEEN = (100.0, 250.0, 400.0, 550.0, 700.0), 325.0  # degC
# Young's modulus [Pa] and thermal expansion [1/K] of a plain carbon steel over temperature [degC], EN 1993-1-2.
YOUNG = ((20.0, 2.1e11), (100.0, 2.1e11), (300.0, 1.68e11), (500.0, 1.26e11), (700.0, 0.273e11))
EXPANSION = ((20.0, 1.23e-5), (300.0, 1.344e-5), (700.0, 1.48e-5))


def write_deck(path: Path, hot: float, divisions: int = 4) -> None:
    """Write the input deck of one state: 20-node bricks, `divisions` over the height.

    Args:
        path: the .inp file.
        hot: temperature of the lower face [degC].
        divisions: bricks over the height; five times as many over the length, half as many over the width.
    """
    nodes, bricks = _bricks(5 * divisions, divisions, max(divisions // 2, 1))
    tip = np.flatnonzero(np.isclose(nodes[:, 0], LENGTH)) + 1
    clamped = np.flatnonzero(np.isclose(nodes[:, 0], 0.0)) + 1
    temperature = hot + (AMBIENT - hot) * nodes[:, 1] / HEIGHT
    lines = ["*NODE, NSET=ALL"]
    lines += [f"{number}, {x:.12g}, {y:.12g}, {z:.12g}" for number, (x, y, z) in enumerate(nodes, start=1)]
    lines += ["*ELEMENT, TYPE=C3D20, ELSET=BEAM"]
    for number, brick in enumerate(bricks + 1, start=1):
        lines += [f"{number}, " + ", ".join(map(str, brick[:10])) + ",", ", ".join(map(str, brick[10:]))]
    lines += ["*MATERIAL, NAME=STEEL", "*ELASTIC", *(f"{modulus:.6g}, 0.3, {at:g}" for at, modulus in YOUNG)]
    lines += [f"*EXPANSION, ZERO={AMBIENT:g}", *(f"{rate:.6g}, {at:g}" for at, rate in EXPANSION)]
    lines += ["*SOLID SECTION, ELSET=BEAM, MATERIAL=STEEL", "*BOUNDARY", *(f"{node}, 1, 3" for node in clamped)]
    lines += ["*INITIAL CONDITIONS, TYPE=TEMPERATURE", f"ALL, {AMBIENT:g}", "*STEP", "*STATIC", "*TEMPERATURE"]
    lines += [f"{number}, {value:.10g}" for number, value in enumerate(temperature, start=1)]
    lines += ["*CLOAD", *(f"{node}, 2, {-TIP_FORCE / len(tip):.10g}" for node in tip)]
    lines += ["*NODE FILE", "U, NT", "*EL FILE", "S", "*END STEP", ""]
    path.write_text("\n".join(lines), encoding="ascii")


def solve(folder: Path, hot: float, divisions: int = 4) -> Path:
    """Solve one state with CalculiX.

    Returns:
        The .frd file with displacement, temperature and stress at the nodes.
    """
    program = shutil.which("ccx")
    if program is None:
        raise CmgaiError("ccx is not installed: apt-get install calculix-ccx")
    deck = folder / f"beam_T={hot:g}.inp"
    write_deck(deck, hot, divisions)
    run = subprocess.run([program, "-i", deck.stem], cwd=folder, capture_output=True, text=True, check=False)
    results = deck.with_suffix(".frd")
    if run.returncode != 0 or not results.is_file():
        raise CmgaiError(f"CalculiX failed at {hot:g} degC: {run.stdout[-300:]}")
    return results


def run(folder: Path, divisions: int = 4) -> float:
    """Solve all states, generate the unseen one, and compare with CalculiX's own.

    Returns:
        NRMSE of the generated stress, all six components, volume-weighted.
    """
    known = tuple(solve(folder, hot, divisions) for hot in KNOWN)
    reference = solve(folder, UNSEEN, divisions)
    inputs = Inputs(known, "STRESS", ("temperature",), ("degC",), values_from=r"T=(\d+)")
    (generated,) = generate(inputs, [UNSEEN], folder / "generated.vtu")
    return compare(generated, reference, "STRESS").error.nrmse


def _bricks(along: int, up: int, across: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes (N, 3) and 20-node bricks (C, 20) of the beam, in Abaqus's and VTK's order of nodes."""
    counts = 2 * np.array([along, up, across]) + 1
    number = np.full(counts, -1)
    grid = np.stack(np.meshgrid(*(np.arange(count) for count in counts), indexing="ij"), axis=-1)
    # Serendipity bricks have nodes at corners and edges: at most one odd index.
    used = (grid % 2).sum(axis=-1) <= 1
    number[used] = np.arange(used.sum())
    nodes = grid[used] / (counts - 1) * np.array([LENGTH, HEIGHT, WIDTH])
    corners = np.array([(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0), (0, 0, 2), (2, 0, 2), (2, 2, 2), (0, 2, 2)])
    edges = [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7)]
    local = np.vstack([corners, [(corners[a] + corners[b]) // 2 for a, b in edges]])
    starts = 2 * np.stack(np.meshgrid(np.arange(along), np.arange(up), np.arange(across), indexing="ij"), -1)
    places = starts.reshape(-1, 1, 3) + local
    return nodes, number[places[..., 0], places[..., 1], places[..., 2]]


if __name__ == "__main__":
    results = Path(sys.argv[1] if len(sys.argv) > 1 else "results/own-states")
    results.mkdir(parents=True, exist_ok=True)
    print(f"NRMSE of the generated stress against CalculiX's own: {100 * run(results):.4f} %")
