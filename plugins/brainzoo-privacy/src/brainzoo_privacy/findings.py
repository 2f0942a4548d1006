"""What an audit's comparisons say: metric values, tables, and the reasons against publishing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from brainzoo.api import EvaluationSets, Images, MetricValue, Value, bootstrap, subjects_of
from brainzoo_privacy import measures
from brainzoo_privacy.audit import Audit
from brainzoo_privacy.rules import (
    AUC_LIMIT,
    CHANCE,
    COPY_RATE,
    LEAST_IMAGES,
    LEAST_RECALL,
    LEAST_SUBJECTS,
    MOST_AUC,
)
from brainzoo_privacy.whitebox import Attack

LISTED = 16
BINS = 20
WHITE_BOX = "white-box membership AUC"
SHARE = (0.0, 1.0)


def metrics(found: Audit, sets: EvaluationSets, rounds: int) -> list[MetricValue]:
    """Return what an audit of pixels measured."""
    by_train, by_unseen = found.to_train.by_subject, found.to_unseen.by_subject
    subjects = min(by_train.shape[1], by_unseen.shape[1])
    n = len(found.synthetic.copy)
    equal, equal_floor = measures.copy_rates_of_equal_number(
        by_train, by_unseen, found.copies, sets.seed
    )
    nearer = measures.nearer_to_train(by_train, by_unseen, seed=sets.seed, rounds=rounds)
    authentic, unseen_authentic = (
        measures.authentic(one.similarity, nearest, found.among_train)
        for one, nearest in (
            (found.synthetic, found.to_train.nearest),
            (found.unseen, found.unseen.nearest),
        )
    )
    return [
        *flagged_metrics(found, sets, rounds),
        MetricValue(
            "copy rate at equal number",
            equal,
            n,
            floor=equal_floor,
            detail=f"images that copy one of {subjects} training subjects; floor: one of "
            f"{subjects} unseen subjects; mean of {measures.DRAWS} draws",
        ),
        MetricValue(
            "nearer to train",
            nearer[0],
            n,
            *nearer[1:],
            CHANCE,
            f"share of images nearer to {subjects} training than to {subjects} unseen subjects",
        ),
        MetricValue(
            "AuthPct",
            authentic,
            n,
            floor=unseen_authentic,
            detail="percent of images that are farther from their nearest training image than "
            "that one is from other people's; below the floor, images are near copies; floor: real "
            "unseen images",
        ),
        MetricValue.of(
            "membership AUC",
            measures.membership_draws(
                found.to_train.of_reference,
                found.to_unseen.of_reference,
                subjects_of(sets.train) + subjects_of(sets.test),
                seed=sets.seed,
                rounds=rounds,
            ),
            len(found.among_train) + len(found.unseen.copy),
            CHANCE,
            "similarity to the nearest synthetic image: training against unseen images; "
            "interval over subjects",
            bounds=SHARE,
        ),
    ]


def attacked(found: Sequence[Attack], seed: int, rounds: int) -> list[MetricValue]:
    """Return how well each attack on the weights tells who was trained on.

    First the one that speaks for all: what joins the others, or the only one.
    """
    values = []
    for attack in found:
        people = [str(i) for i in range(len(attack.members) + len(attack.others))]
        draws = measures.membership_draws(
            attack.members, attack.others, people, seed=seed, rounds=rounds
        )
        detail = (
            f"{attack.name}: people trained on against {len(attack.others)} others, by the "
            "weights; difficulty of images taken out; n is people"
        )
        values.append(MetricValue.of(WHITE_BOX, draws, len(people), CHANCE, detail, bounds=SHARE))
    return values[::-1]


def flagged_metrics(found: Audit, sets: EvaluationSets, rounds: int) -> list[MetricValue]:
    """Return what counts as a copy among synthetic, unseen and planted images."""
    synthetic, unseen, planted = found.synthetic.copy, found.unseen.copy, found.planted.copy
    above = "similarity above {0.similarity:.3f} or lead above {0.lead:.3f}; floor: "
    weights = bootstrap(subjects_of(sets.test), seed=sets.seed, rounds=rounds)
    flagged = MetricValue.of(
        "real unseen flagged",
        weights @ unseen / weights.sum(1),
        len(unseen),
        detail="share of real unseen images that count as copies; the limits are not from them",
    )
    if not unseen.any():  # resamples of nothing say that nothing is certain
        low, high = measures.share_interval(0, len(sets.test.subjects()))
        flagged = dataclasses.replace(flagged, low=low, high=high)
    return [
        MetricValue(
            "copy rate",
            float(synthetic.mean()),
            len(synthetic),
            *measures.share_interval(int(synthetic.sum()), len(synthetic)),
            float(unseen.mean()),
            f"{above.format(found.copies)}real unseen images",
        ),
        MetricValue(
            "near duplicates",
            int(found.synthetic.duplicate.sum()),
            len(synthetic),
            floor=int(found.unseen.duplicate.sum()),
            detail=f"images; {above.format(found.duplicates)}among {len(unseen)} real unseen "
            "images",
        ),
        flagged,
        MetricValue(
            "planted copies found",
            float(planted.mean()),
            len(planted),
            *measures.share_interval(int(planted.sum()), len(planted)),
            detail="training images moved, turned by any angle, zoomed, mirrored, blurred, "
            "with noise",
        ),
    ]


def reasons(
    by_name: Mapping[str, MetricValue], synthetic: Images, by_attack: Sequence[MetricValue] = ()
) -> list[str]:
    """Return the reasons not to publish, a sentence each; any attack on the weights is enough."""
    copy, duplicates = by_name["copy rate"], by_name["near duplicates"]
    unseen = by_name["real unseen flagged"]
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
    for what, asked in (("synthetic images", [by_name["membership AUC"]]), ("weights", by_attack)):
        told = [a for a in asked if a.value > MOST_AUC and a.low is not None and a.low > CHANCE]
        if told:
            auc = max(told, key=lambda one: one.value)
            against.append(
                f"the {what} reveal who was trained on: {auc.name} {auc.value:.3f} "
                f"({auc.low:.3f} to {auc.high:.3f}); expected {MOST_AUC} or less."
            )
    if unseen.low is not None and unseen.low > COPY_RATE:
        against.append(
            f"{unseen.value:.1%} of the real unseen images count as copies; expected "
            f"{COPY_RATE:.0%} or less: the same people may be trained on under other names."
        )
    if not synthetic.info.get("checkpoint_sha256"):
        against.append("the synthetic images do not say which weights made them.")
    return against


def doubts(by_name: Mapping[str, MetricValue], sets: EvaluationSets) -> list[str]:
    """Return why the audit could have missed a leak, a sentence each; nothing, if it could not."""
    planted = by_name["planted copies found"]
    found = []
    for auc in (by_name["membership AUC"], by_name.get(WHITE_BOX)):
        if auc is None:
            found.append(
                "the weights were not attacked: nothing can be asked of this generator, or it was "
                "not given (brainzoo evaluate privacy RUN)."
            )
        elif auc.high is None or auc.high > AUC_LIMIT:
            ruled_out = "any" if auc.high is None else f"up to {auc.high:.2f}"
            found.append(
                f"with {len(sets.test.subjects())} unseen people, a {auc.name} of {ruled_out} "
                f"cannot be ruled out (measured: {auc.value:.2f}); expected {AUC_LIMIT} or "
                "less: give test and validation more people (--data.split-fractions)."
            )
    if planted.value < LEAST_RECALL:
        found.append(
            f"the audit found only {planted.value:.1%} of planted copies; expected "
            f"{LEAST_RECALL:.0%}."
        )
    for name, images in (("training", sets.train), ("test and validation", sets.test)):
        if len(images.subjects()) < LEAST_SUBJECTS:
            found.append(
                f"there are {len(images.subjects())} {name} subjects; expected {LEAST_SUBJECTS} "
                "or more."
            )
    if len(sets.synthetic) < LEAST_IMAGES:
        found.append(
            f"there are {len(sets.synthetic)} synthetic images; expected {LEAST_IMAGES} or more."
        )
    return found


def nearest_rows(found: Audit, sets: EvaluationSets) -> list[dict[str, Value]]:
    """Return the nearest training and unseen image of every synthetic image, by ``image_id``.

    The most suspicious come first. Who has the prepared images finds the subject in their
    ``table.csv``; nobody else does.
    """
    judged, to_unseen = found.synthetic, found.to_unseen
    counts_as = np.where(judged.duplicate, "near duplicate", np.where(judged.copy, "copy", ""))
    made, train, unseen = (x.table for x in (sets.synthetic, sets.train, sets.test))
    return [
        {
            "image_id": str(made[i].get("image_id", i)),
            "counts_as": str(counts_as[i]),
            "train_image_id": train[judged.nearest[i]].get("image_id"),
            "similarity": round(float(judged.similarity[i]), 4),
            "lead": round(float(judged.lead[i]), 4),
            "unseen_image_id": unseen[to_unseen.nearest[i]].get("image_id"),
            "similarity_to_unseen": round(float(to_unseen.similarity[i]), 4),
        }
        for i in judged.order.tolist()
    ]


def suspicious_rows(nearest: Sequence[Mapping[str, Value]]) -> list[dict[str, Value]]:
    """Return the most suspicious of these rows, without what they resemble."""
    shown = ("image_id", "counts_as", "similarity", "lead", "similarity_to_unseen")
    titles = ("image_id", "counts as", "similarity", "lead", "similarity to unseen")
    return [
        {title: row[name] for name, title in zip(shown, titles, strict=True)}
        for row in nearest[:LISTED]
    ]


def histogram_rows(found: Audit) -> list[dict[str, Value]]:
    """Return how similar images are to their nearest training image, as shares of bins."""
    sets = {
        "synthetic": found.synthetic.similarity,
        "unseen": found.unseen.similarity,
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
