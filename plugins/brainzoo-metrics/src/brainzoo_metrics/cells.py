"""Cells of people and images that share a condition: a decade and a sex, or a class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Images, Value, bootstrap, grid, interval, subjects_of
from brainzoo_metrics.measure import small
from brainzoo_metrics.msssim import draw_pairs, msssim

DECADE = 10
LEAST_PEOPLE, LEAST_IMAGES = 4, 8
FEW = 5
CELLS = 16
COLUMNS = 6  # of the picture, where no ages are known

Row = Mapping[str, Value]
Draws = NDArray[np.float64]


def decade(row: Row) -> str | None:
    """Return the decade of somebody's age."""
    age = row.get("age")
    if not isinstance(age, int | float) or not np.isfinite(age):
        return None
    low = int(age // DECADE * DECADE)
    return f"{low}–{low + DECADE - 1}"


def cell_of(row: Row, told: Sequence[str]) -> str:
    """Return the cell that an image belongs to, by what synthetic images are told."""
    parts = [decade(row) if name == "age" else row.get(name) for name in told]
    return ", ".join(str(part) for part in parts) if all(parts) else ""


def diversity(
    real: Images, made: Images, told: Sequence[str], pairs: int, seed: int
) -> tuple[list[dict[str, Value]], dict[str, Draws]]:
    """Return how alike two images of a cell are, synthetic and of two real people.

    Returns:
        A row a cell; ``repeats`` says that synthetic pairs are more alike than real ones, beyond
        both intervals. And by measure the means over cells ``(side, 1 + round)``, real first.
    """
    of_real = np.array([cell_of(row, told) for row in real.table])
    of_made = np.array([cell_of(row, told) for row in made.table])
    rows: list[dict[str, Value]] = []
    every: dict[str, list[Draws]] = {}
    for name in sorted(set(of_made[of_made != ""]) | set(of_real[of_real != ""]))[:CELLS]:
        sides = [
            images[np.flatnonzero(of == name)] for images, of in ((real, of_real), (made, of_made))
        ]
        people = len(sides[0].subjects())
        row: dict[str, Value] = {"condition": name, "real people": people}
        row |= {"synthetic images": len(sides[1]), "repeats": ""}
        if people >= LEAST_PEOPLE and len(sides[1]) >= LEAST_IMAGES:
            found = [alike(images, pairs, seed + len(rows)) for images in sides]
            for measure in found[0]:
                draws = np.stack([side[measure] for side in found])
                every.setdefault(measure, []).append(draws)
                ends = [interval(side) or (np.nan, np.nan) for side in draws]
                for side, value, (low, high) in zip(
                    ("real", "synthetic"), draws[:, 0], ends, strict=True
                ):
                    row[f"{measure}, {side}"] = round(float(value), 4)
                    row[f"{measure}, {side}, interval"] = f"{low:.3f} to {high:.3f}"
                if ends[1][0] > ends[0][1]:
                    row["repeats"] = "yes"
        rows.append(row)
    return rows, {measure: np.mean(draws, axis=0) for measure, draws in every.items()}


def alike(images: Images, pairs: int, seed: int) -> dict[str, Draws]:
    """Return correlation and MS-SSIM of pairs of different people (or samples), with draws."""
    names = subjects_of(images)
    first, second = draw_pairs(len(images), pairs, seed, names)
    weights = bootstrap(names, seed=seed)
    of_pair = weights[:, first] * weights[:, second]
    pixels = images.floats()
    flat = small(pixels)
    flat = flat - flat.mean(1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    values = {
        "correlation": (flat[first] * flat[second]).sum(1).astype(np.float64),
        "MS-SSIM": msssim(pixels, first, second),
    }
    return {n: of_pair @ v / np.maximum(of_pair.sum(1), 1e-9) for n, v in values.items()}


def balance(train: Images, made: Images, told: Sequence[str]) -> Iterator[str]:
    """Yield what is missing or unbalanced, a sentence each."""
    people = dict.fromkeys((str(r.get("subject")), cell_of(r, told)) for r in train.table)
    known = [cell for _, cell in people if cell]
    drawn = [cell for row in made.table if (cell := cell_of(row, told))]
    thin = [f"{c} ({known.count(c)})" for c in sorted(set(known)) if known.count(c) < FEW]
    if thin:
        yield f"Fewer than {FEW} training people: {'; '.join(thin)}."
    missing = sorted(set(known) - set(drawn))
    if missing:
        yield f"Without any synthetic image: {'; '.join(missing)}."
    unlearned = sorted(set(drawn) - set(known))
    if unlearned:
        yield f"Synthetic, but nobody was trained on: {'; '.join(unlearned)}."
    off = [
        f"{c} ({drawn.count(c) / len(drawn):.0%} of images, {known.count(c) / len(known):.0%} of "
        "people)"
        for c in sorted(set(known) & set(drawn))
        if not 0.5 < (drawn.count(c) / len(drawn)) / (known.count(c) / len(known)) < 2
    ]
    if off:
        yield f"Drawn over twice as often as there are people, or under half: {'; '.join(off)}."


def age_by_sex(real: Images, made: Images) -> bytes:
    """Return a picture of decades and sexes (or classes): synthetic images above real people."""
    kind = next((name for name in ("sex", "class") if any(made.column(name))), "")
    decades = sorted({d for row in made.table if (d := decade(row))})
    columns = decades or [""] * COLUMNS
    tiles, labels = [], []
    for name in sorted({str(v) for v in made.column(kind) if v}) or [""]:
        for side, images in (("synthetic", made), ("real", real)):
            labels.append(f"{name} {side}".strip())
            own = [i for i, row in enumerate(images.table) if str(row.get(kind) or "") == name]
            if decades:
                ages = [decade(images.table[i]) for i in own]
                chosen = [own[ages.index(d)] if d in ages else None for d in decades]
            else:
                chosen = [*own, *[None] * COLUMNS][:COLUMNS]
            blank = np.zeros((images.channels, *images.spatial), np.float32)
            tiles += [blank if i is None else images.floats([i])[0] for i in chosen]
    return grid(np.stack(tiles), columns=len(columns), column_labels=columns, row_labels=labels)
