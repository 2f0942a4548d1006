"""The number of threads follows what is faster, on machines that are simulated step by step."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

from brainzoo.common.errors import OptionError
from brainzoo.plugin.run import TrainConfig
from brainzoo.training.threads import _Processors, threads

Rate = Callable[[int, float], float]
OTHER = "import time; end = time.time() + 2\nwhile time.time() < end: pass"


class Machine:
    """Trains in steps of 16 images; ``rate(threads, seconds)`` says how fast, in images/s."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
        self.threads, self.images, self.chosen = threads, 0, []  # type: ignore[var-annotated]
        self.free: Callable[[float], float] = lambda seconds: threads
        self.seconds = 0.0
        monkeypatch.setattr(_Processors, "free", lambda _: self.free(self.seconds))
        monkeypatch.setattr(torch, "get_num_threads", lambda: self.threads)
        monkeypatch.setattr(torch, "set_num_threads", lambda n: setattr(self, "threads", n))

    def train(self, rate: Rate, until: float, wanted: str | None = "auto") -> None:
        seconds = 0.0
        with threads(wanted, True, self.chosen.append) as after_step:
            while seconds < until:
                seconds += 16 / rate(self.threads, seconds)
                self.images += 16
                self.seconds = seconds
                after_step(16, seconds)
                self.last = self.threads


def idle(threads: int, _: float) -> float:
    return 100.0 * threads**0.8


def busy(threads: int, _: float) -> float:
    return 80.0 if threads == 1 else 2.0 / threads


def test_an_idle_machine_keeps_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 4)
    machine.train(idle, 300)
    assert (machine.chosen, machine.last, machine.threads) == ([4], 4, 4)
    assert machine.images > 0.97 * 300 * idle(4, 0)


def test_beside_a_neighbour_one_thread_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 4)
    machine.train(busy, 300)
    assert set(machine.chosen) == {1}
    assert machine.last == 1
    assert machine.threads == 4  # what comes afterwards is as before
    assert machine.images > 0.8 * 300 * busy(1, 0)


def test_a_neighbour_that_comes_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, 2)
    machine.train(lambda n, at: busy(n, at) if 100 < at < 500 else idle(n, at), 1500)
    assert machine.chosen[0] == 2
    assert 1 in machine.chosen
    assert machine.last == 2
    assert machine.images > 0.8 * (400 * busy(1, 0) + 1100 * idle(2, 0))


def test_where_others_compute_too_many_threads_are_not_even_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine(monkeypatch, 2)
    machine.free = lambda at: 2.0 if at > 60 else 1.0
    machine.train(lambda n, at: busy(n, at) if at < 60 else idle(n, at), 55)
    assert machine.images > 0.95 * 55 * busy(1, 0)
    machine.train(lambda n, at: busy(n, at) if at < 60 else idle(n, at), 120)
    assert machine.last == 2, "tried as soon as there is room, not minutes later"


def test_a_program_that_computes_leaves_less_free() -> None:
    processors = _Processors()
    subprocess.run([sys.executable, "-c", OTHER], check=True)
    assert processors.free() < (os.cpu_count() or 1) - 0.3


def test_nice_programs_count_for_one_that_is_nice_itself() -> None:
    program = f"""
import os, subprocess, sys
from brainzoo.training.threads import _Processors
os.nice(1)
processors = _Processors()
subprocess.run([sys.executable, "-c", {OTHER!r}], check=True)
print(processors.free())"""
    told = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert float(told.stdout) < (os.cpu_count() or 1) - 0.3


@pytest.mark.parametrize(("wanted", "expected"), [(None, 4), ("3", 3)])
def test_a_fixed_number_stays(
    monkeypatch: pytest.MonkeyPatch, wanted: str | None, expected: int
) -> None:
    machine = Machine(monkeypatch, 4)
    machine.train(busy, 60, wanted)
    assert (machine.chosen, machine.last, machine.threads) == ([], expected, 4)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(OptionError, match="a number or auto"):
        TrainConfig(images=1, threads="0")
