"""What was understood of a data set, for people to read before anything long begins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from brainzoo.data.subjects import Subject, channels_of
from brainzoo.plugin.interfaces import Dataset


def understood(dataset: Dataset, subjects: Sequence[Subject], name: str) -> list[tuple[str, str]]:
    """Return a table of two columns: people, scans, channels, labels, ages, sexes, and left outs.

    Args:
        dataset: What read the subjects.
        subjects: All of them.
        name: The dataset's name.
    """
    notes = dict(dataset.understood)
    facts = [(label, " ".join(filter(None, (text, notes.pop(label, "")))))
             for label, text in _facts(dataset, subjects)]  # fmt: skip
    return [("data", name), *facts, *notes.items()]


def _facts(dataset: Dataset, subjects: Sequence[Subject]) -> Iterator[tuple[str, str]]:
    scans = Counter(subject.id for subject in subjects)
    several = [count for count in scans.values() if count > 1]
    yield "people", f"{len(scans):,}"
    more = f": {min(several)} to {max(several)} of {len(several):,} people" if several else ""
    if several and len(several) == len(scans) and min(several) == max(several):
        more = f", {several[0]} per person"
    yield "scans", f"{len(subjects):,}{more}"
    channels = channels_of(dataset.channels, subjects)
    having = Counter(channel for subject in subjects for channel in subject.images)
    counts = [name if having[name] == len(subjects) else f"{name} ({having[name]:,})"
              for name in channels]  # fmt: skip
    yield "channels", ", ".join(counts)
    labels = sum(subject.labels is not None for subject in subjects)
    if labels:
        yield "label maps", "all" if labels == len(subjects) else f"{labels:,} of {len(subjects):,}"
    ages = [age for s in subjects if isinstance(age := s.covariates.get("age"), int | float)]
    if any("age" in subject.covariates for subject in subjects):
        lost = len(subjects) - len(ages)
        rest = f", missing of {lost:,} of {len(subjects):,}" if lost else ""
        yield "age", (f"{min(ages):.3g} to {max(ages):.3g} years" if ages else "unknown") + rest
    sex_of = {subject.id: subject.covariates.get("sex") for subject in subjects}
    if any("sex" in subject.covariates for subject in subjects):
        sexes = Counter("unknown" if sex is None else str(sex) for sex in sex_of.values())
        yield "sex", ", ".join(f"{sex} {count:,}" for sex, count in sorted(sexes.items()))
    if not any(subject.covariates for subject in subjects):
        yield "table", "none of ages and sexes"
