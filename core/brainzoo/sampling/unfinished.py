"""``NAME.part`` beside the folder that it becomes: what is drawn of it, and of which request.

    request.json   all that decides the images
    done.jsonl     a line for each batch: where, and its hash; written after the batch itself
    files/         the images: what becomes the folder

Only the process that holds the lock writes the first two. The operating system frees the lock of a
process that was killed.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from brainzoo.common.errors import ExistsError
from brainzoo.common.files import exists_error, settle, write_text
from brainzoo.sampling.sinks import Rows, Sink, Written


class Unfinished:
    """A folder that is being drawn."""

    def __init__(self, target: Path, record: Mapping[str, Any]) -> None:
        self.target = target
        self.folder = target.with_name(f"{target.name}.part")
        self.files = self.folder / "files"
        self._record = json.loads(json.dumps(record))
        self._journal = self.folder / "done.jsonl"
        self._counts: dict[int, int] = {}  # images of a batch by the index of its first
        self._lock = filelock.FileLock(self.folder / "lock")

    @property
    def done(self) -> int:
        """How many images are drawn."""
        return sum(self._counts.values())

    @contextmanager
    def claimed(self, sink: Sink, *, replace: bool) -> Iterator[None]:
        """Hold it, with what is here of the same request, while the block runs.

        ``replace`` deletes what another request left here instead of refusing.
        """
        if self.target.exists():
            raise exists_error(self.target)
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise ExistsError(
                f"another process is drawing {self.target} at this moment.",
                "Wait for it, or choose another folder with --out.",
            ) from None
        found = self._found()
        keep = found is not None  # whatever happens: an earlier process drew it
        try:
            self._expect_same(found, replace)
            write_text(self.folder / "request.json", json.dumps(self._record, indent=2))
            sink.begin()
            self._keep_whole(sink)
            yield
        finally:
            nothing = not keep and not self._counts
            if nothing or self.target.exists():
                shutil.rmtree(self.folder, ignore_errors=True)
            self._lock.release()

    def add(self, written: Written) -> None:
        """Note that a batch is drawn."""
        with self._journal.open("ab") as file:
            file.write(_line(written).encode())
        self._counts[written.start] = written.count

    def missing(self, n: int) -> list[range]:
        """Return the spans of the images 0 to n - 1 that are not drawn."""
        spans, at = [], 0
        for start in sorted(self._counts):
            if start > at:
                spans.append(range(at, start))
            at = start + self._counts[start]
        return [*spans, range(at, n)] if at < n else spans

    def finish(self, sink: Sink, rows: Rows) -> None:
        """Give the folder its name: all is drawn."""
        for left in self.files.rglob(".*.part"):  # by a worker that was killed
            left.unlink()
        sink.finish(rows)
        settle(self.files, self.target)

    def mine(self) -> bool:
        """Return whether nothing is here, or what the same request left."""
        if not self.folder.exists():
            return True
        try:
            with self._lock.acquire(timeout=0):
                return self._found() in (None, self._record)
        except filelock.Timeout:
            return False

    def _found(self) -> Any:
        try:
            return json.loads((self.folder / "request.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _expect_same(self, found: Any, replace: bool) -> None:
        if found == self._record:
            return
        if found is not None and not replace:
            raise ExistsError(
                f"{self.folder} is of another request: {difference(found, self._record)}.",
                "Ask for the same to go on with it, choose another --out, or remove it.",
            )
        self._journal.unlink(missing_ok=True)
        shutil.rmtree(self.files, ignore_errors=True)

    def _keep_whole(self, sink: Sink) -> None:
        """Write the journal anew with the batches that are really there."""
        lines = self._journal.read_text(encoding="utf-8") if self._journal.exists() else ""
        kept: dict[int, Written] = {}
        for line in lines.splitlines():
            try:
                written = Written(**json.loads(line))
            except (ValueError, TypeError):
                continue  # a line that a crash cut short
            if sink.holds(written):
                kept[written.start] = written
        write_text(self._journal, "".join(map(_line, kept.values())))
        self._counts = {start: written.count for start, written in kept.items()}


def _line(written: Written) -> str:
    return json.dumps(dataclasses.asdict(written)) + "\n"


def difference(found: Any, wanted: Any, name: str = "") -> str:
    """Say the first thing in which two requests differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        key = next(k for k in [*wanted, *found] if found.get(k) != wanted.get(k))
        return difference(found.get(key), wanted.get(key), f"{name}.{key}".strip("."))
    shown = ("none" if value is None else str(value) for value in (found, wanted))
    before, now = (text if len(text) <= 40 else f"{text[:12]}…" for text in shown)
    return f"{name} {before}, expected {now}"
