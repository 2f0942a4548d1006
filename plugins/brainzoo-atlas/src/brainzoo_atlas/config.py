"""The options of the simulated population."""

from __future__ import annotations

from dataclasses import dataclass

from brainzoo.api import option


@dataclass(frozen=True)
class AtlasConfig:
    """What is simulated; the same values always give the same scans, on any machine."""

    # 120 is about the size of one site of IXI, and takes well under a minute to make.
    subjects: int = option(120, "How many simulated subjects.", minimum=1, maximum=100_000)
    seed: int = option(0, "Decides every subject; another seed is another population.", minimum=0)
    voxel_mm: float = option(2.0, "Edge of a voxel of the simulated scans.", minimum=1, maximum=8)
    lesions: float = option(
        0.0, "Share of subjects with white-matter lesions.", minimum=0, maximum=1
    )
    channels: tuple[str, ...] = option(
        ("T1w",), "Which contrasts of the same heads.", choices=("T1w", "T2w")
    )
    tissues: bool = option(
        False, "With label maps: fluid, grey and white matter, and lesions where there are any."
    )
    skull: bool = option(True, "Simulate skull, scalp and face; without, only the brain.")
