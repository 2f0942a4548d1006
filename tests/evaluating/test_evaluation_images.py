from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from brainzoo import Images
from brainzoo.api import open_images
from brainzoo.common.errors import BrainzooError, DataError, NotFoundError, OptionError
from brainzoo.data.subjects import Value
from brainzoo.data.volumes import Volume, write_nifti
from brainzoo.evaluating.sets import describe_set, open_sets
from brainzoo.exporters.nifti import Nifti
from brainzoo.exporters.plugin import NiftiConfig, PngConfig
from brainzoo.exporters.png import Png
from brainzoo.testing.heads import make_images


def png(path: Path, seed: int = 0, size: int = 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def subjects(folder: Path, names: list[str], pattern: str | None = None) -> list[Value]:
    for i, name in enumerate(names):
        png(folder / name, seed=i)
    return open_images(folder, subject_pattern=pattern).column("subject")


def test_a_folder_of_images_is_opened_as_it_is(tmp_path: Path) -> None:
    made = make_images(tmp_path / "i", spatial=(16, 16), subjects=4)
    assert open_images(tmp_path / "i").fingerprint == made.fingerprint


def test_a_run_means_its_samples(tmp_path: Path) -> None:
    made = make_images(tmp_path / "r" / "samples", spatial=(16, 16), subjects=4, synthetic=True)
    assert open_images(tmp_path / "r", synthetic=True).fingerprint == made.fingerprint


@pytest.mark.parametrize("kind", ["png-8", "png-16", "nifti-volume"])
def test_what_was_exported_is_read_as_it_was(tmp_path: Path, kind: str) -> None:
    spatial = (12, 14, 16) if kind == "nifti-volume" else (16, 16)
    made = make_images(tmp_path / "i", spatial=spatial, subjects=4, synthetic=True)
    if kind.startswith("png"):
        Png(PngConfig(bits=kind.removeprefix("png-"))).export(made, tmp_path / "e")
    else:
        Nifti(NiftiConfig()).export(made, tmp_path / "e")
    read = open_images(tmp_path / "e", synthetic=True)
    assert read.synthetic
    assert read.spatial == spatial
    assert np.abs(read.floats() - made.floats()).max() <= (0.51 / 255 if kind == "png-8" else 1e-5)
    assert set(read.column("class")) == {None}, "the folder 'images' is not a class"


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_slices_of_each_plane_come_back_the_right_way_up(tmp_path: Path, plane: str) -> None:
    made = make_images(tmp_path / "i", spatial=(16, 16), subjects=2, synthetic=True)
    made.info |= {"plane": plane, "affine": None}
    Nifti(NiftiConfig()).export(made, tmp_path / "e")
    read = open_images(tmp_path / "e", synthetic=True)
    assert np.abs(read.floats() - made.floats()).max() < 1e-5


@pytest.mark.parametrize(
    ("names", "pattern", "wanted"),
    [
        (["P1/a.png", "P1/b.png", "P2/a.png"], None, ["P1", "P1", "P2"]),
        (["old/sub-01_1.png", "old/sub-01_2.png", "young/sub-02_1.png"], None, ["sub-01"] * 2),
        (["IXI012-a.png", "IXI012-b.png", "IXI014-a.png"], None, ["IXI012", "IXI012", "IXI014"]),
        (["a_slice-1.png", "a_slice-2.png", "b_z007.png"], None, ["a", "a", "b"]),
        (["x7_1.png", "x7_2.png", "x9_1.png"], r"^(x\d)_", ["x7", "x7", "x9"]),
        (["old/7/1.png", "old/7/2.png", "young/9/1.png"], r"(\d)/", ["7", "7", "9"]),
    ],
)
def test_subjects(tmp_path: Path, names: list[str], pattern: str | None, wanted: list[str]) -> None:
    assert subjects(tmp_path, names, pattern)[: len(wanted)] == wanted


def test_the_first_folder_is_the_class_where_it_is_no_subject(tmp_path: Path) -> None:
    for name in ("old/P1/1.png", "old/P2/1.png", "young/P3/1.png"):
        png(tmp_path / "deep" / name)
    for name in ("old/sub-1.png", "young/sub-2.png"):
        png(tmp_path / "flat" / name)
    deep, flat = open_images(tmp_path / "deep"), open_images(tmp_path / "flat")
    assert deep.column("class") == ["old", "old", "young"]
    assert deep.column("subject") == ["P1", "P2", "P3"]
    assert flat.column("class") == ["old", "young"]
    assert flat.classes == ["old", "young"]
    made = open_images(tmp_path / "deep", synthetic=True)
    assert made.column("class") == ["old", "old", "young"]
    assert made.subjects() == []


def test_a_table_tells_class_and_age(tmp_path: Path) -> None:
    for name in ("sub-1_a.png", "sub-1_b.png", "sub-2_a.png"):
        png(tmp_path / name)
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tage\tclass\nsub-1\t70\told\nsub-2\t30\tyoung\n"
    )
    images = open_images(tmp_path)
    assert images.column("age") == [70, 70, 30]
    assert images.column("class") == ["old", "old", "young"]


def test_values_of_unknown_range_are_scaled_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    for number in range(2):
        data = (4000 * rng.random((8, 9, 10))).astype(np.int16)
        write_nifti(tmp_path / f"sub-{number}.nii.gz", Volume(data, np.diag([2.0, 2, 2, 1])))
    images = open_images(tmp_path)
    assert images.spatial == (8, 9, 10)
    assert images.info["spacing_mm"] == [2, 2, 2]
    assert images.floats().max() == 1
    assert "scaled by its own percentiles 1 and 99.5" in capsys.readouterr().err


def test_one_range_for_all_sets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    made = {
        n: 0.5 * rng.random((3, 8, 8), dtype=np.float32) for n in ("train", "test", "synthetic")
    }
    made["synthetic"][0, 0, 0] = 1.004

    def opened() -> dict[str, NDArray[np.float32]]:
        for name, pixels in made.items():
            (tmp_path / name).mkdir(exist_ok=True)
            for i, image in enumerate(pixels):
                np.save(tmp_path / name / f"sub-{name[:2]}{i}.npy", image)
        return {n: i.floats()[:, 0] for n, i in open_sets({n: tmp_path / n for n in made}).items()}

    for name, pixels in opened().items():
        np.testing.assert_allclose(pixels, np.clip(made[name], 0, 1), atol=1e-6)
    assert "scaled" not in capsys.readouterr().err
    made["test"] *= 1000
    assert all(pixels.max() == 1 for pixels in opened().values()), "all alike, image by image"
    assert "scaled by its own" in capsys.readouterr().err


def test_folders_of_classes_are_not_people(tmp_path: Path) -> None:
    for name in ("train", "test", "synthetic"):
        for i in range(4):
            png(tmp_path / name / ("old", "young")[i % 2] / f"{name}{i}.png", seed=i)
    sets = open_sets({name: tmp_path / name for name in ("train", "test", "synthetic")})
    assert sets["train"].subjects() == [f"train{i}" for i in range(4)]
    for images in sets.values():
        assert images.column("class") == ["old", "old", "young", "young"]


def test_sizes_that_differ_are_one_line(tmp_path: Path) -> None:
    png(tmp_path / "a" / "1.png")
    png(tmp_path / "b" / "2.png", size=24)
    with pytest.raises(DataError, match=r"differ in size: 16 × 16 and 24 × 24 \(1\.png, 2\.png\)"):
        open_images(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"), [("a.png", b"no picture"), ("a.nii", b"no scan"), ("a.npy", b"nothing")]
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        open_images(tmp_path)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no folder"):
        open_images(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="holds no images: 1 files"):
        open_images(tmp_path)


@pytest.mark.parametrize("pattern", ["(", "sub-1", "(z)"])
def test_patterns_that_find_nobody(tmp_path: Path, pattern: str) -> None:
    png(tmp_path / "sub-1.png")
    with pytest.raises(BrainzooError, match=r"subject.pattern") as caught:
        open_images(tmp_path, subject_pattern=pattern)
    assert isinstance(caught.value, DataError if pattern == "(z)" else OptionError)


def test_the_fingerprint_is_of_the_images_not_of_their_folder(tmp_path: Path) -> None:
    one = make_images(tmp_path / "a", spatial=(16, 16), subjects=10)
    test = one.where(split="test")
    described = describe_set(test)
    assert described["images"] == len(test)
    assert described == describe_set(test.save(tmp_path / "b"))

    def changed(pixels: NDArray[np.uint16], subject: str | None = None) -> str:
        table = [{**row, "subject": subject or row["subject"]} for row in test.table]
        return str(describe_set(Images(pixels, table, test.info))["fingerprint"])

    other = test.read()
    assert changed(other) == described["fingerprint"]
    assert changed(other, subject="x") != described["fingerprint"]
    other[3, 0, 8, 8] += 1
    assert changed(other) != described["fingerprint"]
