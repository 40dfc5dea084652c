"""What makes the law of a field from specimens as one .safetensors file: their fields, and what clouds left out told.

The couplings are made anew from the same specimens by the same chance, so that a loaded model gives the same fields to
the last bit; only the judging, which takes most of the time, is not done again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cmgai_fem.distributions.cloud_laws import GRAINS, WeighedGrains
from cmgai_fem.distributions.random_fields import METHODS, JudgedLaws, RandomFields, make_laws
from cmgai_fem.errors import InputError
from cmgai_fem.files.kept import damaged, kind_of, read_kept, write_kept
from cmgai_fem.files.model import states_of
from cmgai_fem.files.snapshot import as_unstructured, find_location
from cmgai_fem.files.specimens import Specimens
from cmgai_fem.generate_distribution import GeneratedDistribution, make_distribution
from cmgai_fem.states.states import Coordinate
from cmgai_fem.transport.feature_space import Admissible

FORMAT = "cmgai-fem model of specimens"


@dataclass(frozen=True)
class KeptLaws:
    """Laws of a field read from a file.

    Args:
        made: at the states that they were made for.
    """

    made: GeneratedDistribution

    def at(self, values: list[float]) -> GeneratedDistribution:
        """The laws at states, those of `made` first.

        Raises:
            InputError: a state lies outside what the model was made for.
        """
        made = self.made
        for value in values:
            if not np.any(np.isclose(made.points, value, rtol=1e-12, atol=0.0)):
                self._check(value)
                side = [one for one in self.made.points.tolist() if made.inside(one) is made.inside(value)]
                law = make_laws(made.random, [*side, value], made.of(value).law, made.seed)[-1]
                made = replace(made, points=np.append(made.points, value), laws=(*made.laws, law))
        return made

    def _check(self, value: float) -> None:
        made = self.made
        inside, reach = made.inside(value), np.append(made.points, made.specimens.values)
        if inside not in made.judged or not reach.min() <= value <= reach.max():
            label, listed = made.specimens.coordinate.label, ", ".join(f"{one:g}" for one in made.points)
            raise InputError(
                f"{label(value)} does not lie as the states that this model was made for ({listed}): generate it from "
                "the files anew"
            )


def is_law_model(path: Path) -> bool:
    """Whether a model file keeps laws of specimens."""
    return path.is_file() and kind_of(path) == FORMAT


def save_law_model(path: Path, made: GeneratedDistribution) -> None:
    """Write what makes laws to a .safetensors file.

    Args:
        path: the file.
        made: the laws, of all specimens.

    Raises:
        InputError: something is held beyond bounds, or the law is that of one specimen.
    """
    specimens = made.specimens
    numbered, data, bounds = specimens.numbered, specimens.data, made.random.bounds
    if made.random.constraints or made.measured is not None:
        raise InputError("a law with --holds or --sensors is not kept as a model")
    assert numbered.template is not None
    mesh = as_unstructured(numbered.template.grid)
    facts = {
        "field": specimens.field,
        "unit": data.unit,
        "components": list(data.components),
        "location": find_location(numbered.template, specimens.field),
        "files": [file.name for file in numbered.files],
        "coordinates": [["specimen", ""]],
        "coordinate": [specimens.coordinate.name, specimens.coordinate.unit],
        "bounds": {"lower": bounds.lower, "upper": bounds.upper},
        "seed": made.seed,
        "targets": made.points.tolist(),
        "judged": [_keep(inside, judged) for inside, judged in made.judged.items()],
    }
    arrays = {
        "states/values": numbered.values, "states/known": data.values, "specimens/values": specimens.values,
        "labels/weights": numbered.labels.weights, "mesh/points": np.asarray(mesh.points),
        "mesh/cells": np.asarray(mesh.cells), "mesh/types": np.asarray(mesh.celltypes),
    }  # fmt: skip
    write_kept(path, FORMAT, facts, arrays)


def load_law_model(path: Path) -> KeptLaws:
    """Read a model that `save_law_model` wrote.

    Raises:
        InputError: the file is missing, damaged, of another version, or no model of specimens.
        ConvergenceError: a coupling was not solved to its optimum.
    """
    path = Path(path)
    with damaged(path):
        return _assemble(path, *read_kept(path, FORMAT))


def _assemble(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> KeptLaws:
    numbered, values, weights = states_of(path, facts, arrays), arrays["specimens/values"], arrays["labels/weights"]
    if len(values) != len(numbered) or weights.shape != numbered.labels.weights.shape:
        raise InputError(f"{len(values)} states of {len(numbered)} specimens")
    numbered = replace(numbered, labels=replace(numbered.labels, weights=weights))
    known = Specimens(numbered, Coordinate(*map(str, facts["coordinate"])), values)
    lower, upper = (None if facts["bounds"][key] is None else float(facts["bounds"][key]) for key in ("lower", "upper"))
    random = RandomFields.of(values, known.data.values, weights, Admissible(lower, upper=upper))
    judged = {bool(one["inside"]): _judged(one) for one in facts["judged"]}
    targets = np.array([float(one) for one in facts["targets"]])
    return KeptLaws(make_distribution(known, random, targets, judged, int(facts["seed"])))


def _keep(inside: bool, judged: JudgedLaws) -> dict[str, Any]:
    """What clouds left out told, as plain data; null for an infinite distance."""
    errors = {name: float(error) if np.isfinite(error) else None for name, error in judged.errors.items()}
    weights = {name: float(weight) for name, weight in judged.superposition.weights.items()}
    return vars(judged) | {
        "inside": inside, "errors": errors, "superposition": weights, "left_out": list(judged.left_out),
    }  # fmt: skip


def _judged(told: Mapping[str, Any]) -> JudgedLaws:
    errors = {str(name): np.inf if error is None else float(error) for name, error in told["errors"].items()}
    weights = {str(name): float(weight) for name, weight in told["superposition"].items()}
    if told["chosen"] not in METHODS or weights.keys() != GRAINS.keys():
        raise InputError(f"there is no law {told['chosen']!r} of {', '.join(weights)}")
    floor, scatter, coverage = (float(told[key]) for key in ("floor", "scatter", "coverage"))
    left_out = tuple(map(float, told["left_out"]))
    return JudgedLaws(told["chosen"], errors, WeighedGrains(weights), floor, scatter, coverage, left_out)
