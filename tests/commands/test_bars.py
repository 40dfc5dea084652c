"""Bars on a terminal, and lines of what takes long in a log."""

import io
import sys

import pytest

from cmgai_fem.commands import bars
from cmgai_fem.progress import steps, watched


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bars_are_there_while_a_task_runs_and_gone_after(monkeypatch: pytest.MonkeyPatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with bars.shown():
        for row in steps(range(4), "left-out states [bold]"):
            if row == 2:
                print("a line meanwhile", file=sys.stderr)
    text = screen.getvalue()
    assert "left-out states [bold]" in text and "/4" in text and "a line meanwhile" in text
    assert text.rindex("\x1b[?25h") > text.rindex("left-out")


def test_the_cursor_is_back_after_an_interrupted_task(monkeypatch: pytest.MonkeyPatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    held = steps(range(4), "left-out states")

    def interrupted() -> None:
        with bars.shown():
            for _ in held:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    text = screen.getvalue()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    held.close()


def test_a_log_gets_a_line_of_what_takes_long(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    now = [0.0]
    monkeypatch.setattr(bars.time, "monotonic", lambda: now[0])
    with watched(bars.Lines()):
        for _ in steps(range(10), "reference states"):
            now[0] += 30.0
        for _ in steps(range(10), "quick ones"):
            now[0] += 1.0
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "reference states: 1 of 10 done, about 4 min left",
        "reference states: 3 of 10 done, about 4 min left",
        "reference states: 5 of 10 done, about 2 min left",
        "reference states: 7 of 10 done, about 2 min left",
    ]
