from __future__ import annotations

import subprocess
import sys

import pytest

from brainzoo.testing.plugin import HEAVY

from ..conftest import Brainzoo

HELPS = [
    "--help",
    "--version",
    "run --help",
    "run tiny --data ixi --help",
    "run tiny --data ixi --evaluate difference --help",
    "train --help",
    "data ixi --help",
    "sample --help",
    "evaluate difference --help",
    "export --help",
    "export x --to nifti --help",
    "report --help",
    "list --help",
    "search --help",
    "info --help",
    "plugins",
    "plugins --json",
    "doctor --help",
    "new --help",
    "nonsense",
]


@pytest.mark.usefixtures("tiny")
def test_help_imports_nothing_heavy() -> None:
    code = (
        "import contextlib, sys\n"
        "from brainzoo.cli import main\n"
        f"for words in {HELPS!r}:\n"
        "    with contextlib.suppress(SystemExit):\n"
        "        main(words.split())\n"
        f"    loaded = [n for n in {(*HEAVY, 'rich', 'yaml', 'safetensors', 'pydantic')!r}\n"
        "              if n in sys.modules]\n"
        "    assert not loaded, f'{words} imports {loaded}'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_top_help_names_every_verb_in_sections(brainzoo: Brainzoo) -> None:
    text = brainzoo("--help").stdout
    first = ["run", "data", "train", "sample", "evaluate", "export", "report"]
    checkpoints = ["list", "search", "info", "verify"]
    for verb in [*first, *checkpoints, "plugins", "new", "doctor"]:
        assert f"\n  {verb} " in text
    assert "Train and sample:" in text


def test_verbs_say_the_same_in_both_helps(brainzoo: Brainzoo) -> None:
    from brainzoo.cli import VERBS

    for verb, short in VERBS.items():
        assert brainzoo(verb, "--help").exit_code == 0
        assert short.endswith(".")


@pytest.mark.usefixtures("tiny")
def test_commands_of_plugins_are_listed_and_run(brainzoo: Brainzoo) -> None:
    assert "Say that the tiny plugin is there." in brainzoo("--help").stdout
    assert brainzoo("tiny").stdout == "tiny indeed\n"


def test_version(brainzoo: Brainzoo) -> None:
    import brainzoo as package

    assert brainzoo("--version").stdout == f"brainzoo {package.__version__}\n"


@pytest.mark.usefixtures("tiny")
def test_run_help_has_groups_types_ranges_defaults_and_presets(brainzoo: Brainzoo) -> None:
    result = brainzoo("run", "tiny", "--data", "folder", "--evaluate", "difference", "--help")
    text = " ".join(result.stdout.split())
    parts = ("Generator tiny:", "Data folder:", "Training:", "Evaluator difference:")
    places = [text.index(part) for part in (*parts, "Common options:")]
    assert places == sorted(places)
    assert "Installed: datasets" in text
    assert "--noise X Standard deviation of the noise" in text
    assert "[at least 0; default: 0.1; quick: 0.2]" in text
    assert "--bold/--no-bold" in text
    assert "--fail never|expected|unexpected" in text
    assert "--data.spacing-mm X" in text
    assert "--data.root PATH" in text
    assert "Images per training step, of all processes together. [at least 1; default: 8" in text
    assert "--difference.power N" in text
    assert "--size N Edge of the images in pixels. [8 to 1024; default: 16" in text


@pytest.mark.usefixtures("tiny")
def test_the_order_of_words_does_not_matter(brainzoo: Brainzoo) -> None:
    words = ["--data=folder", "--noise", "1", "--bold", "tiny", "--images", "64"]
    result = brainzoo("plan", *words, "--data.root", ".")
    assert "noise: 1.0" in result.stdout, result.stderr
    assert "bold: true" in result.stdout


@pytest.mark.parametrize("verb", ["run", "data", "sample", "evaluate", "export"])
def test_examples_stand_on_lines_of_their_own(brainzoo: Brainzoo, verb: str) -> None:
    lines = [line.strip() for line in brainzoo(verb, "--help").stdout.splitlines()]
    assert "\\b" not in "".join(lines)
    assert any(line.startswith(f"brainzoo {verb} ") for line in lines)
