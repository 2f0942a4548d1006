"""Signals while training, alone and under a launcher."""

import signal

import pytest

from brainzoo.training import stopping


def test_of_several_processes_each_finishes_its_step():
    with stopping.interruptions(2) as stopped:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)  # launchers send more than one
        assert stopped.is_set()


def test_alone_a_second_signal_stops_at_once():
    with stopping.interruptions(1) as stopped:
        signal.raise_signal(signal.SIGINT)
        assert stopped.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("processes", [1, 2])
def test_handlers_are_those_of_before_afterwards(processes):
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with stopping.interruptions(processes):
        assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] != before
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before
