import numpy as np
import pytest
import torch
from training import tiny

from brainzoo.plugin.run import TrainConfig
from brainzoo.training import in_chunks
from brainzoo.training.augment import Augmentation
from brainzoo.training.diffaugment import diffaugment
from brainzoo.training.feed import Feed
from brainzoo.training.step import Step, latents


def augment(pixels, step, train, spacing_mm=None, label_channels=0):
    spacing_mm = spacing_mm or (1.0,) * (pixels.ndim - 2)
    return Augmentation(train, spacing_mm, label_channels)(pixels, step)[0]


def randomness(images=0, **more):
    return Step(0, images, torch.device("cpu"), **more)


def test_every_image_comes_once_an_epoch_in_new_orders():
    images = tiny.images()
    feed = Feed(images, seed=3, labels=np.arange(40) % 2)
    originals = images.floats()
    epochs = [feed.batch(epoch * 40, 40) for epoch in range(2)]
    for pixels, labels in epochs:
        order = [int(np.flatnonzero((originals == p).all((1, 2, 3)))[0]) for p in pixels.numpy()]
        assert sorted(order) == list(range(40))
        assert labels.tolist() == [i % 2 for i in order]
    assert not torch.equal(epochs[0][0], epochs[1][0])


def test_labels_of_one_s_own_come_with_their_images():
    images = tiny.images()
    feed = Feed(images, seed=3, labels=np.arange(40) * 10)
    pixels, labels = feed.batch(30, 20)
    assert np.array_equal(pixels.numpy(), images.floats(labels.numpy() // 10))


def test_the_order_does_not_depend_on_the_batch_size():
    feed = Feed(tiny.images(), seed=3)
    whole = feed.batch(0, 100)[0]
    parts = torch.cat([feed.batch(start, 10)[0] for start in range(0, 100, 10)])
    assert torch.equal(whole, parts)
    assert not torch.equal(whole, Feed(tiny.images(), seed=4).batch(0, 100)[0])


def test_processes_share_a_batch_image_by_image():
    feed = Feed(tiny.images(), seed=3)
    parts = [feed.batch(32 + process, 4, 4)[0] for process in range(4)]  # over an epoch's end
    assert torch.equal(feed.batch(32, 16)[0], torch.stack(parts, 1).flatten(0, 1))


def test_other_images_have_another_digest():
    images = tiny.images()
    digests = [Feed(images, seed).digest() for seed in (0, 1)]
    assert digests[0] == digests[1]
    assert Feed(images[:30], 0).digest() != digests[0]
    assert Feed(images, 0, labels=np.arange(40)).digest() != digests[0]


@pytest.mark.parametrize("shape", [(6, 1, 9, 9), (6, 1, 9, 9, 9)])
def test_without_augmentation_images_stay_as_they_are(shape):
    pixels = torch.rand(shape)
    off = TrainConfig(images=1, flip=False, rotate_deg=0, translate=0, zoom=0)
    assert torch.equal(augment(pixels, randomness(), off), pixels)


def test_images_come_as_they_are_towards_the_end():
    pixels = torch.rand(6, 1, 9, 9)
    train = TrainConfig(images=1, flip=False, augment_until=0.5)
    assert not torch.equal(augment(pixels, randomness(progress=0.4), train), pixels)
    assert torch.equal(augment(pixels, randomness(progress=0.5), train), pixels)
    train = TrainConfig(images=1, augment_until=0.5)
    mirrored = augment(pixels, randomness(progress=0.9), train)
    assert {bool((a == b).all()) for a, b in zip(mirrored, pixels, strict=True)} == {True, False}


def test_mirroring_swaps_left_and_right_of_about_half():
    pixels = torch.rand(200, 1, 4, 6)
    made = augment(pixels, randomness(), TrainConfig(images=1, rotate_deg=0, translate=0, zoom=0))
    same = (made == pixels).flatten(1).all(1)
    swapped = (made == pixels.flip(-1)).flatten(1).all(1)
    assert bool((same | swapped).all())
    assert 70 < int(swapped.sum()) < 130


@pytest.mark.parametrize("dims", [2, 3])
def test_rotating_and_shifting_move_a_point_no_further_than_stated(dims):
    size = 33
    at = [size // 2] * dims
    at[-1] += 10  # ten pixels from the centre
    grid = torch.stack(torch.meshgrid(*[torch.arange(size)] * dims, indexing="ij")).float()
    blob = (-sum((g - a) ** 2 for g, a in zip(grid, at, strict=True)) / 4).exp()
    pixels = blob.expand(64, 1, *blob.shape)
    train = TrainConfig(images=1, flip=False, rotate_deg=10, translate=0, zoom=0)
    made = augment(pixels, randomness(), train)
    centres = [(made * grid[i]).flatten(1).sum(1) / made.flatten(1).sum(1) for i in range(dims)]
    distance = sum((c - a) ** 2 for c, a in zip(centres, at, strict=True)) ** 0.5
    most = 10 * 2 * np.sin(np.radians(10) / 2) * (1 if dims == 2 else 1.8) + 0.3
    assert 0.3 < float(distance.max()) < most
    assert abs(float(made.flatten(1).sum(1).mean() / blob.sum()) - 1) < 0.1


def test_random_numbers_do_not_depend_on_the_number_of_processes():
    whole = randomness(16).uniform(8, 3)
    halves = [randomness(16, process=i, processes=2).uniform(4, 3) for i in range(2)]
    assert torch.equal(whole, torch.stack(halves, 1).flatten(0, 1))
    assert not torch.equal(whole, randomness(24).uniform(8, 3))
    assert randomness().integers(500, 5).unique().tolist() == [0, 1, 2, 3, 4]


def test_latents_depend_on_seed_and_index_only():
    some = latents(5, 0, 10, 7)
    assert np.array_equal(some[4:9], latents(5, 4, 5, 7))
    assert not np.array_equal(some, latents(6, 0, 10, 7))
    assert some.min() >= -1
    assert some.max() < 1
    assert abs(latents(0, 0, 500, 50, "normal").std() - 1) < 0.02


@pytest.mark.parametrize("batch_size", [1, 3, 8, 20, 100])
@pytest.mark.parametrize("n", [1, 8, 21])
def test_chunks_have_one_size_and_batches_the_wanted_one(n, batch_size):
    sizes = []

    def make(start, count):
        sizes.append(count)
        return np.arange(start, start + count, dtype=np.float32).reshape(-1, 1, 1, 1)

    batches = list(in_chunks(make, n, batch_size))
    assert set(sizes) == {8}
    assert [int(v) for batch in batches for v in batch.flat] == list(range(n))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert len(batches[-1]) <= batch_size


@pytest.mark.parametrize("dims", [2, 3])
def test_diffaugment_is_differentiable_and_hides_half_a_side(dims):
    pixels = torch.rand(16, 1, *[16] * dims, requires_grad=True)
    made = diffaugment(pixels, randomness(), ("brightness", "translation", "cutout"))
    assert made.shape == pixels.shape
    (gradient,) = torch.autograd.grad(made.sum(), pixels)
    touched = float((gradient != 0).float().mean())
    assert 0.4 < touched < 0.99
    assert torch.equal(diffaugment(pixels, randomness(), ()), pixels)


def test_diffaugment_shifts_whole_pixels_and_fills_with_background():
    pixels = torch.full((32, 1, 16, 16), -1.0)
    pixels[:, :, 8, 8] = 1
    made = diffaugment(pixels, randomness(), ("translation",))
    places = (made == 1).flatten(1)
    assert bool((places.sum(1) == 1).all())
    rows = places.float().argmax(1) // 16
    assert set((rows - 8).tolist()) == {-2, -1, 0, 1, 2}


def test_zooming_moves_an_edge_no_further_than_stated():
    pixels = torch.zeros(64, 1, 41, 41)
    pixels[:, :, 10:31, 10:31] = 1  # half of the frame
    train = TrainConfig(images=1, flip=False, rotate_deg=0, translate=0, zoom=0.2)
    sides = augment(pixels, randomness(), train).sum((1, 2, 3)) ** 0.5 / 21
    assert 0.8 < float(sides.min()) < 0.9
    assert 1.1 < float(sides.max()) < 1.27


@pytest.mark.parametrize("shape", [(8, 1, 24, 24), (8, 1, 12, 12, 12)])
def test_the_network_is_told_which_images_are_changed(shape):
    pixels = torch.rand(shape)
    train = TrainConfig(images=1, flip=False, augment_fraction=0.5, elastic_mm=1.0, gamma=0.1)
    made, changed = Augmentation(train, (2.0,) * (len(shape) - 2))(pixels, randomness())
    same = torch.tensor([torch.equal(a, b) for a, b in zip(made, pixels, strict=True)])
    assert 0 < changed.sum() < 8
    assert torch.equal(changed == 0, same)


def test_where_every_image_is_changed_there_is_nothing_to_tell():
    pixels = torch.rand(8, 1, 24, 24)
    train = TrainConfig(images=1, flip=False, augment_fraction=1.0, elastic_mm=1.0)
    made, changed = Augmentation(train, (2.0, 2.0))(pixels, randomness())
    assert not any(torch.equal(a, b) for a, b in zip(made, pixels, strict=True))
    assert not changed.any()


def test_elastic_displacements_have_the_size_in_mm_that_was_asked_for():
    ramp = torch.linspace(0, 1, 64).expand(40, 1, 64, 64).contiguous()  # 63 pixels of 2 mm
    train = TrainConfig(images=1, flip=False, rotate_deg=0, translate=0, zoom=0, elastic_mm=3.0)
    made = augment(ramp, randomness(), train, (2.0, 2.0))
    inside = (made - ramp)[:, :, 12:-12, 12:-12] * 63 * 2
    assert 1.5 < float(inside.std()) < 3.5  # interpolation between the knots lowers it


def test_label_maps_stay_label_maps():
    labels = torch.zeros(6, 3, 20, 20)
    labels[:, 0], labels[:, 0, 6:14, 6:14], labels[:, 2, 6:14, 6:14] = 1, 0, 1
    pixels = torch.cat([torch.rand(6, 2, 20, 20), labels], 1)
    train = TrainConfig(images=1, rotate_deg=20, elastic_mm=2, gamma=0.2)
    made = augment(pixels, randomness(), train, label_channels=3)
    assert set(made[:, 2:].unique().tolist()) == {0.0, 1.0}
    assert bool((made[:, 2:].sum(1) == 1).all())
    assert not torch.equal(made[:, 2:], pixels[:, 2:])
