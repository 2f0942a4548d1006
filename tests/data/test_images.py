from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brainzoo.common.errors import (
    DataError,
    DiskError,
    ExistsError,
    IntegrityError,
    NotFoundError,
    OptionError,
)
from brainzoo.data.images import Images
from brainzoo.data.pixels import from_floats, to_floats

INFO = {"channels": ["T1w"], "classes": ["young", "old"], "fingerprint": "of before"}


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "subject": f"s{i // 2}",
            "split": "train" if i < 6 else "test",
            "age": 20.5 + i,
            "sex": "F",
        }
        for i in range(count)
    ]


def pixels(count: int, *spatial: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, 1, *spatial), dtype=np.float32)


@pytest.fixture
def images(tmp_path: Path) -> Images:
    with Images.write(tmp_path / "images", (4, 5), INFO) as writer:
        writer.append(pixels(10, 4, 5)[:3], rows(10)[:3])
        writer.append(pixels(10, 4, 5)[3:], rows(10)[3:])
    return Images.open(tmp_path / "images")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("spatial", [(4, 5), (3, 4, 5)])
def test_what_is_written_is_opened(tmp_path: Path, dtype: str, spatial: tuple[int, ...]) -> None:
    with Images.write(tmp_path / "x", spatial, INFO, dtype=dtype) as writer:
        writer.append(pixels(10, *spatial), rows(10))
    images = Images.open(tmp_path / "x", verify=True)
    steps = {"uint8": 255, "uint16": 65535, "float32": 1e9}[dtype]
    np.testing.assert_allclose(images.floats(), pixels(10, *spatial), atol=0.51 / steps)
    assert (len(images), images.dims, images.spatial) == (10, len(spatial), spatial)
    assert images.dtype == dtype
    assert images.classes == ["young", "old"]
    assert images.table[9] == {"image_id": "000009", **rows(10)[9]}
    assert len(images.fingerprint) == 64


def test_indexing_shares_pixels_and_keeps_rows(images: Images) -> None:
    test = images.where(split="test")
    assert len(test) == 4
    np.testing.assert_array_equal(test.read(), images.read()[6:])
    np.testing.assert_array_equal(test[1:3].read([1]), images.read([8]))
    assert test[::-1].column("age") == [29.5, 28.5, 27.5, 26.5]
    assert images[[5, 0]].column("age") == [25.5, 20.5]
    assert images[np.array([True] + [False] * 9)].subjects() == ["s0"]
    assert test.subjects() == ["s3", "s4"]
    assert len(images.where(split="nowhere")) == 0


def test_reading_does_not_change_the_folder(images: Images) -> None:
    images.read()[:] = 0
    assert images.floats().max() > 0.5


def test_a_part_is_saved(images: Images, tmp_path: Path) -> None:
    part = images.where(split="test").save(tmp_path / "part")
    np.testing.assert_array_equal(part.read(), images.read()[6:])
    assert part.fingerprint != images.fingerprint


def test_no_images_at_all_can_be_opened(tmp_path: Path) -> None:
    with Images.write(tmp_path / "none", (4, 5), INFO):
        pass
    assert len(Images.open(tmp_path / "none", verify=True)) == 0


@pytest.mark.parametrize("missing", ["pixels.npy", "table.csv", "images.json"])
def test_a_half_written_folder_is_named_so(images: Images, missing: str) -> None:
    assert images.folder is not None
    (images.folder / missing).unlink()
    with pytest.raises(IntegrityError, match="half-written"):
        Images.open(images.folder)


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("pixels.npy", lambda c: c[:-1], "corrupt"),
        ("pixels.npy", lambda c: c[:40], "corrupt"),
        ("pixels.npy", lambda c: c + b"x", "wrong length"),
        ("pixels.npy", lambda c: b"", "corrupt"),
        ("pixels.npy", lambda c: b"\x80\x04pickle", "corrupt"),
        ("table.csv", lambda c: c.rsplit(b"\n", 2)[0] + b"\n", "9 table rows"),
        ("table.csv", lambda c: b"\xff\xfe", "corrupt"),
        ("table.csv", lambda c: b"", "corrupt"),
        ("images.json", lambda c: c[:-5], "cannot be read"),
        ("images.json", lambda c: b"[]", "format"),
        ("images.json", lambda c: b'{"format": 99}', "format 99"),
    ],
)
def test_a_corrupt_folder_is_named_so(images: Images, name: str, damage: Any, words: str) -> None:
    assert images.folder is not None
    path = images.folder / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(IntegrityError, match=words):
        Images.open(images.folder)


@pytest.mark.parametrize("name", ["pixels.npy", "table.csv", "images.json"])
def test_verifying_finds_one_changed_byte(images: Images, name: str) -> None:
    assert images.folder is not None
    path = images.folder / name
    content = path.read_bytes()
    changes = {"pixels.npy": (content[-1:], b"\7"), "table.csv": (b"s3", b"s2")}
    old, new = changes.get(name, (b"T1w", b"T2w"))
    path.write_bytes(
        content[: content.rindex(old)] + new + content[content.rindex(old) + len(old) :]
    )
    Images.open(images.folder)
    with pytest.raises(IntegrityError, match="fingerprint"):
        Images.open(images.folder, verify=True)


def test_other_folders_are_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        Images.open(tmp_path / "absent")
    with pytest.raises(NotFoundError, match="holds no images"):
        Images.open(tmp_path)


def test_nothing_is_overwritten(images: Images) -> None:
    assert images.folder is not None
    with pytest.raises(ExistsError), Images.write(images.folder, (4, 5), INFO):
        raise AssertionError("the block must not begin")


@pytest.mark.parametrize("error", [RuntimeError("oops"), KeyboardInterrupt(), OSError(28, "full")])
def test_an_error_while_writing_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def write() -> None:
        with Images.write(tmp_path / "x", (4, 5), INFO) as writer:
            writer.append(pixels(1, 4, 5), rows(1))
            raise error

    with pytest.raises(DiskError if isinstance(error, OSError) else type(error)):
        write()
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    bad = pixels(1, 4, 5)
    bad[0, 0, 0, 0] = np.nan
    cases = {
        "shape": (pixels(1, 4, 6), rows(1)),
        "rows": (pixels(2, 4, 5), rows(1)),
        "NaN": (bad, rows(1)),
        "uint8": (np.zeros((1, 1, 4, 5), np.uint8), rows(1)),
    }
    for words, (values, table) in cases.items():
        with (
            pytest.raises(DataError, match=words),
            Images.write(tmp_path / words, (4, 5), INFO) as writer,
        ):
            writer.append(values, table)
    with (
        pytest.raises(DataError, match="float64"),
        Images.write(tmp_path / "x", (4,), {}, 1, "float64"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_info_may_be_completed_while_writing(tmp_path: Path) -> None:
    info: dict[str, Any] = {"failed": []}
    with Images.write(tmp_path / "x", (4, 5), info) as writer:
        writer.append(pixels(1, 4, 5), rows(1))
        info["failed"].append("s9")
    assert Images.open(tmp_path / "x", verify=True).info["failed"] == ["s9"]
    assert json.loads((tmp_path / "x" / "images.json").read_text())["format"] == 1


def test_floats_are_clipped_and_come_back() -> None:
    stored = from_floats(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), "uint8")
    assert stored.tolist() == [0, 0, 128, 255, 255]
    np.testing.assert_allclose(to_floats(stored), [0, 0, 0.5, 1, 1], atol=0.003)


def test_some_channels_are_the_same_images_in_the_order_asked_for(tmp_path: Path) -> None:
    info = {**INFO, "channels": ["T1w", "T2w", "FLAIR"]}
    values = np.random.default_rng(0).random((10, 3, 4, 5), dtype=np.float32)
    with Images.write(tmp_path / "x", (4, 5), info, 3, "float32") as writer:
        writer.append(values, rows(10))
    images = Images.open(tmp_path / "x").where(split="test")
    for names, at in ((["T2w", "FLAIR"], [1, 2]), (["FLAIR", "T1w"], [2, 0]), (["T2w"], [1])):
        chosen = images.of_channels(names)
        assert chosen.channel_names == names
        np.testing.assert_array_equal(chosen.floats(), values[6:][:, at])
        assert chosen.table == images.table
        assert chosen.fingerprint not in ("", images.fingerprint)
    with pytest.raises(OptionError, match="Known: T1w, T2w, FLAIR"):
        images.of_channels(["PDw"])
