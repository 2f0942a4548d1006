"""The evaluator: draws the sets, runs every measure on every view, and says what limits them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brainzoo.api import (
    BrainzooError,
    Evaluation,
    Evaluator,
    Generator,
    Images,
    MetricValue,
    Row,
    Value,
    console,
    expect_comparable,
    extractor,
    features_of,
    png_bytes,
)
from brainzoo_metrics import anatomy, gaps, looks, measures
from brainzoo_metrics.config import MetricsConfig
from brainzoo_metrics.distances import Vectors
from brainzoo_metrics.pixels import small
from brainzoo_metrics.resampling import figure
from brainzoo_metrics.sets import Sets
from brainzoo_metrics.twosample import simple_features

if TYPE_CHECKING:
    from brainzoo.api import Extractor

FEW_SUBJECTS = 30
STEPS = 7  # of progress, a view


class Metrics(Evaluator):
    """Distances, diversity, coverage and anatomy, each beside its floor.

    Args:
        config: A :class:`~brainzoo_metrics.config.MetricsConfig`.
    """

    config: MetricsConfig

    def check(self) -> None:
        """Refuse weights that were named and cannot be used.

        Raises:
            BrainzooError: The file named by ``features_weights`` is missing or holds others.
        """
        network, why = self._extractor()
        if network is None and self.config.features:
            console.warn(why)

    def evaluate(
        self,
        *,
        train: Images,
        test: Images,
        synthetic: Images,
        generator: Generator | None = None,
        seed: int,
    ) -> Evaluation:
        """Compare synthetic images with as many of test subjects.

        Raises:
            DataError: The sets cannot be compared (see
                :func:`brainzoo.evaluating.expect_comparable`).
        """
        expect_comparable(train=train, test=test, synthetic=synthetic, least_subjects=3)
        network, why = self._extractor()
        sets = Sets.draw(train, test, synthetic, most=self.config.most, seed=seed)
        figures: list[MetricValue] = []
        pictures: dict[str, bytes] = {}
        tables: dict[str, Sequence[Mapping[str, Value]]] = {}
        for name, seen in sets.views().items():
            view = name and f" {name}"
            vectors, label = self._vectors(sets, seen, name, network)
            with console.progress(f"metrics{view}", STEPS) as advance:
                figures += measures.patch_figures(sets, seen, view, seed)
                advance(1)
                figures += measures.likeness_figures(sets, seen, view, seed, self.config.pairs)
                advance(1)
                figures += measures.intensity_figures(sets, seen, view)
                pictures[f"intensities{name and '-'}{name}"] = png_bytes(looks.intensities(seen))
                advance(1)
                if network is not None:
                    figures += measures.feature_figures(sets, vectors, view, label)
                    figures += measures.twosample_figures(sets, vectors, f"C2ST{view}", label, seed)
                advance(1)
                simple = tuple(simple_features(part) for part in seen)
                figures += measures.twosample_figures(
                    sets, simple, f"C2ST pixels{view}", "16 × 16 pixels and sharpness", seed
                )
                advance(1)
                k = self.config.neighbours
                figures += measures.neighbour_figures(sets, vectors, view, label, k)
                advance(1)
                figures.append(self._reached(sets, vectors, view, label))
                if not tables:  # of volumes, the first plane stands for the head
                    far = gaps.farness(vectors[0], vectors[1], sets.test_subjects, k)
                    tables["coverage"] = gaps.subject_rows(sets.test, far)
                    regions = gaps.region_rows(train, tables["coverage"])
                    tables["regions"] = regions
                    pictures["coverage"] = png_bytes(looks.regions(regions))
                    pictures["farthest"] = png_bytes(looks.farthest(seen, far, sets))
                advance(1)
        modality = str(test.info.get("modality") or "T1w")
        notes = []
        white = anatomy.fit(train, seed)
        if not modality.startswith("T1"):
            notes = [f"The anatomy check reads T1w intensities; these images are {modality}."]
        elif white is None:
            notes = ["The anatomy check found no brains in the training images."]
        else:
            effects, tables["anatomy"] = measures.anatomy_figures(sets, white, seed)
            figures += effects
            pictures["anatomy"] = png_bytes(looks.anatomy(sets, white))
        tables["floors"] = _floor_rows(figures)
        notes = [*_warnings(sets, len(test), len(synthetic)), *([why] if why else []), *notes]
        return Evaluation(figures, tables, pictures, notes=notes)

    def _extractor(self) -> tuple[Extractor | None, str]:
        """Return the network, or why there is none; a file that was named must be there."""
        if not self.config.features:
            return None, "No image features were asked for: neither FD nor KID is given."
        try:
            network = extractor(self.config, owner="metrics")
        except BrainzooError as error:
            if self.config.features_weights is not None:
                raise
            console.warn(error.message)  # may name folders of this machine: not for a note
            return None, (
                f"There are no features of {self.config.extractor}: only measures that need no "
                "weights are given; coverage is that of small pixels. Name a file with "
                "--metrics.features-weights."
            )
        if network.random:
            return network, f"{network.label}: what is measured of features says nothing."
        return network, ""

    def _vectors(
        self, sets: Sets, seen: measures.Pixels, view: str, network: Extractor | None
    ) -> tuple[tuple[Vectors, ...], str]:
        if network is None:
            return tuple(small(part) for part in seen), "pixels averaged to at most 32 × 32"
        return tuple(features_of(network, x, view) for x in sets.all), network.label

    def _reached(
        self, sets: Sets, vectors: tuple[Vectors, ...], view: str, label: str
    ) -> MetricValue:
        subjects, k = sets.test_subjects, self.config.neighbours
        test, *others = vectors
        drawn = [
            gaps.reached_draws(gaps.farness(test, other, subjects, k), subjects, *pair)
            for other, pair in zip(others, sets.pairs, strict=True)
        ]
        return figure(
            f"subjects reached{view}",
            drawn[0],
            sets.n,
            floor=drawn[1],
            bounds=measures.SHARE,
            detail=f"share of {len(set(subjects))} test subjects that some synthetic image is as "
            f"near to as other people are (k = {k}); {label}",
        )


def _floor_rows(figures: Sequence[MetricValue]) -> list[Row]:
    """Return each figure beside its floor, and whether its interval holds it."""
    rows: list[Row] = []
    for one in figures:
        if one.floor is None or one.low is None or one.high is None:
            continue
        inside = one.low <= one.floor <= one.high
        rows.append(
            {
                "figure": one.name,
                "value": float(f"{one.value:.4g}"),
                "interval": f"{one.low:.4g} to {one.high:.4g}",
                "floor": float(f"{one.floor:.4g}"),
                "told from floor": "no" if inside else "yes",
            }
        )
    return rows


def _warnings(sets: Sets, test: int, synthetic: int) -> list[str]:
    subjects = len(set(sets.test_subjects))
    first = (
        f"Every figure compares {sets.n} synthetic images with {sets.n} test images of {subjects} "
        f"subjects (there were {synthetic} and {test}); its floor is {sets.n} images of training "
        "subjects in their place."
    )
    said = [first]
    if subjects < FEW_SUBJECTS:
        said.append(
            f"{subjects} test subjects are few: intervals by bootstrap over fewer than "
            f"{FEW_SUBJECTS} are too narrow, and small differences between models mean nothing."
        )
    if sets.n < measures.FEW:
        said.append(
            f"n = {sets.n:,} is below {measures.FEW:,}: FD and SWD are mostly their floors; read "
            "what lies above the floor."
        )
    return said
