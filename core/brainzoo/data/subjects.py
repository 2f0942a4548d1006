"""What datasets yield: a scan of a person, and what is known of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainzoo.data.volumes import Volume

Value = str | float | None
"""What a cell of a table holds: text, a number, or nothing known."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """One scan (or slice picture) of one person.

    A dataset may yield several with the same ``id``: they always fall into the same split.

    Attributes:
        id: The subject's pseudonym in the dataset; never a name.
        source: The file (``.nii``, ``.nii.gz``, or a picture of one slice: ``.png``, ``.jpg``,
            ``.tif``, ``.npy``), or a function that makes the volume.
        scan: Tells several scans of one subject apart; empty where there is only one.
        covariates: What is known of the subject: ``age`` in years, ``sex`` (``F`` or ``M``),
            ``site``, and whatever else the dataset's table holds that identifies nobody.
        class_name: The class that the dataset itself assigns (a class sub-folder), if any.
        mask: A file on the same grid whose non-zero voxels are brain, if there is one.
        key: What identifies the content for caching where ``source`` is a function.
    """

    id: str
    source: Path | Callable[[], Volume]
    scan: str = ""
    covariates: Mapping[str, Value] = dataclasses.field(default_factory=dict)
    class_name: str | None = None
    mask: Path | None = None
    key: str = ""
