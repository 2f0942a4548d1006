"""A run is a folder; ``Run`` is what a generator needs of it while it trains."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainzoo.common import launch
from brainzoo.common.errors import IntegrityError, NotFoundError, OptionError
from brainzoo.plugin.options import LARGEST_SEED, option

if TYPE_CHECKING:
    from brainzoo.data.images import Images

SCHEMA = 1  # of ``run.yaml``


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The options that training takes for every generator."""

    images: int | None = option(
        None, "Budget: images seen, counted with repeats (300k, 2M).", minimum=1
    )
    minutes: float | None = option(
        None, "Budget: time of training steps, in minutes.", minimum=0.001
    )
    batch_size: int = option(16, "Images per training step, of all processes together.", minimum=1)
    seed: int = option(0, "Decides everything random.", minimum=0, maximum=LARGEST_SEED)
    device: str = option("auto", "cpu, cuda, mps, or auto.")
    precision: str = option(
        "auto", "auto takes bf16 where it is faster.", choices=("auto", "fp32", "bf16")
    )
    threads: str | None = option(
        None,
        "Threads on a CPU: auto tries what is faster now, and again when training becomes slow; "
        "other numbers differ in the last bits.",
        metavar="N|auto",
    )
    flip: bool = option(True, "Augment: mirror left and right at random.")
    rotate_deg: float = option(5.0, "Augment: rotate in the plane up to ± this.", minimum=0)
    translate: float = option(
        0.02, "Augment: shift up to ± this fraction of the size.", minimum=0, maximum=0.5
    )
    zoom: float = option(0.03, "Augment: scale up to ± this fraction.", minimum=0, maximum=0.5)
    elastic_mm: float = option(
        0.0, "Augment: bend smoothly, by displacements of this standard deviation.", minimum=0
    )
    gamma: float = option(
        0.0, "Augment: raise intensities to a power whose logarithm varies by this.", minimum=0
    )
    augment_fraction: float = option(
        1.0,
        "Augment this fraction of the images; the others are only mirrored.",
        minimum=0,
        maximum=1,
    )
    augment_until: float = option(
        1.0,
        "Augment up to this fraction of the budget; then images are only mirrored.",
        minimum=0,
        maximum=1,
    )
    decay: float = option(
        0.0,
        "Lower the learning rates to zero, linearly, over this last fraction of the budget.",
        minimum=0,
        maximum=1,
    )
    ema_images: int = option(
        10_000, "Half-life, in images, of the averaged weights that samples come from.", minimum=0
    )
    accumulate: int = option(1, "Split each step into this many smaller batches.", minimum=1)
    save_minutes: float = option(2.0, "Write the state for resuming this often.", minimum=0)
    grids: int = option(24, "Sample grids over the whole run; 0 for none.", minimum=0)
    snapshot: str = option(
        "best",
        "What to keep: the weights that fitted validation images best, or the last.",
        choices=("best", "last"),
    )
    patience: int | None = option(
        None, "End when this many sample grids in a row fit validation images no better.", minimum=1
    )
    teacher: str = option(
        "",
        "Learn from samples of this model in place of the images: a name, a run or a checkpoint; "
        "or a generator that learns from the images first, such as mosaic.",
    )
    teacher_samples: int = option(8_000, "How many samples of the teacher.", minimum=1)
    start: str = option(
        "",
        "Go on from the weights of this trained model, as fine-tuning does: a name, a run or a "
        "checkpoint.",
    )
    track: str = option(
        "none",
        "Send figures and sample grids to a tracker, too.",
        choices=("none", "tensorboard", "wandb", "trackio"),
    )

    def __post_init__(self) -> None:
        if self.images is None and self.minutes is None:
            raise OptionError("no budget is set.", "Give --images 300k or --minutes 30.")
        if self.threads not in (None, "auto") and not re.fullmatch("[1-9][0-9]{0,3}", self.threads):
            raise OptionError(f"threads is {self.threads!r}; expected a number or auto.")
        if self.batch_size % self.accumulate:
            raise OptionError(
                f"batch size {self.batch_size} cannot be split into {self.accumulate} parts.",
                "Choose --accumulate so that it divides --batch-size.",
            )


@dataclasses.dataclass(frozen=True)
class Run:
    """Where training writes, and the settings common to every generator.

    ``validation`` images, of people that are not trained on, decide which snapshot is kept.
    ``lessons`` are samples of a teacher, to be learned from in place of the training images.
    ``start`` is the checkpoint whose weights training begins with.
    ``threads_chosen`` is told how many threads turned out to be fastest.
    """

    folder: Path
    train: TrainConfig
    resume: bool = False
    validation: Images | None = None
    lessons: Images | None = None
    start: Path | None = None
    threads_chosen: Callable[[int], None] = lambda count: None

    def spent(self, images: int, seconds: float) -> float:
        """Return the fraction of the budget that is spent; 1 or more ends the training."""
        by_images = images / self.train.images if self.train.images is not None else 0.0
        by_time = seconds / (60 * self.train.minutes) if self.train.minutes is not None else 0.0
        return max(by_images, by_time)

    def images_at_once(self, batch_size: int) -> int:
        """Return how many images of a batch each process trains on at once."""
        launch.expect_shareable(batch_size, self.train.accumulate)
        return batch_size // (launch.processes() * self.train.accumulate)

    @property
    def state(self) -> Path:
        """What resuming needs."""
        return self.folder / "state"

    @property
    def progress(self) -> Path:
        """Sample grids made while training."""
        return self.folder / "progress"

    @property
    def stats(self) -> Path:
        """A JSON line per logging step."""
        return self.folder / "stats.jsonl"

    @property
    def checkpoint(self) -> Path:
        """What can be published."""
        return self.folder / "checkpoint"

    @property
    def samples(self) -> Path:
        """Synthetic images."""
        return self.folder / "samples"


def read_record(path: Path) -> dict[str, Any]:
    """Read ``run.yaml``, given its path or that of its run folder, or say what is wrong with it."""
    import yaml

    path = path if path.suffix in (".yaml", ".yml") else path / "run.yaml"
    if not path.is_file():
        raise NotFoundError(f"there is no run at {path.parent}: it has no {path.name}.")
    try:
        record = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise IntegrityError(f"{path} cannot be read: {text}.") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        found = record.get("schema") if isinstance(record, dict) else type(record).__name__
        raise IntegrityError(f"{path} is of schema {found!r}; this version reads {SCHEMA}.")
    for name in ("generator", "data", "train", "export", "evaluate"):
        if not isinstance(record.get(name), list if name in ("export", "evaluate") else dict):
            raise IntegrityError(f"{path} lacks the section {name!r}.")
    return record


def trained(path: Path) -> tuple[int, float]:
    """Return how many images and seconds the training of a run folder has used so far."""
    last: dict[str, Any] = {}
    stats = path / "stats.jsonl"
    for text in stats.read_text(encoding="utf-8").splitlines() if stats.is_file() else ():
        with contextlib.suppress(ValueError):
            last = json.loads(text)
    return int(last.get("images", 0)), float(last.get("seconds", 0))
