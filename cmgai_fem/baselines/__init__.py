"""Rivals: eight simple methods that generate a snapshot at an unseen state, each tuned on the known states alone."""

from cmgai_fem.baselines.base import Baseline, Predictor
from cmgai_fem.baselines.gaussian_process import FpcaGpr, PodGpr
from cmgai_fem.baselines.radial import PodRbf
from cmgai_fem.baselines.splines import InterpolatingPolynomial, Linear, NaturalSpline, NotAKnotSpline, Pchip

BASELINES: dict[str, Baseline] = {
    rival.name: rival
    for rival in (
        Linear(),
        NaturalSpline(),
        NotAKnotSpline(),
        InterpolatingPolynomial(),
        Pchip(),
        PodRbf(),
        PodGpr(),
        FpcaGpr(),
    )
}

__all__ = ["BASELINES", "Baseline", "Predictor"]
