"""An interrupted training goes on to the same digits, and no other training takes its checkpoint."""

from pathlib import Path

import numpy as np
import pytest

from cmgai_fem.errors import InputError
from cmgai_fem.pinn.settings import TrainingSettings
from cmgai_fem.pinn.solver import solve_pinn
from cmgai_fem.states.labels import labels_on_points
from cmgai_fem.states.states import Coordinate, Field, States
from cmgai_fem.transport.forces import Autonomous, ForceModel, Least
from cmgai_fem.transport.problem import Problem


class InterruptionError(Exception):
    pass


def problem(force: ForceModel, damping: float = 3.0) -> Problem:
    x = np.linspace(0.0, 1.0, 20)
    values = np.linspace(0.0, 1.0, 7)
    # Six modes: two network pairs, one after the other.
    field = np.stack([np.sin(3.0 * x + 2.0 * t) * np.exp(x * t) for t in values])[:, :, None]
    states = States(labels_on_points(x[:, None]), Coordinate("t"), values, {"u": Field(field, "", ("",))})
    return Problem(states, force=force, damping=damping)


@pytest.mark.parametrize(
    ("force", "settings", "stop"),
    [
        (Least(1), TrainingSettings(), 3),
        (Least(1), TrainingSettings(warm_up=5, tolerance=10.0), 20),
        (Least(1), TrainingSettings(), 30),
        pytest.param(Least(0), TrainingSettings(optimiser="ssbroyden", quasi_newton=20), 12, marks=pytest.mark.slow),
        (Autonomous(width=4), TrainingSettings(tolerance=10.0, steps=2), 6),
        (Least(0), TrainingSettings(encoding="coordinates"), 5),
    ],
)
def test_resumed_is_equal_to_the_last_bit(
    force: ForceModel, settings: TrainingSettings, stop: int, tmp_path: Path
) -> None:
    whole = solve_pinn(problem(force), settings=settings)
    rows = []

    def interrupt(row: dict[str, float]) -> None:
        rows.append(row)
        if len(rows) == stop:
            raise InterruptionError

    file = tmp_path / "training.safetensors"
    with pytest.raises(InterruptionError):
        solve_pinn(problem(force), settings=settings, progress=interrupt, checkpoint=file, save_every=0.0)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    fresh: list[dict[str, float]] = []
    resumed = solve_pinn(problem(force), settings=settings, progress=fresh.append, checkpoint=file, save_every=0.0)
    # The step in which it was interrupted is taken again; all before it are not.
    assert len(fresh) == len(whole.history) - stop + 1
    assert [row["loss"] for row in resumed.history] == [row["loss"] for row in whole.history]
    for s in (0.1, 0.55, 1.0):
        np.testing.assert_array_equal(resumed.path(s), whole.path(s))
    done = solve_pinn(problem(force), settings=settings, progress=fresh.append, checkpoint=file)
    assert len(done.history) == len(whole.history)
    np.testing.assert_array_equal(done.path(0.55), whole.path(0.55))


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "training.safetensors"
    solve_pinn(problem(Least(1)), checkpoint=file)
    for other, seed in ((problem(Least(0)), 0), (problem(Least(1), damping=2.0), 0), (problem(Least(1)), 1)):
        with pytest.raises(InputError, match="belongs to another training"):
            solve_pinn(other, seed=seed, checkpoint=file)
    with pytest.raises(InputError, match="belongs to another training"):
        solve_pinn(problem(Least(1)), settings=TrainingSettings(points=20), checkpoint=file)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match="no checkpoint of a training"):
        solve_pinn(problem(Least(1)), checkpoint=file)
