"""Options of the evaluator ``anatomy``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from brainzoo.api import option


@dataclass(frozen=True)
class AnatomyConfig:
    """The segmenting network, and how many heads it sees."""

    weights: Path | None = option(
        None,
        "Folder with MeshNet's model.json, model.bin and colormap.json; downloaded (0.8 MB) if it "
        "is not given.",
    )
    most: int = option(
        24,
        "Heads of each set at most, of different people; each takes a CPU core 20 s, once.",
        minimum=8,
    )
