"""Signals while training, alone and under a launcher."""

import signal
import threading

import pytest

from brainzoo.training import stopping


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], threading.Event]:
    """The codes that the process would have ended with, and whether it would."""
    codes: list[int] = []
    left = threading.Event()

    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    monkeypatch.setattr(stopping.os, "_exit", leave)
    return codes, left


def test_a_step_that_waits_for_a_process_that_is_gone_is_given_up(exits, monkeypatch, capsys):
    codes, left = exits
    monkeypatch.setattr(stopping, "GIVE_UP_SECONDS", 0.05)
    with stopping.interruptions(2, "brainzoo run --resume r") as stopped:
        signal.raise_signal(signal.SIGTERM)
        assert left.wait(30)
        assert stopped.is_set()
    assert codes == [130]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("brainzoo: one of the 2 processes ended before the others")
    assert line.endswith("Go on with: brainzoo run --resume r")


def test_a_step_that_ends_in_time_is_not_given_up(exits, capsys):
    before = threading.active_count()
    with stopping.interruptions(2, "") as stopped:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)  # launchers send more than one
        assert stopped.is_set()
    assert exits[0] == []
    assert threading.active_count() == before, "nobody waits any longer"
    assert capsys.readouterr().err == ""


def test_alone_a_second_signal_stops_at_once():
    with stopping.interruptions(1, "") as stopped:
        signal.raise_signal(signal.SIGINT)
        assert stopped.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("processes", [1, 2])
def test_handlers_are_those_of_before_afterwards(processes):
    before = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    with stopping.interruptions(processes, ""):
        assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] != before
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == before
    assert signal.set_wakeup_fd(-1) == -1
