"""A score as text: tables and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from brainzoo.api import console
from brainzoo_quiz.statistics.scoring import verdict

MOST_IMAGES = 10  # shown of those that fooled somebody

Row = Mapping[str, Any]


def show(found: Row) -> None:
    """Print a score."""
    first, second = found["words"]
    console.result(
        f"{found['title']}: {found['images_real']} {first}, {found['images_created']} {second}"
    )
    if found["caveat"]:
        console.result(f"note: {found['caveat']}")
    console.result(f"\nPositive is {first}.")
    _table(COUNTS, _counts(found["readers"]))
    console.result(f"\nIntervals at {1 - found['alpha']:.0%}")
    _table(DETECTION, _detection(found["readers"]))
    console.result("")
    _table(BEHAVIOUR, _behaviour(found["readers"]))
    console.result("")
    for reader in found["readers"]:
        for flag in reader["flags"]:
            console.result(f"! {reader['reader']}: {flag}")
    for line in group_lines(found):
        console.result(line)
    console.result(f"\n{verdict(found)}")
    for note in found["notes"]:
        console.result(f"note: {note}")
    fooling = [image for image in found.get("images", []) if image["fooled"]][:MOST_IMAGES]
    if fooling:
        console.result("\nImages that fooled most of their readers")
        rows = [
            [i["case"], i["truth"], f"{len(i['fooled'])} of {i['answers']}", ", ".join(i["fooled"])]
            for i in fooling
        ]
        _table(["image", "truth", "fooled", "whom"], rows)
    if found.get("reasons"):
        console.result("\nReasons given")
        rows = [[r["reason"], str(r["given"]), str(r["right"])] for r in found["reasons"]]
        _table(["reason", "given", "right"], rows)
    for note in found.get("beside", {}).get("notes", []):
        console.result(f"note: {note}")
    for one in found.get("beside", {}).get("metrics", []):
        console.result(f"{one['evaluator']}: {one['name']} {console.number(one['value'])}")


def group_lines(found: Row) -> Iterator[str]:
    """Yield sentences on all readers together."""
    mean, test = found["group"]["balanced_accuracy"], found["group"]["test"]
    if mean["value"] is not None and test:
        over = "readers" if mean["image_covariance"] is None else "readers and images"
        yield (
            f"Group of {mean['readers']}: balanced accuracy {interval(mean)} over {over}, SD "
            f"{rate(mean['sd'])}, {mean['df']:.1f} degrees of freedom."
            if mean["df"] is not None
            else f"Group of {mean['readers']}: balanced accuracy {interval(mean)}; no two differ."
        )
        yield (
            f"Equivalence to chance: {1 - 2 * test['alpha']:.0%} interval {rate(test['low'])} to "
            f"{rate(test['high'])}, expected within .5 ± {test['margin']:g}: p = "
            f"{test['p_equivalence']:.3g}. Difference from chance: p = {test['p_difference']:.3g}."
        )
        if mean["image_covariance"] is not None:
            yield (
                f"To plan the next study: SD over readers {rate(mean['reader_sd'])}, over images "
                f"{rate(found['group']['image_sd'])}."
            )
    area = found["group"].get("auc")
    if area and area["value"] is not None:
        yield f"AUC of confidence: {interval(area)} over {area['readers']} readers and images."
    agree = found.get("agreement")
    if agree:
        kappa = "undefined" if agree["fleiss_kappa"] is None else rate(agree["fleiss_kappa"])
        yield (
            f"Agreement: Krippendorff's alpha {interval(agree['krippendorff_alpha'])}, Fleiss' "
            f"kappa {kappa}, mean of Cohen's kappas {rate(agree['cohen_kappa_mean'])}."
        )


COUNTS = ["reader", "group", "TP", "FN", "FP", "TN", "accuracy", "Wilson", "exact"]
DETECTION = [
    *("reader", "balanced accuracy", "sensitivity", "specificity"),
    *("d′", "d′ raw", "criterion", "AUC"),
]
BEHAVIOUR = ["reader", "median s", "right s", "wrong s", "repeats", "kappa", "late", "unfocused"]


def _counts(readers: Sequence[Row]) -> Iterator[list[str]]:
    for row in readers:
        counts = [f"{row[name]:g}" for name in ("tp", "fn", "fp", "tn")]
        accuracy, exact = row["accuracy"], row["accuracy_exact"]
        yield [
            *(row["reader"], row["group"], *counts, rate(accuracy["value"])),
            *(limits(accuracy), limits(exact)),
        ]


def _detection(readers: Sequence[Row]) -> Iterator[list[str]]:
    for row in readers:
        rates = [interval(row[n]) for n in ("balanced_accuracy", "sensitivity", "specificity")]
        yield [
            *(row["reader"], *rates, interval(row["d_prime"], 2), rate(row["d_prime_raw"])),
            *(rate(row["criterion"]), interval(row["auc"]) if "auc" in row else "–"),
        ]


def _behaviour(readers: Sequence[Row]) -> Iterator[list[str]]:
    for row in readers:
        if "seconds" not in row:
            return
        seconds, repeats = row["seconds"], row["repeats"]
        known = [seconds["median"], seconds["median_right"], seconds["median_wrong"]]
        times = ["–" if value is None else f"{value:.1f}" for value in known]
        if seconds["median"] is None and row["timed_out"]:
            times[0] = "late"
        same = "–" if not repeats["n"] else f"{repeats['same'] * repeats['n']:.0f}/{repeats['n']}"
        yield [
            *(row["reader"], *times, same, rate(repeats["kappa"])),
            *(str(row["timed_out"]), str(row["lost_focus"])),
        ]


def rate(value: float | None) -> str:
    """Write a rate as papers do: ``.555``."""
    if value is None:
        return "–"
    text = f"{value:.3f}".replace("-", "−")
    return text.replace("0.", ".", 1) if abs(value) < 0.9995 else text


def limits(found: Row) -> str:
    """Write an interval: ``.418 to .684``."""
    return "–" if found["low"] is None else f"{rate(found['low'])} to {rate(found['high'])}"


def interval(found: Row, digits: int = 3) -> str:
    """Write a value with its interval: ``.555 (.418 to .684)``."""
    if found["value"] is None:
        return "–"
    if digits != 3:
        low, high = found["low"], found["high"]
        ends = f" ({low:.{digits}f} to {high:.{digits}f})" if low is not None else ""
        return f"{found['value']:.{digits}f}{ends}".replace("-", "−")
    return rate(found["value"]) + (f" ({limits(found)})" if found["low"] is not None else "")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    found = list(rows)
    if found:
        console.result(console.table(header, found))
