"""Bars with the time left on a terminal, and a line now and then where there is none."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cmgai_fem.machine import world
from cmgai_fem.progress import watched

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Seconds: shorter tasks are not worth a line in a log, and no line comes sooner after another.
WORTH_SAYING = 60.0


@contextmanager
def shown() -> Iterator[None]:
    """Show the progress of all that runs inside on standard error, by the first rank alone."""
    comm = world()
    if comm is not None and comm.rank > 0:
        yield
        return
    watch: Bars | Lines = Bars() if sys.stderr.isatty() else Lines()
    try:
        with watched(watch):
            yield
    finally:
        # A task that Ctrl-C or an error broke off is still held by the traceback.
        watch.close()


class Bars:
    """Live bars, which vanish when their task is done."""

    def __init__(self) -> None:
        self._bars: Progress | None = None

    def begin(self, what: str, total: int) -> int:
        """A bar of its own below those that run."""
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
        return self._bars.add_task(what, total=total or None)

    def advance(self, task: int, done: int) -> None:
        """The bar of the task grows."""
        if self._bars is not None:
            self._bars.update(cast("TaskID", task), completed=done)

    def end(self, task: int) -> None:
        """The bar goes; after the last one the terminal is as it was."""
        if self._bars is None:
            return
        self._bars.remove_task(cast("TaskID", task))
        if not self._bars.task_ids:
            self.close()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None


def _bars() -> "Progress":
    # Quick commands do without.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    return Progress(
        SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(), TextColumn("left"),
        # What is printed meanwhile goes above the bars where both are on one terminal.
        console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty(),
    )  # fmt: skip


@dataclass
class _Task:
    what: str
    total: int
    start: float


class Lines:
    """For logs: of a task that takes long a line as soon as one of its steps tells how long, then once in a while."""

    def __init__(self) -> None:
        self._tasks: list[_Task] = []
        self._said = -WORTH_SAYING

    def begin(self, what: str, total: int) -> int:
        """Its clock starts."""
        self._tasks.append(_Task(what, total, time.monotonic()))
        return len(self._tasks) - 1

    def advance(self, task: int, done: int) -> None:
        """Say what is left, if that is long."""
        one, now = self._tasks[task], time.monotonic()
        if not done or now - self._said < WORTH_SAYING:
            return
        left = (one.total - done) * (now - one.start) / done
        if left >= WORTH_SAYING:
            self._said = now
            print(f"{one.what}: {done} of {one.total} done, about {_in_words(left)} left", file=sys.stderr, flush=True)

    def end(self, task: int) -> None:
        """Nothing: its line has been said."""

    def close(self) -> None:
        """Nothing is open."""


def _in_words(seconds: float) -> str:
    return f"{seconds / 60.0:.0f} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"
