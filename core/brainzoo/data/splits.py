"""Which split a subject belongs to: a pure function of its id and a seed.

Adding scans or subjects never moves anybody, classes play no part (runs with different classes
share their test subjects), and all scans of one subject fall into the same split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from brainzoo.common.errors import DataError, OptionError

SPLITS = ("train", "validation", "test")
FRACTIONS = (0.7, 0.1, 0.2)


def split_of(subject: str, seed: int = 0, fractions: Sequence[float] = FRACTIONS) -> str:
    """Return ``"train"``, ``"validation"`` or ``"test"``.

    Another seed gives another, independent assignment; ``fractions`` are the expected shares of the
    three splits, adding up to 1.
    """
    check_fractions(fractions)
    digest = hashlib.sha256(f"{seed}\n{subject}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    if place < fractions[0]:
        return "train"
    # Written so that a fraction of 0 is empty in spite of rounding.
    if fractions[2] == 0 or (fractions[1] > 0 and place < fractions[0] + fractions[1]):
        return "validation" if fractions[1] > 0 else "train"
    return "test"


def check_fractions(fractions: Sequence[float]) -> None:
    """Refuse fractions that are not three numbers of at least 0 that add up to 1."""
    if len(fractions) != 3 or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise OptionError(
            f"split fractions are {','.join(f'{f:g}' for f in fractions)}; expected three numbers "
            "of at least 0 (train, validation, test) that add up to 1."
        )


def check_splits(
    subjects: Iterable[str], seed: int = 0, fractions: Sequence[float] = FRACTIONS
) -> None:
    """Refuse, with a DataError, subjects that leave train or test empty against their fraction."""
    ids = sorted(set(subjects))
    if len(ids) == 1 and fractions[0] < 1:
        raise DataError(
            f"there is only one subject ({ids[0]}); expected at least two, because train and test "
            "are different people.",
            "Add scans of other subjects, or keep all for training: --data.split-fractions 1,0,0",
        )

    def empty(seed: int) -> str:
        found = {split_of(subject, seed, fractions) for subject in ids}
        wanted = {"train": fractions[0], "test": fractions[2]}
        return next((name for name, f in wanted.items() if f > 0 and name not in found), "")

    if empty(seed):
        working = next((s for s in range(1000) if not empty(s)), None)
        raise DataError(
            f"none of the {len(ids)} subjects falls into the split {empty(seed)!r} with split seed "
            f"{seed}.",
            "Add subjects or change --data.split-fractions."
            if working is None
            else f"Choose another seed: --data.split-seed {working}",
        )
