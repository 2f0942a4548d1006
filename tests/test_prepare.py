from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phantom import BRAIN_MM, CENTRE_MM, MARK_MM, Heads, orientations, phantom
from PIL import Image

from brainzoo.errors import DataError, DiskError, ExistsError, OptionError
from brainzoo.images import Images
from brainzoo.interfaces import Subject
from brainzoo.options import make_config, plain
from brainzoo.preparation.grid import rotation
from brainzoo.preparation.head import find_head
from brainzoo.preparation.scan import Scan, area_weights
from brainzoo.preparation.subject import prepare_subject
from brainzoo.prepare import PrepareConfig, prepare
from brainzoo.splits import split_of
from brainzoo.volumes import Volume, read_volume, write_nifti

SMALL = PrepareConfig(size=32, slices=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("heads")


@pytest.fixture
def heads(folder: Path) -> Heads:
    return Heads(folder)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "prepared"


def pixels_of(volume: Volume, **options: Any) -> tuple[np.ndarray, list[dict[str, Any]]]:
    config = PrepareConfig(**{"size": 64, "dtype": "float32", **options})
    made = prepare_subject(Subject("s", lambda: volume), config)
    assert made.failure == ""
    return np.asarray(made.pixels), made.rows


def failure_of(volume: Volume | Path, **options: Any) -> str:
    source = volume if isinstance(volume, Path) else (lambda: volume)
    made = prepare_subject(Subject("s", source), PrepareConfig(**options))
    assert made.rows == []
    return made.failure


def brightest(image: np.ndarray) -> tuple[int, int]:
    row, column = np.unravel_index(image.argmax(), image.shape)
    return int(row), int(column)


# Orientation and place


def test_all_48_orientations_give_the_same_slices() -> None:
    volume = phantom(6.0, noise=20)
    expected = {plane: pixels_of(volume, plane=plane)[0] for plane in ("axial", "sagittal")}
    whole = pixels_of(volume, dims=3, size=16)[0]
    turned = pixels_of(volume, rotations=1, slices=2)[0]
    for other in orientations(volume):
        for plane, slices in expected.items():
            np.testing.assert_allclose(pixels_of(other, plane=plane)[0], slices, atol=1e-4)
        np.testing.assert_allclose(pixels_of(other, dims=3, size=16)[0], whole, atol=1e-4)
        np.testing.assert_allclose(pixels_of(other, rotations=1, slices=2)[0], turned, atol=1e-4)


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
def test_slices_are_the_right_way_round(plane: str) -> None:
    # The mark is right, anterior and superior of the centre: in the upper left in every plane.
    axis = {"sagittal": 0, "coronal": 1, "axial": 2}[plane]
    at = float(MARK_MM[axis] - CENTRE_MM[axis])
    images, rows = pixels_of(
        phantom(2.0), plane=plane, slices=1, slices_mm=(at, at), percentiles=(1, 100)
    )
    found = brightest(images[0, 0])
    assert found[0] < 31
    assert found[1] < 31
    assert rows[0]["plane"] == plane
    assert rows[0]["position_mm"] == pytest.approx(at, abs=0.01)


def test_the_affine_says_where_pixels_lie(tmp_path: Path) -> None:
    write_nifti(tmp_path / "a.nii.gz", phantom(2.0))
    write_nifti(tmp_path / "b.nii.gz", phantom(2.0))
    centre = find_head(Scan.of(phantom(2.0)), (1, 100)).centre_mm
    mark = MARK_MM - (phantom(2.0).affine[:3, 3] + centre)  # from the head's centre, as found
    for plane, normal in (("axial", 2), ("coronal", 1), ("sagittal", 0)):
        at = float(mark[normal])
        options = {"plane": plane, "slices": 1, "slices_mm": (at, at), "percentiles": (1, 100)}
        config = PrepareConfig(size=96, split_fractions=(1, 0, 0), **options)
        heads = Heads(tmp_path, 0)
        heads.listed = [Subject(name, tmp_path / f"{name}.nii.gz") for name in "ab"]
        images = prepare(heads, config, name=plane, quiet=True)
        values = images.floats()[0, 0]
        place = np.argwhere(values > 0.97).mean(axis=0)
        where = np.array(images.info["affine"]) @ [*place, 0, 1]
        where[normal] += images.table[0]["position_mm"]
        np.testing.assert_allclose(where[:3], mark, atol=1.5)


def test_the_brain_is_found_with_skull_and_without() -> None:
    for volume in (phantom(4.0, noise=10), stripped(phantom(4.0))):
        head = find_head(Scan.of(volume), (1, 99.5))
        low = head.low_mm + volume.affine[:3, 3]
        high = head.high_mm + volume.affine[:3, 3]
        np.testing.assert_allclose(low, CENTRE_MM - BRAIN_MM, atol=6)
        np.testing.assert_allclose(high, CENTRE_MM + BRAIN_MM, atol=6)


def test_the_brain_is_found_in_real_scans(ixi: Path) -> None:
    errors = []
    for path in sorted((ixi / "t1").glob("*.nii.gz"))[::4]:
        label = ixi / "seg" / path.name.replace("-T1.", "-DLMUSE.")
        scan, brain = Scan.of(read_volume(path)), Scan.of(read_volume(label)).view > 0
        head = find_head(scan, (1, 99.5))
        levels = np.flatnonzero(brain.sum(axis=(0, 1)) > 25) * 2.0
        errors.append((head.low_mm[2] - levels[0], head.high_mm[2] - levels[-1]))
    low, high = np.array(errors).T
    assert abs(low.mean()) < 2.5
    assert abs(high.mean()) < 2.5
    assert low.std() < 6
    assert high.std() < 4


def test_oblique_scans_are_turned_upright() -> None:
    upright, _ = pixels_of(phantom(3.0), slices=3)
    tilted = phantom(3.0, turn=rotation([0.0, 0.0, 25.0]))
    found, _ = pixels_of(tilted, slices=3)
    as_scanned, _ = pixels_of(tilted, slices=3, axes="scan")
    assert np.abs(found - upright).mean() < 0.03
    assert np.abs(as_scanned - upright).mean() > 2 * np.abs(found - upright).mean()


def test_size_and_spacing_set_the_field_of_view() -> None:
    wide, _ = pixels_of(phantom(4.0), fov_mm=400.0, slices=1)
    close, _ = pixels_of(phantom(4.0), spacing_mm=1.0, slices=1)
    assert (wide > 0.1).mean() < 0.3
    assert (close > 0.1).mean() > 0.95


def test_area_weights_keep_the_mean_and_do_not_skip_voxels() -> None:
    for width in (0.3, 1.0, 2.7, 8.0):
        weights = area_weights(64, np.arange(10, 50, max(width, 1.0)), width)
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
        assert (weights.sum(axis=0)[15:45] > 0).all()
    np.testing.assert_allclose(area_weights(8, np.array([2.25]), 1.0)[0, 2:4], [0.75, 0.25])
    assert area_weights(8, np.array([-5.0]), 1.0).sum() == 0


# Which slices


def test_slices_by_fraction_mm_index_and_step() -> None:
    volume = phantom(4.0)
    _, rows = pixels_of(volume, slices=5, slices_mm=(-20.0, 20.0))
    assert [row["position_mm"] for row in rows] == [-20, -10, 0, 10, 20]
    _, rows = pixels_of(volume, step_mm=4.0, slices_mm=(-10.0, 10.0))
    assert [row["position_mm"] for row in rows] == [-10, -6, -2, 2, 6, 10]
    _, rows = pixels_of(volume, slices=3, slices_fraction=(0.25, 0.75))
    places = [float(row["position_mm"]) for row in rows]
    assert places[1] == pytest.approx(0, abs=0.01)
    assert places[2] == pytest.approx(67.5 / 2, abs=3)
    _, rows = pixels_of(volume, slices=99, slices_index=(30, 33))
    assert len(rows) == 4
    np.testing.assert_allclose(np.diff([row["position_mm"] for row in rows]), 4, atol=0.02)
    assert "66 axial slices" in failure_of(volume, slices_index=(30, 70))


def test_sections_lie_at_distances_from_the_reference_level() -> None:
    _, rows = pixels_of(phantom(4.0), sections_mm=(-4.0, -2.0, 0.0, 2.0, 4.0))
    places = np.array([row["position_mm"] for row in rows])
    np.testing.assert_allclose(np.diff(places), 2, atol=0.02)
    assert 0 < places[2] < 15  # the basal ganglia lie a little above the brain's middle


def test_turned_copies_are_the_same_every_time() -> None:
    options = {"rotations": 4, "flips": True, "slices": 2}
    first, rows = pixels_of(phantom(4.0), **options)
    again, _ = pixels_of(phantom(4.0), **options)
    other, _ = pixels_of(phantom(4.0), **options, split_seed=1)
    np.testing.assert_array_equal(first, again)
    assert len(first) == 10
    assert not np.array_equal(first, other)
    assert rows[0]["turned_deg"] == "0 0 0"
    for row in rows:
        nod, tilt, turn = map(float, str(row["turned_deg"]).split())
        assert max(abs(nod), abs(tilt)) <= 10
        assert abs(turn) <= 5


def test_flips_mirror_left_and_right() -> None:
    options = {"rotations": 8, "rotations_deg": (0.0, 0.0, 0.0), "slices": 1, "flips": True}
    images, rows = pixels_of(phantom(4.0), **options)
    mirrored = [i for i, row in enumerate(rows) if row["flipped"]]
    assert mirrored
    np.testing.assert_allclose(images[mirrored[0], 0], images[0, 0][:, ::-1], atol=0.02)


def test_patches_are_cut_from_the_scans_own_voxels() -> None:
    volume = phantom(4.0)  # 54 × 62 voxels in a slice
    patches, rows = pixels_of(
        volume,
        patch_size=32,
        size=32,
        patches=4,
        slices=1,
        slices_index=(40, 40),
        percentiles=(1, 100),
    )
    assert len(rows) == 4
    whole = volume.data[:, :, 40][::-1, ::-1].T  # row 0 anterior, column 0 right
    np.testing.assert_allclose(patches[0, 0], whole[:32, :32] / 1000, atol=0.001)
    np.testing.assert_allclose(patches[3, 0], whole[-32:, -32:] / 1000, atol=0.001)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"slices_mm": (0, 1), "slices_index": (0, 1)}, "two ways"),
        ({"slices_mm": (5, 1)}, "lower and an upper"),
        ({"slices_fraction": (0.5, 1.5)}, "from 0 to 1"),
        ({"percentiles": (99, 1)}, "percentiles"),
        ({"rotations_deg": (1, 2)}, "three angles"),
        ({"patch_size": 64, "dims": 3}, "patches"),
        ({"split_fractions": (1, 1, 1)}, "add up to 1"),
        ({"slice": 3}, "Did you mean 'slices'"),
        ({"plane": "axia"}, "axial, coronal, sagittal"),
    ],
)
def test_odd_options_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        make_config(PrepareConfig, options)


def test_options_survive_yaml_and_the_command_line() -> None:
    config = make_config(PrepareConfig, {"slices_index": "30,120", "percentiles": "0,99"})
    assert config.slices_index == (30, 120)
    assert make_config(PrepareConfig, plain(config)) == config


# Intensity and masks


def test_intensities_do_not_depend_on_the_scanners_scale() -> None:
    volume = phantom(4.0, noise=10)
    expected, _ = pixels_of(volume)
    scaled = Volume((volume.data * 7.5 - 300).astype(np.float32), volume.affine)
    np.testing.assert_allclose(pixels_of(scaled)[0], expected, atol=1e-3)
    assert expected.min() == 0
    assert expected.max() == 1


def test_a_few_hot_voxels_do_not_darken_the_rest() -> None:
    volume = phantom(4.0)
    hot = volume.data.copy()
    hot[20:23, 30, 40] = 30000
    assert np.abs(pixels_of(volume)[0] - pixels_of(Volume(hot, volume.affine))[0]).mean() < 0.01


def test_masks_black_out_everything_else(tmp_path: Path) -> None:
    volume = phantom(4.0)
    brain = stripped(volume).data > 0
    write_nifti(tmp_path / "scan.nii.gz", volume)
    write_nifti(tmp_path / "mask.nii.gz", Volume(brain.astype(np.uint8), volume.affine))
    write_nifti(tmp_path / "other.nii.gz", Volume(brain[:-1].astype(np.uint8), volume.affine))
    subject = Subject("s", tmp_path / "scan.nii.gz", mask=tmp_path / "mask.nii.gz")
    config = PrepareConfig(size=64, slices=1, slices_fraction=(0.5, 0.5), mask=True)
    masked = np.asarray(prepare_subject(subject, config).pixels, dtype=float)
    area_mm2 = (masked > 0.1 * masked.max()).sum() * config.pixel_mm**2
    assert area_mm2 == pytest.approx(np.pi * BRAIN_MM[0] * BRAIN_MM[1], rel=0.05)
    other = dataclasses.replace(subject, mask=tmp_path / "other.nii.gz")
    assert "another grid" in prepare_subject(other, config).failure
    none = dataclasses.replace(subject, mask=None)
    assert "no brain mask" in prepare_subject(none, config).failure


# Bad scans


def test_what_is_no_head_is_a_failure_not_a_crash(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    small = Volume(random.integers(0, 99, (5, 5, 5), dtype=np.int16), np.eye(4))
    assert "as large as a head" in failure_of(small)
    flat = Volume(random.integers(0, 99, (90, 90, 1), dtype=np.int16), np.eye(4))
    assert "90 × 90 × 1; expected a whole head" in failure_of(flat)
    assert "absent.nii.gz cannot be read" in failure_of(tmp_path / "absent.nii.gz")

    def broken() -> Volume:
        raise RuntimeError("no more simulated people")

    made = prepare_subject(Subject("s", broken), SMALL)
    assert made.failure == "it could not be made: RuntimeError: no more simulated people."


def test_unreadable_scans_are_listed_and_skipped(
    heads: Heads, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.nii.gz").write_bytes(heads.listed[0].source.read_bytes()[:2000])  # type: ignore[union-attr]
    heads.listed.insert(3, Subject("bad", tmp_path / "bad.nii.gz", scan="2"))
    images = prepare(heads, SMALL, name="heads")
    assert len(images.subjects()) == 12
    (failed,) = images.info["failed"]
    assert (failed["subject"], failed["scan"]) == ("bad", "2")
    assert "truncated" in failed["reason"]
    assert "warning: bad 2 is left out: bad.nii.gz is truncated" in capsys.readouterr().err


def test_none_readable_says_why(heads: Heads, tmp_path: Path, own_cache: Path) -> None:
    heads.listed = [Subject(f"n{i}", tmp_path / f"absent{i}.nii.gz") for i in range(9)]
    with pytest.raises(DataError, match=r"none of 9 scans.*absent\d.nii.gz cannot be read.*6 more"):
        prepare(heads, SMALL, name="heads", quiet=True)
    assert list(own_cache.iterdir()) == []


def test_one_subject_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="only one subject"):
        prepare(Heads(folder, 1), SMALL, name="heads")


def test_no_scans_at_all(folder: Path) -> None:
    with pytest.raises(DataError, match="no scans"):
        prepare(Heads(folder, 0), SMALL, name="heads")


# Images, table, cache


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


def test_the_same_request_does_no_work(
    heads: Heads, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = prepare(heads, SMALL, name="heads")
    monkeypatch.setattr("brainzoo.prepare.prepare_all", refuse)
    again = prepare(heads, SMALL, name="heads")
    assert again.folder == first.folder
    assert "prepared already" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        lambda d: (d, dataclasses.replace(SMALL, size=16), {}),
        lambda d: (d, SMALL, {"classes": {"f": "sex == 'F'"}}),
        lambda d: (with_subject(d, 0, covariates={"age": 99.0}), SMALL, {}),
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


def test_workers_make_the_same_images(heads: Heads) -> None:
    alone = prepare(heads, SMALL, name="heads", workers=1, quiet=True)
    together = prepare(heads, SMALL, name="two", workers=2, quiet=True)
    np.testing.assert_array_equal(alone.read(), together.read())
    assert alone.table == together.table
    assert multiprocessing.active_children() == []


def test_a_script_without_a_guard_runs_once(folder: Path, tmp_path: Path) -> None:
    Heads(folder)
    script = tmp_path / "script.py"
    script.write_text(
        f"print('once')\nfrom pathlib import Path\nfrom phantom import Heads\n"
        f"from brainzoo.prepare import prepare, PrepareConfig\n"
        f"images = prepare(Heads(Path({str(folder)!r})), PrepareConfig(size=32, slices=3), "
        f"name='heads', workers=2)\nprint(len(images))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["once", "36"]
    assert "warning" not in done.stderr


def test_sources_that_are_functions(own_cache: Path) -> None:
    volumes = [phantom(6.0, noise=9, seed=i) for i in range(8)]
    heads = Heads(own_cache, 0)
    heads.listed = [Subject(f"n{i}", lambda v=v: v, key=f"k{i}") for i, v in enumerate(volumes)]  # type: ignore[misc]
    first = prepare(heads, SMALL, name="made", workers=2, quiet=True)
    assert len(first.subjects()) == 8
    assert prepare(heads, SMALL, name="made", quiet=True).folder == first.folder
    heads.listed = [dataclasses.replace(subject, key="") for subject in heads.listed]
    unknown = prepare(heads, SMALL, name="made", quiet=True)
    assert unknown.folder != prepare(heads, SMALL, name="made", quiet=True).folder


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


# Pictures as sources


def test_pictures_of_slices(tmp_path: Path) -> None:
    grey = np.zeros((40, 20), np.uint8)
    grey[:20] = 200
    pictures: dict[str, Callable[[Path], object]] = {
        "grey.png": lambda p: Image.fromarray(grey).save(p),
        "colour.png": lambda p: Image.fromarray(np.stack([grey] * 3, -1)).save(p),
        "clear.png": lambda p: Image.fromarray(np.dstack([grey] * 3 + [grey * 0 + 255])).save(p),
        "lossy.jpg": lambda p: Image.fromarray(grey).save(p, quality=95),
        "deep.tif": lambda p: Image.fromarray(grey.astype(np.uint16) * 20).save(p),
        "floats.tif": lambda p: Image.fromarray(grey.astype(np.float32) * 0.1).save(p),
        "deep.png": lambda p: Image.fromarray(grey.astype(np.uint16) * 20).save(p),
        "array.npy": lambda p: np.save(p, grey[None].astype(np.float64)),
    }
    for name, save in pictures.items():
        save(tmp_path / name)
        made = prepare_subject(Subject("s", tmp_path / name), PrepareConfig(size=20))
        assert made.failure == "", name
        image = made.pixels[0, 0].astype(float) / 65535
        assert (image[:, :5] == 0).all(), name  # the aspect is kept, the rest black
        assert (image[:, 15:] == 0).all(), name
        assert image[:9, 6:14].min() > 0.75, name
        assert image[11:, 6:14].max() < 0.03, name


def test_bad_pictures_are_failures(tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.fromarray(np.arange(400, dtype=np.uint8).reshape(20, 20)).save(good)
    bad: dict[str, bytes] = {
        "cut.png": good.read_bytes()[:60],
        "text.png": b"no picture",
        "empty.npy": b"",
        "text.npy": b"\x93NUMPY" + b"x" * 50,
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        assert "cannot be read as a picture" in failure_of(tmp_path / name)
    np.save(tmp_path / "four.npy", np.random.default_rng(0).random((2, 3, 4, 5)))
    assert "expected one grey slice" in failure_of(tmp_path / "four.npy")
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "cannot be read" in failure_of(tmp_path / "object.npy")
    np.save(tmp_path / "nan.npy", np.full((9, 9), np.nan))
    assert "NaN" in failure_of(tmp_path / "nan.npy")
    Image.new("L", (9, 9), 7).save(tmp_path / "flat.png")
    assert "same value" in failure_of(tmp_path / "flat.png")
    assert "3 dimensions need scans" in failure_of(good, dims=3)


# Nothing half-written


def test_a_full_disk_leaves_nothing(heads: Heads, own_cache: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(DiskError, match="full"):
            prepare(heads, SMALL, name="heads", workers=1, quiet=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(own_cache.iterdir()) == []
    assert len(prepare(heads, SMALL, name="heads", quiet=True)) == 36


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_leaves_nothing(
    heads: Heads, own_cache: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("brainzoo.images.ImagesWriter.append", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(heads, SMALL, name="heads", workers=workers, quiet=True)
    assert list(own_cache.iterdir()) == []
    assert multiprocessing.active_children() == []


def test_what_a_kill_leaves_is_no_images_and_goes_away(heads: Heads, own_cache: Path) -> None:
    folder = prepare(heads, SMALL, name="heads", quiet=True).folder
    assert folder is not None
    left = folder.with_name(f".{folder.name}.0123abcd.part")
    folder.rename(left)
    (left / "images.json").unlink()
    young = left.with_name(f".{folder.name}.4567abcd.part")  # perhaps still being written
    young.mkdir()
    (young / "pixels.npy").write_bytes(b"")
    for file in left.iterdir():
        os.utime(file, (1, 1))
    assert prepare(heads, SMALL, name="heads", quiet=True).folder == folder
    assert sorted(path.name for path in own_cache.iterdir()) == sorted([young.name, folder.name])


def test_warnings_of_headers_are_told(
    heads: Heads, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_nifti(tmp_path / "odd.nii", phantom(6.0))
    content = bytearray((tmp_path / "odd.nii").read_bytes())
    content[252:256] = b"\0\0\0\0"  # qform_code and sform_code
    (tmp_path / "odd.nii").write_bytes(content)
    heads.listed.append(Subject("odd", tmp_path / "odd.nii"))
    images = prepare(heads, SMALL, name="heads")
    assert "odd" in images.subjects()
    assert "warning: odd: neither sform nor qform" in capsys.readouterr().err
    assert json.loads((images.folder / "images.json").read_text())["failed"] == []  # type: ignore[operator]


def stripped(volume: Volume) -> Volume:
    counts = np.stack(np.meshgrid(*map(np.arange, volume.data.shape), indexing="ij"), -1)
    place = counts @ volume.affine[:3, :3].T + volume.affine[:3, 3] - CENTRE_MM
    inside = ((place / BRAIN_MM) ** 2).sum(-1) < 1
    return Volume(np.where(inside, volume.data, 0).astype(np.int16), volume.affine)


def refuse(*_: object) -> None:
    raise AssertionError("nothing is to be prepared")


def with_subject(heads: Heads, number: int, **changes: Any) -> Heads:
    heads.listed[number] = dataclasses.replace(heads.listed[number], **changes)
    return heads


def without_first(heads: Heads) -> Heads:
    del heads.listed[0]
    return heads
