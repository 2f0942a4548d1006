from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainzoo.data.images import Images
from brainzoo.preparation.describe import describe, describe_text

INFO = {
    "channels": ["T1w"],
    "plane": "axial",
    "spacing_mm": [7.0, 7.0],
    "source": {"name": "heads", "license": "CC0-1.0", "citation": "N. Body", "simulated": True},
    "classes": ["young", "old"],
    "class_expressions": {"young": "age < 40", "old": "age > 60"},
    "failed": [{"subject": "s99", "scan": "2", "reason": "s99.nii.gz is truncated"}],
}


def write(folder: Path, info: dict[str, Any] = INFO, **changes: Any) -> Images:
    """Write two images each of 24 subjects, 21 to 67 years old."""
    random = np.random.default_rng(0)
    with Images.write(folder / "images", (8, 8), info) as writer:
        for i in range(24):
            age = 21.0 + 2 * i
            row = {
                "subject": f"s{i:02d}",
                "scan": None,
                "split": "train" if i < 16 else "test",
                "class": "young" if age < 40 else "old" if age > 60 else None,
                "age": None if i == 5 else age,
                "sex": "FM"[i % 2],
                "site": "HH" if i % 3 else None,
                **{name: value for name, value in changes.items() if i == 7},
            }
            rows = [{**row, "position_mm": place} for place in (-5.0, 5.0)]
            writer.append(random.random((2, 1, 8, 8)), rows)
    return Images.open(folder / "images")


def test_subjects_are_counted_not_images(tmp_path: Path) -> None:
    found = describe(write(tmp_path))
    assert (found["images"], found["subjects"]) == (48, 24)
    assert found["splits"] == {
        "train": {"subjects": 16, "images": 32},
        "test": {"subjects": 8, "images": 16},
    }
    assert found["groups"]["sex"]["F"] == {"all": 12, "train": 8, "validation": 0, "test": 4}
    assert found["groups"]["class"]["young"]["all"] == 10
    assert found["groups"]["class"]["old"]["train"] == 0
    assert found["groups"]["site"]["HH"]["all"] == 16
    assert found["missing"] == {"age": 1, "site": 8}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_identical_scans_of_different_subjects_are_found(tmp_path: Path) -> None:
    images = write(tmp_path)
    pixels = images.read()
    pixels[20], pixels[40], pixels[41] = pixels[3], pixels[3], 0
    pixels[1] = 0  # nothing to see in two images does not make a duplicate
    with Images.write(tmp_path / "again", (8, 8), INFO) as writer:
        writer.append(pixels, images.table)
    found = describe(Images.open(tmp_path / "again"))
    assert found["identical"] == [["s01", "s10", "s20"]]
    assert "identical pixels: s01 = s10 = s20" in describe_text(found)


def test_text_shows_all_of_it(tmp_path: Path) -> None:
    text = describe_text(describe(write(tmp_path)))
    for words in (
        "48 images of 24 subjects: 8 × 8 at 7 × 7 mm, axial T1w",
        "heads (simulated), licence CC0-1.0",
        "N. Body",
        "young (age < 40)  10",
        "age: 44.6",
        "missing: age of 1, site of 8",
        "left out: s99 2: s99.nii.gz is truncated",
    ):
        assert words in text


@pytest.mark.parametrize("count", [0, 3])
def test_synthetic_and_empty_images_have_no_subjects(tmp_path: Path, count: int) -> None:
    with Images.write(tmp_path / "x", (4, 4, 4), {"synthetic": True}) as writer:
        if count:
            writer.append(np.random.default_rng(0).random((count, 1, 4, 4, 4)), [{}] * count)
    found = describe(Images.open(tmp_path / "x"))
    assert (found["images"], found["subjects"], found["age"]) == (count, 0, None)
    assert describe_text(found).startswith(f"{count} synthetic images: 4 × 4 × 4")
