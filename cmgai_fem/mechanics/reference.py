"""Reference models: the physics that a study generates states of, and the one way to solve them.

A reference model is a pydantic class whose fields are the `[reference]` table of a study file. It is solved in a
process of its own under `mpiexec` (`solve_reference`): the caller needs no MPI and a crash cannot take it along.
"""

import ctypes
import importlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from cmgai_fem.errors import CmgaiError, ConvergenceError, InputError
from cmgai_fem.machine import check_forms_compile
from cmgai_fem.metrics import plastic_strain_violation
from cmgai_fem.progress import Report, steps
from cmgai_fem.states.labels import Array
from cmgai_fem.states.states import Coordinate, Coordinates, States

if TYPE_CHECKING:
    from mpi4py import MPI

Admissibility = Callable[[float, Mapping[str, Array]], dict[str, float]]
Projection = Callable[[float, Mapping[str, Array]], dict[str, Array]]

# Reference models by kind, imported only when asked for.
MODELS: dict[str, str] = {
    "thermal-stress": "cmgai_fem.mechanics.thermal_stress:ThermalStress",
    "thermal-stress-plastic": "cmgai_fem.mechanics.thermal_stress_plastic:ThermalStressPlastic",
    "taylor-rod": "cmgai_fem.mechanics.taylor_rod:TaylorRod",
    "taylor-rod-time": "cmgai_fem.mechanics.taylor_rod:TaylorRodTime",
    "mechanics": "cmgai_fem.mechanics.mechanics_model:Mechanics",
}

PROGRESS = "progress: "
# Linux's prctl, and what it calls a signal at the death of the parent.
LIBC, SIGNAL_AT_DEATH = ctypes.CDLL(None), 1
STATES_FILE, SUMMARY_FILE, ERROR_FILE = "states.npz", "summary.json", "error.json"


class ReferenceModel(BaseModel, ABC):
    """Physics with one state coordinate; the fields of a subclass are its parameters (SI units, said in its docstring).

    Types are strict: a string is no number. Lists, not tuples, so that TOML and JSON give the same model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: ClassVar[str]

    @abstractmethod
    def solve(self, comm: "MPI.Comm", values: Sequence[float], report: Report) -> States | None:
        """Solve at every value of the state coordinate. Collective over `comm`.

        Args:
            comm: the communicator that shares the work.
            values: values of the state coordinate, strictly increasing.
            report: takes one line of progress; called on rank 0 alone.

        Returns:
            All states on rank 0, ordered as `values`, None on the other ranks. The order of labels must not depend on
            the number of ranks.

        Raises:
            InputError: a value or parameter that the model does not hold for; the text names it.
            ConvergenceError: a solve that did not converge; the text names the state.
        """

    @abstractmethod
    def admissibility(self) -> Admissibility:
        """Physical checks of a generated state; what is heavy is set up here, once.

        Returns:
            A function of a state value and the generated fields by name, each (L, n), that returns named figures
            (0 is perfect), e.g. {"equilibrium_residual": 0.01}.
        """

    def facts(self) -> dict[str, Any]:
        """What rank 0 knows of the last `solve` beside its states, as plain data."""
        return {}

    def projection(self) -> Projection:
        """The generated fields of one state, by name and each (L, n), moved to the nearest that the physics admits.

        Returns:
            A function of a state value and the generated fields; unless a model says more, it returns them as they are.
        """
        return lambda value, fields: dict(fields)


def model_class(kind: str, folder: Path = Path()) -> type[ReferenceModel]:
    """The class of reference models called `kind`.

    Args:
        kind: a key of `MODELS`, or "file.py:Class", a subclass of `ReferenceModel` in a file of the user's.
        folder: where such a file lies.

    Raises:
        InputError: there is none.
    """
    module, separator, name = MODELS.get(kind, kind).rpartition(":")
    if kind in MODELS:
        found: type[ReferenceModel] = getattr(importlib.import_module(module), name)
        return found
    if not separator or not module.endswith(".py"):
        raise InputError(f"no reference model {kind!r}; there are: {', '.join(MODELS)}, and file.py:Class of your own")
    path = folder / module
    if not path.is_file():
        raise InputError(f"kind {kind!r}: {path} is no file")
    spec = importlib.util.spec_from_file_location(f"reference_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    # Pydantic looks names of annotations up there.
    sys.modules[spec.name] = loaded
    try:
        spec.loader.exec_module(loaded)
    except Exception as error:
        raise InputError(f"kind {kind!r}: {path.name} cannot be imported: {type(error).__name__}: {error}") from error
    own = getattr(loaded, name, None)
    if not (isinstance(own, type) and issubclass(own, ReferenceModel)):
        raise InputError(f"kind {kind!r}: {path.name} has no subclass {name!r} of ReferenceModel")
    own.kind = f"{path.absolute()}:{name}"
    return own


def load_model(kind: str, parameters: Mapping[str, Any], folder: Path = Path()) -> ReferenceModel:
    """The reference model called `kind` with its parameters.

    Args:
        kind: a key of `MODELS`, or "file.py:Class".
        parameters: the model's parameters; those left out keep their defaults.
        folder: of the study's file: a model's or mesh's file beside it is found.

    Raises:
        InputError: unknown kind, unknown key or wrong type, in one line.
    """
    model = model_class(kind, folder)
    mesh = parameters.get("mesh")
    if isinstance(mesh, Mapping) and isinstance(mesh.get("file"), str) and (folder / mesh["file"]).is_file():
        parameters = {**parameters, "mesh": {**mesh, "file": str((folder / mesh["file"]).absolute())}}
    try:
        return model(**parameters)
    except ValidationError as error:
        named = kind if kind in MODELS else model.__name__
        raise InputError(f"reference {named!r}: {_one_line(error)}") from None


def solve_reference(
    model: ReferenceModel,
    coordinate: Coordinate,
    values: Sequence[float],
    ranks: int,
    workdir: Path,
    report: Report,
) -> tuple[States, dict[str, Any]]:
    """Solve a reference model at every state in a process of its own under `mpiexec -n ranks`.

    Args:
        model: the model.
        coordinate: name and unit of the state coordinate, given to the states.
        values: (K,) values of the state coordinate, strictly increasing.
        ranks: number of MPI processes.
        workdir: folder for the request, the result and the log; made if it is not there.
        report: takes the progress lines of the solve.

    Returns:
        The states, and what is known of the run: seconds, peak_memory_mb (sum over ranks), ranks, versions, and the
        model's own facts.

    Raises:
        InputError: the model refused a value or parameter, or there is no `mpiexec`.
        ConvergenceError: a state did not converge.
        CmgaiError: the process ended in another way; the text names its log.
    """
    if ranks < 1:
        raise InputError(f"{ranks} ranks: ask for one or more")
    check_forms_compile()
    workdir.mkdir(parents=True, exist_ok=True)
    for name in (STATES_FILE, SUMMARY_FILE, ERROR_FILE):
        (workdir / name).unlink(missing_ok=True)
    request = workdir / "request.json"
    request.write_text(
        json.dumps(
            {"kind": model.kind, "parameters": model.model_dump(mode="json"), "values": [float(v) for v in values]},
            indent=1,
        )
    )
    command = [find_mpiexec(), "-n", str(ranks), sys.executable, "-m", "cmgai_fem.mechanics.reference_process"]
    log = workdir / "solve.log"
    code = _run([*command, str(request.absolute())], len(values), log, report)
    if (workdir / ERROR_FILE).exists():
        error = json.loads((workdir / ERROR_FILE).read_text())
        kinds = {"InputError": InputError, "ConvergenceError": ConvergenceError}
        raise kinds.get(error["type"], CmgaiError)(error["message"])
    if code != 0 or not (workdir / SUMMARY_FILE).exists():
        raise CmgaiError(f"the reference solve ended with exit code {code}; what it said is in {log}")
    states = replace(States.load(workdir / STATES_FILE), coordinates=Coordinates((coordinate,)))
    return states, json.loads((workdir / SUMMARY_FILE).read_text())


def check_values(values: Sequence[float], name: str) -> None:
    """Refuse states that are not finite or do not increase; `name` is the coordinate's name with its unit."""
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) == 0 or not np.all(np.isfinite(array)):
        raise InputError(f"{name}: give one or more finite values, not {list(values)}")
    if not np.all(np.diff(array) > 0.0):
        raise InputError(f"{name}: states must increase, not {list(values)}")


def plastic_strain_check(value: float, fields: Mapping[str, Array]) -> dict[str, float]:
    """An `Admissibility`: largest negative plastic strain and largest decrease of its history; both 0 at best."""
    figures = {}
    for name in ("equivalent_plastic_strain", "equivalent_plastic_strain_history"):
        if name in fields:
            violation = plastic_strain_violation(fields[name].T)
            figures[f"negative_{name}"] = violation.most_negative
            if fields[name].shape[1] > 1:
                figures[f"decreasing_{name}"] = violation.largest_decrease
    return figures


def find_mpiexec() -> str:
    """The `mpiexec` of this environment (another MPI's would start unconnected processes), else the one on PATH."""
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        raise InputError("no mpiexec beside this Python or on PATH: install the MPI that mpi4py was built for")
    return found


def _run(command: Sequence[str], states: int, log: Path, report: Report) -> int:
    """Run the solve, pass its progress lines on, keep the rest in `log`, leave no process behind."""
    # A launcher's own variables would make mpiexec believe that it is a rank of the caller's job.
    launcher = ("PMI_", "PMIX_", "HYDI_", "HYDRA_", "OMPI_COMM_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(launcher)}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stream, text=True, env=environment, start_new_session=True,
            preexec_fn=_end_with_parent,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            for line in steps(_told(process.stdout, stream), "reference states", states):
                report(line)
            return process.wait()
        finally:
            _end(process)
            process.stdout.close()


def _told(lines: Iterable[str], log: TextIO) -> Iterator[str]:
    """What the lines say of progress; the others are kept in the log."""
    for line in lines:
        if line.startswith(PROGRESS):
            yield line.removeprefix(PROGRESS).rstrip()
        else:
            log.write(line)


def _end_with_parent() -> None:
    """Have the launcher told to end when this program is killed: ranks without it would go on for nobody."""
    if sys.platform == "linux":
        LIBC.prctl(SIGNAL_AT_DEATH, signal.SIGTERM)


def _end(process: "subprocess.Popen[str]") -> None:
    """End the launcher and, through it, its ranks."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=5.0)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _one_line(error: ValidationError) -> str:
    parts = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            parts.append(f"unknown key {key!r}")
        else:
            message = item["msg"].removeprefix("Value error, ").rstrip(".")
            parts.append(f"{key} = {item['input']!r}: {message}" if key else message)
    return "; ".join(parts)
