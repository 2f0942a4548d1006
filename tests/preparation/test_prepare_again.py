"""What is prepared already is found again, and anything else is prepared anew."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from phantom import Heads

from brainzoo.common.errors import ExistsError
from brainzoo.data.images import Images
from brainzoo.data.subjects import Subject
from brainzoo.plugin.options import options_of
from brainzoo.preparation.prepare import PrepareConfig, prepare
from brainzoo.preparation.request import request_of

from .conftest import SMALL


def test_the_same_request_does_no_work(
    heads: Heads, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = prepare(heads, SMALL, name="heads")
    monkeypatch.setattr("brainzoo.preparation.prepare.each", refuse)
    again = prepare(heads, SMALL, name="heads")
    assert again.folder == first.folder
    assert "prepared already" in capsys.readouterr().err


CHANGED: dict[str, Any] = {
    "dims": 3,
    "plane": "coronal",
    "size": 16,
    "fov_mm": 200.0,
    "spacing_mm": 2.0,
    "slices": 4,
    "step_mm": 5.0,
    "slices_fraction": (0.4, 0.6),
    "slices_mm": (-10.0, 10.0),
    "slices_index": (10, 20),
    "sections_mm": (0.0, 4.0),
    "reference_fraction": 0.4,
    "patch_size": 16,
    "patches": 2,
    "rotations": 1,
    "rotations_deg": (5.0, 5.0, 5.0),
    "rotations_step_deg": 2.0,
    "flips": True,
    "axes": "world",
    "mask": "yes",
    "bias": "n4",
    "align": "rigid",
    "percentiles": (2.0, 99.0),
    "missing": "keep",
    "labels": False,
    "label_values": (1,),
    "dtype": "uint8",
    "split_seed": 1,
    "split_fractions": (0.5, 0.2, 0.3),
    "max_subjects": 9,
}
"""Another value of each option."""


@pytest.mark.parametrize("name", [choice.name for choice in options_of(PrepareConfig)])
def test_every_option_makes_another_request(heads: Heads, name: str) -> None:
    def request(config: PrepareConfig) -> str:
        return request_of(heads, "heads", config, {}, heads.listed)

    assert request(dataclasses.replace(SMALL, **{name: CHANGED[name]})) != request(SMALL)
    assert request(dataclasses.replace(SMALL)) == request(SMALL)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: (d, dataclasses.replace(SMALL, size=16), {}),
        lambda d: (d, SMALL, {"classes": {"f": "sex == 'F'"}}),
        lambda d: (with_subject(d, 0, covariates={"age": 99.0}), SMALL, {}),
        lambda d: (with_subject(d, 0, class_name="patient"), SMALL, {}),
        lambda d: (with_subject(d, 0, scan="2"), SMALL, {}),
        lambda d: (with_subject(d, 0, mask=d.listed[1].source), SMALL, {}),
        lambda d: (without_first(d), SMALL, {}),
    ],
)
def test_another_request_is_another_folder(
    heads: Heads, change: Callable[[Heads], tuple[Heads, PrepareConfig, dict[str, Any]]]
) -> None:
    first = prepare(heads, SMALL, name="heads", quiet=True)
    dataset, config, more = change(heads)
    assert prepare(dataset, config, name="heads", quiet=True, **more).folder != first.folder


def test_a_changed_file_is_prepared_again(tmp_path: Path) -> None:
    heads = Heads(tmp_path, 8)
    first = prepare(heads, SMALL, name="heads", quiet=True)
    os.utime(tmp_path / "s03.nii.gz", ns=(1, 1))
    assert prepare(heads, SMALL, name="heads", quiet=True).folder != first.folder


def test_touched_or_moved_files_are_the_same_data(tmp_path: Path) -> None:
    before = tmp_path / "name of a person"
    before.mkdir()
    heads = Heads(before, 8)
    heads.listed.append(Subject("bad", {"T1w": before / "bad.png"}))
    heads.listed[-1].source.write_bytes(b"no picture")  # type: ignore[union-attr]
    first = prepare(heads, SMALL, name="heads", quiet=True)
    os.utime(before / "s03.nii.gz", ns=(1, 1))
    touched = prepare(heads, SMALL, name="heads", quiet=True)
    after = tmp_path / "after"
    before.rename(after)
    heads.listed = [
        dataclasses.replace(s, images={"T1w": after / Path(str(s.source)).name})
        for s in heads.listed
    ]
    moved = prepare(heads, SMALL, name="heads", quiet=True)
    assert len({first.folder, touched.folder, moved.folder}) == 3
    assert first.fingerprint == touched.fingerprint == moved.fingerprint
    for images in (first, touched, moved):
        content = Path(images.folder or "", "images.json").read_text()
        assert str(tmp_path) not in content
        assert "name of a person" not in content
        assert "bad.png" in content
        Images.open(images.folder or "", verify=True)


def test_a_half_written_cache_is_made_again(
    heads: Heads, capsys: pytest.CaptureFixture[str]
) -> None:
    first = prepare(heads, SMALL, name="heads")
    assert first.folder is not None
    (first.folder / "table.csv").unlink()
    again = prepare(heads, SMALL, name="heads")
    assert again.fingerprint == first.fingerprint
    assert "half-written" in capsys.readouterr().err


def test_out_is_written_once_and_never_overwritten(heads: Heads, tmp_path: Path) -> None:
    out = tmp_path / "here"
    first = prepare(heads, SMALL, name="heads", out=out, quiet=True)
    assert first.folder == out
    assert prepare(heads, SMALL, name="heads", out=out, quiet=True).fingerprint == first.fingerprint
    with pytest.raises(ExistsError):
        prepare(heads, dataclasses.replace(SMALL, slices=1), name="heads", out=out, quiet=True)


def refuse(*_: object) -> None:
    raise AssertionError("nothing is to be prepared")


def with_subject(heads: Heads, number: int, **changes: Any) -> Heads:
    heads.listed[number] = dataclasses.replace(heads.listed[number], **changes)
    return heads


def without_first(heads: Heads) -> Heads:
    del heads.listed[0]
    return heads
