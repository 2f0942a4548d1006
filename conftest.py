"""For all tests, the plugins' own included: a busy machine must not make one fail."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# Workers share the cores, and so do the commands that they start. Threads that wait for each other
# beside a busy worker made a test of 12 seconds take 262. Without workers torch chooses.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

# A shell starts what runs in the background with Ctrl-C ignored, which tests press in commands.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("brainzoo", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("brainzoo")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: at the end other workers would wait for them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
