"""Synthetic results folders: what a study writes, on meshes small enough for a test."""

import csv
import json
from pathlib import Path

import numpy as np
import pyvista

from cmgai_fem.metrics import field_error
from cmgai_fem.rivals import RIVALS
from cmgai_fem.states.states import Coordinate, Field, Labels, States, labels_on_mesh
from cmgai_fem.study.results import COLUMNS

KNOWN = [100.0, 250.0, 400.0, 550.0, 700.0]
HELD_OUT = {"interpolation": [175.0, 325.0, 475.0, 625.0], "extrapolation": [50.0, 775.0]}


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


def truth(on: Labels, values: list[float]) -> States:
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
        "temperature": Field(values_at(s, x), "degC", ("",)),
        "displacement": Field(shift, "m", ("x", "y", "z")[: points.shape[1]]),
    }
    return States.of(on, Coordinate("temperature", "degC"), np.array(values), fields)


def values_at(s: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Temperature [degC]."""
    return 20.0 + 700.0 * s**1.1 * (1.0 - 0.6 * x) ** (1.0 + s)


def generate(known: States, method: str, targets: np.ndarray) -> States:
    """What a method generates; ours stand in as the polynomial with a little error."""
    rival = RIVALS[{"fem": "polynomial", "pinn": "polynomial"}.get(method, method)]
    fields = {}
    for name, field in known.fields.items():
        flat = field.values.reshape(len(known), -1)
        found = rival.fit(known.values[:, None], flat)(targets[:, None])
        if method == "pinn":
            found = found + 1e-6 * np.ptp(flat) * np.sin(np.arange(found.shape[1]))
        fields[name] = Field(found.reshape(len(targets), *field.values.shape[1:]), field.unit, field.components)
    return States.of(known.labels, known.coordinate, targets, fields)


def write_results(
    folder: Path, on: Labels, methods: tuple[str, ...] = ("pinn", "fem", "linear"), deformed: bool = False
) -> Path:
    """Write `metrics.csv`, `run.json` and `fields/` as a study does."""
    (folder / "fields").mkdir(parents=True)
    splits = dict.fromkeys(KNOWN, "known") | {value: split for split, values in HELD_OUT.items() for value in values}
    reference = truth(on, sorted(splits))
    targets = reference.values
    generated = {method: generate(reference.at(KNOWN), method, targets) for method in methods}
    reference.save(folder / "fields" / "reference.npz")
    for method in ("fem", "pinn", "polynomial"):
        if method in generated:
            generated[method].save(folder / "fields" / f"{method}.npz")
    with (folder / "metrics.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for method, against in [*((method, "reference") for method in methods), ("pinn", "fem")]:
            other = reference if against == "reference" else generated["fem"]
            for field in ("von_mises", "temperature"):
                for row, value in enumerate(targets):
                    error = field_error(
                        generated[method].fields[field].values[row], other.fields[field].values[row], on.weights
                    )
                    figures = (error.nrmse, error.nrmse_rms, error.nrmse_mean, error.max_error)
                    writer.writerow(["beam", field, value, splits[value], method, against, *figures, 0.5])
    run = synthetic_run(deformed)
    (folder / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return folder


def synthetic_run(deformed: bool) -> dict:
    """A `run.json` with every section filled."""
    chosen = {"order": 3, "law": "none", "stiffness": 0.0, "damping": 0.0, "pseudo_time": "linear"}
    laws = (("none", 0.0), ("linear_elastic", 1e-4), ("linear_elastic", 1e-3))
    candidates = [
        {**chosen, "order": order, "law": law, "stiffness": stiffness, "error": 10.0 ** (-2 - order) + stiffness}
        for order in range(-1, 4)
        for law, stiffness in laws
    ]
    states = sorted(value for values in HELD_OUT.values() for value in values)
    return {
        "study": {
            "name": "beam",
            "title": "Thermal stress in a <cantilever> & its hole",
            "description": "A steel cantilever, heated on one face; generated at six temperatures from five.",
            "known": KNOWN,
            "held_out_interpolation": HELD_OUT["interpolation"],
            "held_out_extrapolation": HELD_OUT["extrapolation"],
            "coordinate": {"name": "temperature", "unit": "degC"},
            "deformed": deformed,
            "deformation_scale": 2.0,
        },
        "fields": ["von_mises", "temperature"],
        "tolerances": [
            tolerance("fem interpolation", 0.0025, 0.0004, "%", "NRMSE of von Mises, worst state"),
            tolerance("training time", 30.0, 41.5, "s", "wall time of the PINN <all fields>"),
        ],
        "calibration": {split: {**chosen, "candidates": candidates} for split in HELD_OUT},
        "admissibility": [
            {"state": state, "method": method, "figure": "equilibrium residual / load", "value": 1e-5 * len(method)}
            for method in ("fem", "pinn", "linear")
            for state in states
        ],
        "training": [
            {"split": split, "field": "stress", "step": step, "loss": 10.0 ** (-step / 8.0), "seconds": 0.1 * step}
            for split in HELD_OUT
            for step in range(60)
        ],
        "provenance": {
            "versions": {"numpy": "2.5.5", "dolfinx": "0.11.0"},
            "seed": 0,
            "ranks": 2,
            "device": "cpu",
            "wall_time_s": {"reference": 61.25},
        },
        "notes": ["The force law is our choice & not the paper's."],
    }


def tolerance(name: str, limit: float, value: float, unit: str, text: str) -> dict:
    """One stated tolerance, as `run.json` holds it."""
    return {"name": name, "limit": limit, "value": value, "passed": value <= limit, "unit": unit, "text": text}
