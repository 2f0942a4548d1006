from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainzoo.data.images import Images

SECRET = "IXI999-HH-0001"

# Axial: rows run to posterior, columns to the patient's left, in steps of 3 mm.
AXIAL = [[0.0, -3.0, 0.0, 45.0], [-3.0, 0.0, 0.0, 60.0], [0.0, 0.0, 2.0, 10.0], [0, 0, 0, 1.0]]
RAS = [[2.0, 0.0, 0.0, -8.0], [0.0, 2.0, 0.0, -10.0], [0.0, 0.0, 2.5, -12.0], [0, 0, 0, 1.0]]

Make = Callable[..., Images]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that makes three images; synthetic ones carry what a generator records."""

    def images(
        spatial: tuple[int, ...] = (12, 10),
        *,
        synthetic: bool = True,
        channels: int = 1,
        **info: Any,
    ) -> Images:
        rng = np.random.default_rng(3)
        pixels = rng.random((3, channels, *spatial), dtype=np.float32)
        full = {
            "channels": ["T1w"],
            "dims": len(spatial),
            "plane": "axial" if len(spatial) == 2 else None,
            "spacing_mm": [3.0, 3.0] if len(spatial) == 2 else [2.0, 2.0, 2.5],
            "affine": AXIAL if len(spatial) == 2 else RAS,
            "source": {"name": "ixi", "license": "CC BY-SA 3.0", "citation": "IXI", "url": "u"},
            "failed": [{"subject": SECRET, "scan": "", "reason": "truncated"}],
            "preparation": {"root": f"/scans/{SECRET}"},
            "classes": ["young", "old"],
        }
        if synthetic:
            full |= {
                "synthetic": True,
                "generator": {
                    "name": "dcgan",
                    "distribution": "brainzoo-dcgan",
                    "version": "0.1.0",
                },
                "checkpoint_sha256": "ab" * 32,
                "seed": 7,
                "condition": {"class": "old"},
            }
            rows = [{"image_id": f"{i:06d}", "class": "old", "age": 70.0 + i} for i in range(3)]
        else:
            rows = [
                {
                    "image_id": f"{i:06d}",
                    "subject": SECRET,
                    "scan": SECRET,
                    "split": "train",
                    "class": "old",
                    "position_mm": 2.0 * i,
                    "age": 71.3,
                    "sex": "F",
                }
                for i in range(3)
            ]
        full |= info
        folder = tmp_path / f"images{len(list(tmp_path.iterdir()))}"
        with Images.write(folder, spatial, full, channels) as writer:
            writer.append(pixels, rows)
        return Images.open(folder)

    return images
