import numpy as np
import pytest

from brainzoo_gantrain.classifier import Labelled, learn


def clouds(n, *, apart, classes=2, length=20, subjects=None, seed=0):
    """Return points about a centre for each class, and a shift of its own for each subject."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    features = rng.normal(0, 1, (n, length)).astype(np.float32)
    features[np.arange(n), labels] += apart
    groups = np.array([f"image {seed} {i}" for i in range(n)])
    if subjects:
        number = labels + classes * (np.arange(n) // classes % (subjects // classes))
        features += 3 * rng.normal(0, 1, (subjects, length))[number].astype(np.float32)
        groups = np.char.add("subject ", number.astype(str))
    return Labelled(features, labels, groups)


def share_right(train, test, classes=2):
    return (learn(train, [test], classes, 0)[0].argmax(1) == test.classes).mean()


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_that_are_apart_are_told_apart(classes):
    train = clouds(240, apart=5, classes=classes)
    assert share_right(train, clouds(240, apart=5, classes=classes, seed=1), classes) > 0.97


def test_classes_that_are_not_apart_are_at_chance():
    found = share_right(clouds(300, apart=0), clouds(1000, apart=0, seed=1))
    assert found == pytest.approx(0.5, abs=0.06)


def test_near_the_best_that_is_possible():
    """Two normal distributions whose centres are 2 √2 apart: no rule is right more often."""
    best = 0.9214  # Φ(√2)
    found = share_right(clouds(400, apart=2, length=2), clouds(4000, apart=2, length=2, seed=1))
    assert found == pytest.approx(best, abs=0.02)


def test_units_of_features_do_not_matter():
    train, test = clouds(200, apart=2), clouds(200, apart=2, seed=1)
    units = np.geomspace(1e-3, 1e3, 20).astype(np.float32)
    other = [Labelled(s.features * units + 5, s.classes, s.groups) for s in (train, test)]
    assert share_right(*other) == pytest.approx(share_right(train, test), abs=0.02)


def test_a_feature_that_is_silent_in_training_images_decides_nothing():
    train, test = clouds(200, apart=5), clouds(200, apart=5, seed=1)
    whisper = np.where(np.arange(200) == 1, 1e-6, 0)[:, None]  # one image of one class
    shout = np.ones((200, 1))
    train, test = (
        Labelled(np.hstack([s.features, f]).astype(np.float32), s.classes, s.groups)
        for s, f in ((train, whisper), (test, shout))
    )
    assert share_right(train, test) > 0.97


def test_a_feature_that_never_changes_is_borne():
    train, test = clouds(100, apart=4), clouds(100, apart=4, seed=1)
    for one in (train, test):
        one.features[:, 5] = 7
    assert share_right(train, test) > 0.9


def test_the_rarer_class_is_not_given_up():
    many = clouds(800, apart=3)
    keep = np.flatnonzero((many.classes == 0) | (np.arange(800) % 16 == 1))
    test = clouds(400, apart=3, seed=1)
    answers = learn(many[keep], [test], 2, 0)[0].argmax(1)
    assert answers[test.classes == 1].mean() > 0.7


def test_folds_never_share_a_subject(monkeypatch):
    from brainzoo_gantrain import classifier

    seen = []
    split = classifier.StratifiedGroupKFold.split

    def watched(self, X, y, groups):
        for inside, outside in split(self, X, y, groups):
            seen.append(set(groups[inside]) & set(groups[outside]))
            yield inside, outside

    monkeypatch.setattr(classifier.StratifiedGroupKFold, "split", watched)
    learn(clouds(120, apart=1, subjects=12), [clouds(4, apart=1)], 2, 0)
    assert len(seen) == 5
    assert not any(seen)


@pytest.mark.parametrize("subjects", [2, 4, 6])
def test_few_subjects_are_enough(subjects):
    scores = learn(clouds(24, apart=5, subjects=subjects), [clouds(10, apart=5)], 2, 0)
    assert np.isfinite(scores[0]).all()


def test_the_test_images_change_nothing_for_each_other():
    train, test = clouds(100, apart=1), clouds(50, apart=1, seed=1)
    whole, half = learn(train, [test, test[np.arange(25)]], 2, 0)
    np.testing.assert_allclose(whole[:25], half, rtol=1e-4, atol=1e-5)
