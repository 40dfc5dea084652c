"""Clouds of samples whose rows have no identity: a vortex, a cloud that splits, and one of two species."""

from collections.abc import Callable

import numpy as np
from pydantic import Field as Key

from cmgai_fem.distributions.clouds import SPLINE, STRAIGHT, generate_clouds
from cmgai_fem.distributions.measures import wasserstein
from cmgai_fem.progress import steps
from cmgai_fem.states.labels import Array
from cmgai_fem.study.file import StudyFile
from cmgai_fem.study.findings import Figure, Findings, Picture, joined, judged
from cmgai_fem.study.pipelines import Tools

from .figures import draw

TAKES = frozenset({"quick", "seed"})
# Turn of the vortex in a step [rad], how it grows, and how much slower it is far from its centre.
TURN, GROWTH, SHEAR = 0.86, 0.045, 0.1


class Study(StudyFile):
    """The sizes, and what is asked.

    Args:
        samples: of each cloud.
        known: known steps.
        unseen: steps asked for.
        seeds: of the samples; figures are means over them.
        seed: added to the seeds.
        bounds: by case, the mean W1 over that of the better plain motion.
    """

    samples: int = Key(gt=10)
    known: list[float] = Key(min_length=4)
    unseen: list[float] = Key(min_length=1)
    seeds: list[int] = Key(min_length=1)
    seed: int = 0
    bounds: dict[str, float]


def vortex(points: Array, time: float) -> Array:
    """Drifters that a vortex carries round, slower far from its centre, and outwards."""
    start = 0.12 * points + np.array([0.5, 0.1])
    radius, angle = np.hypot(*start.T), np.arctan2(start[:, 1], start[:, 0])
    angle = angle + TURN * time * (1.0 + SHEAR) / (1.0 + SHEAR * (radius / 0.5) ** 2)
    radius = radius * np.exp(GROWTH * time)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def splitting(points: Array, time: float) -> Array:
    """A cloud of which one half goes one way and one the other."""
    side = np.sign(points[:, :1])
    return 0.2 * points + side * np.array([0.03, 0.01]) * time**2


def two_species(points: Array, time: float) -> Array:
    """Two species that decay towards rests of their own."""
    rest = np.where(points[:, :1] > 0.0, [1.0, 0.2], [-1.0, -0.4])
    start = 0.15 * points + np.where(points[:, :1] > 0.0, [0.2, 1.2], [-0.2, -1.2])
    return np.asarray(rest + (start - rest) * np.exp(-0.25 * time))


CASES: dict[str, Callable[[Array, float], Array]] = {
    "vortex": vortex, "splitting": splitting, "two_species": two_species,
}  # fmt: skip


def run(study: Study, tools: Tools) -> Findings:
    """The cases one after the other."""
    return joined((compare(study, name, study.bounds[name], tools) for name in study.bounds), tools.say)


def compare(study: Study, name: str, bound: float, tools: Tools) -> Findings:
    """Mean W1 at the unseen steps, of what was chosen and of the plain motions."""
    chosen, errors = set(), {SPLINE: [], STRAIGHT: [], "ours": []}
    pictures: list[Picture] = []
    finding = ""
    for seed in steps(study.seeds, name):
        known, unseen = clouds(study, name, seed + study.seed)
        drawn = {}
        for motion in errors:
            made = generate_clouds(known, study.known, study.unseen, "" if motion == "ours" else motion)
            drawn[motion] = made.clouds
            errors[motion] += [wasserstein(one, exact).first for one, exact in zip(made.clouds, unseen, strict=True)]
        chosen |= set(made.chosen)
        finding = made.finding or finding
        if not pictures:
            shown = draw(known, unseen, {"ours": drawn["ours"], "spline": drawn[SPLINE]}, study.unseen)
            pictures.append(tools.picture(shown, name, f"Seed {seed}; the known clouds in grey."))
        tools.say(f"{name}, seed {seed}: {', '.join(sorted(set(made.chosen)))}")
    means = {motion: float(np.mean(found)) for motion, found in errors.items()}
    case = name.replace("_", " ")
    figures = [Figure.shown(case, "mean W1", motion, mean) for motion, mean in means.items()]
    best = min(means[SPLINE], means[STRAIGHT])
    figures.append(Figure.at_most(case, "mean W1 over the better plain motion's", "ours", means["ours"] / best, bound))
    text = (
        f"{(CASES[name].__doc__ or '').strip()} Chosen: {', '.join(sorted(chosen))}. {finding[:1].upper()}{finding[1:]}"
    )
    return judged(figures, case, [text], pictures)


def clouds(study: Study, name: str, seed: int) -> tuple[list[Array], list[Array]]:
    """Known and unseen clouds: the same samples at all times, jittered, their rows in any order."""
    generator = np.random.default_rng(seed)
    points = generator.standard_normal((study.samples, 2))

    def cloud(time: float) -> Array:
        moved = CASES[name](points, time) + 0.01 * generator.standard_normal(points.shape)
        return moved[generator.permutation(len(moved))]

    return [cloud(time) for time in study.known], [cloud(time) for time in study.unseen]
