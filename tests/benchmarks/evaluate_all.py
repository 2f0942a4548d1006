"""How long all evaluators take together: 512 images of 128 × 128 against 60 people, with VGG-16.

    python tests/benchmarks/evaluate_all.py [--weights FILE] [--images 512] [--people 60]

Images are made up, so nothing is measured but time. Features are computed once and kept: the first
evaluator that needs them pays. Without weights of VGG-16 they are random, which takes as long.
Seconds of CPU, which on a busy machine say more than the clock does, are those of all threads; of
the processes that help, only together, at the end. ``--profile`` also prints what took longest.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import os
import pstats
import tempfile
import time
from pathlib import Path

from brainzoo import EvaluationSets
from brainzoo.api import Evaluator, load, processes
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.options import make_config
from brainzoo.testing.heads import make_images

EVALUATORS = ("metrics", "conditions", "gantrain", "privacy")
MOST_SECONDS = 180


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--people", type=int, default=60, help="Whom the generator learned from.")
    parser.add_argument("--generator", default="pggan-ixi-64", help="Whose weights are attacked.")
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    looks = {"extractor": "vgg16" if given.weights else "random-vgg16", "layer": "conv5"}
    looks |= {"features_weights": given.weights} if given.weights else {}
    with tempfile.TemporaryDirectory() as name:
        os.environ["BRAINZOO_HOME"] = name
        real = make_images(
            Path(name) / "real", spatial=(128, 128), subjects=given.people * 5 // 3, per_subject=7
        )
        made = make_images(
            Path(name) / "made",
            spatial=(128, 128),
            subjects=given.images,
            per_subject=1,
            seed=1,
            synthetic=True,
        )
        sets = EvaluationSets(
            real.where(split="train"),
            real.where(split="test"),
            made,
            real.where(split="validation"),
            load(given.generator),
        )
        started, used = time.perf_counter(), seconds_of_cpu()
        print(f"{'evaluator':<12}{'seconds':>9}{'of CPU':>9}")
        with processes.kept():  # as brainzoo evaluate does
            for evaluator in EVALUATORS:
                config = plugins().get("evaluator", evaluator).config
                own = {k: v for k, v in looks.items() if k in config.__dataclass_fields__}
                asked = plugins().load("evaluator", evaluator)(make_config(config, own, "option"))
                measure(evaluator, asked, sets, profiled=given.profile)
        total, cpu = time.perf_counter() - started, seconds_of_cpu() - used
        print(f"{'together':<12}{total:9.1f}{cpu:9.1f}; wanted: under {MOST_SECONDS} seconds")


def measure(name: str, evaluator: Evaluator, sets: EvaluationSets, *, profiled: bool) -> None:
    """Print how long an evaluator takes, and what of it."""
    profile = cProfile.Profile() if profiled else None
    started, used = time.perf_counter(), time.process_time()
    with profile or contextlib.nullcontext():
        evaluator.evaluate(sets)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    print(f"{name:<12}{seconds:9.1f}{used:9.1f}", flush=True)
    if profile:
        pstats.Stats(profile).sort_stats("tottime").print_stats(12)


def seconds_of_cpu() -> float:
    """Return what this process and its children have used."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    main()
