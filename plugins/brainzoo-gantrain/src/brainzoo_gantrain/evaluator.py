"""GAN-train as a brainzoo evaluator.

Shmelkov, Schmid and Alahari 2018, "How good is my GAN?", name it: a classifier learns from
synthetic images and is tested on real ones (GAN-train), or the other way (GAN-test). Alam, Hossain
and Kobashi, "Synthetic Brain Image Generation for ADHD prediction", section 4, do it with a support
vector machine on features of VGG-16 and report sensitivity, specificity and their harmonic mean.
Differences from that paper, and what it leaves open:

- it names neither the layer nor the pooling (here conv5, mean and maximum over the map, as
  options), nor the machine's kernel and cost (here linear, the cost by cross-validation on the
  training side);
- it does not say whether slices of one subject are on both sides; here test subjects are others
  than those that the generator saw, and intervals come from resampling them;
- the controls beside it (real subjects, shuffled labels, copies) are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from brainzoo.api import (
    Evaluation,
    EvaluationSets,
    Evaluator,
    Images,
    bootstrap,
    console,
    subjects_of,
)
from brainzoo_gantrain.classifier import Labelled, learn
from brainzoo_gantrain.config import GANTrainConfig
from brainzoo_gantrain.copies import near_copies
from brainzoo_gantrain.labels import class_names, in_classes, positive_class
from brainzoo_gantrain.rates import by_subject, rates
from brainzoo_gantrain.result import Result, Row
from brainzoo_gantrain.sets import REAL, as_many, training_sets
from brainzoo_metrics.features import Features

LEAST_SUBJECTS = 4


class GANTrain(Evaluator):
    """Trains classifiers on synthetic and real images and tests them on real test subjects."""

    needs_classes = True
    config: GANTrainConfig

    def check(self) -> None:
        """Refuse now if there are no weights."""
        Features.load(self.config, owner="gantrain")

    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        """Compare what is learned from synthetic images with what is learned from real ones."""
        names = class_names(sets.named)
        sets.check(least_subjects=LEAST_SUBJECTS)
        seed = sets.seed
        positive = positive_class(self.config.positive, names)
        looks = Features.load(self.config, owner="gantrain")
        shown = self.config.channels
        known, judged, made = (
            _labelled(looks, images.of_channels(shown) if shown else images, names)
            for images in sets.named.values()
        )
        notes = [f"{text}." for text in self._left_out(known, made)]
        seen = known.features  # any of them may have been copied, drawn below or not
        known = as_many(known, min(self.config.limit, len(known)), [seed, 0])
        made = as_many(made, min(len(known), len(made)), [seed, 0])
        weights, own = (bootstrap(list(one.groups), seed=seed) for one in (judged, made))
        rows = []
        trained = training_sets(known, made, self.config.people, seed)
        with console.progress("classifiers", sum(len(s.draws) for s in trained)) as advance:
            for one in trained:
                tests, found = [judged, made] if one.name == REAL else [judged], []
                for draw in one.draws:
                    found.append(learn(draw, tests, len(names), seed))
                    advance(1)
                scores = np.stack([of_tests[0] for of_tests in found])
                subjects = by_subject(scores, judged.classes, judged.groups, weights)
                of_images = rates(scores, judged.classes, weights, positive)
                rows.append(Row(one, of_images, rates(*subjects, positive)))
                if one.name == REAL:
                    gan_test = rates(found[0][1][None], made.classes, own, positive)
        return Result(
            looks=looks,
            names=names,
            positive=positive,
            rows=rows,
            gan_test=gan_test,
            copies=near_copies(seen, judged.features, made.features) @ own.T / own.sum(1),
            judged=judged,
            made=len(made),
            notes=notes,
        ).evaluation()

    def _left_out(self, known: Labelled, made: Labelled) -> Iterator[str]:
        if len(known) > self.config.limit:
            yield f"{self.config.limit} of {len(known)} real training images were drawn (limit)"
        most = min(len(known), self.config.limit)
        if len(made) > most:
            yield f"{most} of {len(made)} synthetic images were drawn: as many as real ones"


def _labelled(looks: Features, images: Images, names: list[str]) -> Labelled:
    chosen, classes = in_classes(images, names)
    return Labelled(looks.of(chosen), classes, np.array(subjects_of(chosen)))
