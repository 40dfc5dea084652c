"""Fit and predict beside reduced-order and surrogate packages, against the number of labels and of known states."""

import importlib.util
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.interpolate import RBFInterpolator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from timing import REPEATS, Row, growth

from cmgai_fem.generate import generate
from cmgai_fem.metrics import nrmse
from cmgai_fem.solve import solve
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Least
from cmgai_fem.transport.problem import Problem

TITLE = "Fit and predict"
NOTE = """Seconds to fit the known states and predict one state between them: a smooth front, scalar, at points.
`cmgai-fem` chooses the transport by states left out and gives an error estimate besides, up to 20,000 labels with
weights of each label's own, above by a sample; `cmgai-fem, least(1)` is one transport without a choice, as the others
are one method each. The exponent is that of seconds against the size, fitted over the upper half of a method's sizes.
Memory is the peak of numpy's arrays beyond the known states (torch's are not seen). A method's column ends where the
next size would take more than 15 s, by its own growth so far. The NRMSE is in % of the range at its largest size."""
LABELS, STATES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000), (3, 5, 10, 30, 100)
# Seconds that one turn may take, by what the sizes before tell; and up to which several turns are taken.
LONGEST, BRIEF = 15.0, 0.5
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


OURS = ("cmgai-fem", "cmgai-fem, least(1)")
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


@dataclass
class Column:
    """What one method took, size by size, until it ends; `ends` says where and why."""

    ends: str = ""
    seconds: dict[int, list[float]] = field(default_factory=dict)
    memory: dict[int, float] = field(default_factory=dict)
    error: float = np.nan

    @property
    def medians(self) -> dict[int, float]:
        """Seconds by size."""
        return {size: float(np.median(spent)) for size, spent in self.seconds.items()}

    def foretold(self, size: int) -> float:
        """Seconds at the next size, by the growth over the last two, at least in proportion."""
        if not self.seconds:
            return 0.0
        sizes, seconds = list(self.medians), list(self.medians.values())
        rate = growth(sizes[-2:], seconds[-2:]) if len(sizes) > 1 else 1.0
        return float(seconds[-1] * (size / sizes[-1]) ** max(rate, 1.0))

    def trace(self, size: int, work: Callable[[], np.ndarray], truth: np.ndarray) -> None:
        """The first use at a size, which is not timed: peak memory [MiB] and error [%]."""
        if not self.memory:
            # Memory of what is imported is not counted.
            work()
        tracemalloc.start()
        found = work()
        self.memory[size] = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        self.error = float(100.0 * nrmse(found, truth))

    def time(self, size: int, work: Callable[[], np.ndarray]) -> None:
        """One turn."""
        start = time.perf_counter()
        work()
        self.seconds.setdefault(size, []).append(time.perf_counter() - start)

    def row(self, name: str, ours: "Column") -> Row:
        """The seconds as a row of the table."""
        medians, own = self.medians, ours.medians
        found: Row = {"method": name} | {f"{size:,}": spent for size, spent in medians.items()}
        upper = list(medians)[len(medians) // 2 :] if len(medians) > 2 else list(medians)
        if len(upper) > 1:
            found["exponent"] = growth(upper, [medians[size] for size in upper])
        if medians:
            last = max(medians)
            found |= {"over ours, largest": medians[last] / own[last], "NRMSE %, largest": self.error}
        return found | ({"its column ends": self.ends} if self.ends else {})


def sweep(
    sizes: tuple[int, ...], of: Callable[[int], tuple[np.ndarray, np.ndarray]], repeats: int
) -> tuple[list[Row], list[Row]]:
    """Seconds and peak memory: a row a method, a column a size."""
    columns = {name: Column() for name in METHODS}
    for name, (package, _) in METHODS.items():
        if package and importlib.util.find_spec(package) is None:
            columns[name].ends = f"absent: pip install {package}"
    for size in sizes:
        states, fields = of(size)
        truth = snapshots(fields.shape[1], np.array([ASKED]))[0]
        for name, column in columns.items():
            # Ours changes its way with the size, so that its seconds foretell nothing.
            if name not in OURS and not column.ends and (seconds := column.foretold(size)) > LONGEST:
                column.ends = f"{size:,} would take about {seconds:.0f} s"
        ways = {name: partial(METHODS[name][1], states, fields) for name, each in columns.items() if not each.ends}
        for name, work in ways.items():
            columns[name].trace(size, work, truth)
        for turn in range(repeats):
            for name, work in ways.items():
                if turn == 0 or columns[name].seconds[size][0] < BRIEF:
                    columns[name].time(size, work)
    memory: list[Row] = [
        {"method": name} | {f"{size:,}": highest for size, highest in column.memory.items()}
        for name, column in columns.items()
        if column.memory
    ]
    return [column.row(name, columns["cmgai-fem"]) for name, column in columns.items()], memory


def tables(quick: bool) -> dict[str, list[Row]]:
    """The comparison."""
    labels, states, repeats = ((300, 1_000), (3, 5), 1) if quick else (LABELS, STATES, REPEATS)
    five, many = np.linspace(0.0, 1.0, 5), labels[0] if quick else 10_000
    over_labels = sweep(labels, lambda size: (five, snapshots(size, five)), repeats)
    over_states = sweep(states, lambda size: sized(many, np.linspace(0.0, 1.0, size)), repeats)
    return {
        "Seconds against the number of labels, five known states": over_labels[0],
        "Peak memory [MiB] against the number of labels, five known states": over_labels[1],
        f"Seconds against the number of known states, {many:,} labels": over_states[0],
        f"Peak memory [MiB] against the number of known states, {many:,} labels": over_states[1],
    }


def sized(labels: int, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of the states, and their fields."""
    return states, snapshots(labels, states)
