from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from phantom import (
    Heads,
    phantom,
)

from brainzoo.errors import DataError, DiskError, ExistsError
from brainzoo.images import Images
from brainzoo.interfaces import Subject
from brainzoo.options import make_config, options_of
from brainzoo.preparation.request import request_of
from brainzoo.prepare import PrepareConfig, prepare
from brainzoo.splits import split_of
from brainzoo.volumes import Volume, write_nifti

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


@pytest.mark.parametrize("count", [1, 3])
def test_few_unusable_scans_are_said_to_be_so_not_to_miss_a_split(
    heads: Heads, tmp_path: Path, count: int
) -> None:
    heads.listed = [Subject(f"n{i}", tmp_path / f"absent{i}.nii.gz") for i in range(count)]
    config = dataclasses.replace(SMALL, split_fractions=(0.001, 0.0, 0.999))
    with pytest.raises(DataError, match=rf"none of {count} scans can be used: absent0"):
        prepare(heads, config, name="heads", quiet=True)


def test_an_empty_split_is_said_with_the_scans_that_cannot_be_used(
    heads: Heads, tmp_path: Path
) -> None:
    heads.listed = [*heads.listed[:2], Subject("n", tmp_path / "absent.nii.gz")]
    config = dataclasses.replace(SMALL, split_fractions=(0.001, 0.0, 0.999))
    said = "split 'train'.*1 of 3 scans cannot be used: absent.nii.gz"
    with pytest.raises(DataError, match=said):
        prepare(heads, config, name="heads", quiet=True)


def test_none_readable_says_why(heads: Heads, tmp_path: Path, own_cache: Path) -> None:
    heads.listed = [Subject(f"n{i}", tmp_path / f"absent{i}.nii.gz") for i in range(9)]
    with pytest.raises(
        DataError, match=r"none of 9 scans.*absent\d.nii.gz cannot be read.*8 more like it"
    ):
        prepare(heads, SMALL, name="heads", quiet=True)
    assert in_cache(own_cache) == []


def test_one_subject_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="only one subject"):
        prepare(Heads(folder, 1), SMALL, name="heads")


def test_no_scans_at_all(folder: Path) -> None:
    with pytest.raises(DataError, match="no scans"):
        prepare(Heads(folder, 0), SMALL, name="heads")


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
    "mask": True,
    "percentiles": (2.0, 99.0),
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
    heads.listed.append(Subject("bad", before / "bad.png"))
    heads.listed[-1].source.write_bytes(b"no picture")  # type: ignore[union-attr]
    first = prepare(heads, SMALL, name="heads", quiet=True)
    os.utime(before / "s03.nii.gz", ns=(1, 1))
    touched = prepare(heads, SMALL, name="heads", quiet=True)
    after = tmp_path / "after"
    before.rename(after)
    heads.listed = [
        dataclasses.replace(s, source=after / Path(str(s.source)).name) for s in heads.listed
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


def test_workers_make_the_same_images(heads: Heads) -> None:
    alone = prepare(heads, SMALL, name="heads", workers=1, quiet=True)
    together = prepare(heads, SMALL, name="two", workers=2, quiet=True)
    np.testing.assert_array_equal(alone.read(), together.read())
    assert alone.table == together.table
    assert multiprocessing.active_children() == []


def test_processes_with_a_cold_cache_prepare_once(folder: Path) -> None:
    Heads(folder)
    code = (
        "from pathlib import Path\nfrom phantom import Heads\n"
        "from brainzoo.prepare import prepare, PrepareConfig\n"
        f"heads = Heads(Path({str(folder)!r}))\n"
        "prepare(heads, PrepareConfig(size=64, slices=40), name='heads', workers=1)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(3)
    ]
    told = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum("prepared in" in text for text in told) == 1
    assert sum("prepared already" in text for text in told) == 2


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


# Nothing half-written


def test_a_full_disk_leaves_nothing(heads: Heads, own_cache: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(DiskError, match="full"):
            prepare(heads, SMALL, name="heads", workers=1, quiet=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert in_cache(own_cache) == []
    assert len(prepare(heads, SMALL, name="heads", quiet=True)) == 36


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_leaves_nothing(
    heads: Heads, own_cache: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("brainzoo.pixels.ImagesWriter.append", interrupt)
    with pytest.raises(KeyboardInterrupt):
        prepare(heads, SMALL, name="heads", workers=workers, quiet=True)
    assert in_cache(own_cache) == []
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killed_while_preparing(
    folder: Path, tmp_path: Path, own_cache: Path, number: signal.Signals
) -> None:
    Heads(folder)
    script = tmp_path / "script.py"
    script.write_text(
        "import dataclasses, sys\nfrom pathlib import Path\nfrom phantom import Heads\n"
        "from brainzoo.prepare import prepare, PrepareConfig\n"
        f"heads = Heads(Path({str(folder)!r}))\n"
        "scans = [dataclasses.replace(s, scan=str(i)) for i in range(999) for s in heads.listed]\n"
        "heads.listed = scans\n"
        "prepare(heads, PrepareConfig(size=64), name='heads', workers=2)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    with process:
        wait_until(lambda: grows(own_cache))
        if number == signal.SIGINT:
            os.killpg(process.pid, number)  # as a terminal does
        else:
            process.send_signal(number)
        # It ends when the last process that holds the pipe has ended: no worker lives on.
        _, told = process.communicate(timeout=30)
    assert process.returncode == -number
    assert not [path for path in own_cache.iterdir() if not path.name.startswith(".")]
    if number == signal.SIGINT:
        assert in_cache(own_cache) == []
        assert told.count(b"KeyboardInterrupt") == 1


def wait_until(true: Callable[[], bool]) -> None:
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it did not begin within 30 s")


def in_cache(cache: Path) -> list[str]:
    """Return the names in the cache; the locks of processes stay there."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def grows(cache: Path) -> bool:
    """Tell whether pixels have been written: the workers are at work."""
    return any(path.stat().st_size > 1_000_000 for path in cache.glob(".*.part/pixels.npy"))


def test_what_a_kill_leaves_is_no_images_and_goes_away(heads: Heads, own_cache: Path) -> None:
    folder = prepare(heads, SMALL, name="heads", quiet=True).folder
    assert folder is not None
    left = folder.with_name(f".{folder.name}.0123abcd.part")
    folder.rename(left)
    (left / "images.json").unlink()
    young = left.with_name(f".{folder.name}.4567abcd.part")  # perhaps still being written
    young.mkdir()
    (young / "pixels.npy").write_bytes(b"")
    new = left.with_name(f".{folder.name}.89ababcd.part")  # made at this moment
    new.mkdir()
    for file in left.iterdir():
        os.utime(file, (1, 1))
    assert prepare(heads, SMALL, name="heads", quiet=True).folder == folder
    assert in_cache(own_cache) == sorted([young.name, new.name, folder.name])


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


def refuse(*_: object) -> None:
    raise AssertionError("nothing is to be prepared")


def with_subject(heads: Heads, number: int, **changes: Any) -> Heads:
    heads.listed[number] = dataclasses.replace(heads.listed[number], **changes)
    return heads


def without_first(heads: Heads) -> Heads:
    del heads.listed[0]
    return heads


def test_a_full_disk_is_no_fault_of_a_scan(folder: Path, own_cache: Path) -> None:
    """Or the data set would silently be a smaller one, and stay so in the cache."""
    heads = Heads(folder)

    def full() -> Volume:
        raise DiskError("the disk is full.")

    heads.listed[2] = dataclasses.replace(heads.listed[2], source=full, key="full")
    with pytest.raises(DiskError):
        prepare(heads, PrepareConfig(size=32), name="heads")
    assert in_cache(own_cache) == []
