"""What an exported file says about itself, and under which name it is written.

Synthetic images carry everything that made them, and nothing of any real subject; of real images
only what is needed to read them, and no identifier beyond ``image_id``.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from brainzoo.common import console
from brainzoo.common.errors import DataError
from brainzoo.common.files import new_folder
from brainzoo.data.images import Images
from brainzoo.data.subjects import Value
from brainzoo.plugin.interfaces import Exporter

NOT_FOR_DIAGNOSIS = "Synthetic images made by a generative model. Not for diagnosis."
REAL = "Real images prepared by brainzoo; their licence and their subjects' consent apply."

_OF_SUBJECTS = frozenset({"image_id", "subject", "participant_id", "scan", "split"})


class FileExporter(Exporter):
    """Writes files for each image; a subclass says which."""

    format: ClassVar[str]

    @abstractmethod
    def write_about(self, images: Images, folder: Path) -> None:
        """Write what is about all images, after the files of each."""

    @abstractmethod
    def write_image(self, images: Images, i: int, folder: Path, name: str) -> None:
        """Write the files of one image."""

    def export(self, images: Images, folder: Path, *, run: Path | None = None) -> list[Path]:
        """Write the files of all images into a new folder, and return them sorted."""
        if not len(images):
            raise DataError("there are no images to export; expected at least one.")
        images = images[: getattr(self.config, "limit", None)]
        names = file_names(images)
        with (
            new_folder(folder) as temporary,
            console.progress(f"writing {self.format}", len(images)) as advance,
        ):
            for i, name in enumerate(names):
                self.write_image(images, i, temporary, name)
                advance(1)
            self.write_about(images, temporary)
        return sorted(path for path in folder.rglob("*") if path.is_file())


def describe(images: Images) -> dict[str, Any]:
    """Return what holds for all images, ready for JSON."""
    info, source = images.info, images.info.get("source") or {}
    stated = {"name": None, "license": "unknown", "citation": "", "url": "", "simulated": False}
    common = {
        "Description": NOT_FOR_DIAGNOSIS if images.synthetic else REAL,
        "Modality": "MR",
        "synthetic": images.synthetic,
        "channels": images.channel_names,
        **({"labels": images.label_names} if images.label_names else {}),
        "plane": info.get("plane"),
        "spacing_mm": info.get("spacing_mm"),
        "value_range": [0, 1],
        "trained_on" if images.synthetic else "source": {
            name: source.get(name, default) for name, default in stated.items()
        },
    }
    if images.synthetic:
        common |= {name: info.get(name) for name in ("generator", "checkpoint_sha256", "seed")}
    return common


def describe_image(images: Images, row: Mapping[str, Value]) -> dict[str, Any]:
    """Return what an image's JSON sidecar holds.

    The condition of a synthetic image is what was asked for, completed by what was drawn.
    """
    about = {"image_id": row.get("image_id"), **describe(images)}
    if not images.synthetic:
        return about
    drawn = {k: v for k, v in public_row(row).items() if v is not None}
    return {**about, "condition": {**(images.info.get("condition") or {}), **drawn} or None}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a description for people and programs."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def public_row(row: Mapping[str, Value]) -> dict[str, Value]:
    """Return what a table of exported images may say of one: nothing that names a person."""
    return {k: v for k, v in row.items() if k not in _OF_SUBJECTS}


def file_names(images: Images) -> list[str]:
    """Return a file name, without suffix, for each image: its ``image_id`` made safe."""
    names = [safe_name(row.get("image_id")) for row in images.table]
    if not all(names):
        raise DataError(f"image {names.index('') + 1} of {len(names)} has no image_id.")
    counts = Counter(name.lower() for name in names)  # some file systems ignore case
    twice = next((name for name, count in counts.items() if count > 1), None)
    if twice:
        raise DataError(f"two images would be written as {twice!r}; expected different image ids.")
    return names


def safe_name(value: Value) -> str:
    """Return text as a file name that is safe on every system; empty if nothing is left."""
    text = f"{value:.10g}" if isinstance(value, float | int) else str(value or "")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:120]
