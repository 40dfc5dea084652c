"""Fit and predict beside reduced-order and surrogate packages, against the number of labels and of known states."""

import importlib.util
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.interpolate import RBFInterpolator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from timing import REPEATS, Row, alternate, growth, over

from cmgai_fem.generate import generate
from cmgai_fem.metrics import nrmse
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem

TITLE = "Fit and predict"
NOTE = """Seconds to fit the known states and predict one state between them: a smooth front, scalar, at points.
`cmgai-fem` chooses the transport by states left out and gives an error estimate besides; `cmgai-fem, least(1)` is one
transport without a choice, as the others are one method each. The exponent is that of seconds against the size,
fitted over the upper half of the sizes; memory is the peak of numpy's arrays beyond the known states (torch's are not
seen). The NRMSE is in % of the range at the largest size."""
LABELS, STATES = (1_000, 10_000, 100_000), (3, 5, 10, 30, 100)
# By --large, once each.
LARGE = (1_000_000, 10_000_000)
# Seconds of one turn from which a method is not taken to the next size.
PATIENCE = 5.0
ASKED = 0.437
Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]


def snapshots(labels: int, states: np.ndarray) -> np.ndarray:
    """(K, L) fields."""
    x = np.linspace(0.0, 1.0, labels)
    return np.array([(1.0 + s) * np.tanh((x - 0.3 - 0.3 * s) / 0.2) + np.sin(2.0 * x + s) * s**2 for s in states])


def as_states(states: np.ndarray, fields: np.ndarray) -> States:
    """The same for this package."""
    labels = labels_on_points(np.linspace(0.0, 1.0, fields.shape[1])[:, None])
    return States.of(labels, Coordinate("s"), states, {"u": Field(fields[:, :, None], "", ("",))})


def calibrated(states: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Ours, as a user gets it: the field, and its error estimate."""
    generated = generate(as_states(states, fields), ASKED)
    generated.error(ASKED)
    return generated.at(ASKED)[:, 0]


def one_transport(states: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """Ours, one force and no choice."""
    return solve(Problem(as_states(states, fields), force=Least(1))).at(ASKED)[:, 0]


def ezyrb_pod(kind: str, states: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """EZyRB's proper orthogonal decomposition and a regression."""
    import ezyrb

    model = ezyrb.ReducedOrderModel(
        ezyrb.Database(states[:, None], fields), ezyrb.POD("svd", rank=len(states) - 1), getattr(ezyrb, kind)()
    )
    found = model.fit().predict(np.array([[ASKED]]))
    return np.asarray(getattr(found, "snapshots_matrix", found)).ravel()


def scipy_rbf(states: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """scipy's radial basis functions."""
    return RBFInterpolator(states[:, None], fields)(np.array([[ASKED]]))[0]


def smt_rbf(states: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """SMT's radial basis functions."""
    from smt import surrogate_models

    model = surrogate_models.RBF(d0=0.5, print_global=False)
    model.set_training_values(states[:, None], fields)
    model.train()
    return model.predict_values(np.array([[ASKED]]))[0]


def pydmd(states: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """PyDMD's exact decomposition, read between the snapshots."""
    from pydmd import DMD

    model = DMD(svd_rank=-1).fit(fields.T)
    steps = (ASKED - states[0]) / (states[1] - states[0])
    return np.real(model.modes @ (model.amplitudes * model.eigs**steps))


def gaussian_process(states: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """scikit-learn's Gaussian process of all labels at once."""
    process = GaussianProcessRegressor(ConstantKernel() * RBF(), normalize_y=True).fit(states[:, None], fields)
    return process.predict(np.array([[ASKED]]))[0]


METHODS: dict[str, tuple[str, Predict]] = {
    "cmgai-fem": ("", calibrated),
    "cmgai-fem, least(1)": ("", one_transport),
    "EZyRB POD-RBF": ("ezyrb", partial(ezyrb_pod, "RBF")),
    "EZyRB POD-GPR": ("ezyrb", partial(ezyrb_pod, "GPR")),
    "scipy RBFInterpolator": ("", scipy_rbf),
    "SMT RBF": ("smt", smt_rbf),
    "PyDMD": ("pydmd", pydmd),
    "scikit-learn GPR": ("", gaussian_process),
}


def peak(work: Callable[[], object]) -> float:
    """Peak memory of the work [MiB]."""
    tracemalloc.start()
    work()
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return highest / 2**20


def sweep(sizes: tuple[int, ...], of: Callable[[int], tuple[np.ndarray, np.ndarray]], repeats: int) -> list[Row]:
    """A row a method, a column a size."""
    there = {
        name: work for name, (package, work) in METHODS.items() if not package or importlib.util.find_spec(package)
    }
    rows: dict[str, Row] = {name: {"method": name} for name in METHODS}
    for size in sizes:
        states, fields = of(size)
        turns = 1 if size in LARGE else repeats
        times = alternate({name: partial(work, states, fields) for name, work in there.items()}, turns)
        for name, seconds in times.items():
            rows[name][f"{size:,}"] = float(np.median(seconds))
            # Larger sizes would take the rest of the day.
            if rows[name][f"{size:,}"] > PATIENCE and size != sizes[-1] and name != "cmgai-fem":
                del there[name]
                rows[name]["over ours"] = f"{over(seconds, times['cmgai-fem'])} at {size:,}; given up there"
    truth = snapshots(fields.shape[1], np.array([ASKED]))[0]
    upper = sizes[len(sizes) // 2 :] if len(sizes) > 2 else sizes
    for name, work in there.items():
        found = work(states, fields)
        rows[name] |= {
            "exponent": growth([float(size) for size in upper], [rows[name][f"{size:,}"] for size in upper]),
            "peak MiB": peak(partial(work, states, fields)),
            "over ours": over(times[name], times["cmgai-fem"]),
            "NRMSE %": float(100.0 * nrmse(found, truth)),
        }
    for name, (package, _) in METHODS.items():
        if name not in there and "over ours" not in rows[name]:
            rows[name]["over ours"] = f"absent: pip install {package}"
    return list(rows.values())


def tables(quick: bool) -> dict[str, list[Row]]:
    """The comparison."""
    labels, states, repeats = ((300, 1_000), (3, 5), 1) if quick else (LABELS, STATES, REPEATS)
    five, many = np.linspace(0.0, 1.0, 5), labels[0] if quick else 10_000
    return {
        "Seconds against the number of labels, five known states": sweep(
            labels, lambda size: (five, snapshots(size, five)), repeats
        ),
        f"Seconds against the number of known states, {many:,} labels": sweep(
            states, lambda size: (np.linspace(0.0, 1.0, size), snapshots(many, np.linspace(0.0, 1.0, size))), repeats
        ),
    }
