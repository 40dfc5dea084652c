"""Checkpoints of a training: an interrupted one goes on where it was, to the same digits.

One .safetensors file holds the weights of the networks that are trained, the state of the optimiser of the one that is
being trained, and the history; its JSON header says which problem they belong to. The file is written beside its place
and renamed, so that the one that stands there is always complete.
"""

import hashlib
import json
import time
from pathlib import Path

import numpy as np

import cmgai_fem
from cmgai_fem.errors import InputError
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.problem import Problem
from cmgai_fem.writing import whole_file

SUFFIX = ".safetensors"
COLUMNS = ("step", "loss", "momentum_residual", "seconds")


class Checkpoint:
    """The checkpoint of one solve; without a path nothing is kept.

    Args:
        path: .safetensors file; None for no checkpoint.
        key: what tells this training from others, see `training_key`.
        every: least time between two writes [s].

    Attributes:
        rows: history rows of what was trained before.

    Raises:
        InputError: the file cannot be read, or belongs to another training.
    """

    def __init__(self, path: Path | None, key: str = "", every: float = 10.0) -> None:
        self._path, self._key, self._every = path, key, every
        self._finished: list[Array] = []
        self._current: dict[str, Array] = {}
        self._next, self._written = 0, time.perf_counter()
        self.rows: list[dict[str, float]] = []
        if path is not None and path.exists():
            self._read(path)

    @classmethod
    def of(
        cls, path: Path | None, problem: Problem, settings: TrainingSettings, seed: int, every: float
    ) -> "Checkpoint":
        """The checkpoint of the training of a problem; see `at`."""
        return cls(None) if path is None else cls.at(path, training_key(problem, settings, seed), every)

    @classmethod
    def at(cls, path: Path, key: str, every: float = 10.0) -> "Checkpoint":
        """The checkpoint of one training in a file, or in a folder in a file of its own."""
        return cls(path if path.suffix == SUFFIX else path / f"{key[:16]}{SUFFIX}", key, every)

    def take_finished(self) -> Array | None:
        """Weights of the next networks in order, if they were trained before."""
        self._next += 1
        return self._finished[self._next - 1] if self._next <= len(self._finished) else None

    def take_current(self) -> dict[str, Array]:
        """State of the training that was interrupted, once; empty if there is none."""
        current, self._current = self._current, {}
        return current

    def save(self, state: dict[str, Array], rows: list[dict[str, float]]) -> None:
        """Keep the state of the training that runs, if the last write is long enough ago."""
        if self._path is not None and time.perf_counter() - self._written >= self._every:
            self._write(self._path, state, rows)

    def finish(self, weights: Array, rows: list[dict[str, float]]) -> None:
        """Keep the weights of networks that are trained."""
        self._finished.append(weights)
        if self._path is not None:
            self._write(self._path, {}, rows)

    def _write(self, path: Path, state: dict[str, Array], rows: list[dict[str, float]]) -> None:
        from safetensors.numpy import save_file

        arrays = {f"finished/{index}": weights for index, weights in enumerate(self._finished)}
        arrays |= {f"current/{name}": value for name, value in state.items()}
        arrays["history"] = np.array([[row[column] for column in COLUMNS] for row in rows]).reshape(-1, len(COLUMNS))
        path.parent.mkdir(parents=True, exist_ok=True)
        packed = {name: np.array(value, dtype=np.float64, order="C") for name, value in arrays.items()}
        with whole_file(path) as temporary:
            save_file(packed, temporary, {"training": json.dumps({"key": self._key, "finished": len(self._finished)})})
        self._written = time.perf_counter()

    def _read(self, path: Path) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "np") as file:
                header = json.loads((file.metadata() or {})["training"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise InputError(f"{path}: no checkpoint of a training ({error}): remove it to start anew") from error
        if header["key"] != self._key:
            raise InputError(
                f"{path}: the checkpoint belongs to another training (states, statement, settings or seed differ): "
                "remove it, or name another file"
            )
        self._finished = [arrays[f"finished/{index}"] for index in range(header["finished"])]
        self._current = {name[8:]: value for name, value in arrays.items() if name.startswith("current/")}
        self.rows = [dict(zip(COLUMNS, map(float, row), strict=True)) for row in arrays["history"]]


def training_key(problem: Problem, settings: TrainingSettings | None, seed: int) -> str:
    """SHA-256 of everything that decides the digits of a training."""
    labels, known = problem.features.labels, problem.known_force
    line = len(problem.states.coordinates) == 1
    nodes, span = (problem.nodes, problem.span) if line else (problem.states.values, None)
    parts = [
        cmgai_fem.__version__,
        repr((problem.force, problem.law, problem.damping, span, settings, seed)),
        "" if known is None else f"{type(known).__module__}.{type(known).__qualname__} {vars(known)!r}",
    ]
    density = np.ones(1) if problem.density is None else problem.density
    arrays = (nodes, problem.softness, problem.carried.values, labels.points, labels.weights, density)
    digest = hashlib.sha256("\n".join(parts).encode())
    for array in (*arrays, *labels.cells.values()):
        digest.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
