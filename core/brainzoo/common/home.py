"""Where brainzoo keeps what it can make or fetch again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """Return the folder of caches: ``$BRAINZOO_HOME``, else the platform's user cache folder.

    The folder need not exist yet.
    """
    chosen = os.environ.get("BRAINZOO_HOME")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("brainzoo")
