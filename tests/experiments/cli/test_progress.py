"""Progress during training: bar and lines, the metric, compilation, and the time left."""

import io
import sys
import types

import numpy as np
import pytest

from experiments.cli import progress, time_left
from experiments.cli.time_left import Pace, TimeLeft

RUN = types.SimpleNamespace(
    config=types.SimpleNamespace(task=types.SimpleNamespace(metric="accuracy"))
)


def state(step, *accuracies):
    metrics = [{"accuracy": np.float32(accuracies)}]
    return types.SimpleNamespace(step=step, metrics=metrics, ended=False)


@pytest.mark.parametrize("terminal", [True, False], ids=["bar", "lines"])
def test_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch, terminal):
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    first, second = [RUN, RUN], [RUN]
    with progress.progress_bar([Pace(40, 1.5), Pace(20, None)]) as bar:
        assert isinstance(bar, progress.Bar) == terminal
        bar.start_group(0, 3)
        assert "group 1 of 2: 3 runs; compiling" in screen.getvalue()
        bar.on_chunk(first, state(10, 0.25, 0.75))
        bar.on_chunk(first, state(15, 0.5, 0.9))
        bar.on_chunk(second, state(10, 0.3))
        assert bar.time_left.done == 40
        bar.start_group(1, 1)
        bar.on_chunk([RUN], state(20, 0.93))
    assert "accuracy 0.93" in screen.getvalue() and " left" in screen.getvalue()
    assert terminal or "accuracy 0.5\n" in screen.getvalue()  # the mean over the first batch
    assert ("100 %  60 of 60 steps" in screen.getvalue()) == (not terminal)
    assert ("60/60" in screen.getvalue()) == terminal


def test_a_bar_says_when_programs_compile(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    bar = progress.Bar([Pace(10, None), Pace(10, None)])
    (task,) = bar.progress.tasks
    bar.start_group(0, 1)
    assert task.description == "compiling"
    bar.on_chunk([RUN], state(10, 0.5))
    assert task.description == "training"
    bar.start_group(1, 1)
    assert task.description == "compiling"


class Clock:
    """A clock that a test moves."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(time_left.time, "monotonic", lambda: self.now)

    def advance(self, left, seconds, steps):
        self.now += seconds
        left.advance(steps)


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(time_left, "COMPILATION", 10.0)
    return Clock(monkeypatch)


def test_the_time_left_is_estimated_first_and_measured_later(clock):
    left = TimeLeft([Pace(100, 0.5), Pace(10, 2.0)])
    left.start(0)
    assert left.seconds() == 50 + 10 + 20 + 10
    clock.now += 4  # while it compiles
    assert left.seconds() == 86
    clock.advance(left, 2, 10)  # compiled in 6 seconds
    assert left.seconds() == 45 + 20 + 6
    assert left.rate() is None
    clock.advance(left, 10, 10)  # twice as slow as estimated
    assert left.rate() == 1.0 and left.seconds() == 80 + 2 * 20 + 6
    assert left.text() == "2:06 left"
    for _ in range(8):
        clock.advance(left, 10, 10)
    left.start(1)
    assert left.seconds() == 2 * 20 + 6
    clock.now += 1000  # longer than expected
    assert left.seconds() == 0


def test_without_estimates_the_time_left_is_known_from_the_second_chunk_on(clock):
    left = TimeLeft([Pace(10, None), Pace(10, None)])
    left.start(0)
    assert left.text() == ""
    clock.advance(left, 5, 2)
    assert left.seconds() is None
    clock.advance(left, 8, 4)
    assert left.seconds() == 4 * 2 + 10 * 2 + 5


def test_the_time_left_includes_runs_that_follow_tuning(clock):
    left = TimeLeft([Pace(10, 2.0, later=30), Pace(0, 2.0, later=5)])
    left.start(0)
    assert left.total == 10 and left.seconds() == 20 + 60 + 10 + 10
