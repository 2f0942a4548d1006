"""From the rates of every training set to values, the table, the curve and what must be said."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Evaluation, MetricValue, Value, interval, table_text
from brainzoo_gantrain.classifier import Labelled
from brainzoo_gantrain.copies import NEAR, by_chance
from brainzoo_gantrain.rates import Rates
from brainzoo_gantrain.sets import (
    AS_MANY,
    BOTH,
    DRAWS,
    REAL,
    SHUFFLED,
    SHUFFLES,
    SYNTHETIC,
    TrainingSet,
)
from brainzoo_metrics.features import Features
from brainzoo_report import charts

FEW_SUBJECTS = 20
ONE_SIDED = 0.9  # of sensitivity and specificity, one near 0 and the other near 1

SHORT = {REAL: "real", AS_MANY: "real, as many", BOTH: "real + synthetic", SHUFFLED: "shuffled"}
"""What those rows are called that are metric values too."""

RATIO = "ratio to real"
SHARE = (0.0, 1.0)
ANY = (-np.inf, np.inf)

Values = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Row:
    """What one training set led to, for images and for subjects."""

    trained: TrainingSet
    rates: Rates
    of_subjects: Rates

    @property
    def images(self) -> int:
        """How many one classifier learned from."""
        return len(self.trained.draws[0])


@dataclasses.dataclass(frozen=True)
class Result:
    """All that was measured; arrays hold the value first, then its resamples."""

    looks: Features
    names: Sequence[str]
    positive: int
    rows: Sequence[Row]
    gan_test: Rates
    copies: Values
    judged: Labelled
    made: int
    notes: Sequence[str]

    def evaluation(self) -> Evaluation:
        """Return it as evaluators do."""
        real = self._row(REAL)
        gan_test: dict[str, Value] = {
            "trained on": "GAN-test: real, tested on synthetic",
            "images": real.images,
            "real subjects": real.trained.people,
            **{name: _text(values) for name, values in self.gan_test.named().items()},
        }
        numbers = [dict(self._numbers(row)) for row in self.rows]
        return Evaluation(
            metrics=[m for m in self._metrics() if np.isfinite(m.value)],
            tables={"GAN-train": [*map(self._readable, self.rows), gan_test]},
            pictures={"curve": charts.as_picture(self._curve())},
            files={"gan-train.csv": table_text(numbers).encode()},
            notes=[*self._notes(), *self.notes],
        )

    @property
    def _chance(self) -> float:
        """The harmonic mean of answers at random."""
        k = len(self.names)
        return 2 * (1 / k) * (1 - 1 / k)

    def _row(self, name: str) -> Row:
        return next(row for row in self.rows if row.trained.name == name)

    def _named(self, row: Row) -> Mapping[str, Values]:
        """Return what the table and the file say of a row."""
        real, found = self._row(REAL).rates.harmonic_mean, row.rates.harmonic_mean
        ratio = np.divide(found, real, out=np.full(len(real), np.nan), where=real > 0)
        subjects = row.of_subjects.harmonic_mean
        return row.rates.named() | {RATIO: ratio, "harmonic mean of subjects": subjects}

    def _metrics(self) -> Iterator[MetricValue]:
        synthetic, real = self._row(SYNTHETIC), self._row(REAL)
        alike = next((row for row in self.rows if row.trained.name == AS_MANY), real)
        floors = self._named(alike)
        images, subjects = len(self.judged), self.judged.subjects()
        on_test = f"{images} test images of {subjects} subjects; {self.looks.label}"
        trained = f"trained on {synthetic.images} synthetic, tested on {on_test}"
        own = dict(self._named(synthetic))
        ratio = own.pop(RATIO)
        for name, values in own.items():
            n, detail = images, trained
            if name == "harmonic mean of subjects":
                n, detail = subjects, f"by the mean score of a subject's images; {trained}"
            yield MetricValue.of(name, values, n, floors[name], detail, bounds=SHARE)
        yield MetricValue.of(RATIO, ratio, images, detail=trained)
        for row in self.rows:
            if row.trained.name in SHORT:
                detail = f"trained on {row.trained.name}, {row.images} images; {on_test}"
                name, values = f"harmonic mean, {SHORT[row.trained.name]}", row.rates.harmonic_mean
                yield MetricValue.of(name, values, images, detail=detail, bounds=SHARE)
        for people, gain in self._gains().items():
            whom = "" if people == real.trained.people else f" to {people} people"
            detail = f"harmonic means' difference; {on_test}"
            yield MetricValue.of(f"gain by adding synthetic{whom}", gain, images, detail=detail)
        of_made = f"of {self.made} synthetic images; {self.looks.label}"
        values, detail = self.gan_test.harmonic_mean, f"harmonic mean {of_made}"
        yield MetricValue.of("GAN-test", values, self.made, detail=detail, bounds=SHARE)
        near = f"nearer to a training image than {1 - NEAR:.0%} of test images are, {of_made}"
        yield MetricValue.of("copy rate", self.copies, self.made, NEAR, near, bounds=SHARE)

    def _along(self, synthetic: bool) -> dict[int, Values]:
        """Return harmonic means by number of real people, without or with synthetic images."""
        return {
            row.trained.people: row.rates.harmonic_mean
            for row in self.rows
            if row.trained.people
            and row.trained.synthetic is synthetic
            and row.trained.name != AS_MANY
        }

    def _gains(self) -> dict[int, Values]:
        """Return what synthetic images add to so many real people, most people first."""
        both = self._along(synthetic=True)
        return {n: both[n] - alone for n, alone in self._along(synthetic=False).items()}

    def _helps(self) -> str:
        """Return for how many real people synthetic images help, in words."""
        said: dict[str, list[str]] = {"help": [], "harm": []}
        for people, gain in reversed(self._gains().items()):
            ends = interval(gain)
            if ends and (ends.low > 0 or ends.high < 0):
                what = "help" if ends.low > 0 else "harm"
                said[what].append(f"{people} people ({gain[0]:+.3f})")
        parts = [f"{k} beside real images of {', '.join(v)}" for k, v in said.items() if v]
        if not parts:
            return (
                "Synthetic images neither help nor harm beyond the intervals, however few people."
            )
        return f"Synthetic images {' and '.join(parts)}: intervals of the gain leave out 0."

    def _numbers(self, row: Row) -> Iterator[tuple[str, Value]]:
        yield from (("trained on", row.trained.name), ("images", row.images))
        yield from (("subjects", row.trained.people), ("classifiers", len(row.trained.draws)))
        for name, values in self._named(row).items():
            bounds = ANY if name == RATIO else SHARE
            low, high = interval(values, bounds=bounds) or (float("nan"), float("nan"))
            yield from ((name, float(values[0])), (f"{name} low", low), (f"{name} high", high))
        yield ("copy rate", float(self.copies[0]) if row.trained.synthetic else None)

    def _readable(self, row: Row) -> dict[str, Value]:
        texts = {
            name: _text(values, ANY if name == RATIO else SHARE)
            for name, values in self._named(row).items()
        }
        return {
            "trained on": row.trained.name,
            "images": row.images,
            "real subjects": row.trained.people or None,
            **texts,
            **({RATIO: None} if row.trained.name == REAL else {}),
            "copy rate": f"{self.copies[0]:.3f}" if row.trained.synthetic else None,
        }

    def _notes(self) -> Iterator[str]:
        if self.looks.random:
            yield (
                f"{self.looks.label}: these values do not say how good the images are. Name a "
                "file of weights."
            )
        if len(self.names) == 2:
            other = self.names[1 - self.positive]
            yield (
                f"Sensitivity is the share of {self.names[self.positive]} that was found, "
                f"specificity that of {other}; chance is {self._chance:.2f}."
            )
        else:
            yield (
                f"Sensitivity and specificity are means over {', '.join(self.names)}, each against "
                f"the others; chance has the harmonic mean {self._chance:.2f}."
            )
        ends = interval(self._row(REAL).rates.harmonic_mean)
        if ends is None or ends.low <= self._chance:
            yield (
                "Classifiers trained on the real images are hardly better than chance, so nothing "
                "follows about the synthetic ones."
            )
        own = self._row(SYNTHETIC).rates
        if len(self.names) == 2 and abs(own.sensitivity[0] - own.specificity[0]) > ONE_SIDED:
            taken = self.positive if own.sensitivity[0] > 0.5 else 1 - self.positive
            yield (
                f"A classifier trained on synthetic images takes nearly every real one for "
                f"{self.names[taken]}: to its features, synthetic images look unlike real ones."
            )
        yield self._helps()
        if self.judged.subjects() < FEW_SUBJECTS:
            yield f"There are only {self.judged.subjects()} test subjects: intervals are wide."
        near = interval(self.copies)
        if near is not None and near.low > by_chance(self.judged.subjects()):
            yield (
                f"{self.copies[0]:.0%} of the synthetic images lie nearer to a training image than "
                f"{1 - NEAR:.0%} of test images do: copies of real images score like real images."
            )
        yield (
            "Intervals are over the test subjects. Another training of the generator gives other "
            "values: compare three seeds or more (brainzoo compare). Rows of drawn "
            f"subjects are means of {DRAWS} draws, those of shuffled labels of {SHUFFLES}."
        )

    def _curve(self) -> str:
        """Draw what some real people lead to, with and without synthetic images."""
        places = {n: place for place, n in enumerate(sorted(self._along(synthetic=False)))}
        lines = []
        for name, mixed in ((REAL, False), (BOTH, True)):
            points = [
                (places[n], values[0], *(interval(values, bounds=SHARE) or (values[0],) * 2))
                for n, values in sorted(self._along(synthetic=mixed).items())
            ]
            lines.append(charts.Line(name, *zip(*points, strict=True)))
        return charts.line_chart(
            lines,
            title="When do synthetic images help? Harmonic mean, by number of real people",
            x_label="real people trained on",
            levels={
                "synthetic alone": float(self._row(SYNTHETIC).rates.harmonic_mean[0]),
                "chance": self._chance,
            },
            x_names=list(map(str, places)),
        )


def _text(values: Values, bounds: tuple[float, float] = SHARE) -> str:
    ends = interval(values, bounds=bounds)
    return f"{values[0]:.3f}" + (f" ({ends.low:.3f} to {ends.high:.3f})" if ends else "")
