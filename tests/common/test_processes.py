"""Work is shared out, in order and in one piece, whoever does it and whatever becomes of them."""

import math
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import work

from brainzoo.common import processes
from brainzoo.common.errors import StoppedError
from brainzoo.common.processes import each, kept, using


def test_results_come_in_order_from_processes_of_one_thread() -> None:
    assert list(each(math.factorial, range(20), 2)) == list(map(math.factorial, range(20)))
    assert set(each(os.getenv, ["OMP_NUM_THREADS", "MKL_NUM_THREADS"], 2)) == {"1"}


def test_any_executor_will_do() -> None:
    with ThreadPoolExecutor(2) as executor, using(executor, 2):
        assert list(each(math.factorial, range(9))) == list(map(math.factorial, range(9)))


def test_tasks_are_taken_as_workers_become_free() -> None:
    given: list[int] = []

    class Counted(Executor):
        def submit(self, work: Callable[[int], int], /, *tasks: int, **_: object) -> Future[int]:
            given.extend(tasks)
            future: Future[int] = Future()
            future.set_result(work(*tasks))
            return future

    with using(Counted(), 2):
        results = each(math.isqrt, range(10**6))
        assert next(results) == 0
    results.close()
    assert len(given) < 20


def test_what_a_lost_worker_had_is_done_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = [(tmp_path, number) for number in range(40)]
    assert list(each(work.lost_once, tasks, 2)) == [number**2 for number in range(40)]
    assert (tmp_path / "lost").exists()
    assert "a worker process was lost" in capsys.readouterr().err


def test_when_every_worker_is_lost_it_stops() -> None:
    with pytest.raises(StoppedError):
        list(each(os._exit, [1, 1, 1], 2))


def test_processes_are_kept_for_later_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "WORTH_KEEPING_SECONDS", 0)
    monkeypatch.setattr(processes, "cores", lambda: 2)
    monkeypatch.setattr(processes, "free_memory", lambda: None)
    with kept():
        first = list(each(work.process_id, range(40)))
        assert set(first[:2]) == {os.getpid()}
        later = set(each(work.process_id, range(40)))
        assert later
        assert later <= set(first) - {os.getpid()}
    assert set(each(work.process_id, range(4))) == {os.getpid()}
    assert not later & {process.pid for process in multiprocessing.active_children()}


def test_kept_processes_that_are_lost_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "WORTH_KEEPING_SECONDS", 0)
    monkeypatch.setattr(processes, "cores", lambda: 2)
    monkeypatch.setattr(processes, "free_memory", lambda: None)
    with kept():
        list(each(work.process_id, range(10)))
        tasks = [(tmp_path, number) for number in range(20)]
        assert list(each(work.lost_once, tasks)) == [number**2 for number in range(20)]
        assert list(each(math.isqrt, range(10))) == list(map(math.isqrt, range(10)))
