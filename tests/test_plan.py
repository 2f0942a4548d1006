import pytest

from brainzoo.errors import OptionError
from brainzoo.plan import plan
from brainzoo.plugins import plugins
from brainzoo.settings import resolve
from brainzoo.testing.heads import make_images


def planned(name, data, **given):
    return plan(plugins(), resolve(plugins(), name, str(data), {"images": 1000, **given}))


def test_a_plan_tells_what_training_takes(tmp_path):
    folder = tmp_path / "images"
    make_images(folder)
    training = planned("dcgan", folder, maps=128)["training"]
    assert training["parameters"].keys() == {"discriminator", "generator"}
    assert training["weights_mb"] >= 1
    assert training["step_mb"] >= 1
    assert training["images_per_second_about"] > 0
    assert training["hours_about"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images"]


def test_sizes_that_cannot_be_made_are_refused(tmp_path):
    make_images(tmp_path / "images", spatial=(24, 24))
    with pytest.raises(OptionError, match="found 24 × 24"):
        planned("dcgan", tmp_path / "images")
