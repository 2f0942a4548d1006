"""What samples lack beside people: greys, fluid, fine frequencies; softness.py PREPARED FOLDER ...

    brainzoo sample RUN -n 128 --seed 1 --steps 10 --out TEN
    python tests/benchmarks/softness.py PREPARED RUN/lessons TEN --squeezenet W --vgg16 W

For choosing how to train and how to sample: folders of slices are compared with people of the
training and validation splits; test people are not looked at. A Markdown table, a row a folder:
mean grey; the share of fluid (below .35 of the range) in the middle of the slice, in percent; the
power of five bands of frequencies, coarse to fine, as a multiple of people's; MS-SSIM of pairs; the
Fréchet distance to these people, if weights of the networks are given.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from brainzoo.api import Images
from brainzoo_metrics.distances import frechet_draws
from brainzoo_metrics.features import Features
from brainzoo_metrics.msssim import msssim
from brainzoo_metrics.options import FeatureOptions

Floats = NDArray[np.float32]

BANDS = 5
FLUID = 0.35
PAIRS = 400


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("prepared", type=Path)
    options.add_argument("folders", type=Path, nargs="+")
    options.add_argument("--most", type=int, default=512, help="images of a folder, spread over it")
    options.add_argument("--squeezenet", type=Path, help="weights")
    options.add_argument("--vgg16", type=Path, help="weights; conv5 is taken")
    given = options.parse_args()
    layers = {"squeezenet": "last", "vgg16": "conv5"}
    networks = {
        name: Features.load(FeatureOptions(extractor=name, layer=layer, features_weights=weights))
        for name, layer in layers.items()
        if (weights := getattr(given, name))
    }
    people = Images.open(given.prepared)
    people = people[[row["split"] != "test" for row in people.table]]
    of_people, power = people.floats()[:, 0], bands(people.floats()[:, 0])
    columns = ["images", "n", "mean grey", "fluid, %", "power by band", "MS-SSIM of pairs"]
    print(f"| {' | '.join([*columns, *(f'FD, {name}' for name in networks)])} |")
    print("|---" * (len(columns) + len(networks)) + "|")
    looks = [network.of(people) for network in networks.values()]
    print(f"| {' | '.join(['people', *row(of_people, power), *('' for _ in networks)])} |")
    for folder in given.folders:
        images = Images.open(folder)
        images = images[np.unique(np.linspace(0, len(images) - 1, given.most).astype(int))]
        found = [
            f"{distance(theirs, network.of(images)):,.0f}"
            for network, theirs in zip(networks.values(), looks, strict=True)
        ]
        name = folder.parent.name if folder.name == "samples" else folder.name
        cells = [name, *row(images.floats()[:, 0], power), *found]
        print(f"| {' | '.join(cells)} |", flush=True)


def row(pixels: Floats, power: NDArray[np.float64]) -> Iterator[str]:
    """Yield the cells of images ``(image, height, width)``, all but their distances."""
    height, width = pixels.shape[1:]
    tall, wide = height * 3 // 16, width // 8
    middle = pixels[:, height // 2 - tall :, width // 2 - wide :][:, : 2 * tall, : 2 * wide]
    yield f"{len(pixels)}"
    yield f"{pixels.mean():.4f}"
    yield f"{100 * (middle < FLUID).mean():.1f}"
    yield ", ".join(f"{ratio:.2f}" for ratio in bands(pixels) / power)
    first, second = np.random.default_rng(0).integers(0, len(pixels), (2, PAIRS))
    apart = first != second
    yield f"{msssim(pixels[:, None], first[apart], second[apart]).mean():.3f}"


def bands(pixels: Floats) -> NDArray[np.float64]:
    """Return the mean power of bands of frequencies up to Nyquist's."""
    power = np.square(np.abs(np.fft.rfft2(pixels))).mean(0)
    down, right = np.fft.fftfreq(pixels.shape[1]), np.fft.rfftfreq(pixels.shape[2])
    band = (np.hypot(down[:, None], right) * 2 * BANDS).astype(int)
    return np.array([power[band == number].mean() for number in range(BANDS)])


def distance(theirs: Floats, made: Floats) -> float:
    """Return the Fréchet distance of two sets of features."""
    every = (np.ones((1, len(theirs))), np.ones((1, len(made))))
    return float(frechet_draws(theirs, made, *every)[0])


if __name__ == "__main__":
    main()
