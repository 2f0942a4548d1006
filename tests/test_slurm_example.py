"""The example for Slurm: what it starts, and that it goes on after it was asked to end."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from waiting import wait_until

SCRIPT = Path(__file__).parent.parent / "examples" / "slurm" / "train.sbatch"


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    """An environment whose commands of Slurm and brainzoo write down how they were called."""
    programs = {
        "scontrol": 'echo scontrol "$@" >> calls\nif [ "$1" = show ]; then echo a; echo b; fi',
        "brainzoo": 'echo brainzoo "$@" >> calls',
        # Trains until it is asked to stop, if the file is there.
        "srun": 'trap "exit 130" TERM\necho srun "$@" >> calls\n'
        "while [ -f busy ]; do sleep 0.05; done",
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    own = {"SLURM_JOB_ID": "7", "SLURM_NNODES": "2", "SLURM_GPUS_ON_NODE": "4"}
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {**os.environ, **own, "SLURM_JOB_NODELIST": "[a-b]", "PATH": path, "RUN": "run"}


def test_it_is_sound() -> None:
    subprocess.run(["bash", "-n", SCRIPT], check=True)


def test_a_whole_job_trains_on_all_and_does_the_rest_on_one(
    slurm: dict[str, str], tmp_path: Path
) -> None:
    subprocess.run(["bash", SCRIPT, "vae", "--data", "ixi"], env=slurm, cwd=tmp_path, check=True)
    hostnames, training, rest = (tmp_path / "calls").read_text().splitlines()
    assert hostnames == "scontrol show hostnames [a-b]"
    assert training.startswith("srun torchrun --nnodes=2 --nproc-per-node=4")
    assert "--rdzv-endpoint=a:29500" in training
    assert training.endswith("-m brainzoo train vae --data ixi --out run")
    assert rest == "brainzoo run --resume run"


def test_a_job_that_is_told_to_end_is_queued_again_and_resumes(
    slurm: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "busy").touch()
    job = subprocess.Popen(["bash", SCRIPT, "vae"], env=slurm, cwd=tmp_path)
    calls = tmp_path / "calls"
    wait_until(lambda: calls.exists() and "srun" in calls.read_text(), job)
    job.send_signal(signal.SIGTERM)
    assert job.wait() == 130
    assert calls.read_text().splitlines()[-1] == "scontrol requeue 7"

    (tmp_path / "busy").unlink()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.yaml").touch()
    subprocess.run(["bash", SCRIPT, "vae"], env=slurm, cwd=tmp_path, check=True)
    *_, training, rest = calls.read_text().splitlines()
    assert training.endswith("-m brainzoo train --resume run")
    assert rest == "brainzoo run --resume run"
