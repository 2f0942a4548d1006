"""How well a model edits real slices: python tests/benchmarks/edits.py RUN [--split test]

Of a checkpoint, such as one that ships: edits.py flow-ixi-128 --images PREPARED.

Filling in: a disc of each person's slice is made anew and compared with what was there (PSNR in
dB), beside the mean of the training images and their principal components fitted to what is around
it (ridge, the number of components chosen on validation people). The seam is the mean step of
intensity across the disc's edge, over that of the true image.

Ageing: people are shown twenty years older and younger. The table shows CSF and ventricles a decade
by the metrics' tissue classes, beside their slope over the people themselves, and how many edited
images are nearest to their own original among all of the split's people.
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
from brainzoo.api import open_images
from brainzoo_metrics.anatomy import fit, measure

Floats = NDArray[np.float32]
YEARS = 20.0
COMPONENTS = (10, 20, 40, 80, 160)


def main() -> None:
    """Print both tables as Markdown."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("run", metavar="RUN|NAME")
    options.add_argument("--images", help="prepared; by default those of the run")
    options.add_argument("--split", default="validation", help="test: once, at the end")
    options.add_argument("--radius", type=int, default=12, help="of the discs, in pixels")
    options.add_argument("--strength", type=float, default=0.9)
    options.add_argument("--guidance", type=float, default=5.0)
    options.add_argument("--n", type=int, default=48, help="images at most")
    given = options.parse_args()
    model: Any = brainzoo.load(given.run)
    images = Images.open(given.images) if given.images else open_images(Path(given.run))
    train, validation = (images.where(split=s) for s in ("train", "validation"))
    chosen = images.where(split=given.split)
    few = np.unique(np.linspace(0, len(chosen) - 1, given.n).astype(int))
    chosen = chosen[few]
    print(f"{len(chosen)} images of {len(set(chosen.column('subject')))} {given.split} people\n")
    fill_in(model, train, validation, chosen, given.radius)
    age(model, train, images.where(split=given.split), chosen, given)


def fill_in(model: Any, train: Images, validation: Images, chosen: Images, radius: int) -> None:
    """Print how near filled-in discs are to the truth."""
    known, pixels = train.floats(), chosen.floats()
    mask = discs(pixels, radius)
    components = max(
        COMPONENTS,
        key=lambda k: psnr(
            by_components(known, validation.floats(), discs(validation.floats(), radius), k),
            validation.floats(),
            discs(validation.floats(), radius),
        ).mean(),
    )
    made = {
        "flow": model.inpaint(pixels, mask, seed=0, conditions=conditions(model, chosen)),
        f"{components} principal components": by_components(known, pixels, mask, components),
        "mean of the training images": np.where(mask[:, None], known.mean(0), pixels),
    }
    print("| filled in by | PSNR inside, dB | seam (true: 1) |\n|---|---|---|")
    for name, filled in made.items():
        inside = psnr(filled, pixels, mask)
        edge = seam(filled, mask).sum() / seam(pixels, mask).sum()
        spread = inside.std() / np.sqrt(len(inside))
        print(f"| {name} | {inside.mean():.1f} ± {spread:.1f} | {edge:.2f} |")
    print()


def age(model: Any, train: Images, people: Images, chosen: Images, given: Any) -> None:
    """Print what a decade adds, in edits and in people."""
    white = fit(train, 0)
    if white is None:
        raise SystemExit("no brains in the training images")
    rows, pixels = conditions(model, chosen), chosen.floats()
    ages = np.asarray([float(row["age"]) for row in rows])
    own = measure(chosen, white)
    column = next(c for c in model.known.columns if c.name == "age")
    print("| | CSF, points a decade | ventricles, cm² a decade | nearest is the own original |")
    print("|---|---|---|---|")
    everyone = people.floats().reshape(len(people), -1)
    subjects = np.asarray(people.column("subject"))
    for years in (YEARS, -YEARS):
        there = [i for i, old in enumerate(ages) if column.low <= old + years <= column.high]
        if not there:
            continue
        made = np.concatenate(
            [
                model.translate(
                    pixels[i : i + 1],
                    {"age": ages[i] + years},
                    conditions=[rows[i]],
                    strength=given.strength,
                    guidance=given.guidance,
                )
                for i in there
            ]
        )
        after = measure(Images(made, [chosen.table[i] for i in there], chosen.info), white)
        change = {k: (after[k] - own[k][there]) / (years / 10) for k in ("CSF", "ventricles")}
        near = [
            subjects[np.square(everyone - one.ravel()).sum(1).argmin()]
            == chosen.table[i]["subject"]
            for one, i in zip(made, there, strict=True)
        ]
        parts = [f"{c.mean():+.2f} ± {c.std() / np.sqrt(len(c)):.2f}" for c in change.values()]
        print(
            f"| {years:+g} years, {len(there)} images | {' | '.join(parts)} | {np.mean(near):.0%} |"
        )
    real = measure(people, white)
    real_ages = np.asarray([float(row["age"]) for row in people.table])
    slopes = [10 * np.polyfit(real_ages, real[k], 1)[0] for k in ("CSF", "ventricles")]
    print(f"| people themselves | {slopes[0]:+.2f} | {slopes[1]:+.2f} | |")


def conditions(model: Any, images: Images) -> list[dict[str, Any]]:
    """Return what is known of images."""
    return [dict(row) for row in model.known.rows_of(images.table)]


def discs(pixels: Floats, radius: int) -> NDArray[np.bool_]:
    """Return a disc ``(image, height, width)`` at a random place of each head."""
    random, masks = np.random.default_rng(0), []
    y, x = np.indices(pixels.shape[2:])
    for image in pixels:
        inner = ndimage.binary_erosion(
            ndimage.binary_fill_holes(image[0] > 0.1), iterations=radius + 4
        )
        places = np.argwhere(inner if inner.any() else image[0] > 0.1)
        row, column = places[random.integers(len(places))]
        masks.append((y - row) ** 2 + (x - column) ** 2 <= radius**2)
    return np.stack(masks)


def by_components(known: Floats, pixels: Floats, mask: NDArray[np.bool_], count: int) -> Floats:
    """Fill in by the principal components that fit what is around, by ridge regression."""
    flat = known.reshape(len(known), -1).astype(np.float64)
    mean = flat.mean(0)
    _, spread, basis = np.linalg.svd(flat - mean, full_matrices=False)
    basis, variance = basis[:count], (spread[:count] ** 2) / len(flat)
    filled = pixels.copy()
    for image, hidden, out in zip(pixels, mask, filled, strict=True):
        seen = ~hidden.ravel()
        a, b = basis[:, seen].T, image.ravel()[seen] - mean[seen]
        rest = max(1e-6, float(np.mean((b - a @ (a.T @ b)) ** 2)))
        weights = np.linalg.solve(a.T @ a + np.diag(rest / variance), a.T @ b)
        out[0][hidden] = (mean + weights @ basis)[hidden.ravel()].clip(0, 1)
    return filled


def psnr(made: Floats, true: Floats, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the peak signal-to-noise ratio inside of masks: ``(image,)``."""
    errors = [np.square(m[0][i] - t[0][i]).mean() for m, t, i in zip(made, true, mask, strict=True)]
    return -10 * np.log10(np.maximum(errors, 1e-12))


def seam(pixels: Floats, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean step across the edges of masks: ``(image,)``."""
    steps = []
    for image, inside in zip(pixels[:, 0], mask, strict=True):
        across = [
            np.abs(np.diff(image, axis=axis))[np.diff(inside.astype(int), axis=axis) != 0]
            for axis in (0, 1)
        ]
        steps.append(float(np.concatenate(across).mean()))
    return np.asarray(steps)


if __name__ == "__main__":
    main()
