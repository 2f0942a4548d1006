"""What each choice of the flow is worth: python tests/benchmarks/flow_ablation.py PREPARED OUT

Trains the preset quick once per choice, judges 224 samples of seed 1 on the validation people, and
prints a Markdown table; test people are not looked at. Everything stays in OUT, so that a stopped
run goes on. The seeds of the first row say how much of a difference is chance.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import torch

import brainzoo
from brainzoo.api import Images, open_images
from brainzoo.training.distance import membership

COMMON = {
    "--teacher": "",
    "--augment-fraction": "0.5",
    "--rotate-deg": "5",
    "--zoom": "0.05",
    "--elastic-mm": "1.75",
}
"""As the preset was when docs/history.md measured it."""

TRIALS: Mapping[str, tuple[str, ...]] = {
    "as preset, seed 0": (),
    "as preset, seed 1": ("--seed", "1"),
    "as preset, seed 2": ("--seed", "2"),
    "every image augmented, nothing told": ("--augment-fraction", "1"),
    "no augmentation": ("--augment-fraction", "0"),
    "predicts the velocity": ("--prediction", "velocity"),
    "blocks of 2 (Haar)": ("--space", "haar"),
    "times as often near the image": ("--time-shift", "0"),
    "people who never were": ("--teacher", "mosaic", "--augment-fraction", "0"),
}
FIGURES = ("relative FD", "precision", "recall", "coverage", "C2ST")


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("prepared", type=Path)
    options.add_argument("out", type=Path)
    options.add_argument("--weights", required=True, help="SqueezeNet's, as safetensors")
    options.add_argument("--images", default="12k", help="budget of each training")
    options.add_argument("--only", nargs="*", default=list(TRIALS), help="names of trials")
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    judges = given.out / "judges"
    if not judges.exists():
        swapped(open_images(given.prepared)).save(judges)
    print(f"| | score of validation people | {' | '.join(FIGURES)} | membership | seconds |")
    print(f"|---|{'---|' * (len(FIGURES) + 3)}")
    for name in given.only:
        print(f"| {name} | {' | '.join(tried(name, judges, given))} |", flush=True)


def swapped(images: Images) -> Images:
    """Return the images with validation people where evaluators look for test people."""
    names = {"train": "train", "validation": "test", "test": "validation"}
    images.table = [{**row, "split": names[str(row["split"])]} for row in images.table]
    return images


def tried(name: str, judges: Path, given: Any) -> list[str]:
    """Return the cells of one row."""
    run = given.out / "".join(c if c.isalnum() else "-" for c in name)
    if not (run / "checkpoint").exists():
        common = ["--preset", "quick", "--images", given.images, "--threads", "1", "--out", run]
        own = COMMON | dict(zip(TRIALS[name][::2], TRIALS[name][1::2], strict=True))
        call("train", "flow", "--data", given.prepared, *common, *chain(*own.items()))
    if not (run / "made").exists():
        call("sample", run, "-n", 224, "--seed", 1, "--out", run / "made")
    if not (run / "judged").exists():
        sets = ["--train", judges, "--test", judges, "--synthetic", run / "made"]
        features = ["--metrics.extractor", "squeezenet", "--metrics.features-weights"]
        call("evaluate", "metrics", *sets, *features, given.weights, "--out", run / "judged")
    metrics = json.loads((run / "judged" / "evaluation.json").read_text())["evaluators"]["metrics"]
    values = {one["name"]: one["value"] for one in metrics["metrics"]}
    images, made = open_images(judges), open_images(run / "made")
    known, others = (images.where(split=split) for split in ("train", "test"))
    parts = [torch.from_numpy(part.floats()) for part in (known, others, made)]
    lines = [json.loads(x) for x in (run / "stats.jsonl").read_text().splitlines()]
    model: Any = brainzoo.load(str(run))
    score = model.validate(model.ready(), others)
    return [
        f"{score:.4f}",
        *(f"{values[figure]:.2f}" for figure in FIGURES),
        f"{membership(*parts):.3f}",
        f"{lines[-1]['seconds']:.0f}",
    ]


def call(*words: object) -> None:
    program = [sys.executable, "-m", "brainzoo", *map(str, words)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(program)}\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    main()
