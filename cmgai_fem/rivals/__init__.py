"""Rivals: eight simple methods that generate a snapshot at an unseen state, each tuned on the known states alone."""

from cmgai_fem.rivals.base import Baseline, Predictor
from cmgai_fem.rivals.gaussian_process import FpcaGpr, PodGpr
from cmgai_fem.rivals.radial import PodRbf
from cmgai_fem.rivals.splines import InterpolatingPolynomial, Linear, NaturalSpline, NotAKnotSpline, Pchip

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
