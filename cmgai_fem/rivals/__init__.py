"""Rivals: simple methods that generate a snapshot at an unseen state, each tuned on the known states alone."""

from cmgai_fem.rivals.base import LinearRival, Predictor, Rival
from cmgai_fem.rivals.gaussian_process import FPCA_GPR, PodGpr
from cmgai_fem.rivals.linear import Linear
from cmgai_fem.rivals.radial import PodRbf
from cmgai_fem.rivals.splines import InterpolatingPolynomial, NaturalSpline, NotAKnotSpline, Pchip
from cmgai_fem.rivals.stack import ConvexStack
from cmgai_fem.rivals.surfaces import GridSpline, ResponseSurface, ThinPlateSpline
from cmgai_fem.states.labels import Array

_SIMPLE: tuple[Rival, ...] = (
    Linear(),
    NaturalSpline(),
    NotAKnotSpline(),
    InterpolatingPolynomial(),
    Pchip(),
    ThinPlateSpline(),
    ResponseSurface(),
    GridSpline(),
    PodRbf(),
)

# Gaussian processes are no members of the stack: to seek their hyperparameters anew for each state that is left out
# would take longer than all other rivals together.
RIVALS: dict[str, Rival] = {rival.name: rival for rival in (*_SIMPLE, PodGpr(), FPCA_GPR, ConvexStack(_SIMPLE))}

# What seeks its choices anew for every state that is left out: minutes where all others take a second.
SLOW = ("pod_gpr", "fpca_gpr", "convex_stack")


def rivals_for(values: Array) -> list[str]:
    """Names of the rivals that states at (K, m) values admit."""
    return [name for name, rival in RIVALS.items() if rival.admits(values)]


__all__ = ["RIVALS", "SLOW", "LinearRival", "Predictor", "Rival", "rivals_for"]
