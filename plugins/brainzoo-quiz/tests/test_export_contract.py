"""What every exporter must do, and the exporter ``quiz`` as a step of a run."""

from pathlib import Path
from typing import ClassVar

import pytest

from brainzoo.common.errors import OptionError
from brainzoo.data.images import Images
from brainzoo.plugin.interfaces import Spec
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.part import Part
from brainzoo.plugin.run import TrainConfig
from brainzoo.runs.folder import RunFolder
from brainzoo.runs.settings import Settings
from brainzoo.testing import ExporterContract
from brainzoo.testing.heads import SUBJECT, make_images
from brainzoo_quiz.config import QuizConfig
from brainzoo_quiz.exporter import Quiz
from brainzoo_quiz.study.key import Key
from brainzoo_quiz.study.package import read_package
from brainzoo_quiz.study.sources import find


def run_folder(real: Images, folder: Path) -> Path:
    """Write the least that a run is: which images it was prepared from."""
    settings = Settings(
        generator=Part("dcgan", None),
        data=Part(str(real.folder), None),
        prepare=None,
        classes={},
        train=TrainConfig(images=1000),
    )
    return RunFolder.create(folder, settings, real, "brainzoo run").path


class TestQuiz(ExporterContract):
    name = "quiz"
    channels = (1,)
    options: ClassVar = {"images": 4, "practice": 2, "readers": 2}

    def run_folder(self, images: Images, folder: Path) -> Path:
        real = folder.with_name(f"{folder.name}-real")
        make_images(real, spatial=images.spatial, subjects=40)
        return run_folder(Images.open(real), folder)


def test_a_run_gives_both_kinds(tmp_path):
    real = make_images(tmp_path / "real", subjects=60)
    run = run_folder(real, tmp_path / "run")
    created = make_images(run / "samples", subjects=12, synthetic=True)
    found_real, found_created, checkpoint = find(run)
    assert set(found_real.column("split")) == {"test"}
    assert len(found_real) == 24
    assert found_created.fingerprint == created.fingerprint
    assert checkpoint is None
    (run / "checkpoint").mkdir()
    (run / "checkpoint" / "config.json").write_text("{}")
    assert find(tmp_path / "real", run / "samples")[2] == run / "checkpoint"

    files = Quiz(QuizConfig(images=8, practice=2)).export(created, tmp_path / "study", run=run)
    assert tmp_path / "study" / "key.json" in files
    rows = {c.sources[0].row for c in Key.read(tmp_path / "study" / "key.json").cases
            if c.truth == "real"}  # fmt: skip
    assert {real.table[row]["split"] for row in rows} == {"test"}
    shown = [path.read_bytes() for path in files if path.suffix != ".raw"]
    assert not any(SUBJECT.encode() in content for content in shown)


def test_without_a_run_real_images_must_be_named(tmp_path):
    made = make_images(tmp_path / "made", subjects=12, synthetic=True)
    with pytest.raises(OptionError, match=r"needs real images, too\. .*--quiz\.real"):
        Quiz(QuizConfig()).export(made, tmp_path / "study")
    make_images(tmp_path / "real", subjects=60)
    config = QuizConfig(images=8, practice=2, readers=1, real=tmp_path / "real")
    Quiz(config).export(made, tmp_path / "study")
    assert len(read_package(tmp_path / "study").seats) == 1


def test_prepared_data_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path))
    make_images(tmp_path / "prepared" / "ixi-0123", subjects=10)
    make_images(tmp_path / "made", subjects=4, synthetic=True)
    assert len(find(Path("ixi-0123"), tmp_path / "made")[0]) == 4


def test_the_exporter_is_offered():
    spec: Spec = plugins().get("exporter", "quiz")
    assert spec.config is QuizConfig
