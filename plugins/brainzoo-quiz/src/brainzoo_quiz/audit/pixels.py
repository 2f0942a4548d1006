"""The leak audit: would something other than the anatomy tell readers which images are created?

Trivial features are compared on the whole pool, not only on what is drawn for readers: as the
images came (*before*), and as the canonical writer writes them (*after*). A difference before that
is none after was removed by the writer. What remains is

- the model's own, if nothing but the generator lies between both kinds
  (:mod:`brainzoo_quiz.audit.chain`): it is reported; whether readers see it is what the study asks;
- a leak as far as anybody can know, if the way is unknown: the export is refused. Then a difference
  before the writer is refused, too: it shows that both kinds came different ways.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import DataError, Images, console, subjects_of
from brainzoo_quiz.audit.chain import Chain
from brainzoo_quiz.audit.features import CHANNELS, JPEG, features
from brainzoo_quiz.audit.separation import separate
from brainzoo_quiz.audit.writer import canonical

ALPHA = 0.01 / 4
"""A p below is a difference. There are four tests (features and classifier, before and after): of a
hundred audits of images made alike, one at most would say so."""

ENOUGH = 400
"""Images of either kind that the audit asks for; with fewer it says what it may miss."""

MOST = 2000
LEAST = 8

Floats = NDArray[np.float64]


def audit(real: Images, created: Images, chain: Chain, *, seed: int = 0) -> dict[str, Any]:
    """Compare the trivial features of both kinds.

    Returns:
        What was found, as JSON.

    Raises:
        DataError: There are too few images or subjects to compare, or one is empty.
    """
    random = np.random.default_rng(seed)
    pools = [_some(images, random) for images in (real, created)]
    subjects = subjects_of(pools[0])
    if min(*map(len, pools), 2 * len(set(subjects))) < LEAST:
        raise DataError(
            f"there are {len(real)} real images of {len(set(subjects))} subjects and "
            f"{len(created)} created ones; the leak audit needs {LEAST} of either, and "
            f"{LEAST // 2} subjects.",
            "Prepare more subjects, or sample more images.",
        )
    coarse = eight_bit(real, created)
    with console.progress("auditing", sum(map(len, pools))) as advance:
        of_real, of_created = (_features(images, coarse, advance) for images in pools)
    before, all_before = separate(of_real[0], of_created[0], subjects, seed=seed)
    after, all_after = separate(of_real[1], of_created[1], subjects, seed=seed)
    rows = zip(CHANNELS.items(), before, after, strict=True)
    found = {
        "chain": chain,
        "pool": {
            "real": len(pools[0]),
            "created": len(pools[1]),
            "subjects": len(set(subjects)),
        },
        "alpha": ALPHA,
        "channels": [
            {
                "channel": name,
                "meaning": meaning,
                "before": came,
                "after": left,
                "finding": _finding(chain["alike"], name, came["p"], left["p"]),
            }
            for (name, meaning), came, left in rows
        ],
        "classifier": {"before": all_before, "after": all_after},
    }
    return {**found, "notes": _notes(found)}


def leaks(found: Mapping[str, Any]) -> list[str]:
    """Return what forbids the export; empty if nothing does."""
    rows = [row for row in found["channels"] if row["finding"] == "leak"]
    if found["chain"]["alike"] == "unknown":
        rows.append({"channel": "all trivial features together", **found["classifier"]})
    return [
        f"{row['channel']} {written} (AUC {row[stage]['auc']:.2f}, p {row[stage]['p']:.3f})"
        for stage, written in (("after", "as written"), ("before", "before the writer"))
        for row in rows
        if row[stage]["p"] < ALPHA
    ]


def _finding(alike: str, channel: str, before: float, after: float) -> str:
    """Say what a difference in a channel is, as far as anybody can know.

    No generator makes the blocks of JPEG, so the owner's word does not excuse them.
    """
    suspect = alike == "unknown" or (alike == "vouched" and channel == JPEG)
    if min(before, after) < ALPHA and suspect:
        return "leak"
    if after < ALPHA:
        return "the model's"
    return "removed" if before < ALPHA else "none"


def _notes(found: Mapping[str, Any]) -> list[str]:
    """Return what the owner must know besides the table."""
    chain, pool, after = found["chain"], found["pool"], found["classifier"]["after"]
    notes = [chain["why"]]
    if min(pool["real"], pool["created"]) < ENOUGH:
        notes.append(
            f"The audit saw {pool['real']} real and {pool['created']} created images; with fewer "
            f"than {ENOUGH} of either it may miss small leaks."
        )
    if chain["alike"] != "unknown" and after["p"] < ALPHA:
        notes.append(
            f"Trivial features tell the kinds apart (AUC {after['auc']:.2f}; chance 0.50). The "
            "writer did not make this difference: it is the model's, and readers may see it."
        )
    return notes


def expect_no_leak(found: Mapping[str, Any]) -> None:
    """Refuse what would tell readers the truth.

    Raises:
        DataError: Trivial features differ, and nothing is known that could excuse it.
    """
    those = leaks(found)
    if those:
        console.note("\n".join(audit_lines(found)))
        shown = "; ".join(those[:4]) + (f"; {len(those) - 4} more" if len(those) > 4 else "")
        raise DataError(
            f"leak: real and created images can be told apart without looking at the anatomy: "
            f"{shown}. {found['chain']['why']}",
            "Give the RUN or --checkpoint that made the created images, so that they can be drawn "
            "again and compared. If one kind was compressed, resampled, windowed or cut "
            "differently, make both alike. If you know they are: --vouch 'how you know'.",
        )


def audit_lines(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield an audit's content as a table: how well each trivial feature tells the kinds apart."""
    pool, classifier = found["pool"], found["classifier"]
    yield (
        f"Leak audit on {pool['real']} real images of {pool['subjects']} subjects and "
        f"{pool['created']} created ones (an AUC of 0.50 is chance)\n"
    )
    rows = [*found["channels"], {"channel": "all together", **classifier, "finding": ""}]
    cells = [
        [
            row["channel"],
            f"{row['before']['auc']:.2f}",
            f"{row['after']['auc']:.2f}",
            f"{row['after']['p']:.3f}",
            row["finding"],
        ]
        for row in rows
    ]
    yield console.table(["channel", "AUC before", "as written", "p", "difference"], cells)


def eight_bit(real: Images, created: Images) -> bool:
    """Tell whether one kind is stored in 8 bits: then both are rounded to them first."""
    return "uint8" in (str(real.dtype), str(created.dtype))


def written(images: Images, row: int, *, coarse: bool) -> NDArray[np.uint8]:
    """Return one image of a set as the canonical writer writes it.

    Raises:
        DataError: It is empty.
    """
    try:
        return canonical(images.floats([row])[0, 0], coarse=coarse)
    except DataError as error:
        name = images.table[row].get("image_id")
        kind = "created" if images.synthetic else "real"
        raise DataError(f"the {kind} image {name}: {error.message}", "Remove it.") from error


def _some(images: Images, random: np.random.Generator) -> Images:
    if len(images) <= MOST:
        return images
    return images[np.sort(random.choice(len(images), MOST, replace=False))]


def _features(images: Images, coarse: bool, advance: Any) -> tuple[Floats, Floats]:
    """Return ``(image, feature)`` before and after the writer."""
    before, after = [], []
    for row in range(len(images)):
        came: NDArray[np.uint8] = np.rint(255 * images.floats([row])[0, 0]).astype(np.uint8)
        before.append(list(features(came).values()))
        after.append(list(features(written(images, row, coarse=coarse)).values()))
        advance(1)
    return np.array(before), np.array(after)
