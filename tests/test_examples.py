"""The examples run, with small budgets, as the documentation says to run them."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import brainzoo
from brainzoo.data.images import Images

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
DIGITS = EXAMPLES / "brainzoo-digits"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("0*.py"))
SMALL = {
    "01_python_api.py": ["--subjects", "12", "--images", "64"],
    "03_conditional_sampling.py": ["--subjects", "24", "--images", "64"],
    "04_train_on_synthetic.py": ["--subjects", "24", "--images", "64", "--steps", "4"],
}


def python(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_runs_and_names_a_picture_to_look_at(script, tmp_path):
    out = tmp_path / "out"
    done = python(EXAMPLES / script, out, *SMALL.get(script, []), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    picture = re.search(r"look at: (\S+\.png)", done.stdout)
    assert picture, done.stdout
    assert Path(picture[1]).is_relative_to(out)
    assert Path(picture[1]).stat().st_size > 1000
    assert list(tmp_path.iterdir()) == [out]
    if script == "01_python_api.py":
        generator = brainzoo.load(out / "checkpoint")
        assert next(generator.sample(2, seed=0)).shape == (2, 1, 32, 32)


def test_scripts_are_listed():
    listed = (EXAMPLES / "README.md").read_text()
    assert sorted(re.findall(r"\((0\w+\.py)\)", listed)) == SCRIPTS


@pytest.fixture
def digits(install, monkeypatch):
    """Install the example package for the test, whether or not it is installed already."""
    described = tomllib.loads((DIGITS / "pyproject.toml").read_text())["project"]
    site = install(described["name"], described["entry-points"]["brainzoo"])
    monkeypatch.syspath_prepend(DIGITS / "src")
    path = os.pathsep.join([str(site), str(DIGITS / "src")])
    monkeypatch.setenv("PYTHONPATH", path)
    return path


def test_the_third_party_package_brings_a_checkpoint(digits, brainzoo, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "digits-gan-sevens" in brainzoo("list").stdout
    done = brainzoo("sample", "digits-gan-sevens", "-n", 16, "--out", "sevens")
    assert done.exit_code == 0, done.output
    assert len(Images.open("sevens")) == 16
    assert brainzoo("verify", "digits-gan-sevens@1.0.0").exit_code == 0


def test_the_third_party_package_runs_from_the_command_line(digits, brainzoo):
    done = brainzoo("run", "digits-gan", "--data", "digits", "--images", 64, "--out", "sevens")
    assert done.exit_code == 0, done.output
    images = Images.open("sevens/samples")
    assert images.spatial == (16, 16)
    assert images.info["source"]["license"] == "CC-BY-4.0"
    assert Path("sevens/progress/000000064.png").is_file()
