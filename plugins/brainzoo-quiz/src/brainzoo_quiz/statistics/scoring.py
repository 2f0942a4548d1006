"""A study's score: every number that tables, JSON and page show, as one object."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from brainzoo_quiz.statistics import agreement, group, rates
from brainzoo_quiz.statistics.rates import number
from brainzoo_quiz.statistics.trials import Trials
from brainzoo_quiz.study.answers import Answer
from brainzoo_quiz.study.key import DESIGNS, Case, Key

Floats = NDArray[np.float64]

MANY = 0.1  # of a reader's images: more time-outs or lost focus than this is worth a flag
HASTY_SECONDS = 0.5  # a median below this is faster than people look


def score(
    key: Key, trials: Trials, *, margin: float = 0.1, alpha: float = 0.05, seed: int = 0
) -> dict[str, Any]:
    """Score a study: equivalence within 0.5 ± margin, tests at alpha, bootstraps from the seed.

    Returns:
        An object for JSON: ``readers``, ``group``, ``agreement``, ``images``, ``reasons``,
        ``notes``; what cannot be computed is None.
    """
    readers = [_reader(trials, r, alpha) for r in range(len(trials.readers))]
    mean = group.mean_over_readers(trials.said, trials.positive)
    rated = group.mean_over_readers(trials.rating, trials.positive)
    return {
        "study": key.study,
        "title": key.title,
        "design": key.design,
        "commitment": key.commitment,
        "words": list(DESIGNS[key.design]),
        "images_real": int(trials.positive.sum()),
        "images_created": int((~trials.positive).sum()),
        "alpha": alpha,
        "readers": readers,
        "group": {
            "balanced_accuracy": group.plain_mean(mean, alpha),
            "auc": group.plain_mean(rated, alpha),
            "test": group.against_chance(mean, margin=margin, alpha=alpha),
            "image_sd": _image_sd(trials),
        },
        "agreement": agreement.between_readers(trials.said, seed=seed) if readers[1:] else None,
        "images": _images(trials),
        "reasons": _reasons(trials),
        "notes": _notes(trials, mean),
        "caveat": "",
    }


def _reader(trials: Trials, r: int, alpha: float) -> dict[str, Any]:
    said, positive, session = trials.said[r], trials.positive, trials.sessions[r]
    real, created = said[positive], said[~positive]
    counts = [float((kind == word).sum()) for kind in (real, created) for word in (1, 0)]
    found = rates.of_counts(*counts, two_alternatives=trials.design == "2afc", alpha=alpha)
    shown = [answer for _, _, answer in trials.shown[r]]
    row = {
        "reader": trials.readers[r],
        "group": session.reader.group,
        "years": session.reader.years,
        **found,
        "auc": _auc(trials.rating[r], positive, alpha),
        "seconds": _seconds(trials.seconds[r], trials.correct[r]),
        "repeats": agreement.with_itself(said, trials.again[r]),
        "shown": len(shown),
        "unanswered": sum(answer.answer is None for answer in shown),
        "timed_out": sum(answer.timed_out for answer in shown),
        "lost_focus": sum(answer.lost_focus > 0 for answer in shown),
        "reloads": sum(answer.reloads > 0 for answer in shown),
        "finished": session.finished_at is not None,
    }
    return {**row, "flags": _flags(row)}


def _flags(row: dict[str, Any]) -> list[str]:
    found = []
    balanced, median = row["balanced_accuracy"], row["seconds"]["median"]
    if balanced["high"] is not None and balanced["high"] < 0.5:
        found.append("below chance: tells the kinds apart, but with the labels inverted")
    if row["n"] and row["tp"] + row["fp"] in (0, row["n"]):
        found.append("always gave the same answer")
    if row["timed_out"] > MANY * row["shown"]:
        found.append(f"time ran out on {row['timed_out']:g} of {row['shown']} images")
    if row["unanswered"]:
        found.append(f"no answer to {row['unanswered']} of {row['shown']} images")
    if row["lost_focus"] > MANY * row["shown"]:
        found.append(f"looked elsewhere during {row['lost_focus']} of {row['shown']} images")
    if row["reloads"]:
        found.append(f"reloaded the page during {row['reloads']} images")
    if median is not None and median < HASTY_SECONDS:
        found.append(f"half of the answers came within {median:.2f} s")
    if not row["finished"]:
        found.append("did not finish")
    return found


def _auc(rating: Floats, positive: NDArray[np.bool_], alpha: float) -> dict[str, float | None]:
    """Return the area under the ROC curve of confidence; its interval on the logit scale."""
    from scipy.stats import norm

    values, covariance = group.aucs(rating[None], positive)
    value, variance = float(values[0]), float(covariance[0, 0])
    limits: tuple[float, ...] = ()
    if 0 < value < 1 and variance > 0:
        half = norm.isf(alpha / 2) * variance**0.5 / (value * (1 - value))
        middle = np.log(value / (1 - value))
        limits = tuple(1 / (1 + np.exp(-(middle + side * half))) for side in (-1, 1))
    return rates.interval(value, *limits)


def _seconds(times: Floats, right: Floats) -> dict[str, float | None]:
    """Return response times of first showings: a time-out is longer than any, but not how long."""
    known = times[~np.isnan(times)]
    inner = np.isfinite(times) & (times > 0)
    return {
        "median": number(np.quantile(known, 0.5, method="lower")) if len(known) else None,
        "median_right": _median(times[inner & (right == 1)]),
        "median_wrong": _median(times[inner & (right == 0)]),
    }


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if len(values) else None


def _image_sd(trials: Trials) -> float | None:
    """Return the SD of accuracy over images of one kind: what ``quiz plan`` asks for."""
    if len(trials.readers) < 2:
        return None
    found = []
    for kind in (True, False):
        part = trials.correct[:, trials.positive == kind]
        part = part[:, np.isfinite(part).all(0)]
        if part.shape[1] > 1:
            covariance = np.cov(part)
            found.append(covariance[~np.eye(len(part), dtype=bool)].mean())
    return float(max(np.mean(found), 0.0) ** 0.5) if found else None


def _images(trials: Trials) -> list[dict[str, Any]]:
    """Return each image, those first that fooled most of their readers."""
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for case, answer in _first_showings(trials):
        reasons[case.case].update(answer.reasons)
    found = []
    for case, column in zip(trials.cases, trials.correct.T, strict=True):
        asked = np.flatnonzero(np.isfinite(column))
        if not len(asked):
            continue
        fooled = [trials.readers[r] for r in asked if column[r] == 0]
        found.append(
            {
                "case": case.case,
                "truth": case.truth,
                "sources": [source.model_dump() for source in case.sources],
                "answers": len(asked),
                "fooled": fooled,
                "share": len(fooled) / len(asked),
                "reasons": dict(reasons[case.case].most_common()),
            }
        )
    return sorted(found, key=lambda image: (-image["share"], image["case"]))


def _reasons(trials: Trials) -> list[dict[str, Any]]:
    """Return how often each reason was given, and how often the answer with it was right."""
    given, right = Counter[str](), Counter[str]()
    for case, answer in _first_showings(trials):
        if answer.answer is not None:
            given.update(set(answer.reasons))
            right.update(set(answer.reasons) if answer.answer == case.truth else ())
    order = sorted(given, key=lambda reason: (-given[reason], reason))
    return [{"reason": r, "given": given[r], "right": right[r]} for r in order]


def _first_showings(trials: Trials) -> Iterator[tuple[Case, Answer]]:
    for answers in trials.shown:
        yield from ((case, answer) for case, showing, answer in answers if showing == 1)


def _notes(trials: Trials, mean: group.Mean) -> list[str]:
    notes = []
    if len(trials.readers) == 1:
        notes.append("One reader says nothing about other readers: there is no group mean.")
    elif mean["readers"] < len(trials.readers):
        notes.append("Readers without answers to both kinds are left out of the group.")
    low = [who for who, row in zip(trials.readers, trials.said, strict=True) if np.isnan(row).any()]
    if low:
        notes.append(
            f"{', '.join(low)} left images without an answer; these do not count, which favours "
            "readers who skip what they are unsure of."
        )
    if mean["readers"] > 1 and mean["value"] < 0.5:
        notes.append(
            "An accuracy below chance does not prove quality: readers who are often wrong do see a "
            "difference, and take it for the opposite."
        )
    return notes


def verdict(score: Mapping[str, Any]) -> str:
    """Return in one sentence what the group's test says."""
    test, mean = score["group"]["test"], score["group"]["balanced_accuracy"]
    if not test:
        return "There is no group to test: a group has two readers or more."
    match test["equivalent"], test["different"]:
        case True, False:
            found = "Readers cannot tell: accuracy is equivalent to chance"
        case True, True:
            found = "Accuracy differs from chance, but by less than what matters"
        case False, False:
            found = "Undecided: this study shows neither equivalence to chance nor a difference"
        case _ if mean["value"] > 0.5:
            found = "Readers can tell: accuracy is above chance"
        case _:
            found = (
                "Readers see a difference, but take it for the opposite: accuracy is below chance"
            )
    return f"{found} (margin ±{test['margin']:g}, alpha {test['alpha']:g})."
