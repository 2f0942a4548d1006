import pickle
from pathlib import Path

import numpy as np
import pytest

from brainzoo.common.errors import DataError
from brainzoo.data.images import Images
from brainzoo.testing.heads import make_images
from brainzoo_metrics.features import Features
from brainzoo_metrics.options import FeatureOptions


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="module")
def made():
    return Features.load(FeatureOptions(extractor="random-squeezenet", layer="fire3"))


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return make_images(tmp_path_factory.mktemp("heads") / "images", subjects=10)


@pytest.fixture
def looked_at(monkeypatch):
    """Return a list that grows by one with every batch that is computed."""
    batches = []
    call = Features.__call__

    def counted(self, pixels):
        batches.append(len(pixels))
        return call(self, pixels)

    monkeypatch.setattr(Features, "__call__", counted)
    return batches


def test_features_are_those_of_the_images_in_order(made, heads):
    expected = np.concatenate([made(heads.floats([i])) for i in range(len(heads))])
    np.testing.assert_allclose(made.of(heads), expected, rtol=1e-4, atol=1e-5)


def test_the_second_time_nothing_is_computed(made, heads, looked_at):
    first = made.of(heads)
    assert looked_at
    looked_at.clear()
    again = made.of(Images.open(heads.folder))
    assert not looked_at
    np.testing.assert_array_equal(first, again)


def test_any_selection_is_taken_from_what_is_known(made, heads, looked_at):
    chosen = heads[[5, 2, 2, 19]]
    some = made.of(chosen)
    np.testing.assert_array_equal(some[1], some[2])
    whole = made.of(heads)
    np.testing.assert_array_equal(whole[[5, 2, 2, 19]], some)
    assert sum(looked_at) == 8 + 24  # 3 different images, then the 17 others, in full batches
    looked_at.clear()
    np.testing.assert_array_equal(made.of(heads[::-1]), whole[::-1])
    assert not looked_at


def test_features_do_not_depend_on_the_other_images(made, heads, home):
    alone = made.of(heads[[7]])
    for file in (home / "features").iterdir():
        file.unlink()
    np.testing.assert_array_equal(made.of(heads)[[7]], alone)


def test_other_processes_pool_as_this_one(made, heads, monkeypatch):
    """The first part is computed here, to time it; those after it elsewhere."""

    def elsewhere(work, tasks, **_):
        for index in range(len(tasks)):
            yield (pickle.loads(pickle.dumps(work)) if index else work)(tasks[index])

    monkeypatch.setattr("brainzoo_metrics.features.PART", 8)
    monkeypatch.setattr("brainzoo_metrics.features.processes.each", elsewhere)
    expected = np.concatenate([made(heads.floats([i])) for i in range(len(heads))])
    np.testing.assert_allclose(made.of(heads), expected, rtol=1e-4, atol=1e-5)


def test_another_process_finds_the_same(made, heads):
    there = pickle.loads(pickle.dumps(made))
    pixels = heads.floats(np.arange(8))
    np.testing.assert_array_equal(there(pixels), made(pixels))


def test_images_made_in_memory_are_never_taken_for_others(made, heads):
    made.of(heads)
    inverted = Images(1 - heads.floats(), heads.table, heads.info)
    assert inverted.fingerprint == heads.fingerprint
    assert not np.allclose(made.of(inverted), made.of(heads))


def test_another_extractor_computes_anew(made, heads):
    deeper = Features.load(FeatureOptions(extractor="random-squeezenet", layer="fire5"))
    assert made.of(heads).shape[1] != deeper.of(heads).shape[1]


def test_both_poolings_share_one_pass(heads, looked_at):
    both = Features.load(
        FeatureOptions(extractor="random-squeezenet", layer="fire3", pooling="mean+max")
    ).of(heads)
    looked_at.clear()
    mean = Features.load(FeatureOptions(extractor="random-squeezenet", layer="fire3"))
    found = mean.of(heads)
    assert not looked_at
    np.testing.assert_allclose(found, mean(heads.floats()), rtol=1e-4, atol=1e-5)
    assert both.shape[1] == 2 * found.shape[1]


def test_damaged_caches_are_computed_again(made, heads, home, capsys):
    first = made.of(heads)
    (file,) = (home / "features").iterdir()
    file.write_bytes(file.read_bytes()[:-5])
    np.testing.assert_array_equal(made.of(heads), first)
    assert "damaged" in capsys.readouterr().err


def test_planes_of_volumes(made, tmp_path):
    volumes = make_images(tmp_path / "volumes", spatial=(16, 16, 16), subjects=5, per_subject=1)
    axial, coronal = (made.of(volumes, view) for view in ("axial", "coronal"))
    assert axial.shape == coronal.shape
    assert not np.allclose(axial, coronal)
    with pytest.raises(DataError, match="no view ''"):
        made.of(volumes, "")


def test_no_images_are_refused(made, heads):
    with pytest.raises(DataError, match="no images"):
        made.of(heads[[]])


def test_real_weights_tell_young_from_old_heads(heads):
    """The nearest other head in features of real weights is nearly always of the same age."""
    folder = Path(__file__).parents[4] / "shared" / "data" / "weights"
    path = folder / "squeezenet1_1-imagenet-features.safetensors"
    if not path.is_file():
        pytest.skip("the weights of SqueezeNet are not on this machine")
    made = Features.load(FeatureOptions(extractor="squeezenet", features_weights=path))
    features = made.of(heads)
    distances = np.linalg.norm(features[:, None] - features[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    classes = np.array(heads.column("class"))
    assert (classes[distances.argmin(1)] == classes).mean() >= 0.9
