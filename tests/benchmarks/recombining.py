"""What recombined people are worth before anything learns: recombining.py PREPARED OUT --weights W

Sixty people of the training and validation splits are recombined (mosaic), or bent, or left as they
are; the other people of these splits judge 600 images of each kind. Test people are not looked at.
Prints a Markdown table; everything stays in OUT, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from flow_ablation import call

from brainzoo.api import Images, open_images
from brainzoo.plugin.run import TrainConfig
from brainzoo.training.augment import Augmentation
from brainzoo.training.step import Step

SOURCES, IMAGES = 60, 600
KINDS = ("as they are", "bent", *(f"mosaic of {n}" for n in (1, 2, 4, 6)))
REALISM = ("relative FD", "precision", "recall", "coverage", "C2ST", "MS-SSIM of pairs")
PRIVACY = ("membership AUC", "copy rate")


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("prepared", type=Path)
    options.add_argument("out", type=Path)
    options.add_argument("--weights", required=True, help="SqueezeNet's, as safetensors")
    options.add_argument("--only", nargs="*", default=list(KINDS), help="names of kinds")
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    judges = given.out / "judges"
    if not judges.exists():
        divided(open_images(given.prepared)).save(judges)
    print(f"| images | {' | '.join((*REALISM, *PRIVACY))} |")
    print(f"|---|{'---|' * len((*REALISM, *PRIVACY))}")
    for kind in given.only:
        made = given.out / kind.replace(" ", "-")
        if not made.exists():
            make(kind, judges, made)
        print(f"| {kind} | {' | '.join(judged(judges, made, given.weights))} |", flush=True)


def divided(images: Images) -> Images:
    """Return the images of training and validation people: some to make, the others to judge."""
    known = images[[row["split"] != "test" for row in images.table]]
    people = sorted(set(map(str, known.column("subject"))))
    np.random.default_rng(1).shuffle(people)
    sources = set(people[:SOURCES])
    known.table = [
        {**row, "split": "train" if row["subject"] in sources else "test"} for row in known.table
    ]
    # Label maps are not recombined here.
    info = {k: v for k, v in known.info.items() if k not in ("labels", "fingerprint")}
    return Images(known.read(), known.table, info)


def make(kind: str, judges: Path, folder: Path) -> None:
    """Write the images of a kind as if a generator had made them."""
    if kind.startswith("mosaic"):
        run = folder.with_name(folder.name + "-run")
        parts = kind.rpartition(" ")[2]
        call(
            "train",
            "mosaic",
            "--data",
            judges,
            "--preset",
            "default",
            "--parts",
            parts,
            "--out",
            run,
        )
        call("sample", run, "-n", IMAGES, "--seed", 0, "--out", folder)
        return
    sources = open_images(judges).where(split="train")
    chosen = np.random.default_rng(0).integers(0, len(sources), IMAGES)
    pixels = torch.from_numpy(sources.floats(chosen))
    if kind == "bent":  # as flow-ixi-128 1.0.0 was trained
        train = TrainConfig(
            images=IMAGES, augment_fraction=1.0, elastic_mm=2.5, rotate_deg=4, zoom=0.05,
            gamma=0.06, flip=False,
        )  # fmt: skip
        augmentation = Augmentation(train, sources.info["spacing_mm"])
        pixels = augmentation(pixels, Step(0, 0, torch.device("cpu")))[0]
    stored = (pixels.numpy() * 65535).round().astype(np.uint16)
    info = {**sources.info, "synthetic": True}
    Images(stored, [{"class": None} for _ in range(IMAGES)], info).save(folder)


def judged(judges: Path, made: Path, weights: str) -> list[str]:
    """Return the cells of one row."""
    found = {}
    for evaluator in ("metrics", "privacy"):
        out = made.with_name(f"{made.name}-{evaluator}")
        if not out.exists():
            sets = ["--train", judges, "--test", judges, "--synthetic", made, "--out", out]
            features = ["--metrics.extractor", "squeezenet", "--metrics.features-weights", weights]
            call("evaluate", evaluator, *sets, *(features if evaluator == "metrics" else []))
        values = json.loads((out / "evaluation.json").read_text())["evaluators"][evaluator]
        found |= {one["name"]: one for one in values["metrics"]}
    return [cell(found[name]) for name in (*REALISM, *PRIVACY)]


def cell(value: dict[str, float]) -> str:
    return f"{value['value']:.2f} ({value['low']:.2f}–{value['high']:.2f})"


if __name__ == "__main__":
    main()
