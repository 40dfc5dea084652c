"""The study's splits for metals whose constants are drawn at random: which method errs least where luck plays no part.

    python verification/stress-strain/random_metals.py [COUNT [SEED]]

COUNT metals of each model (Johnson-Cook, Zerilli-Armstrong for bcc and for fcc metals, mechanical threshold stress),
their constants drawn evenly from ranges of our choice around published fits. Known and held-out states,
tests and scatter are those of the study. Nothing in the package was chosen by these metals.
"""

import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np

from cmgai_fem.curves.flow_stress import JohnsonCook, ZerilliArmstrong
from cmgai_fem.study.file import read_study, validated
from cmgai_fem.study.pipelines import study_module

FOLDER = Path(__file__).parent
flow_stress, truth, cases = (study_module(FOLDER, name) for name in ("flow_stress", "truth", "cases"))
MechanicalThreshold = flow_stress.MechanicalThreshold
STUDY = validated(study_module(FOLDER, "tables").StressStrainStudy, FOLDER, read_study(FOLDER / "study.toml"))
MPA, GPA = 1e6, 1e9
METHODS = ("fem", "fpca_gpr", "pod_gpr", "linear", "natural_spline", "pchip")
Draw = Callable[[float, float], float]


def johnson_cook(draw: Draw) -> JohnsonCook:
    """All melt above the study's states."""
    return JohnsonCook(
        draw(100, 1500) * MPA, draw(200, 800) * MPA, draw(0.15, 0.65), draw(0.005, 0.06), draw(0.6, 1.4),
        draw(1400, 2200),
    )  # fmt: skip


def body_centred(draw: Draw) -> ZerilliArmstrong:
    """Iron and tantalum lie within."""
    c3 = draw(0.004, 0.008)
    return ZerilliArmstrong(
        draw(20, 80) * MPA, draw(700, 1300) * MPA, 0.0, c3, c3 / draw(15, 25), draw(200, 400) * MPA, draw(0.25, 0.5)
    )


def face_centred(draw: Draw) -> ZerilliArmstrong:
    """Copper and aluminium lie within."""
    c3 = draw(0.001, 0.0035)
    return ZerilliArmstrong(draw(20, 80) * MPA, 0.0, draw(500, 1200) * MPA, c3, c3 / draw(15, 25), 0.0, 0.5)


def mechanical_threshold(draw: Draw) -> MechanicalThreshold:
    """With an intrinsic threshold or none to speak of."""
    return MechanicalThreshold(
        draw(20, 60) * MPA, draw(0, 350) * MPA, draw(500, 1200) * MPA, draw(1500, 4500) * MPA, draw(10, 20) * MPA,
        draw(1, 2) * MPA, draw(0.8, 1.6), draw(0.25, 0.5), 1e7, draw(30, 90) * GPA, draw(2, 5) * GPA, draw(180, 250),
        p=draw(0.5, 1.0), q=draw(1.0, 1.5),
    )  # fmt: skip


MODELS = {
    "Johnson-Cook": johnson_cook,
    "Zerilli-Armstrong, bcc": body_centred,
    "Zerilli-Armstrong, fcc": face_centred,
    "mechanical threshold": mechanical_threshold,
}


def errors_of(material: truth.Material, seed: int) -> dict[str, dict[str, list[float]]]:
    """NRMSE at the held-out curves by split and method."""
    found = {}
    for case in STUDY.cases:
        if case.plastic != material.plastic:
            continue
        rows = cases.run_case(case, STUDY.tests, "cpu", seed, lambda _: None, material=material, methods=("fem",)).rows
        found[case.split] = {m: [row["nrmse"] for row in rows if row["method"] == m] for m in METHODS}
    return found


def show(title: str, errors: dict[str, list[list[float]]]) -> None:
    """One line a method: means over all curves, and how often it is the best.

    Args:
        title: what the curves are of.
        errors: by method, for each metal the errors of its curves.
    """
    means = np.array([[np.mean(metal) for metal in errors[method]] for method in METHODS])
    best = np.bincount(np.argmin(means, axis=0), minlength=len(METHODS))
    print(f"\n{title}: {means.shape[1]} metals, {sum(map(len, errors['fem']))} curves")
    print(
        f"{'':<16}{'mean %':>9}{'median %':>10}{'geometric %':>13}{'above 4 %':>11}{'best of':>9}"
        f"{'half of FPCA-GPR':>18}"
    )
    for row, method in enumerate(METHODS):
        curves = 100 * np.concatenate(errors[method])
        halved = int(np.sum(means[row] <= 0.5 * means[METHODS.index("fpca_gpr")]))
        print(
            f"{method:<16}{curves.mean():>9.2f}{np.median(curves):>10.2f}{np.exp(np.mean(np.log(curves))):>13.2f}"
            f"{np.mean(curves > 4.0):>11.0%}{best[row]:>9}{halved:>18}"
        )


def main(count: int, seed: int) -> None:
    """Draw the metals, generate, print the tables."""
    random = np.random.default_rng(seed)
    splits: dict[str, dict[str, list[list[float]]]] = {}
    print(f"{count} metals of each of {len(MODELS)} models, seed {seed}")
    for name, model in MODELS.items():
        plastic = name != "mechanical threshold"
        for number in range(count):
            drawn = model(lambda a, b: float(random.uniform(a, b)))
            material = truth.Material(f"{name} {number}", drawn, plastic=plastic)
            for split, found in errors_of(material, seed + number).items():
                for method, errors in found.items():
                    splits.setdefault(split, {m: [] for m in METHODS})[method].append(errors)
            print(f"{material.name}: done", file=sys.stderr, flush=True)
    for split, errors in splits.items():
        show(split, errors)
    together = {m: list(zip(*(splits[split][m] for split in splits), strict=True)) for m in METHODS}
    show("all", {m: [list(chain.from_iterable(parts)) for parts in metals] for m, metals in together.items()})


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
