"""The evaluator ``conditions``: do age, sex and class mean in synthetic images what they say?

What each condition looks like is learned from real training people (:mod:`.predicting`), checked
on test people, and read from the synthetic images; within each condition, images must be as
different as people are (:mod:`.cells`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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
from brainzoo_metrics.measure import Draws, joined, mean_of
from brainzoo_metrics.predicting import Reader, error, recall, slope
from brainzoo_report import charts

COLUMNS = ("age", "sex", "class")
LEAST_PEOPLE = 8

Sides = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""By set, ages that are said and ages that are read."""


class Known(NamedTuple):
    """Images of which an age, a sex or a class is known, and what it is."""

    images: Images
    values: NDArray[Any]
    features: NDArray[np.float32]

    @property
    def people(self) -> list[str]:
        """The subject of each image."""
        return subjects_of(self.images)


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
        if not told:
            said = "The synthetic images say no age, sex or class: nothing is read."
            return Evaluation(notes=[said])
        looks = Features.load(self.config, owner="conditions")
        values: list[MetricValue] = []
        tables: dict[str, list[dict[str, Value]]] = {}
        pictures: dict[str, bytes] = {}
        notes = []
        for name in COLUMNS:
            every = (sets.train, sets.test, sets.synthetic)
            train, test, made = (known_of(name, images, looks) for images in every)
            if train is None or test is None:
                continue
            people = len(set(train.people))
            if people < LEAST_PEOPLE or len(np.unique(train.values)) < 2:
                notes.append(f"{name} is known of {people} training people: too few to learn it.")
                continue
            reader = Reader(train.features, train.values, train.people)
            if name != "age":
                values += read_names(name, reader, train, test, made, sets.seed, looks.label)
                continue
            detail = (
                f"years; ridge on features of {people} training people; floor: test people, an "
                f"image each; {looks.label}"
            )
            sides = {"test": (test.values, reader(test.features))}
            if made is None:
                values += read_classes(reader, test, sets, looks, detail)
            else:
                sides["synthetic"] = (made.values, reader(made.features))
                values += read_ages(sides, test, made, sets.seed, detail)
                pictures["age"] = charts.as_picture(age_chart(sides))
            tables["age by decade"] = by_decade(sides)
        real = joined(sets.test, sets.train)
        if sets.synthetic.dims == 2:
            finest = [name for name in told if name != "class"] or ["class"]
            rows, means = cells.diversity(
                real, sets.synthetic, finest, self.config.pairs, sets.seed
            )
            tables["diversity within conditions"] = rows
            values += within(rows, means)
            notes += [*repeating(rows), *cells.balance(sets.train, sets.synthetic, finest)]
        pictures["age by sex"] = cells.age_by_sex(real, sets.synthetic)
        return Evaluation(values, tables, pictures, notes=notes)


def known_of(name: str, images: Images, looks: Features) -> Known | None:
    """Return the images of which a column is known; ``None`` if there are none."""
    values = images.column(name)
    places = np.array([i for i, value in enumerate(values) if value is not None], np.intp)
    if not len(places):
        return None
    known = images[places]
    dtype = np.float64 if name == "age" else np.str_
    return Known(known, np.array([values[i] for i in places], dtype), looks.of(known))


def read_ages(
    sides: Sides, test: Known, made: Known, seed: int, detail: str
) -> Iterator[MetricValue]:
    """Yield how far off the ages are that are read, and how they grow with those that are said."""
    weights, own = (bootstrap(one.people, seed=seed) for one in (test, made))
    (truth, of_test), (said, read) = sides["test"], sides["synthetic"]
    for name, measure in (("age error", error), ("age slope", slope)):
        floor = measure(of_test, truth, weights)
        yield value_of(name, measure(read, said, own), len(read), floor, detail)


def read_classes(
    reader: Reader, test: Known, sets: EvaluationSets, looks: Features, detail: str
) -> Iterator[MetricValue]:
    """Yield how old each class looks where nobody states ages, beside real people of the class."""
    said, features = sets.synthetic.column("class"), looks.of(sets.synthetic)
    real, of_test = test.images.column("class"), reader(test.features)
    for group in sorted({str(c) for c in said if c is not None}):
        inside, truth = (np.array([c == group for c in column]) for column in (said, real))
        if not truth.any():
            continue
        read = reader(features[inside])
        draws = bootstrap([str(i) for i in range(len(read))], seed=sets.seed)
        yield value_of(
            f"age of {group}",
            mean_of(read, draws),
            len(read),
            np.array([of_test[truth].mean()]),
            f"mean age that is read; {detail.replace('an image each', group)}",
        )


def read_names(
    name: str,
    reader: Reader,
    train: Known,
    test: Known,
    made: Known | None,
    seed: int,
    label: str,
) -> Iterator[MetricValue]:
    """Yield how often a sex or a class is read right."""
    if made is None:
        return
    of_made, of_test = (
        recall(reader(one.features), one.values, bootstrap(one.people, seed=seed))
        for one in (made, test)
    )
    yield value_of(
        f"{name} read",
        of_made,
        len(made.values),
        of_test,
        f"mean share of each {name} that is read right, chance "
        f"{1 / len(np.unique(train.values)):.2f}; logistic regression on features of "
        f"{len(set(train.people))} training people; floor: test people; {label}",
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


def by_decade(sides: Sides) -> list[dict[str, Value]]:
    """Return a row a decade: how old images of it look, real and synthetic."""
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


def age_chart(sides: Sides) -> str:
    """Draw how old images look against how old they are said to be, by decade."""
    every = np.concatenate([ages for ages, _ in sides.values()]) // 10 * 10
    decades = range(int(every.min()), int(every.max()) + 10, 10)
    lines = []
    for name, (ages, read) in sides.items():
        tens = ages // 10 * 10
        points = [
            (place, *np.quantile(read[tens == ten], [0.5, 0.1, 0.9]))
            for place, ten in enumerate(decades)
            if ten in tens
        ]
        label = "real test people" if name == "test" else name
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
