"""Finding the images of a study: folders, prepared data in the cache, or runs that know both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from brainzoo.api import DataError, Images, home, open_images

Pools = tuple[Images, Images, Path | None]
"""Real images, created ones, and the checkpoint of their generator, if it is at hand."""


def find(real: Path, created: Path | None = None, checkpoint: Path | None = None) -> Pools:
    """Open what the command line names.

    Each is a run (its test split, or its samples), a folder of images, the name of prepared data in
    the cache, or a folder of pictures or NIfTI files; without ``created``, ``real`` is a run that
    gives both.

    Raises:
        NotFoundError: One does not exist.
        DataError: There is no test split, or the only argument is not a run.
    """
    if created is None and not is_run(real):
        raise DataError(
            f"{real} is not a run, and no created images are named.",
            "Give a RUN, or both: REAL SYNTHETIC.",
        )
    created = created or real
    made = open_images(created, synthetic=True)
    run = created if is_run(created) else created.parent
    return real_images(real), made, checkpoint or checkpoint_of(run)


def as_shown(images: Images, channels: Sequence[str]) -> Images:
    """Return images as readers see them: one channel, or several side by side as one.

    Raises:
        DataError: It is left open which channels, or volumes would be shown side by side.
        OptionError: The images lack this channel.
    """
    if images.channels > 1 and not channels:
        raise DataError(
            f"images have {images.channels} channels: {', '.join(images.channel_names)}.",
            "Choose what readers see with --channels: one, or several side by side.",
        )
    chosen = images.of_channels(channels) if channels else images
    if chosen.channels == 1:
        return chosen
    if chosen.dims == 3:
        raise DataError(
            f"{' and '.join(channels)} of volumes cannot be shown side by side.",
            "Choose one channel with --channels.",
        )
    pixels = chosen.read().transpose(0, 2, 1, 3)  # (image, height, channel, width)
    beside = pixels.reshape(len(pixels), 1, pixels.shape[1], -1)
    info = {**chosen.info, "channels": [" | ".join(channels)]}
    return Images(beside, chosen.table, info)


def is_run(folder: Path) -> bool:
    """Return whether a folder is a run."""
    return (folder / "run.yaml").is_file()


def checkpoint_of(run: Path | None) -> Path | None:
    """Return the checkpoint in a run folder, if there is one."""
    folder = run / "checkpoint" if run else None
    return folder if folder and (folder / "config.json").is_file() else None


def real_images(place: Path) -> Images:
    """Return the real images that readers may see: those of the test split, where there are splits.

    Raises:
        NotFoundError: There are none.
        DataError: All belong to other splits.
    """
    cached = home() / "prepared" / place.name
    images = open_images(cached if not place.exists() and cached.is_dir() else place)
    if not any(images.column("split")):
        return images
    test = images.where(split="test")
    if not len(test):
        raise DataError(
            f"none of the {len(images)} images of {place} is in the test split; the generator may "
            "have learnt from all of them.",
            "Prepare more subjects, or enlarge the test split (--data.split-fractions).",
        )
    return test
