"""The evaluator: segments real and synthetic heads alike, and compares their regions.

The design follows Wu et al. 2024 ("Evaluating the Quality of Brain MRI Generators", arXiv
2409.08463: uniform processing, how often a segmentation is plausible, effect sizes of regions) and
WASABI (Jafrasteh et al. 2025, arXiv 2504.21771: one Wasserstein distance of regional volumes).
Differences: the segmentation is MeshNet instead of SynthSeg, whose weights are free to use; shares
are of the brain instead of the intracranial volume, which MeshNet does not know; implausible heads
are counted and kept, since a generator should not gain by them; and each value has a floor.
"""

from __future__ import annotations

import numpy as np

from brainzoo.api import (
    DataError,
    Evaluation,
    EvaluationSets,
    Evaluator,
    Images,
    NetworkError,
    console,
)
from brainzoo_anatomy import pictures, result
from brainzoo_anatomy.config import AnatomyConfig
from brainzoo_anatomy.measured import measure, t1_channel
from brainzoo_anatomy.meshnet import MeshNet
from brainzoo_anatomy.plausible import Limits
from brainzoo_anatomy.regions import numbers_of
from brainzoo_anatomy.statistics import Group
from brainzoo_anatomy.weights import read_weights, weights_folder

SLICES = (
    "Regions are segmented in whole heads only, and these images are slices: their tissue classes "
    "(CSF, GM, WM, ventricles) are among what the evaluator metrics measures."
)


class Anatomy(Evaluator):
    """Regional volumes, asymmetry, ageing and plausibility of synthetic heads beside real ones."""

    config: AnatomyConfig

    def check(self) -> None:
        """Refuse weights that were named and cannot be used; warn where there are none.

        Raises:
            BrainzooError: The folder named by ``weights`` lacks a file or holds other files.
        """
        try:
            self._network()
        except NetworkError as error:  # slices need no weights, and they may be slices
            console.warn(f"{error.message} Of volumes, anatomy cannot be measured.")

    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        """Segment as many heads of each set, and compare.

        Raises:
            DataError: The sets cannot be compared, or nobody knows how large a voxel is.
        """
        sets.check(least_subjects=4)
        if sets.test.dims == 2:
            return Evaluation(notes=[SLICES])
        if t1_channel(sets.test) is None:
            channels = ", ".join(sets.test.channel_names)
            said = f"Regions are segmented in T1w images, and these are {channels}."
            return Evaluation(notes=[said])
        for name, images in sets.named.items():
            if len(images.info.get("spacing_mm") or ()) != 3:
                raise DataError(
                    f"the {name} images do not say how large a voxel is.",
                    "Give NIfTI files, or a folder that brainzoo prepared or sampled.",
                )
        network = self._network()
        least = min(self.config.most, *map(len, sets.named.values()))
        drawn = {name: few(images, least, sets.seed) for name, images in sets.named.items()}
        heads = {name: measure(network, images, name) for name, images in drawn.items()}
        groups = {
            name: Group.of(heads[name], images, sets.seed + i)
            for i, (name, images) in enumerate(drawn.items())
        }
        limits = Limits(heads["train"])
        return Evaluation(
            metrics=result.metrics(groups, limits),
            tables=result.tables(groups, limits),
            pictures={
                "segmentation": pictures.segmentation(drawn, heads),
                **pictures.ageing(groups),
            },
            notes=result.notes(sets.named, drawn, groups, limits),
        )

    def _network(self) -> MeshNet:
        weights = read_weights(weights_folder(self.config.weights))
        numbers_of(weights.classes)
        return MeshNet(weights)


def few(images: Images, count: int, seed: int) -> Images:
    """Draw images, of different people as long as there are some; more include the fewer."""
    order = np.random.default_rng(seed).permutation(len(images))
    people = [images.table[i].get("subject") or f"image {i}" for i in order]
    first = [people.index(person) for person in dict.fromkeys(people)]
    again = np.setdiff1d(np.arange(len(order)), first)
    return images[np.sort(order[np.concatenate([first, again]).astype(np.intp)][:count])]
