import os
import signal
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor

import pytest

from brainzoo.common.processes import each


def threads_and_square(number):
    return os.environ.get("OMP_NUM_THREADS"), number * number


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_order_from_processes_of_one_thread():
    found = list(each(threads_and_square, range(20), 2))
    assert found == [("1", number * number) for number in range(20)]


def test_any_executor_will_do():
    with ThreadPoolExecutor(2) as executor:
        found = [square for _, square in each(threads_and_square, range(9), 2, executor=executor)]
    assert found == [number * number for number in range(9)]


def test_tasks_are_taken_as_workers_become_free():
    taken = iter(range(10**9))
    results = each(threads_and_square, taken, 2)
    assert next(results)[1] == 0
    results.close()
    assert next(taken) < 100


def test_a_lost_worker_is_an_error():
    with pytest.raises(BrokenExecutor):
        list(each(die, range(3), 2))
