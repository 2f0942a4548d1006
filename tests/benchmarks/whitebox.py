"""Can the attack on weights be believed? The same attack, where there is nothing to find.

    python tests/benchmarks/whitebox.py PREPARED NAME [NAME ...] [--every 3]

PREPARED holds the images that the checkpoints learned from (split ``train``); their unseen people
are those of validation and test. A row a question, with the AUC over people and its interval:

- as it is: people trained on against unseen people;
- swapped: the unseen people are called members; the attack must find 1 - AUC;
- halves: of the people trained on, by chance one half is called members: about .5, three times;
- untrained: the same network with new random weights, which knows nobody: about .5.

With ``--every 3`` only every third image is asked about, which takes a third of the time.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from brainzoo.api import Images, load
from brainzoo_metrics.measure import joined
from brainzoo_privacy.findings import attacked
from brainzoo_privacy.whitebox import attacks

HALVES = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("prepared", type=Path)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--every", type=int, default=1)
    given = parser.parse_args()
    images = Images.open(given.prepared)[:: given.every]
    train = images.where(split="train")
    unseen = joined(images.where(split="test"), images.where(split="validation"))
    print("| checkpoint | attack | question | AUC | people | seconds |\n|---|---|---|---|---|---|")
    for name in given.names:
        tell(name, "as it is", load(name), train, unseen)
        tell(name, "untrained", forgetful(load(name)), train, unseen)
        tell(name, "swapped", load(name), unseen, train)
        for seed in range(HALVES):
            people = np.random.default_rng(seed).permutation(train.subjects())
            chosen = np.isin(train.column("subject"), people[: len(people) // 2])
            tell(name, f"halves, seed {seed}", load(name), train[chosen], train[~chosen])


def tell(name: str, question: str, generator: Any, members: Images, others: Images) -> None:
    """Print a row for each attack."""
    began = time.perf_counter()
    for one in attacked(attacks(generator, members, others, 0), seed=0, rounds=500):
        how, seconds = one.detail.partition(":")[0], time.perf_counter() - began
        auc = f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
        print(f"| {name} | {how} | {question} | {auc} | {one.n} | {seconds:.0f} |", flush=True)


def forgetful(generator: Any) -> Any:
    """Return a generator with all of its networks' parameters drawn anew."""
    import torch

    torch.manual_seed(0)
    for module in generator.ready().modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    return generator


if __name__ == "__main__":
    main()
