"""``brainzoo quiz plan``: how many readers and images a study needs."""

from __future__ import annotations

from typing import Any

import click

from brainzoo.api import OptionError, command_options, console


@command_options()
@click.command()
@click.option(
    "--goal",
    type=click.Choice(["equivalence", "difference"]),
    default="equivalence",
    show_default=True,
    help="Show that accuracy is as good as chance, or that it is not chance.",
)
@click.option(
    "--accuracy",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="What is true. [default: 0.5; for a difference 0.6]",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.1,
    show_default=True,
    help="Equivalence: accuracy within 0.5 ± this.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
)
@click.option(
    "--power",
    "target",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
)
@click.option("--readers", type=click.IntRange(2, 1000), help="Only this number of readers.")
@click.option(
    "--images", type=click.IntRange(4, 2000), help="Power with this number of images a reader."
)
@click.option("--reader-sd", type=click.FloatRange(0, 0.5), help="SD of accuracy over readers.")
@click.option("--image-sd", type=click.FloatRange(0, 0.5), help="SD of accuracy over images.")
def plan(
    goal: str,
    accuracy: float | None,
    margin: float,
    alpha: float,
    target: float,
    readers: int | None,
    images: int | None,
    reader_sd: float | None,
    image_sd: float | None,
) -> None:
    """Print images per reader for numbers of readers and spreads of accuracy.

    All readers see the same images, half real and half created. The spreads decide most: take them
    from a pilot study (`brainzoo quiz score` prints them).
    """
    from brainzoo_quiz.statistics import planning

    if (reader_sd is None) != (image_sd is None):
        raise OptionError("--reader-sd and --image-sd belong together.", "Give both, or neither.")
    if images is not None and images % 2:
        raise OptionError(f"--images {images} is odd, and half are real.", "Choose an even number.")
    accuracy = accuracy if accuracy is not None else 0.6 if goal == "difference" else 0.5
    if goal == "difference" and accuracy == 0.5:
        raise OptionError("an accuracy of 0.5 is chance: no difference to show.")
    if goal == "equivalence" and abs(accuracy - 0.5) >= margin:
        raise OptionError(f"an accuracy of {accuracy:g} is not within 0.5 ± {margin:g}.")
    both = reader_sd is not None and image_sd is not None
    spreads = [(reader_sd, image_sd)] if both else planning.SPREADS
    test: dict[str, Any] = {"goal": goal, "margin": margin, "alpha": alpha}
    rows = []
    for reader_spread, image_spread in spreads:
        study: dict[str, Any] = {"accuracy": accuracy}
        study |= {"reader_sd": reader_spread, "image_sd": image_spread}
        for number in [readers] if readers else planning.READERS:
            need = images or planning.images_needed(number, target=target, **study, **test)
            reached = planning.power(number, need, **study, **test) if need else None
            rows.append({**study, "readers": number, "images": need, "power": reached})
    shown = f"equivalence to chance within ±{margin:g}" if goal == "equivalence" else "a difference"
    want = "power" if images else f"images a reader for a power of {target:.0%}"
    header = ["SD over readers", "SD over images", "readers", "images", "power"]
    lines = [
        f"{want}, {shown}, true accuracy {accuracy:g}, alpha {alpha:g}:\n",
        console.table(header, [*map(_cells, rows)]),
    ]
    if any(row["images"] is None for row in rows):
        lines.append(f"\nnever: not even with {planning.MOST_IMAGES:,} images a reader.")
    console.answer({**test, "accuracy": accuracy, "target": target, "plans": rows}, *lines)


def _cells(row: dict[str, Any]) -> list[str]:
    cells = [f"{row['reader_sd']:g}", f"{row['image_sd']:g}", str(row["readers"])]
    found = row["images"] is not None
    return [*cells, str(row["images"]), f"{row['power']:.1%}"] if found else [*cells, "never", ""]
