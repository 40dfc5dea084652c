"""Synthetic results folders: what a study writes, on meshes small enough for a test."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pyvista
from numpy.typing import ArrayLike, NDArray

from cmgai_fem.calibration.blend import Blend, data_of
from cmgai_fem.calibration.calibrate import Calibration
from cmgai_fem.calibration.candidates import Candidate
from cmgai_fem.calibration.rule import RuleOfChoice
from cmgai_fem.generate import Networks
from cmgai_fem.generated import Generated, Generator
from cmgai_fem.rivals import RIVALS
from cmgai_fem.rivals.rivalry import Rivalry
from cmgai_fem.states.labels import Labels, labels_on_mesh
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.study import fields as pipeline
from cmgai_fem.study.field_file import FieldStudy
from cmgai_fem.study.generation import Generation
from cmgai_fem.study.run import Options, run_study
from cmgai_fem.transport.laws import Membrane, NoLaw
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Answer

KNOWN = [100.0, 250.0, 400.0, 550.0, 700.0]
HELD_OUT = {"interpolation": [175.0, 325.0, 475.0, 625.0], "extrapolation": [50.0, 775.0]}
STUDY = """
name = "beam"
title = "Thermal stress in a <cantilever> & its hole"
description = "A steel cantilever, heated on one face; generated at six temperatures from five."
kind = "thermal-stress"
deformed = {deformed}

[coordinate]
name = "temperature"
unit = "degC"

[states]
known = {known}
interpolation = {interpolation}
extrapolation = {extrapolation}

[pinn]
seed = 3

[fields.von_mises]
[fields.temperature]
[fields.displacement]

[[tolerances]]
name = "fem interpolation"
methods = ["fem"]
fields = ["temperature"]
nrmse = 0.05

[[tolerances]]
name = "PINN against <all fields>"
methods = ["pinn"]
against = "fem"
nrmse = 1e-12
"""


def labels(kind: str, size: int = 8, location: str = "point") -> Labels:
    """A bar, a plate of triangles or a beam of tetrahedra."""
    if kind == "line":
        points = np.linspace(0.0, 0.2, 4 * size + 1)[:, None]
        return labels_on_mesh(
            points, {"line": np.stack([np.arange(4 * size), np.arange(1, 4 * size + 1)], 1)}, location
        )
    counts = (2 * size + 1, size // 2 + 1, size // 4 + 1 if kind == "tetra" else 1)
    grid = pyvista.ImageData(dimensions=counts, spacing=(0.1 / size, 0.08 / size, 0.08 / size))
    if kind == "triangle":
        surface = grid.extract_surface(algorithm="dataset_surface").triangulate()
        return labels_on_mesh(np.asarray(surface.points[:, :2]), {"triangle": surface.regular_faces}, location)
    solid = grid.to_tetrahedra()
    return labels_on_mesh(np.asarray(solid.points), {"tetra": solid.cells_dict[10]}, location)


def truth(on: Labels, values: Sequence[float]) -> States:
    """Reference states: smooth in the temperature, with a stress concentration."""
    if on.location == "point":
        points = on.points
    else:
        points = np.vstack([on.points[block].mean(axis=1) for block in on.cells.values()])
    s = np.array(values)[:, None, None] / 700.0
    x = points[None, :, :1] / 0.2
    peak = np.exp(-40.0 * (x - 0.3) ** 2)
    stress = 1e6 * (120.0 * s**1.2 * (1.0 - x) + 80.0 * s**2 * peak + 10.0 * np.sin(4.0 * x + s) + 15.0)
    shift = 5e-3 * s * x**2 * np.array([0.0, 0.0, -1.0])[-points.shape[1] :]
    fields = {
        "von_mises": Field(stress, "Pa", ("",)),
        "temperature": Field(temperatures(s, x), "degC", ("",)),
        "displacement": Field(shift, "m", ("x", "y", "z")[: points.shape[1]]),
    }
    return States(on, Coordinate("temperature", "degC"), np.array(values), fields)


def temperatures(s: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Temperature [degC]."""
    return 20.0 + 700.0 * s**1.1 * (1.0 - 0.6 * x) ** (1.0 + s)


def generated(known: States, method: str, targets: np.ndarray) -> States:
    """What a method generates; ours stand in as the polynomial with a little error."""
    rival = RIVALS[{"fem": "polynomial", "pinn": "polynomial"}.get(method, method)]
    fields = {}
    for name, field in known.fields.items():
        flat = field.values.reshape(len(known), -1)
        found = rival.fit(known.values, flat)(targets)
        if method == "pinn":
            found = found + 1e-6 * np.ptp(flat) * np.sin(np.arange(found.shape[1]))
        fields[name] = Field(found.reshape(len(targets), *field.values.shape[1:]), field.unit, field.components)
    return States(known.labels, known.coordinates, targets, fields)


class AnyBody:
    """A reference model that holds for any labels: its physics admits everything."""

    def projection(self) -> Any:
        """See `ReferenceModel`."""
        return lambda value, fields: dict(fields)

    def admissibility(self) -> Any:
        """See `ReferenceModel`."""
        return lambda value, fields: {"equilibrium_residual": 1e-5 * value}


def chosen(problem: Problem, order: int = 3) -> Calibration:
    """A calibration that tried five orders by three laws."""
    laws = (NoLaw(), Membrane(1e-4), Membrane(1e-3))
    table = {
        Candidate(p, law=law): 10.0 ** (-2 - p) + law.stiffness for p in range(-1, 4) for law in laws
    }  # fmt: skip
    tried = tuple(sorted(table.items(), key=lambda item: item[1]))
    left = ((250.0,), (400.0,), (550.0,))
    blend = Blend(RuleOfChoice.of(data_of(problem)), (0,), True)
    return Calibration((Candidate(order),), (1.0,), tried[0][1], tried, (1, 2, 3), left, blend)


@dataclass(frozen=True)
class FirstState(Answer):
    """The first known state, whatever is asked for, without an estimate."""

    members: tuple[Any, ...]
    field: NDArray[np.float64]

    def at(self, value: ArrayLike) -> NDArray[np.float64]:
        return self.field


def generation_of(known: States, study: FieldStudy, networks: Networks, report: object) -> Generation:
    """Stands in for `generate_fields`: the polynomial for both transports, and the linear rival."""
    targets = np.array(study.points)
    states = {method: generated(known, method, targets) for method in ("fem", "pinn", "linear")}
    history = [{"step": step, "loss": 10.0 ** (-step / 8.0), "seconds": 0.1 * step} for step in range(60)]
    member = SimpleNamespace(history=history, describe=lambda: {"seed": networks.seed})
    made = {}
    for name in study.fields:
        problem = Problem(known.only(name))
        solution = FirstState((member,), problem.known.values[0])
        solutions: Mapping[str, Any] = dict.fromkeys(("fem", "pinn"), solution)
        generators = tuple(
            Generator(problem, np.array(study.asked(split)), split == "interpolation", chosen(problem), solutions)
            for split in study.splits
        )
        made[name] = Generated(known, name, np.array(study.held_out), generators, Rivalry(lambda: ({}, {}), {}, {}))
    return Generation(states, {(method, name): 0.5 for method in states for name in study.fields}, made)


def write_results(folder: Path, on: Labels, text: str = STUDY, **options: Any) -> Path:
    """A results folder as the pipeline writes it, its solves replaced; `options` are those of a run."""
    given = {key: json.dumps(value) for key, value in {"known": KNOWN, **HELD_OUT, "deformed": False}.items()}
    for key, value in given.items():
        text = text.replace("{" + key + "}", value)
    path = folder.parent / "study.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "load_model", lambda kind, parameters, folder: AnyBody())
        patch.setattr(
            pipeline, "solve_reference", lambda model, axis, values, *_: (truth(on, values), {"seconds": 61.25})
        )
        patch.setattr(pipeline, "generate_fields", generation_of)
        patch.setattr(pipeline, "rivals_for", lambda values: ["linear"])
        run_study(str(path), Options(out=folder, **options), lambda line: None)
    return folder
