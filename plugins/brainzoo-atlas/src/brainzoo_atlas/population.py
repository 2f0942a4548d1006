"""Who is simulated: age, sex, and what they do to a head."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

YOUNGEST, OLDEST = 18.0, 85.0

# Linear size of female to male heads: volumes of 1.12 to 1.23 litres, which differ by 1.4 standard
# deviations, among 5,216 people of UK Biobank (Ritchie et al. 2018, Cerebral Cortex 28:2959,
# https://doi.org/10.1093/cercor/bhy109).
SIZE = {"F": 0.967, "M": 1.0}
TEMPLATE_SIZE = 0.945  # the template is larger than people are: 1.9 litres inside its hull
SIZE_SD = 0.024

# Lateral ventricles hold about 12 ml until the thirties and more than twice that in the eighth
# decade, spread widely at any age: the medians of IXI, and the course of the brain charts
# (Bethlehem et al. 2022, Nature 604:525, https://doi.org/10.1038/s41586-022-04554-y).
VENTRICLE_YOUNG_ML, VENTRICLE_GROWTH, VENTRICLE_LOG_SD = 11.5, 1.35, 0.38


@dataclasses.dataclass(frozen=True)
class Person:
    """One simulated subject.

    Attributes:
        index: Which subject of the population.
        age: In years.
        sex: ``F`` or ``M``.
        size: Linear size of the head relative to the template's.
        ventricle_ml: Volume that the lateral ventricles should have.
        cortex_mm: Thickness of the cerebral cortex.
        sulcus_mm: Half the width of a sulcus.
        lesions: How many white-matter lesions there are.
    """

    index: int
    age: float
    sex: str
    size: float
    ventricle_ml: float
    cortex_mm: float
    sulcus_mm: float
    lesions: int

    @property
    def id(self) -> str:
        """The pseudonym; it says that nobody of that name exists."""
        return f"simulated-{self.index:04d}"


def person(index: int, *, seed: int, lesion_share: float) -> Person:
    """Return the subject at an index of the population of a seed.

    Everything but ``lesions`` is independent of ``lesion_share``, so that a population with
    lesions is otherwise the same people.
    """
    rng = np.random.default_rng([seed, index])
    age = round(float(rng.uniform(YOUNGEST, OLDEST)), 1)
    sex = "F" if rng.random() < 0.5 else "M"
    size, ventricles, cortex, sulci = np.clip(rng.standard_normal(4), -2.5, 2.5).tolist()
    aged = (age - YOUNGEST) / (OLDEST - YOUNGEST)
    chosen, count = rng.random() < lesion_share, 3 + int(rng.poisson(3 + 8 * aged))
    return Person(
        index=index,
        age=age,
        sex=sex,
        size=TEMPLATE_SIZE * SIZE[sex] * math.exp(SIZE_SD * size),
        ventricle_ml=VENTRICLE_YOUNG_ML
        * math.exp(VENTRICLE_GROWTH * aged**2 + VENTRICLE_LOG_SD * ventricles)
        * SIZE[sex] ** 3,
        # About 2.9 mm in the young and 0.4 mm less in the old (Fjell et al. 2009, Cerebral
        # Cortex 19:2001, https://doi.org/10.1093/cercor/bhn232).
        cortex_mm=2.9 - 0.45 * aged + 0.08 * cortex,
        sulcus_mm=0.3 + 0.7 * aged**1.5 + 0.08 * sulci,
        lesions=count if chosen else 0,
    )
