"""The same images come from any number of workers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brainzoo
from brainzoo import Images
from brainzoo.common import processes
from brainzoo.common.errors import DataError
from brainzoo.plugin.manager import plugins
from brainzoo.sampling.drawing import cut
from brainzoo.testing.plugin import files_below

from .conftest import Draw, N

pytestmark = pytest.mark.usefixtures("tiny")


def test_any_number_of_workers_and_any_batch_size_give_the_same_bytes(
    drawn: Draw, tmp_path: Path
) -> None:
    drawn("one")
    assert drawn("three", workers=3).workers <= 3
    drawn("odd", batch_size=7)
    whole = files_below(tmp_path / "one")
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


def test_fewer_images_are_the_first_of_more(drawn: Draw) -> None:
    some, all_of_them = Images.open(drawn("some", n=11).folder), Images.open(drawn("all").folder)
    assert np.array_equal(some.read(), all_of_them.read()[:11])
    assert some.table == all_of_them.table[:11]


def test_a_loaded_generator_writes_the_same_from_python(
    drawn: Draw, checkpoint: Path, tmp_path: Path
) -> None:
    drawn("made", seed=3, sampling={"noise": 0.3})
    generator = brainzoo.load(checkpoint, noise=0.3)
    written = generator.write_images(tmp_path / "written", N, seed=3, workers=2)
    assert files_below(tmp_path / "written") == files_below(tmp_path / "made")
    pixels = generator.images(N, seed=3)
    assert np.abs(written.floats() - pixels).max() < 1e-4


def test_others_help_only_where_one_process_would_take_long(
    drawn: Draw, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "cores", lambda: 2)
    assert drawn("short", workers=None).workers == 1
    monkeypatch.setattr(processes, "WORTH_SECONDS", 0.0)
    assert drawn("long", workers=None).workers > 1
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
    pieces = list(cut([range(16, 40), range(64, 1000)], 8))
    assert [i for piece in pieces for i in piece] == [*range(16, 40), *range(64, 1000)]
    assert all(len(piece) == 8 for piece in pieces)


@pytest.mark.usefixtures("tiny")
def test_values_that_would_be_clipped_are_an_error(
    drawn: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = plugins().load("generator", "tiny")
    sample = own.sample
    monkeypatch.setattr(own, "sample", lambda *a, **k: (x * 2 - 1 for x in sample(*a, **k)))
    with pytest.raises(DataError, match=r"expected 0 to 1"):
        drawn("clipped")
