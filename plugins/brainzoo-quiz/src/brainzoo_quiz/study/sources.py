"""Finding the images of a study: folders, prepared data in the cache, or runs that know both."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from brainzoo.api import DataError, Images, NotFoundError, home, open_images


@dataclasses.dataclass(frozen=True)
class Sources:
    """The images of a study.

    Attributes:
        real: Real images of people that the generator did not learn from, as far as is known.
        created: Images of a generator.
        checkpoint: The generator, if it is at hand.
    """

    real: Images
    created: Images
    checkpoint: Path | None = None


def find(real: Path, created: Path | None = None, checkpoint: Path | None = None) -> Sources:
    """Open what the command line names.

    Args:
        real: A run (its test split), a folder of images (its test split, if it has one), the name
            of a folder of prepared data in the cache, or a folder of pictures or NIfTI files.
        created: Likewise of created images: a run means its samples. Without it, ``real`` is a run
            that gives both.
        checkpoint: Who made the created images, if it lies apart from them.

    Raises:
        NotFoundError: One is not there.
        DataError: There is no test split, or one argument that is no run.
    """
    if created is None:
        if not is_run(real):
            raise DataError(
                f"{real} is no run, and no created images are named.",
                "Give a RUN, or both: REAL SYNTHETIC.",
            )
        created = real
    made = open_images(created, synthetic=True)
    of_run = created if is_run(created) else created.parent
    if checkpoint is None and (of_run / "checkpoint" / "config.json").is_file():
        checkpoint = of_run / "checkpoint"
    return Sources(real_images(real), made, checkpoint)


def is_run(folder: Path) -> bool:
    """Tell a run folder from others."""
    return (folder / "run.yaml").is_file()


def real_images(place: Path) -> Images:
    """Return the real images that readers may see: those of the test split, where there are splits.

    Raises:
        NotFoundError: There are none.
        DataError: All belong to other splits.
    """
    images = _of_run(place) if is_run(place) else open_images(_folder(place))
    if not any(images.column("split")):
        return images
    test = images.where(split="test")
    if not len(test):
        raise DataError(
            f"none of the {len(images)} images of {place} is of the test split; the generator may "
            "have learnt from all of them.",
            "Prepare more subjects, or give test more (--data.split-fractions).",
        )
    return test


def _folder(place: Path) -> Path:
    cached = home() / "prepared" / place.name
    if not place.exists() and cached.is_dir():
        return cached
    if not place.is_dir():
        raise NotFoundError(
            f"there is no folder {place}.",
            "Give a folder of images, a run, or the name of prepared data.",
        )
    return place


def _of_run(run: Path) -> Images:
    """Return the images that a run was prepared from, from the cache or made again."""
    from brainzoo.api import RunFolder, expect_same_data, from_record, pipeline, plugins

    opened = RunFolder.open(run)
    images = pipeline.prepare_data(from_record(plugins(), opened.record))
    expect_same_data(opened, images)
    return images
