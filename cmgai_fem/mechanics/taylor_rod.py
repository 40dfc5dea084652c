"""The Taylor rod: a metal cylinder that strikes a rigid wall end on, at several velocities or watched at several times.

In 2-D a run is short and is solved by one rank, so that ranks share the states; in 3-D all ranks share each run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from mpi4py import MPI
from pydantic import Field as Key
from pydantic import model_validator

from cmgai_fem.errors import ConvergenceError, InputError
from cmgai_fem.mechanics.body import Body
from cmgai_fem.mechanics.checkpoint import MarchCheckpoint
from cmgai_fem.mechanics.explicit import ExplicitDynamics, RigidWall, Support
from cmgai_fem.mechanics.explicit_conditions import Marker
from cmgai_fem.mechanics.finite_strain import FiniteStrainJ2
from cmgai_fem.mechanics.kinematics import Kinematics
from cmgai_fem.mechanics.materials import RodMaterial
from cmgai_fem.mechanics.meshing import MeshParameters, NodeGather
from cmgai_fem.mechanics.reference import Admissibility, ReferenceModel, Report, check_values
from cmgai_fem.metrics import plastic_strain_violation
from cmgai_fem.states.labels import Array, Labels
from cmgai_fem.states.states import SYMMETRIC_TENSOR, Coordinate, Field, States

Snapshot = dict[str, Array]
MICROSECOND = 1e-6
SHIPPED_MESHES = {"taylor_rod.geo": 2, "taylor_rod_3d.geo": 3}
DISPLACEMENT = ("x", "y", "z")


class RodModel(ReferenceModel):
    """What both studies of the rod share.

    Args:
        mesh: `taylor_rod.geo` (axisymmetric, x the radius, y along the rod) or `taylor_rod_3d.geo` (a quarter of the
            rod, z along it), with their parameters, or a file alike.
        dimension: 2 or 3, as the mesh file is.
        material: the metal.
        courant: share of the stable time step that is used.
        allowed_drift: largest drift of the energy balance, a share of the initial kinetic energy.
        checkpoint_folder: where unfinished runs are kept, so that a killed solve goes on from there; "" keeps none.
        checkpoint_steps: time steps between two checkpoints.
    """

    mesh: MeshParameters = MeshParameters(file="taylor_rod.geo")
    dimension: Literal[2, 3] = 2
    material: RodMaterial = RodMaterial()
    courant: float = Key(default=0.9, gt=0.0, le=1.0)
    allowed_drift: float = Key(default=0.02, gt=0.0)
    checkpoint_folder: str = ""
    checkpoint_steps: int = Key(default=1000, ge=1)

    @model_validator(mode="after")
    def _mesh_has_the_dimension(self) -> Self:
        needed = SHIPPED_MESHES.get(Path(self.mesh.file).name, self.dimension)
        if needed != self.dimension:
            raise ValueError(f"mesh {self.mesh.file!r} is for dimension = {needed}, not {self.dimension}")
        return self

    def admissibility(self) -> Admissibility:
        """Largest negative plastic strain, and largest decrease of its history where there is one; both 0 at best."""

        def check(value: float, fields: Mapping[str, Array]) -> dict[str, float]:
            figures = {}
            for name in ("equivalent_plastic_strain", "equivalent_plastic_strain_history"):
                if name in fields:
                    violation = plastic_strain_violation(fields[name].T)
                    figures[f"negative_{name}"] = violation.most_negative
                    if fields[name].shape[1] > 1:
                        figures[f"decreasing_{name}"] = violation.largest_decrease
            return figures

        return check

    def start(self, body: Body, velocity: float) -> ExplicitDynamics:
        """The rod at the moment of impact.

        Args:
            body: the meshed rod.
            velocity: impact velocity [m/s].
        """
        kinematics = Kinematics(body.mesh, axisymmetric=self.dimension == 2)
        axis = self.dimension - 1
        # Symmetry planes (the axis in 2-D) are where a transverse coordinate is zero.
        supports = [Support(i, _on_plane(i)) for i in range(axis)]
        return ExplicitDynamics(
            kinematics,
            FiniteStrainJ2(self.material.build(), kinematics.layout),
            velocity=[0.0] * axis + [-velocity],
            supports=supports,
            walls=RigidWall(axis),
            courant=self.courant,
            allowed_drift=self.allowed_drift,
        )

    def record(self, run: ExplicitDynamics, gather: NodeGather, scalar: NodeGather) -> Snapshot:
        """Plastic strain, temperature, stress and displacement now, each (N, n) on rank 0; empty on other ranks."""
        state, full, centre = run.synchronised()
        kinematics = run.kinematics
        centres = np.tile(centre, (1, kinematics.full.points // max(kinematics.cells, 1)))
        stress = run.parts[0].model.cauchy_stress(full, centres, state)
        points = {
            "equivalent_plastic_strain": [state.plastic_strain],
            "temperature": [run.parts[0].model.metal.temperature(state.plastic_work)],
            "stress": list(stress),
        }
        columns = {name: [scalar(kinematics.recover(row)) for row in rows] for name, rows in points.items()}
        columns["displacement"] = [gather(run.displacement.array)]
        if run.comm.rank:
            return {}
        return {name: np.hstack([part for part in parts if part is not None]) for name, parts in columns.items()}

    def march(
        self, comm: MPI.Comm, velocity: float, times: Sequence[float]
    ) -> tuple[list[Snapshot] | None, Labels | None, ExplicitDynamics]:
        """Run one impact and record it at each of the increasing `times` [s]. Collective.

        Raises:
            ConvergenceError: the run broke down; the text names velocity and time.
        """
        body = self.mesh.read(comm, self.dimension)
        run = self.start(body, velocity)
        gather, scalar = NodeGather(run.kinematics.space), NodeGather(run.kinematics.space.sub(0).collapse()[0])
        checkpoint = MarchCheckpoint(Path(self.checkpoint_folder) / f"impact_{velocity:g}.npz", run)
        keeping = bool(self.checkpoint_folder)
        snapshots = _restore_snapshots(checkpoint) if keeping else []
        for index, time in enumerate(times[len(snapshots) :], start=len(snapshots)):
            try:
                run.advance(time, checkpoint.saver(self.checkpoint_steps) if keeping else None)
            except ConvergenceError as error:
                raise ConvergenceError(f"impact velocity = {velocity:g} m/s, {run.time:.4g} s: {error}") from None
            snapshot = self.record(run, gather, scalar)
            snapshots.append(snapshot)
            checkpoint.extra |= {f"{index}/{name}": values for name, values in snapshot.items()}
        if keeping:
            checkpoint.save()
        volumes = scalar(run.kinematics.nodal_volumes)
        if volumes is None or body.labels is None:
            return None, None, run
        return snapshots, replace(body.labels, weights=volumes[:, 0]), run

    def fields(self, snapshots: Sequence[Snapshot]) -> dict[str, Field]:
        """Fields of a `States`, a state a snapshot."""
        stacked = {name: np.stack([snapshot[name] for snapshot in snapshots]) for name in snapshots[0]}
        return {
            "equivalent_plastic_strain": Field(stacked["equivalent_plastic_strain"], "", ("",)),
            "temperature": Field(stacked["temperature"], "K", ("",)),
            "stress": Field(stacked["stress"], "Pa", SYMMETRIC_TENSOR),
            "displacement": Field(stacked["displacement"], "m", DISPLACEMENT[: self.dimension]),
        }


class TaylorRod(RodModel):
    """The rod after impact at several velocities [m/s]: the state coordinate is the impact velocity.

    Fields at the mesh nodes at the end: equivalent_plastic_strain, temperature [K], stress [Pa] (xx radial, yy axial,
    zz hoop in 2-D), displacement [m]; and equivalent_plastic_strain_history, a component a time.

    Args:
        end_time: duration of each run [s].
        history_times: times of the history [s], increasing, none after `end_time`.
    """

    kind: ClassVar[str] = "taylor-rod"
    end_time: float = Key(default=80e-6, gt=0.0)
    history_times: list[float] = Key(default=[16e-6, 32e-6, 48e-6, 64e-6, 80e-6], min_length=1)

    def solve(self, comm: MPI.Comm, values: Sequence[float], report: Report) -> States | None:
        """See `ReferenceModel.solve`; `values` are impact velocities [m/s]."""
        check_values(values, "impact velocity [m/s]")
        if values[0] <= 0.0:
            raise InputError(f"impact velocity = {values[0]:g} m/s: must be above zero")
        check_values(self.history_times, "history_times [s]")
        if self.history_times[0] <= 0.0 or self.history_times[-1] > self.end_time:
            raise InputError(f"history_times must lie above 0 and not after end_time = {self.end_time:g} s")
        shared = self.dimension == 3
        mine = range(len(values)) if shared else _share(len(values), comm)
        group = comm.Split(0 if shared else comm.rank, comm.rank)
        done, labels = [], None
        for index in mine:
            velocity = float(values[index])
            snapshots, labels, run = self.march(group, velocity, self._times())
            if comm.rank == 0:
                report(f"impact at {velocity:g} m/s: {run.steps} steps, energy drift {run.largest_drift:.2%}")
            if snapshots is not None:
                done.append((index, self._with_history(snapshots)))
        group.Free()
        gathered = comm.gather(done, root=0)
        if gathered is None or labels is None:
            return None
        ordered = [snapshot for _, snapshot in sorted((item for part in gathered for item in part), key=_index)]
        history = Field(
            np.stack([snapshot["history"] for snapshot in ordered]),
            "",
            tuple(f"t={time / MICROSECOND:g}us" for time in self.history_times),
        )
        fields = self.fields(ordered) | {"equivalent_plastic_strain_history": history}
        return States.of(labels, Coordinate("velocity", "m/s"), np.asarray(values, dtype=float), fields)

    def _times(self) -> list[float]:
        return sorted({*self.history_times, self.end_time})

    def _with_history(self, snapshots: Sequence[Snapshot]) -> Snapshot:
        rows = [self._times().index(time) for time in self.history_times]
        history = np.hstack([snapshots[row]["equivalent_plastic_strain"] for row in rows])
        return snapshots[-1] | {"history": history}


class TaylorRodTime(RodModel):
    """One impact watched in time: the state coordinate is the time since impact in microseconds.

    Fields at the mesh nodes: equivalent_plastic_strain, temperature [K], stress [Pa], displacement [m].

    Args:
        impact_velocity: [m/s].
    """

    kind: ClassVar[str] = "taylor-rod-time"
    impact_velocity: float = Key(default=227.0, gt=0.0)

    def solve(self, comm: MPI.Comm, values: Sequence[float], report: Report) -> States | None:
        """See `ReferenceModel.solve`; `values` are times since impact [microseconds]."""
        check_values(values, "time [us]")
        if values[0] <= 0.0:
            raise InputError(f"time = {values[0]:g} us: must be after the impact, above zero")
        shared = self.dimension == 3
        group = comm.Split(0 if shared or comm.rank == 0 else MPI.UNDEFINED, comm.rank)
        if group == MPI.COMM_NULL:
            return None
        snapshots, labels, run = self.march(group, self.impact_velocity, [float(v) * MICROSECOND for v in values])
        group.Free()
        if snapshots is None or labels is None:
            return None
        report(f"impact at {self.impact_velocity:g} m/s: {run.steps} steps, energy drift {run.largest_drift:.2%}")
        coordinate = Coordinate("time", "us")
        return States.of(labels, coordinate, np.asarray(values, dtype=float), self.fields(snapshots))


def _restore_snapshots(checkpoint: MarchCheckpoint) -> list[Snapshot]:
    """Set the run to its checkpoint if there is one, and give the snapshots that were taken before it."""
    checkpoint.restore()
    snapshots: list[Snapshot] = []
    for key, values in checkpoint.extra.items():
        index, name = key.split("/")
        snapshots += [{} for _ in range(int(index) + 1 - len(snapshots))]
        snapshots[int(index)][name] = values
    return snapshots


def _share(count: int, comm: MPI.Comm) -> list[int]:
    """This rank's states, the fastest impacts first, which take most steps; dealt out to and fro, to be fair."""
    lanes = [*range(comm.size), *reversed(range(comm.size))]
    return [count - 1 - turn for turn in range(count) if lanes[turn % len(lanes)] == comm.rank]


def _on_plane(component: int) -> Marker:
    return lambda points: np.abs(points[:, component]) < 1e-9


def _index(item: tuple[int, Snapshot]) -> int:
    return item[0]
