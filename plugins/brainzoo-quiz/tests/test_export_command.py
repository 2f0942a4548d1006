"""``brainzoo quiz export``, with runs, folders of images and plain pictures."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from brainzoo.cli import main
from brainzoo.data.images import Images
from brainzoo.exporters.plugin import PngConfig
from brainzoo.exporters.png import Png
from brainzoo_quiz.study.key import Key
from brainzoo_quiz.study.package import read_package

from . import pools


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    pools.pool(tmp_path / "real", 100)  # a fifth is the test split
    pools.pool(tmp_path / "created", 20, created=True)
    return tmp_path / "real", tmp_path / "created"


def run(*words: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(main, [str(word) for word in ("quiz", "export", *words)])
    return found.exit_code, found.stdout, found.stderr


SMALL = ("--images", 12, "--practice", 4, "--readers", 2)


def test_the_command(folders, tmp_path):
    real, created = folders
    code, out, err = run(real, created, "--out", tmp_path / "study", *SMALL, "--title", "Heads")
    assert (code, err.count("warning")) == (0, 0), err
    assert "Leak audit on 20 real images of 20 subjects and 20 created ones" in out
    assert "JPEG blocks" in out
    assert out.splitlines()[-1] == str(tmp_path / "study")
    package = read_package(tmp_path / "study")
    assert package.title == "Heads"
    rows = {c.sources[0].row for c in Key.read(tmp_path / "study" / "key.json").cases
            if c.truth == "real"}  # fmt: skip
    table = Images.open(real).table
    assert {table[row]["split"] for row in rows} == {"test"}


def test_plain_folders_of_pictures(both, tmp_path):
    """The subject of a picture is its name's; nothing says how they were made, and that is said."""
    for name, images in zip(("people", "machine"), both, strict=True):
        Png(PngConfig(grid_images=0)).export(images[:30], tmp_path / name)
    folders = [tmp_path / name / "images" for name in ("people", "machine")]
    code, out, err = run(*folders, "--out", tmp_path / "study", *SMALL)
    assert code == 0, err
    assert "do not say how their images were prepared" in " ".join(out.split())
    assert "30 real images of 30 subjects" in out


def test_the_command_in_json(folders, tmp_path):
    code, out, _ = run(*folders, "--out", tmp_path / "study", *SMALL, "--json")
    data = json.loads(out)["data"]
    assert code == 0
    assert (data["test"], data["practice"], data["readers"]) == (12, 4, 2)
    assert data["commitment"] == read_package(tmp_path / "study").commitment
    assert data["audit"]["pool"] == {"real": 20, "created": 20, "subjects": 20}


def test_the_command_refuses_a_leak_with_its_table(folders, tmp_path):
    real, created = folders
    spoiled = pools.spoiled(Images.open(created), pools.darker).save(tmp_path / "spoiled")
    code, out, err = run(real, spoiled.folder, "--out", tmp_path / "study", *SMALL)
    assert (code, out) == (9, "")
    assert "brainzoo: leak: " in err
    assert "grey levels" in err
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nowhere", "nowhere"), 3, "there is no folder nowhere"),
        (("{created}", "{real}"), 9, "the real images were made by a generator"),
        (("{real}",), 9, "is not a run"),
        (("{real}", "{created}", "--title", " "), 2, "title must be one line"),
        (("{real}", "{created}", "--preset", "none"), 2, "preset"),
    ],
)
def test_what_cannot_be_is_one_line(folders, tmp_path, words, code, said):
    named = dict(zip(("real", "created"), folders, strict=True))
    found = run(*(word.format(**named) for word in words), "--out", tmp_path / "study", *SMALL)
    assert found[0] == code
    assert said in found[2]
    assert not (tmp_path / "study").exists()
