"""What an audit's comparisons say: metric values, tables, and the reasons against publishing."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Images, MetricValue, Value, bootstrap, interval
from brainzoo_privacy import measures
from brainzoo_privacy.audit import Audit
from brainzoo_privacy.calibration import COPY_RATE, DUPLICATE_ERROR

LEAST_SUBJECTS = 20  # of train and of test: below, neither limits nor membership can be judged
LEAST_IMAGES = 100  # synthetic: below, a copy rate of some percent would go unseen
LEAST_RECALL = 0.95
MOST_AUC = 0.55
CHANCE_AUC = 0.5
LISTED = 16
BINS = 20

RULES = {
    "copy_rate": COPY_RATE,
    "duplicate_error": DUPLICATE_ERROR,
    "least_recall": LEAST_RECALL,
    "most_membership_auc": MOST_AUC,
    "least_subjects": float(LEAST_SUBJECTS),
    "least_images": float(LEAST_IMAGES),
}
"""The numbers of the verdict's rules."""


def metrics(
    found: Audit,
    *,
    train_subjects: Sequence[str],
    test_subjects: Sequence[str],
    seed: int,
    rounds: int,
) -> list[MetricValue]:
    """Return what an audit of pixels measured."""
    members = len(found.among_train)
    auc_values = found.to_train.of_reference, found.to_test.of_reference
    auc = measures.membership_draws(
        *auc_values, [*train_subjects, *test_subjects], seed=seed, rounds=rounds
    )
    auc_low, auc_high = interval(auc) or (None, None)
    by_train, by_test = found.to_train.by_subject, found.to_test.by_subject
    nearer, nearer_low, nearer_high = measures.nearer_to_train(
        by_train, by_test, seed=seed, rounds=rounds
    )
    equal, equal_floor = measures.copy_rates_of_equal_number(by_train, by_test, found.copies, seed)
    subjects = min(by_train.shape[1], by_test.shape[1])
    test_authentic = measures.authentic(
        found.test.similarity, found.test_nearest, found.among_train
    )
    n = len(found.synthetic.copy)
    return [
        *flagged_metrics(found, test_subjects, seed=seed, rounds=rounds),
        MetricValue(
            "copy rate at equal number",
            equal,
            n,
            floor=equal_floor,
            detail=f"images that copy one of {subjects} training subjects; floor: one of "
            f"{subjects} test subjects; mean of {measures.DRAWS} draws",
        ),
        MetricValue(
            "nearer to train",
            nearer,
            n,
            low=nearer_low,
            high=nearer_high,
            floor=0.5,
            detail=f"share of images nearer to {subjects} training than to {subjects} test "
            "subjects",
        ),
        MetricValue(
            "AuthPct",
            measures.authentic(
                found.synthetic.similarity, found.to_train.nearest, found.among_train
            ),
            n,
            floor=test_authentic,
            detail="percent; next training image of another subject; floor: real test images",
        ),
        MetricValue(
            "membership AUC",
            float(auc[0]),
            members + len(found.test.copy),
            low=auc_low,
            high=auc_high,
            floor=CHANCE_AUC,
            detail="similarity to the nearest synthetic image: training against test images; "
            "interval over subjects",
        ),
    ]


def flagged_metrics(
    found: Audit, test_subjects: Sequence[str], *, seed: int, rounds: int, prefix: str = ""
) -> list[MetricValue]:
    """Return what counts as a copy among synthetic, unseen and planted images."""
    synthetic, test, planted = found.synthetic.copy, found.test.copy, found.planted.copy
    copied = measures.share_interval(int(synthetic.sum()), len(synthetic))
    recalled = measures.share_interval(int(planted.sum()), len(planted))
    weights = bootstrap(test_subjects, seed=seed, rounds=rounds)
    unseen = interval(weights @ test / weights.sum(1)) or (None, None)
    return [
        MetricValue(
            f"{prefix}copy rate",
            float(synthetic.mean()),
            len(synthetic),
            low=copied[0],
            high=copied[1],
            floor=float(test.mean()),
            detail=f"similarity above {found.copies.similarity:.3f} or lead above "
            f"{found.copies.lead:.3f}; floor: real test images",
        ),
        MetricValue(
            f"{prefix}near duplicates",
            int(found.synthetic.duplicate.sum()),
            len(synthetic),
            floor=int(found.test.duplicate.sum()),
            detail=f"images; similarity above {found.duplicates.similarity:.3f} or lead above "
            f"{found.duplicates.lead:.3f}; floor: among {len(test)} real test images",
        ),
        MetricValue(
            f"{prefix}real test flagged",
            float(test.mean()),
            len(test),
            low=unseen[0],
            high=unseen[1],
            detail="share of real test images that count as copies; they had no part in the limits",
        ),
        MetricValue(
            f"{prefix}planted copies found",
            float(planted.mean()),
            len(planted),
            low=recalled[0],
            high=recalled[1],
            detail="training images shifted, turned, zoomed, half of them mirrored, with noise",
        ),
    ]


def reasons(
    by_name: Mapping[str, MetricValue], *, train: Images, test: Images, synthetic: Images
) -> list[str]:
    """Return what speaks against publishing, a sentence each; nothing, if nothing does."""
    copy, duplicates = by_name["copy rate"], by_name["near duplicates"]
    unseen, planted = by_name["real test flagged"], by_name["planted copies found"]
    auc = by_name["membership AUC"]
    against = []
    if duplicates.value:
        against.append(
            f"{duplicates.value:.0f} of {duplicates.n} synthetic images are near duplicates of "
            "training images."
        )
    if copy.low is not None and copy.low > COPY_RATE:
        against.append(
            f"{copy.value:.1%} of the synthetic images count as copies (at least {copy.low:.1%}); "
            f"{COPY_RATE:.0%} of real unseen images would."
        )
    if auc.value > MOST_AUC and auc.low is not None and auc.low > CHANCE_AUC:
        against.append(
            f"who was trained on can be told from the synthetic images: membership AUC "
            f"{auc.value:.3f} ({auc.low:.3f} to {auc.high:.3f}); at most {MOST_AUC} is expected."
        )
    if planted.value < LEAST_RECALL:
        against.append(
            f"the audit found only {planted.value:.1%} of planted copies; expected "
            f"{LEAST_RECALL:.0%}: on these images it cannot vouch for anything."
        )
    if unseen.low is not None and unseen.low > COPY_RATE:
        against.append(
            f"{unseen.value:.1%} of the real test images count as copies, expected {COPY_RATE:.0%} "
            "at most: the same people may be in train and test under other names."
        )
    for name, images in (("training", train), ("test", test)):
        if len(images.subjects()) < LEAST_SUBJECTS:
            against.append(
                f"there are {len(images.subjects())} {name} subjects; expected {LEAST_SUBJECTS} "
                "or more."
            )
    if len(synthetic) < LEAST_IMAGES:
        against.append(
            f"there are {len(synthetic)} synthetic images; expected {LEAST_IMAGES} or more."
        )
    if not synthetic.info.get("checkpoint_sha256"):
        against.append("the synthetic images do not say which weights made them.")
    return against


def doubts(by_name: Mapping[str, MetricValue], test: Images) -> list[str]:
    """Return what the audit could not rule out, a sentence each."""
    auc = by_name["membership AUC"]
    if auc.high is None or auc.high <= MOST_AUC:
        return []
    doubt = (
        f"With {len(test.subjects())} test subjects a membership AUC of up to {auc.high:.2f} "
        f"cannot be ruled out (measured: {auc.value:.2f}; expected: at most {MOST_AUC})."
    )
    return [doubt]


def suspicion(found: Audit) -> NDArray[np.intp]:
    """Return the positions of synthetic images, the most suspicious first."""
    excess = found.copies.excess(found.synthetic.similarity, found.synthetic.lead)
    return np.argsort(-excess, kind="stable")


def kind(found: Audit, i: int) -> str:
    """Return what a synthetic image counts as."""
    if found.synthetic.duplicate[i]:
        return "near duplicate"
    return "copy" if found.synthetic.copy[i] else ""


def suspicious_rows(found: Audit, synthetic: Images) -> list[dict[str, Value]]:
    """Return the most suspicious images; what they resemble is told in ``nearest.csv`` only."""
    return [
        {
            "image_id": str(synthetic.table[i].get("image_id", i)),
            "counts as": kind(found, i),
            "similarity": round(float(found.synthetic.similarity[i]), 4),
            "lead": round(float(found.synthetic.lead[i]), 4),
            "similarity to test": round(float(found.to_test.similarity[i]), 4),
        }
        for i in suspicion(found)[:LISTED].tolist()
    ]


def histogram_rows(found: Audit) -> list[dict[str, Value]]:
    """Return how similar images are to their nearest training image, as shares of bins."""
    sets = {
        "synthetic": found.synthetic.similarity,
        "test": found.test.similarity,
        "planted copies": found.planted.similarity,
    }
    low = min(float(values.min()) for values in sets.values())
    edges = np.linspace(min(low, 0.999), 1, BINS + 1)
    shares = {
        name: np.histogram(np.clip(values, edges[0], 1), edges)[0] / len(values)
        for name, values in sets.items()
    }
    return [
        {
            "similarity from": round(float(edges[i]), 4),
            "to": round(float(edges[i + 1]), 4),
            **{name: round(float(share[i]), 4) for name, share in shares.items()},
        }
        for i in range(BINS)
    ]


def nearest_csv(found: Audit, *, train: Images, test: Images, synthetic: Images) -> bytes:
    """Return the nearest training and test image of every synthetic image, by ``image_id``.

    Who has the prepared images finds the subject in their ``table.csv``; nobody else does.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = ["train_image_id", "similarity", "lead", "test_image_id", "similarity_to_test"]
    writer.writerow(["image_id", "counts_as", *names])
    to_test = found.to_test.similarity
    for i in suspicion(found).tolist():
        writer.writerow(
            [
                synthetic.table[i].get("image_id", i),
                kind(found, i),
                train.table[found.to_train.nearest[i]].get("image_id"),
                f"{found.synthetic.similarity[i]:.4f}",
                f"{found.synthetic.lead[i]:.4f}",
                test.table[found.to_test.nearest[i]].get("image_id"),
                f"{to_test[i]:.4f}",
            ]
        )
    return out.getvalue().encode()
