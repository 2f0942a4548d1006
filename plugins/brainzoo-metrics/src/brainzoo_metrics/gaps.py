"""Which real people no synthetic image comes near, and which ages and sexes data are thin in.

An image of a test subject is *reached* if some synthetic image is nearer to it than its k-th
nearest image of another test subject is: no farther than real people are from each other. (Balls
that slices of the same head fill would be too small for anybody to reach.) A subject is reached if
one of its images is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Evaluation, Images, Value, grid, subjects_of
from brainzoo_metrics.distances import Vectors
from brainzoo_metrics.measure import SHARE, Draws, View, Weights
from brainzoo_metrics.neighbours import radii
from brainzoo_report import charts

FEW = 5  # subjects
SHOWN = 8
DECADE = 10


def compute(view: View) -> Evaluation:
    """Return the share of people reached; of volumes, the first plane stands for the head."""
    subjects, k = view.subjects, view.config.neighbours
    test, *others = view.vectors
    far = [farness(test, other, subjects, k) for other in others]
    drawn = [reached_draws(far[i - 1], subjects, view.weights[0], view.weights[i]) for i in (1, 2)]
    value = view.value(
        "subjects reached",
        *drawn,
        bounds=SHARE,
        detail=f"share of {len(set(subjects))} test subjects that some synthetic image is as near "
        f"to as other people are (k = {k}); {view.label}",
    )
    if not view.first:
        return Evaluation([value])
    people = subject_rows(view.images[0], far[0])
    regions = region_rows(view.sets.train, people)
    pictures = {"farthest": _farthest(view, far[0])}
    if regions:
        pictures["coverage"] = charts.as_picture(_chart(regions))
    return Evaluation([value], {"coverage": people, "regions": regions}, pictures)


def farness(real: Vectors, other: Vectors, subjects: Sequence[str], k: int) -> NDArray[np.float64]:
    """Return ``(real, other)``: distances over the radius of the real image; 1 or less is near."""
    from sklearn.metrics.pairwise import euclidean_distances

    radius = np.maximum(radii(real, k, subjects), 1e-12)
    return np.asarray(euclidean_distances(real, other) / radius[:, None], np.float64)


def reached_draws(
    far: NDArray[np.float64], subjects: Sequence[str], of_real: Weights, of_other: Weights
) -> Draws:
    """Return the share of real subjects that are reached, for each row of weights."""
    names, first, place = np.unique(np.asarray(subjects), return_index=True, return_inverse=True)
    near = np.zeros((len(names), far.shape[1]))
    np.maximum.at(near, place, far <= 1)
    reached = ((of_other > 0) @ near.T) > 0
    of_subject = of_real[:, first]
    return np.asarray((reached * of_subject).sum(1) / of_subject.sum(1), np.float64)


def subject_rows(real: Images, far: NDArray[np.float64]) -> list[dict[str, Value]]:
    """Return a row per subject, the farthest from any synthetic image first.

    ``nearest`` is the distance of the nearest synthetic image over the image's radius.
    """
    nearest = far.min(axis=1)
    of_image = np.asarray(subjects_of(real))
    rows: list[dict[str, Value]] = []
    for subject in np.unique(of_image):
        own = np.flatnonzero(of_image == subject)
        row = real.table[own[0]]
        known = {
            key: row[key] for key in ("age", "sex", "class", "site") if row.get(key) is not None
        }
        if isinstance(known.get("age"), float):
            known["age"] = int(known["age"])  # days and months would tell who it is
        rows.append(
            {
                "subject": str(subject).removeprefix("subject "),
                **known,
                "images": len(own),
                "images reached": int((nearest[own] <= 1).sum()),
                "nearest": round(float(nearest[own].min()), 3),
                "reached": "yes" if nearest[own].min() <= 1 else "no",
            }
        )
    return sorted(rows, key=lambda row: -float(row["nearest"] or 0))


def region_rows(train: Images, subjects: Sequence[Mapping[str, Value]]) -> list[dict[str, Value]]:
    """Return a row for each decade of age and sex, and each class, that anybody belongs to.

    A region is thin if fewer than five training subjects are in it, or fewer than half of what an
    even table of the same kind would hold.
    """
    first: dict[str, dict[str, Value]] = {}
    for subject, row in zip(subjects_of(train), train.table, strict=True):
        first.setdefault(subject, row)
    learned = list(first.values())
    rows: list[dict[str, Value]] = []
    for kind in ("age and sex", "class"):
        names = sorted({n for row in [*learned, *subjects] if (n := _region(row, kind))})
        for name in names:
            seen = [row for row in learned if _region(row, kind) == name]
            tested = [row for row in subjects if _region(row, kind) == name]
            even = len(learned) / len(names)
            rows.append(
                {
                    "kind": kind,
                    "region": name,
                    "training subjects": len(seen),
                    "test subjects": len(tested),
                    "reached": sum(row["reached"] == "yes" for row in tested),
                    "thin": "thin" if len(seen) < max(FEW, even / 2) else "",
                }
            )
    return rows


def _chart(rows: Sequence[Mapping[str, Value]]) -> str:
    """Draw the share of test subjects reached, by decade of age and sex, else by class."""
    kind = rows[0]["kind"]
    shown = [row for row in rows if row["kind"] == kind and row["test subjects"]]
    counts = [(int(row["reached"] or 0), int(row["test subjects"] or 0)) for row in shown]
    names = [re.sub(r"^(\d+) to \d+", r"\1s", str(row["region"])) for row in shown]
    return charts.bar_chart(
        {name: of[0] / of[1] for name, of in zip(names, counts, strict=True)},
        title="Test subjects that a synthetic image comes near, of how many",
        x_label=f"test subjects reached, by {kind}",
        texts=[f"{reached}/{tested}" for reached, tested in counts],
        most=1.0,
    )


def _farthest(view: View, far: NDArray[np.float64]) -> bytes:
    """Draw the test images that are farthest from any synthetic one, each above its nearest."""
    nearest = far.min(axis=1)
    subjects, first = view.subjects, dict[str, int]()
    for i in np.argsort(-nearest).tolist():
        first.setdefault(subjects[i], i)
    order = list(first.values())[:SHOWN]
    pairs = np.concatenate([view.pixels[0][order], view.pixels[1][far[order].argmin(axis=1)]])
    return grid(
        pairs,
        columns=len(order),
        column_labels=[f"{nearest[i]:.2f}" for i in order],
        row_labels=["test", "nearest"],
        scale=max(1, -(-96 // max(pairs.shape[2:]))),
    )


def _region(row: Mapping[str, Value], kind: str) -> str:
    if kind == "class":
        return str(row.get("class") or "")
    age, sex = row.get("age"), str(row.get("sex") or "")
    if not isinstance(age, int | float):
        return sex
    decade = int(age // DECADE * DECADE)
    return f"{decade} to {decade + DECADE - 1} {sex}".strip()
