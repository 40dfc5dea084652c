import pytest
import torch
from torch import nn

from cmgai_fem.distributions.training import Budget, draw_rows, train_on_draws, train_stacked


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
        numbers, lambda: (numbers.value - 10.0).square(), lambda: (numbers.value - wanted).square(), budget
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


def test_rows_are_drawn_together_and_all_are_taken_where_there_are_few():
    x = torch.arange(10.0).view(1, 10, 1).repeat(2, 1, 1)
    left, right = draw_rows([x, -x], 6, torch.Generator().manual_seed(0))
    assert left.shape == (2, 6, 1) and torch.equal(left, -right)
    assert torch.equal(draw_rows([x], 10, torch.Generator())[0], x)
