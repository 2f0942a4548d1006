"""``brainzoo quiz plan``: how many readers and images a study needs."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from brainzoo.api import OptionError, command_options, console, option

LEAST, MOST = 0.0001, 0.9999


@dataclasses.dataclass(frozen=True)
class PlanConfig:
    """Options of ``brainzoo quiz plan``."""

    goal: str = option(
        "equivalence",
        "Show that accuracy is as good as chance, or that it is not chance.",
        choices=("equivalence", "difference"),
    )
    accuracy: float | None = option(
        None, "What is true: 0.5, for a difference 0.6.", minimum=LEAST, maximum=MOST
    )
    margin: float = option(
        0.1, "Equivalence: accuracy within 0.5 ± this.", minimum=LEAST, maximum=0.5
    )
    alpha: float = option(0.05, "Of each test.", minimum=LEAST, maximum=0.5)
    power: float = option(0.8, "How probably to show it.", minimum=LEAST, maximum=MOST)
    readers: int | None = option(None, "Only this number of readers.", minimum=2, maximum=1000)
    images: int | None = option(
        None, "Power with this number of images a reader.", minimum=4, maximum=2000
    )
    reader_sd: float | None = option(None, "SD of accuracy over readers.", minimum=0, maximum=0.5)
    image_sd: float | None = option(None, "SD of accuracy over images.", minimum=0, maximum=0.5)


@command_options(PlanConfig)
@click.command()
def plan(config: PlanConfig) -> None:
    """Print images per reader for numbers of readers and spreads of accuracy.

    All readers see the same images, half real and half created. The spreads decide most: take them
    from a pilot study (`brainzoo quiz score` prints them).
    """
    from brainzoo_quiz.statistics import planning

    goal, margin, images = config.goal, config.margin, config.images
    given = [sd for sd in (config.reader_sd, config.image_sd) if sd is not None]
    if len(given) == 1:
        raise OptionError("--reader-sd and --image-sd belong together.", "Give both, or neither.")
    if images is not None and images % 2:
        raise OptionError(f"--images {images} is odd, and half are real.", "Choose an even number.")
    accuracy = config.accuracy or (0.6 if goal == "difference" else 0.5)
    if goal == "difference" and accuracy == 0.5:
        raise OptionError("an accuracy of 0.5 is chance: no difference to show.")
    if goal == "equivalence" and abs(accuracy - 0.5) >= margin:
        raise OptionError(f"an accuracy of {accuracy:g} is not within 0.5 ± {margin:g}.")
    test: dict[str, Any] = {"goal": goal, "margin": margin, "alpha": config.alpha}
    rows = []
    for reader_sd, image_sd in [given] if given else planning.SPREADS:
        study: dict[str, Any] = {"accuracy": accuracy, "reader_sd": reader_sd, "image_sd": image_sd}
        for number in [config.readers] if config.readers else planning.READERS:
            need = images or planning.images_needed(number, target=config.power, **study, **test)
            reached = planning.power(number, need, **study, **test) if need else None
            rows.append({**study, "readers": number, "images": need, "power": reached})
    shown = f"equivalence to chance within ±{margin:g}" if goal == "equivalence" else "a difference"
    want = "power" if images else f"images a reader for a power of {config.power:.0%}"
    header = ["SD over readers", "SD over images", "readers", "images", "power"]
    lines = [
        f"{want}, {shown}, true accuracy {accuracy:g}, alpha {config.alpha:g}:\n",
        console.table(header, [*map(_cells, rows)]),
    ]
    if any(row["images"] is None for row in rows):
        lines.append(f"\nnever: not even with {planning.MOST_IMAGES:,} images a reader.")
    console.answer({**test, "accuracy": accuracy, "target": config.power, "plans": rows}, *lines)


def _cells(row: dict[str, Any]) -> list[str]:
    cells = [f"{row['reader_sd']:g}", f"{row['image_sd']:g}", str(row["readers"])]
    found = row["images"] is not None
    return [*cells, str(row["images"]), f"{row['power']:.1%}"] if found else [*cells, "never", ""]
