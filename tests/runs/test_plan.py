import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brainzoo.common.errors import OptionError
from brainzoo.plugin.manager import plugins
from brainzoo.runs.plan import plan, plan_table
from brainzoo.runs.settings import resolve
from brainzoo.testing.heads import make_images


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Time as little as possible."""
    monkeypatch.setattr("brainzoo.runs.plan.SECONDS", 0.0)


@pytest.fixture
def here(monkeypatch):
    """Try in this process, whose memory stays as it is: a new one takes seconds to start."""
    monkeypatch.setattr("brainzoo.runs.plan.new_processes", lambda n, **_: ThreadPoolExecutor(n))
    monkeypatch.setattr("brainzoo.runs.plan.free_memory", lambda: None)


def planned(name, data, **given):
    return plan(plugins(), resolve(plugins(), name, str(data), {"images": 1000, **given}))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("dcgan", {"base_channels": 16}),
        ("pggan", {"base_channels": 8, "batch_size": 4, "grow_from": 4}),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_plan_tells_what_a_run_takes(name, given, tmp_path):
    folder = tmp_path / "images"
    images = make_images(folder)
    found = planned(name, folder, samples=32, **given)
    training = found["training"]
    rates = [stage["images_per_second"] for stage in training["stages"]]
    assert training["images"] == 1000
    assert 1000 / max(rates) <= training["seconds"]
    assert training["memory_mb"] > 100
    assert found["sampling"]["images"] == 32
    assert found["data"]["images"] == len(images)
    assert found["seconds"]["total"] >= training["seconds"]
    assert found["disk_mb"]["prepared"] == round(len(images) * 32 * 32 * 2 / 1e6, 1)
    assert found["disk_mb"]["state"] > found["disk_mb"]["checkpoint"] > 0
    assert "1,000 images seen" in plan_table(found)
    json.dumps(found)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images"]


@pytest.mark.usefixtures("here")
def test_a_budget_of_minutes_is_told_in_images(tmp_path):
    make_images(tmp_path / "images")
    given = {"images": None, "minutes": 60.0, "base_channels": 16, "grids": 1}
    training = planned("dcgan", tmp_path / "images", **given)["training"]
    rates = [stage["images_per_second"] for stage in training["stages"]]
    assert 3600 * min(rates) <= training["images"] <= 3600 * max(rates)
    assert 3600 <= training["seconds"] < 3700


@pytest.mark.usefixtures("here")
def test_sizes_that_cannot_be_made_are_refused(tmp_path):
    make_images(tmp_path / "images", spatial=(24, 24))
    with pytest.raises(OptionError, match="found 24 × 24"):
        planned("dcgan", tmp_path / "images")


@pytest.mark.usefixtures("home")
def test_scans_are_prepared_once_and_only_a_few_for_a_plan(scans, brainzoo, request):
    words = ["plan", "dcgan", "--data", "folder", "--data.root", scans, "--size", "32"]
    words += ["--base-channels", "8", "--images", "64", "--data.slices", "3", "--json"]
    planned = brainzoo(*words)
    assert planned.exit_code == 0, planned.stderr
    data = json.loads(planned.stdout)["data"]["data"]
    assert (data["scans"], data["images"], data["prepared"]) == (12, 36, False)
    assert data["seconds"] > 0
    assert not list(Path().iterdir())
    folder = ["data", "folder", "--data.root", scans, "--data.slices", "3", "--size", "32"]
    made = brainzoo(*folder, "--data.reference-fraction", "0.585")  # of dcgan's preset
    assert made.exit_code == 0, made.stderr
    request.getfixturevalue("here")
    planned = brainzoo(*words)
    assert planned.exit_code == 0, planned.stderr
    data = json.loads(planned.stdout)["data"]["data"]
    assert (data["images"], data["prepared"], data["seconds"]) == (36, True, 0.0)
