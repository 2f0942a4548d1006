"""How real lesions look that a model puts in: python tests/benchmarks/lesions.py RUN [--split test]

Of a model with label maps. In: slices get lesions of the shape and place of those of training
people, where they have none. Out: their own lesions, a pixel wider, are made healthy. The
table shows by how much lesions differ from the two pixels around them, in grey levels of each
channel, before and after, beside people's own lesions; intervals are bootstrapped over people.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import brainzoo
from brainzoo import Images
from brainzoo.api import grid, open_images, seen_by, write_bytes
from brainzoo_flow.command import paint

Floats = NDArray[np.float32]
Masks = NDArray[np.bool_]
LEAST = 6
"""Pixels of a lesion."""
APART_MM = 4.0
"""How far the slice may be from which a lesion comes."""
TISSUE = 0.25
"""Grey level, of 1, in T1w, above which there may be a lesion."""


def main() -> None:
    """Print the table as Markdown and write a picture."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("run", type=Path)
    options.add_argument("--split", default="validation", help="test: once, at the end")
    options.add_argument("--label", type=int, default=1)
    options.add_argument("--picture", type=Path)
    given = options.parse_args()
    model: Any = brainzoo.load(str(given.run))
    images = open_images(given.run)
    train, chosen = (images.where(split=s) for s in ("train", given.split))
    names = chosen.channel_names
    own, shapes = masks(chosen, given.label), masks(train, given.label)
    values = [0, *model.label_values]
    pixels = seen_by(model, chosen).floats()

    levels = np.array(train.column("position_mm"), np.float32)
    tissue = ndimage.binary_erosion(pixels[:, 0] > TISSUE, np.ones((1, 3, 3)))
    rows = zip(chosen.column("position_mm"), own, tissue, strict=True)
    placed = np.stack([_elsewhere(float(at), *its, levels, shapes) for at, *its in rows])
    put, taken = enough(placed), enough(own)
    ill = fill(model, pixels[put], placed[put], values, given.label)
    wide = np.stack([ndimage.binary_dilation(m) for m in own])
    healed = fill(model, pixels[taken], wide[taken], values, 0)
    print(f"lesions put into {put.sum()}, taken out of {taken.sum()} {given.split} slices\n")
    print(f"| | {' | '.join(map(str, names))} |\n|---|{'---|' * len(names)}")
    people = np.array(chosen.column("subject"))
    real = pixels[:, : chosen.channels]
    for name, shown, where, chosen_rows in (
        ("people's own lesions", real[taken], own[taken], taken),
        ("the same places, healed", healed, own[taken], taken),
        ("places without a lesion", real[put], placed[put], put),
        ("the same places, with a lesion put in", ill, placed[put], put),
    ):
        found = contrast(shown, where)
        cells = [interval(found[:, c], people[chosen_rows]) for c in range(len(names))]
        print(f"| {name} | {' | '.join(cells)} |")
    if given.picture:
        some = np.flatnonzero(put)[np.argsort(-placed[put].sum((1, 2)))[:4]]
        at = [int(np.flatnonzero(np.flatnonzero(put) == s)[0]) for s in some]
        tiles = np.concatenate(
            [
                np.stack([real[s], placed[s][None].repeat(len(names), 0), ill[a]])
                for s, a in zip(some, at, strict=True)
            ]
        )
        write_bytes(
            given.picture, grid(tiles, columns=6, column_labels=["before", "where", "after"] * 2)
        )


def masks(images: Images, label: int) -> Masks:
    """Return where each image has the label: ``(image, *spatial)``."""
    found: Masks = images.labels() == label
    return found.reshape(len(images), *images.spatial)


def enough(where: Masks) -> Masks:
    """Return which images have a lesion of some size."""
    large: Masks = where.sum((1, 2)) >= LEAST
    return large


def fill(model: Any, pixels: Floats, where: Masks, values: list[int], label: int) -> Floats:
    """Return image channels in which regions are of the label."""
    pixels, inside = pixels.copy(), np.repeat(where[:, None], pixels.shape[1], axis=1)
    paint(pixels, inside, label, values)
    made: Floats = model.inpaint(pixels, inside, seed=0)
    return made[:, : -len(values)]


def contrast(pixels: Floats, where: Masks) -> Floats:
    """Return how much brighter regions are than what is around them: ``(image, channel)``."""
    rows = []
    for image, inside in zip(pixels, where, strict=True):
        around = ndimage.binary_dilation(inside, iterations=3) & ~ndimage.binary_dilation(inside)
        rows.append(255 * (image[:, inside].mean(1) - image[:, around].mean(1)))
    return np.array(rows, np.float32)


def interval(values: Floats, people: NDArray[Any]) -> str:
    """Return the mean over people and its 95 % interval."""
    means = np.array([values[people == p].mean() for p in np.unique(people)])
    draws = np.random.default_rng(0).choice(means, (2000, len(means))).mean(1)
    low, high = np.percentile(draws, (2.5, 97.5))
    return f"{means.mean():+.0f} ({low:+.0f} to {high:+.0f})"


def _elsewhere(at: float, own: Masks, tissue: Masks, levels: Floats, shapes: Masks) -> Masks:
    """Return the largest lesion of a similar level, where this head has tissue and no lesion."""
    free = tissue & ~ndimage.binary_dilation(own, iterations=3)
    found = [shape & free for shape in shapes[np.abs(levels - at) <= APART_MM]]
    placed: Masks = max(found, key=np.sum, default=np.zeros_like(own))
    return placed


if __name__ == "__main__":
    main()
