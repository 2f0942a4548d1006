import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from brainzoo.testing.heads import make_head, make_images
from brainzoo_privacy.pose import Pose, bank, posed, warp


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
    direct = pose.ways(image[None])[0]
    through = transform @ pose.ways(moved[None])[0]
    assert np.abs((through - direct)[:2, :2]).max() * 32 < 0.5  # pixels at the rim
    assert np.abs((through - direct)[:2, 2]).max() < 0.5


@pytest.mark.parametrize("degrees", [37, 60, 90, 145, 180])
@pytest.mark.parametrize("shape", [(64, 64), (24, 24, 24)])
def test_an_image_turned_by_any_angle_rests_as_its_original(tmp_path, shape, degrees):
    images = make_images(tmp_path / "heads", spatial=shape, subjects=20, per_subject=1)
    pose, image = Pose(images, 0), make_head(shape, seed=99)
    small = ndimage.zoom(
        np.pad(image, min(shape) // 6), [n / (n + 2 * (min(shape) // 6)) for n in shape], order=1
    )
    turned = ndimage.rotate(small, degrees, axes=(0, 1), reshape=False, order=1)
    rest, other = (posed(one[None], pose.ways(one[None])[0]).ravel() for one in (small, turned))
    assert np.corrcoef(rest, other)[0, 1] > {2: 0.97, 3: 0.92}[len(shape)]


def test_blur_moves_nothing(tmp_path):
    images = make_images(tmp_path / "heads", spatial=(64, 64), subjects=20, per_subject=1)
    pose, image = Pose(images, 0), make_head((64, 64), seed=99)
    change = pose.ways(ndimage.gaussian_filter(image, 2.5)[None])[0]
    change = np.linalg.inv(pose.ways(image[None])[0]) @ change
    assert np.abs(change - np.eye(3))[:2, :2].max() * 32 < 0.5  # pixels at the rim
    assert np.abs(change[:2, 2]).max() < 0.5


def test_no_turn_is_far_from_the_bank():
    bank_of = {dims: np.stack(bank(dims))[:, :-1, :-1] for dims in (2, 3)}
    for turn in Rotation.random(50, random_state=0).as_matrix():
        cosine = (np.einsum("nij,ij->n", bank_of[3], turn).max() - 1) / 2
        assert np.degrees(np.arccos(cosine)) < 31
    assert len(bank_of[2]) == 24


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
        assert np.abs(pose.ways(image)[0][:2, 2]).max() <= 0.2 * 32 + 1


def test_a_blank_template_moves_nothing(train):
    train = train[np.arange(8)]
    train = type(train)(np.zeros_like(train.floats()), train.table, train.info)
    assert np.allclose(Pose(train, 0).ways(make_head((32, 32))[None])[0], np.eye(3), atol=1e-2)
