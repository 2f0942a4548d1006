"""The evaluator ``conditions``: do age, sex and class mean in synthetic images what they say?

What each condition looks like is learned from real training people (:mod:`.predicting`), checked
on test people, and read from the synthetic images; within each condition, images must be as
different as people are (:mod:`.cells`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from brainzoo.api import (
    Evaluation,
    EvaluationSets,
    Evaluator,
    Images,
    MetricValue,
    Value,
    bootstrap,
    interval,
    subjects_of,
)
from brainzoo_metrics import cells
from brainzoo_metrics.config import ConditionsConfig
from brainzoo_metrics.features import Features
from brainzoo_metrics.predicting import Draws, Reader, error, recall, slope
from brainzoo_report import charts

COLUMNS = ("age", "sex", "class")
LEAST_PEOPLE = 8


class Told:
    """One column in three sets: features and values where it is known."""

    def __init__(self, name: str, looks: Features, sets: EvaluationSets) -> None:
        self.name = name
        for kind, images in sets.named.items():
            values = images.column(name)
            places = np.array([i for i, v in enumerate(values) if v is not None], np.intp)
            known = images[places] if len(places) else None
            setattr(self, f"{kind}_images", known)
            dtype = np.float64 if name == "age" else np.str_
            setattr(self, kind, np.array([values[i] for i in places], dtype=dtype))
            setattr(self, f"{kind}_features", looks.of(known) if known is not None else None)


class Conditions(Evaluator):
    """Reads conditions from images, and compares how varied images of one condition are."""

    config: ConditionsConfig

    def check(self) -> None:
        """Refuse now if there are no weights."""
        Features.load(self.config, owner="conditions")

    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        """Say whether synthetic images show what they are said to."""
        sets.check()
        told = [name for name in COLUMNS if any(v is not None for v in sets.synthetic.column(name))]
        looks = Features.load(self.config, owner="conditions")
        values: list[MetricValue] = []
        tables: dict[str, list[dict[str, Value]]] = {}
        pictures: dict[str, bytes] = {}
        notes = [] if told else ["The synthetic images say no age, sex or class: nothing is read."]
        for name in COLUMNS if told else ():
            one: Any = Told(name, looks, sets)
            if one.train_images is None or one.test_images is None:
                continue
            people = len(set(subjects_of(one.train_images)))
            if people < LEAST_PEOPLE or len(np.unique(one.train)) < 2:
                notes.append(f"{name} is known of {people} training people: too few to learn it.")
                continue
            reader = Reader(one.train_features, one.train, subjects_of(one.train_images))
            if name == "age":
                values += self._age(reader, one, looks, sets)
                tables["age by decade"] = by_decade(reader, one)
                if one.synthetic_images is not None:
                    pictures["age"] = charts.as_picture(age_chart(reader, one))
            elif one.synthetic_images is not None:
                values += self._names(reader, one, looks, sets)
        real = joined(sets)
        if told and sets.synthetic.dims == 2:
            finest = [str(name) for name in ("age", "sex") if name in told] or ["class"]
            rows, means = cells.diversity(
                real, sets.synthetic, finest, self.config.pairs, sets.seed
            )
            tables["diversity within conditions"] = rows
            values += within(rows, means)
            notes += [*repeating(rows), *cells.balance(sets.train, sets.synthetic, finest)]
        picture = cells.age_by_sex(real, sets.synthetic) if told else None
        if picture:
            pictures["age by sex"] = picture
        return Evaluation(values, tables, pictures, notes=notes)

    def _age(
        self, reader: Reader, one: Any, looks: Features, sets: EvaluationSets
    ) -> Iterator[MetricValue]:
        detail = f"years; ridge on features of {len(set(subjects_of(one.train_images)))} training "
        detail += f"people; floor: test people, an image each; {looks.label}"
        weights = bootstrap(subjects_of(one.test_images), seed=sets.seed)
        of_test = reader(one.test_features)
        if one.synthetic_images is not None:
            own = bootstrap(subjects_of(one.synthetic_images), seed=sets.seed)
            read = reader(one.synthetic_features)
            for name, measure in (("age error", error), ("age slope", slope)):
                floor = measure(of_test, one.test, weights)
                yield value_of(name, measure(read, one.synthetic, own), len(read), floor, detail)
            return
        # Ages that nobody stated: does a class (young, old) look as old as real people of it?
        said, features = sets.synthetic.column("class"), looks.of(sets.synthetic)
        real = one.test_images.column("class")
        for group in sorted({str(c) for c in said if c is not None}):
            inside = np.array([c == group for c in said])
            truth = np.array([c == group for c in real])
            if not truth.any():
                continue
            read = reader(features[inside])
            draws = bootstrap([str(i) for i in range(len(read))], seed=sets.seed)
            mean_age = float(of_test[truth].mean())
            yield value_of(
                f"age of {group}",
                draws @ read / draws.sum(1),
                len(read),
                np.array([mean_age]),
                f"mean age that is read; {detail.replace('an image each', group)}",
            )

    def _names(
        self, reader: Reader, one: Any, looks: Features, sets: EvaluationSets
    ) -> Iterator[MetricValue]:
        own = bootstrap(subjects_of(one.synthetic_images), seed=sets.seed)
        weights = bootstrap(subjects_of(one.test_images), seed=sets.seed)
        floor = recall(reader(one.test_features), one.test, weights)
        yield value_of(
            f"{one.name} read",
            recall(reader(one.synthetic_features), one.synthetic, own),
            len(one.synthetic),
            floor,
            f"mean share of each {one.name} that is read right, chance "
            f"{1 / len(np.unique(one.train)):.2f}; logistic regression on features of "
            f"{len(set(subjects_of(one.train_images)))} training people; floor: test people; "
            f"{looks.label}",
            bounds=(0.0, 1.0),
        )


def value_of(
    name: str,
    draws: Draws,
    n: int,
    floor: Draws,
    detail: str,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> MetricValue:
    """Return a value with its interval and floor; the floor's own interval is in the detail."""
    ends = interval(floor, bounds=bounds)
    if ends is not None:
        detail = f"floor {ends.low:.3g} to {ends.high:.3g}; {detail}"
    return MetricValue.of(name, draws, n, floor, detail, bounds=bounds)


def by_decade(reader: Reader, one: Any) -> list[dict[str, Value]]:
    """Return a row a decade: how old images of it look, real and synthetic."""
    sides = {"test": (one.test, reader(one.test_features))}
    if one.synthetic_images is not None:
        sides["synthetic"] = (one.synthetic, reader(one.synthetic_features))
    decades = sorted({int(age // 10 * 10) for ages, _ in sides.values() for age in ages})
    rows = []
    for low in decades:
        row: dict[str, Value] = {"age": f"{low}–{low + 9}"}
        for name, (ages, read) in sides.items():
            inside = (ages // 10 * 10) == low
            row[f"{name} images"] = int(inside.sum())
            if inside.any():
                row[f"{name}: looks"] = round(float(read[inside].mean()), 1)
                row[f"{name}: off by"] = round(float(np.abs(read - ages)[inside].mean()), 1)
        rows.append(row)
    return rows


def age_chart(reader: Reader, one: Any) -> str:
    """Draw how old images look against how old they are said to be, by decade."""
    sets = {"real test people": "test", "synthetic": "synthetic"}
    tens = {label: getattr(one, name) // 10 * 10 for label, name in sets.items()}
    least, most = (int(end(map(end, tens.values()))) for end in (min, max))
    decades = range(least, most + 10, 10)
    lines = []
    for label, name in sets.items():
        read = reader(getattr(one, f"{name}_features"))
        points = [
            (place, *np.quantile(read[tens[label] == ten], [0.5, 0.1, 0.9]))
            for place, ten in enumerate(decades)
            if ten in tens[label]
        ]
        lines.append(charts.Line(label, *zip(*points, strict=True)))
    return charts.line_chart(
        lines,
        title="Age that is read from images: median and four fifths of them",
        x_label="age that is said",
        x_names=[f"{ten}–{ten + 9}" for ten in decades],
    )


def within(rows: list[dict[str, Value]], means: dict[str, Draws]) -> Iterator[MetricValue]:
    """Yield likeness of pairs within conditions: means over conditions, with real people's."""
    compared = [row for row in rows if "correlation, real" in row]
    images = sum(int(row["synthetic images"] or 0) for row in compared)
    for measure, (real, made) in means.items():
        yield value_of(
            f"{measure} within conditions",
            made,
            images,
            real,
            f"of pairs, mean over {len(compared)} conditions; floor: two real people of one "
            "condition; above it, images of a condition repeat themselves",
        )


def repeating(rows: list[dict[str, Value]]) -> Iterator[str]:
    """Yield which conditions repeat themselves."""
    names = [str(row["condition"]) for row in rows if row["repeats"]]
    if names:
        yield f"Images are more alike than real people of the condition: {'; '.join(names)}."


def joined(sets: EvaluationSets) -> Images:
    """Return training and test images: all real people, for what pairs of them are like."""
    pixels = np.concatenate([sets.test.read(), sets.train.read()])
    return Images(pixels, [*sets.test.table, *sets.train.table], dict(sets.test.info))
