import numpy as np
import pytest

from brainzoo.testing.heads import make_head, make_images
from brainzoo_privacy.pose import Pose, quarter_turns, warp


def displaced(image, degrees, zoom, shift):
    angle = np.deg2rad(degrees)
    transform = np.eye(3)
    rotation = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    transform[:2, :2] = zoom * np.array(rotation)
    transform[:2, 2] = shift
    return warp(image, transform), transform


def test_a_misplaced_image_comes_back_to_where_its_original_rests(tmp_path):
    images = make_images(tmp_path / "heads", spatial=(64, 64), subjects=20, per_subject=1)
    pose = Pose(images, 0)
    image = make_head((64, 64), seed=99)
    moved, transform = displaced(image, 6, 1.05, (3, -2))
    direct = pose.transform(image[None])
    through = transform @ pose.transform(moved[None])
    assert np.abs((through - direct)[:2, :2]).max() * 32 < 0.5  # pixels at the rim
    assert np.abs((through - direct)[:2, 2]).max() < 0.5


@pytest.mark.parametrize("shape", [(32, 32), (24, 32), (16, 16, 16), (14, 12, 13)])
def test_an_image_turned_by_right_angles_is_judged_as_its_original(tmp_path, shape):
    images = make_images(tmp_path / "heads", spatial=shape, subjects=20, per_subject=1)
    pose, image = Pose(images, 0), make_head(shape, seed=99)
    ways = [way for way in quarter_turns(len(shape)) if way(image).shape == shape]
    assert len(ways) == {(32, 32): 4, (24, 32): 2, (16, 16, 16): 24, (14, 12, 13): 4}[shape]
    for way in ways:
        assert np.allclose(pose.ways(way(image)[None])[0], pose.ways(image[None])[0])


def test_the_template_is_symmetric(train):
    mean = Pose(train, 0).mean
    assert np.allclose(mean, mean[..., ::-1], atol=1e-6)


def test_blank_and_noisy_images_stay_finite_and_in_the_frame(train):
    pose = Pose(train, 0)
    noise = np.random.default_rng(0).random((3, 1, 32, 32), dtype=np.float32)
    noise[1:] = [[[[0]]], [[[1]]]]
    posed = pose.register(noise)
    assert np.isfinite(posed).all()
    for image in noise:
        assert np.abs(pose.transform(image)[:2, 2]).max() <= 0.2 * 32 + 1


def test_a_blank_template_moves_nothing(train):
    train = train[np.arange(8)]
    train = type(train)(np.zeros_like(train.floats()), train.table, train.info)
    assert np.allclose(Pose(train, 0).transform(make_head((32, 32))[None]), np.eye(3), atol=1e-2)
