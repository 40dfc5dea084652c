import pytest
import torch
from torch import nn

from cmgai_fem.distributions.training import Budget, draw_rows, train_on_draws, train_stacked
from cmgai_fem.pinn.checkpoint import Checkpoint


class Numbers(nn.Module):
    """One trainable number a member."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(members, dtype=torch.float64))


def test_each_member_keeps_its_best_weights_and_training_stops_when_all_are_past_them():
    """Both run from 0 towards 10; what is left out wants 1 and 2, so going on is overfitting."""
    numbers, wanted = Numbers(2), torch.tensor([1.0, 2.0], dtype=torch.float64)
    budget = Budget(5000, learning_rate=0.02, check_every=5, patience=10, averaging=0.0)
    record = train_stacked(
        numbers, lambda chance: (numbers.value - 10.0).square(), lambda: (numbers.value - wanted).square(), 0, budget
    )
    torch.testing.assert_close(numbers.value.detach(), wanted, atol=0.06, rtol=0.0)
    torch.testing.assert_close((numbers.value.detach() - wanted).square(), record.validation)
    assert record.step[0] < record.step[1]
    assert int(record.step[1]) + 50 < record.steps <= int(record.step[1]) + 55


@pytest.mark.parametrize(("wanted", "expected"), [(None, 3.0), (1.0, 1.0)])
def test_weights_may_be_kept_by_a_figure_of_ones_own(wanted, expected):
    numbers = Numbers(1)

    def misfit(x: torch.Tensor, u: torch.Tensor, draws: torch.Generator) -> torch.Tensor:
        return (numbers.value - u.mean(dim=(1, 2))).square()

    x = torch.zeros(1, 4, 1, dtype=torch.float64)
    budget = Budget(400, learning_rate=0.05, check_every=1, averaging=0.0)
    check = None if wanted is None else lambda: (numbers.value - wanted).abs()
    train_on_draws(numbers, misfit, [x, x + 3.0], [x, x + 3.0], 0, budget, check)
    assert float(numbers.value.detach()) == pytest.approx(expected, abs=0.06)


class KilledError(Exception):
    """Stands for the end of a process."""


def noisy(numbers: Numbers, killed_at: int = -1):
    """A loss whose batches are drawn, of a process that may be killed at some step."""
    calls = 0

    def loss(chance: torch.Generator) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == killed_at:
            raise KilledError
        return (numbers.value - torch.randn(2, generator=chance, dtype=torch.float64)).square()

    return loss


@pytest.mark.parametrize("killed_at", [2, 4, 37, 61])
def test_a_killed_training_goes_on_to_the_same_digits(tmp_path, monkeypatch, killed_at):
    monkeypatch.setattr(Checkpoint.__init__, "__defaults__", ("", 0.0))

    def train(folder, killed_at=-1):
        numbers = Numbers(2)
        validation = lambda: (numbers.value - 0.3).square()  # noqa: E731
        loss = noisy(numbers, killed_at)
        return train_stacked(numbers, loss, validation, 5, Budget(60, check_every=10, folder=folder)), numbers.value

    (plain, value), folder = train(None), tmp_path / "training"
    with pytest.raises(KilledError):
        train(folder, killed_at)
    # First it goes on, then it is found finished.
    for step in (-1, 2):
        record, found = train(folder, step)
        assert torch.equal(found, value) and torch.equal(record.step, plain.step) and record.steps == plain.steps
        assert torch.equal(record.validation, plain.validation)


def test_a_kept_training_belongs_to_its_seed_and_loss(tmp_path):
    for seed, shift in ((0, 1.0), (1, 1.0), (0, 2.0)):
        numbers = Numbers(1)
        misfit = lambda numbers=numbers, shift=shift: (numbers.value - shift).square()  # noqa: E731
        budget = Budget(400, learning_rate=0.05, folder=tmp_path)
        train_stacked(numbers, lambda chance, misfit=misfit: misfit(), misfit, seed, budget)
        assert float(numbers.value.detach()) == pytest.approx(shift, abs=0.02)
    assert len(list(tmp_path.iterdir())) == 3


def test_rows_are_drawn_together_and_all_are_taken_where_there_are_few():
    x = torch.arange(10.0).view(1, 10, 1).repeat(2, 1, 1)
    left, right = draw_rows([x, -x], 6, torch.Generator().manual_seed(0))
    assert left.shape == (2, 6, 1) and torch.equal(left, -right)
    assert torch.equal(draw_rows([x], 10, torch.Generator())[0], x)
