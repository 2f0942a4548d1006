"""The options of a study, for ``brainzoo quiz export`` and the exporter ``quiz`` alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainzoo.api import option

REASONS = ("shape of the anatomy", "contrast", "texture", "blur", "noise", "artefact")
"""What a reader may tick; after the errors that Kazuhiro et al. describe."""

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {
        "images": 60,
        "practice": 6,
        "created": (0.45, 0.55),
        "repeats": 0.1,
        "confidence": True,
        "reasons": True,
        "click": True,
        "feedback": True,
        "break_after": 30,
    },
    "kazuhiro2018": {
        "images": 50,
        "practice": 10,
        "created": (0.4, 0.6),
        "repeats": 0.0,
        "confidence": False,
        "reasons": False,
        "click": False,
        "feedback": False,
        "break_after": None,
    },
}
"""What each preset sets. Kazuhiro et al. 2018, "Human Visual Assessment": 10 training cases, 50
images of which 40 to 60 % were created, drawn at random, 10 seconds each, real or created. Another
than theirs: every reader sees the same images (their own wish for later studies)."""

TITLE = "Real or created?"


@dataclasses.dataclass(frozen=True)
class QuizConfig:
    """Options of the exporter ``quiz``; ``None`` means: as the preset says."""

    preset: str = option("default", "Settings to start from.", choices=tuple(PRESETS))
    design: str = option(
        "yes-no",
        "Ask whether one image is real or created, or which of two is real.",
        choices=("yes-no", "2afc"),
    )
    channels: tuple[str, ...] = option(
        (), "Of images with several: the channel that readers see; or several, side by side."
    )
    real: Path | None = option(
        None, "Real images, if the run does not name its own.", metavar="IMAGES|RUN"
    )
    checkpoint: Path | None = option(
        None,
        "The generator that made the created images, if they do not lie beside it.",
        metavar="CHECKPOINT",
    )
    images: int | None = option(None, "Images (2afc: pairs) in the test.", minimum=4, maximum=2000)
    practice: int | None = option(None, "Images (2afc: pairs) before it.", minimum=0, maximum=200)
    readers: int = option(
        10, "Readers; each has a secret order of her own.", minimum=1, maximum=1000
    )
    repeats: float | None = option(
        None, "Share of the images shown twice, for a reader's agreement.", minimum=0, maximum=1
    )
    seconds: int = option(10, "How long an image is shown.", minimum=1, maximum=3600)
    untimed: bool = option(False, "Show images as long as the reader likes.")
    confidence: bool | None = option(None, "Also ask for confidence, 1 (guess) to 5 (sure).")
    reasons: bool | None = option(None, "Also ask for reasons.")
    click: bool | None = option(None, "A click may mark what looks wrong.")
    feedback: bool | None = option(None, "Practice tells the right answer.")
    title: str = option(TITLE, "Title of the study, as readers see it.")
    vouch: str = option(
        "",
        "How you know that both kinds were treated alike, where it cannot be checked; kept in "
        "audit.json.",
    )
    seed: int | None = option(
        None,
        "Draws the same images again; orders and tokens stay secret.",
        minimum=0,
    )

    def value(self, name: str) -> Any:
        """Return what was given, else what the preset says."""
        given = getattr(self, name, None)
        return PRESETS[self.preset][name] if given is None else given
