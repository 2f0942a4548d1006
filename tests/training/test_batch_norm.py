"""Batch normalisation over processes, differentiated twice as gradient penalties do."""

import socket
import subprocess
import sys
from pathlib import Path


def test_a_gradient_penalty_of_two_processes_is_that_of_one():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "ignore", Path(__file__).with_name("penalty.py"), str(port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-5
