"""The run folder and its ``run.yaml``: what the run is, and which of its steps are done."""

from __future__ import annotations

import datetime
import glob
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from brainzoo.common.errors import DataError, OptionError
from brainzoo.common.files import disk_errors, exists_error, write_text
from brainzoo.common.hardware import hardware
from brainzoo.plugin.manager import plugins, versions
from brainzoo.plugin.run import SCHEMA, read_record, trained
from brainzoo.runs.settings import BUDGETS, Settings, to_record

if TYPE_CHECKING:
    from brainzoo.data.images import Images

OUTPUTS = {
    "train": ("checkpoint",),
    "sample": ("samples",),
    "evaluate": ("evaluation.json", "evaluation"),
    "export": ("export",),
    "report": ("report",),
}
"""What each step leaves in the folder, in the order of the steps."""


class RunFolder:
    """A run on disk: a step is done when its time is in ``record["seconds"]``."""

    def __init__(self, path: Path, record: dict[str, Any]) -> None:
        self.path = path
        self.record = record

    @classmethod
    def create(cls, path: Path, settings: Settings, images: Images, command: str) -> RunFolder:
        """Make a new run folder; ``run.yaml`` notes what is compared when it is resumed."""
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.mkdir()
            except FileExistsError:
                raise exists_error(path) from None
        wanted = to_record(settings)
        plugin = plugins().of("generator", settings.generator.name)
        wanted["generator"] |= {"distribution": plugin.distribution, "version": plugin.version}
        wanted["data"]["fingerprint"] = images.fingerprint
        record = {
            "schema": SCHEMA,
            **wanted,
            "versions": versions(),
            "hardware": hardware(),
            "command": command,
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "seconds": {},
        }
        folder = cls(path, record)
        folder.save()
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open a run folder."""
        return cls(path, read_record(path))

    def save(self) -> None:
        """Write ``run.yaml``."""
        text = yaml.safe_dump(self.record, sort_keys=False, allow_unicode=True, width=100)
        write_text(self.path / "run.yaml", text)

    def done(self, step: str) -> bool:
        """Return whether a step ended and its output is still there."""
        return step in self.record["seconds"] and (self.path / OUTPUTS[step][0]).exists()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Do a step, and note the time it took."""
        started = time.monotonic()
        yield
        self.record["seconds"][name] = round(time.monotonic() - started, 2)
        self.record["hardware"] = hardware()
        self.save()

    def made(self) -> dict[str, Any]:
        """Return the paths of what is there, by what it is, and the seconds of each step."""
        paths = {name: name for name in ("checkpoint", "samples", "export")}
        paths |= {"run": ".", "evaluation": "evaluation.json", "report": "report/index.html"}
        there = {k: str(self.path / p) for k, p in paths.items() if (self.path / p).exists()}
        return {**there, "seconds": self.record["seconds"]}

    def clear(self, name: str) -> None:
        """Remove what an earlier step of that name made, so that it can be made anew."""
        for output in OUTPUTS[name]:
            left = self.path.glob(f".{output}.*.part")  # by a process that was killed
            for path in (self.path / output, *left):
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)

    def expect_same_data(self, images: Images) -> None:
        """Refuse images that are not those of the run."""
        wanted = self.record["data"].get("fingerprint")
        if images.fingerprint != wanted:
            raise DataError(
                f"the data are not those that {self.path} began with: fingerprint "
                f"{images.fingerprint[:12]}, expected {str(wanted)[:12]}.",
                "Restore the scans and their table, or start a new run.",
            )

    def take_changes(self, settings: Settings) -> None:
        """Note where the data lie now, and a changed budget.

        With a new budget training goes on from its state, and all after it is done anew.
        """
        now = to_record(settings)
        if self.record["data"]["options"] != now["data"]["options"]:
            self.record["data"]["options"] = now["data"]["options"]
            self.save()
        before, wanted = self.record["train"], now["train"]
        if before.get("threads") != wanted["threads"]:
            self.keep_threads(wanted["threads"])
        budget = {name: before[name] for name in BUDGETS}
        if budget == {name: wanted[name] for name in BUDGETS}:
            return
        images, seconds = trained(self.path)
        too_few = wanted["images"] is not None and wanted["images"] < images
        too_short = wanted["minutes"] is not None and 60 * wanted["minutes"] < seconds
        if too_few or too_short:
            raise OptionError(
                f"the run has seen {images:,} images in {seconds / 60:.1f} minutes; the budget "
                "given is less.",
                "Give a larger one, or start a new run.",
            )
        # Schedules are fractions of the budget: who repeats the run must know that it grew.
        self.record.setdefault("earlier_budgets", []).append(budget)
        self.record["train"] = wanted
        self.forget(*OUTPUTS)

    def keep_threads(self, count: int | str | None) -> None:
        """Note how many threads train: whoever resumes goes on with as many."""
        self.record["train"]["threads"] = None if count is None else str(count)
        self.save()

    def forget(self, *names: str) -> None:
        """Mark steps as not done."""
        for name in names:
            self.record["seconds"].pop(name, None)
        self.save()


def next_folder(generator: str, data: str, parent: Path = Path("runs")) -> Path:
    """Return ``runs/<generator>-<data>-NNN`` with the next number that is free."""
    stem = f"{generator}-{Path(data).name}"
    ends = [path.name.rpartition("-")[2] for path in parent.glob(f"{glob.escape(stem)}-*")]
    return parent / f"{stem}-{max((int(n) for n in ends if n.isdigit()), default=0) + 1:03d}"
