"""Simulated lesions are where their masks are, look as they are called, and come again."""

import numpy as np
import pytest

from brainzoo.common.errors import DataError
from brainzoo.testing.heads import make_head
from brainzoo_anomaly.config import KINDS
from brainzoo_anomaly.lesions import add_lesion
from brainzoo_anomaly.regions import inside, width_of


def head(spatial=(64, 64), seed=0):
    image = make_head(spatial, seed=seed)[None]
    return image, inside(image, 0.25)


@pytest.mark.parametrize("spatial", [(64, 64), (24, 24, 24)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_is_what_changed(kind, spatial):
    image, region = head(spatial)
    changed, mask = add_lesion(image, region, kind, 0.35, np.random.default_rng(3))
    difference = np.abs(changed - image)[0]
    assert mask.any()
    assert not (mask & ~region).any(), "a lesion outside the brain"
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    if kind in ("hypointense", "hyperintense"):
        sign = 1 if kind == "hyperintense" else -1
        assert (sign * (changed - image)[0, mask] > 0).all()
    if kind == "mass":  # its rim moves a little
        assert difference[~mask].sum() < 0.15 * difference.sum()
    else:
        assert not difference[~mask].any()
        assert (difference[mask] > 0).mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_makes_the_same_lesion(kind):
    image, region = head()
    before = image.copy()
    one, other = (add_lesion(image, region, kind, 0.2, np.random.default_rng(5)) for _ in range(2))
    another = add_lesion(image, region, kind, 0.2, np.random.default_rng(6))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])
    assert not np.array_equal(one[1], another[1])
    assert np.array_equal(image, before), "the healthy image was changed"


def test_kinds_look_as_they_are_called():
    image, region = head()
    means = {}
    for kind in KINDS:
        changed, mask = add_lesion(image, region, kind, 0.35, np.random.default_rng(1))
        means[kind] = changed[0, mask].mean() / image[0, mask].mean()
        if kind == "texture":  # the very same grey values at other places
            assert np.array_equal(np.sort(changed[0, mask]), np.sort(image[0, mask]))
    assert means["hypointense"] < 0.8
    assert means["hyperintense"] > 1.1
    assert means["texture"] == pytest.approx(1, abs=1e-5)
    assert means["mass"] == pytest.approx(1, abs=0.3)


def test_widths_are_parts_of_the_brain_s_width():
    image, region = head()
    for width in (0.15, 0.3):
        found = []
        for seed in range(8):
            _, mask = add_lesion(image, region, "hyperintense", width, np.random.default_rng(seed))
            found.append(width_of(mask) / width_of(region))
        assert np.median(found) == pytest.approx(width, rel=0.25)


def test_every_channel_has_the_lesion():
    image, region = head()
    both = np.concatenate([image, image * 0.5])
    changed, mask = add_lesion(both, region, "hypointense", 0.3, np.random.default_rng(0))
    assert (np.abs(changed - both)[:, mask].mean(1) > 0.01).all()


def test_air_is_refused():
    with pytest.raises(DataError, match="no head"):
        add_lesion(np.zeros((1, 32, 32), np.float32), np.zeros((32, 32), bool), "mass", 0.2, None)


def test_the_region_is_the_head_without_its_rim():
    image, region = head()
    whole = inside(image, 0.0)
    assert 0.3 < region.sum() / whole.sum() < 0.75
    assert not (region & ~whole).any()
    assert whole.sum() == pytest.approx((image[0] > 0).sum(), rel=0.15)
    assert not inside(np.zeros((1, 32, 32), np.float32), 0.2).any()
