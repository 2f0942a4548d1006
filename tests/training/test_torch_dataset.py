"""Images as torch datasets: the same image for an index, whoever asks."""

from __future__ import annotations

import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader

import brainzoo
from brainzoo import Images
from brainzoo.common.errors import NotFoundError, OptionError
from brainzoo.common.home import home
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.sampling import Request
from brainzoo.testing.heads import make_images
from brainzoo.zoo import synthetic


@pytest.fixture
def real(tmp_path: Path) -> Images:
    return make_images(tmp_path / "images", spatial=(16, 16))


@pytest.fixture
def checkpoint(tiny: Path, real: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    from brainzoo_tiny.config import TinyConfig
    from brainzoo_tiny.generator import Tiny

    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    generator, folder = Tiny(TinyConfig(noise=0.05)), tmp_path / "run"
    folder.mkdir()
    generator.fit(real.where(split="train"), Run(folder, TrainConfig(images=16)))
    generator.save(folder / "checkpoint")
    return folder / "checkpoint"


def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by how many images each drawing makes."""
    counts: list[int] = []
    whole = synthetic.draw

    def count(request: Request, folder: Path, **more: Any) -> Any:
        counts.append(request.n)
        return whole(request, folder, **more)

    monkeypatch.setattr(synthetic, "draw", count)
    return counts


def test_items_are_pixels_and_class(real: Images) -> None:
    dataset = brainzoo.as_torch(real)
    pixels, label = dataset[3]
    assert len(dataset) == len(real)
    assert pixels.dtype == torch.float32
    assert np.array_equal(pixels.numpy(), real.floats([3])[0])
    assert label.dtype == torch.int64
    assert dataset.classes[int(label)] == real.table[3]["class"]
    assert torch.equal(dataset[-1][0], dataset[len(real) - 1][0])
    with pytest.raises(IndexError):
        dataset[len(real)]
    assert sum(1 for _ in dataset) == len(real)


def test_other_targets_and_transforms(real: Images) -> None:
    ages = brainzoo.as_torch(real, target="age", transform=lambda pixels: 1 - pixels)
    assert ages[2][1] == real.table[2]["age"]
    assert torch.allclose(ages[2][0], 1 - brainzoo.as_torch(real)[2][0])
    real.table[4]["age"] = None
    assert math.isnan(brainzoo.as_torch(real, target="age")[4][1])
    women = brainzoo.as_torch(real, target=lambda row: row["sex"] == "F")
    assert {float(y) for y in women.targets} == {0.0, 1.0}
    assert women[1][1] == (real.table[1]["sex"] == "F")
    with pytest.raises(OptionError, match=r"holds text.*target=lambda row: row\['sex'\]"):
        brainzoo.as_torch(real, target="sex")
    with pytest.raises(OptionError, match=r"no column 'agee'\. Did you mean 'age'"):
        brainzoo.as_torch(real, target="agee")


def test_what_is_in_no_class_is_left_out(real: Images, capsys: pytest.CaptureFixture[str]) -> None:
    for index in (0, 5):
        real.table[index]["class"] = None
    dataset = brainzoo.as_torch(real)
    assert len(dataset) == len(real) - 2
    assert int(dataset.targets.min()) == 0
    assert torch.equal(dataset[0][0], torch.from_numpy(real.floats([1])[0]))
    assert "2 of" in capsys.readouterr().err
    assert len(brainzoo.as_torch(real, target="age")) == len(real)


def test_images_without_classes_have_none(tmp_path: Path) -> None:
    plain = make_images(tmp_path / "plain", spatial=(16, 16), classes=())
    assert set(brainzoo.as_torch(plain).targets.tolist()) == {-1}
    with pytest.raises(NotFoundError):
        brainzoo.as_torch(tmp_path / "nothing")


def test_classes_of_mixed_sets_have_one_order(real: Images) -> None:
    turned = Images(real.read(), real.table, {**real.info, "classes": real.classes[::-1]})
    assert brainzoo.as_torch(turned)[0][1] != brainzoo.as_torch(real)[0][1]
    assert brainzoo.as_torch(turned, classes=real.classes)[0][1] == brainzoo.as_torch(real)[0][1]
    with pytest.raises(OptionError, match="expected some of ill, well"):
        brainzoo.as_torch(real, classes=["ill", "well"])


def test_synthetic_images_are_the_generator_s_with_their_labels(checkpoint: Path) -> None:
    dataset = brainzoo.synthetic(checkpoint, 12, seed=2)
    generator = brainzoo.load(checkpoint)
    found = generator.conditions(12, seed=2)
    wanted = generator.images(12, seed=2)
    for index in (0, 11):
        pixels, label = dataset[index]
        assert np.abs(pixels.numpy() - wanted[index]).max() <= 1 / 65535, "stored in 16 bits"
        assert dataset.classes[int(label)] == found[index]["class"]
    assert dataset.images.synthetic
    old = brainzoo.synthetic(checkpoint, 4, condition={"class": "old"}, noise=0)
    assert [old.classes[int(y)] for y in old.targets] == ["old"] * 4
    assert torch.equal(old[0][0], old[3][0])


def test_they_are_drawn_once(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = drawn(monkeypatch)
    first = brainzoo.synthetic(checkpoint, 12)
    assert torch.equal(brainzoo.synthetic(checkpoint.parent, 12)[7][0], first[7][0])
    assert counts == [12]
    more = brainzoo.synthetic(checkpoint, 20)
    assert torch.equal(more[7][0], first[7][0]), "an index is the same image however many there are"
    for other in ({"seed": 1}, {"condition": {"class": "old"}}, {"noise": 0.2}):
        changed = brainzoo.synthetic(checkpoint, 12, **other)
        assert not torch.equal(changed[7][0], first[7][0])
    assert counts == [12, 20, 12, 12, 12]


def test_two_who_ask_at_once_draw_once(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = drawn(monkeypatch)
    with ThreadPoolExecutor(2) as both:
        first, second = both.map(lambda _: brainzoo.synthetic(checkpoint, 12), range(2))
    assert counts == [12]
    assert torch.equal(first[11][0], second[11][0])


def test_a_damaged_cache_is_drawn_again(
    checkpoint: Path,
) -> None:
    first = brainzoo.synthetic(checkpoint, 6)[5][0]
    pixels = next((home() / "synthetic").rglob("pixels.npy"))
    pixels.write_bytes(pixels.read_bytes()[:-10])
    assert torch.equal(brainzoo.synthetic(checkpoint, 6)[5][0], first)


def test_a_drawing_that_fails_leaves_nothing(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OptionError, match="no class 'ancient'"):
        brainzoo.synthetic(checkpoint, 6, condition={"class": "ancient"})
    with pytest.raises(OptionError, match="0 images"):
        brainzoo.synthetic(checkpoint, 0)
    assert not list((home() / "synthetic").rglob("pixels.npy"))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_give_the_same_batches(checkpoint: Path, real: Images, context: str) -> None:
    made = brainzoo.synthetic(checkpoint, 9)
    both = ConcatDataset([brainzoo.as_torch(real[:8], classes=made.classes), made])
    alone = [pixels for pixels, _ in DataLoader(both, batch_size=5)]
    loader = DataLoader(both, batch_size=5, num_workers=1, multiprocessing_context=context)
    shared = [pixels for pixels, _ in loader]
    assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))
    assert len(alone) == 4


def test_pixels_do_not_travel_to_workers(checkpoint: Path) -> None:
    import pickle

    made = brainzoo.synthetic(checkpoint, 2000)
    content = pickle.dumps(made)
    assert len(content) < 60_000, "2,000 images of 512 bytes would be a megabyte"
    back = pickle.loads(content)
    assert torch.equal(back[1999][0], made[1999][0])
    shutil.rmtree(home() / "synthetic")
