"""The evaluator: compares, judges, and writes the verdict."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping, Sequence

import numpy as np

from brainzoo.api import (
    Evaluation,
    EvaluationSets,
    Evaluator,
    Images,
    MetricValue,
    table_text,
)
from brainzoo_metrics.features import Features
from brainzoo_metrics.measure import joined
from brainzoo_privacy import findings
from brainzoo_privacy.audit import Audit, audit, expect_subjects
from brainzoo_privacy.calibration import planted_copies
from brainzoo_privacy.config import PrivacyConfig
from brainzoo_privacy.panels import panels
from brainzoo_privacy.pose import Pose
from brainzoo_privacy.power import outlook
from brainzoo_privacy.rules import RULES
from brainzoo_privacy.search import Individuality, Seen, Vectors
from brainzoo_privacy.verdict import Verdict
from brainzoo_privacy.whitebox import attacks

LIBRARIES = ("brainzoo-core", "brainzoo-privacy", "numpy", "scipy")
MEASURED = ("value", "n", "low", "high", "floor")
SAID = {
    "passed": "Passed: the audit found no reason not to publish. It cannot prove that nobody is "
    "recognisable.",
    "failed": "Failed: these weights reveal people they learned from, or may.",
    "undecided": "Undecided: a leak could have been missed.",
}
PRIVATE = (
    "suspicious.png shows real images of people, and nearest.csv points to them: keep both to "
    "yourself unless the licence of the data allows otherwise."
)


class Privacy(Evaluator):
    """Nearest real images, copies, membership inference, and a verdict."""

    config: PrivacyConfig

    def check(self) -> None:
        """Refuse now if there are no weights for the features asked for.

        Raises:
            BrainzooError: What is missing, and which option helps.
        """
        if self.config.features:
            Features.load(self.config, owner="privacy")

    def outlook(self, people: Mapping[str, int]) -> list[str]:
        """Say whether the people who are held back will suffice for a verdict."""
        return outlook(people)

    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        """Say whether synthetic images copy training images.

        Raises:
            DataError: The sets cannot be compared, or images do not say whose they are.
        """
        sets.check()
        sets = dataclasses.replace(
            sets,
            train=learned_from(sets.train),
            test=joined(sets.test, sets.validation),  # all whom the model never saw
            validation=None,
        )
        expect_subjects(sets)
        compared = {
            "train": sets.train,
            "unseen": sets.test,
            "synthetic": sets.synthetic,
            "planted": planted_copies(sets.train, sets.seed),
        }
        individuality, rounds = Individuality(Pose(sets.train, sets.seed)), self.config.rounds
        found = audit({n: individuality.vectors(x, n) for n, x in compared.items()}, sets)
        by_attack = findings.attacked(
            attacks(sets.generator, sets.train, sets.test, sets.seed), sets.seed, rounds
        )
        values = [*findings.metrics(found, sets, rounds), *by_attack[:1]]
        verdict = self._verdict(found, values, by_attack, sets)
        if self.config.features:
            values += self._feature_metrics(compared, sets)
        nearest = findings.nearest_rows(found, sets)
        picture = panels(individuality, found, sets, nearest[: self.config.shown])
        return Evaluation(
            metrics=values,
            tables={
                "most suspicious": findings.suspicious_rows(nearest),
                "similarity to the nearest training image": findings.histogram_rows(found),
                "attacks on the weights": [
                    {
                        "attack": one.detail.partition(":")[0],
                        "AUC": round(one.value, 3),
                        "low": one.low,
                        "high": one.high,
                        "people": one.n,
                    }
                    for one in by_attack
                ],
            },
            pictures={"suspicious": picture},
            files={
                "verdict.json": verdict.to_bytes(),
                "nearest.csv": table_text(nearest).encode(),
            },
            notes=[
                SAID[verdict.outcome],
                *verdict.reasons,
                *verdict.doubts,
                compared_with(sets),
                PRIVATE,
            ],
        )

    def _verdict(
        self,
        found: Audit,
        values: Sequence[MetricValue],
        by_attack: Sequence[MetricValue],
        sets: EvaluationSets,
    ) -> Verdict:
        by_name = {value.name: value for value in values}
        against = findings.reasons(by_name, sets.synthetic, by_attack)
        unsure = findings.doubts(by_name, sets)
        weights = str(sets.synthetic.info.get("checkpoint_sha256") or "")
        options = dataclasses.asdict(self.config)
        options.pop("features_weights")  # a path of this machine, and no part of the verdict
        return Verdict.model_validate(
            {
                "passed": not against and not unsure,
                "reasons": tuple(against),
                "doubts": tuple(unsure),
                "thresholds": {
                    "copy_similarity": found.copies.similarity,
                    "copy_lead": found.copies.lead,
                    "duplicate_similarity": found.duplicates.similarity,
                    "duplicate_lead": found.duplicates.lead,
                    **RULES,
                },
                "metrics": {
                    name: {key: getattr(one, key) for key in MEASURED}
                    for name, one in by_name.items()
                },
                "synthetic": described(sets.synthetic) | {"checkpoint_sha256": weights},
                **{
                    name: described(real) | {"subjects": len(real.subjects())}
                    for name, real in (("train", sets.train), ("test", sets.test))
                },
                "options": options,
                "seed": sets.seed,
                "versions": {
                    "python": platform.python_version(),
                    **{name: importlib.metadata.version(name) for name in LIBRARIES},
                },
            }
        )

    def _feature_metrics(
        self, compared: Mapping[str, Images], sets: EvaluationSets
    ) -> list[MetricValue]:
        network = Features.load(self.config, owner="privacy")
        raw = {name: network.of(images) for name, images in compared.items()}
        mean, spread = raw["train"].mean(axis=0), raw["train"].std(axis=0)
        found = audit({n: [unit(values, mean, spread)] for n, values in raw.items()}, sets)
        return [
            dataclasses.replace(
                value, name=f"feature {value.name}", detail=f"{value.detail}; {network.label}"
            )
            for value in findings.flagged_metrics(found, sets, self.config.rounds)
        ]


def learned_from(train: Images) -> Images:
    """Return the training images that a model saw: where there are classes, those of a class.

    The others would count as members that no attack recognises, and hide a leak.
    """
    known = [i for i, name in enumerate(train.column("class")) if name is not None]
    return train[np.array(known, np.intp)] if train.classes and known else train


def compared_with(sets: EvaluationSets) -> str:
    """Say whom synthetic images were compared with."""
    known, others = (
        f"{len(images)} images of {len(images.subjects())} people"
        for images in (sets.train, sets.test)
    )
    return f"Compared with {known} whom the model learned from, and with {others} it never saw."


def unit(features: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> Seen:
    """Return standardised features of length 1; mirroring is not looked for in them."""
    standard = (features - mean) / np.maximum(spread, 1e-6)
    length = np.linalg.norm(standard, axis=1, keepdims=True)
    even = (standard / np.maximum(length, 1e-6)).astype(np.float32)
    vectors = Vectors(even, np.zeros((len(even), 0), np.float32))
    return Seen(vectors, vectors)


def described(images: Images) -> dict[str, str | int]:
    """Return what a verdict says of any images."""
    return {
        "images": len(images),
        "fingerprint": images.fingerprint,
        "sha256": digest(images),
    }


def digest(images: Images) -> str:
    """Return the SHA-256 of pixels as stored, their shape and type, and subjects, in order."""
    content = hashlib.sha256(f"{images.dtype} {images.channels} {images.spatial}\n".encode())
    for start in range(0, len(images), 256):
        places = np.arange(start, min(start + 256, len(images)))
        content.update(np.ascontiguousarray(images.read(places)).tobytes())
    for row in images.table:
        content.update(f"{row.get('subject') or ''}\n".encode())
    return content.hexdigest()
