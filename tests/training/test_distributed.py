"""Two processes train what one does, in every generator, and each resumes the other's runs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

pytest.importorskip("accelerate")
from training import together

from brainzoo.plugin.manager import plugins
from brainzoo.testing.heads import make_images

pytestmark = pytest.mark.slow

GENERATORS = tuple(together.OPTIONS)
RTOL, ATOL = 1e-5, 5e-6
"""Sums in another order. Weights that began at zero have moved by 6e-3 in all."""

STRAYS = 1e-3
"""Of all numbers. Gradients that were not averaged would send most of them apart."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process trained, whole and half; what two went on with, began and trained."""
    missing = [n for n in GENERATORS if n not in {s.name for s in plugins().specs("generator")}]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("distributed")
    images = make_images(folder / "images")

    def of(kind: str, place: str) -> list[str]:
        return [f"{kind}:{folder / place / name}" for name in GENERATORS]

    together.main(images, of("whole", "one") + of("stopped", "one-two"))
    shared = of("resumed", "one-two") + of("stopped", "two-one") + of("whole", "two")
    launch(2, folder, [*shared, f"timed:{folder / 'timed'}"])
    together.main(images, of("resumed", "two-one"))
    return folder


def launch(processes: int, folder: Path, trainings: list[str]) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    script = [together.__file__, str(folder / "images"), *trainings]
    done = subprocess.run(
        [*launcher, f"--nproc-per-node={processes}", *script],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    # Of processes that train together, only the first one speaks.
    ended = [w for w in trainings if w.endswith("vae") and not w.endswith("vqvae")]
    ended = [w for w in ended if not w.startswith("stopped")]
    assert done.stderr.count("fitting the latents") == len(ended)


def state(run: Path) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """Return networks, averages and moments of optimisers; and the counters."""
    with safe_open(run / "state" / "state.safetensors", framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return tensors, json.loads(file.metadata()["counters"])


def found(folder: Path, rank: int) -> dict[str, Any]:
    """Return what one of the processes found at the end."""
    return dict(json.loads((folder / f"{rank}.json").read_text()))


def test_two_processes_end_a_budget_of_time_together(folder: Path) -> None:
    assert found(folder, 0)["weights"] == found(folder, 1)["weights"]


def test_a_gradient_penalty_of_two_processes_is_that_of_one(folder: Path) -> None:
    """Batch normalisation over processes, differentiated twice as gradient penalties do."""
    assert found(folder, 0)["penalty"] < 1e-5


@pytest.mark.parametrize("trained", ["one-two", "two-one", "two"])
@pytest.mark.parametrize("name", GENERATORS)
def test_weights_averages_and_moments_are_those_of_one_process(
    folder: Path, trained: str, name: str
) -> None:
    (one, own), (other, others) = (
        state(folder / "one" / name),
        state(folder / trained / name),
    )
    assert others["images"] == own["images"] == together.BATCH * together.STEPS
    assert others["steps"] == own["steps"] == together.STEPS
    assert other.keys() == one.keys()
    for kind in ("network/average/", "optimizer/"):
        assert any(key.startswith(kind) for key in one)
    apart = {
        key: int((~torch.isclose(other[key], value, rtol=RTOL, atol=ATOL)).sum())
        for key, value in one.items()
    }
    # A weight whose gradient is zero but for rounding goes its own way: Adam steps by the sign.
    numbers = sum(value.numel() for value in one.values())
    assert sum(apart.values()) <= STRAYS * numbers, {k: n for k, n in apart.items() if n}


@pytest.mark.parametrize("name", GENERATORS)
def test_statistics_are_those_of_the_whole_batch(folder: Path, name: str) -> None:
    one, two = (
        [json.loads(text) for text in (folder / n / name / "stats.jsonl").read_text().splitlines()]
        for n in ("one", "two")
    )
    assert len(one) == len(two) == together.STEPS
    for expected, line in zip(one, two, strict=True):
        assert line.keys() == expected.keys()
        assert line["images"] == expected["images"]
        assert line["losses"] == pytest.approx(expected["losses"], rel=1e-4)
        for figure in line.keys() & {"d_real", "d_fake", "perplexity", "kl", "penalty", "likeness"}:
            # Some compare images with the mean of their batch, which is each process's own.
            assert line[figure] == pytest.approx(expected[figure], rel=2e-3), figure
    # The rate of all: no process alone has more than half of it.
    steps = two[-1]["seconds"] - two[-2]["seconds"]
    assert two[-1]["images_per_second"] > 0.75 * together.BATCH / steps


@pytest.mark.parametrize("name", GENERATORS)
def test_one_process_writes(folder: Path, name: str) -> None:
    one, two = (
        {str(path.relative_to(folder / n / name)) for path in (folder / n / name).rglob("*")}
        for n in ("one", "two")
    )
    assert two == one
    assert "stats.jsonl" in two
