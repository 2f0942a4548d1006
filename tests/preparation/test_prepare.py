"""What the prepared images are and carry."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from phantom import Heads, phantom

from brainzoo.data.images import Images
from brainzoo.data.splits import split_of
from brainzoo.data.subjects import Subject
from brainzoo.plugin.options import make_config
from brainzoo.preparation.prepare import PrepareConfig, prepare

from .conftest import SMALL


def test_images_carry_table_splits_and_provenance(heads: Heads) -> None:
    classes = {"young": "age < 40", "old": "age > 60"}
    images = prepare(heads, SMALL, name="heads", classes=classes, quiet=True)
    assert len(images) == 36
    splits = images.column("split")
    assert splits == sorted(splits, key=["train", "validation", "test"].index)
    for row in images.table:
        assert row["split"] == split_of(str(row["subject"]), 0)
        age = float(row["age"] or 0)
        assert row["class"] == ("young" if age < 40 else "old" if age > 60 else None)
        assert list(row)[:10] == [
            *("image_id", "subject", "scan", "split", "class", "plane", "position_mm"),
            *("age", "sex", "site"),
        ]
    assert images.classes == ["young", "old"]
    info = images.info
    assert info["class_expressions"] == classes
    assert info["source"]["license"] == "CC0-1.0"
    assert info["preparation"]["size"] == 32
    assert info["spacing_mm"] == [7.0, 7.0]
    assert make_config(PrepareConfig, info["preparation"]) == SMALL
    assert Images.open(images.folder or "", verify=True).fingerprint == images.fingerprint


def test_sources_that_are_functions(own_cache: Path) -> None:
    volumes = [phantom(6.0, noise=9, seed=i) for i in range(8)]
    heads = Heads(own_cache, 0)
    heads.listed = [
        Subject(f"n{i}", {"T1w": lambda v=v: v}, key=f"k{i}")  # type: ignore[misc]
        for i, v in enumerate(volumes)
    ]
    first = prepare(heads, SMALL, name="made", workers=2, quiet=True)
    assert len(first.subjects()) == 8
    assert prepare(heads, SMALL, name="made", quiet=True).folder == first.folder
    heads.listed = [dataclasses.replace(subject, key="") for subject in heads.listed]
    unknown = prepare(heads, SMALL, name="made", quiet=True)
    again = prepare(heads, SMALL, name="made", quiet=True)
    assert unknown.folder != again.folder
    assert unknown.fingerprint == again.fingerprint == first.fingerprint


def test_scans_of_one_subject_share_a_split(folder: Path) -> None:
    heads = Heads(folder)
    heads.listed += [dataclasses.replace(s, scan="2") for s in heads.listed]
    images = prepare(heads, SMALL, name="heads", quiet=True)
    for subject in images.subjects():
        assert len(set(images.where(subject=subject).column("split"))) == 1
    assert len(images) == 72


def test_max_subjects_and_three_dimensions(heads: Heads) -> None:
    config = PrepareConfig(size=16, dims=3, max_subjects=8, dtype="uint8")
    images = prepare(heads, config, name="heads", quiet=True)
    assert images.spatial == (16, 16, 16)
    assert len(images) == 8
    assert images.dtype == np.uint8
    assert images.info["orientation"] == "RAS"
    assert images.info["plane"] is None


def test_patches_tell_their_spacing_and_claim_no_place(heads: Heads) -> None:
    config = PrepareConfig(size=16, slices=2, patch_size=24)
    images = prepare(heads, config, name="heads", quiet=True)
    assert images.info["affine"] is None
    assert images.info["spacing_mm"] == [9.0, 9.0]  # 24 voxels of 6 mm in 16 pixels
