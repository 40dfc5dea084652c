"""The digits study: images from noise by CM-GAI in density mode, by the probability-flow ODE and by their rivals."""

import shutil
from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from sklearn.svm import SVC

from cmgai_fem.progress import steps
from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Findings, Picture, Section
from cmgai_fem.study.measurements import Measurement, Quantity, SeedTolerance, refuse_unmeasured, seeds_table
from cmgai_fem.study.pipelines import Tools

from .figures import picture_grids, picture_interpolation, picture_ways, write_gif
from .image_interpolation import interpolate_images
from .images import CLASSES, POOL, SIDE, Digits, draw_digits
from .methods import CMGAI, FLOW, METHODS, NORMAL, Generated, Settings, generate_all
from .sample_measures import energy_distance, nearest_distances, sliced_wasserstein

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

TAKES = frozenset({"device", "seed", "quick"})
CASE, TRUTH = "digits", "other real images"
MEASURES = (
    "energy distance", "sliced W2", "real classifier", "classifier of generated", "novelty", "parameters",
    "training seconds", "sampling seconds",
)  # fmt: skip
LIKELIHOOD, FOLDED, FORCE = "negative log likelihood", "folded share", "force"
# What is measured of methods with a density, and of a motion.
OF_DENSITIES = {CMGAI: (LIKELIHOOD, FOLDED, FORCE), FLOW: (LIKELIHOOD,), NORMAL: (LIKELIHOOD,)}
# What real images are measured by.
FLOOR = ("energy distance", "sliced W2", "classifier of generated")


class Plan(Settings):
    """`[full]`: sizes of the study.

    Args:
        seeds: of split, noise and weights.
        samples: sizes of the training set.
        generated: images drawn by each method; every network makes every digit, so they come in 10 x folds.
        frames: pictures of the way from noise to digit.
    """

    seeds: int = Field(ge=1)
    samples: list[int] = Field(min_length=1)
    generated: int = Field(ge=10)
    frames: int = Field(ge=2)

    @model_validator(mode="after")
    def _whole_rounds(self) -> Self:
        if self.generated % (CLASSES * self.folds):
            raise ValueError(f"generated = {self.generated} must be a multiple of {CLASSES * self.folds} (10 x folds)")
        for count in self.samples:
            if not CLASSES * self.folds <= count <= POOL:
                raise ValueError(f"samples = {count} must lie between {CLASSES * self.folds} (10 x folds) and {POOL}")
        return self


class Study(StudyFile):
    """What the study file says."""

    full: Plan
    tolerances: list[SeedTolerance]

    @model_validator(mode="after")
    def _measured(self) -> Self:
        by_method = {name: (*MEASURES, *OF_DENSITIES.get(name, ())) for name in METHODS} | {TRUTH: FLOOR}
        refuse_unmeasured(self.tolerances, [
            Quantity(CASE, count, method, measure)
            for count in self.full.samples for method, measures in by_method.items() for measure in measures
        ])  # fmt: skip
        return self


def run(study: Study, tools: Tools) -> Findings:
    """Draw the digits by every method and judge them."""
    plan, seed = study.full, tools.seed or 0
    rows: list[Measurement] = []
    sections = [Section("How they are made", introduction(plan))]
    for count in plan.samples:
        pictures: list[Picture] = []
        for index in steps(range(plan.seeds), f"seeds, {count} images"):
            found, generated, digits = study_setting(count, seed + index, plan, tools)
            rows += found
            pictures = pictures or picture(generated, digits, count, tools)
        found = [row for row in rows if row.samples == count]
        table = seeds_table("", (*MEASURES, LIKELIHOOD, FOLDED, FORCE), found, NOTE, ours={CMGAI})
        sections.append(Section(f"{count} training images", pictures=pictures, tables=[table]))
    sections.append(between_images(digits, tools))
    verdicts = [tolerance.verdict(rows) for tolerance in study.tolerances]
    shutil.rmtree(tools.folder / "training", ignore_errors=True)
    return Findings([vars(row) for row in rows], verdicts, sections)


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


def judge_density(item: Generated, digits: Digits) -> dict[str, float]:
    """Likelihood of the test images, and whether a motion is one.

    Returns:
        Mean negative log likelihood in the principal components, for a method with a density; for CM-GAI the share of
        the images about which the motion folds, and the greatest second difference of the frames over the longest way,
        the force that the momentum balance asks for.
    """
    found = {}
    if item.log_density is not None:
        found[LIKELIHOOD] = float(-item.log_density(digits.test, digits.test_labels).mean())
    if item.folded is not None:
        found[FOLDED] = item.folded
        found[FORCE] = float(np.abs(np.diff(item.way, 2, axis=0)).max() / np.abs(item.way[-1] - item.way[0]).max())
    return found


def study_setting(count: int, seed: int, plan: Plan, tools: Tools) -> tuple[list[Measurement], list[Generated], Digits]:
    """All methods from `count` training images, for one seed."""
    digits = draw_digits(count, seed)
    labels = np.arange(plan.generated, dtype=np.int64) % CLASSES
    generated = generate_all(digits, labels, plan, seed, tools, plan.frames, CLASSES)
    rng = np.random.default_rng([seed, 47])
    rows = []
    for item in generated:
        found = judge(digits, item.images, labels, rng) | {
            "training seconds": item.training_seconds,
            "sampling seconds": item.sampling_seconds,
            "parameters": float(item.parameters),
        }
        found |= judge_density(item, digits)
        rows += [Measurement(CASE, count, item.method, seed, key, value) for key, value in found.items()]
        tools.say(
            f"digits: {count} images, seed {seed}, {item.method}: energy distance {found['energy distance']:.4f} "
            f"after {item.training_seconds:.1f} s {item.note}".rstrip()
        )
    # The floor: other real images, as many as may be, of which the smaller sets above are a part.
    truth = judge(digits, digits.pool, digits.pool_labels, rng)
    rows += [Measurement(CASE, count, TRUTH, seed, measure, truth[measure]) for measure in FLOOR]
    return rows, generated, digits


NOTE = (
    f"Mean ± standard deviation over the seeds. {TRUTH}: the floor, 1,000 real images against the test images. "
    "Novelty: median distance to the nearest training image over that of test images; well below one is copying. "
    "Training seconds: all folds together. Negative log likelihood: of the test images in the principal components, by "
    "the mean density of the networks' laws. Folded: share of the images about which J <= 0 somewhere on the way. "
    "Force: greatest second difference of the frames over the longest way."
)


def picture(generated: Sequence[Generated], digits: Digits, count: int, tools: Tools) -> list[Picture]:
    """Images of every method beside test images, and the ways of those that come from noise."""
    order = [np.flatnonzero(digits.test_labels == label)[row] for row in range(6) for label in range(CLASSES)]
    grid = picture_grids(digits.test[order], generated, f"{count} training images, first seed")
    ways = picture_ways(generated, "From noise to digit")
    return [tools.picture(grid, f"digits_{count}"), tools.picture(ways, f"ways_{count}")]


def between_images(digits: Digits, tools: Tools) -> Section:
    """A test image of a one moves to one of a nought, as mass; the fading of grey values beside it."""
    first, second = (
        digits.test[np.flatnonzero(digits.test_labels == label)[0]].reshape(SIDE, SIDE) for label in (1, 0)
    )
    frames = interpolate_images(first, second, np.linspace(0.0, 1.0, 9))
    fade = np.linspace(0.0, 1.0, 9)[:, None, None]
    still = picture_interpolation(frames, (1.0 - fade) * frames[0] + fade * frames[-1])
    write_gif(tools.folder / "interpolation.gif", interpolate_images(first, second, np.linspace(0.0, 1.0, 25)))
    text = "Grey is mass: it moves straight from pixel to pixel by the optimal plan and its total stays the same."
    pictures = [tools.picture(still, "interpolation"), Picture("interpolation.gif")]
    return Section("Between two images as densities", [text], pictures)


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
