from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import Result
from waiting import wait_until

from brainzoo import Images, load
from brainzoo.common.errors import OptionError

from ..conftest import Brainzoo

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny")]

TINY = ("tiny", "--data", "folder", "--preset", "quick")


@pytest.fixture
def run(brainzoo: Brainzoo, scans: Path) -> Brainzoo:
    """Return a function that runs ``brainzoo run tiny`` with further words."""

    def call(*words: object) -> Result:
        return brainzoo("run", *TINY, "--data.root", scans, *words)

    return call


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_a_run_goes_from_scans_to_exported_files(run: Brainzoo) -> None:
    out = ok(run())
    folder = Path("runs/tiny-folder-001")
    assert str(folder) in out
    samples = Images.open(folder / "samples", verify=True)
    assert len(samples) == 8
    assert samples.spatial == (16, 16)
    assert (folder / "checkpoint" / "model.safetensors").is_file()
    assert len(list((folder / "export" / "nifti").rglob("*.nii.gz"))) == 8
    assert (folder / "export" / "png" / "grid.png").is_file()
    record = yaml.safe_load((folder / "run.yaml").read_text())
    assert record["schema"] == 1
    assert record["train"]["images"] == 64
    assert record["data"]["prepare"]["slices"] == 2
    assert record["versions"]["brainzoo-tiny"] == "0.1.0"
    assert record["command"].startswith("brainzoo run tiny --data folder")
    assert set(record["seconds"]) >= {"prepare", "train", "sample", "export"}


def test_samples_say_what_they_are_and_nothing_personal(run: Brainzoo, scans: Path) -> None:
    ok(run("--class", "young=age < 45", "--class", "old=age > 50"))
    folder = Path("runs/tiny-folder-001")
    samples = Images.open(folder / "samples")
    info = samples.info
    config = json.loads((folder / "checkpoint" / "config.json").read_text())
    assert info["synthetic"] is True
    assert info["generator"]["name"] == "tiny"
    assert info["checkpoint_sha256"] == config["weights"]["sha256"]
    assert info["plane"] == "axial"
    assert info["spacing_mm"] == [14.0, 14.0]
    assert samples.classes == ["young", "old"]
    assert set(samples.column("class")) <= {"young", "old"}
    assert samples.subjects() == []
    published = [
        p for part in ("checkpoint", "samples", "export") for p in (folder / part).rglob("*")
    ]
    for path in filter(Path.is_file, published):
        assert str(scans).encode() not in path.read_bytes(), path


def test_runs_are_numbered(run: Brainzoo) -> None:
    ok(run())
    assert "runs/tiny-folder-002" in ok(run())


def test_an_existing_folder_is_never_overwritten(run: Brainzoo) -> None:
    Path("mine").mkdir()
    result = run("--out", "mine")
    assert result.exit_code == 8
    assert result.stderr.splitlines()[-1] == (
        "brainzoo: mine exists already. Choose another with --out, or remove it."
    )
    assert list(Path("mine").iterdir()) == []


def test_explicit_options_beat_the_preset_and_the_preset_beats_defaults(run: Brainzoo) -> None:
    ok(run("--noise", "0.3", "--out", "a"))
    ok(run("--out", "b"))
    options = [
        yaml.safe_load(Path(name, "run.yaml").read_text())["generator"]["options"] for name in "ab"
    ]
    assert [o["noise"] for o in options] == [0.3, 0.2]


def test_a_device_that_is_not_there_is_refused_before_preparing(run: Brainzoo, home: Path) -> None:
    before = sorted(home.rglob("*"))
    result = run("--device", "cuda:99", "--out", "r")
    assert result.exit_code == 2
    assert "--device cpu" in result.stderr
    assert not Path("r").exists()
    assert sorted(home.rglob("*")) == before


def test_no_budget_is_an_error(brainzoo: Brainzoo, scans: Path) -> None:
    result = brainzoo(
        "run", "tiny", "--data", "folder", "--data.root", scans, "--preset", "endless"
    )
    assert result.exit_code == 2
    assert "no budget is set. Give --images 300k or --minutes 30." in result.stderr


def test_a_plan_writes_nothing(brainzoo: Brainzoo, scans: Path, home: Path) -> None:
    before = sorted(home.rglob("*"))
    words = ("plan", *TINY, "--data.root", scans, "--data.slices", "3", "--json")
    out = json.loads(ok(brainzoo(*words)))["data"]
    assert (out["data"]["scans"], out["data"]["subjects"]) == (12, 12)
    assert out["settings"]["data"]["prepare"]["slices"] == 3
    assert list(Path().iterdir()) == []
    assert sorted(home.rglob("*")) == before


def test_json_is_one_object(run: Brainzoo) -> None:
    found = json.loads(ok(run("--json")))
    assert found["schema"] == 1
    assert found["ok"] is True
    assert found["data"]["samples"] == "runs/tiny-folder-001/samples"


def test_run_yaml_runs_it_again_to_the_same_samples(run: Brainzoo, brainzoo: Brainzoo) -> None:
    ok(run("--noise", "0.25", "--seed", "3", "--class", "young=age < 50", "--class", "old=age>50"))
    ok(brainzoo("run", "runs/tiny-folder-001/run.yaml", "--out", "again"))
    first, second = Images.open("runs/tiny-folder-001/samples"), Images.open("again/samples")
    assert np.array_equal(first.read(), second.read())
    ok(brainzoo("run", "again/run.yaml", "--out", "other", "--seed", "4"))
    assert not np.array_equal(first.read(), Images.open("other/samples").read())


def test_prepared_images_can_be_the_data(brainzoo: Brainzoo, scans: Path) -> None:
    ok(brainzoo("data", "folder", "--data.root", scans, "--size", "8", "--out", "prepared"))
    ok(brainzoo("run", "tiny", "--data", "prepared", "--images", "16", "--out", "r"))
    assert Images.open("r/samples").spatial == (8, 8)
    result = brainzoo("run", "tiny", "--data", "prepared", "--size", "16", "--out", "s")
    assert result.exit_code == 2
    assert "prepared already" in result.stderr


def test_evaluators_and_exporters_bring_their_options(run: Brainzoo) -> None:
    ok(run("--evaluate", "difference", "--difference.power", "2", "--export", "none", "--out", "r"))
    found = json.loads(Path("r/evaluation.json").read_text())["evaluators"]["difference"]
    assert found["options"] == {"power": 2}
    assert found["metrics"][0]["n"] == 8
    assert found["metrics"][1]["value"] is None
    assert Path("r", found["pictures"][0]).is_file()
    assert json.loads(Path("r/checkpoint/metrics.json").read_text())["evaluators"]["difference"]
    assert not Path("r/export").exists()
    result = run("--difference.power", "2")
    assert result.exit_code == 2


def test_train_stops_after_training_and_resume_does_the_rest(
    brainzoo: Brainzoo, scans: Path
) -> None:
    ok(brainzoo("train", *TINY, "--data.root", scans, "--out", "r"))
    assert Path("r/checkpoint").is_dir()
    assert not Path("r/samples").exists()
    for words in (["report", "r"], ["export", "r", "--to", "png", "--out", "p"]):
        early = brainzoo(*words)
        assert early.exit_code == 3
        assert "brainzoo run --resume r" in early.stderr
    ok(brainzoo("run", "--resume", "r"))
    assert Path("r/samples").is_dir()


def test_resume_continues_with_a_larger_budget(run: Brainzoo, brainzoo: Brainzoo) -> None:
    ok(run("--out", "r"))
    before = Path("r/checkpoint/config.json").read_text()
    ok(brainzoo("run", "--resume", "r", "--images", "96"))
    seen = [json.loads(line)["images"] for line in Path("r/stats.jsonl").read_text().splitlines()]
    assert seen == list(range(16, 97, 16))
    assert yaml.safe_load(Path("r/run.yaml").read_text())["train"]["images"] == 96
    assert Path("r/checkpoint/config.json").read_text() != before


def test_a_smaller_budget_than_what_was_seen_is_refused(run: Brainzoo, brainzoo: Brainzoo) -> None:
    ok(run("--out", "r"))
    before = {p: p.read_bytes() for p in Path("r").rglob("*") if p.is_file()}
    result = brainzoo("run", "--resume", "r", "--images", "16")
    assert result.exit_code == 2
    assert "has seen 64 images" in result.stderr
    assert {p: p.read_bytes() for p in Path("r").rglob("*") if p.is_file()} == before


def test_a_grown_budget_is_told_and_the_old_checkpoint_stays_until_there_is_a_new_one(
    run: Brainzoo, brainzoo: Brainzoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brainzoo_tiny.generator import Tiny

    ok(run("--out", "r"))

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Tiny, "fit", stopped)
        assert brainzoo("run", "--resume", "r", "--images", "96").exit_code == 130
    ok(brainzoo("sample", "r", "-n", "2", "--out", "two"))
    ok(brainzoo("run", "--resume", "r"))
    record = yaml.safe_load(Path("r/run.yaml").read_text())
    assert record["train"]["images"] == 96
    assert record["earlier_budgets"] == [{"images": 64, "minutes": None}]
    assert "budget was raised while it trained; before, it was 64 images." in (
        Path("r/checkpoint/README.md").read_text()
    )


def test_slices_given_replace_the_sections_of_a_preset(
    brainzoo: Brainzoo, monkeypatch: pytest.MonkeyPatch, scans: Path
) -> None:
    from brainzoo_tiny.config import TinyConfig

    sections = {"images": 16, "size": 16, "data.sections_mm": (-6.0, 0.0, 6.0)}
    monkeypatch.setattr(TinyConfig, "presets", {"default": sections})
    words = ("run", "tiny", "--data", "folder", "--data.root", scans)
    ok(brainzoo(*words, "--out", "sections"))
    ok(brainzoo(*words, "--data.slices", "2", "--out", "slices"))
    stored = [yaml.safe_load(Path(f"{r}/run.yaml").read_text()) for r in ("sections", "slices")]
    assert [bool(r["data"]["prepare"]["sections_mm"]) for r in stored] == [True, False]


@pytest.mark.parametrize("name", ["dcgan", "pggan"])
def test_a_size_that_the_model_cannot_make_is_refused_before_preparing(
    brainzoo: Brainzoo, scans: Path, name: str
) -> None:
    pytest.importorskip(f"brainzoo_{name}")
    result = brainzoo("run", name, "--data", "folder", "--data.root", scans, "--size", "48")
    assert result.exit_code == 2
    assert "found 48 × 48" in result.stderr
    assert "prepared" not in result.stderr


def test_resume_of_a_finished_run_does_no_work(run: Brainzoo, brainzoo: Brainzoo) -> None:
    ok(run("--out", "r"))
    times = {p: p.stat().st_mtime_ns for p in Path("r").rglob("*")}
    ok(brainzoo("run", "--resume", "r"))
    assert {p: p.stat().st_mtime_ns for p in Path("r").rglob("*")} == times


def test_resume_refuses_what_would_change_the_run(run: Brainzoo, brainzoo: Brainzoo) -> None:
    ok(run("--out", "r"))
    for words in (("--noise", "0.5"), ("--data.slices", "4"), ("--class", "old=age > 60")):
        result = brainzoo("run", "--resume", "r", *words)
        assert result.exit_code == 2
        assert "may change the budget" in result.stderr
    ok(brainzoo("run", "--resume", "r", "--noise", "0.2"))  # what it has already does not change it


def test_resume_notices_other_data(
    brainzoo: Brainzoo, scans: Path, tmp_path: Path, home: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for path in scans.iterdir():
        (own / path.name).write_bytes(path.read_bytes())
    ok(brainzoo("train", *TINY, "--data.root", own, "--out", "r"))
    os.utime(own / "sub-03_T1w.nii.gz", ns=(1, 1))
    ok(brainzoo("run", "--resume", "r"))  # only touched: the same data
    (own / "sub-03_T1w.nii.gz").unlink()
    result = brainzoo("run", "--resume", "r")
    assert result.exit_code == 9
    assert "the data are not those that r began with" in result.stderr


def test_resume_goes_on_with_the_same_scans_in_another_place(
    brainzoo: Brainzoo, scans: Path, tmp_path: Path
) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(scans, copied)
    ok(brainzoo("run", *TINY, "--data.root", copied, "--out", "r"))
    moved = tmp_path / "moved"
    copied.rename(moved)
    words = ("run", "--resume", "r", "--images", "128")
    assert brainzoo(*words).exit_code != 0
    ok(brainzoo(*words, "--data.root", moved))
    record = yaml.safe_load(Path("r/run.yaml").read_text())
    assert record["train"]["images"] == 128
    assert record["data"]["options"]["root"] == str(moved)


def test_a_batch_is_never_larger_than_the_data(run: Brainzoo) -> None:
    result = run("--batch-size", "100000", "--out", "r")
    assert "the batch size is 18, not 100,000" in result.stderr
    assert result.exit_code == 0


@pytest.mark.parametrize("seed", [2**64 - 1, 1795906412345678901])
def test_a_large_seed_is_kept_exactly(run: Brainzoo, seed: int) -> None:
    ok(run("--seed", str(seed), "--data.split-seed", str(seed), "--out", "r"))
    record = yaml.safe_load(Path("r/run.yaml").read_text())
    assert record["train"]["seed"] == record["data"]["prepare"]["split_seed"] == seed
    assert Images.open("r/samples").info["seed"] == seed


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_out_of_range_is_refused_at_once(run: Brainzoo, seed: int) -> None:
    assert run("--seed", str(seed)).exit_code == 2
    assert not Path("runs").exists()
    ok(run("--out", "r"))
    with pytest.raises(OptionError):
        load("r/checkpoint").images(2, seed=seed)


def test_a_run_that_fails_before_training_leaves_no_folder(run: Brainzoo) -> None:
    result = run("--fail", "expected", "--out", "r")
    assert result.exit_code == 2
    assert "brainzoo: this size does not fit. Try another --size." in result.stderr
    assert not Path("r").exists()


def test_a_class_that_matches_nobody_is_bad_data(run: Brainzoo) -> None:
    result = run("--class", "old=age > 200")
    assert result.exit_code == 9
    assert not Path("runs").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_how_to_go_on(scans: Path, tmp_path: Path, number: int) -> None:
    folder = tmp_path / "r"
    command = [sys.executable, "-m", "brainzoo", "run", *TINY, "--data.root", str(scans)]
    process = subprocess.Popen(
        [*command, "--out", str(folder), "--step-ms", "50", "--images", "100k"],
        stderr=subprocess.PIPE,
        text=True,
    )
    stats = folder / "stats.jsonl"
    wait_until(lambda: stats.exists() and stats.stat().st_size > 0, process)
    process.send_signal(number)
    _, stderr = process.communicate()
    assert process.returncode == 130
    last = stderr.splitlines()[-1]
    assert last.endswith(f"Go on with: brainzoo run --resume {folder}")
    assert "Traceback" not in stderr
    seen = json.loads((folder / "stats.jsonl").read_text().splitlines()[-1])["images"]
    again = [sys.executable, "-m", "brainzoo", "run", "--resume", str(folder)]
    done = subprocess.run([*again, "--images", str(seen + 32)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "samples").is_dir()


def test_helper_processes_write_no_run(run: Brainzoo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    assert run().exit_code == 2  # without --out each process would choose its own folder
    Path("r").mkdir()
    assert ok(run("--out", "r")) == ""
    assert not Path("r/run.yaml").exists()


def test_dcgan_on_real_scans(brainzoo: Brainzoo, ixi: Path) -> None:
    pytest.importorskip("brainzoo_dcgan")
    words = ["--data.max-subjects", "12", "--size", "32", "--images", "64", "--base-channels", "16"]
    ok(brainzoo("run", "dcgan", "--data", "ixi", "--data.root", ixi, *words, "--samples", "8"))
    samples = Images.open("runs/dcgan-ixi-001/samples")
    assert samples.info["source"]["license"].startswith("CC BY-SA")


def test_a_file_above_the_run_folder_is_named_before_preparing(run: Brainzoo) -> None:
    Path("notes").write_text("x")
    result = run("--out", "notes/run")
    assert result.exit_code == 8
    assert "notes is a file; expected a folder" in result.stderr
    assert "prepar" not in result.stderr
