"""Which files a checkpoint folder may hold. Nothing heavy is imported here."""

from __future__ import annotations

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CARD = "README.md"
METRICS = "metrics.json"
SAMPLES = "samples.png"
REFERENCE = "reference.npy"
LICENCE = "LICENSE"
VERDICT = "verdict.json"

MAX_BYTES = {
    WEIGHTS: 20_000_000_000,
    CONFIG: 4_000_000,
    CARD: 1_000_000,
    METRICS: 4_000_000,
    SAMPLES: 50_000_000,
    REFERENCE: 500_000_000,
    LICENCE: 1_000_000,
    VERDICT: 1_000_000,
}
"""What a checkpoint may hold, nothing else, and how large each may be."""

REQUIRED = (WEIGHTS, CONFIG)
