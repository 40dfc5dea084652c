"""Progress of what takes its time: whoever works says at which of how many steps it is, whoever shows it watches."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

Report = Callable[[str], None]
"""Takes lines of progress."""


class Watch(Protocol):
    """Sees the tasks of a run; tasks may lie within others."""

    def begin(self, what: str, total: int) -> int:
        """A task of at most `total` steps begins; returns what names it in the other calls."""

    def advance(self, task: int, done: int) -> None:
        """So many of its steps are done."""

    def end(self, task: int) -> None:
        """The task is done, or given up."""


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """All that runs inside is watched."""
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def steps[T](items: Iterable[T], what: str, total: int | None = None) -> Generator[T]:
    """The items, while who watches sees which of them is in hand.

    Args:
        items: what is worked on, one after the other.
        what: the task, in a few words.
        total: number of items at most; their number by default.
    """
    watch = _watch.get()
    if watch is None:
        yield from items
        return
    if total is None:
        total = len(items) if isinstance(items, Sized) else 0
    task = watch.begin(what, total)
    try:
        for done, item in enumerate(items):
            watch.advance(task, done)
            yield item
    finally:
        watch.end(task)
