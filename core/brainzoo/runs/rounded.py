"""A finished run with its weights rounded to float16: half the size to publish.

Where samples stay the same to half a grey level, what was measured of them holds and comes along.
Else the rounded weights are a model of their own (a VQ-VAE's codes are drawn one after the other,
and one that flips changes all after it): its samples and figures are then to be made anew.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from brainzoo.checkpoint import round_weights
from brainzoo.common import console
from brainzoo.common.errors import NotFoundError
from brainzoo.common.files import exists_error, new_folder
from brainzoo.evaluating.running import EARLIER, FILE, read_evaluation, write_metrics
from brainzoo.runs.folder import RunFolder

SUFFIX = "-float16"
COPIED = ("stats.jsonl", "progress")
MEASURED = ("samples", FILE, "evaluation")


@dataclasses.dataclass(frozen=True)
class RoundedRun:
    """What :func:`round_run` made.

    Attributes:
        folder: The new run.
        same: Whether samples stayed the same, and figures and verdict with them.
        mean_difference: Of the sample that changed most, on average, in [0, 1].
        largest_difference: Of any pixel.
    """

    folder: Path
    same: bool
    mean_difference: float
    largest_difference: float


def round_run(run: Path, out: Path | None = None) -> RoundedRun:
    """Write a finished run anew, with float16 weights; the run itself stays as it is.

    Args:
        run: The run folder; trained to its end.
        out: The new run folder; by default ``RUN-float16`` beside it.

    Raises:
        NotFoundError: There is no run, or it is not trained to its end.
        ExistsError: The new folder is there already, or the weights are float16 already.
        DataError: A weight is beyond the range of float16.
    """
    opened = RunFolder.open(run)
    if not opened.done("train"):
        raise NotFoundError(f"{run} holds no checkpoint yet.", f"brainzoo run --resume {run}")
    folder = out or run.absolute().with_name(f"{run.absolute().name}{SUFFIX}")
    if folder.exists():
        raise exists_error(folder)
    console.note("rounding the weights, and comparing samples")
    with new_folder(folder) as temporary:
        shutil.copyfile(run / "run.yaml", temporary / "run.yaml")
        for name in COPIED:
            _copy(run / name, temporary / name)
        found = round_weights(run / "checkpoint", temporary / "checkpoint")
        for name in MEASURED if found.same else ():
            _copy(run / name, temporary / name)
        write_metrics(temporary, temporary / "checkpoint")
        _write_record(RunFolder.open(temporary), read_evaluation(run)["evaluators"], found.same)
    return RoundedRun(folder, found.same, found.mean_difference, found.largest_difference)


def _write_record(opened: RunFolder, evaluators: dict[str, dict[str, object]], same: bool) -> None:
    """Note what is done, and that what was measured before is to be measured again."""
    before = opened.record["seconds"]
    done = ("prepare", "train", *(("sample",) if same else ()))
    opened.record["seconds"] = {name: before[name] for name in done if name in before}
    opened.record["evaluate"] = [
        {"name": name, "options": entry["options"]} for name, entry in evaluators.items()
    ]
    if same and evaluators:
        opened.record["seconds"]["evaluate"] = before.get("evaluate", 0.0)
    opened.save()


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(EARLIER, ".*"))
    elif source.is_file():
        shutil.copyfile(source, target)
