"""From the rates of every training set to values, the table, the curve and what must be said."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

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

Values = NDArray[np.float64]
SHARE = (0.0, 1.0)
ANY = (-np.inf, np.inf)


@dataclasses.dataclass(frozen=True)
class Row:
    """What one training set led to."""

    trained: TrainingSet
    images: int
    subjects: int
    rates: Rates
    of_subjects: Rates

    @classmethod
    def of(cls, trained: TrainingSet, image_rates: Rates, subject_rates: Rates) -> Row:
        """Make the row of a training set."""
        first = trained.draws[0]
        real = np.char.startswith(first.groups.astype(str), "subject ")
        subjects = 0 if trained.name in (SYNTHETIC, SHUFFLED) else len(set(first.groups[real]))
        return cls(trained, len(first), subjects, image_rates, subject_rates)


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
        numbers = [dict(self._numbers(row)) for row in self.rows]
        return Evaluation(
            metrics=[m for m in self._metrics() if np.isfinite(m.value)],
            tables={"GAN-train": [*map(self._readable, self.rows), self._gan_test_row()]},
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

    def _ratio(self, row: Row) -> Values:
        real = self._row(REAL).rates.harmonic_mean
        found = row.rates.harmonic_mean
        ratio: Values = np.divide(found, real, out=np.full(len(real), np.nan), where=real > 0)
        return ratio

    def _metrics(self) -> Iterator[MetricValue]:
        synthetic, real = self._row(SYNTHETIC), self._row(REAL)
        alike = next((row for row in self.rows if row.trained.name == AS_MANY), real)
        images, subjects = len(self.judged), self.judged.subjects()
        on_test = f"{images} test images of {subjects} subjects; {self.looks.label}"

        def metric(
            name: str,
            values: Values,
            detail: str,
            floor: Values | None = None,
            bounds: tuple[float, float] = SHARE,
        ) -> MetricValue:
            ends = interval(values, bounds=bounds) or (None, None)
            least = None if floor is None else float(floor[0])
            return MetricValue(name, float(values[0]), images, ends[0], ends[1], least, detail)

        trained = f"trained on {synthetic.images} synthetic, tested on {on_test}"
        for name in ("sensitivity", "specificity", "harmonic_mean"):
            own, floor = (getattr(row.rates, name) for row in (synthetic, alike))
            yield metric(name.replace("_", " "), own, trained, floor)
        yield dataclasses.replace(
            metric(
                "harmonic mean of subjects",
                synthetic.of_subjects.harmonic_mean,
                f"by the mean score of a subject's images; {trained}",
                alike.of_subjects.harmonic_mean,
            ),
            n=subjects,
        )
        yield metric("ratio to real", self._ratio(synthetic), trained, bounds=ANY)
        for row in self.rows:
            if row.trained.name in SHORT:
                detail = f"trained on {row.trained.name}, {row.images} images; {on_test}"
                name = f"harmonic mean, {SHORT[row.trained.name]}"
                yield metric(name, row.rates.harmonic_mean, detail)
        for alone, both in self._gains():
            gain = both.rates.harmonic_mean - alone.rates.harmonic_mean
            whom = "" if alone is real else f" to {alone.subjects} people"
            detail = f"harmonic means' difference; {on_test}"
            yield metric(f"gain by adding synthetic{whom}", gain, detail, bounds=ANY)
        of_made = f"of {self.made} synthetic images; {self.looks.label}"
        yield dataclasses.replace(
            metric("GAN-test", self.gan_test.harmonic_mean, f"harmonic mean {of_made}"), n=self.made
        )
        near = f"nearer to a training image than {1 - NEAR:.0%} of test images are, {of_made}"
        copies = metric("copy rate", self.copies, near)
        yield dataclasses.replace(copies, n=self.made, floor=NEAR)

    def _gains(self) -> list[tuple[Row, Row]]:
        """Return the rows of some real people without and with synthetic images, most first."""
        with_made = {r.trained.share: r for r in self.rows if r.trained.synthetic}
        alone = (r for r in self.rows if r.trained.share and not r.trained.synthetic)
        return [(row, with_made[row.trained.share]) for row in alone]

    def _helps(self) -> str:
        """Return for how many real people synthetic images help, in words."""
        helped, harmed = [], []
        for alone, both in self._gains():
            gain = both.rates.harmonic_mean - alone.rates.harmonic_mean
            ends = interval(gain)
            said = f"{alone.subjects} people ({gain[0]:+.3f})"
            helped += [said] if ends and ends.low > 0 else []
            harmed += [said] if ends and ends.high < 0 else []
        parts = [
            f"{what} real images of {', '.join(reversed(counts))}"
            for what, counts in (("help beside", helped), ("harm beside", harmed))
            if counts
        ]
        if not parts:
            return (
                "Synthetic images neither help nor harm beyond the intervals, however few people."
            )
        return f"Synthetic images {' and '.join(parts)}: intervals of the gain leave out 0."

    def _numbers(self, row: Row) -> Iterator[tuple[str, Value]]:
        yield from (("trained on", row.trained.name), ("images", row.images))
        yield from (("subjects", row.subjects), ("classifiers", len(row.trained.draws)))
        named = {
            "sensitivity": row.rates.sensitivity,
            "specificity": row.rates.specificity,
            "harmonic mean": row.rates.harmonic_mean,
            "ratio to real": self._ratio(row),
            "harmonic mean of subjects": row.of_subjects.harmonic_mean,
        }
        for name, values in named.items():
            bounds = ANY if name == "ratio to real" else SHARE
            low, high = interval(values, bounds=bounds) or (float("nan"), float("nan"))
            yield from ((name, float(values[0])), (f"{name} low", low), (f"{name} high", high))
        yield ("copy rate", float(self.copies[0]) if row.trained.synthetic else None)

    def _readable(self, row: Row) -> dict[str, Value]:
        return {
            "trained on": row.trained.name,
            "images": row.images,
            "real subjects": row.subjects or None,
            "sensitivity": _text(row.rates.sensitivity),
            "specificity": _text(row.rates.specificity),
            "harmonic mean": _text(row.rates.harmonic_mean),
            "ratio to real": (None if row.trained.name == REAL else _text(self._ratio(row), ANY)),
            "harmonic mean of subjects": _text(row.of_subjects.harmonic_mean),
            "copy rate": f"{self.copies[0]:.3f}" if row.trained.synthetic else None,
        }

    def _gan_test_row(self) -> dict[str, Value]:
        real = self._row(REAL)
        return {
            "trained on": "GAN-test: real, tested on synthetic",
            "images": real.images,
            "real subjects": real.subjects,
            "sensitivity": _text(self.gan_test.sensitivity),
            "specificity": _text(self.gan_test.specificity),
            "harmonic mean": _text(self.gan_test.harmonic_mean),
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
        """Draw what each share of the real subjects leads to, with and without synthetic images."""
        shares = sorted({row.trained.share for row in self.rows if row.trained.share})
        lines, names = [], [""] * len(shares)
        for name, mixed in ((REAL, False), (BOTH, True)):
            points: list[tuple[float, ...]] = []
            for row in self.rows:
                if row.trained.share not in shares or row.trained.synthetic is not mixed:
                    continue
                place = shares.index(row.trained.share)
                value = float(row.rates.harmonic_mean[0])
                ends = interval(row.rates.harmonic_mean, bounds=SHARE) or (value, value)
                points.append((place, value, *ends))
                names[place] = str(row.subjects)
            lines.append(charts.Line(name, *zip(*sorted(points), strict=True)))
        return charts.line_chart(
            lines,
            title="When do synthetic images help? Harmonic mean, by number of real people",
            x_label="real people trained on",
            levels={
                "synthetic alone": float(self._row(SYNTHETIC).rates.harmonic_mean[0]),
                "chance": self._chance,
            },
            x_names=names,
        )


def _text(values: Values, bounds: tuple[float, float] = SHARE) -> str:
    ends = interval(values, bounds=bounds)
    return f"{values[0]:.3f}" + (f" ({ends.low:.3f} to {ends.high:.3f})" if ends else "")
