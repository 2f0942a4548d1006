import math
import os
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor

import pytest

from brainzoo.common.processes import each


def test_results_come_in_order_from_processes_of_one_thread():
    assert list(each(math.factorial, range(20), 2)) == list(map(math.factorial, range(20)))
    assert set(each(os.getenv, ["OMP_NUM_THREADS", "MKL_NUM_THREADS"], 2)) == {"1"}


def test_any_executor_will_do():
    with ThreadPoolExecutor(2) as executor:
        found = list(each(math.factorial, range(9), 2, executor=executor))
    assert found == list(map(math.factorial, range(9)))


def test_tasks_are_taken_as_workers_become_free():
    taken = iter(range(10**9))
    results = each(math.sqrt, taken, 2)
    assert next(results) == 0
    results.close()
    assert next(taken) < 100


def test_a_lost_worker_is_an_error():
    with pytest.raises(BrokenExecutor):
        list(each(os._exit, [1, 1, 1], 2))
