"""GAN-train by age group and by sex, of images whose age and sex are known: a row for each.

    brainzoo data ixi --size 128 --data.sections-mm -6,-4,-2,0,2,4,6 --data.reference-fraction .585
    brainzoo sample pggan-ixi-64 -n 512 --out SAMPLES
    python tests/benchmarks/gantrain.py PREPARED SAMPLES [SAMPLES ...] --weights VGG16 --out FOLDER

As Alam, Hossain and Kobashi published it (docs/results.md has their table): a support vector
machine on features of VGG-16. Whatever classes the folders have are replaced, in all sets alike,
by those below. Prints Markdown; FOLDER gets the whole table and the curve of each.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from brainzoo import EvaluationSets
from brainzoo.data.images import Images
from brainzoo.plugin.findings import Evaluation
from brainzoo_gantrain.config import GANTrainConfig
from brainzoo_gantrain.evaluator import GANTrain

TASKS = {
    "age": {"young": "age < 40", "old": "age >= 60"},
    "sex": {"M": 'sex == "M"', "F": 'sex == "F"'},
}
SHOWN = {
    "real": "harmonic mean, real",
    "synthetic": "harmonic mean",
    "real + synthetic": "harmonic mean, real + synthetic",
    "gain": "gain by adding synthetic",
    "shuffled": "harmonic mean, shuffled",
    "GAN-test": "GAN-test",
    "copy rate": "copy rate",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("samples", type=Path, nargs="+")
    parser.add_argument("--weights", type=Path, help="Of VGG-16; without, features are random.")
    parser.add_argument("--split", default="test", help="Who is classified.")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    looks = {"features_weights": given.weights} if given.weights else {"extractor": "random-vgg16"}
    evaluator = GANTrain(GANTrainConfig(layer="conv5", **looks))
    print(f"| task | images of | {' | '.join(SHOWN)} |\n|{'---|' * (2 + len(SHOWN))}", flush=True)
    real = Images.open(given.prepared)
    for samples in given.samples:
        for task, classes in TASKS.items():
            sets = EvaluationSets(
                real.in_classes(classes).where(split="train"),
                real.in_classes(classes).where(split=given.split),
                Images.open(samples).in_classes(classes),
            )
            found = evaluator.evaluate(sets)
            folder = given.out / f"{samples.name}-{task}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "gan-train.csv").write_bytes(found.files["gan-train.csv"])
            (folder / "curve.svg").write_bytes(found.pictures["curve"])
            (folder / "notes.txt").write_text("\n".join(found.notes))
            row = [task, samples.name, *(cell(found, name) for name in SHOWN.values())]
            print(f"| {' | '.join(row)} |", flush=True)


def cell(found: Evaluation, name: str) -> str:
    """Return a value with its interval."""
    one = next((metric for metric in found.metrics if metric.name == name), None)
    if one is None:
        return "–"
    ends = "" if one.low is None else f" ({one.low:.2f} to {one.high:.2f})"
    return f"{one.value:.2f}{ends}"


if __name__ == "__main__":
    main()
