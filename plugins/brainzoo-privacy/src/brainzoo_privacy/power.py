"""Will the people who are held back suffice for a verdict? Asked before training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

from brainzoo_privacy.rules import AUC_LIMIT, CHANCE, LEAST_SUBJECTS

ENOUGH = 0.8  # the usual power
FRACTIONS = (0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5)
VALIDATION = 0.1


def chance(members: int, others: int) -> float:
    """Return how likely a model that leaks nothing passes one attack.

    A verdict of "passed" takes more than one: that on the samples, and that on the weights.

    The upper end of the interval of the membership AUC must be under its limit; of n and m people
    who are all alike the AUC deviates by sqrt((n + m + 1) / 12nm) (Mann and Whitney 1947).
    """
    if min(members, others) < LEAST_SUBJECTS:
        return 0.0
    deviation = math.sqrt((members + others + 1) / (12 * members * others))
    normal = NormalDist()
    return normal.cdf((AUC_LIMIT - CHANCE) / deviation - normal.inv_cdf(0.975))


def outlook(people: Mapping[str, int]) -> list[str]:
    """Return whether the held-back people suffice, and which fractions would do better."""
    members = people.get("train", 0)
    others = people.get("validation", 0) + people.get("test", 0)
    found, everybody = chance(members, others), members + others
    said = (
        f"{members} people to train on and {others} held back: a model that leaks nothing passes "
        f"each attack with a chance of {found:.0%}"
    )
    if found >= ENOUGH:
        return [f"{said}."]
    chances = {part: expected(everybody, part) for part in FRACTIONS}
    better = next((part for part in FRACTIONS if chances[part] >= ENOUGH), None)
    best = better or max(FRACTIONS, key=lambda part: chances[part])
    if better or chances[best] > found + 0.05:
        fractions = f"{best:g},{VALIDATION:g},{1 - best - VALIDATION:.2g}"
        said += f"; with --data.split-fractions {fractions}, {chances[best]:.0%}"
    if better is None:
        needed = next(n for n in range(2, 10_000) if chance(n // 2, n - n // 2) >= ENOUGH)
        said += f"; {ENOUGH:.0%} needs {needed} people in all"
    return [f"{said}. Otherwise it stays undecided."]


def expected(people: int, part: float) -> float:
    """Return the chance if this part of the people are trained on."""
    members = round(people * part)
    return chance(members, people - members)
