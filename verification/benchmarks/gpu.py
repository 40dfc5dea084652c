"""Training on a GPU beside the processor: the networks that run in torch.

    python verification/benchmarks/gpu.py [--device cpu --device cuda] [--quick] [--out gpu.json]

needs numpy, scipy, scikit-learn and torch alone, so that it runs on a bare GPU machine. Each network is trained on
every device in float64, in turn, five times; `difference` is the largest difference of
the answers of the two devices, relative to the largest answer. `run.py --gpu gpu.json` puts the figures on the page.
"""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from timing import REPEATS, Row, alternate, over

from cmgai_fem.distributions.flow_matching import fit_flows
from cmgai_fem.distributions.mixture_density import MixtureShape, Samples
from cmgai_fem.distributions.mixture_training import fit_mixtures
from cmgai_fem.distributions.training import Budget
from cmgai_fem.features.body import LabelBody
from cmgai_fem.pinn.field_network import FieldMotion, FieldNetwork, FieldResidual
from cmgai_fem.pinn.levenberg_marquardt import LevenbergMarquardt
from cmgai_fem.pinn.registration import NetworkRegistration
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.pinn.solver import solve_pinn
from cmgai_fem.states.labels import Labels
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.laws import make_law
from cmgai_fem.transport.problem import Problem

TITLE = "Training on a GPU"
NOTE = """The same training in float64 on the processor and on a GPU, in turn; `difference` is that of the answers,
relative. The registration network works in numpy and runs on the processor alone."""
# Trained on one device: a network's answers at a few places.
Train = Callable[[str], np.ndarray]


def samples(members: int, count: int, device: str) -> Samples:
    """Two branches in the plane over one condition, the same for all members."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(members, count, 1, generator=generator, dtype=torch.float64)
    side = torch.sign(torch.rand(members, count, 1, generator=generator, dtype=torch.float64) - 0.5)
    noise = 0.05 * torch.randn(members, count, 2, generator=generator, dtype=torch.float64)
    return Samples(x.to(device), (torch.cat([side * x, x.square()], dim=2) + noise).to(device))


def mixture(members: int, batch: int, steps: int, device: str) -> np.ndarray:
    """Mixture density networks."""
    data = samples(members, 4 * batch, device)
    network, _ = fit_mixtures(
        MixtureShape(3), data, samples(members, batch, device), range(members), Budget(steps, batch)
    )
    with torch.no_grad():
        return network(data.x[:, :8]).mean().cpu().numpy()


def flow(members: int, batch: int, steps: int, device: str) -> np.ndarray:
    """Conditional flow matching."""
    data, unseen = samples(members, 4 * batch, device), samples(members, batch, device)
    network, _ = fit_flows((64, 64), [data.x, data.u], [unseen.x, unseen.u], range(members), Budget(steps, batch))
    with torch.no_grad():
        return network.velocity(data.x[:, :8], data.u[:, :8], 0.5 + 0.0 * data.x[:, :8]).cpu().numpy()


def square(side: int) -> Labels:
    """A square of triangles; `square_mesh` has VTK measure them."""
    axis = np.linspace(0.0, 1.0, side)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).ravel()
    lower = np.column_stack([corner, corner + side, corner + 1])
    cells = np.concatenate([lower, np.column_stack([corner + side, corner + side + 1, corner + 1])])
    weights = np.bincount(cells.ravel(), minlength=len(points)) / (6.0 * (side - 1) ** 2)
    return Labels(points, weights, {"triangle": cells})


def statement(side: int, stiffness: float) -> Problem:
    """A hot spot that moves and spreads over a square, five known states."""
    labels, values = square(side), np.linspace(0.0, 1.0, 5)
    x, y = labels.points.T
    known = [(1 + s) * np.exp(-((x - 0.3 - 0.2 * s) ** 2 + (y - 0.5) ** 2) / (0.02 + 0.03 * s)) for s in values]
    states = States.of(labels, Coordinate("s"), values, {"f": Field(np.stack(known)[:, :, None], "", ("",))})
    return Problem(states, law=make_law("membrane" if stiffness else "none", stiffness), force=Least(0))


def pinn(side: int, hidden: int, device: str) -> np.ndarray:
    """The PINN of modal amplitudes under a membrane law."""
    settings = TrainingSettings(blocks=2, hidden=(hidden,))
    return solve_pinn(statement(side, 1.0), settings=settings, device=device).at(0.4)


def field_network(side: int, hidden: int, steps: int, device: str) -> np.ndarray:
    """One network of label and state; without a law, whose eigenmodes are found by SLEPc."""
    problem, settings = statement(side, 0.0), TrainingSettings(encoding="fourier", hidden=(hidden,), points=8)
    field = FieldNetwork.of(problem, settings, 0)
    residual = FieldResidual(field, problem, settings.points, torch.device(device))
    start = field.network.initial(torch.Generator().manual_seed(0)).to(device)
    optimiser = LevenbergMarquardt(residual, residual.jacobian, start)
    for _ in range(steps):
        optimiser.step()
    return FieldMotion(field, optimiser.weights.cpu().numpy(), problem.modes.origin)(0.4)


def registration(side: int, _: str) -> np.ndarray:
    """The map of labels by a coordinate network."""
    states = statement(side, 0.0).states
    return NetworkRegistration(LabelBody.of(states.labels), states.fields["f"].values)(0, 0.3).places


def trainings(quick: bool) -> list[tuple[str, str, Train, bool]]:
    """What is trained: name, size, how, and whether it can run on a GPU."""
    if quick:
        return [
            ("mixture density", "2 networks, batch 64, 40 steps", partial(mixture, 2, 64, 40), True),
            ("flow matching", "2 networks, batch 64, 40 steps", partial(flow, 2, 64, 40), True),
            ("PINN under a law", "36 labels, 6 units", partial(pinn, 6, 6), True),
            ("field network", "25 labels, 6 units, 5 steps", partial(field_network, 5, 6, 5), True),
            ("registration network", "121 labels", partial(registration, 11), False),
        ]
    return [
        ("mixture density", "4 networks, batch 256, 200 steps", partial(mixture, 4, 256, 200), True),
        ("mixture density", "16 networks, batch 2048, 20 steps", partial(mixture, 16, 2048, 20), True),
        ("flow matching", "4 networks, batch 256, 200 steps", partial(flow, 4, 256, 200), True),
        ("flow matching", "16 networks, batch 2048, 20 steps", partial(flow, 16, 2048, 20), True),
        ("PINN under a law", "1,089 labels, 8 units", partial(pinn, 33, 8), True),
        ("PINN under a law", "1,089 labels, 16 units", partial(pinn, 33, 16), True),
        ("field network", "81 labels, 16 units, 10 steps", partial(field_network, 9, 16, 10), True),
        ("field network", "289 labels, 16 units, 5 steps", partial(field_network, 17, 16, 5), True),
        ("registration network", "1,681 labels", partial(registration, 41), False),
    ]


def timed(train: Train, device: str, kept: dict[str, np.ndarray]) -> None:
    """Train to the end of what the device still has to do."""
    kept[device] = train(device)
    if device == "cuda":
        torch.cuda.synchronize()


def measure(name: str, size: str, train: Train, devices: Sequence[str], able: bool, repeats: int) -> dict[str, object]:
    """Times of one training on the devices, as the JSON keeps them."""
    kept: dict[str, np.ndarray] = {}
    used = [device for device in devices if able or device == "cpu"]
    times = alternate({device: partial(timed, train, device, kept) for device in used}, repeats)
    difference = None
    if len(kept) == 2:
        difference = float(np.abs(kept["cuda"] - kept["cpu"]).max() / np.abs(kept["cpu"]).max())
    return {"network": name, "size": size, "seconds": times, "difference": difference, "on a GPU": able}


def measured(devices: Sequence[str], quick: bool, repeats: int = REPEATS, threads: int = 1) -> dict[str, object]:
    """All trainings, and the machine."""
    torch.set_num_threads(threads)
    repeats = 1 if quick else repeats
    found = []
    for name, size, train, able in trainings(quick):
        found.append(measure(name, size, train, devices, able, repeats))
        print(f"{name}, {size}: {found[-1]['seconds']}, difference {found[-1]['difference']}", flush=True)
    card = torch.cuda.get_device_name(0) if "cuda" in devices else None
    return {"gpu": card, "torch": torch.__version__, "load": os.getloadavg()[0], "threads": threads, "trainings": found}


def table(found: dict[str, object]) -> list[Row]:
    """Rows of the page; the columns of a GPU say that they are absent where there was none."""
    rows: list[Row] = []
    for one in found["trainings"]:
        times, able = one["seconds"], one["on a GPU"]
        absent = "no GPU here" if able else "runs in numpy"
        there = "cuda" in times
        rows.append(
            {
                "network": one["network"],
                "size": one["size"],
                "processor [s]": float(np.median(times["cpu"])) if "cpu" in times else "not run",
                "GPU [s]": float(np.median(times["cuda"])) if there else absent,
                "processor over GPU": over(times["cpu"], times["cuda"]) if len(times) == 2 else absent,
                "difference": "-" if one["difference"] is None else one["difference"],
            }
        )
    return rows


def devices_here() -> list[str]:
    """The processor, and the GPU where there is one."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def tables(quick: bool) -> dict[str, list[Row]]:
    """The comparison on this machine, or as it was measured on another."""
    elsewhere = os.environ.get("CMGAI_GPU_FIGURES")
    found = json.loads(Path(elsewhere).read_text()) if elsewhere else measured(devices_here(), quick)
    card, threads = found["gpu"] or "no GPU here", found["threads"]
    return {f"{card}, torch {found['torch']}, {threads} thread(s), load {found['load']:.1f}": table(found)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", action="append", choices=["cpu", "cuda"], help="all that are there by default")
    parser.add_argument("--quick", action="store_true", help="small trainings, once each")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="times that each is trained and timed")
    parser.add_argument("--threads", type=int, default=1, help="of the processor")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    given = parser.parse_args()
    given.out.write_text(
        json.dumps(measured(given.device or devices_here(), given.quick, given.repeats, given.threads), indent=1)
    )
