"""Table 1 of Kazuhiro et al. 2018, from what the paper published.

Kazuhiro, K. et al., Generative Adversarial Networks for the Creation of Realistic Artificial Brain
Magnetic Resonance Images, Tomography 4(4), 2018.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from brainzoo_quiz.statistics import group, rates

TABLE_1 = {
    "NR1": (56, 44, 45, 55),
    "NR2": (30, 70, 71, 29),
    "NNR1": (90, 10, 24, 76),
    "NNR2": (83, 17, 40, 60),
    "NNR3": (73, 27, 44, 56),
}
"""TP, FN, FP, TN of each reader in percent; positive is real."""

ASSUMED = (25, 25)
"""Real and created images a reader: the paper says 50, 40 % to 60 % of them created."""

CAVEAT = (
    "The paper published percentages only. Intervals and d′ assume 25 real and 25 created images a "
    "reader (of 50, between 20 and 30 were created); which image fooled whom is not known, so the "
    "group's interval is over readers alone, and readers saw different images."
)


def kazuhiro2018(*, margin: float = 0.1, alpha: float = 0.05) -> dict[str, Any]:
    """Return the paper's score in the form of ``scoring.score``, with what is not known left out.

    The interval of accuracy is Wilson's of 50 answers. ``accuracy_published`` is the paper's own
    value, rounded to two digits.
    """
    published = {"NR1": 0.55, "NR2": 0.30, "NNR1": 0.83, "NNR2": 0.72, "NNR3": 0.64}
    readers = []
    for name, counts in TABLE_1.items():
        found = rates.of_counts(*counts, images=ASSUMED, alpha=alpha)
        high = found["balanced_accuracy"]["high"]
        flags = ["below chance: tells the kinds apart, but with the labels inverted"]
        readers.append(
            {
                "reader": name,
                "group": "neuroradiologist" if name.startswith("NR") else "other radiologist",
                **found,
                "accuracy_published": published[name],
                "flags": flags if high < 0.5 else [],
            }
        )
    values = np.array([(tp + tn) / 200 for tp, _, _, tn in TABLE_1.values()])
    spread, n = float(values.std(ddof=1)), len(values)
    mean = {
        "value": float(values.mean()),
        "readers": n,
        "se": spread / n**0.5,
        "df": n - 1,
        "sd": spread,
        "reader_sd": spread,
        "image_covariance": np.nan,
    }
    return {
        "title": "Kazuhiro et al. 2018, Table 1",
        "design": "yes-no",
        "words": ["real", "created"],
        "images_real": ASSUMED[0],
        "images_created": ASSUMED[1],
        "alpha": alpha,
        "readers": readers,
        "group": {
            "balanced_accuracy": group.plain_mean(mean, alpha),
            "test": group.against_chance(mean, margin=margin, alpha=alpha),
        },
        "caveat": CAVEAT,
        "notes": [],
    }
