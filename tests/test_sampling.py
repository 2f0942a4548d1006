from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brainzoo
from brainzoo import Images
from brainzoo.errors import DiskError, ExistsError, NotFoundError, OptionError
from brainzoo.plugins import plugins
from brainzoo.run import Run, TrainConfig
from brainzoo.sampling import Drawn, Request, draw, drawing, sinks
from brainzoo.sampling.workers import cut
from brainzoo.settings import Part
from brainzoo.testing.heads import make_images
from brainzoo.testing.plugin import files_below

pytestmark = pytest.mark.usefixtures("tiny")

N = 50
Draw = Callable[..., Drawn]


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Return the checkpoint of a generator that knows two classes."""
    images = make_images(tmp_path / "real", spatial=(16, 16)).where(split="train")
    spec = plugins().get("generator", "tiny")
    generator = spec.load()(spec.config())
    (tmp_path / "run").mkdir()
    run = Run(tmp_path / "run", TrainConfig(images=8))
    generator.fit(images, run)
    generator.save(run.checkpoint)
    return run.checkpoint


@pytest.fixture
def drawn(checkpoint: Path, tmp_path: Path) -> Draw:
    """Return a function that draws ``N`` images into a folder of that name."""

    def make(name: str, *, workers: int | None = 1, n: int = N, **request: Any) -> Drawn:
        asked = Request(checkpoint, n, **{"batch_size": 8, **request})
        return draw(asked, tmp_path / name, workers=workers)

    return make


def nifti(**options: Any) -> Part:
    spec = plugins().get("exporter", "nifti")
    return Part("nifti", spec.config(**options))


def stopped_after(monkeypatch: pytest.MonkeyPatch, batches: int, error: BaseException) -> None:
    """Let an error come instead of the batch after so many, once."""
    before, left = sinks.ImagesSink.write, [batches]

    def write(self: Any, *arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            raise error
        return before(self, *arguments)

    monkeypatch.setattr(sinks.ImagesSink, "write", write)


@pytest.mark.parametrize("export", [None, "nifti"])
def test_any_number_of_workers_and_any_batch_size_give_the_same_bytes(
    drawn: Draw, tmp_path: Path, export: str | None
) -> None:
    part = nifti() if export else None
    drawn("one", export=part)
    assert drawn("three", workers=3, export=part).workers == 3
    drawn("odd", batch_size=7, export=part)
    whole = files_below(tmp_path / "one")
    assert len(whole) == (2 * N + 1 if export else 3)
    assert files_below(tmp_path / "three") == whole
    assert files_below(tmp_path / "odd") == whole


def test_the_folder_is_images_like_any_other(drawn: Draw, tmp_path: Path) -> None:
    made = drawn("made", workers=2)
    images = Images.open(made.folder, verify=True)
    assert len(images) == N
    assert images.synthetic
    assert images.column("image_id") == [f"{i:06d}" for i in range(N)]
    assert set(images.column("class")) == {"young", "old"}
    copy = images.save(tmp_path / "copy")
    assert files_below(copy.folder or Path()) == files_below(made.folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy", "made", "real", "run", "site"]


def test_nifti_files_are_those_of_an_export_of_the_images(drawn: Draw, tmp_path: Path) -> None:
    images = Images.open(drawn("images").folder)
    drawn("files", export=nifti())
    exporter = plugins().load("exporter", "nifti")(nifti().config)
    exporter.export(images, tmp_path / "exported")
    assert files_below(tmp_path / "files") == files_below(tmp_path / "exported")


def test_fewer_images_are_the_first_of_more(drawn: Draw) -> None:
    some, all_of_them = Images.open(drawn("some", n=11).folder), Images.open(drawn("all").folder)
    assert np.array_equal(some.read(), all_of_them.read()[:11])
    assert some.table == all_of_them.table[:11]


def test_a_stop_keeps_what_is_drawn_and_the_same_request_goes_on(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn("whole")
    stopped_after(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    assert not (tmp_path / "made").exists()
    assert drawn("made", batch_size=5).resumed == 24
    assert "going on: 24 of 50 images are drawn already." in capsys.readouterr().err
    assert files_below(tmp_path / "made") == files_below(tmp_path / "whole")
    assert not (tmp_path / "made.part").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda part: (part / "done.jsonl").write_bytes((part / "done.jsonl").read_bytes()[:-9]),
        lambda part: os.truncate(part / "files/pixels.npy", 9000),
        lambda part: (part / "files/pixels.npy").write_bytes(b"x" * 25_728),
        lambda part: (part / "files/pixels.npy").unlink(),
        lambda part: (part / "done.jsonl").rename(part / "done.before"),
    ],
    ids=["journal cut", "pixels cut", "pixels lost", "no pixels", "killed while resuming"],
)
def test_what_a_crash_damaged_is_drawn_again(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], Any]
) -> None:
    drawn("whole")
    stopped_after(monkeypatch, 4, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    damage(tmp_path / "made.part")
    drawn("made")
    assert files_below(tmp_path / "made") == files_below(tmp_path / "whole")


def test_files_of_an_export_that_a_crash_emptied_are_written_again(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn("whole", export=nifti())
    with monkeypatch.context() as patch:
        patch.setattr(sinks.FilesSink, "finish", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            drawn("made", export=nifti())
    (tmp_path / "made.part/files/000017.nii.gz").write_bytes(b"")
    (tmp_path / "made.part/files/000031.json").unlink()
    assert drawn("made", export=nifti()).resumed == N - 16
    assert files_below(tmp_path / "made") == files_below(tmp_path / "whole")


@pytest.mark.parametrize(
    ("other", "line"),
    [
        ({"seed": 1}, "seed 0, expected 1"),
        ({"n": 40}, "n 50, expected 40"),
        ({"condition": {"class": "old"}}, "condition.class none, expected old"),
        ({"sampling": {"noise": 0.3}}, "sampling.noise 0.1, expected 0.3"),
        ({"export": nifti}, "export none, expected"),
    ],
)
def test_another_request_does_not_go_on(
    drawn: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    other: dict[str, Any],
    line: str,
) -> None:
    stopped_after(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    asked = {k: v() if callable(v) else v for k, v in other.items()}
    with pytest.raises(ExistsError, match=r"made\.part is of another request") as caught:
        drawn("made", **asked)
    assert line in caught.value.message
    assert drawn("made").resumed == 24


def test_other_weights_do_not_go_on(
    drawn: Draw, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped_after(monkeypatch, 3, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    request = json.loads((tmp_path / "made.part/request.json").read_text())
    request["checkpoint_sha256"] = "0" * 64
    (tmp_path / "made.part/request.json").write_text(json.dumps(request))
    with pytest.raises(ExistsError, match="checkpoint_sha256 000000000000…, expected"):
        drawn("made")
    replaced = draw(Request(checkpoint, N), tmp_path / "made", workers=1, replace=True)
    assert replaced.resumed == 0
    assert len(Images.open(replaced.folder, verify=True)) == N


def test_a_finished_folder_is_never_touched(drawn: Draw, tmp_path: Path) -> None:
    drawn("made")
    before = files_below(tmp_path / "made")
    for n in (N, 2 * N):
        with pytest.raises(ExistsError, match="made exists already"):
            drawn("made", n=n)
    assert files_below(tmp_path / "made") == before


def test_a_loaded_generator_writes_the_same_from_python(
    drawn: Draw, checkpoint: Path, tmp_path: Path
) -> None:
    drawn("made", seed=3, sampling={"noise": 0.3})
    generator = brainzoo.load(checkpoint, noise=0.3)
    written = generator.write_images(tmp_path / "written", N, seed=3, workers=2)
    assert files_below(tmp_path / "written") == files_below(tmp_path / "made")
    pixels = generator.images(N, seed=3)
    assert np.abs(written.floats() - pixels).max() < 1e-4
    generator.folder = None
    with pytest.raises(NotFoundError, match="not loaded from a checkpoint"):
        generator.write_images(tmp_path / "more", 1)


def test_two_processes_do_not_draw_the_same_folder(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.undo()
        with pytest.raises(ExistsError, match="another process is drawing"):
            drawn("made")
        raise KeyboardInterrupt

    stopped_after(monkeypatch, 2, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    monkeypatch.setattr(sinks.ImagesSink, "write", meanwhile)
    with pytest.raises(KeyboardInterrupt):
        drawn("made")
    assert drawn("made").resumed == 16


def test_what_cannot_be_drawn_leaves_nothing(drawn: Draw, tmp_path: Path) -> None:
    for refused in ({"condition": {"class": "older"}}, {"sampling": {"noise": -1.0}}, {"n": 0}):
        with pytest.raises(OptionError):
            drawn("made", **refused)
    spec = plugins().get("exporter", "report")
    with pytest.raises(OptionError, match="needs all images at once"):
        drawn("made", export=Part("report", spec.config()))
    assert not (tmp_path / "made.part").exists()


def test_a_disk_that_fills_up_is_one_line_and_nothing_is_lost(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn("whole")
    stopped_after(monkeypatch, 3, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    with pytest.raises(DiskError, match=r"the disk is full: .*made could not be written"):
        drawn("made")
    assert drawn("made").resumed == 24
    assert files_below(tmp_path / "made") == files_below(tmp_path / "whole")


def test_a_disk_that_is_too_small_is_refused_at_once(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = sinks.shutil.disk_usage(tmp_path)._replace(free=20_000)
    monkeypatch.setattr(sinks.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DiskError, match=r"the images need 26 kB of free space, found 20"):
        drawn("made")
    assert not (tmp_path / "made.part").exists()


def test_a_generator_without_start_draws_the_same_with_one_worker(
    drawn: Draw,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    drawn("whole")
    tiny = plugins().load("generator", "tiny")
    sample, conditions = tiny.sample, tiny.conditions

    def old_sample(self: Any, n: int, *, seed: int, condition: Any, batch_size: int) -> Any:
        return sample(self, n, seed=seed, condition=condition, batch_size=batch_size)

    def old_conditions(self: Any, n: int, *, seed: int, condition: Any) -> Any:
        return conditions(self, n, seed=seed, condition=condition)

    monkeypatch.setattr(tiny, "sample", old_sample)
    monkeypatch.setattr(tiny, "conditions", old_conditions)
    with monkeypatch.context() as patch:
        stopped_after(patch, 3, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            drawn("made", workers=2)
    assert "one worker: this generator draws from the first image on" in capsys.readouterr().err
    made = drawn("made", batch_size=7)
    assert (made.resumed, made.workers) == (24, 1)
    assert files_below(tmp_path / "made") == files_below(tmp_path / "whole")


def test_others_help_only_where_one_process_would_take_long(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "cores", lambda: 2)
    assert drawn("short", workers=None).workers == 1
    monkeypatch.setattr(drawing, "TOGETHER_FROM_SECONDS", 0.0)
    assert drawn("long", workers=None).workers == 2
    assert files_below(tmp_path / "long") == files_below(tmp_path / "short")


def test_every_process_computes_with_one_thread(
    drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    tiny, seen = plugins().load("generator", "tiny"), []
    one = tiny._one

    def counted(self: Any, *arguments: Any) -> Any:
        seen.append(torch.get_num_threads())
        return one(self, *arguments)

    monkeypatch.setattr(tiny, "_one", counted)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        drawn("made")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {1}


def test_pieces_hold_every_image_once() -> None:
    pieces = cut([range(16, 40), range(64, 1000)], 8, 3)
    assert [i for piece in pieces for i in piece] == [*range(16, 40), *range(64, 1000)]
    assert len(pieces) >= 12
    assert all(piece.start % 8 == 0 for piece in pieces)


def _interrupted(*arguments: Any) -> None:
    raise KeyboardInterrupt
