"""Strong and weak scaling of generation and of the explicit solid over ranks, equality, and a model of 1,000 ranks."""

import json
import os
import subprocess
import sys

import numpy as np
from timing import REPEATS, Row, figure, over

from cmgai_fem.mechanics.reference import find_mpiexec
from cmgai_fem.states.portion import BLOCK

TITLE = "Ranks"
NOTE = """Generation of six stresses at one state from five, on bodies in eight pieces without files, timed from when
all ranks are ready (the part that computes); strong: the same body on more ranks, weak: as many labels a rank.
Efficiency is against one rank. `equal` says whether field and error estimate are those of one rank to the last bit.
The solid is the quarter rod of dynamic-plasticity in 3-D, explicit. More ranks than cores show equality, not speed."""
# Seconds a message takes at least, and bytes a second: an InfiniBand network of the kind that clusters have.
LATENCY, BANDWIDTH = 2e-6, 1e10
# Seconds that numpy takes to add one small matrix.
ADDING = 1e-6

GENERATION = """
import hashlib, json, pickle, sys, time
import numpy as np
from dataclasses import replace
from mpi4py import MPI
from cmgai_fem.generate import generate
from cmgai_fem.states.labels import Labels
from cmgai_fem.states.portion import Portion
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Coordinate, Field, States

total, world = int(sys.argv[1]), MPI.COMM_WORLD

class Counting:
    # A communicator that counts what it is given to send.
    rank, size, calls, sent = world.rank, world.size, 0, 0
    def __getattr__(self, name):
        found = getattr(world, name)
        if not callable(found):
            return found
        def call(*given):
            Counting.calls += 1
            Counting.sent += len(pickle.dumps(given))
            return found(*given)
        return call

ends = np.linspace(0, total, 9).astype(int)
mine = np.array_split(np.arange(8), world.size)[world.rank]
first, last = ends[mine[0]], ends[mine[-1] + 1]
x = np.linspace(0.0, 1.0, total)[first:last]
points = np.column_stack([x, np.sin(40 * x), np.cos(40 * x)])
dealt = Portion.dealt(tuple(int(ends[one + 1] - ends[one]) for one in mine), Counting())
labels = replace(Labels(points, np.full(len(x), 1.0 / total), {}), dealt=dealt)
values = np.linspace(0.0, 1.0, 5)
known = np.array([[np.sin((1 + i) * x + s) * (1 + i * s**2) for i in range(6)] for s in values]).transpose(0, 2, 1)
states = States.of(labels, Coordinate("s"), values, {"f": Field(known, "", SYMMETRIC_TENSOR)})
times = []
for _ in range(int(sys.argv[2]) + 1):
    Counting.calls = Counting.sent = 0
    world.Barrier()
    start = time.perf_counter()
    made = generate(states, 0.4).generators[0]
    field, error = made.answer(0.4)
    world.Barrier()
    times.append(time.perf_counter() - start)
whole = [np.concatenate(world.allgather(one)) for one in (field, error)]
blocks = sum(world.allgather(len(dealt.blocks)))
if world.rank == 0:
    told = {"seconds": times[1:], "digest": [hashlib.sha256(one.tobytes()).hexdigest() for one in whole]}
    print(json.dumps(told | {"calls": Counting.calls, "sent": Counting.sent, "blocks": blocks}))
"""

SOLID = """
import json, sys, time
from cmgai_fem import dolfinx_environment
from mpi4py import MPI
from cmgai_fem.mechanics.meshing import MeshParameters
from cmgai_fem.mechanics.taylor_rod import TaylorRod
cells = float(sys.argv[1])
numbers = dict(core_cells=cells, ring_cells=cells, axial_cells=40.0)
model = TaylorRod(mesh=MeshParameters(file="taylor_rod_3d.geo", numbers=numbers), dimension=3)
run = model.start(model.mesh.read(MPI.COMM_WORLD, 3), 200.0)
run.advance(2e-7)
times = []
for turn in range(int(sys.argv[2])):
    MPI.COMM_WORLD.Barrier()
    start, steps = time.perf_counter(), run.steps
    run.advance(run.time + 5e-7)
    MPI.COMM_WORLD.Barrier()
    times.append((time.perf_counter() - start) / (run.steps - steps))
if MPI.COMM_WORLD.rank == 0:
    print(json.dumps({"seconds": times}))
"""


def under(ranks: int, program: str, *given: object) -> dict[str, object]:
    """What a program tells on some ranks."""
    command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-c", program, *map(str, given)]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=alone, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def scaling(labels: int, solid: float, ranks: tuple[int, ...], repeats: int) -> tuple[list[Row], dict[str, object]]:
    """Rows of strong and weak scaling, and the generation of one rank."""
    rows: list[Row] = []
    one = under(1, GENERATION, labels, repeats)
    for kind in ("strong", "weak"):
        for count in ranks:
            size = labels * (count if kind == "weak" else 1)
            found = one if count == 1 else under(count, GENERATION, size, repeats)
            share = count if kind == "strong" else 1
            gained = [share * each for each in found["seconds"]]
            equal = "-" if kind == "weak" else "yes" if found["digest"] == one["digest"] else "NO"
            rows.append(
                {
                    "what": f"generation, {kind}", "size": f"{size:,} labels", "ranks": count,
                    "seconds": figure(found["seconds"]), "efficiency": over(one["seconds"], gained), "equal": equal,
                }
            )  # fmt: skip
    alone = under(1, SOLID, solid, repeats)["seconds"]
    for count in ranks[:2]:
        found = alone if count == 1 else under(count, SOLID, solid, repeats)["seconds"]
        gained = over(alone, [count * each for each in found])
        rows.append(
            {
                "what": "explicit solid, strong",
                "size": f"{solid:g} cells",
                "ranks": count,
                "seconds": figure(found),
                "efficiency": gained,
            }
        )
    return rows, one


def model(one: dict[str, object], more: dict[str, object], labels: int) -> list[Row]:
    """1,000 ranks on paper: work and messages of a body and of one three times as large, and an assumed network."""
    first, second = (float(np.median(each["seconds"])) for each in (one, more))
    work = (second - first) / (2 * labels)
    # What every rank does whatever the body's size: the search over a sample of labels.
    fixed = max(first - work * labels, 0.0)
    a_block = (more["sent"] - one["sent"]) / (more["blocks"] - one["blocks"])
    sample = one["sent"] - a_block * one["blocks"]
    rows: list[Row] = []
    for ranks, total in ((1, 10**7), (1000, 10**7), (1, 10**9), (1000, 10**9)):
        blocks = max(ranks, total // BLOCK)
        talking = 0.0
        if ranks > 1:
            talking = one["calls"] * LATENCY * np.log2(ranks) + (sample + blocks * a_block) / BANDWIDTH
        # Every rank adds up what all blocks gave, in the order of the body.
        adding = blocks * one["calls"] * ADDING
        spent = fixed + work * total / ranks + talking + adding
        alone = fixed + work * total + max(1, total // BLOCK) * one["calls"] * ADDING
        rows.append(
            {
                "labels": f"{total:,}", "ranks": ranks, "work s": work * total / ranks, "same on every rank s": fixed,
                "messages s": float(talking), "adding up s": float(adding), "all s": float(spent),
                "efficiency": float(alone / ranks / spent),
            }
        )  # fmt: skip
    return rows


def tables(quick: bool) -> dict[str, list[Row]]:
    """The comparison."""
    labels, repeats = (4_000, 1) if quick else (400_000, REPEATS)
    if quick:
        one = under(1, GENERATION, labels, repeats)
        return {"Measured": [{"what": "generation", "ranks": 1, "seconds": figure(one["seconds"])}]}
    rows, one = scaling(labels, 6.0, (1, 2, 4), repeats)
    more = under(1, GENERATION, 3 * labels, repeats)
    heading = (
        f"A model, on paper, not measured: {one['calls']} collective calls a rank, a latency of {LATENCY:g} s and "
        f"{BANDWIDTH:g} bytes a second assumed"
    )
    return {"Measured": rows, heading: model(one, more, labels)}
