from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from brainzoo import checkpoint
from brainzoo.checkpoint.card import hub_licence, model_card
from brainzoo.common.errors import IntegrityError
from brainzoo.evaluating import running as evaluation
from brainzoo.plugin.run import Run, TrainConfig
from brainzoo.testing.heads import SUBJECT, make_images

METRIC = {"name": "FID", "value": 31.5, "n": 64, "low": 28.0, "high": 35.0, "floor": 12.0,
          "detail": "a | b"}  # fmt: skip
FOUND = {
    "version": "0.1.0",
    "seed": 0,
    "options": {"root": f"/home/jane/{SUBJECT}"},
    "metrics": [METRIC, METRIC | {"name": "undefined", "value": None, "low": None}],
    "tables": {"nearest": [{"subject": SUBJECT}]},
    "notes": ["Few images."],
}


@pytest.fixture
def run(tiny: Path, tmp_path: Path) -> Path:
    """Return a run folder with a checkpoint, as brainzoo run leaves it."""
    from brainzoo_tiny.config import TinyConfig
    from brainzoo_tiny.generator import Tiny

    images = make_images(tmp_path / "images", spatial=(16, 16)).where(split="train")
    images.info["source"]["license"] = "CC BY-SA 3.0"
    made = Run(tmp_path / "run", TrainConfig(images=16))
    made.folder.mkdir()
    record = {
        "schema": 1,
        "generator": {},
        "data": {},
        "export": [],
        "evaluate": [],
        "train": {"seed": 7},
        "command": "brainzoo run tiny --data folder --data.root /home/jane/scans --class "
        f"\"a=subject == '{SUBJECT}'\" --seed 7 --out=/data/x",
    }
    (made.folder / "run.yaml").write_text(yaml.safe_dump(record))
    generator = Tiny(TinyConfig(noise=0.05))
    generator.fit(images, made)
    generator.save(made.folder / "checkpoint")
    return made.folder


def evaluated(run: Path, **found: Any) -> Path:
    """Return the checkpoint after an evaluation."""
    content = {"schema": 1, "evaluators": {"metrics": FOUND | found}}
    (run / "evaluation.json").write_text(json.dumps(content))
    evaluation.write_metrics(run, run / "checkpoint")
    return run / "checkpoint"


def test_what_is_published_names_neither_folders_nor_people(run: Path) -> None:
    folder = evaluated(run)
    config = json.loads((folder / "config.json").read_text())
    assert config["training"]["command"] == (
        "brainzoo run tiny --data folder --data.root PATH --class 'a=chosen by subject' --seed 7 "
        "--out=PATH"
    )
    for path in folder.iterdir():
        content = path.read_bytes()
        assert SUBJECT.encode() not in content, path.name
        assert b"jane" not in content, path.name


def test_a_card_says_how_long_training_took(run: Path) -> None:
    (run / "stats.jsonl").write_text('{"images": 16, "seconds": 5559.2}\n{"images": 17, "sec')
    checkpoint.load(run).save(run / "later")
    assert checkpoint.read_config(run / "later")["training"]["minutes"] == 92.7
    assert "93 min of training" in (run / "later" / "README.md").read_text()


def test_a_checkpoint_outside_of_a_run_has_no_command(run: Path, tmp_path: Path) -> None:
    checkpoint.load(run).save(tmp_path / "alone")
    assert checkpoint.read_config(tmp_path / "alone")["training"] is None
    assert "command was not recorded" in (tmp_path / "alone" / "README.md").read_text()


@pytest.mark.parametrize("text", ["{", "[]", '{"evaluators": {"a": {}}}'])
def test_damaged_metrics_are_one_line(run: Path, text: str) -> None:
    (run / "checkpoint" / "metrics.json").write_text(text)
    with pytest.raises(IntegrityError, match=r"metrics.json cannot be read"):
        checkpoint.refresh_card(run / "checkpoint")


def test_the_hub_reads_the_card(run: Path) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    before = huggingface_hub.ModelCard.load(run / "checkpoint" / "README.md").data
    assert before.eval_results is None
    data = huggingface_hub.ModelCard.load(evaluated(run) / "README.md").data
    assert data.license == "cc-by-sa-3.0"
    assert data.library_name == "brainzoo"
    assert data.pipeline_tag is None, "it is told a class; the Hub has no tag for that"
    assert "conditional" in data.tags
    assert data.datasets == ["made-up heads"]
    assert {"brain", "mri", "synthetic", "tiny"} <= set(data.tags)
    (result,) = data.eval_results
    assert (result.metric_name, result.metric_type, result.metric_value) == ("FID", "fid", 31.5)
    assert result.metric_args == {"n": 64, "low": 28.0, "high": 35.0, "floor": 12.0}
    assert result.task_type == "image-generation"
    config = checkpoint.read_config(run / "checkpoint")
    config["images"] = config["images"] | {"classes": []}
    config["trained_on"]["dataset"] = {"name": "bids", "title": "AOMIC ID1000", "license": "CC0"}
    card = huggingface_hub.ModelCard(model_card(config, {})).data
    assert card.pipeline_tag == "unconditional-image-generation"
    assert (card.datasets, card.license) == (["AOMIC ID1000"], "cc0-1.0")
    assert card.model_name == "tiny-aomic-id1000-16x16"
    config["trained_on"]["dataset"]["license"] = "free for research " * 9
    shortened = huggingface_hub.ModelCard(model_card(config, {})).data.license_name
    assert shortened.endswith(" for research ..."), "no word is cut"


def test_the_card_tells_a_person_everything(run: Path) -> None:
    text = (evaluated(run) / "README.md").read_text()
    for part in (
        "![Samples of seed 0](samples.png)",
        "import brainzoo\ngenerator = brainzoo.load(",
        "images = generator.images(16, seed=0)",
        "- Licence: CC BY-SA 3.0",
        "| metrics | FID | 31.5 (28 to 35) | 12 | 64 | a \\| b |",
        "- Few images.",
        "```bash\nbrainzoo run tiny",
        "Seed 7, ",
        "## Intended use",
        "Not for diagnosis",
    ):
        assert part in text
    assert "undefined" not in text


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("CC BY-SA 3.0", "cc-by-sa-3.0"),
        ("CC0 1.0", "cc0-1.0"),
        ("CC0", "cc0-1.0"),
        ("PDDL 1.0", "pddl"),
        ("Apache-2.0", "apache-2.0"),
        ("ask the hospital", "other"),
        ("", "other"),
    ],
)
def test_licences_have_the_names_of_the_hub(name: str, identifier: str) -> None:
    assert hub_licence(name) == identifier
