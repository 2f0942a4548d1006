"""What evaluators can say before any training, from the numbers of people alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from brainzoo.data.images import Images
from brainzoo.data.splits import split_of
from brainzoo.plugin.manager import plugins
from brainzoo.plugin.part import Part
from brainzoo.preparation.config import PrepareConfig


def outlooks(evaluators: Sequence[Part], people: Mapping[str, int]) -> list[str]:
    """Return what each evaluator says of the numbers of people in each split."""
    said = []
    for part in evaluators:
        evaluator = plugins().load("evaluator", part.name)(part.config)
        said += [f"{part.name}: {line}" for line in evaluator.outlook(people)]
    return said


def people_of(images: Images) -> dict[str, int]:
    """Return how many people are in each split of prepared images."""
    pairs = {(row.get("subject"), row.get("split")) for row in images.table}
    return dict(Counter(str(split) for _, split in pairs))


def people_among(subjects: Iterable[str], config: PrepareConfig) -> dict[str, int]:
    """Return how many people will be in each split."""
    splits = (split_of(s, config.split_seed, config.split_fractions) for s in set(subjects))
    return dict(Counter(splits))
