"""A real Dask scheduler with four worker processes, two of which are killed in the middle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask_cluster
import pytest
import work
from waiting import wait_until

from brainzoo.common import processes
from brainzoo.common.errors import NetworkError
from brainzoo.common.processes import cluster, each
from brainzoo.sampling.unfinished import Unfinished
from brainzoo.testing.plugin import files_below

from ..conftest import Brainzoo
from .test_sample import trained

pytest.importorskip("distributed")


@pytest.mark.usefixtures("tiny")
def test_a_cluster_that_loses_workers_makes_the_same_files(
    brainzoo: Brainzoo, scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = trained(tmp_path, 16)
    sample = ("sample", checkpoint, "-n", 400, "--batch-size", 8)
    prepare = ("data", "folder", "--data.root", scans, "--size", 32, "--data.slices", 3)
    with dask_cluster.started(tmp_path / "dask", 4) as (address, workers):
        with cluster(address):  # as many as there will be
            wait_until(lambda: len(set(each(work.process_id, range(40)))) == 4)
        there = ("--cluster", address)
        with monkeypatch.context() as patch:
            patch.setattr(Unfinished, "add", after(3, Unfinished.add, lambda: kill(workers[:2])))
            assert brainzoo(*sample, *there, "--out", "there").exit_code == 0
        assert [worker.poll() is None for worker in workers] == [False, False, True, True]
        assert brainzoo(*sample, *there, "--stream", "--out", "streamed").exit_code == 0
        assert brainzoo(*prepare, *there, "--out", "prepared-there").exit_code == 0
        with cluster(address):
            tasks = [(tmp_path, number) for number in range(40)]
            assert list(each(work.lost_once, tasks)) == [number**2 for number in range(40)]
    assert brainzoo(*sample, "--workers", 1, "--out", "here").exit_code == 0
    assert brainzoo(*prepare, "--out", "prepared-here").exit_code == 0
    made = {path.name: files_below(path) for path in Path().iterdir()}
    assert made["there"] == made["streamed"] == made["here"]
    assert made["prepared-there"] == made["prepared-here"]


def after(count: int, add: Callable[..., None], act: Callable[[], None]) -> Callable[..., None]:
    """Return a method that acts at its so-manieth call."""
    calls: list[Any] = []

    def counted(self: Unfinished, written: Any) -> None:
        calls.append(written)
        if len(calls) == count:
            act()
        add(self, written)

    return counted


def kill(workers: list[Any]) -> None:
    for worker in workers:
        worker.kill()
        worker.wait()


def test_a_scheduler_that_is_not_there_is_one_line(
    brainzoo: Brainzoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "CONNECT_SECONDS", 0.5)
    with pytest.raises(NetworkError), cluster("tcp://127.0.0.1:9"):
        pass
