"""The browser that tests look at pages with."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a headless Chromium."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None and os.environ.get("BRAINZOO_REQUIRE_BROWSER"):
        pytest.fail("no browser found, and continuous integration must have one")
    if path is None:
        pytest.skip(f"no browser found; install one of {', '.join(BROWSERS)}")
    sync_api = pytest.importorskip("playwright.sync_api")
    quiet = ["background-networking", "component-update", "sync", "gpu"]
    args = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=args)
        yield browser
        browser.close()
