"""MarchCheckpoint and restart of explicit runs, on any number of ranks.

Nodal arrays are stored in the mesh file's order of nodes and point arrays in its order of cells, so a run may go on
with another number of ranks. The file is written beside its place, flushed to the disk and renamed: whenever a run is
killed, the file that stands there is a complete one.
"""

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.errors import InputError
from cmgai_fem.mechanics.explicit import ExplicitDynamics
from cmgai_fem.mechanics.plasticity import PointState
from cmgai_fem.states.labels import Array, IntArray
from cmgai_fem.writing import whole_file

SCALARS = ("time", "steps", "last_step", "stable_step", "outside_work", "initial_energy", "largest_drift")


class MarchCheckpoint:
    """Saves and restores one run. Collective over the run's communicator.

    Args:
        path: the file (.npz) of the run between two of the times that it is marched to; those times have files beside.
        run: the run; its mesh, metal and start are the caller's to make anew before a restart.
        about: what else tells this run from others.
    """

    def __init__(self, path: Path, run: ExplicitDynamics, about: str = "") -> None:
        self._path, self._run = path, run
        kinematics = run.kinematics
        domain, self._comm = kinematics.domain, run.comm
        self._cells = np.asarray(domain.topology.original_cell_index[: kinematics.cells], dtype=np.int64)
        self._owned = kinematics.space.dofmap.index_map.size_local
        local = np.empty(len(kinematics.nodes), dtype=np.int64)
        local[kinematics.space.dofmap.list.ravel()] = domain.geometry.dofmaps[0].ravel()
        self._nodes = np.asarray(domain.geometry.input_global_indices, dtype=np.int64)[local]
        self._start_energy = run.initial_energy
        self._key = " ".join(
            [
                *(f"{type(part.model).__name__} {part.model.metal}" for part in run.parts),
                f"courant={run.courant!r}",
                about,
            ]
        )
        self._saved_at = 0

    def save(self, path: Path) -> None:
        """Write the run as it stands between two steps (`after_check` of `ExplicitDynamics.advance`)."""
        run, g = self._run, self._run.kinematics.dimension
        nodal = {
            "displacement": run.displacement.array[: self._owned * g].reshape(-1, g),
            "velocity": run.velocity.reshape(-1, g),
        }
        arrays: dict[str, Any] = {name: getattr(run, name) for name in SCALARS}
        arrays["outside_work"] = self._comm.allreduce(run.outside_work)
        arrays |= {name: self._gather(self._nodes[: self._owned], values) for name, values in nodal.items()}
        for item in fields(PointState):
            arrays[f"state/{item.name}"] = self._gather(self._cells, self._by_cell(getattr(run.state, item.name)))
        arrays["totals"] = self._totals()
        if self._comm.rank == 0:
            arrays["key"] = np.array(self._key)
            _write(path, arrays)
        self._comm.Barrier()
        self._saved_at = run.steps

    def restore(self, path: Path, latest: float = np.inf) -> bool:
        """Set the run to what was saved.

        Args:
            path: the file.
            latest: latest time that is wanted [s].

        Returns:
            False if there is no such file, or one of a later time or an earlier one than the run has; the run is
            untouched then.

        Raises:
            InputError: the file belongs to another run, or cannot be read.
        """
        if not self._comm.bcast(path.exists() if self._comm.rank == 0 else None, root=0):
            return False
        totals = self._totals()
        saved = self._comm.bcast(self._read(path, totals) if self._comm.rank == 0 else None, root=0)
        if isinstance(saved, str):
            raise InputError(saved)
        run = self._run
        if not run.time < float(saved["time"]) <= latest:
            return False
        for name in SCALARS:
            setattr(run, name, int(saved[name]) if name == "steps" else float(saved[name]))
        if self._comm.rank:
            run.outside_work = 0.0
        self._saved_at = run.steps
        run.displacement.array[:] = saved["displacement"][self._nodes].ravel()
        run.velocity[:] = saved["velocity"][self._nodes[: self._owned]].ravel()
        if not len(self._cells):
            return True
        for item in fields(PointState):
            values, target = saved[f"state/{item.name}"][self._cells], getattr(run.state, item.name)
            rows = values.reshape(len(self._cells), -1, target.size // max(run.kinematics.full.points, 1))
            target[...] = rows.transpose(2, 1, 0).reshape(target.shape)
        return True

    def advance(self, time: float, every: int) -> None:
        """March the run to a time, or take what was saved of it; saves it there, and every so many steps before.

        Args:
            time: see `ExplicitDynamics.advance`.
            every: steps between two saves.
        """
        reached = self._path.with_stem(f"{self._path.stem}_at_{time:g}")
        if self.restore(reached):
            return

        def save() -> None:
            if self._run.steps - self._saved_at >= every:
                self.save(self._path)

        self.restore(self._path, time)
        self._run.advance(time, save)
        self.save(reached)

    def _by_cell(self, values: Array) -> Array:
        """Point values (m, q C) or (q C,) as rows of cells (C, q m)."""
        cells = len(self._cells)
        if not cells:
            return np.empty((0, 0))
        components = values.reshape(-1, self._run.kinematics.full.points // max(cells, 1), cells)
        return components.transpose(2, 1, 0).reshape(cells, -1)

    def _gather(self, index: IntArray, values: Array) -> Array | None:
        """Rows of all ranks in the order of `index`, on rank 0."""
        parts = self._comm.gather((index, values), root=0)
        if parts is None:
            return None
        count = 1 + max(int(rows.max(initial=-1)) for rows, _ in parts)
        width = max(block.shape[1] for _, block in parts)
        result = np.zeros((count, width))
        for rows, block in parts:
            if len(rows):
                result[rows] = block
        return result

    def _totals(self) -> Array:
        """Numbers that tell this mesh and start from others, the same on any number of ranks but for round-off."""
        run = self._run
        nodes = run.kinematics.nodes[: self._owned]
        local = np.array([run.kinematics.cells, self._owned, run.mass.sum(), *np.abs(nodes).sum(axis=0)], dtype=float)
        totals = np.empty_like(local)
        self._comm.Allreduce(local, totals)
        return np.append(totals, self._start_energy)

    def _read(self, path: Path, totals: Array) -> dict[str, Array] | str:
        """What the file holds, or what is wrong with it."""
        try:
            with np.load(path, allow_pickle=False) as data:
                saved = {name: data[name] for name in data.files}
        except (OSError, ValueError) as error:
            return f"{path}: no checkpoint that can be read ({error}): remove it to start anew"
        if str(saved.pop("key", "")) != self._key or not np.allclose(saved["totals"], totals, rtol=1e-9, atol=0.0):
            return f"{path}: the checkpoint belongs to another run (mesh, metal, conditions): remove it to start anew"
        return saved


def _write(path: Path, arrays: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
