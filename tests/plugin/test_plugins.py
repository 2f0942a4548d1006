"""One broken plugin is one warning, and everything else works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainzoo.common.errors import IncompatiblePluginError, UnknownPluginError
from brainzoo.plugin.found import entry_points
from brainzoo.plugin.manager import KNOWN, Plugins, stranger

from ..conftest import Brainzoo, Install

GOOD = """
from dataclasses import dataclass
from brainzoo import Spec, hookimpl
from brainzoo.plugin.options import option

@dataclass(frozen=True)
class Config:
    size: int = option(3, "A size.")

@hookimpl
def brainzoo_generators():
    return [Spec("{name}", "nowhere:Nothing", Config, "Made for a test.")]
"""

BROKEN = {
    "import error": ("import does_not_exist", "No module named 'does_not_exist'"),
    "syntax error": ("def (", "SyntaxError"),
    "no such module": (None, "No module named 'broken_plugin'"),
    "exits": ("import sys; sys.exit(3)", "SystemExit"),
    "duplicate name": (GOOD.format(name="tiny"), "offers the generator 'tiny', which brainzoo-"),
    "same name twice": (
        GOOD.format(name="twin").replace("return [", "return 2 * ["),
        "offers the generator 'twin' twice",
    ),
    "misspelt hook": (
        GOOD.format(name="x").replace("brainzoo_generators", "brainzoo_generator"),
        "there is no hook named 'brainzoo_generator'. Did you mean 'brainzoo_generators'?",
    ),
    "forgotten decorator": (
        GOOD.format(name="x").replace("@hookimpl", ""),
        "brainzoo_generators lacks the decorator @brainzoo.hookimpl",
    ),
    "hook fails": (GOOD.format(name="x").replace("return", "return 1 / 0 or"), "ZeroDivisionError"),
    "no list": (GOOD.format(name="x").replace("return [", "return 5 or ["), "TypeError"),
    "no spec": (GOOD.format(name="x").replace("return [", "return ['a'] or ["), "is not a Spec"),
    "config is not a dataclass": (
        GOOD.format(name="x").replace("@dataclass(frozen=True)\n", ""),
        "is not a Spec with a dataclass as its config",
    ),
    "unknown option type": (
        GOOD.format(name="x").replace("size: int", "size: dict"),
        "options cannot be of type",
    ),
}


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_one_line_and_the_others_work(case: str, install: Install) -> None:
    text, reason = BROKEN[case]
    modules = {} if text is None else {"broken_plugin": text}
    install("brainzoo-zz", {"broken": "broken_plugin"}, modules=modules)
    found = Plugins()
    (problem,) = found.problems
    assert "brainzoo-zz 0.1.0: plugin 'broken' is left out: " in problem
    assert reason in problem
    assert found.get("generator", "tiny").name == "tiny"


@pytest.mark.usefixtures("tiny")
def test_the_command_line_works_beside_a_broken_plugin(
    install: Install, brainzoo: Brainzoo
) -> None:
    text, reason = BROKEN["import error"]
    install("brainzoo-zz", {"broken": "broken_plugin"}, modules={"broken_plugin": str(text)})
    result = brainzoo("run", "tiny", "--data", "folder", "--help")
    assert result.exit_code == 0
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning:")]
    assert len(warnings) == 1
    assert reason in warnings[0]
    listed = json.loads(brainzoo("plugins", "--json").stdout)["data"]["plugins"]
    problems = {p["distribution"]: p["problem"] for p in listed if p["problem"]}
    assert list(problems) == ["brainzoo-zz"]
    table = brainzoo("plugins")
    assert "broken" in next(line for line in table.stdout.splitlines() if "brainzoo-zz" in line)
    assert reason in table.stderr


@pytest.mark.usefixtures("tiny")
def test_a_plugin_that_prints_leaves_json_alone(install: Install, brainzoo: Brainzoo) -> None:
    text = "print('hello')\n" + GOOD.format(name="loud").replace(
        "return [", "print('asked')\n    return ["
    )
    install("brainzoo-loud", {"loud": "loud_plugin"}, modules={"loud_plugin": text})
    result = brainzoo("plugins", "--json")
    assert "brainzoo-loud" in {
        p["distribution"] for p in json.loads(result.stdout)["data"]["plugins"]
    }
    assert "hello" in result.stderr


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("requires", "works"),
    [
        ("brainzoo-core", True),
        ("brainzoo-core~=0.1.0", True),
        ("brainzoo-core[training]~=0.1.0", True),
        ("brainzoo-core>=0.1,<1", True),
        ("brainzoo-core~=0.2.0", False),
        ("brainzoo-core[training]<0.1", False),
        ("brainzoo-core==9.9; python_version>'3'", False),
        ("brainzoo-other~=9.0", True),
    ],
)
def test_a_plugin_for_another_version_is_left_out(
    requires: str, works: bool, install: Install, brainzoo: Brainzoo
) -> None:
    modules = {"for_version": GOOD.format(name="versioned")}
    install("brainzoo-v", {"v": "for_version"}, modules=modules, requires=requires)
    found = Plugins()
    assert ("versioned" in [spec.name for spec in found.specs("generator")]) is works
    assert "tiny" in [spec.name for spec in found.specs("generator")]
    if not works:
        assert "it requires brainzoo" in found.problems[0]
        with pytest.raises(UnknownPluginError, match="brainzoo-v is installed but broken"):
            found.get("generator", "v")


@pytest.mark.usefixtures("tiny")
def test_commands_that_fail_are_left_out(install: Install, brainzoo: Brainzoo) -> None:
    module = """
from brainzoo import hookimpl
@hookimpl
def brainzoo_commands(group):
    raise RuntimeError("no commands today")
"""
    install("brainzoo-c", {"c": "bad_commands"}, modules={"bad_commands": module})
    result = brainzoo("--help")
    assert result.exit_code == 0
    warnings = [line for line in result.stderr.splitlines() if line.startswith("warning:")]
    assert warnings == [
        "warning: brainzoo-c:c: its commands are left out: RuntimeError: no commands today"
    ]
    assert "tiny" in result.stdout


@pytest.mark.usefixtures("tiny")
def test_no_plugin_takes_the_place_of_a_verb(install: Install, brainzoo: Brainzoo) -> None:
    module = """
from brainzoo import hookimpl
@hookimpl
def brainzoo_commands(group):
    @group.command()
    def doctor():
        print("mine")
"""
    install("brainzoo-d", {"d": "greedy"}, modules={"greedy": module})
    assert "mine" not in brainzoo("doctor", "--help").stdout


def test_the_package_that_would_bring_a_name_is_named() -> None:
    nothing = Plugins([])
    with pytest.raises(UnknownPluginError, match="pip install brainzoo-pggan"):
        nothing.get("generator", "pggan")
    with pytest.raises(UnknownPluginError, match="Known: none"):
        nothing.get("dataset", "oasis")


@pytest.mark.usefixtures("tiny")
def test_of_two_with_the_same_name_ours_stays(install: Install) -> None:
    module = GOOD.format(name="nifti").replace("generators", "exporters")
    install("aaa-first-by-name", {"a": "usurper"}, modules={"usurper": module})
    found = Plugins()
    assert found.of("exporter", "nifti").distribution == "brainzoo-core"
    assert "which brainzoo-core offers already" in found.problems[0]


def test_a_name_of_this_project_is_nobody_elses(install: Install) -> None:
    pytest.importorskip("brainzoo_pggan")
    install("brainzoo-evil", {"evil": "evil"}, modules={"evil": GOOD.format(name="pggan")})
    found = Plugins()
    assert found.of("generator", "pggan").distribution == "brainzoo-pggan"
    [problem] = found.problems
    assert "'pggan', a name that belongs to brainzoo-pggan" in problem


def test_every_name_of_this_project_is_known() -> None:
    """known.json lists what the packages in plugins/ offer, no more and no less."""
    root = Path(__file__).parents[2]
    ours = {path.parent.name for path in root.glob("plugins/*/pyproject.toml")}
    offered = {
        spec.name: plugin.distribution
        for plugin in Plugins().all
        if plugin.distribution in ours
        for specs in plugin.offers.values()
        for spec in specs
    }
    assert offered == KNOWN


def test_another_projects_brainzoo_is_one_warning(install: Install) -> None:
    assert stranger() == ""
    install("brainzoo", {})
    assert "brainzoo 0.1.0 of another project" in stranger()
    install("brainzoo-f", {"f": "faulty"}, modules={"faulty": "import does_not_exist"})
    assert "of another project" in Plugins().problems[-1]


@pytest.mark.usefixtures("tiny")
def test_a_class_that_is_not_there_names_its_distribution(install: Install) -> None:
    install("brainzoo-h", {"h": "hollow"}, modules={"hollow": GOOD.format(name="hollow")})
    with pytest.raises(IncompatiblePluginError, match=r"of brainzoo-h 0\.1\.0 cannot be imported"):
        Plugins().load("generator", "hollow")


@pytest.mark.usefixtures("tiny")
def test_plugins_table(brainzoo: Brainzoo) -> None:
    result = brainzoo("plugins")
    header, *rows = result.stdout.splitlines()
    assert header.split()[:2] == ["distribution", "version"]
    row = next(line for line in rows if line.startswith("brainzoo-tiny"))
    assert row.split() == ["brainzoo-tiny", "0.1.0", "tiny", "difference", "commands", "works"]


def test_real_entry_points_are_seen_by_a_fresh_process() -> None:
    command = [sys.executable, "-m", "brainzoo", "plugins", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["data"]["plugins"]
    assert [p["problem"] for p in found if p["distribution"] == "brainzoo-core"] == [None, None]


def test_what_is_installed_is_remembered_until_something_is_installed(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    site = install("brainzoo-one", {"one": "one"})
    monkeypatch.setattr(sys, "path", [str(site)])
    os.utime(site, (1, 1))
    assert [one.name for one in entry_points()] == ["one"]
    with monkeypatch.context() as patch:
        patch.setattr("importlib.metadata.entry_points", None)  # nobody asks again
        assert [one.name for one in entry_points()] == ["one"]
    install("brainzoo-two", {"two": "two"})
    assert sorted(one.name for one in entry_points()) == ["one", "two"]
    assert sorted(one.name for one in entry_points()) == ["one", "two"]


def test_a_damaged_memory_of_what_is_installed_is_made_anew(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINZOO_HOME", str(tmp_path / "home"))
    site = install("brainzoo-one", {"one": "one"})
    monkeypatch.setattr(sys, "path", [str(site)])
    os.utime(site, (1, 1))
    assert [one.name for one in entry_points()] == ["one"]
    (memory,) = (tmp_path / "home" / "plugins").iterdir()
    for content in ("", "[]", '{"folders": 1}', "\0"):
        memory.write_text(content)
        assert [one.name for one in entry_points()] == ["one"]
