from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml

from brainzoo import Images
from brainzoo.common import locks
from brainzoo.common.errors import DataError, ExistsError, IntegrityError, OptionError, StoppedError
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.run import Run, read_record
from brainzoo.runs import learning, pipeline
from brainzoo.runs.folder import RunFolder, next_folder
from brainzoo.runs.settings import Settings, expect_same_run, from_record, resolve, to_record
from brainzoo.sampling import Request, draw
from brainzoo.testing.heads import make_images

pytestmark = pytest.mark.usefixtures("tiny")

Resolve = Callable[..., Settings]


@pytest.fixture
def settings(scans: Path) -> Resolve:
    """Return a function that resolves settings of a small run."""

    def make(given: dict[str, Any] | None = None, **more: Any) -> Settings:
        values = {"data.root": scans, **(given or {})}
        return resolve(plugins(), "tiny", "folder", values, **{"preset": "quick", **more})

    return make


def test_settings_survive_run_yaml(settings: Resolve, tmp_path: Path) -> None:
    made = settings(
        {"noise": 0.3, "data.sections_mm": (-4, 0, 4), "difference.power": 3, "minutes": 2.5},
        classes={"old": "age > 60", "young": "age < 40"},
        evaluate=["difference"],
        export=["png"],
    )
    text = yaml.safe_dump({"schema": 1, **to_record(made)})
    (tmp_path / "run.yaml").write_text(text)
    assert from_record(plugins(), read_record(tmp_path)) == made


def test_of_options_that_exclude_each_other_the_given_one_counts(settings: Resolve) -> None:
    first = settings({"data.slices_fraction": (0.4, 0.6)})
    again = from_record(plugins(), to_record(first), {"data.slices_mm": (-10, 10), "minutes": 1})
    assert again.prepare is not None
    assert (again.prepare.slices_fraction, again.prepare.slices_mm) == ((), (-10, 10))
    assert (again.train.images, again.train.minutes) == (None, 1)


def test_relative_paths_hold_from_any_folder(
    settings: Resolve, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scans.parent)
    assert settings({"data.root": scans.name}).data.config.root == scans


def test_options_of_what_is_not_in_the_run_are_refused(settings: Resolve) -> None:
    with pytest.raises(OptionError, match="Name its owner with --evaluate difference"):
        settings({"difference.power": 2})
    with pytest.raises(OptionError, match="no option of tiny named 'nois'"):
        settings({"nois": 2})
    with pytest.raises(OptionError, match="no option of the data named 'planes'"):
        settings({"data.planes": "axial"})


def test_only_budgets_leave_a_run_the_same(settings: Resolve) -> None:
    base = settings()
    expect_same_run(base, settings({"images": 500}))
    for given in ({"noise": 0.7}, {"seed": 2}, {"size": 32}, {"samples": 9}, {"data.flips": True}):
        with pytest.raises(OptionError, match="but the run began with"):
            expect_same_run(base, settings(given))


@pytest.mark.parametrize("lost", ["generator", "data", "train", "export"])
def test_a_damaged_record_is_named(settings: Resolve, tmp_path: Path, lost: str) -> None:
    record = {"schema": 1, **to_record(settings())}
    del record[lost]
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(record))
    with pytest.raises(IntegrityError, match=f"lacks the section '{lost}'"):
        read_record(tmp_path)
    record[lost] = [] if lost == "export" else {}
    if lost in ("generator", "data"):
        with pytest.raises(IntegrityError, match=r"run\.yaml is damaged"):
            from_record(plugins(), record)


def test_a_generator_sees_only_the_training_split(settings: Resolve, tmp_path: Path) -> None:
    made = pipeline.run(settings(), tmp_path / "r", command="test")
    images = pipeline.prepare_data(settings())
    trained_on = json.loads(Path(made["checkpoint"], "config.json").read_text())["trained_on"]
    train = images.where(split="train")
    assert trained_on["n_images"] == len(train) < len(images)
    assert trained_on["n_subjects"] == len(train.subjects())


def test_images_in_no_class_are_left_out_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = make_images(tmp_path / "i", spatial=(16, 16))
    table = [
        {**row, "class": row["class"] if i % 3 else None} for i, row in enumerate(images.table)
    ]
    some = Images(images.read(), table, images.info)
    kept = learning.training_images(some)
    assert 0 < len(kept) < len(some.where(split="train"))
    assert None not in kept.column("class")
    assert "training images are in no class: left out." in capsys.readouterr().err


def test_nothing_to_train_on_is_bad_data(tmp_path: Path) -> None:
    images = make_images(tmp_path / "i", spatial=(16, 16)).where(split="test")
    with pytest.raises(DataError, match="no images to train on"):
        learning.training_images(images)


@pytest.mark.parametrize("step", ["fit", "draw", "export"])
def test_a_run_killed_in_any_step_goes_on_to_the_same_samples(
    settings: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    pipeline.run(settings(), tmp_path / "whole", command="test")

    def interrupt(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, step, interrupt)
        with pytest.raises(StoppedError, match="brainzoo run --resume") as caught:
            pipeline.run(settings(), tmp_path / "r", command="test")
        assert caught.value.exit_code == 130
    made = pipeline.run(settings(), tmp_path / "r", command="test", resume=True)
    assert (
        Images.open(made["samples"]).read() == Images.open(tmp_path / "whole/samples").read()
    ).all()
    assert set(made["seconds"]) >= {"prepare", "train", "sample", "export"}


def test_who_goes_on_with_a_run_waits_for_who_is_at_it(
    settings: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, told, drawn = Event(), Event(), []

    def draws(*args: Any, **kwargs: Any) -> Any:
        reached.set()
        drawn.append(told.wait())
        return draw(*args, **kwargs)

    monkeypatch.setattr(pipeline, "draw", draws)
    monkeypatch.setattr(
        locks, "note", lambda text: told.set() if f"busy with {tmp_path / 'r'}" in text else None
    )
    with ThreadPoolExecutor() as pool:
        first = pool.submit(pipeline.run, settings(), tmp_path / "r", command="test")
        reached.wait()
        own = settings()
        second = pool.submit(pipeline.run, own, tmp_path / "r", command="test", resume=True)
        assert first.result()["samples"] == second.result()["samples"]
    assert drawn == [True]


def test_a_killed_export_leaves_nothing_in_the_way(settings: Resolve, tmp_path: Path) -> None:
    made = pipeline.run(settings(), tmp_path / "r", command="test")
    folder = RunFolder.open(tmp_path / "r")
    del folder.record["seconds"]["export"]
    folder.save()
    next(Path(made["export"], "nifti").rglob("*.nii.gz")).write_bytes(b"half")
    pipeline.run(settings(), tmp_path / "r", command="test", resume=True)
    assert min(p.stat().st_size for p in Path(made["export"]).rglob("*.nii.gz")) > 100


def test_an_existing_folder_is_refused_before_anything_is_prepared(
    settings: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "prepare", None)
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "run.yaml").write_text("schema: 1")
    with pytest.raises(ExistsError, match="Go on with: brainzoo run --resume"):
        pipeline.run(settings(), tmp_path / "r", command="test")


def test_next_folder_skips_what_is_taken(tmp_path: Path) -> None:
    assert next_folder("vae", "ixi", tmp_path).name == "vae-ixi-001"
    (tmp_path / "vae-ixi-001").mkdir()
    (tmp_path / "vae-ixi-007").mkdir()
    (tmp_path / "vae-ixi-old").mkdir()
    assert next_folder("vae", "ixi", tmp_path).name == "vae-ixi-008"
    assert next_folder("vae", "/somewhere/prepared", tmp_path).name == "vae-prepared-001"
    (tmp_path / "vae-scans[1]-004").mkdir()
    assert next_folder("vae", "scans[1]", tmp_path).name == "vae-scans[1]-005"


def test_a_step_done_anew_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, {})
    for name in (".samples.1a2b3c4d.part", ".checkpoint.1a2b3c4d.part"):
        (run.path / name).mkdir()
        (run.path / name / "half").write_text("x")
    run.clear("sample")
    assert not (run.path / ".samples.1a2b3c4d.part").exists()
    assert (run.path / ".checkpoint.1a2b3c4d.part").exists()


def test_says_that_the_last_weights_are_kept_where_nobody_validates(
    settings: Resolve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = make_images(tmp_path / "i", spatial=(16, 16))
    own = settings()
    for name, some in (("with", images), ("without", images.where(split="train"))):
        (tmp_path / name).mkdir()
        learning.fit(own.generator, some, Run(tmp_path / name, own.train))
        said = "nobody is in the validation split: the last weights are kept"
        assert (said in capsys.readouterr().err) == (name == "without")


def test_fit_on_a_folder_of_images(settings: Resolve, tmp_path: Path) -> None:
    images = make_images(tmp_path / "i", spatial=(16, 16))
    own = settings()
    (tmp_path / "run").mkdir()
    run = Run(tmp_path / "run", own.train)
    learning.fit(own.generator, images, run).save(run.checkpoint)
    draw(Request(run.checkpoint, 5, seed=1), tmp_path / "s")
    made = Images.open(tmp_path / "s")
    assert made.spatial == (16, 16)
    assert made.synthetic
