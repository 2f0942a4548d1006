"""The evaluator: draws the sets, asks every measure about every view, and says what limits them.

A new measure is one file with a function ``compute(view) -> Evaluation``, and a line in
``MEASURES``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from brainzoo.api import (
    BrainzooError,
    Evaluation,
    EvaluationSets,
    Evaluator,
    MetricValue,
    Value,
    console,
)
from brainzoo_metrics import anatomy, distances, gaps, intensity, msssim, neighbours, swd, twosample
from brainzoo_metrics.config import MetricsConfig
from brainzoo_metrics.features import Features
from brainzoo_metrics.measure import View, of_channels, views_of

MEASURES = {
    swd.compute: "SWD above floor",
    msssim.compute: "MS-SSIM of pairs",
    intensity.compute: "intensity distance",
    distances.compute: "relative FD",
    twosample.compute: "",
    neighbours.compute: "",
    gaps.compute: "",
    anatomy.compute: "",
}
"""What is asked about every view, and which of its values is given of each channel alone, too."""

FEW_SUBJECTS = 30


class Metrics(Evaluator):
    """Distances, diversity, coverage and anatomy, each beside its floor."""

    config: MetricsConfig

    def check(self) -> None:
        """Refuse weights that were named and cannot be used.

        Raises:
            BrainzooError: The file named by ``features_weights`` is missing or holds others.
        """
        network, why = self._network()
        if network is None and self.config.features:
            console.warn(why)

    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        """Compare synthetic images with as many of test subjects.

        Raises:
            DataError: The sets cannot be compared.
        """
        sets.check(least_subjects=3)
        network, why = self._network()
        views = views_of(sets, self.config, network)
        parts = []
        with console.progress("metrics", len(views) * len(MEASURES)) as advance:
            for view in views:
                for compute in MEASURES:
                    parts.append(compute(view))
                    advance(1)
        metrics = list(chain.from_iterable(part.metrics for part in parts))
        metrics += chain.from_iterable(map(_of_channels, views))
        tables = dict(chain.from_iterable(part.tables.items() for part in parts))
        return Evaluation(
            metrics=metrics,
            tables=tables | {"floors": _floor_rows(metrics)},
            pictures=dict(chain.from_iterable(part.pictures.items() for part in parts)),
            notes=[
                *_limits(views[0]),
                *([why] if why else []),
                *chain.from_iterable(part.notes for part in parts),
            ],
        )

    def _network(self) -> tuple[Features | None, str]:
        """Return the network, or why there is none; a file that was named must be there."""
        if not self.config.features:
            return None, "No image features were asked for: FD and KID are not given."
        try:
            network = Features.load(self.config, owner="metrics")
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


def _of_channels(view: View) -> Iterator[MetricValue]:
    """Yield the main values of each channel alone, where there are several."""
    alone = list(of_channels(view))
    for compute, name in MEASURES.items():
        for one in alone if name else ():
            found = compute(one).metrics
            yield from (value for value in found if value.name == f"{name} {one.name}")


def _floor_rows(metrics: Sequence[MetricValue]) -> list[dict[str, Value]]:
    """Return each value beside its floor, and whether its interval holds it."""
    return [
        {
            "metric": one.name,
            "value": float(f"{one.value:.4g}"),
            "interval": f"{one.low:.4g} to {one.high:.4g}",
            "floor": float(f"{one.floor:.4g}"),
            "differs from floor": "no" if one.at_floor else "yes",
        }
        for one in metrics
        if one.floor is not None and one.low is not None
    ]


def _limits(view: View) -> Iterator[str]:
    subjects, n = len(set(view.subjects)), view.n
    yield (
        f"Every value compares {n} synthetic images with {n} test images of {subjects} subjects "
        f"(of {len(view.sets.synthetic)} and {len(view.sets.test)}); for its floor, {n} images of "
        "training subjects take the place of the synthetic ones."
    )
    if subjects < FEW_SUBJECTS:
        yield (
            f"{subjects} test subjects are few: below {FEW_SUBJECTS}, intervals are too narrow, "
            "and small differences between models mean nothing."
        )
    if n < distances.FEW:
        yield (
            f"n = {n:,} is below {distances.FEW:,}: FD and SWD are mostly their floors; read what "
            "lies above the floor."
        )
