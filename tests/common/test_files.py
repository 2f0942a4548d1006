from __future__ import annotations

import errno
import hashlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from brainzoo.common.errors import AuthorisationError, DiskError, ExistsError, NotFoundError
from brainzoo.common.files import (
    disk_errors,
    expect_folder_place,
    new_folder,
    sha256,
    write_bytes,
    write_text,
)


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "ä")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\xc3\xa4"
    write_bytes(tmp_path / "a" / "b.txt", b"new")
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b.txt"]
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"new"


def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_bytes(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(DiskError, match="the disk is full"):
            write_bytes(path, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, DiskError),
        (errno.EDQUOT, DiskError),
        (errno.EFBIG, DiskError),
        (errno.EROFS, DiskError),
        (errno.EACCES, AuthorisationError),
        (errno.EPERM, AuthorisationError),
    ],
)
def test_errors_of_the_disk_have_their_kind(number: int, kind: type[Exception]) -> None:
    with pytest.raises(kind), disk_errors(Path("x")):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("below", ["run", "run/deeper"])
def test_a_file_where_a_folder_belongs_is_named(tmp_path: Path, below: str) -> None:
    (tmp_path / "notes").write_text("x")
    said = "notes is a file; expected a folder"
    with pytest.raises(ExistsError, match=said):
        expect_folder_place(tmp_path / "notes" / below)
    with pytest.raises(ExistsError, match=said), new_folder(tmp_path / "notes" / below):
        pass
    with pytest.raises(ExistsError, match=said):
        write_text(tmp_path / "notes" / below, "y")
    assert (tmp_path / "notes").read_text() == "x"


def test_a_folder_where_a_file_belongs_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(ExistsError, match="x exists already"):
        write_text(tmp_path / "x", "y")


@pytest.mark.parametrize("length", [250, 3000])
def test_a_name_that_is_too_long_is_one_line(tmp_path: Path, length: int) -> None:
    with (
        pytest.raises(DiskError, match="too long") as error,
        new_folder(tmp_path / ("n" * length)),
    ):
        pass
    assert len(str(error.value)) < 200


def test_a_place_that_is_free_is_left_alone(tmp_path: Path) -> None:
    expect_folder_place(tmp_path / "a" / "b")
    expect_folder_place(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_other_errors_pass_through() -> None:
    with pytest.raises(OSError, match="odd") as error, disk_errors(Path("x")):
        raise OSError(errno.EIO, "odd")
    assert type(error.value) is OSError
    with pytest.raises(NotFoundError), disk_errors(Path("x")):
        raise NotFoundError("it is not there.")


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    with new_folder(tmp_path / "a" / "b") as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "x").write_text("1")
        assert not (tmp_path / "a" / "b").exists()
    assert (tmp_path / "a" / "b" / "inner" / "x").read_text() == "1"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b"]


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(ExistsError, match="--out"), new_folder(tmp_path / "b"):
        raise AssertionError("the block must not begin")

    def write() -> None:
        with new_folder(tmp_path / "c") as folder:
            (folder / "x").write_text("ours")
            (tmp_path / "c").mkdir()  # another process was faster
            (tmp_path / "c" / "x").write_text("theirs")

    with pytest.raises(ExistsError):
        write()
    assert (tmp_path / "c" / "x").read_text() == "theirs"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "c"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_an_error_leaves_no_folder(tmp_path: Path, error: BaseException) -> None:
    def write() -> None:
        with new_folder(tmp_path / "b") as folder:
            (folder / "x").write_text("1")
            raise error

    with pytest.raises(type(error)):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_no_folder_of_that_name(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from brainzoo.common.files import new_folder\n"
        "with new_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'x').write_text('1'); print('ready', flush=True); time.sleep(60)\n"
    )
    target = tmp_path / "b"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    assert not target.exists()
    with new_folder(target) as folder:
        (folder / "x").write_text("2")
    assert (target / "x").read_text() == "2"


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"brain" * 100_000)
    assert sha256(tmp_path / "x") == hashlib.sha256(b"brain" * 100_000).hexdigest()
