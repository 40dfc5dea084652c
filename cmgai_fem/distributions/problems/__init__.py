"""The six multimodal problems, by the names that a study file uses."""

from cmgai_fem.distributions.problems.base import Card, Problem
from cmgai_fem.distributions.problems.bifurcations import Pitchfork, SaddleNode
from cmgai_fem.distributions.problems.chafee_infante import ChafeeInfanteFields
from cmgai_fem.distributions.problems.duffing import Duffing
from cmgai_fem.distributions.problems.shock import ElasticPlasticShock
from cmgai_fem.distributions.problems.two_scale import TwoScale

PROBLEMS: dict[str, Problem] = {
    problem.card.name: problem
    for problem in (Pitchfork(), SaddleNode(), Duffing(), TwoScale(), ChafeeInfanteFields(), ElasticPlasticShock())
}

__all__ = ["PROBLEMS", "Card", "Problem"]
