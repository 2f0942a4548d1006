"""The evaluator: compares, judges, and writes the verdict."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import platform
from collections.abc import Sequence

import numpy as np

from brainzoo.api import (
    PLANES,
    Evaluation,
    Evaluator,
    Generator,
    Images,
    MetricValue,
    Verdict,
    expect_comparable,
    extractor,
    features_of,
    plain,
)
from brainzoo_privacy import findings
from brainzoo_privacy.audit import Audit, audit, expect_subjects
from brainzoo_privacy.calibration import planted_copies
from brainzoo_privacy.config import NONE, PrivacyConfig
from brainzoo_privacy.panels import panels
from brainzoo_privacy.pose import Pose
from brainzoo_privacy.search import Individuality, Vectors

LIBRARIES = ("brainzoo-core", "brainzoo-privacy", "numpy", "scipy")
PRIVATE = (
    "suspicious.png shows training and test images of people, and nearest.csv points to them: keep "
    "both to yourself unless the licence of the data allows otherwise."
)


class Privacy(Evaluator):
    """Nearest training and test images, copies, membership inference, and a verdict.

    Args:
        config: A :class:`~brainzoo_privacy.config.PrivacyConfig`.
    """

    config: PrivacyConfig

    def check(self) -> None:
        """Refuse weights of an extractor that are not to be had.

        Raises:
            BrainzooError: What is missing, and which option helps.
        """
        if self.config.extractor != NONE:
            extractor(self.config, owner="privacy")

    def evaluate(
        self,
        *,
        train: Images,
        test: Images,
        synthetic: Images,
        generator: Generator | None = None,
        seed: int,
    ) -> Evaluation:
        """Tell whether synthetic images copy training images.

        Args:
            train: All images that the generator was trained on.
            test: Images of subjects that it was not trained on.
            synthetic: What it made.
            generator: Not used.
            seed: Chooses the planted copies and the resamplings.

        Raises:
            DataError: The sets cannot be compared, or images do not say whose they are.
        """
        expect_comparable(train=train, test=test, synthetic=synthetic)
        expect_subjects(train, test)
        planted, _ = planted_copies(train, seed)
        individuality = Individuality(Pose(train, seed))
        sets = {"train": train, "test": test, "synthetic": synthetic, "planted": planted}
        subjects = [[str(row["subject"]) for row in images.table] for images in (train, test)]
        found = audit(
            **{name: individuality.vectors(images, name) for name, images in sets.items()},
            train_subjects=subjects[0],
            test_subjects=subjects[1],
        )
        figures = findings.figures(
            found,
            train_subjects=subjects[0],
            test_subjects=subjects[1],
            seed=seed,
            rounds=self.config.rounds,
        )
        verdict = self._verdict(found, figures, sets, seed)
        doubts = findings.doubts({figure.name: figure for figure in figures}, test)
        if self.config.extractor != NONE:
            figures += self._feature_figures(sets, subjects, seed)

        order = findings.suspicion(found)[: self.config.shown]
        picture = panels(
            individuality,
            synthetic=synthetic,
            train=train,
            test=test,
            chosen=order,
            nearest_train=found.to_train.nearest,
            nearest_test=found.to_test.nearest,
            labels=[
                f"{synthetic.table[i].get('image_id', i)} {found.synthetic.similarity[i]:.2f}"
                for i in order.tolist()
            ],
        )
        return Evaluation(
            metrics=figures,
            tables={
                "most suspicious": findings.suspicious_rows(found, synthetic),
                "similarity to the nearest training image": findings.histogram_rows(found),
            },
            pictures={"suspicious": picture},
            files={
                "verdict.json": verdict.to_bytes(),
                "nearest.csv": findings.nearest_csv(
                    found, train=train, test=test, synthetic=synthetic
                ),
            },
            notes=[
                "Passed: nothing speaks against publishing." if verdict.passed else "Failed.",
                *verdict.reasons,
                *doubts,
                PRIVATE,
            ],
        )

    def _verdict(
        self, found: Audit, figures: Sequence[MetricValue], sets: dict[str, Images], seed: int
    ) -> Verdict:
        by_name = {figure.name: figure for figure in figures}
        train, test, synthetic = sets["train"], sets["test"], sets["synthetic"]
        against = findings.reasons(by_name, train=train, test=test, synthetic=synthetic)
        options = plain(self.config)
        options.pop("features_weights")  # a path of this machine, and no part of the verdict
        return Verdict.model_validate(
            {
                "passed": not against,
                "reasons": tuple(against),
                "thresholds": {
                    "copy_similarity": found.copies.similarity,
                    "copy_lead": found.copies.lead,
                    "duplicate_similarity": found.duplicates.similarity,
                    "duplicate_lead": found.duplicates.lead,
                    **findings.RULES,
                },
                "metrics": {
                    name: {
                        key: value
                        for key, value in dataclasses.asdict(figure).items()
                        if key in ("value", "n", "low", "high", "floor")
                    }
                    for name, figure in by_name.items()
                },
                "synthetic": {
                    "images": len(synthetic),
                    "fingerprint": synthetic.fingerprint,
                    "sha256": digest(synthetic),
                    "checkpoint_sha256": str(synthetic.info.get("checkpoint_sha256") or ""),
                },
                "train": described(train),
                "test": described(test),
                "options": options,
                "seed": seed,
                "versions": {
                    "python": platform.python_version(),
                    **{name: importlib.metadata.version(name) for name in LIBRARIES},
                },
            }
        )

    def _feature_figures(
        self, sets: dict[str, Images], subjects: Sequence[Sequence[str]], seed: int
    ) -> list[MetricValue]:
        network = extractor(self.config, owner="privacy")
        views = ("",) if sets["train"].dims == 2 else PLANES
        raw = {
            name: np.concatenate([features_of(network, images, view) for view in views], axis=1)
            for name, images in sets.items()
        }
        mean, spread = raw["train"].mean(axis=0), raw["train"].std(axis=0)
        found = audit(
            **{name: unit(values, mean, spread) for name, values in raw.items()},
            train_subjects=subjects[0],
            test_subjects=subjects[1],
        )
        made = findings.flagged_figures(
            found, subjects[1], seed=seed, rounds=self.config.rounds, prefix="feature "
        )
        return [
            dataclasses.replace(figure, detail=f"{figure.detail}; {network.label}")
            for figure in made
        ]


def unit(features: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> Vectors:
    """Return standardised features of length 1; mirroring is not looked for in them."""
    standard = (features - mean) / np.maximum(spread, 1e-6)
    length = np.linalg.norm(standard, axis=1, keepdims=True)
    even = (standard / np.maximum(length, 1e-6)).astype(np.float32)
    return Vectors(even, np.zeros((len(even), 0), np.float32))


def described(images: Images) -> dict[str, str | int]:
    """Return what a verdict says of real images."""
    return {
        "images": len(images),
        "subjects": len(images.subjects()),
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
