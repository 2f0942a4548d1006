"""How well a model of healthy brains finds what does not belong, beside three simple baselines.

The design follows StRegA (Chatterjee et al. 2022) for pre- and post-processing and artificial
lesions, and Meissen et al. 2021 for the question whether a threshold on intensity does as well.
Everything that is chosen (thresholds, which of the model's scores) is chosen on other subjects than
those that are measured: on validation subjects, or where there are none, on half of the test's.
"""

from __future__ import annotations

import numpy as np

from brainzoo.api import (
    DataError,
    Evaluation,
    EvaluationSets,
    Evaluator,
    Images,
    OptionError,
    Reconstructs,
)
from brainzoo_anomaly import result
from brainzoo_anomaly.cases import (
    given_cases,
    healthy_cases,
    scans_with_lesions,
    with_lesions,
)
from brainzoo_anomaly.config import AnomalyConfig
from brainzoo_anomaly.overlays import overlays
from brainzoo_anomaly.scoring import Baselines, score
from brainzoo_anomaly.shapes import Shapes
from brainzoo_anomaly.study import VALIDATION, study


class Anomaly(Evaluator):
    """Dice, AUROC and AUPRC of lesions that the model never saw."""

    config: AnomalyConfig
    needs = Reconstructs

    def check(self) -> None:
        """Refuse scans without label maps now, not after the training."""
        if self.config.scans is not None:
            scans_with_lesions(self.config.scans)
        if self.config.shapes is not None:
            Shapes(self.config.shapes, 0)

    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        """Score test images with and without lesions; ``synthetic`` is not looked at."""
        sets.check(least_subjects=4)
        generator, train, test, seed = sets.generator, sets.train, sets.test, sets.seed
        if not isinstance(generator, Reconstructs):
            raise OptionError(
                "anomaly needs a model that reconstructs; found "
                f"{type(generator).__name__ if generator else 'images alone'}.",
                "Evaluate a run of vae, vqvae or flow.",
            )
        config = self.config
        if config.scans is not None and generator.label_values:
            raise OptionError(
                "this model was trained on images with label maps; those of the scans show lesions "
                "only.",
                "Use --anomaly.shapes, or a model that was trained without label maps.",
            )
        validation, measured, chosen_on = _divided(sets)
        tried = healthy_cases(validation, generator, config)
        tried = tried + with_lesions(tried, config, seed + 1)
        cases = healthy_cases(measured, generator, config)
        if config.scans is not None:
            cases = cases + given_cases(scans_with_lesions(config.scans), test, config)
        else:
            cases = cases + with_lesions(cases, config, seed)
        baselines = Baselines(train, config.components, seed)
        tried_maps, own = score(generator, baselines, tried, config, seed + 1)
        maps, own = score(generator, baselines, cases, config, seed)
        scored = study(cases, maps, tried, tried_maps, own, config, seed)
        model = result.chosen(scored)
        rival = result.best_baseline(scored, VALIDATION)
        return Evaluation(
            metrics=result.metrics(scored, cases),
            tables=result.tables(scored, cases),
            pictures={"overlays": overlays(cases, maps, [model, rival], config.least_pixels)},
            notes=result.notes(scored, cases, chosen_on, config.scans is not None),
        )


def _divided(sets: EvaluationSets) -> tuple[Images, Images, str]:
    """Return images to choose on, images to measure, and what the former are."""
    found = sets.validation
    if found is not None and None not in sets.test.column("class"):  # the run is on classes only
        found = found[np.asarray([row.get("class") is not None for row in found.table], bool)]
    if found is not None and len(found.subjects()) >= 2:
        return found, sets.test, f"{len(found.subjects())} validation subjects"
    subjects = sorted(sets.test.subjects())
    if len(subjects) < 2:
        raise DataError(
            f"the test images name {len(subjects)} subjects; expected 2 or more.",
            "Add the column subject to table.csv.",
        )
    np.random.default_rng(sets.seed).shuffle(subjects)
    first = set(subjects[: len(subjects) // 2])
    inside = np.array([row.get("subject") in first for row in sets.test.table])
    said = f"{len(first)} of the test subjects, who are not measured"
    return sets.test[inside], sets.test[~inside], said
