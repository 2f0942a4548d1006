"""The evaluator ``segtrain``: a segmenter learns from synthetic pairs, and is tested on people.

A small U-Net (:mod:`brainzoo_gantrain.unet`) learns synthetic images with their label maps, another
one real pairs, a third one both, each for as many steps; all are tested on scans of people whom
nobody trained on. Dice is of all slices of a person together.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import (
    DataError,
    Evaluation,
    EvaluationSets,
    Evaluator,
    Images,
    MetricValue,
    Value,
    bootstrap,
    console,
    grid,
    interval,
    subjects_of,
)
from brainzoo_gantrain.config import SegTrainConfig
from brainzoo_gantrain.unet import labelled, learn

Draws = NDArray[np.float64]
SETS = ("synthetic", "real", "real + synthetic")
SHOWN = 4
SHARE = (0.0, 1.0)
LEAST = 0.1  # of Dice: a segmenter of real pairs below it has learned nothing


class SegTrain(Evaluator):
    """Trains segmenters on synthetic and real pairs and tests them on real test subjects."""

    config: SegTrainConfig

    def evaluate(self, sets: EvaluationSets) -> Evaluation:
        """Compare what is learned from synthetic pairs with what is learned from real ones.

        Raises:
            DataError: The images are volumes.
        """
        sets.check()
        without = [name for name, images in sets.named.items() if images.labels() is None]
        if without:
            said = f"{' and '.join(without)} images have no label maps: nothing is segmented."
            return Evaluation(tables={"segtrain": []}, notes=[f"The {said}"])
        if sets.test.dims != 2:
            raise DataError("segtrain compares slices; found volumes.", "Prepare slices.")
        names = common_labels(sets)
        values = [0, *names]
        pairs = {n: (images.floats(), numbered(images, values)) for n, images in sets.named.items()}
        real, made = pairs["train"], pairs["synthetic"]
        both = np.concatenate([made[0], real[0]]), np.concatenate([made[1], real[1]])
        found = {}
        with console.progress("segmenters", len(SETS) * self.config.steps) as advance:
            for name, (pixels, labels) in zip(SETS, (made, real, both), strict=True):
                network = learn(
                    pixels,
                    labels,
                    len(values),
                    width=self.config.width,
                    steps=self.config.steps,
                    seed=sets.seed % 2**32,
                    advance=advance,
                )
                found[name] = labelled(network, pairs["test"][0])
        return self._result(found, pairs["test"][1], sets, names)

    def _result(
        self,
        found: dict[str, NDArray[np.int64]],
        truth: NDArray[np.int64],
        sets: EvaluationSets,
        names: dict[int, str],
    ) -> Evaluation:
        people = subjects_of(sets.test)
        order = list(dict.fromkeys(people))
        weights = bootstrap(order, seed=sets.seed)
        person = np.array([order.index(name) for name in people])
        dices = {
            name: np.ma.masked_invalid(
                [dice(maps == k, truth == k, person) for k in range(1, len(names) + 1)]
            )  # (label, person); not everybody has every label
            for name, maps in found.items()
        }
        means = {name: averaged(of.mean(0).filled(np.nan), weights) for name, of in dices.items()}
        detail = (
            f"mean of {', '.join(names.values())}, by person; U-Net of width {self.config.width}, "
            f"{self.config.steps} steps; {len(order)} test people"
        )
        values = [
            MetricValue.of(
                "Dice" if name == "synthetic" else f"Dice, {name}",
                draws,
                len(order),
                means["real"] if name == "synthetic" else None,
                f"trained on {name} pairs; {detail}",
                bounds=SHARE,
            )
            for name, draws in means.items()
        ]
        gain = averaged((dices[SETS[2]] - dices["real"]).mean(0).filled(np.nan), weights)
        values.append(MetricValue.of("Dice gain by adding synthetic", gain, len(order)))
        rows: list[dict[str, Value]] = []
        for k, label in enumerate(names.values()):
            row: dict[str, Value] = {"label": label}
            for name, of in dices.items():
                draws = averaged(of[k].filled(np.nan), weights)
                ends_of = interval(draws, bounds=SHARE)
                row[name] = f"{draws[0]:.3f}" + (
                    f" ({ends_of.low:.3f} to {ends_of.high:.3f})" if ends_of else ""
                )
            rows.append(row)
        shown = np.linspace(0, len(truth) - 1, min(SHOWN, len(truth))).astype(int)
        tiles = [sets.test.floats(shown)[:, :1]]
        tiles += [(maps[shown] / len(names))[:, None] for maps in (truth, *found.values())]
        picture = grid(
            np.concatenate(tiles).astype(np.float32),
            columns=len(shown),
            row_labels=["test scan", "its labels", *found],
        )
        notes = []
        if means["real"][0] < LEAST:
            notes.append(
                f"Not even real pairs taught a segmenter (Dice {means['real'][0]:.2f}): nothing "
                "follows about the synthetic ones. More steps may help (--segtrain.steps)."
            )
        return Evaluation(values, {"segtrain": rows}, {"segmentations": picture}, notes=notes)


def common_labels(sets: EvaluationSets) -> dict[int, str]:
    """Return the labels, by value, that training images have: what can be learned."""
    names = sets.train.label_names or {}
    seen = sets.train.labels()
    values = [int(v) for v in np.unique(seen) if v] if seen is not None else []
    return {value: names.get(value, str(value)) for value in values}


def numbered(images: Images, values: list[int]) -> NDArray[np.int64]:
    """Return label maps as positions among the values; what is not among them is background."""
    maps = images.labels()
    assert maps is not None
    table = np.zeros(max(int(maps.max()), *values) + 1, np.int64)
    table[values] = np.arange(len(values))
    return table[maps.astype(np.int64)]


def dice(found: NDArray[np.bool_], truth: NDArray[np.bool_], person: NDArray[np.intp]) -> Draws:
    """Return the Dice overlap of each person's slices together; NaN where nobody has the label."""
    axes = (1, 2)
    overlap = np.bincount(person, (found & truth).sum(axes))
    size = np.bincount(person, found.sum(axes) + truth.sum(axes))
    values: Draws = np.divide(2 * overlap, size, out=np.full(len(size), np.nan), where=size > 0)
    return values


def averaged(of_person: Draws, weights: Draws) -> Draws:
    """Return the mean over people who have the label, of each row of weights; NaN without any."""
    known = np.isfinite(of_person)
    if not known.any():
        return np.zeros(len(weights))
    total = weights[:, known].sum(1)
    draws: Draws = weights[:, known] @ of_person[known] / np.where(total > 0, total, np.nan)
    return draws
