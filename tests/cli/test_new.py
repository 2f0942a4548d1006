import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from brainzoo.cli.new import LONGEST_NAME, new
from brainzoo.common.errors import ExistsError, OptionError
from brainzoo.plugin.manager import KINDS

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run_new(*args: str) -> str:
    return CliRunner().invoke(new, args, catch_exceptions=False, standalone_mode=False).stdout


def in_project(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module in a project as if it were installed, without pip or network."""
    described = tomllib.loads((project / "pyproject.toml").read_text())
    package, points = described["project"]["name"], described["project"]["entry-points"]["brainzoo"]
    info = project.parent / "site" / f"{package.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 0.1.0\n")
    lines = [f"{name} = {module}\n" for name, module in points.items()]
    (info / "entry_points.txt").write_text("[brainzoo]\n" + "".join(lines))
    path = os.pathsep.join([str(info.parent), str((project / "src").resolve())])
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_new_package_keeps_its_contract_as_it_is(kind: str, tmp_path: Path) -> None:
    run_new(kind, "my-thing")
    done = in_project(tmp_path / "brainzoo-my-thing", "pytest", "-q", "-W", "error")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


def test_new_packages_are_formatted_and_lint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        monkeypatch.chdir(tmp_path / kind)
        for name in ("x", "my-thing", "a" * LONGEST_NAME):
            run_new(kind, name)
    for words in (["format", "--check", "."], ["check", "."]):
        command = [sys.executable, "-m", "ruff", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_lists_the_files_it_wrote(tmp_path: Path) -> None:
    lines = run_new("generator", "mine").splitlines()
    assert "brainzoo-mine/src/brainzoo_mine/generator.py" in lines
    assert all((tmp_path / line).is_file() for line in lines)
    found = [p for p in (tmp_path / "brainzoo-mine").rglob("*") if p.is_file()]
    assert len(found) == len(lines)


def test_json_gives_the_folder_and_its_files() -> None:
    found = json.loads(run_new("exporter", "mine", "--json"))
    assert found["ok"] is True
    assert found["data"]["folder"] == "brainzoo-mine"
    assert "pyproject.toml" in found["data"]["files"]


def test_no_placeholder_is_left(tmp_path: Path) -> None:
    for kind in KINDS:
        run_new(kind, f"my-{kind}")
    for path in tmp_path.rglob("*"):
        assert "PACKAGE" not in path.name
        assert not path.is_file() or "$" not in path.read_text()


BAD = ["My_GAN", "two words", "brainzoo-gan", "gan-", "a--b", "été", "", "7t", "../evil", "a\nb"]


@pytest.mark.parametrize("name", [*BAD, "x" * (LONGEST_NAME + 1)])
def test_malformed_names_are_refused_and_write_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot name a plugin"):
        run_new("generator", name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "name"), [("generator", "pggan"), ("exporter", "nifti")])
def test_taken_names_are_refused(kind: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError):
        run_new(kind, name)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "brainzoo-mine").mkdir()
    with pytest.raises(ExistsError):
        run_new("generator", "mine")
    assert not list((tmp_path / "brainzoo-mine").iterdir())
