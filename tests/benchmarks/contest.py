"""Times several ways of doing the same work in turns, and tells the ratios as a Markdown table.

On a machine that others use too, seconds drift by more than the ways differ. So every round times
every way once; ratios are taken within a round, and medians are told. With one thread
(OMP_NUM_THREADS=1) seconds are those of the processor: waiting for others does not count.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from operator import truediv
from typing import Any

import torch


@dataclasses.dataclass
class Way:
    """One way of doing the work.

    Attributes:
        name: Who does it.
        run: Works for about so many seconds and returns units a second.
        note: What differs, for the table.
    """

    name: str
    run: Callable[[float], float]
    note: str = ""


@dataclasses.dataclass
class Contest:
    """Ways of doing the same work, brainzoo's first.

    Attributes:
        title: What is done.
        unit: What is counted, such as ``images/s``.
        ways: The ways.
        note: What a reader must know; a paragraph below the table.
        pairs: Names of other ways whose ratio is told there, too.
        inverse: Tell the time of a unit, not units a second.
    """

    title: str
    unit: str
    ways: list[Way]
    note: str = ""
    pairs: Sequence[tuple[str, str]] = ()
    inverse: bool = False


def hold(contest: Contest, repeats: int, seconds: float) -> str:
    """Time every way in turns; return heading, table and note as Markdown."""
    rates: list[list[float]] = [[] for _ in contest.ways]
    for number in range(-1, repeats):  # a short round before the first warms up
        for way, found in zip(contest.ways, rates, strict=True):
            say(
                f"{contest.title}: {way.name}, "
                + (f"round {number + 1}/{repeats}" if number >= 0 else "warm-up")
            )
            rate = way.run(seconds if number >= 0 else seconds / 4)
            if number >= 0:
                found.append(rate)
    by_name = {way.name: found for way, found in zip(contest.ways, rates, strict=True)}
    lines = [f"| {contest.title} | {contest.unit} | brainzoo is | |", "|---|---|---|---|"]
    for way, found in zip(contest.ways, rates, strict=True):
        ratios = [ours / theirs for ours, theirs in zip(rates[0], found, strict=True)]
        ratio = f"{statistics.median(ratios):.2f} × as fast" if found is not rates[0] else ""
        told = [1 / rate for rate in found] if contest.inverse else found
        spread = f"{_short(statistics.median(told))} ({_short(min(told))}–{_short(max(told))})"
        lines.append(f"| {way.name} | {spread} | {ratio} | {way.note} |")
    notes = []
    for one, two in contest.pairs:
        if two in by_name:
            median = statistics.median(map(truediv, by_name[one], by_name[two]))
            notes.append(f"{one}: {median:.2f} × as fast as {two}.")
    note = " ".join([*notes, contest.note]).strip()
    return "\n".join([*lines, *(["", note] if note else [])])


def clock() -> float:
    """Return the time in seconds: the processor's, where one thread computes."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def for_seconds(step: Callable[[], int], seconds: float, least: int = 2) -> float:
    """Repeat a step that returns how many units it did; return units a second."""
    done = steps = 0
    started = clock()
    while steps < least or clock() - started < seconds:
        done += step()
        steps += 1
    return done / (clock() - started)


def main(contests: Callable[[Any], Sequence[Contest]], description: str, **defaults: Any) -> None:
    """Run a script's contests as a command and print their tables."""
    given = parser(description, **defaults).parse_args()
    kind = "processor time of one thread" if torch.get_num_threads() == 1 else "time"
    print(f"{torch.get_num_threads()} threads, {kind}, medians of {given.repeats} rounds\n")
    for contest in contests(given):
        print(hold(contest, given.repeats, given.seconds), end="\n\n", flush=True)


def parser(description: str, **defaults: Any) -> argparse.ArgumentParser:
    """Return the options that every script takes."""
    made = argparse.ArgumentParser(description=description.splitlines()[0])
    made.add_argument("--repeats", type=int, default=5, help="rounds")
    made.add_argument("--seconds", type=float, default=3.0, help="length of one timing")
    for name, value in defaults.items():
        made.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return made


def say(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


def _short(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"
