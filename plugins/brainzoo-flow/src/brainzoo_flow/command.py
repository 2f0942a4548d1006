"""``brainzoo edit``: real or synthetic images with a region filled in or a condition changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import click

from brainzoo.api import DataError, ExistsError, OptionError, command_options, console

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from brainzoo.api import Images, Value

SHOWN = 8
"""Images of the picture of before and after."""


@command_options()
@click.command(short_help="Fill in a region of images, or show people under another condition.")
@click.argument("checkpoint", metavar="NAME|CHECKPOINT|RUN")
@click.argument("images", type=click.Path(path_type=Path), metavar="IMAGES")
@click.option(
    "--mask",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Fill in where this .npy or .nii.gz is not 0: (image, *spatial), or one for all images.",
)
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    metavar="NAME=VALUE",
    help="Show the same people like this, e.g. age=80; repeatable.",
)
@click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    default=0.9,
    show_default=True,
    help="How much --condition may change, from 0 (nothing) to 1.",
)
@click.option(
    "--guidance",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="How much --condition is exaggerated.",
)
@click.option(
    "--label",
    type=click.IntRange(0),
    metavar="VALUE",
    help="With --mask: the region's label, such as a lesion's; 0: none. Needs label maps.",
)
@click.option("--split", metavar="SPLIT", help="Only images of train, validation or test.")
@click.option("-n", "n", type=click.IntRange(1), metavar="N", help="Only the first N images.")
@click.option("--seed", type=click.IntRange(0, 2**53), default=0, help="[default: 0]")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The new folder of images."
)
def edit(
    checkpoint: str,
    images: Path,
    mask: Path | None,
    conditions: tuple[str, ...],
    strength: float,
    guidance: float,
    label: int | None,
    split: str | None,
    n: int | None,
    seed: int,
    out: Path,
) -> None:
    """Fill in a region of images, or show the same people under another condition.

    \b
    brainzoo edit runs/flow-ixi-001 IMAGES --condition age=80 --out older
    brainzoo edit runs/flow-ixi-001 IMAGES --mask lesion.npy --out healed
    brainzoo edit runs/flow-lesions-001 IMAGES --mask lesion.npy --label 1 --out ill

    Writes a folder of images, and before-after.png beside it. Edited scans still show a person.
    """  # noqa: D301 - click's mark for lines that stay as they are
    import numpy as np

    from brainzoo.api import Images, grid, load, seen_by, write_bytes

    if any("=" not in pair for pair in conditions):
        raise OptionError(f"--condition: expected NAME=VALUE, found {' '.join(conditions)!r}.")
    changed: dict[str, Value] = {**dict(pair.split("=", 1) for pair in conditions)}
    if (mask is None) == (not changed):
        raise OptionError("expected either --mask or --condition.", "To do both, edit twice.")
    if label is not None and mask is None:
        raise OptionError("--label says what a region becomes; expected --mask, too.")
    if out.exists():
        raise ExistsError(f"{out} exists already.", "Choose another with --out, or remove it.")
    generator: Any = load(checkpoint)
    if not hasattr(generator, "translate"):
        raise OptionError(
            f"{checkpoint} cannot edit images.", "Use a model that can, such as one of flow."
        )
    if changed:  # as the model understands it: numbers, not their text
        drawn = generator.conditions(1, seed=0, condition=changed)[0]
        changed = {name: drawn[name] for name in changed}
    chosen = Images.open(images)
    chosen = (chosen.where(split=split) if split else chosen)[:n]
    if not len(chosen):
        raise DataError(f"{images} holds no images{f' of {split}' if split else ''} to edit.")
    pixels, values = seen_by(generator, chosen).floats(), [0, *generator.label_values]
    told = list(generator.conditions(1, seed=0)[0])  # what the table knows of it, of each image
    known = [{k: row[k] for k in told if row.get(k) is not None} for row in chosen.table]
    if mask is not None:
        inside = _mask(mask, chosen)
        where = np.repeat(inside[:, None], pixels.shape[1], axis=1)
        if label is not None:
            paint(pixels, where, label, values)
        made = generator.inpaint(pixels, where, seed=seed, conditions=known)
        how: dict[str, Any] = {"filled_in": round(float(inside.mean()), 4), "seed": seed}
    else:
        how = {"strength": strength, "guidance": guidance}
        made = generator.translate(pixels, changed, conditions=known, **how)
        how["condition"] = changed
    maps = made[:, -len(values) :].argmax(1) if generator.label_values else None
    pixels, made = pixels[:, : chosen.channels], made[:, : chosen.channels]
    info = {**(chosen.without_labels() if maps is None else chosen).info}
    info["edited"] = {**how, "checkpoint": PurePath(checkpoint).name}
    rows = [{**row, **changed} for row in chosen.table]
    kind = None if maps is None else "uint16"
    with Images.write(out, chosen.spatial, info, chosen.channels, label_dtype=kind) as writer:
        writer.append(made, rows, None if maps is None else np.array(values, np.uint16)[maps])
    both = np.stack([pixels[:SHOWN], made[:SHOWN]], 1).reshape(-1, *pixels.shape[1:])
    picture = out.with_name(f"{out.name}-before-after.png")
    write_bytes(picture, grid(both, columns=4, column_labels=["before", "after"] * 2))
    console.note(f"{len(made)} images; the first {min(SHOWN, len(made))}: {picture}")
    console.answer({"folder": str(out), "images": len(made), **how}, str(out))


def paint(
    pixels: NDArray[np.float32], where: NDArray[np.bool_], label: int, values: Sequence[int]
) -> None:
    """Set the label channels, the last ones, to ``label`` where the region is; they then stay.

    Args:
        pixels: ``(image, channel, *spatial)``, those of the labels last, one a value.
        where: Of the same shape: what will be filled in.
        label: One of ``values``.
        values: Of the label channels; the first is 0, no label.

    Raises:
        OptionError: The model does not know the label.
    """
    if len(values) == 1 or label not in values:
        known = ", ".join(map(str, values[1:])) or "none: it was trained without label maps"
        raise OptionError(f"the model does not know label {label}.", f"Known: {known}.")
    for channel, value in zip(range(-len(values), 0), values, strict=True):
        pixels[:, channel][where[:, channel]] = value == label
    where[:, -len(values) :] = False


def _mask(path: Path, images: Images) -> NDArray[np.bool_]:
    """Read a mask ``(image, *spatial)``."""
    import numpy as np

    from brainzoo.api import Volume

    array = path.suffix == ".npy"
    try:
        values = np.load(path, allow_pickle=False) if array else Volume.read(path).data
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    shape = (len(images), *images.spatial)
    if values.shape not in (shape, images.spatial):
        raise DataError(f"{path} is {values.shape}; expected {shape} or {images.spatial}.")
    inside = np.broadcast_to(values != 0, shape)
    if not inside.any():
        raise DataError(f"{path} is 0 everywhere: there is nothing to fill in.")
    return inside
