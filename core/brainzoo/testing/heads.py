"""Tiny images that look like heads, made from nothing: for tests that need no data.

A bright skin, a dark skull, grey brain with folds, and dark ventricles that grow with age: enough
that classes by age differ in a way that a model or an evaluator can find.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.data.images import Images
from brainzoo.data.subjects import Value
from brainzoo.data.volumes import Volume

SUBJECT = "head-of-a-real-subject-"
"""Real subjects' ids begin with this, so that a test finds them wherever they do not belong."""

AGES = {"young": (20.0, 35.0), "old": (60.0, 85.0)}
ANY_AGE = (20.0, 85.0)
SPLITS = ("train", "train", "validation", "train", "test")


def make_head(
    spatial: Sequence[int], *, age: float = 40.0, position: float = 0.0, seed: int = 0
) -> NDArray[np.float32]:
    """Draw one head: pixels of shape ``spatial`` in [0, 1], background 0.

    Ventricles grow with ``age`` in years; heads are smaller the farther ``position`` (-1 to 1) is
    from 0; ``seed`` decides shape, folds and noise.
    """
    rng = np.random.default_rng(seed)
    axes = [np.linspace(-1, 1, length) for length in spatial]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))
    column = (len(spatial), *[1] * len(spatial))
    centre = rng.normal(0, 0.03, column)
    # Heads are longer than wide: rows are the long axis of slices, y of volumes.
    length = np.array([1.0, 0.82] if len(spatial) == 2 else [0.82, 1.0, 0.85]).reshape(column)
    radii = 0.9 * length * rng.normal(1, 0.03, column) * (1 - 0.2 * position**2)
    distance = np.sqrt((((grid - centre) / radii) ** 2).sum(0))
    folds = np.cos(9 * grid + rng.uniform(0, 6, column)).prod(0)
    head = np.where(distance < 0.78, 0.62 + 0.12 * folds, 0.1)
    head[distance >= 0.88] = 0.9
    ventricles = (0.08 + age / 350) * length * rng.normal(1, 0.05, column)
    head[np.sqrt((((grid - centre) / ventricles) ** 2).sum(0)) < 1] = 0.15
    head += rng.normal(0, 0.02, head.shape)
    head[distance >= 1] = 0
    return np.clip(head, 0, 1).astype(np.float32)


def make_images(
    folder: Path,
    *,
    spatial: Sequence[int] = (32, 32),
    subjects: int = 30,
    per_subject: int = 2,
    classes: Sequence[str] = ("young", "old"),
    seed: int = 0,
    synthetic: bool = False,
    channels: int = 1,
    labels: bool = False,
) -> Images:
    """Write a new folder of images of made-up heads of ``spatial`` pixels, and open it.

    Of five ``subjects`` three are for training, one for validation, one for test. ``classes`` are
    any of ``young`` and ``old``. ``synthetic`` images look as if a generator had made them: without
    subjects and splits. Every second of the ``channels`` shows bright what the others show dark, as
    T2w does of T1w; ``labels`` say what is dark inside, and what is bright.
    """
    rng = np.random.default_rng(seed)
    info = _info(spatial, classes, synthetic)
    info["channels"] = [f"{'T2w' if i % 2 else 'T1w'}{i // 2 or ''}" for i in range(channels)]
    info |= {"labels": {"1": "dark", "2": "bright"}} if labels else {}
    slices = len(spatial) == 2
    kind = "uint16" if labels else None
    with Images.write(folder, spatial, info, channels, label_dtype=kind) as writer:
        for number in range(subjects):
            name = classes[number % len(classes)] if classes else None
            age = round(rng.uniform(*AGES.get(str(name), ANY_AGE)), 1)
            # Classes alternate, so splits advance once for all classes: each has its share.
            split = SPLITS[number // max(1, len(classes)) % len(SPLITS)]
            for scan in range(per_subject):
                place = (scan + 0.5) / per_subject - 0.5
                head_seed = int(rng.integers(2**31))
                head = make_head(spatial, age=age, position=place, seed=head_seed)
                row: dict[str, Value] = {"class": name, "age": age, "sex": "FM"[number // 2 % 2]}
                if not synthetic:
                    row |= {
                        "subject": f"{SUBJECT}{number:03d}",
                        "split": split,
                        "plane": "axial" if slices else None,
                        "position_mm": round(20 * place, 2) if slices else None,
                        "site": "nowhere",
                    }
                inverted = np.where(head > 0, 1 - head, 0).astype(np.float32)
                shown = [inverted if channel % 2 else head for channel in range(channels)]
                tissue = np.digitize(head[None], [1e-6, 0.4]).astype(np.uint16) if labels else None
                writer.append(np.stack(shown)[None], [row], tissue)
    return Images.open(folder)


def make_volume(*, shape: Sequence[int] = (32, 36, 32), age: float = 40.0, seed: int = 0) -> Volume:
    """Return a whole head of 6 mm voxels in RAS+, its centre at the origin."""
    affine = np.diag([6.0, 6.0, 6.0, 1.0])
    affine[:3, 3] = -6.0 * (np.array(shape) - 1) / 2
    return Volume(1000 * make_head(shape, age=age, seed=seed), affine)


def _info(spatial: Sequence[int], classes: Sequence[str], synthetic: bool) -> dict[str, Any]:
    spacing = [round(192 / length, 3) for length in spatial]
    affine = np.diag([*spacing, 6.0, 1.0][-4:])
    if len(spatial) == 2:  # row 0 is anterior, column 0 the patient's right
        affine = np.array([[0, spacing[1], 0, -96], [-spacing[0], 0, 0, 96], [0, 0, 6.0, 0]])
        affine = np.vstack([affine, [0, 0, 0, 1]])
    else:
        affine[:3, 3] = -96
    info: dict[str, Any] = {
        "channels": ["T1w"],
        "dims": len(spatial),
        "plane": "axial" if len(spatial) == 2 else None,
        "spacing_mm": spacing,
        "affine": affine.tolist(),
        "orientation": "RAS",
        "value_range": [0, 1],
        "source": {"name": "made-up heads", "license": "CC0-1.0", "simulated": True}
        | dict.fromkeys(("citation", "url"), ""),
        "preparation": {"size": spatial[0]},
        "classes": list(classes),
        "class_expressions": {name: f"the made-up heads of {name}" for name in classes},
        "split": {"seed": 0, "fractions": [0.6, 0.2, 0.2]},
        # A scan that could not be read: its id must never leave with synthetic images.
        "failed": [{"subject": f"{SUBJECT}999", "scan": "", "reason": "made up"}],
    }
    if synthetic:
        info |= {
            "synthetic": True,
            "generator": {"name": "made-up", "distribution": "brainzoo-core", "version": "0"},
            "checkpoint_sha256": "0" * 64,
            "seed": 0,
            "condition": None,
        }
    return info
