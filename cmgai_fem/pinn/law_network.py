"""The transport under a state force by networks: see `law_training` for what they are trained on."""

import time
from dataclasses import dataclass, replace

import numpy as np

from cmgai_fem.motions.modal_law import ModalLaw
from cmgai_fem.motions.shared_law import Moments
from cmgai_fem.pinn.curves import TanhNetwork
from cmgai_fem.pinn.law_training import LawTraining
from cmgai_fem.states.labels import Array
from cmgai_fem.transport.forces import StateForce
from cmgai_fem.transport.problem import Problem
from cmgai_fem.transport.solution import Solution
from cmgai_fem.transport.state_motion import StateMotion, state_motion


@dataclass(frozen=True, eq=False)
class NetworkMotion(StateMotion):
    """A field under a state force, its motion by networks.

    Args:
        training: what was trained.
        networks: of each block.
        around: value around the body, over the scale of the amplitudes; 0 where there is none.
    """

    training: LawTraining
    networks: tuple[TanhNetwork, ...]
    around: float

    def __call__(self, s: float, derivative: int = 0) -> Array:
        """Features (L, n) at pseudo-time `s`, or a derivative."""
        time = np.array([s * self._clock])
        values = np.hstack([network.units(time, derivative) @ network.outputs for network in self.networks])[0]
        if isinstance(self.known, Moments):
            root = np.sqrt(self.known.weights)
            size = self.known.components
            field = (values.reshape(size, -1) @ self.training.shapes / root).T * self.known.scale
            found = field + (0.0 if derivative else self.known.mean)
        else:
            rest = 0.0 if derivative else self.around * self.known.known.steady
            moved = ((values + rest) * self.known.known.scale) @ self.known.shapes
            found = (moved + (0.0 if derivative else self.known.rest))[:, None]
        found = found * self._clock**derivative
        return np.asarray(found / self.problem.scaling.scale if derivative else self.problem.scaling.encode(found))


def solve_law(problem: Problem, *, seed: int = 0) -> Solution:
    """Solve a transport problem under a state force by networks that find its law.

    Args:
        problem: the statement; its force is a `StateForce`.
        seed: of the networks' units.

    Raises:
        InputError: the force is not for networks.
        ConvergenceError: the motion turns too often for them, or they did not learn it.
    """
    start = time.perf_counter()
    if isinstance(problem.force, StateForce) and problem.force.mended:
        # Networks know no error of the operator.
        problem = replace(problem, force=replace(problem.force.unfitted, mended=False))
    exact = state_motion(problem)
    law, known = exact.force.law, exact.known
    assert law is not None
    span = tuple(float(end) * exact._clock for end in problem.span)
    training = LawTraining(law, known if isinstance(known, Moments) else known.known, (span[0], span[1]), seed)
    entries, losses, loss = training.find()
    _, networks, constants = training.solve(entries)
    numbers = tuple(float(entry) for entry in entries)
    force = replace(exact.force, law=replace(law, entries=numbers))
    around = float(constants[0]) if isinstance(law, ModalLaw) and len(constants) else 0.0
    motion = NetworkMotion(problem, force, known, training, tuple(networks), around)
    info = {
        "law": list(numbers),
        "by evidence": list(law.entries),
        "losses": losses,
        "loss": loss,
        "seed": seed,
    }
    return Solution(replace(problem, force=force), "pinn", path=motion, seconds=time.perf_counter() - start, info=info)
