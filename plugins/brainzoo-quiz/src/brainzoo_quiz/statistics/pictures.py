"""The images of a study as small pictures for the page, found by fingerprint and row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from brainzoo.api import DataError, Images, grid
from brainzoo_quiz.study.key import Key, Source


def pictures_of(key: Key, folders: Sequence[Path]) -> dict[tuple[str, int], bytes]:
    """Return a PNG of each image of the test cases that lies in one of the folders.

    Returns:
        By fingerprint and row; none if there are no folders.

    Raises:
        DataError: A folder is none of those that the study was made of.
    """
    wanted: dict[str, list[Source]] = {}
    for case in key.cases:
        if case.phase == "test":
            for source in case.sources:
                wanted.setdefault(source.images, []).append(source)
    found = {}
    for folder in folders:
        images = Images.open(folder)
        if images.fingerprint not in wanted:
            raise DataError(
                f"{folder} does not belong to this study: the key names no image of it.",
                "Give the folders that the study was exported from.",
            )
        for source in wanted[images.fingerprint]:
            found[source.images, source.row] = grid(images.floats([source.row]))
    return found
