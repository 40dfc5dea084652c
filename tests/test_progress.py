"""Tasks are watched by whoever shows them, and cost nothing where nobody does."""

from cmgai_fem.progress import steps, watched


class Seen:
    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def begin(self, what: str, total: int) -> int:
        self.calls.append(("begin", what, total))
        return sum(call[0] == "begin" for call in self.calls) - 1

    def advance(self, task: int, done: int) -> None:
        self.calls.append(("advance", task, done))

    def end(self, task: int) -> None:
        self.calls.append(("end", task))


def test_items_come_as_they_are_where_nobody_watches():
    assert list(steps("abc", "letters")) == ["a", "b", "c"]


def test_tasks_within_tasks_are_seen_step_by_step():
    seen = Seen()
    with watched(seen):
        for outer in steps([1, 2], "outer"):
            for _ in steps(iter(range(5)), "inner", total=5):
                if outer == 1:
                    break
    assert seen.calls[:5] == [
        ("begin", "outer", 2),
        ("advance", 0, 0),
        ("begin", "inner", 5),
        ("advance", 1, 0),
        ("end", 1),
    ]
    assert [call for call in seen.calls if call[:2] == ("advance", 2)] == [("advance", 2, done) for done in range(5)]
    assert seen.calls[-1] == ("end", 0)
    before = len(seen.calls)
    list(steps([1], "unseen"))
    assert len(seen.calls) == before


def test_the_end_is_seen_where_a_task_fails():
    seen = Seen()

    def fail() -> None:
        for _ in steps([1, 2], "fails"):
            raise ValueError("no")

    with watched(seen):
        try:
            fail()
        except ValueError as error:
            del error
    assert ("end", 0) in seen.calls
