"""How a PINN is trained."""

from dataclasses import dataclass

from cmgai_fem.errors import InputError

ENCODINGS = ("spectral", "coordinates", "fourier", "laplace_beltrami")
OPTIMISERS = ("levenberg_marquardt", "ssbroyden")


@dataclass(frozen=True)
class TrainingSettings:
    """Encoding, size and optimiser of a PINN.

    Args:
        encoding: spatial input: "spectral" (networks of s for the amplitudes of modes of the states and of the label
            mesh), or for one network of label and s (`field_network`) "coordinates", "fourier" (with random
            frequencies) or "laplace_beltrami" (eigenfunctions of the label mesh).
        optimiser: "levenberg_marquardt", or "ssbroyden", which hands over to it after `quasi_newton` steps.
        hidden: widths of the hidden layers of both networks.
        blocks: blocks of the Krylov space of modes under a law with stiffness; 1 is the states alone.
        labels: the most labels that a force of the state is integrated over.
        points: Gauss points between two known states, and in a window beyond them; more are taken where these fail.
        window: longest window beyond the known states, in periods of the fastest motion.
        horizon: periods of the fastest motion over the whole span from which windows are used.
        penalty: weight of the force's restriction against the momentum residual within one round; the rounds of the
            method of multipliers take the residual to zero. Where modes swing through many periods it is made softer
            and there are more rounds (`solver.SWINGING`): a stiff one freezes the force before it is the least.
        rounds: rounds of the method of multipliers.
        steps: the most optimiser steps in a round.
        warm_up: Adam steps before them.
        quasi_newton: the most SSBroyden steps before Levenberg-Marquardt takes over.
        stall: relative fall of the loss over a step below which a round ends.
        frequencies: random frequencies, or eigenfunctions, that a field network is fed with.
        bandwidth: standard deviation of the random frequencies along an axis, in swings over the body's longest side.
        field_steps: the most steps of a field network.
        tolerance: the largest acceptable momentum residual, root mean square relative to the accelerations.
        threads: torch threads; more than one gains nothing at these sizes.
    """

    encoding: str = "spectral"
    optimiser: str = "levenberg_marquardt"
    hidden: tuple[int, ...] = (8,)
    blocks: int = 5
    labels: int = 200
    points: int = 16
    window: float = 0.5
    horizon: float = 3.0
    penalty: float = 1e-2
    rounds: int = 4
    steps: int = 6
    warm_up: int = 0
    quasi_newton: int = 500
    stall: float = 1e-7
    frequencies: int = 8
    bandwidth: float = 1.0
    field_steps: int = 400
    tolerance: float = 2e-3
    threads: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise InputError(f"encoding {self.encoding!r} is unknown; there are: {', '.join(ENCODINGS)}")
        if self.optimiser not in OPTIMISERS:
            raise InputError(f"optimiser {self.optimiser!r} is unknown; there are: {', '.join(OPTIMISERS)}")
        for name in ("blocks", "labels", "points", "rounds", "steps", "frequencies", "field_steps", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"training: {name} = {getattr(self, name)} must be at least 1")
        for name in ("penalty", "bandwidth", "tolerance", "window", "horizon"):
            if not getattr(self, name) > 0.0:
                raise InputError(f"training: {name} = {getattr(self, name):g} must be positive")
