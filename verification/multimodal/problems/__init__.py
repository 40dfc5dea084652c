"""The seven multimodal problems, by the names that a study file uses."""

from .allen_cahn import StochasticAllenCahn
from .base import Card, Problem
from .bifurcations import Pitchfork, SaddleNode
from .chafee_infante import ChafeeInfanteFields
from .duffing import Duffing
from .shock import ElasticPlasticShock
from .two_scale import TwoScale

PROBLEMS: dict[str, Problem] = {
    problem.card.name: problem
    for problem in (
        Pitchfork(),
        SaddleNode(),
        Duffing(),
        TwoScale(),
        ChafeeInfanteFields(),
        StochasticAllenCahn(),
        ElasticPlasticShock(),
    )
}

__all__ = ["PROBLEMS", "Card", "Problem"]
