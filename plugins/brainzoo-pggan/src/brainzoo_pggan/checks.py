"""What PGGAN refuses before anything is written, each in one line."""

from __future__ import annotations

from brainzoo.api import Conditions, DataError, Images, OptionError, TrainConfig, launch
from brainzoo_pggan.config import PGGANConfig
from brainzoo_pggan.growth import START, last_stage


def check_spatial(spatial: tuple[int, ...]) -> None:
    """Refuse sizes that doubling 4 cannot reach.

    Raises:
        OptionError: A side is no power of two from 8 up, or sides differ.
    """
    size = spatial[0]
    if len(set(spatial)) > 1 or size & (size - 1) or size < 2 * START:
        raise OptionError(
            f"pggan makes images of a power of two on every side, found "
            f"{' × '.join(map(str, spatial))}.",
            "Choose --size 32, 64, 128 or 256.",
        )


def check_options(
    config: PGGANConfig, images: Images, known: Conditions, train: TrainConfig
) -> None:
    """Refuse options that do not fit the images.

    Raises:
        DataError: There are more classes than subjects.
        OptionError: Conditions would act from a resolution that is never reached, or minibatch
            statistics would be of one image.
    """
    size, subjects = images.spatial[0], len(images.subjects())
    if len(images.classes) > subjects:
        raise DataError(
            f"there are {len(images.classes)} classes but only {subjects} subjects to train "
            "on; a class needs subjects of its own.",
            "Choose fewer classes.",
        )
    if known.width and config.condition_from > size:
        raise OptionError(
            f"condition_from is {config.condition_from}, but images have {size} pixels.",
            f"Choose --condition-from {size} or less.",
        )
    last = last_stage(size)
    first = min(last_stage(config.grow_from), last) if config.grow else last
    stages = range(first, last + 1)
    sizes = [config.batch_size(stage, train.batch_size) for stage in stages]
    for size in sizes:
        launch.expect_shareable(size, train.accumulate)
    at_once = min(sizes) // (launch.processes() * train.accumulate)
    if config.minibatch_stddev and at_once < 2:
        raise OptionError(
            f"the discriminator's minibatch statistics need two images at once, found {at_once}.",
            "Raise --batch-size, lower --accumulate, or give --no-minibatch-stddev.",
        )
