import json
from pathlib import Path

import pytest

from brainzoo.common.errors import OptionError
from brainzoo.plugin.manager import plugins
from brainzoo.runs.planning.plan import plan
from brainzoo.runs.planning.table import duration, plan_table
from brainzoo.runs.settings import resolve
from brainzoo.testing.heads import make_images


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Time as little as possible."""
    monkeypatch.setattr("brainzoo.training.timing.SECONDS", 0.0)


def planned(name, data, **given):
    return plan(plugins(), resolve(plugins(), name, str(data), {"images": 1000, **given}))


def test_a_plan_tells_what_a_run_takes(tmp_path):
    folder = tmp_path / "images"
    images = make_images(folder)
    found = planned("dcgan", folder, base_channels=64, samples=32)
    training = found["training"]
    assert training["parameters"].keys() == {"discriminator", "generator"}
    assert training["memory_mb"]["optimizers"] >= 1
    assert training["memory_mb"]["step"] >= 1
    (stage,) = training["stages"]
    assert stage["phases"] == ("discriminator", "generator")
    assert training["images"] == 1008  # whole steps of 16
    assert training["seconds"] > 1000 / stage["images_per_second"]
    assert found["sampling"]["images"] == 32
    assert found["data"]["images"] == len(images)
    assert found["seconds"]["total"] >= training["seconds"]
    assert found["disk_mb"]["prepared"] == round(len(images) * 32 * 32 * 2 / 1e6, 1)
    assert found["disk_mb"]["total"] == pytest.approx(
        sum(size for name, size in found["disk_mb"].items() if name != "total"), abs=0.1
    )
    json.dumps(found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images"]


def test_a_budget_of_minutes_is_told_in_images(tmp_path):
    make_images(tmp_path / "images")
    given = {"images": None, "minutes": 60.0, "base_channels": 16, "grids": 1}
    training = planned("dcgan", tmp_path / "images", **given)["training"]
    (stage,) = training["stages"]
    assert training["images"] == pytest.approx(3600 * stage["images_per_second"], rel=0.05)
    assert 3600 <= training["seconds"] < 3700


def test_growing_networks_are_told_by_resolution(tmp_path):
    make_images(tmp_path / "images", spatial=(16, 16))
    found = planned("pggan", tmp_path / "images", maps=8, batch_size=4, grow_from=4)
    assert [stage["resolution"] for stage in found["training"]["stages"]] == [4, 8, 16]
    shown = plan_table(found)
    assert "pixels" in shown
    assert "1,000 images seen" in shown


def test_what_does_not_fit_into_memory_is_not_tried(tmp_path, monkeypatch):
    make_images(tmp_path / "images")
    monkeypatch.setattr("brainzoo.runs.planning.plan._free", lambda device: 1000)
    found = planned("dcgan", tmp_path / "images", base_channels=16)
    assert "GB are free" in found["training"]["not timed"]
    assert "images_per_second" not in found["training"]["stages"][0]
    assert "not measured: it needs about" in plan_table(found)
    json.dumps(found)


def test_sizes_that_cannot_be_made_are_refused(tmp_path):
    make_images(tmp_path / "images", spatial=(24, 24))
    with pytest.raises(OptionError, match="found 24 × 24"):
        planned("dcgan", tmp_path / "images")


@pytest.mark.usefixtures("home")
def test_scans_are_prepared_once_and_only_a_few_for_a_plan(scans, brainzoo):
    words = ["plan", "dcgan", "--data", "folder", "--data.root", scans, "--size", "32"]
    words += ["--base-channels", "8", "--images", "64", "--data.slices", "3", "--json"]
    data = json.loads(brainzoo(*words).stdout)["data"]["data"]
    assert (data["scans"], data["images"], data["prepared"]) == (12, 36, False)
    assert data["seconds"] > 0
    assert not list(Path().iterdir())
    folder = ["data", "folder", "--data.root", scans, "--data.slices", "3", "--size", "32"]
    made = brainzoo(*folder, "--data.reference-fraction", "0.585")  # of dcgan's preset
    assert made.exit_code == 0, made.stderr
    data = json.loads(brainzoo(*words).stdout)["data"]["data"]
    assert (data["images"], data["prepared"], data["seconds"]) == (36, True, 0.0)


def test_durations_are_told_as_people_do():
    told = [duration(seconds) for seconds in (3.4, 300, 9000, 10 * 86400)]
    assert told == ["3 s", "5 min", "2.5 h", "10.0 days"]
