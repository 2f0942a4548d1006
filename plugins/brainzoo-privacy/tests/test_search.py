import pickle

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from brainzoo.testing.heads import make_images
from brainzoo_privacy import blocks
from brainzoo_privacy import search as searching
from brainzoo_privacy.calibration import lead_of, limits
from brainzoo_privacy.pose import Pose
from brainzoo_privacy.search import BANDS, Individuality, Vectors, even_and_odd, search


@pytest.mark.parametrize("shape", [(6, 1, 5, 8), (6, 2, 4, 7), (6, 1, 5, 4, 3)])
def test_halves_give_the_products_of_images_and_of_their_mirror_images(shape):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, *shape)).astype(np.float32)
    mirrored = np.flip(a, axis=2 if len(shape) == 5 else 3)
    x, y = even_and_odd(a), even_and_odd(b)
    even, odd = x.even @ y.even.T, x.odd @ y.odd.T
    flat = (len(a), -1)
    assert np.allclose(even + odd, a.reshape(flat) @ b.reshape(flat).T, atol=1e-4)
    assert np.allclose(even - odd, mirrored.reshape(flat) @ b.reshape(flat).T, atol=1e-4)


def test_blocks_find_what_comparing_one_by_one_finds(monkeypatch):
    for module in (blocks, searching):
        monkeypatch.setattr(module, "ROWS", 7)
    rng = np.random.default_rng(1)
    queries = Vectors(*rng.normal(size=(2, 23, 6)).astype(np.float32))
    references = Vectors(*rng.normal(size=(2, 31, 6)).astype(np.float32))
    subjects = [f"s{i}" for i in rng.integers(0, 9, 31)]
    own = [f"s{i}" for i in rng.integers(0, 12, 23)]
    found = search(queries, references, subjects, own=own)

    names = list(dict.fromkeys(subjects))
    expected = np.full((23, 31), -1.0)
    for i in range(23):
        for j in range(31):
            if own[i] != subjects[j]:
                even = queries.even[i] @ references.even[j]
                expected[i, j] = even + abs(queries.odd[i] @ references.odd[j])
    for k, name in enumerate(names):
        of_subject = [j for j in range(31) if subjects[j] == name]
        wanted = np.maximum(expected[:, of_subject].max(axis=1), -1)
        assert np.allclose(found.by_subject[:, k], wanted, atol=1e-5)
    assert (found.nearest == expected.argmax(axis=1)).all()
    assert np.allclose(found.of_reference, np.maximum(expected.max(axis=0), -1), atol=1e-5)


def test_another_process_finds_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path))
    rng = np.random.default_rng(2)
    even, odd, to_even, to_odd = rng.normal(size=(4, 9, 6)).astype(np.float32)
    subjects = np.arange(9) // 3
    here = blocks.Compared(
        {
            "even": even,
            "odd": odd,
            "of_query": subjects,
            "to_even": to_even,
            "to_odd": to_odd,
            "of_reference": subjects,
        }
    )
    there = pickle.loads(pickle.dumps(here))
    for found, expected in zip(there.rows(0), here.rows(0), strict=True):
        np.testing.assert_array_equal(found, expected)
    here.close()
    assert not list(tmp_path.iterdir())


def test_an_image_is_like_itself_and_unlike_others(train):
    individuality = Individuality(Pose(train, 0))
    query, reference = individuality.vectors(train, "train")[0]
    subjects = [row["subject"] for row in train.table]
    assert np.allclose(search(query, reference, subjects).similarity, 1, atol=1e-4)
    assert search(query, reference, subjects, own=subjects).similarity.max() < 0.9


def test_both_sides_are_blurred_where_a_copy_is(tmp_path):
    heads = make_images(tmp_path / "heads", spatial=(64, 64), subjects=12, per_subject=1)
    individuality = Individuality(Pose(heads, 0))
    likeness = []
    for band in BANDS:
        sigma = band.blurred * 64
        blurred = gaussian_filter(heads.floats(), (0, 0, sigma, sigma))
        a = individuality.of_posed(heads.floats(), band, band)
        b = individuality.of_posed(blurred, band.of_query(), band)
        likeness.append(float(((a.even * b.even).sum(1) + (a.odd * b.odd).sum(1)).mean()))
    assert min(likeness) > 0.97


def test_the_mean_image_is_like_nobody(train, test):
    """A smooth or average image is near everybody by plain correlation, and copies nobody."""
    pose = Pose(train, 0)
    individuality = Individuality(pose)
    mean = individuality.of_posed(pose.mean[None])
    reference = individuality.vectors(train, "train")[0].reference
    found = search(mean, reference, [row["subject"] for row in train.table])
    assert found.similarity[0] < 0.5


def test_at_most_one_in_a_hundred_of_others_counts_as_a_copy(train, tmp_path):
    """The limits come from training subjects alone; 500 other people check them."""
    others = make_images(tmp_path / "others", subjects=500, per_subject=1, seed=11)
    individuality = Individuality(Pose(train, 0))
    query, reference = individuality.vectors(train, "train")[0]
    subjects = [row["subject"] for row in train.table]
    unseen = search(query, reference, subjects, own=subjects)
    found = limits(unseen.similarity, lead_of(unseen.by_subject), len(set(subjects)), 0.01)
    checked = search(individuality.vectors(others, "others")[0].query, reference, subjects)
    assert found.flags(checked.similarity, lead_of(checked.by_subject)).mean() <= 0.01
