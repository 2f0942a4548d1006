import numpy as np

from brainzoo_gantrain.classifier import Labelled
from brainzoo_gantrain.sets import (
    AS_MANY,
    BOTH,
    DRAWS,
    REAL,
    SHUFFLED,
    SYNTHETIC,
    as_many,
    share_of_subjects,
    training_sets,
)


def real_images(subjects=20, slices=4):
    number = np.repeat(np.arange(subjects), slices)
    features = np.arange(len(number), dtype=np.float32)[:, None]
    return Labelled(features, number % 2, np.char.add("subject ", number.astype(str)))


def synthetic_images(n):
    names = np.array([f"image {i}" for i in range(n)])
    return Labelled(np.arange(n, dtype=np.float32)[:, None] - 1000, np.arange(n) % 2, names)


def test_every_row_is_there():
    sets = {s.name: s for s in training_sets(real_images(), synthetic_images(30), (2, 10), 0)}
    assert list(sets) == [
        SYNTHETIC,
        REAL,
        AS_MANY,
        BOTH,
        "real, 10 people",
        "real, 10 people + synthetic",
        "real, 4 people",
        "real, 4 people + synthetic",
        SHUFFLED,
    ]
    assert len(sets[BOTH].draws[0]) == 80 + 30
    assert len(sets[AS_MANY].draws[0]) == 30
    assert [len(d) for d in sets["real, 10 people + synthetic"].draws] == [40 + 30] * DRAWS
    assert [s.name for s in sets.values() if s.synthetic] == [
        SYNTHETIC,
        BOTH,
        "real, 10 people + synthetic",
        "real, 4 people + synthetic",
    ]


def test_as_many_is_no_row_where_there_are_as_many():
    names = [s.name for s in training_sets(real_images(), synthetic_images(80), (), 0)]
    assert names == [SYNTHETIC, REAL, BOTH, SHUFFLED]


def test_shares_that_mean_the_same_subjects_are_one_row():
    sets = training_sets(real_images(subjects=8), synthetic_images(8), (1, 2, 4, 8), 0)
    real = [s for s in sets if s.people and not s.synthetic and s.name != AS_MANY]
    assert [s.people for s in real] == [8, 4]


def test_shares_are_of_whole_subjects_of_every_class():
    real = real_images()
    for share, per_class in ((0.01, 2), (0.3, 3), (1.0, 10)):
        part = share_of_subjects(real, share, [0, 1])
        for number in (0, 1):
            assert len(np.unique(part.groups[part.classes == number])) == per_class
        assert all((part.groups == g).sum() == 4 for g in np.unique(part.groups))


def test_larger_shares_hold_the_smaller():
    real = real_images()
    small, large = (set(share_of_subjects(real, s, [0, 2]).groups) for s in (0.2, 0.6))
    assert small < large


def test_another_draw_draws_others():
    real = real_images()
    assert len({frozenset(share_of_subjects(real, 0.2, [0, i]).groups) for i in range(3)}) > 1


def test_as_many_keeps_the_shares_of_classes():
    images = synthetic_images(200)
    uneven = images[np.flatnonzero((images.classes == 0) | (np.arange(200) < 40))]
    drawn = as_many(uneven, 60, [0, 0])
    assert abs(len(drawn) - 60) <= 1
    assert len(np.unique(drawn.features)) == len(drawn)
    assert abs(drawn.classes.mean() - uneven.classes.mean()) < 0.02


def test_shuffled_labels_stay_the_same_labels():
    sets = {s.name: s for s in training_sets(real_images(), synthetic_images(30), (), 0)}
    before = sets[SYNTHETIC].draws[0]
    for draw in sets[SHUFFLED].draws:
        assert sorted(draw.classes) == sorted(before.classes)
        assert (draw.classes != before.classes).any()
        np.testing.assert_array_equal(draw.features, before.features)
