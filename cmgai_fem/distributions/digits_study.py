"""The digits study: images from noise by CM-GAI in density mode, by the probability-flow ODE and by their rivals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from sklearn.svm import SVC

from cmgai_fem.distributions.digits import CLASSES, SIDE, Digits, draw_digits
from cmgai_fem.distributions.digits_figures import picture_grids, picture_interpolation, picture_ways, write_gif
from cmgai_fem.distributions.digits_methods import Generated, Settings, generate_all
from cmgai_fem.distributions.image_interpolation import interpolate_images
from cmgai_fem.distributions.measures import energy_distance, nearest_distances, sliced_wasserstein
from cmgai_fem.distributions.results import Grid, Measurement, file_data
from cmgai_fem.distributions.study_run import BasePlan, Report, Study, StudyRun

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

TRUTH = "other real images"


class Plan(BasePlan):
    """Sizes of one run of the study; every network of it sees every digit, so `generated` counts in 10 x folds."""

    seeds: int = Field(ge=1)
    samples: list[int]
    generated: int = Field(ge=10)
    components: int = Field(ge=2)
    hidden: list[int]
    steps: int = Field(ge=1)
    batch: int = Field(ge=10)
    learning_rate: float = Field(gt=0.0)
    folds: int = Field(ge=2)
    stiffnesses: list[float]
    sharing: float = Field(ge=0.0)
    frames: int = Field(ge=2)

    @model_validator(mode="after")
    def _whole_rounds(self) -> Self:
        if self.generated % (CLASSES * self.folds):
            raise ValueError(f"generated = {self.generated} must be a multiple of {CLASSES * self.folds} (10 x folds)")
        return self

    def settings(self) -> Settings:
        """What the methods need of it."""
        return Settings(
            self.components, tuple(self.hidden), self.steps, self.batch, self.learning_rate, self.folds,
            tuple(self.stiffnesses), self.sharing,
        )  # fmt: skip


def judge(digits: Digits, images: Array, labels: IntArray, rng: np.random.Generator) -> dict[str, float]:
    """Measures of images (n, 64) of known digits (n,) against test images that no method saw.

    Returns:
        Energy distance and sliced W2 to the test images; accuracy on the images of a classifier trained on real ones;
        accuracy on test images of a classifier trained on the images; median distance to the nearest training image,
        over that of test images (below one: copied).
    """
    copied = np.median(nearest_distances(images, digits.images))
    fresh = np.median(nearest_distances(digits.test, digits.images))
    return {
        "energy distance": energy_distance(images, digits.test),
        "sliced W2": sliced_wasserstein(images, digits.test, rng),
        "real classifier": float(SVC().fit(digits.pool, digits.pool_labels).score(images, labels)),
        "classifier of generated": float(SVC().fit(images, labels).score(digits.test, digits.test_labels)),
        "novelty": float(copied / fresh),
    }


def study_setting(
    count: int, seed: int, plan: Plan, device: torch.device, report: Report
) -> tuple[list[Measurement], list[Generated], Digits]:
    """All methods from `count` training images, for one seed."""
    digits = draw_digits(count, seed)
    labels = np.arange(plan.generated, dtype=np.int64) % CLASSES
    generated = generate_all(digits, labels, plan.settings(), seed, device, plan.frames, CLASSES)
    rng = np.random.default_rng([seed, 47])
    rows = []
    for item in generated:
        found = judge(digits, item.images, labels, rng) | {
            "training seconds": item.training_seconds,
            "sampling seconds": item.sampling_seconds,
            "parameters": float(item.parameters),
        }
        rows += [Measurement("digits", count, item.method, seed, key, value) for key, value in found.items()]
        report(
            f"digits: {count} images, seed {seed}, {item.method}: energy distance {found['energy distance']:.4f} "
            f"after {item.training_seconds:.1f} s {item.note}".rstrip()
        )
    # The floor: other real images, as many as may be, of which the smaller sets above are a part.
    truth = judge(digits, digits.pool, digits.pool_labels, rng)
    floor = ("energy distance", "sliced W2", "classifier of generated")
    rows += [Measurement("digits", count, TRUTH, seed, measure, truth[measure]) for measure in floor]
    return rows, generated, digits


MEASURES = (
    "energy distance", "sliced W2", "real classifier", "classifier of generated", "novelty", "parameters",
    "training seconds", "sampling seconds",
)  # fmt: skip


def summary_grid(count: int, rows: Sequence[Measurement]) -> Grid:
    """Mean and spread over the seeds, a line for each method."""
    lines = []
    for method in dict.fromkeys(row.method for row in rows if row.samples == count):
        cells = [f"{count}", method]
        for measure in MEASURES:
            values = [r.value for r in rows if (r.samples, r.method, r.measure) == (count, method, measure)]
            if not values or (measure == "parameters" and values[0] == 0.0):
                cells.append("")
            elif measure in ("parameters", "training seconds", "sampling seconds"):
                cells.append(f"{np.mean(values):.4g}" if measure == "parameters" else f"{np.mean(values):.2g}")
            elif len(values) == 1:
                cells.append(f"{values[0]:.4f}")
            else:
                cells.append(f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}")
        lines.append(cells)
    note = (
        f"{TRUTH}: the floor, 1,000 real images against the test images. Novelty: median distance to the nearest "
        "training image over that of test images; well below one is copying. Training seconds: all folds together."
    )
    return Grid(f"{count} training images", ["images", "method", *MEASURES], lines, note)


def run_digits(out: Path, quick: bool, device: str, seed: int, report: Report) -> int:
    """Run the study and write its results folder.

    Args:
        out: results folder; made if missing.
        quick: the small plan of the study file.
        device: torch device for the networks, e.g. "cpu".
        seed: first seed of splits, noise and weights; the others follow it.
        report: takes progress lines and rich tables.

    Returns:
        0 if every tolerance stated in verification/digits/study.toml holds, else 1.

    Raises:
        InputError: the study file is wrong, or an optional package is missing.
    """
    run = StudyRun.start("digits", Study[Plan], out, quick, device, seed, report)
    plan = run.plan
    for count in plan.samples:
        kept: list[str] = []
        for index in range(plan.seeds):
            found, generated, digits = study_setting(count, seed + index, plan, run.device, report)
            run.add(found)
            kept = kept or _picture(generated, digits, count, run)
        run.show(summary_grid(count, run.rows), kept)
    run.show(*_interpolate(digits, run))
    return run.finish(introduction(plan))


def _picture(generated: Sequence[Generated], digits: Digits, count: int, run: StudyRun[Plan]) -> list[str]:
    order = [np.flatnonzero(digits.test_labels == label)[row] for row in range(6) for label in range(CLASSES)]
    grid = picture_grids(digits.test[order], generated, f"{count} training images, first seed")
    ways = picture_ways(generated, "From noise to digit")
    return [run.save(grid, f"digits_{count}"), run.save(ways, f"ways_{count}")]


def _interpolate(digits: Digits, run: StudyRun[Plan]) -> tuple[Grid, list[str]]:
    """A test image of a one moves to one of a nought, as mass; the fading of grey values beside it."""
    first, second = (
        digits.test[np.flatnonzero(digits.test_labels == label)[0]].reshape(SIDE, SIDE) for label in (1, 0)
    )
    frames = interpolate_images(first, second, np.linspace(0.0, 1.0, 9))
    fade = np.linspace(0.0, 1.0, 9)[:, None, None]
    picture = picture_interpolation(frames, (1.0 - fade) * frames[0] + fade * frames[-1])
    addresses = [run.save(picture, "interpolation")]
    write_gif(run.out / "interpolation.gif", interpolate_images(first, second, np.linspace(0.0, 1.0, 25)))
    addresses.append(file_data(run.out / "interpolation.gif", "image/gif"))
    note = "Grey is mass: it moves straight from pixel to pixel by the optimal plan and its total stays the same."
    return Grid("Between two images as densities", [], [], note), addresses


def introduction(plan: Plan) -> list[str]:
    """What the page says before its tables."""
    return [
        f"scikit-learn's 8 x 8 digits. Every network works in {plan.components} principal components of the training "
        f"images, given the digit, has {' and '.join(map(str, plan.hidden))} hidden units, and trains for at most "
        f"{plan.steps} steps; {plan.folds} networks a method, each leaving out a fold of the training images by which "
        f"it stops. {plan.generated} images are drawn by each method; the 797 test images are read by the measures "
        "alone.",
        "CM-GAI: McCann's map from a normal cloud to a normal law of each class, plus a correction with membrane "
        "energy, fitted by the energy distance to the training images (the measure of the first column, so look at the "
        "others too), with the stiffness chosen on the images left out. 'normal per class' is its limit of infinite "
        "stiffness.",
        f"Mean ± standard deviation over {plan.seeds} seeds of split, noise and weights. Grey values are not clipped.",
    ]
